"""A maze is known by its passages wherever they lie, for ever, and its hash alone says which split it is in."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maze_interp import mazes
from maze_interp.mazes import NO_CELL, MazeBatch, World
from maze_interp.mazes.mixtures import placed
from tests import oracles

PINNED = [16294208416658607535, 12035550249420947055, 268161835817664055]
FROZEN = {  # of 2000 mazes, under which models were trained: a new number here moves mazes across splits
    "depth_first 6 x 6": (World(), "5f5855c1dfcab49f"),
    "depth_first 5 x 5": (World(rows=5, cols=5), "a5dbeb25743117c9"),
    "wilson 4 x 4": (World("wilson", 4, 4), "3722e80e30015734"),
    "percolated 6 x 6": (World("depth_first_percolation", 6, 6, {"p": 0.1}), "657f2b8ac8b1dfb3"),
}


def every_small_maze():
    edges = mazes.edge_ids(3, 3)
    every = np.zeros((2 ** len(edges), 18), dtype=bool)
    every[:, edges] = np.arange(len(every))[:, None] >> np.arange(len(edges)) & 1
    return every.reshape(-1, 2, 3, 3)


def figure(passages):
    """The passages of one maze, counted from the first row and the first column that have any."""
    places = np.argwhere(passages)
    return frozenset(map(tuple, places - [0, *places[:, 1:].min(axis=0)] if len(places) else []))


def moved(passages, rows, cols, top, left):
    """The mazes on a larger lattice, cell by cell where `placed` uses fancy indices."""
    large = np.zeros((len(passages), 2, rows, cols), dtype=bool)
    large[:, :, top : top + passages.shape[2], left : left + passages.shape[3]] = passages
    return large


def test_the_hash_tells_small_mazes_apart_exactly_up_to_displacement_and_is_the_same_for_ever():
    every = every_small_maze()
    hashes = mazes.passage_hash(every)
    assert hashes[[0, 1, 4095]].tolist() == PINNED
    figures = {}
    for maze, number in zip(every, hashes.tolist(), strict=True):
        assert figures.setdefault(figure(maze), number) == number
    assert len(set(figures.values())) == len(figures) < len(every) == 4096


def test_every_bit_of_a_maze_longer_than_one_word_counts():
    wide = np.zeros((2 * 20 * 20, 800), dtype=bool)
    np.fill_diagonal(wide, True)
    wide[:, 0] = True  # holds every maze at its place
    assert len(np.unique(mazes.passage_hash(wide.reshape(-1, 2, 20, 20)))) == 800


@pytest.mark.parametrize("case", FROZEN)
def test_the_hashes_of_connected_mazes_are_those_that_models_were_trained_under(case):
    world, digest = FROZEN[case]
    hashes = mazes.passage_hash(mazes.draw(world, 2000, seed=7, first=1000).passages)
    assert hashlib.blake2b(hashes.tobytes(), digest_size=8).hexdigest() == digest


@oracles.repeatable
@given(oracles.any_mazes(), st.integers(0, 3), st.integers(0, 3), st.integers(0, 2), st.integers(0, 2))
def test_a_maze_keeps_its_hash_wherever_it_lies_on_a_larger_lattice(batch, top, left, below, right):
    rows, cols = batch.rows + top + below, batch.cols + left + right
    large = moved(batch.passages, rows, cols, top, left)
    assert np.array_equal(mazes.passage_hash(large), mazes.passage_hash(batch.passages))
    where = (np.full(len(batch), offset) for offset in (top, left))
    assert np.array_equal(placed(batch, rows, cols, *where).passages, large)


def test_another_figure_has_another_hash_even_if_it_is_turned():
    trees = mazes.generate("wilson", 200, 4, 4, seed=0)
    turned = mazes.images(MazeBatch(trees, *np.full((2, 200), NO_CELL)))[1].passages
    differ = (trees != turned).any(axis=(1, 2, 3))
    assert differ.mean() > 0.9
    assert np.array_equal(mazes.passage_hash(trees) != mazes.passage_hash(turned), differ)


def test_a_view_hashes_like_its_copy():
    passages = mazes.generate("wilson", 10, 5, 5, seed=0)
    assert np.array_equal(mazes.passage_hash(passages[::2]), mazes.passage_hash(passages)[::2])


def test_the_splits_have_their_shares():
    """100,000 hashes of distinct mazes: standard errors 0.0011, 0.0007, 0.0009; five of them are allowed."""
    hashes = np.unique(mazes.passage_hash(mazes.generate("wilson", 100_000, 8, 8, seed=0)))
    shares = np.bincount(mazes.split_of(hashes)) / len(hashes)
    assert np.allclose(shares, [0.85, 0.05, 0.10], atol=0.005)
