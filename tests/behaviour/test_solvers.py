"""Every policy gives legal probabilities that heed the maze alone, and a walk is drawn from them."""

import numpy as np
import pytest
from hypothesis import given, settings

from maze_interp import behaviour, mazes
from maze_interp.behaviour import POLICIES, SOLVERS, neighbours
from maze_interp.behaviour.solvers import walking
from maze_interp.mazes import NO_CELL, MazeBatch, World
from maze_interp.mazes.symmetries import mirrored, transposed
from tests import oracles

TREES = World("wilson", 5, 5)
CYCLIC = World("depth_first_percolation", 4, 5, {"p": 0.3})
MIRRORED = [0, 3, 2, 1]  # which direction each becomes
TRANSPOSED = [1, 0, 3, 2]
OTHER_HAND = {"wall_follower_left": "wall_follower_right", "wall_follower_right": "wall_follower_left"}
TURNS_ROUND = ("oracle", "random_walk", "forward", "bidirectional", "filling")  # these have reasons to
# Cells 0 1 2 3 / 4 5 6 7 / 8 9 10 11; the middle row is open, and so is every passage to it but one.
COMB = """
    +---+---+---+---+
    |   |   |   |   |
    +   +   +   +---+
    |     S         |
    +   +   +   +   +
    |   |   |   | G |
    +---+---+---+---+
"""


def every_query(batch: MazeBatch) -> tuple[np.ndarray, np.ndarray]:
    """(here, came): each cell with each of its lattice neighbours, open or not, and with none."""
    around = neighbours.adjacent(batch.rows, batch.cols)
    came = np.c_[around, np.full(len(around), NO_CELL)]
    here = np.arange(len(around)).repeat(5)
    return tuple(np.broadcast_to(part, (len(batch), here.size)) for part in (here, came.ravel()))


def open_ways(batch: MazeBatch, here: np.ndarray) -> np.ndarray:
    return neighbours.connected(batch.passages)[np.arange(len(batch))[:, None], here] != NO_CELL


@settings(oracles.repeatable, max_examples=30)
@given(oracles.any_mazes(4))
def test_only_open_ways_and_one_of_them(batch):
    here, came = every_query(batch)
    is_open = open_ways(batch, here)
    for name, policy in POLICIES.items():
        ways = policy(batch, here, came)
        assert ways.shape == (*here.shape, 4), name
        assert (ways >= 0).all(), name
        assert (ways[~is_open] == 0).all(), name
        np.testing.assert_allclose(ways.sum(axis=-1), is_open.any(axis=-1), err_msg=name)


@pytest.mark.parametrize("name", POLICIES)
def test_each_question_is_answered_by_itself(name):
    """Whatever else is asked in the same call."""
    batch = mazes.draw(CYCLIC, 6, seed=0)
    here, came = every_query(batch)
    whole = POLICIES[name](batch, here, came)
    some = POLICIES[name](batch[2:5], here[2:5, 7:40:3], came[2:5, 7:40:3])
    np.testing.assert_array_equal(some, whole[2:5, 7:40:3])


@pytest.mark.parametrize("name", [name for name in POLICIES if not name.startswith(TURNS_ROUND)])
def test_it_turns_round_in_dead_ends_only(name):
    batch = mazes.draw(TREES, 20, seed=0)
    here, came = every_query(batch)
    ways = POLICIES[name](batch, here, came)
    back = (neighbours.adjacent(batch.rows, batch.cols)[here] == came[..., None]) & (came != NO_CELL)[..., None]
    turns = (ways > 0) & back
    alone = open_ways(batch, here).sum(axis=-1) == 1
    assert not turns[~alone].any()
    assert turns[alone].any()


@pytest.mark.parametrize("name", POLICIES)
@pytest.mark.parametrize(("turned", "becomes"), [(mirrored, MIRRORED), (transposed, TRANSPOSED)])
def test_a_turned_maze_is_walked_alike(name, turned, becomes):
    """Left becomes right in the mirror; nothing else depends on how a maze lies."""
    batch = mazes.draw(CYCLIC, 10, seed=1)
    image = turned(batch)
    cells = np.arange(batch.rows * batch.cols)
    goes_to = turned(MazeBatch(batch.passages[:1].repeat(len(cells), axis=0), cells, cells)).start
    here, came = every_query(batch)
    ways = POLICIES[name](batch, here, came)
    moved = POLICIES[OTHER_HAND.get(name, name)](
        image, goes_to[here], np.where(came == NO_CELL, NO_CELL, goes_to[came])
    )
    np.testing.assert_allclose(moved[..., becomes], ways, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "here", "came", "ways"),
    [
        ("random_walk", 5, 4, [1 / 4, 1 / 4, 1 / 4, 1 / 4]),
        ("baseline", 5, 4, [1 / 3, 1 / 3, 1 / 3, 0]),
        ("baseline", 1, 5, [1, 0, 0, 0]),
        ("greedy_manhattan", 5, 4, [1 / 2, 1 / 2, 0, 0]),
        ("greedy_euclidean", 5, 4, [0, 1, 0, 0]),  # the goal is farther to the right than down
        ("greedy_euclidean", 6, NO_CELL, [1 / 2, 1 / 2, 0, 0]),
        ("greedy_manhattan", 5, 6, [1, 0, 0, 0]),  # right is where it comes from
        ("wall_follower_left", 5, 4, [0, 0, 1, 0]),
        ("wall_follower_right", 5, 4, [1, 0, 0, 0]),
        ("wall_follower_left", 5, 6, [1, 0, 0, 0]),
        ("wall_follower_left", 7, 6, [1, 0, 0, 0]),  # there is no way up, nor ahead
        ("wall_follower_left", 6, NO_CELL, [1 / 4, 1 / 4, 1 / 4, 1 / 4]),
        ("straight_ahead", 5, 4, [0, 1, 0, 0]),
        ("straight_ahead", 5, 1, [1, 0, 0, 0]),
        ("straight_ahead", 6, 10, [0, 0, 1, 0]),
        ("straight_ahead", 4, 5, [1 / 2, 0, 1 / 2, 0]),
        ("oracle", 5, 4, [0, 1, 0, 0]),
        ("oracle", 3, NO_CELL, [0, 0, 0, 0]),
    ],
)
def test_the_comb_is_walked_as_the_name_says(name, here, came, ways):
    batch, _ = mazes.parse_text(COMB)
    assert POLICIES[name](batch, np.array([[here]]), np.array([[came]]))[0, 0].tolist() == pytest.approx(ways)


