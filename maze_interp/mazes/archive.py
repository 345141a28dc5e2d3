"""`.zanj` files, the container of maze-dataset and maze-transformer: a zip with one JSON tree and what it points at.

    __zanj__.json         the tree; a table with "$ref" stands for what another member holds
    __zanj_meta__.json    which members there are, and the place of each in the tree
    *.npy, *.jsonl        arrays, and lists with one item a line

Small arrays lie in the tree itself, as nested lists, hexadecimal digits or base64. Whoever made a file may mean harm:
nothing is unpacked to disk, sizes are checked before anything is read and again while it is, no pickle is opened.
Format: https://github.com/mivanit/ZANJ
"""

import base64
import json
import tokenize
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path, PurePosixPath
from stat import S_ISLNK
from typing import Any

import numpy as np

from maze_interp import recipes, storage

TREE, META = "__zanj__.json", "__zanj_meta__.json"
KINDS = ("__muutils_format__", "__format__")  # where a table says what it stands for, now and until 2024
LIMIT = 2**30  # bytes that a file may hold unpacked
TEXT, SHARE = (".json", ".jsonl"), 16  # JSON may take up the 16th part: parsed, it grows up to fifty times
APART = 256  # arrays of so many elements get a member of their own
DTYPES = ("bool", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)), "float16", "float32")
DTYPES += ("float64",)
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
HEADER = (SyntaxError, tokenize.TokenError, LookupError, MemoryError)  # numpy's reader parses it as Python does
DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, OSError)


def read(path: str | Path, *, limit: int = LIMIT) -> Any:
    """The tree of a `.zanj` file as Python's own lists, tables and values, every array in it a numpy array.

    Raises ValueError, naming the file and the reason, for what is no such file, is damaged, would unpack to more than
    `limit` bytes or to JSON of more than a 16th of that, has a member that could lie outside of a folder, or holds
    pickled objects.
    """
    if not Path(path).is_file():
        raise ValueError(f"{path} is no file")
    try:
        with zipfile.ZipFile(path) as file:
            _check_members(file.infolist(), limit)
            names = {info.filename for info in file.infolist() if not info.is_dir()}
            if TREE not in names:
                raise ValueError(f"no .zanj file: it has no {TREE}")
            tree = _json(_unpacked(file, TREE), TREE)
            return _resolved(tree, file, names - {TREE, META})
    except DAMAGE as error:
        raise ValueError(f"{path} is damaged or no zip file: {error}") from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def write(path: str | Path, tree: Mapping[str, Any]) -> None:
    """Write a table of JSON values and numpy arrays as a `.zanj` file, whole or not at all."""
    apart = {f"{key}.npy": key for key, value in tree.items() if isinstance(value, np.ndarray) and value.size >= APART}
    names = {key: name for name, key in apart.items()}
    written = {
        key: described(value, names.get(key)) if isinstance(value, np.ndarray) else value for key, value in tree.items()
    }
    meta = {"externals_info": {name: {"item_type": "npy", "path": [key]} for name, key in apart.items()}}
    with (
        storage.file_atomically(path) as partial,
        zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as file,
    ):
        for name, text in ((META, meta), (TREE, written)):
            file.writestr(name, json.dumps(text))
        for name, key in apart.items():
            held = BytesIO()
            np.save(held, tree[key], allow_pickle=False)
            file.writestr(name, held.getvalue())


def described(array: np.ndarray, member: str | None = None) -> dict[str, Any]:
    """The table that stands for an array: with its numbers, or pointing at the `member` that holds them."""
    held = {"data": array.tolist()} if member is None else {"$ref": member}
    mode = "array_list_meta" if member is None else "external"
    stated = {"shape": list(array.shape), "dtype": array.dtype.name, "n_elements": array.size}
    return {KINDS[0]: f"numpy.ndarray:{mode}", **held, **stated}


def kind_of(table: Any) -> str:
    """What a table of the tree says it stands for; empty if it says nothing."""
    said = next((table[key] for key in KINDS if key in table), "") if isinstance(table, dict) else ""
    return said if isinstance(said, str) else ""


def _check_members(members: list[zipfile.ZipInfo], limit: int) -> None:
    for info in members:
        name = info.filename
        if _leads_away(name):
            raise ValueError(f"member {name!r} would lie outside of the folder it belongs to")
        if S_ISLNK(info.external_attr >> 16):
            raise ValueError(f"member {name!r} is a symbolic link")
        if info.compress_type not in METHODS:
            raise ValueError(f"member {name!r} is packed by method {info.compress_type}; only deflate is unpacked")
    twice = [name for name, count in Counter(info.filename for info in members).items() if count > 1]
    if twice:
        raise ValueError(f"member {twice[0]!r} is there twice")
    size = sum(info.file_size for info in members)
    if size > limit:
        raise ValueError(f"it would unpack to {size:,} bytes, more than the limit of {limit:,}")
    text, most = sum(info.file_size for info in members if info.filename.endswith(TEXT)), limit // SHARE
    if text > most:
        raise ValueError(f"it would unpack to {text:,} bytes of JSON, more than {most:,}, the 16th part of the limit")


