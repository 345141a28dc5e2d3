"""A memoriser knows what it has seen and guesses from what is most like it."""

import numpy as np
import pytest

from maze_interp import behaviour, mazes
from maze_interp.behaviour import memoriser
from maze_interp.behaviour.solvers import recall
from maze_interp.mazes import MazeBatch, World

WORLD = World("wilson", 5, 5)


def exact(batch: MazeBatch, training: MazeBatch) -> float:
    walks = behaviour.follow(memoriser(training), batch, seed=0)
    return mazes.paths.exact(walks, mazes.solve(batch)).mean()


def test_it_is_perfect_on_what_it_has_seen_and_nowhere_else():
    training, unseen = mazes.draw(WORLD, 200, seed=0), mazes.draw(WORLD, 200, seed=1)
    elsewhere = MazeBatch(training.passages, *mazes.draw_endpoints(training.passages, seed=2))
    assert exact(training, training) == exact(elsewhere, training) == 1
    assert exact(unseen, training) < 0.7


def test_the_more_it_has_seen_the_more_it_solves():
    """On 300 mazes of 4 x 4, of which there are 100,352: 84% against 65%, give or take 3.5%."""
    small = World("wilson", 4, 4)
    training, unseen = mazes.draw(small, 8000, seed=0), mazes.draw(small, 300, seed=1)
    assert exact(unseen, training) > exact(unseen, training[:20]) + 0.05


def test_it_goes_by_the_maze_it_remembers():
    """The maze asked about is the remembered one with a wall less, and the new way is shorter: it is not taken."""
    known, _ = mazes.parse_text("""
        +---+---+---+
        | S     |   |
        +---+   +   +
        |           |
        +---+---+---+
    """)
    known = MazeBatch(known.passages, known.start, np.array([2]))
    asked = MazeBatch(known.passages.copy(), known.start, known.goal)
    asked.passages[0, mazes.RIGHT, 0, 1] = True
    ways = memoriser(known)(asked, np.array([[0, 1, 1]]), np.array([[-1, 0, 4]]))
    assert ways.argmax(axis=-1).tolist() == [[1, 1, 1]]


def test_the_nearest_differs_in_the_fewest_passages(monkeypatch):
    known = mazes.draw(World("percolation", 4, 4, {"p": 0.6}), 90, seed=0).passages
    asked = mazes.draw(World("percolation", 4, 4, {"p": 0.6}), 40, seed=1).passages
    differ = (asked[:, None] != known).sum(axis=(2, 3, 4))
    np.testing.assert_array_equal(recall.nearest(asked, known), differ.argmin(axis=1))
    monkeypatch.setattr(recall, "AT_ONCE", 40 * 7)
    np.testing.assert_array_equal(recall.nearest(asked, known), differ.argmin(axis=1))


def test_what_it_cannot_have_seen_is_refused():
    training = mazes.draw(WORLD, 3, seed=0)
    with pytest.raises(ValueError, match="at least one training maze"):
        memoriser(training[:0])
    with pytest.raises(ValueError, match="4 x 4 cells are unlike the 5 x 5 in memory"):
        behaviour.follow(memoriser(training), mazes.draw(World("wilson", 4, 4), 2, seed=0), seed=0)
