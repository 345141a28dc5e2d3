"""A world is one endless sequence of mazes however it is read, and its splits never share a maze."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maze_interp import mazes
from maze_interp.mazes import TEST, TRAIN, VALIDATION, World

PINNED = [16294208416658607535, 12035550249420947055, 268161835817664055]
SPARSE = World("percolation", 4, 4, {"p": 0.35}, min_length=4)  # about one maze in four must be drawn again
WORLDS = [World(rows=3, cols=5), World("wilson", 4, 4, min_length=3), SPARSE]


def same(one, two):
    return all(np.array_equal(getattr(one, name), getattr(two, name)) for name in ("passages", "start", "goal"))


@pytest.mark.parametrize("world", WORLDS)
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**40), first=st.integers(0, 10**9), cut=st.integers(0, 30), threads=st.integers(1, 3))
def test_a_maze_depends_on_seed_and_index_alone(world, seed, first, cut, threads):
    whole = mazes.draw(world, 30, seed=seed, first=first)
    assert same(whole, mazes.draw(world, 30, seed=seed, first=first, threads=threads))
    assert same(whole[:cut], mazes.draw(world, cut, seed=seed, first=first))
    assert same(whole[cut:], mazes.draw(world, 30 - cut, seed=seed, first=first + cut))


def test_another_seed_gives_other_mazes():
    one, two = mazes.draw(World(), 1000, seed=0), mazes.draw(World(), 1000, seed=1)
    assert (mazes.passage_hash(one.passages) == mazes.passage_hash(two.passages)).sum() <= 2


@pytest.mark.parametrize("world", WORLDS)
def test_every_maze_has_an_admissible_path(world):
    drawn = mazes.draw(world, 500, seed=0)
    assert (mazes.solve(drawn).length >= world.min_length).all()


def test_redrawing_is_needed_in_the_sparse_world_and_leaves_the_other_mazes_alone():
    first_try = mazes.generate("percolation", 500, 4, 4, seed=0, p=0.35)
    start, _ = mazes.draw_endpoints(first_try, seed=0, min_length=4)
    kept, drawn = start != mazes.NO_CELL, mazes.draw(SPARSE, 500, seed=0)
    assert 0.05 < 1 - kept.mean() < 0.95
    assert np.array_equal(drawn.passages[kept], first_try[kept])


@pytest.mark.parametrize(
    ("world", "message"),
    [
        (lambda: World("depth_frist"), r"unknown generator 'depth_frist'; did you mean 'depth_first'\?"),
        (lambda: World(knobs={"fork": True}), "unknown knob of depth_first 'fork'; did you mean 'forks'"),
        (lambda: World(rows=0), "rows must be at least 1, not 0"),
        (lambda: World(rows=2, cols=2, min_length=5), "min_length must be from 1 to the 4 cells there are, not 5"),
        (
            lambda: mazes.draw(World("percolation", knobs={"p": 0.0}), 3, seed=0),
            r"impossible, or as good as: 3 of 3 mazes \(the first is maze 0\)",
        ),
        (
            lambda: mazes.take(World(), 1, seed=0, split=3),
            r"TRAIN, VALIDATION or TEST \(0, 1 or 2\), not 3",
        ),
    ],
)
def test_an_impossible_world_is_named(world, message):
    with pytest.raises(ValueError, match=message):
        world()


@settings(max_examples=30, deadline=None)
@given(
    world=st.sampled_from(WORLDS),
    seed=st.integers(0, 2**40),
    split=st.sampled_from([TRAIN, VALIDATION, TEST]),
    cut=st.integers(0, 12),
)
def test_taking_is_filtering_the_stream_and_can_stop_anywhere(world, seed, split, cut):
    taken, after = mazes.take(world, 12, seed=seed, first=5, split=split)
    stream = mazes.draw(world, after - 5, seed=seed, first=5)
    wanted = mazes.split_of(mazes.passage_hash(stream.passages)) == split
    assert same(taken, stream[wanted])
    assert wanted[-1]
    one, middle = mazes.take(world, cut, seed=seed, first=5, split=split)
    two, end = mazes.take(world, 12 - cut, seed=seed, first=middle, split=split, threads=2)
    assert end == after
    assert same(one, taken[:cut])
    assert same(two, taken[cut:])


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**40), st.integers(0, 2**40), st.sampled_from(WORLDS))
def test_no_test_maze_is_ever_taken_for_training(seed, other_seed, world):
    test, _ = mazes.take(world, 100, seed=seed, split=TEST)
    train, _ = mazes.take(world, 100, seed=other_seed, split=TRAIN)
    assert not np.isin(mazes.passage_hash(train.passages), mazes.passage_hash(test.passages)).any()


def test_the_splits_have_their_shares():
    """100,000 hashes of distinct mazes: standard errors 0.0011, 0.0007, 0.0009; five of them are allowed."""
    hashes = np.unique(mazes.passage_hash(mazes.generate("wilson", 100_000, 8, 8, seed=0)))
    shares = np.bincount(mazes.split_of(hashes)) / len(hashes)
    assert np.allclose(shares, [0.85, 0.05, 0.10], atol=0.005)


def test_the_hash_tells_every_small_maze_apart_and_is_the_same_for_ever():
    edges = mazes.edge_ids(3, 3)
    every = np.zeros((2 ** len(edges), 18), dtype=bool)
    every[:, edges] = np.arange(len(every))[:, None] >> np.arange(len(edges)) & 1
    hashes = mazes.passage_hash(every.reshape(-1, 2, 3, 3))
    assert len(np.unique(hashes)) == len(every) == 4096
    assert hashes[[0, 1, 4095]].tolist() == PINNED  # a data set's identity: a new number here moves mazes across splits
    wide = np.zeros((2 * 20 * 20, 800), dtype=bool)
    np.fill_diagonal(wide, True)  # every single bit of a maze longer than one word counts
    assert len(np.unique(mazes.passage_hash(wide.reshape(-1, 2, 20, 20)))) == 800


def test_a_small_maze_keeps_its_hash_on_a_larger_lattice_and_loses_it_when_moved():
    small = mazes.generate("percolation", 50, 3, 4, seed=0, p=0.5)
    large, moved = np.zeros((2, 50, 2, 6, 7), dtype=bool)
    large[:, :, :3, :4], moved[:, :, 1:4, :4] = small, small
    assert np.array_equal(mazes.passage_hash(large), mazes.passage_hash(small))
    assert (mazes.passage_hash(moved) != mazes.passage_hash(small)).all()


def test_a_view_hashes_like_its_copy():
    passages = mazes.generate("wilson", 10, 5, 5, seed=0)
    assert np.array_equal(mazes.passage_hash(passages[::2]), mazes.passage_hash(passages)[::2])


def test_a_world_without_mazes_in_a_split_says_so():
    (home,) = mazes.split_of(mazes.passage_hash(mazes.generate("open_field", 1, 6, 6, seed=0)))
    taken, _ = mazes.take(World("open_field"), 5, seed=0, split=int(home))
    assert len(taken) == 5
    with pytest.raises(ValueError, match=r"among 20000 in a row of World\('?.*open_field.*it gave 1 distinct mazes \("):
        mazes.take(World("open_field"), 5, seed=0, split=(int(home) + 1) % 3)


def test_streaming_takes_no_more_memory_the_longer_it_runs():
    world, first = World(), 0
    mazes.take(world, 1000, seed=0, split=TRAIN)
    tracemalloc.start()
    for _ in range(200):
        batch, first = mazes.take(world, 1000, seed=0, first=first, split=TRAIN)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(batch) == 1000
    assert first > 200_000
    assert peak < 2_000_000  # one batch is 80 kB; 200,000 mazes would be 16 MB
