"""Starts and goals are drawn uniformly from exactly the admissible pairs.

Seeds are fixed; each chi-square threshold fails a correct draw with probability below 1e-4.
"""

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maze_interp import mazes
from maze_interp.mazes import Endpoints, World
from tests import oracles

ANYWHERE = Endpoints()


def admissible(
    passages: np.ndarray, min_length: int, max_length: int | None = None, endpoints: Endpoints = ANYWHERE
) -> dict[tuple[int, int], int]:
    """The ordered pairs of one maze that may be start and goal, with the cells of a shortest path between them."""
    maze = oracles.graph(passages)
    component = maze.subgraph(oracles.largest_component(passages))
    _, rows, cols = passages.shape
    kinds = {
        "anywhere": lambda cell: True,
        "dead_ends": lambda cell: maze.degree[cell] == 1,
        "corners": lambda cell: cell // cols in (0, rows - 1) and cell % cols in (0, cols - 1),
        "off_forks": lambda cell: maze.degree[cell] <= 2,
    }
    block = endpoints.goal_block or max(rows, cols)
    return {
        (start, goal): steps + 1
        for start, lengths in nx.all_pairs_shortest_path_length(component)
        for goal, steps in lengths.items()
        if min_length <= steps + 1 <= (max_length or rows * cols)
        and kinds[endpoints.start](start)
        and kinds[endpoints.goal](goal)
        and goal // cols < block
        and goal % cols >= cols - block
    }


def islands() -> np.ndarray:
    """A 3 x 4 maze whose largest component has 4 of 12 cells, far from the first cell."""
    return oracles.passages_of([(0, 1), (1, 2), (6, 7), (7, 11), (11, 10)], 3, 4)


def twins() -> np.ndarray:
    """Two components of 3 cells each on 2 x 3; the lowest cell is in the upper one."""
    return oracles.passages_of([(0, 1), (1, 2), (3, 4), (4, 5)], 2, 3)


def corridor() -> np.ndarray:
    return oracles.passages_of(pairwise(range(12)), 1, 12)


CASES = {
    "a tree": (mazes.generate("wilson", 1, 3, 3, seed=1), 2),
    "a tree, start and goal alike": (mazes.generate("wilson", 1, 3, 3, seed=1), 1),
    "an open field, far apart": (mazes.generate("open_field", 1, 3, 3, seed=1), 4),
    "islands": (islands(), 2),
    "islands, far apart": (islands(), 4),
    "twins": (twins(), 2),
    "the two ends of a corridor": (corridor(), 12),
    "a corridor, three lengths": (corridor(), 10),
    "a lattice of one column": (mazes.generate("depth_first", 1, 5, 1, seed=0), 3),
}


@pytest.mark.parametrize("case", CASES)
def test_every_admissible_pair_is_equally_likely(case: str) -> None:
    passages, min_length = CASES[case]
    pairs = admissible(passages[0], min_length)
    start, goal = mazes.draw_endpoints(oracles.repeated(passages, 20_000), seed=3, min_length=min_length)
    counts = Counter(zip(start.tolist(), goal.tolist(), strict=True))
    assert set(counts) == set(pairs)
    assert abs(oracles.chi_square_z((counts[pair] for pair in pairs), np.ones(len(pairs)))) < 4


TREE = mazes.generate("wilson", 1, 4, 4, seed=8)
FIELD = mazes.generate("open_field", 1, 3, 4, seed=1)
RULES = {
    "dead ends": (TREE, 2, None, Endpoints("dead_ends", "dead_ends")),
    "corners": (TREE, 2, None, Endpoints("corners", "corners")),
    "off forks": (TREE, 2, None, Endpoints("off_forks", "off_forks")),
    "only the goal off forks": (TREE, 2, None, Endpoints(goal="off_forks")),
    "a goal in the top right block": (TREE, 2, None, Endpoints(goal_block=2)),
    "a dead end in the top right block": (TREE, 2, None, Endpoints(goal="dead_ends", goal_block=3)),
    "short": (TREE, 2, 4, Endpoints()),
    "one length": (TREE, 5, 5, Endpoints()),
    "in cycles, of middle length": (FIELD, 3, 4, Endpoints(start="corners")),
    "islands, to the top right": (islands(), 2, None, Endpoints(goal_block=2)),
    "islands, off forks": (islands(), 1, None, Endpoints("off_forks", "dead_ends")),
    "even lengths": (TREE, 2, None, Endpoints(even_lengths=True)),
    "even lengths among long ones": (FIELD, 3, None, Endpoints(even_lengths=True)),
    "even lengths between dead ends": (TREE, 2, 9, Endpoints("dead_ends", even_lengths=True)),
}