def _leads_away(name: str) -> bool:
    """Whether a member's name would leave the folder that it is unpacked into, on any system."""
    return "\\" in name or ":" in name or name.startswith("/") or ".." in PurePosixPath(name).parts


def _unpacked(file: zipfile.ZipFile, name: str) -> bytes:
    """What a member holds. Asked for a byte more than it states, so that one that lies is not unpacked whole."""
    info = file.getinfo(name)
    with file.open(info) as member:
        held = member.read(info.file_size + 1)
    if len(held) != info.file_size:
        raise ValueError(f"member {name!r} has {len(held):,} bytes, not the {info.file_size:,} that are stated")
    return held


def _json(text: bytes, name: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{name} is not JSON: {error}") from None


def _lines(text: bytes, name: str) -> Iterator[Any]:
    """The items of a list, one a line. ValueError for a member whose name kept it from being counted as JSON."""
    if not name.endswith(TEXT):
        raise ValueError(f"the tree points at {name!r} for a list; lists lie in members named .jsonl")
    for line in text.splitlines():
        yield _json(line, name)


def _resolved(tree: Any, file: zipfile.ZipFile, left: set[str]) -> Any:
    """The tree with members and described arrays in their places; `left` loses what was pointed at, once each."""

    def resolve(item: Any) -> Any:
        if isinstance(item, list):
            return [resolve(part) for part in item]
        if not isinstance(item, dict):
            return item
        kind, _, mode = kind_of(item).partition(":")
        if kind in ("numpy.ndarray", "torch.Tensor"):
            return _array(item, mode, member(item) if mode == "external" else b"")
        if mode == "external" or "$ref" in item:
            if kind not in ("list", "tuple"):
                raise ValueError(f"a member of kind {kind!r} is pointed at; known: arrays, lists and tuples")
            return [resolve(part) for part in _lines(member(item), item["$ref"])]
        return {key: resolve(part) for key, part in item.items()}

    def member(item: dict[str, Any]) -> bytes:
        name = item.get("$ref")
        if not isinstance(name, str) or name not in left:
            raise ValueError(f"the tree points at {name!r}, which is no member or is pointed at twice")
        left.discard(name)
        return _unpacked(file, name)

    try:
        return resolve(tree)
    except RecursionError:
        raise ValueError(f"{TREE} is nested too deep") from None


def _array(item: dict[str, Any], mode: str, held: bytes) -> np.ndarray:
    """The array that a table of the tree describes. ValueError if it is not of the shape that is stated."""
    stated, shape = str(item.get("dtype")).removeprefix("torch."), item.get("shape")
    if stated not in DTYPES:
        raise recipes.unknown("dtype of an array", stated, DTYPES)
    data = item.get("data")
    try:
        if mode == "external":
            array = _npy(held)
        elif mode in ("array_list_meta", "zero_dim"):
            array = np.array(data, dtype=stated)
        elif mode in ("array_hex_meta", "array_b64_meta"):
            text = str(data)
            raw = bytes.fromhex(text) if mode == "array_hex_meta" else base64.b64decode(text, validate=True)
            array = np.frombuffer(raw, dtype=stated).reshape(shape)
        else:
            raise ValueError(f"unknown way to write an array: {mode!r}")
    except (TypeError, OverflowError, *HEADER) as error:
        raise ValueError(f"an array's data cannot be read: {error}") from None
    if not isinstance(shape, list) or list(array.shape) != shape or array.dtype.name != stated:
        where = item.get("$ref", "in the tree")
        raise ValueError(f"an array ({where}) is {array.dtype} {list(array.shape)}, but {stated} {shape} is stated")
    return array


def _npy(held: bytes) -> np.ndarray:
    """The array in a `.npy` member. Its header is not believed: numpy would set aside whatever memory it asks for."""
    stream = BytesIO(held)
    version = np.lib.format.read_magic(stream)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"a .npy member of version {version} holds no plain array")
    header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, by_column, dtype = header(stream)
    if dtype.name not in DTYPES:
        raise ValueError(f"a .npy member holds {dtype}, which is no plain number (pickled objects are not opened)")
    count, rest = 1, len(held) - stream.tell()
    for size in shape:
        count *= size
    if min(shape, default=1) < 0 or count * dtype.itemsize != rest:
        raise ValueError(f"a .npy member of shape {shape} should take {count * dtype.itemsize} bytes, not {rest}")
    return np.frombuffer(held, dtype, offset=stream.tell()).reshape(shape, order="F" if by_column else "C")
