"""A depth-first maze with extra passages: each closed passage is opened with probability `p` (pRDFS).

Connected, with cycles. The tree is the one `depth_first` draws from the same seed.
"""

from typing import no_type_check

import numpy as np
from numba import njit

from maze_interp import seeds
from maze_interp.mazes import lattice
from maze_interp.mazes.generators.declaration import CONNECTED, Generator, always
from maze_interp.mazes.generators.depth_first import carve
from maze_interp.mazes.generators.percolation import inner_edges, sprinkle


@njit(cache=True, nogil=True)
@no_type_check
def fill(passages, seed, first, p):
    """Open the passages of every maze of an all-closed batch."""
    count, _, rows, cols = passages.shape
    cells = rows * cols
    edges = passages.reshape(count, 2 * cells)
    inner = lattice.inner_sides(rows, cols)
    steps, crossings = lattice.spot_steps(cols), lattice.edge_steps(rows, cols)
    choices = inner_edges(rows, cols)
    free = np.zeros(inner.size, np.uint8)
    stack = np.empty(cells, np.uint64)
    state = np.empty(1, np.uint64)
    for i in range(count):
        seeds.begin(state, seed, first + i)
        free[:] = inner
        carve(edges[i], state, free, stack, steps, crossings, True)
        sprinkle(edges[i], state, choices, p)


GENERATOR = Generator(
    "depth_first_percolation", fill, always(CONNECTED), uniform=False, knobs={"p": 0.1}, limits={"p": (0.0, 1.0)}
)
