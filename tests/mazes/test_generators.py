"""Every generator keeps its word: shape, promise, determinism, and the distribution where one is stated.

Random tests use fixed seeds; their thresholds would fail a correct generator with probability below 1e-4 per test.
"""

from typing import Any

import networkx as nx
import numpy as np
import pytest
from jaxtyping import TypeCheckError

from maze_interp import mazes
from maze_interp.mazes.generators import settle
from tests import laws, oracles

LATTICES = [(1, 2), (2, 1), (1, 6), (5, 1), (2, 2), (3, 3), (4, 6), (6, 4)]
VARIANTS: list[tuple[str, dict[str, Any]]] = [(name, {}) for name in mazes.GENERATORS] + [
    ("depth_first", {"forks": False}),
    ("depth_first", {"accessible_cells": 2}),
    ("depth_first", {"max_depth": 9, "start": 1}),
    ("percolation", {"p": 0.0}),
    ("percolation", {"p": 1}),
    ("depth_first_percolation", {"p": 0.5}),
    ("growing_tree", {"newest": 0.2, "random": 0.3, "oldest": 0.5}),
    ("recursive_division", {"longer_side": False}),
    ("binary_tree", {"up": 0.55}),
    ("sidewinder", {"close": 0.2}),
    ("eller", {"right": 0.3, "down": 0.3}),
    ("braided", {"share": 1.0}),
    ("open_field_with_obstacle", {"height": 1, "col": 0}),
    ("spiral", {"orientation": 3}),
    ("serpentine", {"orientation": 3}),
    ("rooms_and_doors", {"height": 1, "width": 2}),
    ("rooms_and_doors", {"extra_doors": 1.0}),
]
every_variant = pytest.mark.parametrize(("name", "knobs"), VARIANTS)
FEW: list[tuple[str, dict[str, Any], int]] = [  # all the mazes a variant knows at 6 x 6, where 60 may agree
    ("open_field", {}, 1),
    ("percolation", {"p": 0.0}, 1),
    ("percolation", {"p": 1}, 1),
    ("depth_first", {"accessible_cells": 2}, 60),
    ("open_field_with_obstacle", {}, 16),
    ("open_field_with_obstacle", {"height": 1, "col": 0}, 6),
    ("spiral", {}, 8),
    ("spiral", {"orientation": 3}, 1),
    ("serpentine", {}, 4),
    ("serpentine", {"orientation": 3}, 1),
    ("rooms_and_doors", {}, 192 * 2**8),
    ("rooms_and_doors", {"extra_doors": 1.0}, 2**12),
]


@every_variant
@pytest.mark.parametrize(("rows", "cols"), LATTICES)
def test_the_promise_is_kept_inside_the_border(name: str, knobs: dict[str, Any], rows: int, cols: int) -> None:
    generator = mazes.GENERATORS[name]
    if rows < generator.minimum[0] or cols < generator.minimum[1]:
        with pytest.raises(ValueError, match="at least"):
            mazes.generate(name, 1, rows, cols, seed=5, **knobs)
        return
    passages = mazes.generate(name, 30, rows, cols, seed=5, **knobs)
    assert passages.shape == (30, 2, rows, cols)
    assert not (passages & ~oracles.inside(rows, cols)).any()
    holds = {mazes.SPANNING_TREE: nx.is_tree, mazes.CONNECTED: nx.is_connected, mazes.NEITHER: nx.Graph.size}
    promise = generator.promise(**settle(name, rows, cols, knobs))
    if promise != mazes.NEITHER:
        assert all(holds[promise](oracles.graph(maze)) for maze in passages)


