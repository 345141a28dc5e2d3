"""What is drawn can be read, and what cannot be read is named."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maze_interp import mazes
from maze_interp.mazes import CUT, END, INVALID, NO_CELL, MazeBatch, PathBatch
from tests import oracles

DRAWING = """
    +---+---+---+
    | S   .   . |
    +---+---+   +
    |         G |
    +---+---+---+
    path: (0,0) (0,1) (0,2) (1,2) end
"""


def same(one: MazeBatch | PathBatch, other: MazeBatch | PathBatch) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(vars(one).values(), vars(other).values(), strict=True))


@st.composite
def drawable(draw: st.DrawFn) -> tuple[MazeBatch, PathBatch]:
    """Any mazes, some without endpoints, and any paths over their cells, however broken."""
    batch = draw(oracles.any_mazes(longest=4))
    has_ends = np.array(draw(st.lists(st.booleans(), min_size=len(batch), max_size=len(batch))))
    start, goal = (np.where(has_ends, cells, NO_CELL).astype(np.int32) for cells in (batch.start, batch.goal))
    walk = st.lists(st.integers(0, batch.rows * batch.cols - 1), max_size=6)
    steps = draw(st.lists(walk, min_size=len(batch), max_size=len(batch)))
    length = np.array([len(path) for path in steps], dtype=np.int32)
    cells = np.full((len(steps), length.max()), NO_CELL, dtype=np.int32)
    for row, path in zip(cells, steps, strict=True):
        row[: len(path)] = path
    endings = st.lists(st.sampled_from([END, INVALID, CUT]), min_size=len(batch), max_size=len(batch))
    return MazeBatch(batch.passages, start, goal), PathBatch(cells, length, np.array(draw(endings), dtype=np.int8))


@oracles.repeatable
@given(drawable())
def test_drawings_round_trip(drawn: tuple[MazeBatch, PathBatch]) -> None:
    batch, paths = drawn
    texts = mazes.draw_text(batch, paths)
    for read_batch, read_paths in (mazes.parse_text(texts), mazes.parse_text("\n\n".join(texts))):
        assert same(read_batch, batch)
        assert same(read_paths, paths)


@oracles.repeatable
@given(oracles.any_mazes())
def test_a_maze_without_a_path_round_trips(batch: MazeBatch) -> None:
    read, paths = mazes.parse_text(mazes.draw_text(batch))
    assert same(read, batch)
    assert not paths.length.any()
    assert (paths.ended == CUT).all()


def test_a_drawing_is_read_as_drawn() -> None:
    batch, paths = mazes.parse_text(DRAWING)
    expected = oracles.passages_of([(0, 1), (1, 2), (2, 5), (3, 4), (4, 5)], 2, 3)
    assert np.array_equal(batch.passages, expected)
    assert (batch.start.tolist(), batch.goal.tolist()) == ([0], [5])
    assert paths.cells.tolist() == [[0, 1, 2, 5]]
    assert mazes.paths.optimal(batch, paths).all()
    lines = [line.strip() for line in DRAWING.strip().splitlines()]
    assert mazes.draw_text(batch, paths) == ["\n".join(lines)]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("    path", "    paht", "2n \\+ 1 lines, but there are 6"),
        (") end", ") ends", "a path reads"),
        ("(0,1)", "(0;1)", "a path reads"),
        (" G ", " S ", "S is marked at 2 cells"),
        (" G ", " X ", "unknown mark ' X '"),
        ("---+   +", "---+ - +", "line 2: expected"),
        ("    +---+---+---+\n    path", "    +---+---+   +\n    path", "line 4: expected"),
        ("G |", "G  ", "line 3: expected"),
        ("+---+---+---+\n    |", "+---+---+\n    |", "line 0|line 1"),
    ],
)
def test_a_bad_drawing_is_named(old: str, new: str, message: str) -> None:
    assert old in DRAWING
    with pytest.raises(ValueError, match=message):
        mazes.parse_text(DRAWING.replace(old, new, 1))


def test_drawings_share_a_lattice() -> None:
    small, large = (mazes.draw_text(ends_at_zero(rows)) for rows in (2, 3))
    with pytest.raises(ValueError, match="do not share one lattice"):
        mazes.parse_text(small + large)
    for nothing in ("", "\n\n", []):
        with pytest.raises(ValueError, match="no drawing"):
            mazes.parse_text(nothing)


def ends_at_zero(rows: int) -> MazeBatch:
    return MazeBatch(mazes.generate("wilson", 1, rows, 2, seed=0), np.array([0]), np.array([0]))


def test_paths_must_be_as_many_as_mazes_and_stay_on_the_lattice() -> None:
    drawn = mazes.draw(mazes.World(rows=2, cols=2), 3, seed=0)
    with pytest.raises(ValueError, match="2 paths for 3 mazes"):
        mazes.draw_text(drawn, mazes.solve(drawn)[:2])
    for cell in ("(5,0)", "(0,2)"):
        with pytest.raises(ValueError, match=r"is no cell of a 2 x 2 maze"):
            mazes.parse_text("\n".join([*mazes.draw_text(drawn)[0].splitlines(), f"path: {cell} end"]))
