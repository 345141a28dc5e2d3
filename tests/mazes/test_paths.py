"""Path predicates say what they say: by hand, against a slow reading, and on solutions and their corruptions."""

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maze_interp import mazes
from maze_interp.mazes import CUT, END, INVALID, MazeBatch, PathBatch
from maze_interp.mazes.paths import (
    JUMP,
    NO_MOVE,
    OPEN,
    WALL,
    backtracks,
    ends_at_goal,
    exact,
    moves,
    optimal,
    reaches_goal,
    revisits,
    valid,
)
from tests import oracles


def walks(*steps: list[int], ended: int = END) -> PathBatch:
    cells = np.full((len(steps), max(map(len, steps))), mazes.NO_CELL)
    for row, walk in zip(cells, steps, strict=True):
        row[: len(walk)] = walk
    return PathBatch(cells, np.array([len(walk) for walk in steps]), np.full(len(steps), ended))


def ring(count: int) -> MazeBatch:
    """The 2 x 3 maze whose border is a ring of six cells, from 0 to 5: two shortest paths, 0 1 2 5 and 0 3 4 5."""
    passages = oracles.passages_of([(0, 1), (1, 2), (0, 3), (3, 4), (4, 5), (2, 5)], 2, 3)
    return MazeBatch(oracles.repeated(passages, count), np.zeros(count, int), np.full(count, 5))


def test_moves_by_hand() -> None:
    """A wall between 1 and 4, a jump over the edge of a row (2 to 3), staying put, and a cell outside the lattice."""
    paths = walks([0, 1, 4, 5], [1, 2, 3, 0], [0, 0, 3], [5, 99, 5], [4])
    assert moves(ring(5), paths).tolist() == [
        [OPEN, WALL, OPEN],
        [OPEN, JUMP, OPEN],
        [JUMP, OPEN, NO_MOVE],
        [JUMP, JUMP, NO_MOVE],
        [NO_MOVE, NO_MOVE, NO_MOVE],
    ]


def test_going_back_and_going_round_by_hand() -> None:
    paths = walks([0, 1, 0, 1, 2], [0, 1, 2, 5, 4, 3, 0], [0, 0], [3])
    assert [np.flatnonzero(row).tolist() for row in backtracks(paths)] == [[1, 2], [], [], []]
    assert [np.flatnonzero(row).tolist() for row in revisits(paths)] == [[1, 2], [5], [0], []]


def test_predicates_by_hand() -> None:
    paths = walks(
        [0, 1, 2, 5],  # the solution
        [0, 3, 4, 5],  # the other shortest path
        [0, 1, 0, 1, 2, 5],  # a detour
        [0, 1, 4, 5],  # through a wall
        [1, 2, 5],  # from elsewhere
        [0, 1, 2],  # stops early
        [0, 1, 2, 5, 4],  # goes on
    )
    mazes_, solutions = ring(7), walks(*[[0, 1, 2, 5]] * 7)
    assert valid(mazes_, paths).tolist() == [True, True, True, False, False, True, True]
    assert reaches_goal(mazes_, paths).tolist() == [True, True, True, True, True, False, True]
    assert ends_at_goal(mazes_, paths).tolist() == [True, True, True, True, True, False, False]
    assert exact(paths, solutions).tolist() == [True, False, False, False, False, False, False]
    assert optimal(mazes_, paths).tolist() == [True, True, False, False, False, False, False]


@pytest.mark.parametrize("ended", [INVALID, CUT])
def test_a_path_that_does_not_end_properly_is_valid_but_never_right(ended: int) -> None:
    paths = walks([0, 1, 2, 5], ended=ended)
    assert valid(ring(1), paths).all()
    assert ends_at_goal(ring(1), paths).all()
    assert not exact(paths, walks([0, 1, 2, 5])).any()
    assert not optimal(ring(1), paths).any()


