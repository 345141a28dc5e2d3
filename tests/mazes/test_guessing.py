"""The chance to guess a shortest path is that of the walks which are drawn, and the one written out path by path."""

import networkx as nx
import numpy as np
import pytest
from hypothesis import given

from maze_interp import behaviour, mazes
from maze_interp.mazes import NO_CELL, MazeBatch, guessing
from tests import oracles


@oracles.repeatable
@given(oracles.any_mazes(longest=4))
def test_chances_add_up_over_shortest_paths_and_the_fewest_turns_count(batch: MazeBatch) -> None:
    chances, straightest = mazes.baseline_success(batch), guessing.fewest_turns(batch)
    for i, (start, goal) in enumerate(zip(batch.start.tolist(), batch.goal.tolist(), strict=True)):
        graph = oracles.graph(batch.passages[i])
        paths = [*nx.all_shortest_paths(graph, start, goal)] if nx.has_path(graph, start, goal) else []
        assert chances[i] == pytest.approx(sum(oracles.guessed(graph, path) for path in paths), rel=1e-12)
        assert straightest[i] == min((oracles.turns(path, batch.cols) for path in paths), default=0)


def test_the_chance_of_one_path_is_the_product_over_its_decisions() -> None:
    batch = mazes.draw(mazes.World("percolation", 5, 5, {"p": 0.7}), 50, seed=0)
    paths = mazes.solve(batch, seed=1)
    found, expected = mazes.decisions(batch, paths), np.ones(50)
    np.multiply.at(expected, found.maze, 1 / found.exits)
    np.testing.assert_allclose(mazes.baseline_success(batch, paths), expected, rtol=1e-12)
    assert (mazes.baseline_success(batch, paths) <= mazes.baseline_success(batch) * (1 + 1e-12)).all()


def test_without_cycles_guessers_arrive_as_often_as_foretold() -> None:
    """2,000 walks through each of 20 trees; all lie within 4.5 standard errors, but for once in 7,000 times."""
    trees = mazes.draw(mazes.World("wilson", 4, 4), 20, seed=3)
    foretold = mazes.baseline_success(trees)
    assert np.array_equal(foretold, mazes.baseline_success(trees, mazes.solve(trees)))
    arrived = guess(trees[np.repeat(np.arange(20), 2_000)], np.random.default_rng(0)).reshape(20, 2_000).mean(axis=1)
    error = np.sqrt(foretold * (1 - foretold) / 2_000)
    assert (abs(arrived - foretold) <= 4.5 * error).all()
    assert len(np.unique(foretold)) > 5


def guess(batch: MazeBatch, generator: np.random.Generator) -> np.ndarray:
    """One walk through each maze that never turns back, guessing: does it arrive?"""
    around, maze = behaviour.neighbours.connected(batch.passages), np.arange(len(batch))
    came, here = np.full(len(batch), NO_CELL), batch.start.astype(np.int64)
    for _ in range(around.shape[1]):
        ways = around[maze, here]
        onward = (ways != NO_CELL) & (ways != came[:, None])
        way = np.where(onward, generator.random(ways.shape), -1).argmax(axis=1)
        goes = (here != batch.goal) & onward.any(axis=1)
        came, here = np.where(goes, here, came), np.where(goes, ways[maze, way], here)
    return here == batch.goal


def test_without_ends_there_is_no_chance_and_a_wrong_path_is_named() -> None:
    trees = mazes.draw(mazes.World("wilson", 4, 4), 3, seed=0)
    nowhere = np.full(3, NO_CELL)
    assert not mazes.baseline_success(MazeBatch(trees.passages, nowhere, nowhere)).any()
    arrived = MazeBatch(trees.passages, trees.goal, trees.goal)
    assert (mazes.baseline_success(arrived) == 1).all()
    assert (mazes.baseline_success(arrived, mazes.solve(arrived)) == 1).all()
    with pytest.raises(ValueError, match="the path of maze 0 is no shortest path"):
        mazes.baseline_success(trees, mazes.solve(arrived))
