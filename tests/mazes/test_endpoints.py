"""Starts and goals are drawn uniformly from exactly the admissible pairs.

Seeds are fixed; each chi-square threshold fails a correct draw with probability below 1e-4.
"""

from collections import Counter
from itertools import pairwise

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maze_interp import mazes
from tests import oracles


def admissible(passages: np.ndarray, min_length: int) -> set[tuple[int, int]]:
    """The ordered pairs of one maze that are far enough apart inside its largest component."""
    component = oracles.graph(passages).subgraph(oracles.largest_component(passages))
    return {
        (start, goal)
        for start, lengths in nx.all_pairs_shortest_path_length(component)
        for goal, steps in lengths.items()
        if steps + 1 >= min_length
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
    assert set(counts) == pairs
    assert abs(oracles.chi_square_z((counts[pair] for pair in pairs), np.ones(len(pairs)))) < 4


def test_every_cell_of_the_lattice_is_drawn_alike_last_row_and_column_included() -> None:
    passages = mazes.generate("depth_first", 40_000, 4, 5, seed=2)
    for cells in mazes.draw_endpoints(passages, seed=2):
        assert oracles.chi_square_z(np.bincount(cells, minlength=20), np.ones(20)) < 4


@oracles.repeatable
@given(oracles.any_mazes(), st.integers(1, 8), st.integers(0, 99))
def test_a_pair_is_admissible_or_there_is_none(batch: mazes.MazeBatch, min_length: int, seed: int) -> None:
    start, goal = mazes.draw_endpoints(batch.passages, seed=seed, min_length=min_length)
    for maze, pair in zip(batch.passages, zip(start.tolist(), goal.tolist(), strict=True), strict=True):
        pairs = admissible(maze, min_length)
        assert pair in (pairs or {(mazes.NO_CELL, mazes.NO_CELL)})


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


@pytest.mark.parametrize(("name", "min_length"), [("depth_first", 2), ("percolation", 6)])
def test_a_draw_depends_on_its_maze_seed_and_index_alone(name: str, min_length: int) -> None:
    passages = mazes.generate(name, 60, 5, 5, seed=1)
    whole = np.array(mazes.draw_endpoints(passages, seed=4, min_length=min_length))
    part = mazes.draw_endpoints(passages[20:50], seed=4, first=20, min_length=min_length)
    assert np.array_equal(np.array(part), whole[:, 20:50])
    assert not np.array_equal(np.array(mazes.draw_endpoints(passages, seed=5, min_length=min_length)), whole)


def test_a_path_has_at_least_one_cell() -> None:
    with pytest.raises(ValueError, match="at least 1, not 0"):
        mazes.draw_endpoints(corridor(), seed=0, min_length=0)
