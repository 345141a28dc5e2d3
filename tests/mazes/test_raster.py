"""A raster holds the maze and its path, maze-dataset's way, and what is no raster of a maze is named by its pixel."""

import numpy as np
import pytest
from hypothesis import given

from maze_interp import mazes
from maze_interp.mazes import CUT, END, NO_CELL, MazeBatch, PathBatch
from tests import oracles

# Four cells, all but (1, 0) - (1, 1) joined, walked from the lower left to the lower right.
PICTURE = """
    #####
    #XXX#
    #X#X#
    #S#E#
    #####
"""
COLOURS = {"#": (0, 0, 0), " ": (255, 255, 255), "S": (0, 255, 0), "E": (255, 0, 0), "X": (0, 0, 255)}


def same(one: MazeBatch | PathBatch, other: MazeBatch | PathBatch) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(vars(one).values(), vars(other).values(), strict=True))


def drawable(batch: MazeBatch) -> tuple[MazeBatch, PathBatch]:
    """A maze gets a path where one leads to its goal, loses its endpoints where they are one cell."""
    joined = np.array([oracles.graph(maze) is not None for maze in batch.passages])
    joined &= mazes.distances(batch.passages, batch.goal)[np.arange(len(batch)), batch.start] > 0
    alike = batch.start == batch.goal
    ends = (np.where(alike, NO_CELL, cells).astype(np.int32) for cells in (batch.start, batch.goal))
    solved, count = mazes.solve(batch[joined]), len(batch)
    cells, length = np.full((count, solved.cells.shape[1]), NO_CELL, np.int32), np.zeros(count, np.int32)
    cells[joined], length[joined] = solved.cells, solved.length
    return MazeBatch(batch.passages, *ends), PathBatch(cells, length, np.where(joined, END, CUT).astype(np.int8))


@oracles.repeatable
@given(oracles.any_mazes())
def test_pixels_and_characters_round_trip(batch: MazeBatch) -> None:
    """Any passages; a path wherever there is one; no path and no endpoints where there is none."""
    batch, paths = drawable(batch)
    pixels, drawings = mazes.to_pixels(batch, paths), mazes.to_ascii(batch, paths)
    assert pixels.shape == (len(batch), 2 * batch.rows + 1, 2 * batch.cols + 1, 3)
    for read in (mazes.from_pixels(pixels), mazes.from_ascii(drawings), mazes.from_ascii("\n\n".join(drawings))):
        assert same(read[0], batch)
        assert same(read[1], paths)
    for picture, drawing in zip(pixels, drawings, strict=True):
        for line, characters in zip(picture, drawing.splitlines(), strict=True):
            assert [tuple(pixel) for pixel in line.tolist()] == [COLOURS[char] for char in characters]


def test_a_roundabout_path_round_trips_in_an_open_field() -> None:
    """Not the shortest: the pixels between its cells tell which neighbours it joins."""
    passages = mazes.generate("open_field", 1, 2, 3, seed=0)
    batch = MazeBatch(passages, np.array([0]), np.array([1]))
    around = PathBatch(np.array([[0, 3, 4, 5, 2, 1]]), np.array([6]), np.array([END]))
    read, path = mazes.from_pixels(mazes.to_pixels(batch, around))
    assert same(read, batch)
    assert same(path, around)


def test_the_picture_says_what_it_shows() -> None:
    batch, path = mazes.from_ascii(PICTURE)
    assert np.array_equal(batch.passages, oracles.passages_of([(0, 1), (0, 2), (1, 3)], 2, 2))
    assert (batch.start.tolist(), batch.goal.tolist(), path.cells.tolist()) == ([2], [3], [[2, 0, 1, 3]])
    assert path.ended.tolist() == [END]
    assert mazes.to_ascii(batch, path) == ["\n".join(line.strip() for line in PICTURE.split())]
    assert mazes.to_ascii(batch)[0].splitlines() == ["#####", "#   #", "# # #", "#S#E#", "#####"]


