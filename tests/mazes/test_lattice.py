"""Cells, edges and directions are numbered as written, and an open border is refused."""

import numpy as np
import pytest

from maze_interp import mazes
from maze_interp.mazes import lattice
from tests import oracles

LATTICES = [(1, 2), (2, 1), (1, 5), (3, 3), (4, 6)]


@pytest.mark.parametrize(("rows", "cols"), LATTICES)
def test_an_edge_joins_the_cells_its_passage_joins(rows: int, cols: int) -> None:
    ends, ids = mazes.edge_ends(rows, cols), mazes.edge_ids(rows, cols)
    for edge in range(2 * rows * cols):
        passages = np.zeros(2 * rows * cols, dtype=bool)
        passages[edge] = True
        if edge in ids:
            assert list(oracles.graph(passages.reshape(2, rows, cols)).edges) == [tuple(ends[edge])]
        else:
            assert tuple(ends[edge]) == (mazes.NO_CELL, mazes.NO_CELL)


@pytest.mark.parametrize(("rows", "cols"), LATTICES)
def test_a_lattice_has_the_edges_of_a_grid(rows: int, cols: int) -> None:
    ids = mazes.edge_ids(rows, cols)
    assert len(ids) == rows * (cols - 1) + (rows - 1) * cols
    assert np.array_equal(ids, np.flatnonzero(oracles.inside(rows, cols)))


@pytest.mark.parametrize(("rows", "cols"), LATTICES)
def test_steps_lead_where_the_open_sides_point(rows: int, cols: int) -> None:
    passages = mazes.generate("percolation", 1, rows, cols, seed=1, p=0.7)
    sides = np.zeros((rows + 2) * cols, dtype=np.uint8)
    lattice.open_sides(lattice.flat(passages)[0], sides, cols)
    steps, crossings = lattice.spot_steps(cols).astype(np.int64), lattice.edge_steps(rows, cols).astype(np.int64)
    assert not sides[:cols].any()
    assert not sides[-cols:].any()
    found = {
        (spot - cols, spot - cols + int(steps[way]), spot + int(crossings[way]))
        for spot in range(cols, cols + rows * cols)
        for way in range(4)
        if sides[spot] >> way & 1
    }
    ends = mazes.edge_ends(rows, cols)
    open_edges = [(int(edge), *ends[edge].tolist()) for edge in np.flatnonzero(passages)]
    there_and_back = [pair for edge, low, high in open_edges for pair in ((low, high, edge), (high, low, edge))]
    assert found == set(there_and_back)


@pytest.mark.parametrize(("direction", "row", "col"), [(mazes.DOWN, 2, 0), (mazes.RIGHT, 1, 3)])
def test_an_open_border_is_an_error_that_names_the_maze(direction: int, row: int, col: int) -> None:
    passages = np.zeros((3, 2, 3, 4), dtype=bool)
    passages[1, direction, row, col] = True
    with pytest.raises(ValueError, match="maze 1 has an open passage across the border"):
        mazes.distances(passages, np.zeros(3, dtype=int))


def test_an_empty_batch_goes_through_every_door() -> None:
    passages = mazes.generate("wilson", 0, 3, 4, seed=0)
    start, goal = mazes.draw_endpoints(passages, seed=0)
    none = mazes.MazeBatch(passages, start, goal)
    paths = mazes.solve(none)
    assert len(paths) == len(mazes.distances(passages, start)) == len(mazes.components(passages)) == 0
    assert len(mazes.paths.optimal(none, paths)) == len(mazes.on_shortest_path(none)) == 0
    assert mazes.draw_text(none, paths) == []
