"""The shape of a maze: how many ways lead out of each cell, where it forks, what hangs together.

Everything is asked of the passages alone and answered per cell, bool or int[maze, cell].
"""

from typing import no_type_check

import numpy as np
from jaxtyping import Bool, Int
from numba import njit

from maze_interp.mazes import lattice
from maze_interp.mazes.batch import DOWN, RIGHT
from maze_interp.mazes.solving import NEVER, flood

DEGREE = np.array([sides.bit_count() for sides in range(16)])  # of a set of directions


def open_ways(passages: Bool[np.ndarray, "maze 2 row col"]) -> Bool[np.ndarray, "maze cell 4"]:
    """Whether one can leave each cell DOWN, RIGHT, UP and LEFT."""
    lattice.flat(passages)
    out = np.zeros((len(passages), *passages.shape[2:], 4), dtype=bool)
    out[..., 0], out[..., 1] = passages[:, DOWN], passages[:, RIGHT]
    out[:, 1:, :, 2], out[:, :, 1:, 3] = passages[:, DOWN, :-1], passages[:, RIGHT, :, :-1]
    return out.reshape(len(passages), passages.shape[2] * passages.shape[3], 4)


def degrees(passages: Bool[np.ndarray, "maze 2 row col"]) -> Int[np.ndarray, "maze cell"]:
    """How many open passages each cell has: 0 (isolated) to 4, int8."""
    lattice.flat(passages)
    out = passages[:, DOWN].astype(np.int8) + passages[:, RIGHT]
    out[:, 1:, :] += passages[:, DOWN, :-1, :]
    out[:, :, 1:] += passages[:, RIGHT, :, :-1]
    return out.reshape(len(passages), passages.shape[2] * passages.shape[3])


def forks(passages: Bool[np.ndarray, "maze 2 row col"]) -> Bool[np.ndarray, "maze cell"]:
    """Cells with three passages or more: whoever comes in must choose a way out."""
    return degrees(passages) >= 3


def dead_ends(passages: Bool[np.ndarray, "maze 2 row col"]) -> Bool[np.ndarray, "maze cell"]:
    """Cells with exactly one passage."""
    return degrees(passages) == 1


def edge_count(passages: Bool[np.ndarray, "maze 2 row col"]) -> Int[np.ndarray, " maze"]:
    """How many passages are open, int64[maze]."""
    return passages.sum(axis=(1, 2, 3))


def components(passages: Bool[np.ndarray, "maze 2 row col"]) -> Int[np.ndarray, "maze cell"]:
    """A label per cell, int32: two cells share it exactly if a path joins them.

    Labels count up from 0 in the order of each component's lowest cell.
    """
    edges = lattice.flat(passages)
    out = np.empty((len(edges), edges.shape[1] // 2), dtype=np.int32)
    _components(edges, passages.shape[3], out)
    return out


@njit(cache=True, nogil=True)
@no_type_check
def _components(edges, cols, out):
    count, cells = out.shape
    steps = lattice.spot_steps(cols)
    sides = np.zeros(cells + 2 * cols, np.uint8)
    distance = np.empty(cells + 2 * cols, np.int32)
    queue = np.empty(cells + 1, np.uint64)
    for i in range(count):
        lattice.open_sides(edges[i], sides, cols)
        distance[:] = -1
        label = 0
        for spot in range(np.uint64(cols), np.uint64(cols + cells)):
            if distance[spot] < 0:
                for member in queue[: flood(sides, distance, queue, steps, spot, spot, NEVER)]:
                    out[i, np.int64(member) - cols] = label
                label += 1
