"""Depth-first search: mazes that stay as they were first drawn, and what each knob cuts short."""

import hashlib
from typing import Any

import numpy as np
import pytest

from maze_interp import mazes
from tests import oracles


@pytest.mark.parametrize(
    ("name", "knobs", "digest"),
    [
        ("depth_first", {}, "45867d3a549f8560"),
        ("depth_first", {"forks": False}, "a850353ce9558863"),
        ("depth_first_percolation", {}, "f29ec3f0746ce791"),
        ("depth_first_percolation", {"p": 0.5}, "1ca67111b170ff65"),
    ],
)
def test_the_mazes_are_those_drawn_before_the_walk_could_be_cut_short(
    name: str, knobs: dict[str, Any], digest: str
) -> None:
    """Baked mazes and published numbers refer to a seed, so a seed must go on meaning the same mazes."""
    hashed = hashlib.blake2b(digest_size=8)
    for rows, cols in ((1, 2), (2, 1), (1, 6), (3, 3), (6, 6), (4, 7), (20, 20)):
        for seed, first in ((0, 0), (7, 1000)):
            passages = mazes.generate(name, 300, rows, cols, seed=seed, first=first, **knobs)
            hashed.update(np.packbits(passages).tobytes())
    assert hashed.hexdigest() == digest


def draw(rows: int = 5, cols: int = 6, count: int = 200, **knobs: Any) -> np.ndarray:
    return mazes.generate("depth_first", count, rows, cols, seed=8, **knobs)


@pytest.mark.parametrize("accessible_cells", [2, 3, 17, 29])
def test_the_walk_stops_when_it_has_reached_so_many_cells(accessible_cells: int) -> None:
    """One tree of that many cells; one cell more only adds a passage, as the walk is the same."""
    passages = draw(accessible_cells=accessible_cells)
    for maze in passages:
        assert len(oracles.largest_component(maze)) == accessible_cells
    assert (mazes.edge_count(passages) == accessible_cells - 1).all()
    more = draw(accessible_cells=accessible_cells + 1)
    assert not (passages & ~more).any()
    assert (mazes.edge_count(more) == accessible_cells).all()


def test_knobs_that_cut_nothing_change_nothing() -> None:
    tree = draw()
    assert np.array_equal(draw(accessible_cells=30), tree)
    assert np.array_equal(draw(max_depth=29), tree)
    assert not np.array_equal(draw(accessible_cells=29), tree)
    assert not np.array_equal(draw(max_depth=9), tree)


@pytest.mark.parametrize(("max_depth", "start"), [(1, 0), (3, 13), (6, 5), (10, 29)])
def test_no_cell_is_deeper_than_the_limit_and_none_is_left_out_without_reason(max_depth: int, start: int) -> None:
    """Every cell beside one that is not at the limit is reached: the walk backs up until nothing is left to reach."""
    passages = draw(max_depth=max_depth, start=start)
    depth = mazes.distances(passages, np.full(200, start))
    assert depth.max() == max_depth
    assert (mazes.edge_count(passages) == (depth >= 0).sum(axis=1) - 1).all()
    ends = mazes.edge_ends(5, 6)[mazes.edge_ids(5, 6)]
    for one, other in (ends.T, ends[:, ::-1].T):
        assert np.isin(depth[:, one][depth[:, other] < 0], (-1, max_depth)).all()


def test_without_forks_a_depth_limit_bounds_the_corridor() -> None:
    passages = draw(forks=False, max_depth=4)
    assert mazes.edge_count(passages).max() == 4
    assert not mazes.forks(passages).any()


def test_where_the_walk_starts_is_all_that_start_fixes() -> None:
    """A maze drawn without it is the one that some start draws from the same seed."""
    free = draw(2, 3)
    fixed = np.stack([draw(2, 3, start=cell) for cell in range(6)])
    assert (fixed == free).all(axis=(2, 3, 4)).any(axis=0).all()
    assert len(np.unique(fixed[:, 0], axis=0)) > 1
    assert (mazes.degrees(draw(forks=False, start=7))[:, 7] == 1).all()


def test_only_an_uncut_walk_promises_a_spanning_tree() -> None:
    promise = mazes.GENERATORS["depth_first"].promise
    uncut: dict[str, Any] = {"forks": True, "accessible_cells": 0, "max_depth": 0, "start": 3}
    assert promise(**uncut) == mazes.SPANNING_TREE
    for cut in ({"forks": False}, {"accessible_cells": 5}, {"max_depth": 5}):
        assert promise(**{**uncut, **cut}) == mazes.NEITHER
