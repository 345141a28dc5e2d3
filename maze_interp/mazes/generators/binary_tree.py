"""The binary tree: every cell opens one passage, up with probability `up` and left otherwise.

In the first row only left is possible, in the first column only up. These two are therefore always corridors, and from
every cell a shortest way to the first cell never turns down or right.

At 6 x 6: 22.2% forks, 27.8% dead ends, 8.18 cells to a solution (`wilson`: 22.5%, 30.4%, 8.32).
"""

from typing import no_type_check

import numpy as np
from numba import njit

from maze_interp import seeds
from maze_interp.mazes.batch import DOWN, RIGHT
from maze_interp.mazes.generators.declaration import SPANNING_TREE, Generator, always


@njit(cache=True, nogil=True)
@no_type_check
def fill(passages, seed, first, up):
    """Open the passages of every maze of an all-closed batch."""
    count, _, rows, cols = passages.shape
    state = np.empty(1, np.uint64)
    for i in range(count):
        seeds.begin(state, seed, first + i)
        passages[i, RIGHT, 0, : cols - 1] = True
        passages[i, DOWN, : rows - 1, 0] = True
        for row in range(1, rows):
            for col in range(1, cols):
                rises = seeds.uniform(state) < up
                passages[i, DOWN, row - 1, col] = rises
                passages[i, RIGHT, row, col - 1] = not rises


GENERATOR = Generator(
    "binary_tree", fill, always(SPANNING_TREE), uniform=False, knobs={"up": 0.5}, limits={"up": (0.0, 1.0)}
)
