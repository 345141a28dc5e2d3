"""What a published folder promises: the SHA-256 of every file in it, so that damage is noticed before it is measured.

A file that was cut short, changed or mixed up with another model's is refused by its name. The checksums stand in
`manifest.json`, beside the files; a folder without one, a training run's say, promises nothing and is read as it is.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from maze_interp import storage

MANIFEST = "manifest.json"


def write(folder: str | Path) -> Path:
    """Write the manifest of all files that lie in `folder` now; returns its path."""
    folder = Path(folder)
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    entries = {name: {"bytes": (folder / name).stat().st_size, "sha256": _sha256(folder / name)} for name in files}
    entries.pop(MANIFEST, None)
    storage.write_text_atomically(folder / MANIFEST, json.dumps(entries, indent=2) + "\n")
    return folder / MANIFEST


def verify(folder: str | Path, names: Sequence[str] | None = None) -> list[str]:
    """The files of a folder (or those `names`), all as its manifest says; raises ValueError naming one that is not."""
    folder = Path(folder)
    if not (folder / MANIFEST).exists():
        raise ValueError(f"{folder} is no published model: it has no {MANIFEST}")
    try:
        entries = json.loads((folder / MANIFEST).read_text())
        known = {name: (entry["bytes"], entry["sha256"]) for name, entry in entries.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ValueError(f"{folder / MANIFEST} is damaged: it is no list of files with their checksums") from None
    asked = list(known if names is None else names)
    for name in asked:
        if name not in known:
            raise ValueError(f"{folder / name} is not in the folder's {MANIFEST}")
        if not (folder / name).resolve().is_relative_to(folder.resolve()):
            raise ValueError(f"{folder / name} leads out of the folder")
        _check(folder / name, *known[name])
    return asked


def _check(path: Path, size: int, checksum: str) -> None:
    if not path.is_file():
        raise ValueError(f"{path} is missing")
    found = path.stat().st_size
    if found != size:
        raise ValueError(f"{path} is {'truncated' if found < size else 'damaged'}: it has {found} bytes, not {size}")
    if _sha256(path) != checksum:
        raise ValueError(f"{path} is damaged: its SHA-256 is not the one in {MANIFEST}")


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
