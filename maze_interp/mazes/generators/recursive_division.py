"""Recursive division: cut a chamber in two by a wall with one gap, then cut both halves, until each is one cell.

Two halves that are trees and one gap between them make a tree, so only the gaps need to be opened. The wall crosses
the longer side of its chamber, either one if they are equal; with `longer_side=False` every place for a wall in the
chamber is equally likely. Where along the side the wall stands and where along the wall the gap is are uniform draws.
Straight walls, and one gap through which all must pass.

At 6 x 6: 21.8% forks, 29.5% dead ends, 8.41 cells to a solution (`wilson`: 22.5%, 30.4%, 8.32).
"""

from typing import no_type_check

import numpy as np
from numba import njit

from maze_interp import seeds
from maze_interp.mazes.batch import DOWN, RIGHT
from maze_interp.mazes.generators.declaration import SPANNING_TREE, Generator, always


@njit(cache=True, nogil=True)
@no_type_check
def lies_flat(state, height, width, longer_side):
    """Whether the wall through a chamber runs from left to right."""
    if longer_side and height != width:
        return height > width
    return seeds.below(state, height + width - 2) < height - 1


@njit(cache=True, nogil=True)
@no_type_check
def divide(passages, state, chambers, longer_side):
    """Open the gaps of one maze; `chambers` is the stack of those still to cut: top, left, height, width."""
    chambers[0, 0], chambers[0, 1], (chambers[0, 2], chambers[0, 3]) = 0, 0, passages.shape[1:]
    size = 1
    while size > 0:
        size -= 1
        top, left, height, width = chambers[size]
        if height + width == 2:
            continue
        if lies_flat(state, height, width, longer_side):
            near = 1 + seeds.below(state, height - 1)
            passages[DOWN, top + near - 1, left + seeds.below(state, width)] = True
            chambers[size, 2] = near
            rest = (top + near, left, height - near, width)
        else:
            near = 1 + seeds.below(state, width - 1)
            passages[RIGHT, top + seeds.below(state, height), left + near - 1] = True
            chambers[size, 3] = near
            rest = (top, left + near, height, width - near)
        chambers[size + 1, 0], chambers[size + 1, 1], chambers[size + 1, 2], chambers[size + 1, 3] = rest
        size += 2


@njit(cache=True, nogil=True)
@no_type_check
def fill(passages, seed, first, longer_side):
    """Open the passages of every maze of an all-closed batch."""
    count, _, rows, cols = passages.shape
    chambers = np.empty((rows * cols, 4), np.int64)
    state = np.empty(1, np.uint64)
    for i in range(count):
        seeds.begin(state, seed, first + i)
        divide(passages[i], state, chambers, longer_side)


GENERATOR = Generator("recursive_division", fill, always(SPANNING_TREE), uniform=False, knobs={"longer_side": True})
