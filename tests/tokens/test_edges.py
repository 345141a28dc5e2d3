"""The order of the edges: every order and direction equally likely, item i a function of (seed, first + i) alone."""

from itertools import permutations, product

import numpy as np
import pytest

from maze_interp.mazes.batch import DOWN, RIGHT
from maze_interp.tokens import edges


def worlds(count: int, rows: int = 4, cols: int = 5, seed: int = 0) -> np.ndarray:
    """Random passages, half of those that the lattice has."""
    passages = np.random.default_rng(seed).random((count, 2, rows, cols)) < 0.5
    passages[:, DOWN, -1] = passages[:, RIGHT, :, -1] = False
    return passages


def test_each_passage_is_named_exactly_once() -> None:
    passages = worlds(50)
    order = edges.draw(passages, seed=3)
    assert order.dtype == np.int32
    assert order.shape[1] == passages.sum(axis=(1, 2, 3)).max()
    for row, maze in zip(order, passages, strict=True):
        named = row[row != edges.NO_EDGE]
        assert sorted(named // 2) == list(np.flatnonzero(maze))
        assert (row[len(named) :] == edges.NO_EDGE).all()


def test_ends_are_the_cells_that_a_passage_joins() -> None:
    table = edges.ends(2, 3)
    down_from_1, right_from_3 = 1, 6 + 3
    assert table[2 * down_from_1].tolist() == [1, 4]
    assert table[2 * down_from_1 + 1].tolist() == [4, 1]
    assert table[2 * right_from_3].tolist() == [3, 4]


def test_all_48_lists_of_three_edges_are_equally_likely() -> None:
    """Chi-square with 47 degrees of freedom against its 0.999 quantile, 82.7: a fair shuffle fails 1 seed in 1000."""
    passages = np.zeros((48_000, 2, 2, 2), bool)
    passages[:, DOWN, 0, 0] = passages[:, DOWN, 0, 1] = passages[:, RIGHT, 0, 0] = True
    lists = {
        tuple(2 * edge + flipped for edge, flipped in zip(order, flips, strict=True)): 0
        for order in permutations(np.flatnonzero(passages[0]).tolist())
        for flips in product((0, 1), repeat=3)
    }
    for row in edges.draw(passages, seed=11).tolist():
        lists[tuple(row)] += 1
    assert len(lists) == 48
    assert sum((seen - 1000) ** 2 / 1000 for seen in lists.values()) < 82.7


def test_maze_i_depends_on_seed_and_index_alone() -> None:
    passages = worlds(40)
    order = edges.draw(passages, seed=7, first=100)
    for start, stop in ((0, 1), (3, 9), (39, 40)):
        part = edges.draw(passages[start:stop], seed=7, first=100 + start)
        assert (order[start:stop, : part.shape[1]] == part).all()
    assert (order == edges.draw(passages, seed=7, first=100)).all()
    assert (order != edges.draw(passages, seed=8, first=100)).any(axis=1).all()
    assert (order != edges.draw(passages, seed=7, first=101)).any(axis=1).all()


def test_a_view_of_the_passages_gives_what_a_copy_gives() -> None:
    passages = worlds(20)
    assert (edges.draw(passages[::2], seed=1) == edges.draw(passages[::2].copy(), seed=1)).all()


def test_mazes_without_passages_and_no_mazes_at_all() -> None:
    assert edges.draw(np.zeros((3, 2, 2, 2), bool), seed=0).shape == (3, 0)
    assert edges.draw(np.zeros((0, 2, 2, 2), bool), seed=0).shape == (0, 0)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda row: row[:-1],
        lambda row: [*row, row[0]],
        lambda row: [row[0] ^ 1, *row[:-1]],
        lambda row: [*row[:-1], 10_000],
        lambda row: [*row[:-1], -2],
        lambda row: [-1, *row],
        lambda row: [*row, -1, row[0]],
    ],
)
def test_a_list_that_is_not_the_mazes_passages_is_refused(spoil) -> None:
    passages = np.repeat(worlds(1), 2, axis=0)
    good = edges.draw(passages[:1], seed=0)[0].tolist()
    edges.check(np.array([good, good[::-1]]), passages)
    bad = spoil(good)
    width = max(len(good), len(bad))
    order = np.array([row + [edges.NO_EDGE] * (width - len(row)) for row in (good, bad)])
    with pytest.raises(ValueError, match=f"edge_order of maze 1 must name each of its {len(good)} passages exactly"):
        edges.check(order, passages)


def test_one_list_per_maze() -> None:
    with pytest.raises(ValueError, match="edge_order has 3 rows for 4 mazes"):
        edges.check(edges.draw(worlds(3), seed=0), worlds(4))


def test_row_by_row_is_how_a_page_is_read() -> None:
    """Sorted by first cell, then second, and never flipped, whatever the seed."""
    passages = worlds(30)
    order = edges.draw(passages, seed=3, order="row_by_row")
    table = edges.ends(4, 5)
    for row, maze in zip(order, passages, strict=True):
        named = row[row != edges.NO_EDGE]
        assert sorted(named // 2) == list(np.flatnonzero(maze))
        pairs = table[named].tolist()
        assert pairs == sorted(pairs)
        assert (named % 2 == 0).all()
    assert (order == edges.draw(passages, seed=4, order="row_by_row")).all()


def test_a_depth_first_walk_goes_on_wherever_it_can() -> None:
    """Each edge starts at the newest cell on the trail that still has an edge to give; only a new part starts anew."""
    passages = np.concatenate([worlds(40), np.zeros((1, 2, 4, 5), bool)])
    for row, maze in zip(edges.draw(passages, seed=3, order="depth_first"), passages, strict=True):
        left = {tuple(pair) for pair in edges.ends(4, 5)[2 * np.flatnonzero(maze)].tolist()}
        entered, trail = set(), []
        for here, there in edges.ends(4, 5)[row[row != edges.NO_EDGE]].tolist():
            while trail and not any(trail[-1] in pair for pair in left):
                trail.pop()
            if not trail:
                assert here not in entered
                trail, entered = [here], entered | {here}
            assert here == trail[-1]
            left.remove((min(here, there), max(here, there)))
            if there not in entered:
                entered.add(there)
                trail.append(there)
        assert not left


def test_a_walk_takes_every_way_alike() -> None:
    """In a ring of four cells 8 walks are equally likely: chi-square, 7 degrees of freedom, 0.999 quantile 24.3."""
    ring = np.zeros((8000, 2, 2, 2), bool)
    ring[:, DOWN, 0] = ring[:, RIGHT, :, 0] = True
    found, counts = np.unique(edges.draw(ring, seed=5, order="depth_first"), axis=0, return_counts=True)
    assert len(found) == 8
    assert ((counts - 1000) ** 2 / 1000).sum() < 24.3
    part = edges.draw(ring[:9], seed=5, first=70, order="depth_first")
    assert (edges.draw(ring[:80], seed=5, order="depth_first")[70:79] == part).all()


def test_walls_are_the_edges_that_are_no_passages() -> None:
    passages = worlds(10)
    walls, both = edges.listed(passages, "walls"), edges.listed(passages, "both")
    assert (walls ^ passages == both).all()
    assert not (walls & passages).any()
    assert both.sum() == 10 * (4 * 4 + 3 * 5)
    assert not both[:, DOWN, -1].any()
    assert not both[:, RIGHT, :, -1].any()
    passages[3, DOWN, -1, 0] = True
    with pytest.raises(ValueError, match="maze 3 has an open passage across the border"):
        edges.listed(passages, "walls")