@every_variant
def test_a_maze_depends_on_its_seed_and_index_alone(name: str, knobs: dict[str, Any]) -> None:
    whole = mazes.generate(name, 40, 5, 7, seed=9, **knobs)
    assert np.array_equal(mazes.generate(name, 40, 5, 7, seed=9, **knobs), whole)
    assert np.array_equal(mazes.generate(name, 40, 5, 7, seed=9, threads=3, **knobs), whole)
    assert np.array_equal(mazes.generate(name, 2, 5, 7, seed=9, threads=5, **knobs), whole[:2])
    for first, count in ((0, 1), (13, 1), (7, 33)):
        part = mazes.generate(name, count, 5, 7, seed=9, first=first, threads=2, **knobs)
        assert np.array_equal(part, whole[first : first + count])


@every_variant
def test_other_seeds_and_indices_give_other_mazes(name: str, knobs: dict[str, Any]) -> None:
    """Unless the generator knows too few. Two of these 60 mazes agree with probability below 1e-4."""
    one, other = (mazes.generate(name, 30, 6, 6, seed=seed, **knobs) for seed in (1, 2))
    different = len(np.unique(np.concatenate((one, other)), axis=0))
    few = [count for other_name, other_knobs, count in FEW if (other_name, other_knobs) == (name, knobs)]
    assert different == 60 if not few else min(2, few[0]) <= different <= few[0]


@pytest.mark.parametrize("name", [name for name, generator in mazes.GENERATORS.items() if generator.uniform])
def test_a_uniform_generator_draws_every_spanning_tree_alike(name: str) -> None:
    """All 192 spanning trees of 3 x 3 occur alike in 40,000 mazes."""
    counts = laws.counted(mazes.generate(name, 40_000, 3, 3, seed=2))
    assert len(counts) == oracles.spanning_tree_count(3, 3) == 192
    assert abs(oracles.chi_square_z(counts.values(), np.ones(192))) < 4


def test_depth_first_is_not_uniform_over_spanning_trees() -> None:
    counts = laws.counted(mazes.generate("depth_first", 40_000, 3, 3, seed=2))
    assert oracles.chi_square_z(counts.values(), np.ones(len(counts))) > 40


@pytest.mark.parametrize(
    ("rows", "cols", "knobs"),
    [
        (2, 3, {}),
        (3, 3, {}),
        (3, 2, {"forks": False}),
        (3, 3, {"forks": False}),
        (3, 3, {"accessible_cells": 5}),
        (3, 3, {"max_depth": 3}),
        (2, 3, {"max_depth": 1}),
        (3, 3, {"start": 1}),
        (3, 3, {"forks": False, "max_depth": 4, "start": 0}),
        (3, 3, {"accessible_cells": 7, "max_depth": 3, "start": 4}),
    ],
)
def test_depth_first_follows_its_law(rows: int, cols: int, knobs: dict[str, Any]) -> None:
    """Against the exact probability of every maze, by enumeration of every choice the walk can make."""
    law = oracles.depth_first_law(rows, cols, **knobs)
    assert laws.z(mazes.generate("depth_first", 40_000, rows, cols, seed=3, **knobs), law) < 4


def test_percolation_opens_passages_independently() -> None:
    """All 2**7 mazes of a 2 x 3 lattice occur as often as seven independent coins say."""
    ends = mazes.edge_ends(2, 3)[mazes.edge_ids(2, 3)].tolist()
    subsets = [frozenset(tuple(ends[k]) for k in range(7) if bits >> k & 1) for bits in range(128)]
    law = {subset: 0.3 ** len(subset) * 0.7 ** (7 - len(subset)) for subset in subsets}
    assert abs(laws.z(mazes.generate("percolation", 100_000, 2, 3, seed=4, p=0.3), law)) < 4


def test_percolation_is_nested_in_p_and_ends_in_the_open_field() -> None:
    thin, thick, full = (mazes.generate("percolation", 50, 5, 6, seed=6, p=p) for p in (0.3, 0.6, 1.0))
    assert not (thin & ~thick).any()
    assert thin.sum() < thick.sum()
    assert np.array_equal(full, mazes.generate("open_field", 50, 5, 6, seed=0))


