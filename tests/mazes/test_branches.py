"""What lies behind a way is what networkx finds there once the cell is taken out."""

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maze_interp import mazes
from maze_interp.mazes import NEVER, NO_CELL, MazeBatch
from tests import oracles


def counted(graph: nx.Graph, goal: int, unit: str) -> set[int]:
    """The cells that count as a step."""
    return {cell for cell in graph if unit == "cells" or graph.degree[cell] != 2 or cell == goal}


def expected(graph: nx.Graph, cell: int, near: int, goal: int, unit: str) -> tuple[int, int, int, int]:
    """(size, depth, goal, rounds) of one open way."""
    costs = oracles.costs_behind(graph, cell, near, counted(graph, goal, unit))
    rounds = NEVER
    for number, left in enumerate(oracles.filled(graph, {cell, goal}, corridors=unit == "forks"), start=1):
        rounds = number if near not in left and rounds == NEVER else rounds
    return len(costs), max(1, *costs.values()), costs.get(goal, NEVER), rounds


def found(behind: mazes.Branches, *where: int) -> tuple[int, int, int, int]:
    """(size, depth, goal, rounds) as the library has them."""
    size, depth, goal, rounds = (int(one[where]) for one in (behind.size, behind.depth, behind.goal, behind.rounds))
    return size, depth, goal, rounds


@pytest.mark.parametrize("unit", ["cells", "forks"])
@oracles.few
@given(batch=oracles.any_mazes(longest=4))
def test_branches_are_those_of_networkx(unit: str, batch: MazeBatch) -> None:
    behind = mazes.branches(batch, unit=unit)
    for i, goal in enumerate(batch.goal.tolist()):
        graph = oracles.graph(batch.passages[i])
        for cell, way in np.ndindex(len(graph), 4):
            row, col = cell // batch.cols + (way == 0) - (way == 2), cell % batch.cols + (way == 1) - (way == 3)
            near = row * batch.cols + col
            closed = col not in range(batch.cols) or not graph.has_edge(cell, near)
            assert found(behind, i, cell, way) == (
                (0, 0, NEVER, NEVER) if closed else expected(graph, cell, near, goal, unit)
            )


@oracles.few
@given(st.sampled_from(["wilson", "depth_first"]), st.integers(0, 1000), st.sampled_from(["cells", "forks"]))
def test_the_ways_out_of_a_cell_of_a_tree_share_it_among_them(generator: str, seed: int, unit: str) -> None:
    """One way leads to the goal; the others close, cell by cell in as many rounds as they are deep, else in fewer."""
    trees = mazes.draw(mazes.World(generator, 5, 6), 5, seed=seed)
    behind = mazes.branches(trees, unit=unit)
    assert (behind.size.sum(axis=-1) == 5 * 6 - 1).all()
    to_goal = mazes.distances(trees.passages, trees.goal)
    assert np.array_equal((behind.goal != NEVER).sum(axis=-1), to_goal != 0)
    if unit == "cells":
        assert np.array_equal(behind.goal.max(axis=-1)[to_goal > 0], to_goal[to_goal > 0])
    closes = behind.rounds != NEVER
    assert np.array_equal(closes, (behind.goal == NEVER) & (behind.size > 0))
    spared = behind.depth[closes] - behind.rounds[closes]
    assert (spared == 0 if unit == "cells" else spared >= 0).all()


def test_corridors_are_free_between_forks_by_hand() -> None:
    """A corridor from 0 to the fork 2, then to the goal at 4 or round a corner into a dead end.

    0-1-2-3-4
        |
      6-7
    """
    passages = oracles.passages_of([(0, 1), (1, 2), (2, 3), (3, 4), (2, 7), (7, 6)], 2, 5)
    maze = MazeBatch(passages, np.array([0]), np.array([4]))
    cells, forks = (mazes.branches(maze, unit=unit) for unit in ("cells", "forks"))
    assert found(cells, 0, 0, 1) == (6, 4, 4, NEVER)
    assert found(forks, 0, 0, 1) == (6, 2, 2, NEVER)
    assert found(cells, 0, 3, 3) == (5, 3, NEVER, 3)
    assert found(forks, 0, 3, 3) == (5, 2, NEVER, 2)
    assert found(cells, 0, 2, 0) == (2, 2, NEVER, 2)
    assert found(forks, 0, 2, 0) == (2, 1, NEVER, 1)


def test_a_corridor_back_to_the_cell_is_no_dead_end() -> None:
    ring = MazeBatch(mazes.generate("open_field", 1, 2, 2, seed=0), np.array([0]), np.array([NO_CELL]))
    behind = mazes.branches(ring, unit="forks")
    assert [found(behind, 0, 0, way) for way in range(2)] == [(3, 1, NEVER, NEVER)] * 2


def test_without_a_goal_every_way_of_a_tree_closes() -> None:
    trees = mazes.draw(mazes.World("wilson", 5, 5), 20, seed=0)
    nowhere = np.full(20, NO_CELL)
    behind = mazes.branches(MazeBatch(trees.passages, nowhere, nowhere))
    assert (behind.goal == NEVER).all()
    assert np.array_equal(behind.rounds != NEVER, behind.size > 0)
    with pytest.raises(ValueError, match=r"goal of maze 3 must be a cell in \[0, 25\) or NO_CELL"):
        mazes.branches(MazeBatch(trees.passages, nowhere, np.where(np.arange(20) == 3, 25, 0)))


def test_seen_from_some_cells_only_these_are_as_ever() -> None:
    batch = mazes.draw(mazes.World("percolation", 4, 5, {"p": 0.6}), 20, seed=0)
    everywhere = mazes.branches(batch)
    assert np.array_equal(everywhere.size > 0, mazes.topology.open_ways(batch.passages))
    at = np.random.default_rng(0).random((20, 4 * 5)) < 0.5
    some = mazes.branches(batch, at=at)
    for name, closed in {"size": 0, "depth": 0, "goal": NEVER, "rounds": NEVER}.items():
        whole, part = getattr(everywhere, name), getattr(some, name)
        assert np.array_equal(part, np.where(at[..., None], whole, closed))
    with pytest.raises(ValueError, match="broadcast"):
        mazes.branches(batch, at=at[:, 1:])


def test_an_unknown_unit_is_refused() -> None:
    trees = mazes.draw(mazes.World("wilson", 3, 3), 1, seed=0)
    with pytest.raises(ValueError, match="unknown unit of search 'fork'; did you mean 'forks'"):
        mazes.branches(trees, unit="fork")