@pytest.mark.parametrize("case", RULES)
def test_every_admissible_pair_is_equally_likely_under_every_rule(case: str) -> None:
    """With even lengths, every length that the maze has is, and every pair among those of its length."""
    passages, low, high, endpoints = RULES[case]
    pairs = admissible(passages[0], low, high, endpoints)
    assert 1 < len(pairs) <= 240
    start, goal = mazes.draw_endpoints(
        oracles.repeated(passages, 20_000), seed=3, min_length=low, max_length=high, endpoints=endpoints
    )
    counts = Counter(zip(start.tolist(), goal.tolist(), strict=True))
    assert set(counts) == set(pairs)
    alike = Counter(pairs.values())
    law = [1 / alike[length] if endpoints.even_lengths else 1 for length in pairs.values()]
    assert oracles.chi_square_z((counts[pair] for pair in pairs), law) < 4


def test_every_cell_of_the_lattice_is_drawn_alike_last_row_and_column_included() -> None:
    passages = mazes.generate("depth_first", 40_000, 4, 5, seed=2)
    for cells in mazes.draw_endpoints(passages, seed=2):
        assert oracles.chi_square_z(np.bincount(cells, minlength=20), np.ones(20)) < 4


rules = st.builds(
    Endpoints,
    st.sampled_from(["anywhere", "dead_ends", "corners", "off_forks"]),
    st.sampled_from(["anywhere", "dead_ends", "corners", "off_forks"]),
    st.integers(0, 2),
    st.booleans(),
)


@oracles.repeatable
@given(oracles.any_mazes(), st.integers(1, 8), st.none() | st.integers(0, 4), rules, st.integers(0, 99))
def test_a_pair_is_admissible_or_there_is_none(
    batch: mazes.MazeBatch, min_length: int, more: int | None, endpoints: Endpoints, seed: int
) -> None:
    endpoints = replace(endpoints, goal_block=min(endpoints.goal_block, batch.rows, batch.cols))
    max_length = None if more is None else min_length + more
    start, goal = mazes.draw_endpoints(
        batch.passages, seed=seed, min_length=min_length, max_length=max_length, endpoints=endpoints
    )
    for maze, pair in zip(batch.passages, zip(start.tolist(), goal.tolist(), strict=True), strict=True):
        pairs = admissible(maze, min_length, max_length, endpoints)
        assert pair in (pairs or {(mazes.NO_CELL, mazes.NO_CELL): 0})


def test_a_maze_of_isolated_cells_has_no_pair_but_itself() -> None:
    passages = mazes.generate("percolation", 20, 4, 4, seed=0, p=0.0)
    start, goal = mazes.draw_endpoints(passages, seed=0)
    assert (start == mazes.NO_CELL).all()
    assert (goal == mazes.NO_CELL).all()
    start, goal = mazes.draw_endpoints(passages, seed=0, min_length=1)
    assert (start == 0).all()
    assert (goal == 0).all()


def test_sparse_percolation_never_fails_for_an_isolated_cell() -> None:
    passages = mazes.generate("percolation", 2_000, 6, 6, seed=0, p=0.1)
    start, goal = mazes.draw_endpoints(passages, seed=0)
    drawn = start != mazes.NO_CELL
    assert np.array_equal(drawn, mazes.edge_count(passages) > 0)
    assert (mazes.solve(mazes.MazeBatch(passages, start, goal)[drawn]).length >= 2).all()


@pytest.mark.parametrize(
    ("name", "min_length", "endpoints"),
    [
        ("depth_first", 2, Endpoints()),
        ("percolation", 6, Endpoints()),
        ("wilson", 3, Endpoints("dead_ends", "corners")),
        ("percolation", 2, Endpoints("off_forks", goal_block=3, even_lengths=True)),
    ],
)
def test_a_draw_depends_on_its_maze_seed_and_index_alone(name: str, min_length: int, endpoints: Endpoints) -> None:
    def draw(passages: np.ndarray, seed: int, first: int | np.ndarray) -> np.ndarray:
        return np.array(
            mazes.draw_endpoints(passages, seed=seed, first=first, min_length=min_length, endpoints=endpoints)
        )

    passages = mazes.generate(name, 60, 5, 5, seed=1)
    whole, some = draw(passages, 4, 0), np.array([3, 4, 41, 7])
    assert np.array_equal(draw(passages[20:50], 4, 20), whole[:, 20:50])
    assert np.array_equal(draw(passages[some], 4, some), whole[:, some])
    assert not np.array_equal(draw(passages, 5, 0), whole)


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"min_length": 0}, "at least 1, not 0"),
        ({"min_length": 5, "max_length": 4}, "max_length must be at least the min_length of 5, not 4"),
        ({"endpoints": Endpoints(goal_block=2)}, "goal_block must be from 0 .* to 1 on a lattice of 1 x 12"),
    ],
)
def test_rules_that_no_maze_can_meet_are_named(rules: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mazes.draw_endpoints(corridor(), seed=0, **rules)
    with pytest.raises(ValueError, match="must be"):
        World("depth_first", 1, 12, **rules)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"start": "dead_end"}, r"unknown kind of start 'dead_end'; did you mean 'dead_ends'\?"),
        ({"goal": "nowhere"}, "unknown kind of goal 'nowhere'"),
        ({"goal_block": -1}, "goal_block must be at least 1, or 0 for a goal anywhere, not -1"),
    ],
)
def test_a_mistaken_rule_is_named(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Endpoints(**settings)