def test_depth_first_percolation_adds_to_the_depth_first_tree() -> None:
    """At p = 0.4 each of the 20 closed passages of a 5 x 6 tree opens with that probability, within 4 deviations."""
    tree = mazes.generate("depth_first", 500, 5, 6, seed=6)
    cycles = mazes.generate("depth_first_percolation", 500, 5, 6, seed=6, p=0.4)
    assert np.array_equal(mazes.generate("depth_first_percolation", 500, 5, 6, seed=6, p=0.0), tree)
    assert not (tree & ~cycles).any()
    closed = 500 * 20
    assert abs((cycles & ~tree).sum() - 0.4 * closed) < 4 * np.sqrt(closed * 0.4 * 0.6)


def test_without_forks_a_maze_is_one_corridor_that_stops_where_it_is_stuck() -> None:
    passages = mazes.generate("depth_first", 300, 4, 5, seed=7, forks=False)
    field = oracles.graph(mazes.generate("open_field", 1, 4, 5, seed=0)[0])
    assert not mazes.forks(passages).any()
    assert (mazes.degrees(passages) == 0).any()
    for maze in passages:
        graph = oracles.graph(maze)
        corridor = oracles.largest_component(maze)
        assert nx.is_tree(graph.subgraph(corridor))
        assert nx.number_connected_components(graph) == 20 - len(corridor) + 1
        ends = [cell for cell in corridor if graph.degree(cell) == 1]
        assert len(ends) == 2
        assert any(corridor.issuperset(field[end]) for end in ends)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("depth_frist", {}, "unknown generator 'depth_frist'; did you mean 'depth_first'"),
        ("percolation", {"q": 0.5}, "unknown knob of percolation 'q'"),
        ("depth_first", {"fork": False}, "did you mean 'forks'"),
        ("wilson", {"p": 0.5}, "unknown knob of wilson 'p'"),
        ("percolation", {"p": 1.01}, r"p of percolation must lie in \[0.0, 1.0\], not 1.01"),
        ("percolation", {"p": -0.1}, "must lie in"),
        ("depth_first_percolation", {"p": float("nan")}, "must lie in"),
        ("percolation", {"p": "half"}, "p of percolation must be a float, not 'half'"),
        ("percolation", {"p": True}, "must be a float"),
        ("depth_first", {"forks": 1}, "forks of depth_first must be a bool, not 1"),
        ("depth_first", {"accessible_cells": 10}, "accessible_cells .* the 9 cells of the 3 x 3 lattice, not 10"),
        ("depth_first", {"accessible_cells": 1}, "0 .all. or from 2 to the 9 cells"),
        ("depth_first", {"start": 9}, "a cell of the 3 x 3 lattice, 0 to 8, not 9"),
        ("depth_first", {"start": -2}, "start of depth_first must be -1 .uniform. or"),
        ("depth_first", {"max_depth": -1}, "max_depth of depth_first must be 0 .no limit. or more, not -1"),
        ("wilson", {"rows": 1, "cols": 1}, "at least 2 cells"),
        ("wilson", {"rows": 0}, "rows must be at least 1, not 0"),
        ("wilson", {"cols": -3}, "cols must be at least 1, not -3"),
        ("wilson", {"count": -1}, "count must be at least 0"),
        ("wilson", {"first": -1}, "first must be at least 0"),
        ("wilson", {"threads": 0}, "threads must be at least 1"),
        ("wilson", {"rows": True}, "rows must be an integer"),
    ],
)
def test_bad_input_is_named(name: str, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mazes.generate(name, **({"count": 2, "rows": 3, "cols": 3, "seed": 0} | arguments))


@pytest.mark.parametrize("argument", ["count", "rows", "cols", "seed", "first", "threads"])
def test_a_number_must_be_an_integer(argument: str) -> None:
    """The run-time check of annotations, on during tests, may speak first."""
    with pytest.raises((ValueError, TypeCheckError)):
        mazes.generate("wilson", **({"count": 2, "rows": 3, "cols": 3, "seed": 0} | {argument: 2.5}))
