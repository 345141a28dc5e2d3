"""Each way of going wrong is seen by its own metric, and what must follow from what does."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maze_interp import mazes
from maze_interp.behaviour.metrics import AMOUNTS, METRICS, SHARES
from maze_interp.mazes import CUT, END, INVALID, NO_CELL, MazeBatch, PathBatch

# Cells 0 1 2 / 3 4 5 / 6 7 8. The solution is 0 1 2 5 8; it can leave into 3 6 7 at the start and into 4 at cell 5.
TREE = """
    +---+---+---+
    | S         |
    +   +---+   +
    |   |       |
    +   +---+   +
    |       | G |
    +---+---+---+
    path: (0,0) (0,1) (0,2) (1,2) (2,2) end
"""
# Cells 0 1 2 / 3 4 5, one ring: 0 1 2 and nothing else is shortest from 0 to 2, both 0 1 4 and 0 3 4 from 0 to 4.
RING = """
    +---+---+---+
    | S         |
    +   +   +---+
    |     G     |
    +---+---+---+
    path: (0,0) (0,1) (1,1) end
"""
CORRIDOR = """
    +---+---+---+
    | S       G |
    +---+---+---+
    path: (0,0) (0,1) (0,2) end
"""
FLAWS = ("wrong_start", "invalid_token", "no_end", "jump", "wall", "backtrack", "revisit")


def one_path(cells: list[int], ended: int = END) -> PathBatch:
    padded = np.array([[*cells, NO_CELL, NO_CELL]])
    return PathBatch(padded, np.array([len(cells)]), np.array([ended]))


def measured(drawing: str, cells: list[int], ended: int = END) -> dict[str, float]:
    maze, solution = mazes.parse_text(drawing)
    return {name: float(metric(maze, one_path(cells, ended), solution)[0]) for name, metric in METRICS.items()}


def flaws(values: dict[str, float]) -> dict[str, float]:
    return {name: values[name] for name in FLAWS if values[name]}


def test_the_solution_is_flawless():
    values = measured(TREE, [0, 1, 2, 5, 8])
    assert flaws(values) == {}
    good = ("exact", "optimal", "valid", "target_reached", "first_fork", "fork_accuracy", "node_overlap")
    assert [values[name] for name in good] == [1.0] * len(good)
    assert np.isnan(values["steps_until_invalid"])


@pytest.mark.parametrize(
    ("cells", "ended", "flaw", "valid", "reached", "legal_steps"),
    [
        ([0, 1, 2, 8], END, {"jump": 1}, 0, 1, 2),
        ([0, 1, 1, 2, 5, 8], END, {"jump": 1}, 0, 1, 1),
        ([0, 1, 2, 3, 0, 1, 2, 5, 8], END, {"jump": 1, "revisit": 3}, 0, 1, 2),
        ([0, 1, 4, 5, 8], END, {"wall": 1}, 0, 1, 1),
        ([0, 1, 2, 5, 4, 5, 8], END, {"backtrack": 1}, 1, 1, np.nan),
        ([0, 3, 6, 3, 0, 1, 2, 5, 8], END, {"backtrack": 1, "revisit": 1}, 1, 1, np.nan),
        ([0, 1, 2], INVALID, {"invalid_token": 1}, 1, 0, 2),
        ([0, 1, 2, 5, 8], INVALID, {"invalid_token": 1}, 1, 1, 4),
        ([0, 1, 2], CUT, {"no_end": 1}, 1, 0, np.nan),
        ([1, 2, 5, 8], END, {"wrong_start": 1}, 0, 1, 0),
        ([], END, {"wrong_start": 1}, 0, 0, 0),
        ([0, 1, 2], END, {}, 1, 0, np.nan),
    ],
)
def test_a_broken_path_hits_its_own_metric(cells, ended, flaw, valid, reached, legal_steps):
    values = measured(TREE, cells, ended)
    assert flaws(values) == flaw
    assert (values["exact"], values["optimal"], values["valid"], values["target_reached"]) == (0, 0, valid, reached)
    np.testing.assert_equal(values["steps_until_invalid"], float(legal_steps))


def test_going_round_a_ring_revisits_without_backtracking():
    maze, solution = mazes.parse_text(RING)
    maze = MazeBatch(maze.passages, np.array([1]), np.array([2]))
    path = one_path([1, 0, 3, 4, 1, 2])
    found = {name: METRICS[name](maze, path, solution)[0] for name in (*FLAWS, "valid")}
    assert {name: value for name, value in found.items() if value} == {"revisit": 1, "valid": True}


def test_on_a_ring_the_other_shortest_path_is_optimal_but_not_exact():
    values = measured(RING, [0, 3, 4])
    assert (values["exact"], values["optimal"], values["valid"], values["target_reached"]) == (0, 1, 1, 1)
    assert (values["first_fork"], values["fork_accuracy"]) == (1, 1), "both ways on from the start are right"
    assert values["node_overlap"] == pytest.approx(2 / 4)


@pytest.mark.parametrize(
    ("cells", "first", "accuracy"),
    [
        ([0, 1, 2, 5, 8], 1, 1),
        ([0, 1, 2, 5, 4], 1, 1 / 2),  # right at cell 0, wrong at cell 5
        ([0, 3, 6, 7], 0, 0),  # wrong at once; what comes later is no longer on the solution
        ([0, 1, 4, 5, 8], 1, 1),  # cell 5 is reached, but not along the solution
        ([0, 1, 2, 5], 1, 1 / 2),  # to stop at a fork is not right
        ([1, 2, 5, 8], 0, 0),  # never on the solution
        ([], 0, 0),
    ],
)
def test_forks_count_while_the_path_is_on_the_solution(cells, first, accuracy):
    values = measured(TREE, cells)
    assert (values["first_fork"], values["fork_accuracy"]) == (first, accuracy)


def test_a_corridor_has_no_fork_to_measure():
    values = measured(CORRIDOR, [0, 1, 2])
    assert np.isnan(values["first_fork"])
    assert np.isnan(values["fork_accuracy"])
    assert values["exact"] == 1


def test_node_overlap_counts_cells_once():
    assert measured(CORRIDOR, [0, 1, 0, 1])["node_overlap"] == pytest.approx(2 / 3)


def test_paths_without_room_for_a_cell_are_measured():
    maze, solution = mazes.parse_text(TREE)
    empty = PathBatch(np.empty((1, 0), np.int32), np.array([0]), np.array([INVALID]))
    values = {name: float(metric(maze, empty, solution)[0]) for name, metric in METRICS.items()}
    assert flaws(values) == {"wrong_start": 1, "invalid_token": 1}
    assert values["node_overlap"] == 0


def test_shares_are_yes_or_no():
    world = mazes.World("depth_first", 4, 4, {}, 2)
    batch = mazes.draw(world, 20, seed=0)
    solutions = mazes.solve(batch)
    for name in SHARES:
        values = SHARES[name](batch, solutions, solutions)
        assert set(np.unique(values[~np.isnan(values)])) <= {0, 1}, name
    assert not set(SHARES) & set(AMOUNTS)


@st.composite
def walked_trees(draw):
    """(mazes, paths, solutions): four trees and, for each, the solution with a few cells and its ending changed."""
    seed = draw(st.integers(0, 2**32))
    batch = mazes.draw(mazes.World("depth_first", 4, 4, {}, 2), 4, seed=seed)
    solutions = mazes.solve(batch)
    width = solutions.cells.shape[1] + 2
    cells = np.pad(solutions.cells, ((0, 0), (0, 2)), constant_values=NO_CELL)
    for maze in range(4):
        for _ in range(draw(st.integers(0, 2))):
            cells[maze, draw(st.integers(0, width - 1))] = draw(st.integers(0, 15))
    length = np.array([draw(st.sampled_from([int(n), int(n), draw(st.integers(0, width))])) for n in solutions.length])
    cells = np.where((np.arange(width) < length[:, None]) & (cells == NO_CELL), 0, cells)
    cells[np.arange(width) >= length[:, None]] = NO_CELL
    ended = np.array([draw(st.sampled_from([END, END, INVALID, CUT])) for _ in range(4)])
    return batch, PathBatch(cells, length, ended), solutions


@settings(max_examples=200, deadline=None)
@given(walked_trees())
def test_what_follows_from_what_on_trees(walk):
    batch, paths, solutions = walk
    value = {name: metric(batch, paths, solutions) for name, metric in METRICS.items()}
    np.testing.assert_array_equal(value["exact"], value["optimal"])  # a tree has one shortest path
    assert (value["valid"] & value["target_reached"])[value["optimal"]].all()
    lawless = (value["jump"] + value["wall"] > 0) | value["wrong_start"]
    np.testing.assert_array_equal(value["valid"], ~lawless)
    stays_legal = np.isnan(value["steps_until_invalid"])
    np.testing.assert_array_equal(stays_legal, value["valid"] & ~value["invalid_token"])
    assert (value["node_overlap"][value["exact"]] == 1).all()
    forked = ~np.isnan(value["fork_accuracy"])
    assert (value["fork_accuracy"][forked & value["exact"]] == 1).all()
    assert (value["first_fork"][forked] >= (value["fork_accuracy"][forked] == 1)).all()
    moves = np.maximum(paths.length - 1, 0)
    assert (value["jump"] + value["wall"] + value["backtrack"] + value["revisit"] <= moves).all()
