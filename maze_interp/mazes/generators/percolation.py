"""Bond percolation: each passage is open independently with probability `p`.

Nothing is promised: there are islands and cycles. Passages are drawn in a fixed order, one random number each, so the
same seed with a larger `p` only opens more of them.

At 6 x 6: 10.8% forks, 39.9% dead ends, 4.45 cells to a solution (`wilson`: 22.5%, 30.4%, 8.32).
"""

from typing import no_type_check

import numpy as np
from numba import njit

from maze_interp import seeds
from maze_interp.mazes import lattice
from maze_interp.mazes.batch import DOWN, RIGHT
from maze_interp.mazes.generators.declaration import NEITHER, Generator, always


@njit(cache=True, nogil=True)
@no_type_check
def inner_edges(rows, cols):
    """The edges that do not cross the border, ascending, int64[edge]."""
    inner = lattice.inner_sides(rows, cols)[cols:-cols]
    down = np.flatnonzero(inner >> DOWN & 1)
    right = np.flatnonzero(inner >> RIGHT & 1) + rows * cols
    return np.concatenate((down, right))


@njit(cache=True, nogil=True)
@no_type_check
def sprinkle(edges, state, choices, p):
    """Open each edge among `choices` with probability `p`; open edges stay open."""
    for edge in choices:
        edges[edge] |= seeds.uniform(state) < p


@njit(cache=True, nogil=True)
@no_type_check
def fill(passages, seed, first, p):
    """Open the passages of every maze of an all-closed batch."""
    count, _, rows, cols = passages.shape
    edges = passages.reshape(count, 2 * rows * cols)
    choices = inner_edges(rows, cols)
    state = np.empty(1, np.uint64)
    for i in range(count):
        seeds.begin(state, seed, first + i)
        sprinkle(edges[i], state, choices, p)


GENERATOR = Generator("percolation", fill, always(NEITHER), uniform=False, knobs={"p": 0.4}, limits={"p": (0.0, 1.0)})
