"""A serpentine: one corridor without a fork that runs through line after line, back and forth, through every cell.

Lines are rows or columns, and the first turn is at either end, which makes four serpentines; `orientation` names one
of them, or -1 draws it: along rows with the first turn at the right (0) or left (1), along columns with the first turn
at the bottom (2) or top (3).

At 6 x 6: 0.0% forks, 5.6% dead ends, 13.33 cells to a solution (`wilson`: 22.5%, 30.4%, 8.32).
"""

from typing import no_type_check

import numpy as np
from numba import njit

from maze_interp.mazes.batch import DOWN, RIGHT
from maze_interp.mazes.generators.declaration import SPANNING_TREE, Generator, always
from maze_interp.mazes.generators.spiral import stamp


@njit(cache=True, nogil=True)
@no_type_check
def serpentines(rows, cols):
    """All four, bool[orientation, edge]."""
    shapes = np.zeros((4, 2, rows, cols), np.bool_)
    shapes[:2, RIGHT, :, :-1] = np.True_
    shapes[2:, DOWN, :-1, :] = np.True_
    for side in range(2):
        for row in range(rows - 1):
            shapes[side, DOWN, row, 0 if (row + side) % 2 else cols - 1] = True
        for col in range(cols - 1):
            shapes[2 + side, RIGHT, 0 if (col + side) % 2 else rows - 1, col] = True
    return shapes.reshape(4, 2 * rows * cols)


@njit(cache=True, nogil=True)
@no_type_check
def fill(passages, seed, first, orientation):
    """Open the passages of every maze of an all-closed batch."""
    stamp(passages, seed, first, serpentines(passages.shape[2], passages.shape[3]), orientation)


def check(rows: int, cols: int, orientation: int) -> None:
    """There are four orientations, though in a corridor one cell wide they are all the same."""
    if not -1 <= orientation < 4:
        raise ValueError(f"orientation of serpentine must be -1 (drawn) or from 0 to 3, not {orientation}")


GENERATOR = Generator("serpentine", fill, always(SPANNING_TREE), uniform=False, knobs={"orientation": -1}, check=check)
