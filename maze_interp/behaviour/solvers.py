"""Solvers that are no model: what the metrics must say of perfect and of aimless walking."""

from collections.abc import Callable

import numpy as np

from maze_interp import seeds
from maze_interp.behaviour import neighbours
from maze_interp.mazes import CUT, END, NO_CELL, MazeBatch, PathBatch, solve


def oracle(mazes: MazeBatch, *, seed: int, first: int = 0) -> PathBatch:
    """A shortest path, uniformly drawn where there are several: the positive control."""
    return solve(mazes, seed=seed, first=first)


def random_walk(mazes: MazeBatch, *, seed: int, first: int = 0, limit: int | None = None) -> PathBatch:
    """Through a uniformly random open passage at every step, back ones too, until the goal: the negative control.

    A walk of `limit` cells (default: as many as the maze has) that is not at the goal, or that has no way out, is
    CUT. Walk i is a function of its maze and (seed, first + i).
    """
    limit = mazes.rows * mazes.cols if limit is None else limit
    if limit < 1:
        raise ValueError(f"a walk needs room for its start: limit must be at least 1, not {limit}")
    if (mazes.start == NO_CELL).any():
        raise ValueError(f"maze {int((mazes.start == NO_CELL).argmax())} has no start")
    ways = -np.sort(-neighbours.connected(mazes.passages), axis=-1)  # cells first, NO_CELL last
    counts = (ways != NO_CELL).sum(axis=-1)
    maze = np.arange(len(mazes))
    drawn = np.array([seeds.generator(seed, "random walk", first + i).random(limit) for i in range(len(mazes))])
    cells = np.full((len(mazes), limit), NO_CELL)
    cells[:, 0] = mazes.start
    for step in range(1, limit):
        here = cells[:, step - 1]
        goes_on = (here != mazes.goal) & (here != NO_CELL)
        way = (drawn[:, step] * counts[maze, here]).astype(np.int64)
        cells[:, step] = np.where(goes_on, ways[maze, here, way], NO_CELL)  # the first way of a closed cell is NO_CELL
    length = (cells != NO_CELL).sum(axis=1)
    return PathBatch(cells, length, np.where(cells[maze, length - 1] == mazes.goal, END, CUT))


SOLVERS: dict[str, Callable[..., PathBatch]] = {"oracle": oracle, "random_walk": random_walk}
