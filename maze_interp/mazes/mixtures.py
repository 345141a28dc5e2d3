"""How a mixture is laid out: which of its worlds maze i is of, and where on the larger lattice it lies.

Both depend on (seed, i) alone. The maze itself is maze i of its world under the same seed.
"""

from dataclasses import dataclass
from typing import no_type_check

import numpy as np
from jaxtyping import Int
from numba import njit

from maze_interp import seeds
from maze_interp.mazes.batch import NO_CELL, MazeBatch
from maze_interp.mazes.kinds import Mixture


@dataclass(frozen=True)
class Layout:
    """For each maze the number of its world, in the mixture's order, and the row and column of its first cell."""

    world: Int[np.ndarray, " maze"]
    top: Int[np.ndarray, " maze"]
    left: Int[np.ndarray, " maze"]


def layout(mixture: Mixture, index: Int[np.ndarray, " maze"], seed: int) -> Layout:
    """The layout of the mazes with these indices of the mixture's stream."""
    chance = np.empty((len(index), 3))
    _uniform(seeds.derive(seed, "mixture"), index, chance)
    bounds = np.cumsum([mixture.weights[name] for name in mixture.worlds])[:-1]
    world = np.searchsorted(bounds, chance[:, 0], side="right")
    if mixture.place == "top_left":
        return Layout(world, np.zeros_like(world), np.zeros_like(world))
    room = np.array([(mixture.rows - one.rows, mixture.cols - one.cols) for one in mixture.worlds.values()])
    top, left = (chance[:, 1:] * (room[world] + 1)).astype(np.int64).T
    return Layout(world, top, left)


def placed(
    mazes: MazeBatch, rows: int, cols: int, top: Int[np.ndarray, " maze"], left: Int[np.ndarray, " maze"]
) -> MazeBatch:
    """The mazes on a lattice of rows x cols, each with its first cell at (top, left) and no passages around it."""
    passages = np.zeros((len(mazes), 2, rows, cols), dtype=bool)
    down, across = top[:, None] + np.arange(mazes.rows), left[:, None] + np.arange(mazes.cols)
    maze = np.arange(len(mazes))[:, None, None, None]
    passages[maze, np.arange(2)[:, None, None], down[:, None, :, None], across[:, None, None, :]] = mazes.passages
    return MazeBatch(passages, *(_moved(cells, mazes.cols, cols, top, left) for cells in (mazes.start, mazes.goal)))


def cut_out(
    mazes: MazeBatch, rows: int, cols: int, top: Int[np.ndarray, " maze"], left: Int[np.ndarray, " maze"]
) -> MazeBatch:
    """The mazes of rows x cols that were placed at (top, left)."""
    down, across = top[:, None] + np.arange(rows), left[:, None] + np.arange(cols)
    maze = np.arange(len(mazes))[:, None, None, None]
    passages = mazes.passages[maze, np.arange(2)[:, None, None], down[:, None, :, None], across[:, None, None, :]]
    return MazeBatch(passages, *(_moved(cells, mazes.cols, cols, -top, -left) for cells in (mazes.start, mazes.goal)))


def _moved(
    cells: Int[np.ndarray, " maze"], width: int, new_width: int, down: np.ndarray, right: np.ndarray
) -> Int[np.ndarray, " maze"]:
    row, col = np.divmod(cells, width)
    return np.where(cells == NO_CELL, NO_CELL, (row + down) * new_width + col + right).astype(np.int32)


@njit(cache=True, nogil=True)
@no_type_check
def _uniform(seed, index, out):
    """Uniform numbers, as many for each index as `out`, float64[maze, :], has columns."""
    state = np.empty(1, np.uint64)
    for i in range(len(index)):
        seeds.begin(state, seed, index[i])
        for k in range(out.shape[1]):
            out[i, k] = seeds.uniform(state)