def test_the_oracle_takes_every_shortest_path_alike():
    batch = mazes.draw(World("open_field", 4, 5), 30, seed=2)
    paths = mazes.solve(batch, seed=3)
    np.testing.assert_allclose(chance(POLICIES["oracle"], batch, paths), 1 / mazes.shortest_path_counts(batch))


def chance(policy: behaviour.Policy, batch: MazeBatch, paths: mazes.PathBatch) -> np.ndarray:
    """The probability that a walk begins with each path: the product of its steps'."""
    here, there = paths.cells[:, :-1], paths.cells[:, 1:]
    came = np.c_[np.full(len(batch), NO_CELL), here[:, :-1]]
    written = there != NO_CELL
    ways = policy(batch, np.where(written, here, 0), np.where(written, came, NO_CELL))
    taken = neighbours.adjacent(batch.rows, batch.cols)[here] == there[..., None]
    return np.where(written, (ways * taken).sum(axis=-1), 1.0).prod(axis=1)


@pytest.mark.parametrize("name", ["baseline", "random_walk", "greedy_manhattan", "straight_ahead", "filling_2"])
def test_walks_are_drawn_from_the_policy(name):
    """600 walks through each of 5 mazes: each share of exact ones within 5 sigma (error rate < 2e-5 for all 25)."""
    count = 600
    batch = mazes.draw(TREES, 5, seed=4)
    solutions = mazes.solve(batch)
    expected = chance(POLICIES[name], batch, solutions)
    again = np.arange(5).repeat(count)
    walks = SOLVERS[name](batch[again], seed=0)
    share = mazes.paths.exact(walks, solutions[again]).reshape(5, count).mean(axis=1)
    assert (abs(share - expected) <= 5 * np.sqrt(expected * (1 - expected) / count)).all()


def test_the_baseline_succeeds_as_often_as_computed():
    """One walk through each of 2000 mazes: as many exact ones as computed within 5 sigma (error rate 6e-7)."""
    batch = mazes.draw(TREES, 2000, seed=5)
    solutions = mazes.solve(batch)
    expected = mazes.baseline_success(batch)
    np.testing.assert_allclose(chance(POLICIES["baseline"], batch, solutions), expected)
    exact = mazes.paths.exact(SOLVERS["baseline"](batch, seed=0), solutions)
    assert abs((exact - expected).sum()) < 5 * np.sqrt((expected * (1 - expected)).sum())


def test_a_hand_on_the_wall_finds_every_goal_of_a_tree():
    batch = mazes.draw(TREES, 60, seed=6)
    for name in ("wall_follower_left", "wall_follower_right"):
        walks = SOLVERS[name](batch, seed=0, limit=2 * 25 - 1)  # once round the tree
        assert mazes.paths.ends_at_goal(batch, walks).all()
        assert mazes.paths.valid(batch, walks).all()


def test_the_greedy_are_right_in_the_open():
    batch = mazes.draw(World("open_field", 5, 5), 40, seed=7)
    for name in ("greedy_manhattan", "greedy_euclidean"):
        assert mazes.paths.optimal(batch, SOLVERS[name](batch, seed=0)).all()


def test_large_batches_are_walked_in_pieces(monkeypatch):
    batch = mazes.draw(CYCLIC, 11, seed=8)
    whole = SOLVERS["baseline"](batch, seed=1)
    monkeypatch.setattr(walking, "AT_ONCE", 4 * 20 * 3)
    pieces = SOLVERS["baseline"](batch, seed=1)
    np.testing.assert_array_equal(pieces.cells, whole.cells)
    np.testing.assert_array_equal(pieces.ended, whole.ended)


def test_no_mazes_no_walks():
    batch = mazes.draw(TREES, 2, seed=0)[:0]
    assert len(SOLVERS["baseline"](batch, seed=0)) == 0


def test_a_walk_needs_somewhere_to_go():
    batch = mazes.draw(TREES, 3, seed=0)
    with pytest.raises(ValueError, match="maze 1 has no goal"):
        behaviour.follow(
            POLICIES["baseline"], MazeBatch(batch.passages, batch.start, np.array([3, NO_CELL, 3])), seed=0
        )