@pytest.mark.parametrize(
    ("row", "col", "mark", "message"),
    [
        (0, 2, " ", r"pixel \(0, 2\) lies on the border"),
        (4, 1, "X", r"pixel \(4, 1\) lies on the border"),
        (2, 2, " ", r"pixel \(2, 2\) is a corner"),
        (1, 1, "#", r"pixel \(1, 1\) is a cell and cannot be a wall"),
        (2, 1, "S", r"pixel \(2, 1\) lies between two cells"),
        (1, 1, "S", r"maze 1 has 2 starts, at cells \[0, 2\]"),
        (3, 3, " ", "maze 1 has a start or a goal but not both"),
        (2, 1, " ", r"pixel \(1, 1\) has 1 path pixels beside it .* has 2"),
        (1, 1, " ", r"pixel \(1, 1\) has 2 path pixels beside it .* has 0"),
        (3, 2, "X", r"pixel \(3, 1\) has 2 path pixels beside it .* has 1"),
    ],
)
def test_a_wrong_mark_is_named(row: int, col: int, mark: str, message: str) -> None:
    good = [line.strip() for line in PICTURE.split()]
    bad = [line if i != row else line[:col] + mark + line[col + 1 :] for i, line in enumerate(good)]
    with pytest.raises(ValueError, match=message):
        mazes.from_ascii(["\n".join(good), "\n".join(bad)])
    pixels = np.array([[[COLOURS[char] for char in line] for line in lines] for lines in (good, bad)], np.uint8)
    with pytest.raises(ValueError, match=message):
        mazes.from_pixels(pixels)


def test_a_ring_beside_the_path_is_named() -> None:
    """Every cell of it has two path pixels beside it, so only a walk from the start can tell."""
    drawing = ["#########", "#S#XXX###", "#X#X#X###", "#E#XXX###", "#########"]
    drawing = [line[:6] + "#" + line[7:] for line in drawing]
    with pytest.raises(ValueError, match=r"maze 0, pixel \(1, 3\) is a path pixel off the path"):
        mazes.from_ascii("\n".join(line[:7] for line in drawing))


def test_a_colour_or_a_character_of_no_meaning_is_named() -> None:
    pixels = mazes.to_pixels(mazes.from_ascii(PICTURE)[0])
    pixels[0, 3, 2] = (1, 2, 3)
    with pytest.raises(ValueError, match=r"maze 0, pixel \(3, 2\) is \[1, 2, 3\]; colours are \[0, 0, 0\], "):
        mazes.from_pixels(pixels)
    with pytest.raises(ValueError, match=r"maze 0, pixel \(2, 1\) is 'o'; characters are '# SEX'"):
        mazes.from_ascii(PICTURE.replace("#X#X#", "#o#X#"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no drawing"),
        ("#####\n#SXE#", "not 2 x 5"),
        ("####\n#  #\n####", "both odd and 3 or more, not 3 x 4"),
        ("#####\n#SX#\n#####", "maze 0, line 1 has 4 characters, but its first line 5"),
        ("###\n# #\n###\n\n###\n# #", "maze 1 is drawn in 2 lines, but maze 0 in 3"),
    ],
)
def test_a_drawing_of_the_wrong_size_is_named(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mazes.from_ascii(text)


@pytest.mark.parametrize(
    ("start", "goal", "cells", "message"),
    [
        (0, 0, [], "maze 1 starts at its goal, cell 0"),
        (0, NO_CELL, [], "maze 1 has a start or a goal but not both"),
        (0, 9, [], "maze 1: the goal is 9, which is no cell of a 2 x 2 maze"),
        (0, 3, [0, 1], "maze 1: the path ends at cell 1, but the goal is cell 3"),
        (0, 3, [1, 3], "maze 1: the path begins at cell 1, but the start is cell 0"),
        (2, 3, [2, 3], "maze 1: step 1 of the path leads from cell 2 to 3 without a passage"),
        (0, 3, [0, 3], "step 1 of the path leads from cell 0 to 3"),
        (0, 3, [0, 7, 3], "step 1 of the path is 7"),
        (0, 3, [0, 1, 0, 1, 3], "maze 1: the path meets itself at cell 0, step 2"),
    ],
)
def test_what_a_raster_cannot_hold_is_refused(start: int, goal: int, cells: list[int], message: str) -> None:
    passages = oracles.repeated(oracles.passages_of([(0, 1), (0, 2), (1, 3)], 2, 2), 2)
    steps, length = np.full((2, 5), NO_CELL), np.array([2, len(cells)])
    steps[0, :2], steps[1, : len(cells)] = [0, 1], cells
    batch = MazeBatch(passages, np.array([0, start]), np.array([1, goal]))
    with pytest.raises(ValueError, match=message):
        mazes.to_pixels(batch, PathBatch(steps, length, np.array([END, END])))


def test_a_path_that_was_cut_is_refused() -> None:
    batch, path = mazes.from_ascii(PICTURE)
    with pytest.raises(ValueError, match="maze 0: the path did not end properly"):
        mazes.to_ascii(batch, PathBatch(path.cells, path.length, np.array([CUT])))
