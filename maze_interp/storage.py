"""Arrays on disk: whole or not at all, readable by anyone, mapped rather than read.

A frozen dataclass of arrays becomes one safetensors file: each array a tensor, everything else (the type's name, plain
fields, the caller's metadata) JSON in the file's header. Files are written beside their destination and renamed into
place, so a crash or a full disk leaves the previous file as it was. `load` maps the file into memory and hands out
read-only views: opening a data set costs nothing, and only the pages that are looked at are read.

Format: https://huggingface.co/docs/safetensors (eight bytes of header length, JSON header, raw little-endian data).
"""

import dataclasses
import json
import os
import platform
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from math import prod
from pathlib import Path
from typing import Any, TypeGuard, TypeVar

import numpy as np
from safetensors.numpy import save as numpy_bytes

Record = TypeVar("Record")
PACKAGES = ("maze_interp", "torch", "transformer-lens", "numpy", "numba", "safetensors")
PARTIAL = re.compile(r"\.(.+)\.[0-9a-f]{8}\.partial")
_INTEGERS = {f"{sign}{8 * size}": f"<{sign.lower()}{size}" for sign in "UI" for size in (1, 2, 4, 8)}
MOST_AXES, MOST_BYTES = 64, 2**62  # of what numpy makes an array of
TOLD = ("dtype", "shape", "data_offsets")  # what the header of a safetensors file says of each tensor
DTYPES = {"BOOL": "?", "F16": "<f2", "F32": "<f4", "F64": "<f8", **_INTEGERS}


def save(path: str | Path, record: Any, metadata: Mapping[str, Any] | None = None) -> None:
    """Write a dataclass of numpy arrays (other fields must be JSON values) to `path`, with metadata of the caller's."""
    fields = {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}
    arrays = {name: value for name, value in fields.items() if isinstance(value, np.ndarray)}
    values = {name: value for name, value in fields.items() if name not in arrays}
    header = {"type": type(record).__name__, "values": values, "metadata": dict(metadata or {})}
    write_tensors_atomically(path, arrays, header)


