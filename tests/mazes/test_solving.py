"""Distances, path counts and paths agree with networkx, and ties are broken fairly."""

from collections import Counter

import networkx as nx
import numpy as np
import pytest
from hypothesis import given

from maze_interp import mazes
from tests import oracles


def shortest_paths(batch: mazes.MazeBatch, i: int) -> list[list[int]]:
    """All shortest paths of one maze, none if the goal cannot be reached."""
    graph, start, goal = oracles.graph(batch.passages[i]), int(batch.start[i]), int(batch.goal[i])
    return list(nx.all_shortest_paths(graph, start, goal)) if nx.has_path(graph, start, goal) else []


def drawn(paths: mazes.PathBatch) -> list[tuple[int, ...]]:
    return [tuple(cells[:length].tolist()) for cells, length in zip(paths.cells, paths.length, strict=True)]


@oracles.repeatable
@given(oracles.any_mazes())
def test_distances_are_those_of_networkx(batch: mazes.MazeBatch) -> None:
    found = mazes.distances(batch.passages, batch.goal)
    for maze, goal, steps in zip(batch.passages, batch.goal, found, strict=True):
        expected = nx.single_source_shortest_path_length(oracles.graph(maze), int(goal))
        assert steps.tolist() == [expected.get(cell, -1) for cell in range(len(steps))]


@oracles.repeatable
@given(oracles.any_mazes(longest=4))
def test_counts_and_cells_of_shortest_paths_are_those_of_networkx(batch: mazes.MazeBatch) -> None:
    counts, visited = mazes.shortest_path_counts(batch), mazes.on_shortest_path(batch)
    for i in range(len(batch)):
        paths = shortest_paths(batch, i)
        assert counts[i] == len(paths)
        assert set(np.flatnonzero(visited[i])) == set().union(*paths)


@oracles.repeatable
@given(oracles.any_mazes(longest=4))
def test_a_solution_is_a_shortest_path(batch: mazes.MazeBatch) -> None:
    reachable = mazes.shortest_path_counts(batch) > 0
    solutions = mazes.solve(batch[reachable])
    for i, path in zip(np.flatnonzero(reachable), drawn(solutions), strict=True):
        assert list(path) in shortest_paths(batch, i)
    past_the_end = np.arange(solutions.cells.shape[1]) >= solutions.length[:, None]
    assert (solutions.cells[past_the_end] == mazes.NO_CELL).all()
    assert (solutions.ended == mazes.END).all()
    assert solutions.cells.shape[1] == solutions.length.max(initial=0)


@pytest.mark.parametrize(("start", "goal", "paths"), [(0, 11, 10), (8, 2, 6), (4, 5, 1), (3, 8, 10)])
def test_every_shortest_path_across_an_open_field_is_equally_likely(start: int, goal: int, paths: int) -> None:
    """Chi-square over 20,000 draws; a correct draw fails with probability below 1e-4.

    A walker that chose fairly at each step would take the paths along the border twice to four times too often.
    """
    passages = mazes.generate("open_field", 20_000, 3, 4, seed=0)
    batch = mazes.MazeBatch(passages, np.full(20_000, start), np.full(20_000, goal))
    counts = Counter(drawn(mazes.solve(batch, seed=1)))
    assert len(counts) == paths == mazes.shortest_path_counts(batch)[0]
    if paths > 1:
        assert abs(oracles.chi_square_z(counts.values(), np.ones(paths))) < 4


def test_ties_in_mazes_with_cycles_are_fair_too() -> None:
    """Each of these mazes has its own number of shortest paths; the sum of all their chi-squares is as it should be."""
    passages = mazes.generate("depth_first_percolation", 40, 4, 4, seed=8, p=0.6)
    corner = np.zeros(40, dtype=np.int32)
    scores = []
    for i, paths in enumerate(mazes.shortest_path_counts(mazes.MazeBatch(passages, corner, corner + 15))):
        alike = oracles.repeated(passages[i : i + 1], 1_000)
        solutions = mazes.solve(mazes.MazeBatch(alike, np.zeros(1_000, int), np.full(1_000, 15)), seed=i)
        counts = Counter(drawn(solutions))
        assert len(counts) == paths
        if paths > 1:
            scores.append(oracles.chi_square_z(counts.values(), np.ones(int(paths))))
    assert len(scores) > 10
    assert abs(np.mean(scores)) < 4 / np.sqrt(len(scores))


def test_the_seed_decides_between_ties_only() -> None:
    trees = mazes.generate("wilson", 50, 5, 6, seed=1)
    cyclic = mazes.generate("open_field", 50, 5, 6, seed=1)
    ends = mazes.draw_endpoints(trees, seed=1)
    tree_batch, cyclic_batch = mazes.MazeBatch(trees, *ends), mazes.MazeBatch(cyclic, *ends)
    assert drawn(mazes.solve(tree_batch, seed=1)) == drawn(mazes.solve(tree_batch, seed=2))
    assert drawn(mazes.solve(cyclic_batch, seed=1)) != drawn(mazes.solve(cyclic_batch, seed=2))
    whole = drawn(mazes.solve(cyclic_batch, seed=1))
    assert drawn(mazes.solve(cyclic_batch[20:], seed=1, first=20)) == whole[20:]


def test_path_counts_of_an_open_field_are_binomial() -> None:
    batch = mazes.MazeBatch(mazes.generate("open_field", 1, 20, 20, seed=0), np.array([0]), np.array([399]))
    assert mazes.shortest_path_counts(batch)[0] == 35_345_263_800  # 38 choose 19
    assert mazes.on_shortest_path(batch).all()


def test_a_missing_way_is_an_error_that_names_the_maze() -> None:
    passages = mazes.generate("open_field", 3, 2, 2, seed=0)
    passages[1] = False
    batch = mazes.MazeBatch(passages, np.array([0, 0, 0]), np.array([3, 3, 3]))
    with pytest.raises(ValueError, match="maze 1: no path leads from start 0 to goal 3"):
        mazes.solve(batch)
    assert mazes.shortest_path_counts(batch).tolist() == [2, 0, 2]


@pytest.mark.parametrize(("start", "goal", "what"), [(mazes.NO_CELL, 3, "start"), (0, 4, "goal")])
def test_a_missing_end_is_an_error_that_names_the_maze(start: int, goal: int, what: str) -> None:
    passages = mazes.generate("open_field", 2, 2, 2, seed=0)
    with pytest.raises(ValueError, match=f"maze 1 has no {what}"):
        mazes.solve(mazes.MazeBatch(passages, np.array([0, start]), np.array([3, goal])))


def test_a_maze_without_endpoints_has_no_distances_and_no_shortest_path() -> None:
    passages = mazes.generate("open_field", 2, 2, 3, seed=0)
    nowhere = np.full(2, mazes.NO_CELL)
    batch = mazes.MazeBatch(passages, nowhere, nowhere)
    assert (mazes.distances(passages, nowhere) == -1).all()
    assert not mazes.shortest_path_counts(batch).any()
    assert not mazes.on_shortest_path(batch).any()
    with pytest.raises(ValueError, match=r"source of maze 0 must be a cell in \[0, 6\) or NO_CELL"):
        mazes.distances(passages, np.array([6, 0]))
