"""A drawn maze shows the maze: its walls, both paths at the centres of their cells, and each mistake."""

import numpy as np
import plotly.graph_objects as go
import pytest
from hypothesis import given, settings

from maze_interp import figures, mazes
from maze_interp.mazes import CUT, END, INVALID, MazeBatch, PathBatch
from tests import oracles

COUNT, ROWS, COLS = 3, 4, 6


def some() -> tuple[MazeBatch, PathBatch]:
    passages = mazes.generate("wilson", COUNT, ROWS, COLS, seed=1)
    start, goal = mazes.draw_endpoints(passages, seed=1, min_length=6)
    batch = MazeBatch(passages, start, goal)
    return batch, mazes.solve(batch)


def walk(*cells: int, ended: int = END) -> PathBatch:
    return PathBatch(np.array([cells]), np.array([len(cells)]), np.array([ended]))


def corridor() -> MazeBatch:
    """Cells 0 1 2 in a row, above the closed cells 3 4 5."""
    return MazeBatch(oracles.passages_of([(0, 1), (1, 2)], 2, 3), np.array([0]), np.array([2]))


def named(figure: go.Figure, name: str) -> list[go.Scatter]:
    return [trace for trace in figure.data if trace.name == name]


def vertices(trace: go.Scatter) -> list[tuple[float, float]]:
    return [(float(y), float(x)) for x, y in zip(trace.x, trace.y, strict=True) if not np.isnan(x)]


def test_every_vertex_of_both_paths_is_the_centre_of_its_cell() -> None:
    batch, solutions = some()
    backwards = PathBatch(solutions.cells[:, ::-1].copy(), solutions.length, solutions.ended)
    backwards = PathBatch(
        np.stack([np.roll(row, n) for row, n in zip(backwards.cells, solutions.length, strict=True)]),
        solutions.length,
        solutions.ended,
    )
    figure = figures.gallery(batch, backwards, solutions)
    for name, paths in (("model", backwards), ("solution", solutions)):
        traces = named(figure, name)
        assert len(traces) == COUNT
        for index, trace in enumerate(traces):
            cells = paths.cells[index, : paths.length[index]]
            assert vertices(trace) == [divmod(int(cell), COLS) for cell in cells]


def test_solution_and_model_differ_in_colour_and_in_dash() -> None:
    batch, solutions = some()
    figure = figures.draw_maze(batch, 0, path=solutions, solution=solutions)
    (model,), (solution,) = named(figure, "model"), named(figure, "solution")
    assert model.line.color != solution.line.color
    assert model.line.dash != solution.line.dash
    assert model.line.width < solution.line.width


def test_start_and_goal_are_marked_where_they_are() -> None:
    batch, _ = some()
    for index in range(COUNT):
        figure = figures.draw_maze(batch, index)
        assert vertices(named(figure, "start")[0]) == [divmod(int(batch.start[index]), COLS)]
        assert vertices(named(figure, "goal")[0]) == [divmod(int(batch.goal[index]), COLS)]
        assert named(figure, "start")[0].marker.symbol != named(figure, "goal")[0].marker.symbol


def test_wrong_moves_are_marked_and_right_ones_are_not() -> None:
    batch, solutions = some()
    assert not named(figures.gallery(batch, solutions, solutions), "wrong move")
    through_a_wall, jump, stay = (1, 4), (4, 2), (2, 2)
    path = walk(0, 1, 4, 2, 2)
    assert figures.wrong_moves(corridor(), 0, path).tolist() == [list(through_a_wall), list(jump), list(stay)]
    (marked,) = named(figures.draw_maze(corridor(), path=path), "wrong move")
    ends = vertices(marked)
    assert [ends[i] for i in (0, 2)] == [divmod(cell, 3) for cell in through_a_wall]
    assert list(marked.marker.size).count(0) == 3 * 3
    assert sum(size > 0 for size in marked.marker.size) == 3


@settings(max_examples=30, deadline=None)
@given(oracles.any_mazes())
def test_wrong_moves_of_the_walk_through_all_cells_are_those_without_a_passage(batch: MazeBatch) -> None:
    cells = np.arange(batch.rows * batch.cols)
    path = PathBatch(np.tile(cells, (len(batch), 1)), np.full(len(batch), len(cells)), np.full(len(batch), END))
    for index in range(len(batch)):
        joined = oracles.graph(batch.passages[index])
        expected = [[int(a), int(a) + 1] for a in cells[:-1] if not joined.has_edge(int(a), int(a) + 1)]
        assert figures.wrong_moves(batch, index, path).tolist() == expected


@pytest.mark.parametrize("ended", [INVALID, CUT])
def test_a_path_that_did_not_end_properly_says_so_at_its_last_cell(ended: int) -> None:
    proper = figures.draw_maze(corridor(), path=walk(0, 1))
    broken = figures.draw_maze(corridor(), path=walk(0, 1, ended=ended))
    (extra,) = [trace for trace in broken.data if trace.name not in {other.name for other in proper.data}]
    assert vertices(extra) == [(0, 1)]


def test_a_path_of_no_cells_is_drawn_as_nothing() -> None:
    nothing = PathBatch(np.full((1, 4), mazes.NO_CELL), np.array([0]), np.array([INVALID]))
    (model,) = named(figures.draw_maze(corridor(), path=nothing), "model")
    assert vertices(model) == []


def test_heat_lies_on_its_cells_and_is_drawn_around_zero_only_where_signed() -> None:
    heat = np.arange(6.0)
    (plain,) = [trace for trace in figures.draw_maze(corridor(), heat=heat).data if trace.type == "heatmap"]
    (signed,) = [trace for trace in figures.draw_maze(corridor(), heat=heat - 4).data if trace.type == "heatmap"]
    assert np.array_equal(np.array(plain.z), heat.reshape(2, 3))
    assert (plain.zmin, plain.zmax) == (0, 5)
    assert (signed.zmin, signed.zmax) == (-4, 4)
    with pytest.raises(ValueError, match=r"heat.*2x3"):
        figures.draw_maze(corridor(), heat=np.zeros(5))


def test_arrows_point_from_row_and_column_to_the_screen() -> None:
    arrows = np.zeros((6, 2))
    arrows[1] = (1, 0)  # one cell down
    (drawn,) = named(figures.draw_maze(corridor(), arrows=arrows), "arrows")
    tail, tip = vertices(drawn)
    assert tail[1] == tip[1] == 1
    assert tail[0] < 0 < tip[0]
    with pytest.raises(ValueError, match="arrows"):
        figures.draw_maze(corridor(), arrows=np.zeros((5, 2)))


def test_a_gallery_names_what_does_not_fit() -> None:
    batch, solutions = some()
    with pytest.raises(ValueError, match="2 titles for 3 mazes"):
        figures.gallery(batch, titles=["a", "b"])
    with pytest.raises(ValueError, match="path has 2 paths for 3 mazes"):
        figures.gallery(batch, solutions[:2])
    with pytest.raises(ValueError, match="at least one"):
        figures.gallery(batch[:0])


def test_titles_of_mazes_are_text() -> None:
    figure = figures.gallery(corridor(), titles=["before <--> after"])
    assert figure.layout.annotations[0].text == "before &lt;--&gt; after"