def load(cls: type[Record], path: str | Path) -> Record:
    """The dataclass that `save` wrote, its arrays read-only views of the mapped file.

    Raises ValueError, naming the file and the reason, if it is truncated, foreign, or holds another type.
    """
    arrays, header = read_tensors(path)
    if not {"type", "values", "metadata"} <= header.keys():
        raise ValueError(f"{path} was not written by maze_interp.storage.save")
    if header["type"] != cls.__name__:
        raise ValueError(f"{path} holds a {header['type']}, not a {cls.__name__}")
    fields = {**header["values"], **arrays}
    wanted = {field.name for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    if fields.keys() != wanted:
        raise ValueError(f"{path} has fields {sorted(fields)}, but a {cls.__name__} has {sorted(wanted)}")
    return cls(**fields)


def load_metadata(path: str | Path) -> dict[str, Any]:
    """The metadata that was given to `save`."""
    return read_tensors(path)[1].get("metadata", {})


def read_tensors(path: str | Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """(tensors by name, metadata) of a safetensors file; the tensors are read-only views of the mapped file.

    Raises ValueError, naming the file, for one that is truncated, foreign, or whose header makes no sense.
    """
    data = np.asarray(np.memmap(path, np.uint8, "r")) if os.path.getsize(path) else np.zeros(0, np.uint8)
    header, body = _split(path, data)
    metadata = header.pop("__metadata__", {})
    tensors = {name: _view(path, name, entry, body) for name, entry in header.items()}
    try:
        told = json.loads(metadata["json"]) if "json" in metadata else metadata
    except (TypeError, ValueError):
        told = None
    if not isinstance(told, dict):
        raise ValueError(f"{path} is damaged: its metadata are no table")
    return tensors, told


def write_tensors_atomically(
    path: str | Path, tensors: Mapping[str, Any], metadata: Mapping[str, Any] | None = None
) -> None:
    """Write numpy arrays or torch tensors, with JSON metadata, as one safetensors file, whole or not at all."""
    header = {"json": json.dumps(dict(metadata or {}))}
    if all(isinstance(tensor, np.ndarray) for tensor in tensors.values()):
        arrays = {name: np.asarray(tensor, order="C") for name, tensor in tensors.items()}
        content = numpy_bytes(arrays, header)
    else:
        import torch
        from safetensors.torch import save as torch_bytes

        whole = torch.contiguous_format  # a copy each, because the format refuses tensors that share memory
        copies = {name: torch.as_tensor(t).detach().cpu().clone(memory_format=whole) for name, t in tensors.items()}
        content = torch_bytes(copies, header)
    _write_atomically(Path(path), content)


def write_text_atomically(path: str | Path, text: str) -> None:
    """Write UTF-8 text, whole or not at all: on any failure the previous file is as it was."""
    _write_atomically(Path(path), text.encode())


@contextmanager
def folder_atomically(path: str | Path) -> Iterator[Path]:
    """A folder to write into that takes its place at `path` when the block succeeds and vanishes when it fails.

    Raises ValueError if `path` already holds something.
    """
    path = Path(path)
    check_free(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _beside(path)
    temporary.mkdir()
    try:
        yield temporary
        os.replace(temporary, path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


@contextmanager
def file_atomically(path: str | Path) -> Iterator[Path]:
    """A file to write, which takes its place at `path` when the block succeeds and vanishes when it fails."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _beside(path)
    try:
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def claim_folder(path: str | Path) -> Path:
    """Create an output folder, or take an empty one. Raises ValueError if it already holds another run."""
    path = Path(path)
    check_free(path)
    path.mkdir(parents=True, exist_ok=True)
    return path


@contextmanager
def turn(folder: str | Path, *, wait: bool = True) -> Iterator[None]:
    """Wait until nobody else works in the folder, by a lock file beside it. A process that dies has let go of it.

    Raises ValueError, naming who does, if somebody works there and one is not to `wait`.
    """
    import fcntl  # which not every system has

    folder = Path(folder).resolve()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(folder.parent / f".{folder.name}.lock", "a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            file.seek(0)
            raise ValueError(f"process {file.read().strip()} is at work in {folder}") from None
        file.truncate(0)
        file.write(f"{os.getpid()} on {platform.node()}\n")
        file.flush()
        yield


def partial_of(path: str | Path) -> str:
    """What a file or folder will be called once it is whole; "" if it is not one that is being written."""
    being_written = PARTIAL.fullmatch(Path(path).name)
    return being_written[1] if being_written else ""


def remove_partial(path: str | Path) -> None:
    """Remove what writers that were killed left of `path`, and inside it. Nobody may be writing there."""
    path = Path(path)
    beside = [left for left in path.parent.glob(".*") if partial_of(left) == path.name]
    for left in [*beside, *filter(partial_of, list(path.rglob(".*")))]:
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)


def provenance(seed: int | None = None) -> dict[str, Any]:
    """Where a result came from: versions, machine, commit (None outside a checkout), time and the seed, as JSON."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: _version(name) for name in PACKAGES},
        "commit": _commit(),
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "seed": seed,
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
    }


def _split(path: str | Path, data: np.ndarray) -> tuple[dict[str, Any], np.ndarray]:
    """The parsed header and the bytes that follow it."""
    length = int.from_bytes(data[:8].tobytes(), "little")
    if len(data) < 8 or length > len(data) - 8:
        raise ValueError(f"{path} is truncated or not a safetensors file: {len(data)} bytes hold no whole header")
    try:
        header = json.loads(data[8 : 8 + length].tobytes())
    except (ValueError, RecursionError):
        raise ValueError(f"{path} is not a safetensors file: its header is not JSON") from None
    if not isinstance(header, dict):
        raise ValueError(f"{path} is not a safetensors file: its header is not a table")
    return header, data[8 + length :]


def _view(path: str | Path, name: str, entry: Any, body: np.ndarray) -> np.ndarray:
    kind, shape, place = (entry.get(key) if isinstance(entry, dict) else None for key in TOLD)
    if not isinstance(kind, str) or not (_whole(shape) and _whole(place) and len(place) == 2 and place[0] <= place[1]):
        raise ValueError(f"{path} is damaged: its header tells no type, shape and place of tensor {name!r}")
    if kind not in DTYPES:
        raise ValueError(f"{path}: tensor {name!r} is {kind}, which numpy lacks; known: {', '.join(DTYPES)}")
    (begin, end), dtype, count = place, np.dtype(DTYPES[kind]), prod(shape)
    if end > len(body):
        raise ValueError(f"{path} is truncated: tensor {name!r} ends at byte {end} of {len(body)}")
    if end - begin != count * dtype.itemsize:
        raise ValueError(f"{path} is damaged: tensor {name!r} of shape {shape} has {end - begin} bytes")
    if len(shape) > MOST_AXES or max(shape, default=0) > MOST_BYTES:
        raise ValueError(f"{path} is damaged: tensor {name!r} has the shape {shape}")
    return body[begin:end].view(dtype).reshape(shape)


def _whole(numbers: Any) -> TypeGuard[list[int]]:
    """Whether it is a list of whole numbers, none below 0."""
    return isinstance(numbers, list) and all(type(number) is int and number >= 0 for number in numbers)


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")


def _write_atomically(path: Path, content: bytes) -> None:
    with file_atomically(path) as temporary, open(temporary, "xb") as file:
        file.write(content)


def check_free(path: str | Path) -> None:
    """Raise ValueError unless nothing is at `path` but, at most, an empty folder."""
    path = Path(path)
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise ValueError(f"{path} already holds something; choose another folder, or remove it first")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _commit() -> str | None:
    """The commit this file is tracked in, marked -dirty if the checkout differs from it."""
    here, git = Path(__file__).resolve(), shutil.which("git")
    if git is None:
        return None
    command = [git, "--no-optional-locks", "-C", str(here.parent)]
    tracked = subprocess.run([*command, "ls-files", "--error-unmatch", here.name], capture_output=True, text=True)
    describe = ["describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    found = subprocess.run([*command, *describe], capture_output=True, text=True)
    return found.stdout.strip() if tracked.returncode == 0 and found.returncode == 0 else None
