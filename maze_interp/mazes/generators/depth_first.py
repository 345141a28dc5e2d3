"""Randomised depth-first search (RDFS): walk to a random unvisited neighbour, back up when there is none.

Long winding corridors and few forks; a spanning tree, but far from a uniform one. With `forks=False` the walk stops at
its first dead end instead of backing up: one corridor without a fork, and isolated cells around it.
"""

from typing import no_type_check

import numpy as np
from numba import njit

from maze_interp import seeds
from maze_interp.mazes import lattice
from maze_interp.mazes.batch import DOWN
from maze_interp.mazes.generators.declaration import NEITHER, SPANNING_TREE, Generator

PICK, TWELFTHS = lattice.PICK, lattice.TWELFTHS
ONE = np.uint64(1)


@njit(cache=True, nogil=True)
@no_type_check
def visit(free, steps, spot):
    """Take the cell at `spot` out of its four neighbours' free directions."""
    for direction in range(4):
        free[spot + steps[direction]] &= np.uint8(15 ^ 1 << (direction ^ 2))


@njit(cache=True, nogil=True)
@no_type_check
def carve(edges, state, free, stack, steps, crossings, forks):
    """Open the passages of one maze; `free` holds for each spot the directions that lead to unvisited cells."""
    cells = stack.size
    spot = np.uint64(seeds.below(state, cells)) + steps[DOWN]
    visit(free, steps, spot)
    depth = np.uint64(0)
    for _ in range(cells - 1):
        while free[spot] == 0:
            if not forks:
                return
            depth -= ONE
            spot = stack[depth]
        direction = PICK[free[spot], seeds.below(state, TWELFTHS)]
        edges[spot + crossings[direction]] = True
        stack[depth] = spot
        depth += ONE
        spot += steps[direction]
        visit(free, steps, spot)


@njit(cache=True, nogil=True)
@no_type_check
def fill(passages, seed, first, forks):
    """Open the passages of every maze of an all-closed batch."""
    count, _, rows, cols = passages.shape
    cells = rows * cols
    edges = passages.reshape(count, 2 * cells)
    inner = lattice.inner_sides(rows, cols)
    steps, crossings = lattice.spot_steps(cols), lattice.edge_steps(rows, cols)
    free = np.zeros(inner.size, np.uint8)
    stack = np.empty(cells, np.uint64)
    state = np.empty(1, np.uint64)
    for i in range(count):
        seeds.begin(state, seed, first + i)
        free[:] = inner
        carve(edges[i], state, free, stack, steps, crossings, forks)


def promise(forks: bool) -> str:
    """A spanning tree, or one corridor if the walk may not back up."""
    return SPANNING_TREE if forks else NEITHER


GENERATOR = Generator("depth_first", fill, promise, uniform=False, knobs={"forks": True})
