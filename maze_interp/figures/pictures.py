"""Mazes as picture files, in one line: `write_mazes("mazes.png", mazes, solutions)`.

An SVG is drawn with lines and shows any path. A PNG is the raster of `mazes.to_pixels` (walls black, start green, goal
red, path blue) with its wall pixels kept thin and its cell pixels made large, the mazes side by side on white; so it
shows what a raster can hold, and needs no browser and no imaging library.

Format: https://www.w3.org/TR/png-3/ (a signature and checksummed chunks; rows of pixels, compressed as one stream).
"""

import struct
import zlib
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from maze_interp import storage
from maze_interp.figures.svg import CELL, maze_svg
from maze_interp.mazes.batch import MazeBatch, PathBatch
from maze_interp.mazes.raster import to_pixels

SIGNATURE = b"\x89PNG\r\n\x1a\n"
RGB, BITS = 2, 8
WALL_SHARE = 8  # a wall is this many times thinner than a cell
ROOM = 255  # white, between the mazes


def write_mazes(
    path: str | Path, mazes: MazeBatch, paths: PathBatch | None = None, *, columns: int = 4, cell: int = CELL
) -> Path:
    """Draw every maze of the batch, with its path, into one .svg or .png file, whole or not at all; returns the file.

    `columns` mazes stand side by side and a cell is `cell` pixels long. ValueError for another kind of file, and for a
    PNG of a maze that starts at its goal or of a path that is not whole, legal and free of repeated cells.
    """
    path = Path(path)
    if path.suffix not in (".svg", ".png"):
        raise ValueError(
            f"{path}: mazes are drawn into .svg and .png files, not {path.suffix or 'one without a suffix'}"
        )
    if path.suffix == ".svg":
        storage.write_text_atomically(path, maze_svg(mazes, paths, columns=columns, cell=cell))
        return path
    picture = png(sheet(to_pixels(mazes, paths), columns, cell))
    with storage.file_atomically(path) as temporary:
        temporary.write_bytes(picture)
    return path


def sheet(
    pixels: UInt8[np.ndarray, "maze high wide 3"], columns: int = 4, cell: int = CELL
) -> UInt8[np.ndarray, "down across 3"]:
    """Rasters side by side in one picture, cells `cell` pixels long and walls an eighth of it."""
    if not len(pixels):
        raise ValueError("a drawing needs at least one maze")
    if cell < 1:
        raise ValueError(f"a cell must be at least 1 pixel long, not {cell}")
    columns = max(1, min(columns, len(pixels)))
    wall = max(1, cell // WALL_SHARE)
    for axis in (1, 2):
        lengths = np.where(np.arange(pixels.shape[axis]) % 2, cell, wall)
        pixels = np.repeat(pixels, lengths, axis=axis)
    empty = -len(pixels) % columns
    framed = np.pad(pixels, ((0, empty), (0, cell), (0, cell), (0, 0)), constant_values=ROOM)
    framed[len(pixels) :] = ROOM
    _, high, wide, _ = framed.shape
    placed = framed.reshape(-1, columns, high, wide, 3).swapaxes(1, 2).reshape(-1, columns * wide, 3)
    return placed[:-cell, :-cell]


def png(pixels: UInt8[np.ndarray, "high wide 3"]) -> bytes:
    """An RGB picture as the bytes of a PNG file."""
    high, wide, _ = pixels.shape
    unfiltered = np.zeros((high, 1), dtype=np.uint8)  # each row opens with the number of its filter
    rows = np.concatenate([unfiltered, pixels.reshape(high, 3 * wide)], axis=1)
    head = struct.pack(">IIBBBBB", wide, high, BITS, RGB, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(rows.tobytes(), 9)), (b"IEND", b""))
    return SIGNATURE + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
