"""A world is one endless sequence of mazes however it is read, and its splits never share a maze."""

import hashlib
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maze_interp import mazes
from maze_interp.mazes import MEASURES, TEST, TRAIN, VALIDATION, Endpoints, Mixture, World, worlds

SPARSE = World("percolation", 4, 4, {"p": 0.35}, min_length=4)  # about one maze in four must be drawn again
PICKY = World(
    "wilson",
    4,
    5,
    max_length=12,
    endpoints=Endpoints(start="dead_ends", goal_block=3, even_lengths=True),
    filters={"fork_count": (2, 6), "path_forks": (1, 9)},
)
SIZES = Mixture(
    {"small": World(rows=2, cols=3), "sparse": SPARSE, "picky": PICKY},
    {"small": 0.5, "sparse": 0.25, "picky": 0.25},
    rows=4,
    cols=6,
    place="random",
)
WORLDS = [World(rows=3, cols=5), World("wilson", 4, 4, min_length=3), SPARSE, PICKY, SIZES]
STREAMS = {  # of (passages, start, goal), as they were when the first models were trained on them
    "depth_first": (World(), "393c048d93313521", "cb61445f96081cf6", 4776),
    "wilson": (World("wilson", 4, 4), "db6b2ac6ee6bbc06", "49bee9373fcc8b43", 4739),
    "percolated": (World("depth_first_percolation", 6, 6, {"p": 0.1}), "98d03f638ad8f0cc", "55b739bc6cb349c4", 5215),
}


def same(one, two):
    return all(np.array_equal(getattr(one, name), getattr(two, name)) for name in ("passages", "start", "goal"))


@pytest.mark.parametrize("world", WORLDS)
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**40), first=st.integers(0, 10**9), cut=st.integers(0, 30), threads=st.integers(1, 3))
def test_a_maze_depends_on_seed_and_index_alone(world, seed, first, cut, threads):
    whole = mazes.draw(world, 30, seed=seed, first=first)
    assert same(whole, mazes.draw(world, 30, seed=seed, first=first, threads=threads))
    assert same(whole[:cut], mazes.draw(world, cut, seed=seed, first=first))
    assert same(whole[cut:], mazes.draw(world, 30 - cut, seed=seed, first=first + cut))


def digest(batch):
    content = b"".join(field.tobytes() for field in (batch.passages, batch.start, batch.goal))
    return hashlib.blake2b(content, digest_size=8).hexdigest()


@pytest.mark.parametrize("name", STREAMS)
def test_the_streams_that_models_were_trained_on_stay_as_they_are(name):
    world, drawn, taken, after = STREAMS[name]
    assert digest(mazes.draw(world, 2000, seed=7, first=1000)) == drawn
    batch, index = mazes.take(world, 500, seed=3, split=TEST)
    assert (digest(batch), index) == (taken, after)


def test_redrawn_mazes_stay_as_they_are_too():
    assert digest(mazes.draw(SPARSE, 2000, seed=7, first=1000)) == "5a5088199a307a1f"


def test_another_seed_gives_other_mazes():
    one, two = mazes.draw(World(), 1000, seed=0), mazes.draw(World(), 1000, seed=1)
    assert (mazes.passage_hash(one.passages) == mazes.passage_hash(two.passages)).sum() <= 2


@pytest.mark.parametrize("world", WORLDS[:4])
def test_every_maze_has_an_admissible_path_and_passes_every_filter(world):
    drawn = mazes.draw(world, 500, seed=0)
    length = mazes.solve(drawn).length
    assert ((length >= world.min_length) & (length <= (world.max_length or 99))).all()
    for name, (low, high) in world.filters.items():
        values = MEASURES[name](drawn)
        assert ((values >= low) & (values <= high)).all()


def test_filtering_is_drawing_again_and_leaves_the_mazes_that_pass_alone():
    """The law of what is drawn is that of the plain world's mazes that pass: fork counts, z < 4 with chance 3e-5."""
    plain, picky = World("wilson", 4, 4), World("wilson", 4, 4, filters={"fork_count": (2, 3), "detour": (2, 12)})
    before, after = mazes.draw(plain, 20_000, seed=0), mazes.draw(picky, 20_000, seed=0)
    kept = worlds.passing(before, picky.filters)
    assert 0.1 < kept.mean() < 0.9
    assert same(before[kept], after[kept])
    law, drawn = (np.bincount(MEASURES["solution_length"](batch)) for batch in (before[kept], after[~kept]))
    expected = law[law > 50] / law[law > 50].sum()
    error = np.sqrt(expected / law[law > 50].sum())  # the law is itself an estimate
    shares = drawn[: len(law)][law > 50] / drawn[: len(law)][law > 50].sum()
    assert (abs(shares - expected) < 5 * (error + np.sqrt(expected / (~kept).sum()))).all()


