"""Sidewinder: every row is cut into runs, and from each run one passage, anywhere along it, leads up.

A run ends after each cell with probability `close`, and at the end of the row. The first row is one corridor, and the
way up from any cell never turns down.

At 6 x 6: 21.8% forks, 28.9% dead ends, 8.34 cells to a solution (`wilson`: 22.5%, 30.4%, 8.32).
"""

from typing import no_type_check

import numpy as np
from numba import njit

from maze_interp import seeds
from maze_interp.mazes.batch import DOWN, RIGHT
from maze_interp.mazes.generators.declaration import SPANNING_TREE, Generator, always


@njit(cache=True, nogil=True)
@no_type_check
def fill(passages, seed, first, close):
    """Open the passages of every maze of an all-closed batch."""
    count, _, rows, cols = passages.shape
    state = np.empty(1, np.uint64)
    for i in range(count):
        seeds.begin(state, seed, first + i)
        passages[i, RIGHT, 0, : cols - 1] = True
        for row in range(1, rows):
            run = 0
            for col in range(cols):
                if col + 1 == cols or seeds.uniform(state) < close:
                    passages[i, DOWN, row - 1, run + seeds.below(state, col + 1 - run)] = True
                    run = col + 1
                else:
                    passages[i, RIGHT, row, col] = True


GENERATOR = Generator(
    "sidewinder", fill, always(SPANNING_TREE), uniform=False, knobs={"close": 0.5}, limits={"close": (0.0, 1.0)}
)