def test_a_path_without_cells_is_nothing() -> None:
    for paths in (walks([]), PathBatch(np.full((1, 4), mazes.NO_CELL), np.array([0]), np.array([END]))):
        assert not valid(ring(1), paths).any()
        assert not reaches_goal(ring(1), paths).any()
        assert not ends_at_goal(ring(1), paths).any()
        assert not optimal(ring(1), paths).any()
        assert not exact(paths, walks([0, 1, 2, 5])).any()
        assert not revisits(paths).any()
        assert not backtracks(paths).any()
        assert (moves(ring(1), paths) == NO_MOVE).all()


@pytest.mark.parametrize("name", ["depth_first", "wilson", "depth_first_percolation", "open_field"])
def test_solutions_are_right_and_one_wrong_cell_makes_them_wrong(name: str) -> None:
    passages = mazes.generate(name, 200, 5, 6, seed=1)
    batch = MazeBatch(passages, *mazes.draw_endpoints(passages, seed=1, min_length=3))
    solutions = mazes.solve(batch)
    assert valid(batch, solutions).all()
    assert optimal(batch, solutions).all()
    assert exact(solutions, solutions).all()
    assert not revisits(solutions).any()
    cells = solutions.cells.copy()
    cells[:, 1] = cells[:, 0]
    broken = PathBatch(cells, solutions.length, solutions.ended)
    assert not valid(batch, broken).any()
    assert not optimal(batch, broken).any()
    assert not exact(broken, solutions).any()


@oracles.repeatable
@given(oracles.any_mazes(longest=3), st.data())
def test_predicates_read_step_by_step_say_the_same(batch: MazeBatch, data: st.DataObject) -> None:
    cell = st.integers(0, batch.rows * batch.cols)  # the last is outside the lattice
    walk = st.lists(cell, max_size=6)
    steps = data.draw(st.lists(walk, min_size=len(batch), max_size=len(batch)))
    paths = walks(*steps)
    made, back, again = moves(batch, paths), backtracks(paths), revisits(paths)
    for i, walk_ in enumerate(steps):
        graph = oracles.graph(batch.passages[i])
        field = nx.grid_2d_graph(batch.rows, batch.cols)
        places = [divmod(cell_, batch.cols) for cell_ in walk_]
        for k in range(made.shape[1]):
            if k + 1 >= len(walk_):
                assert (made[i, k], back[i, k], again[i, k]) == (NO_MOVE, False, False)
                continue
            kind = OPEN if graph.has_edge(walk_[k], walk_[k + 1]) else WALL
            assert made[i, k] == (kind if field.has_edge(places[k], places[k + 1]) else JUMP)
            assert back[i, k] == (k > 0 and walk_[k + 1] == walk_[k - 1])
            assert again[i, k] == (walk_[k + 1] in walk_[: k + 1])
        start, goal = batch.start[i], batch.goal[i]
        legal = nx.is_path(graph, walk_) if set(walk_) <= set(graph) else False
        assert valid(batch, paths)[i] == bool(walk_ and walk_[0] == start and legal)
        assert reaches_goal(batch, paths)[i] == (goal in walk_)
        connected = nx.has_path(graph, int(start), int(goal))
        shortest = list(nx.all_shortest_paths(graph, int(start), int(goal))) if connected else []
        assert optimal(batch, paths)[i] == (walk_ in shortest)


def test_a_maze_without_endpoints_is_never_solved() -> None:
    nowhere = np.array([mazes.NO_CELL])
    batch = MazeBatch(ring(1).passages, nowhere, nowhere)
    for paths in (walks([0, 1]), walks([])):
        assert not (valid(batch, paths) | reaches_goal(batch, paths) | optimal(batch, paths)).any()


def test_paths_come_one_per_maze() -> None:
    for predicate in (moves, valid, reaches_goal, ends_at_goal, optimal):
        with pytest.raises(ValueError, match="1 paths for 2 mazes"):
            predicate(ring(2), walks([0, 1]))
