"""Random frontier growth: from a random cell, open any passage that leads out of the tree, each with equal chance.

Often called randomised Prim, which it is not (`prim` is): here a passage's chance is fresh at every step. It is Eden
growth by bonds, and the tree of fastest ways from the first cell if passing a passage takes an exponentially
distributed time: short, straight ways from there and many dead ends.

At 6 x 6: 25.0% forks, 34.7% dead ends, 7.31 cells to a solution (`wilson`: 22.5%, 30.4%, 8.32).
"""

from typing import no_type_check

import numpy as np
from numba import njit

from maze_interp import seeds
from maze_interp.mazes import lattice
from maze_interp.mazes.generators.declaration import SPANNING_TREE, Generator, always
from maze_interp.mazes.generators.depth_first import visit

ONE, TWO, THREE = np.uint64(1), np.uint64(2), np.uint64(3)


@njit(cache=True, nogil=True)
@no_type_check
def grow(edges, state, free, frontier, steps, crossings):
    """Open the passages of one maze; `free` holds for each spot the directions that lead out of the tree.

    The frontier holds spots and directions; what no longer leads out is found out when it is drawn, and dropped.
    """
    cells = edges.size // 2
    spot, size = np.uint64(seeds.below(state, cells)) + steps[0], 0
    for _ in range(cells - 1):
        visit(free, steps, spot)
        for direction in range(4):
            frontier[size] = spot << TWO | np.uint64(direction)
            size += free[spot] >> direction & 1
        spot, through = np.uint64(0), np.uint64(0)
        while not free[spot] >> through & ONE:
            drawn = seeds.below(state, size)
            spot, through = frontier[drawn] >> TWO, frontier[drawn] & THREE
            size -= 1
            frontier[drawn] = frontier[size]
        edges[spot + crossings[through]] = True
        spot += steps[through]


@njit(cache=True, nogil=True)
@no_type_check
def fill(passages, seed, first):
    """Open the passages of every maze of an all-closed batch."""
    count, _, rows, cols = passages.shape
    edges = passages.reshape(count, 2 * rows * cols)
    inner = lattice.inner_sides(rows, cols)
    steps, crossings = lattice.spot_steps(cols), lattice.edge_steps(rows, cols)
    free = np.zeros(inner.size, np.uint8)
    frontier = np.empty(2 * rows * cols + 1, np.uint64)
    state = np.empty(1, np.uint64)
    for i in range(count):
        seeds.begin(state, seed, first + i)
        free[:] = inner
        grow(edges[i], state, free, frontier, steps, crossings)


GENERATOR = Generator("random_frontier", fill, always(SPANNING_TREE), uniform=False)
