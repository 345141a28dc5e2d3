"""Who is next to whom: the cells around a cell on the lattice, and those of them a passage leads to.

Directions are ordered DOWN, RIGHT, UP, LEFT, as everywhere in the library.
"""

import numpy as np
from jaxtyping import Bool, Int

from maze_interp.mazes import DOWN, NO_CELL, RIGHT


def adjacent(rows: int, cols: int) -> Int[np.ndarray, "cell 4"]:
    """The neighbour of each cell in each direction; NO_CELL beyond the border."""
    framed = np.pad(np.arange(rows * cols).reshape(rows, cols), 1, constant_values=NO_CELL)
    sides = framed[2:, 1:-1], framed[1:-1, 2:], framed[:-2, 1:-1], framed[1:-1, :-2]
    return np.stack(sides, axis=-1).reshape(rows * cols, 4)


def connected(passages: Bool[np.ndarray, "maze 2 row col"]) -> Int[np.ndarray, "maze cell 4"]:
    """The neighbour that an open passage leads to from each cell in each direction; NO_CELL where there is none."""
    count, _, rows, cols = passages.shape
    is_open = np.zeros((count, rows, cols, 4), dtype=bool)
    is_open[..., 0], is_open[..., 1] = passages[:, DOWN], passages[:, RIGHT]
    is_open[:, 1:, :, 2], is_open[:, :, 1:, 3] = passages[:, DOWN, :-1], passages[:, RIGHT, :, :-1]
    return np.where(is_open.reshape(count, rows * cols, 4), adjacent(rows, cols), NO_CELL)