def test_rare_mazes_are_found_however_many_are_wanted(monkeypatch):
    """One raw maze in 500 passes: after ten attempts with the others, nearly each is searched for alone."""
    monkeypatch.setattr(worlds, "ATTEMPTS", 10)
    rare = World("wilson", 4, 4, filters={"solution_length": (12, 16), "path_forks": (0, 1)})
    assert 0 < mazes.acceptance(rare, seed=0).high < 0.003
    drawn = mazes.draw(rare, 20, seed=0)
    assert (MEASURES["solution_length"](drawn) >= 12).all()
    assert same(drawn[7:8], mazes.draw(rare, 1, seed=0, first=7))


def test_the_acceptance_interval_covers_the_long_run_rate():
    """40 intervals of 95%: more than 8 misses have a chance of 3e-4."""
    for world in (SPARSE, SIZES):
        long_run = mazes.acceptance(world, seed=99, count=30_000).value
        assert 0.02 < long_run < 0.98
        rows = [mazes.acceptance(world, seed=seed, count=500) for seed in range(40)]
        assert sum(not row.low <= long_run <= row.high for row in rows) <= 8
        assert {row.n for row in rows} == {500}
    assert mazes.acceptance(World(), seed=0, count=100).value == 1


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
            lambda: mazes.take(World(), 1, seed=0, first=-1, split=TEST),
            "first must be at least 0, not -1",
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


NO_PAIR = r"of 20000 mazes drawn, none had an admissible start and goal in its largest component"
IMPOSSIBLE = {
    "no passage": (World("percolation", knobs={"p": 0.0}), NO_PAIR),
    "a path too long": (World("open_field", 4, 4, min_length=8), NO_PAIR),
    "no dead end": (World("open_field", 4, 4, endpoints=Endpoints(goal="dead_ends")), NO_PAIR),
    "a filter never met": (
        World("wilson", 4, 4, filters={"cycle_count": (1, 9), "edge_count": (0, 99)}),
        r"none passed its filters \(of the 20000 with .*, cycle_count holds in 0.00%, edge_count holds in 100.00%\)",
    ),
    "filters never met together": (
        World("wilson", 4, 4, filters={"fork_count": (0, 0), "dead_end_count": (3, 9)}),
        "none",
    ),
}


@pytest.mark.parametrize("count", [1, 30_000])
@pytest.mark.parametrize("case", IMPOSSIBLE)
def test_the_impossible_is_said_after_few_draws(case, count, monkeypatch):
    world, message = IMPOSSIBLE[case]
    drawn, generate = [], worlds.generate
    monkeypatch.setattr(worlds, "generate", lambda *args, **rest: drawn.append(args[1]) or generate(*args, **rest))
    both = Mixture({"possible": World(), "not": world}, {"possible": 0.5, "not": 0.5})
    assert mazes.acceptance(world, seed=0).value == 0
    for one in (world, both):
        drawn.clear()
        with pytest.raises(ValueError, match="is impossible, or as good as: .*" + message):
            mazes.draw(one, count + 6, seed=0)
        assert sum(drawn) <= 3 * 20_000 + 2 * count


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


@pytest.mark.parametrize("world", WORLDS)
def test_paths_are_several_through_each_maze_that_would_be_taken(world):
    once, after = mazes.take(world, 20, seed=1, first=3, split=TRAIN)
    many, index = mazes.take_paths(world, 20, 5, seed=1, paths_seed=2, first=3, split=TRAIN)
    assert index == after
    assert np.array_equal(many.passages, np.repeat(once.passages, 5, axis=0))
    assert len(np.unique(np.stack([np.arange(100) // 5, many.start, many.goal]), axis=1).T) > 60
    fewer, _ = mazes.take_paths(world, 7, 5, seed=1, paths_seed=2, first=3, split=TRAIN)
    assert same(fewer, many[:35])


def test_paths_obey_the_rules_of_their_world():
    many, _ = mazes.take_paths(PICKY, 50, 20, seed=1, paths_seed=2, split=TRAIN)
    assert worlds.passing(many, PICKY.filters).all()
    assert mazes.dead_ends(many.passages)[np.arange(1000), many.start].all()
    assert (many.goal % 5 >= 2).all()
    plain, _ = mazes.take_paths(World(), 10, 4, seed=1, paths_seed=2, split=TRAIN)
    assert np.array_equal(mazes.draw_endpoints(plain.passages, seed=2), (plain.start, plain.goal))


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
