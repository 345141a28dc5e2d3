"""A walker that has learnt mazes by heart is told from one that solves them, by each of the comparisons."""

import numpy as np
import pytest

from maze_interp import mazes
from maze_interp.behaviour.memory import distance_to_read, memory, solved_by_distance, unread_images
from maze_interp.behaviour.solvers import POLICIES, memoriser
from maze_interp.behaviour.walkers import of_policy
from maze_interp.mazes import World

WORLD = World("wilson", 4, 4, min_length=4)


@pytest.fixture(scope="module")
def read():
    """300 distinct training mazes."""
    drawn, _ = mazes.take(WORLD, 320, seed=1, split=mazes.TRAIN)
    _, first = np.unique(mazes.passage_hash(drawn.passages), return_index=True)
    return drawn[np.sort(first)[:300]]


@pytest.fixture(scope="module")
def unread():
    return mazes.take(WORLD, 400, seed=2, split=mazes.TEST)[0]


def found(rows):
    """Rows by measure and condition."""
    return {(row.measure, *row.what.values()): row for row in rows}


def test_a_memoriser_is_found_out(read, unread):
    said = []
    walker = of_policy(memoriser(read), seed=0, name="by heart")
    rows = found(memory(walker, read, unread, seed=0, count=200, progress=lambda *given: said.append(given)))
    assert rows["solved", "read"].value == 1
    assert rows["solved", "read"].n == 200
    assert rows["solved", "unread"].n == 400
    assert rows["read - unread",].low > 0.2
    assert rows["read - image",].low > 0.2
    assert rows["read - image",].n == rows["solved", "unread image"].n > 180
    assert rows["log-odds by distance",].high < 0
    assert said[-1] == (600 + rows["read - image",].n,) * 2
    shares = [row for (measure, *_), row in rows.items() if measure == "solved" and "distance" in row.what]
    assert sum(row.n for row in shares) == 400
    assert shares[0].value > shares[-1].value


@pytest.mark.parametrize("name", ["oracle", "baseline", "forward_2"])
def test_who_remembers_nothing_is_not(read, unread, name):
    """Of 9 intervals of 95% all hold 0 with seeds that are fixed; each wrong one would be expected once in 20."""
    rows = found(memory(of_policy(POLICIES[name], seed=0, name=name), read, unread, seed=0))
    for gap in (rows["read - unread",], rows["read - image",], rows["log-odds by distance",]):
        assert (gap.low <= 0 <= gap.high) or (name == "oracle" and np.isnan(gap.low))
    assert abs(rows["read - unread",].value) < 0.1
    if name == "oracle":
        assert rows["read - unread",].value == rows["read - image",].value == 0


def test_images_are_left_out_where_directions_are_not_alike(read, unread):
    rows = memory(of_policy(POLICIES["oracle"], seed=0, name="oracle"), read, unread, seed=0, turned=False)
    assert not any("image" in row.measure + str(row.what) for row in rows)


def test_an_unread_image_is_the_same_problem_and_was_not_read(read):
    known = mazes.passage_hash(read.passages)
    which, twins = unread_images(read, known)
    assert not np.isin(mazes.passage_hash(twins.passages), known).any()
    canonical = [mazes.canonical_hash(batch.passages) for batch in (read[which], twins)]
    assert np.array_equal(*canonical)
    lengths = [mazes.solve(batch).length for batch in (read[which], twins)]
    assert np.array_equal(*lengths)
    every = np.concatenate([mazes.passage_hash(image.passages) for image in mazes.images(read)])
    assert len(unread_images(read, every)[0]) == 0


def test_the_distance_is_that_to_the_nearest(read, unread):
    slow = [min((one != other).sum() for other in read.passages) for one in unread.passages[:50]]
    assert distance_to_read(unread[:50], read).tolist() == slow
    assert not distance_to_read(read, read).any()


def test_distance_is_told_from_length():
    """Solving depends on the length alone, which goes with the distance: the distance is cleared, the length is not."""
    rng = np.random.default_rng(0)
    length = rng.integers(2, 12, 4000)
    distance = 2 * (length // 3 + rng.integers(0, 3, 4000))
    solved = rng.random(4000) < 1 / (1 + np.exp(length - 6.0))
    rows = found(solved_by_distance(solved, distance, length))
    assert rows["log-odds by distance",].low < 0 < rows["log-odds by distance",].high
    assert rows["log-odds by length",].high < -1
    shares = [row.value for row in rows.values() if row.measure == "solved"]
    assert shares[0] > shares[-1] + 0.3  # by itself the distance would have looked guilty


def test_mazes_that_were_read_are_not_unread(read, unread):
    ends = (np.concatenate([getattr(batch, end)[:5] for batch in (unread, read)]) for end in ("start", "goal"))
    mixed = mazes.MazeBatch(np.concatenate([unread.passages[:5], read.passages[:5]]), *ends)
    with pytest.raises(ValueError, match="maze 5 of the 10 unread ones was read"):
        memory(of_policy(POLICIES["oracle"], seed=0, name="oracle"), read, mixed, seed=0)


def test_without_mazes_of_both_kinds_nothing_is_said(read, unread):
    walker = of_policy(POLICIES["oracle"], seed=0, name="oracle")
    for one, other in ((read, unread[:0]), (read[:0], unread)):
        with pytest.raises(ValueError, match=rf"there are {len(one)} and {len(other)}"):
            memory(walker, one, other, seed=0)
