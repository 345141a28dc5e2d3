"""The generators of trees follow the laws their docstrings state, on lattices small enough to follow every choice.

40,000 mazes a test under fixed seeds; a correct generator would fail with probability below 1e-4 per test.
"""

from typing import Any

import networkx as nx
import numpy as np
import pytest

from maze_interp import mazes
from tests import laws, oracles

COUNT = 40_000


def drawn(name: str, rows: int, cols: int, **knobs: Any) -> np.ndarray:
    return mazes.generate(name, COUNT, rows, cols, seed=3, **knobs)


@pytest.mark.parametrize(
    ("name", "rows", "cols", "knobs"),
    [
        ("random_frontier", 3, 3, {}),
        ("random_frontier", 2, 4, {}),
        ("growing_tree", 2, 3, {"newest": 0.5, "random": 0.5, "oldest": 0.0}),
        ("growing_tree", 3, 3, {"newest": 0.2, "random": 0.5, "oldest": 0.3}),
        ("growing_tree", 3, 3, {"newest": 0.0, "random": 1.0, "oldest": 0.0}),
        ("growing_tree", 3, 3, {"newest": 0.0, "random": 0.0, "oldest": 1.0}),
        ("hunt_and_kill", 3, 3, {}),
        ("hunt_and_kill", 2, 4, {}),
        ("recursive_division", 3, 3, {"longer_side": True}),
        ("recursive_division", 2, 4, {"longer_side": True}),
        ("recursive_division", 3, 3, {"longer_side": False}),
        ("recursive_division", 4, 2, {"longer_side": False}),
        ("binary_tree", 3, 4, {"up": 0.5}),
        ("binary_tree", 4, 3, {"up": 0.8}),
        ("sidewinder", 3, 3, {"close": 0.5}),
        ("sidewinder", 2, 5, {"close": 0.3}),
        ("eller", 3, 3, {"right": 0.5, "down": 0.5}),
        ("eller", 3, 3, {"right": 0.7, "down": 0.2}),
        ("eller", 4, 2, {"right": 0.3, "down": 0.9}),
    ],
)
def test_a_generator_follows_its_law(name: str, rows: int, cols: int, knobs: dict[str, Any]) -> None:
    """The law is a law: its mazes are trees and their probabilities sum to 1. The sample fits it."""
    law = getattr(laws, name)(rows, cols, **knobs)
    assert sum(law.values()) == pytest.approx(1)
    assert all(nx.is_tree(oracles.graph(oracles.passages_of(maze, rows, cols)[0])) for maze in law)
    assert laws.z(drawn(name, rows, cols, **knobs), law) < 4


@pytest.mark.parametrize("name", ["kruskal", "prim"])
@pytest.mark.parametrize(("rows", "cols"), [(2, 3), (3, 3)])
def test_kruskal_and_prim_draw_the_minimum_spanning_tree_of_random_weights(name: str, rows: int, cols: int) -> None:
    assert laws.z(drawn(name, rows, cols), laws.kruskal(rows, cols)) < 4


def test_the_law_of_kruskal_is_that_of_minimum_spanning_trees() -> None:
    """Over all 5,040 orders of the seven weights of a 2 x 3 lattice."""
    assert laws.kruskal(2, 3) == pytest.approx(laws.minimum_spanning_tree(2, 3))


def test_the_laws_can_be_told_apart() -> None:
    """Neither the uniform law nor a random frontier passes for minimum spanning trees: the controls of the above."""
    assert laws.z(drawn("wilson", 3, 3), laws.kruskal(3, 3)) > 10
    assert laws.z(drawn("random_frontier", 3, 3), laws.kruskal(3, 3)) > 10
    assert laws.z(drawn("growing_tree", 3, 3, newest=0, random=1), laws.random_frontier(3, 3)) > 10
    assert laws.z(drawn("prim", 3, 3), laws.random_frontier(3, 3)) > 10


def test_a_growing_tree_that_takes_the_newest_is_depth_first() -> None:
    law = oracles.depth_first_law(3, 3, forks=True)
    assert laws.z(drawn("growing_tree", 3, 3, newest=1, random=0), law) < 4


def test_at_the_ends_of_their_knobs_row_by_row_generators_draw_combs() -> None:
    """The columns are the teeth and the first row is the back; in the case of Eller it is the last."""
    comb = np.zeros((1, 2, 4, 5), dtype=bool)
    comb[:, mazes.DOWN, :-1] = True
    comb[:, mazes.RIGHT, 0, :-1] = True
    assert np.array_equal(mazes.generate("binary_tree", 1, 4, 5, seed=0, up=1), comb)
    assert np.array_equal(mazes.generate("sidewinder", 1, 4, 5, seed=0, close=1), comb)
    comb[:, mazes.RIGHT] = comb[:, mazes.RIGHT, ::-1]
    assert np.array_equal(mazes.generate("eller", 1, 4, 5, seed=0, right=0), comb)
    rungs = mazes.generate("eller", 200, 4, 5, seed=0, right=1, down=0)
    assert (rungs[:, mazes.DOWN].sum(axis=2)[:, :-1] == 1).all()
    assert np.array_equal(rungs[0, mazes.RIGHT], oracles.inside(4, 5)[mazes.RIGHT])


@pytest.mark.parametrize("knobs", [{"newest": 1.0}, {"newest": 0.2, "random": 0.2, "oldest": 0.2}])
def test_shares_must_sum_to_one(knobs: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"must sum to 1, but .* \+ .* \+ .* = (1\.5|0\.6)"):
        mazes.generate("growing_tree", 1, 3, 3, seed=0, **knobs)


def test_shares_may_be_rounded() -> None:
    mazes.generate("growing_tree", 1, 3, 3, seed=0, newest=0.1, random=0.2, oldest=0.7)
    mazes.World("growing_tree", knobs={"newest": 1 / 3, "random": 1 / 3, "oldest": 1 / 3})
    with pytest.raises(ValueError, match="must lie in"):
        mazes.World("growing_tree", knobs={"newest": 1.5, "random": -0.5})
