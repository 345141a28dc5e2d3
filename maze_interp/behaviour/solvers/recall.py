"""The walker that has learnt mazes by heart and nothing else."""

import numpy as np
from jaxtyping import Bool, Int

from maze_interp.behaviour.solvers import ways
from maze_interp.behaviour.solvers.walking import Policy, Query, Ways
from maze_interp.mazes import MazeBatch, distances

AT_ONCE = 2**23  # pairs of mazes compared in one product, which bounds its memory


def memoriser(training: MazeBatch) -> Policy:
    """Takes every maze for the training maze most like it, and goes the shortest way of that one to the goal asked for.

    Most alike is the maze with the fewest passages in one but not the other (among trees: with the most in common),
    the first of several. Of the ways on it takes one to the cell from which the remembered maze has the fewest steps
    to the goal, ties evenly; so it is right on all it has seen, between any two cells. For small training sets: the
    time goes with their size. ValueError for no training maze, and if asked about mazes of another lattice.
    """
    if not len(training):
        raise ValueError("a memoriser needs at least one training maze")

    def policy(mazes: MazeBatch, here: Query, came: Query) -> Ways:
        if (mazes.rows, mazes.cols) != (training.rows, training.cols):
            raise ValueError(
                f"mazes of {mazes.rows} x {mazes.cols} cells are unlike the {training.rows} x {training.cols} in memory"
            )
        remembered = training.passages[nearest(mazes.passages, training.passages)]
        to_goal = distances(remembered, mazes.goal)
        ahead = to_goal[np.arange(len(mazes))[:, None, None], ways.leads_to(mazes, here)]
        return ways.least(ways.onward(mazes, here, came), np.where(ahead >= 0, ahead, np.inf))

    return policy


def nearest(
    asked: Bool[np.ndarray, "maze 2 row col"], known: Bool[np.ndarray, "other 2 row col"]
) -> Int[np.ndarray, " maze"]:
    """Which of the known mazes differs from each asked one in the fewest passages; the first of several."""
    ours, theirs = (passages.reshape(len(passages), -1).astype(np.float32) for passages in (asked, known))
    best, least = np.zeros(len(ours), dtype=np.int64), np.full(len(ours), np.inf, dtype=np.float32)
    size = max(1, AT_ONCE // max(len(ours), 1))
    for first in range(0, len(theirs), size):
        some = theirs[first : first + size]
        differ = some.sum(axis=1) - 2 * ours @ some.T  # but for the asked maze's own passages
        found = differ.argmin(axis=1)
        fewest = differ[np.arange(len(ours)), found]
        best, least = np.where(fewest < least, first + found, best), np.minimum(least, fewest)
    return best
