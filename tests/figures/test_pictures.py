"""Mazes as files: the PNG is one, and holds the raster; the SVG holds every maze."""

import struct
import zlib
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from maze_interp import figures, mazes
from maze_interp.figures.panels import walls
from maze_interp.figures.pictures import png, sheet
from maze_interp.mazes import CUT, MazeBatch, PathBatch, World

SVG = "{http://www.w3.org/2000/svg}"


def some(count: int = 5, rows: int = 3, cols: int = 4) -> tuple[MazeBatch, PathBatch]:
    batch = mazes.draw(World("wilson", rows, cols), count, seed=0)
    return batch, mazes.solve(batch)


def pixels_of(data: bytes) -> np.ndarray:
    """An RGB picture of 8 bits whose rows are not filtered, with every checksum checked."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, at = [], 8
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        content = data[at + 8 : at + 8 + length]
        assert struct.unpack(">I", data[at + 8 + length : at + 12 + length])[0] == zlib.crc32(kind + content)
        chunks.append((kind, content))
        at += 12 + length
    (first, head), (second, rows), last = chunks
    assert (first, second, last) == (b"IHDR", b"IDAT", (b"IEND", b""))
    wide, high, *rest = struct.unpack(">IIBBBBB", head)
    assert rest == [8, 2, 0, 0, 0]
    lines = np.frombuffer(zlib.decompress(rows), np.uint8).reshape(high, 1 + 3 * wide)
    assert not lines[:, 0].any()
    return lines[:, 1:].reshape(high, wide, 3)


def test_a_png_is_its_pixels() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (7, 5, 3)).astype(np.uint8)
    assert np.array_equal(pixels_of(png(pixels)), pixels)


@pytest.mark.parametrize("cell", [1, 24])
@pytest.mark.parametrize("columns", [1, 2, 5, 9])
def test_a_png_of_mazes_holds_each_raster_whose_mazes_can_be_read_again(
    tmp_path: Path, columns: int, cell: int
) -> None:
    """A pixel in the middle of every cell and every wall of the picture gives the raster back."""
    batch, paths = some()
    file = figures.write_mazes(tmp_path / "mazes.png", batch, paths, columns=columns, cell=cell)
    picture, wall, rasters = pixels_of(file.read_bytes()), max(1, cell // 8), []
    high, wide = (cell * n + wall * (n + 1) for n in (batch.rows, batch.cols))
    for i in range(len(batch)):
        row, col = divmod(i, min(columns, len(batch)))
        one = picture[row * (high + cell) :, col * (wide + cell) :][:high, :wide]
        middles = [np.arange(n) * (wall + cell) + wall + cell // 2 for n in (batch.rows, batch.cols)]
        edges = [np.arange(n + 1) * (wall + cell) for n in (batch.rows, batch.cols)]
        rows, cols = (np.sort(np.concatenate(pair)) for pair in zip(middles, edges, strict=True))
        rasters.append(one[np.ix_(rows, cols)])
    read, walked = mazes.from_pixels(np.stack(rasters))
    assert np.array_equal(read.passages, batch.passages)
    assert np.array_equal(walked.cells, paths.cells)
    assert picture.shape[1] == min(columns, 5) * (wide + cell) - cell


def test_what_lies_between_mazes_is_white() -> None:
    picture = sheet(np.zeros((3, 3, 3, 3), np.uint8), columns=2, cell=8)
    assert picture.shape == (28, 28, 3)
    assert (picture == 255).sum() // 3 == 28 * 28 - 3 * 10 * 10


def test_an_svg_of_mazes_holds_every_maze_and_path(tmp_path: Path) -> None:
    batch, paths = some()
    file = figures.write_mazes(tmp_path / "folder" / "mazes.svg", batch, paths, columns=2)
    drawing = ElementTree.fromstring(file.read_text())
    groups = drawing.findall(f"{SVG}g")
    assert len({group.get("transform") for group in groups}) == len(groups) == 5
    for i, group in enumerate(groups):
        parts = {part.get("class"): part.get("d", "") for part in group}
        assert set(parts) == {"walls", "path", "start", "goal"}
        assert parts["walls"].count("M") == len(walls(batch.passages[i]))
        assert parts["path"].count("L") == paths.length[i] - 1
    assert drawing.get("viewBox") == "0 0 224 272"  # two across, three down, a cell of 24 apart
    assert ElementTree.fromstring(figures.maze_svg(batch, columns=9, cell=12)).get("width") == "292"


def test_what_cannot_be_drawn_is_refused_and_nothing_written(tmp_path: Path) -> None:
    batch, paths = some()
    for name in ("mazes.jpg", "mazes"):
        with pytest.raises(ValueError, match=r"drawn into .svg and .png files, not (.jpg|one without a suffix)"):
            figures.write_mazes(tmp_path / name, batch)
    cut = PathBatch(paths.cells, paths.length, np.full(5, CUT))
    with pytest.raises(ValueError, match="maze 0: the path did not end properly"):
        figures.write_mazes(tmp_path / "mazes.png", batch, cut)
    figures.write_mazes(tmp_path / "cut.svg", batch, cut)
    for name in ("mazes.png", "mazes.svg"):
        with pytest.raises(ValueError, match="at least one maze"):
            figures.write_mazes(tmp_path / name, batch[:0])
        with pytest.raises(ValueError, match="4 paths for 5 mazes"):
            figures.write_mazes(tmp_path / name, batch, paths[:4])
    with pytest.raises(ValueError, match="at least 1 pixel"):
        figures.write_mazes(tmp_path / "mazes.png", batch, cell=0)
    assert [file.name for file in tmp_path.iterdir()] == ["cut.svg"]
