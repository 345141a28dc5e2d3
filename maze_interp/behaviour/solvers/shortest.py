"""The walker that knows the way."""

import numpy as np

from maze_interp.behaviour import neighbours
from maze_interp.behaviour.solvers import ways
from maze_interp.behaviour.solvers.walking import Query, Ways
from maze_interp.mazes import NO_CELL, MazeBatch, distances


def shortest(mazes: MazeBatch, here: Query, came: Query) -> Ways:
    """A step nearer to the goal, in proportion to the shortest paths that go on from there.

    So every shortest path is equally likely, as with `mazes.solve`. Where no way leads to the goal, any way on.
    """
    maze = np.arange(len(mazes))[:, None, None]
    beyond = neighbours.connected(mazes.passages)
    to_goal = distances(mazes.passages, mazes.goal)
    nearer = (beyond != NO_CELL) & (to_goal[maze, beyond] == to_goal[..., None] - 1)
    paths = (to_goal == 0).astype(np.float64)
    for far in range(1, to_goal.max(initial=0) + 1):
        paths = np.where(to_goal == far, (nearer * paths[maze, beyond]).sum(axis=-1), paths)
    through = (nearer * paths[maze, beyond])[maze[..., 0], here]
    total = through.sum(axis=-1, keepdims=True)
    return np.where(total > 0, through / np.maximum(total, 1), ways.least(ways.onward(mazes, here, came)))
