"""Randomised depth-first search (RDFS): walk to a random unvisited neighbour, back up when there is none.

Long winding corridors and few forks; a spanning tree, but far from a uniform one. With `forks=False` the walk stops at
its first dead end instead of backing up: one corridor without a fork, and isolated cells around it.
"""

from typing import no_type_check

import numpy as np
from numba import njit

from maze_interp import seeds
from maze_interp.mazes import lattice
from maze_interp.mazes.generators.declaration import NEITHER, SPANNING_TREE, Generator

PICK, TWELFTHS = lattice.PICK, lattice.TWELFTHS


@njit(cache=True, nogil=True)
@no_type_check
def visit(free, spot, cols):
    """Take the cell at `spot` out of its four neighbours' free directions."""
    free[spot - cols] &= np.uint8(14)
    free[spot - 1] &= np.uint8(13)
    free[spot + cols] &= np.uint8(11)
    free[spot + 1] &= np.uint8(7)


@njit(cache=True, nogil=True)
@no_type_check
def carve(edges, state, free, stack, steps, crossings, forks):
    """Open the passages of one maze.

    `free` holds for each cell the directions that lead to unvisited cells, with `cols` spare entries at both ends so
    that no step needs a bounds check (left and right of the lattice lie cells whose bit is clear already).
    """
    cols = steps[0]
    cells = stack.size
    cell = seeds.below(state, cells)
    visit(free, cols + cell, cols)
    depth = 0
    for _ in range(cells - 1):
        while free[cols + cell] == 0:
            if not forks:
                return
            depth -= 1
            cell = stack[depth]
        direction = PICK[free[cols + cell], seeds.below(state, TWELFTHS)]
        edges[cell + crossings[direction]] = True
        stack[depth] = cell
        depth += 1
        cell += steps[direction]
        visit(free, cols + cell, cols)


@njit(cache=True, nogil=True)
@no_type_check
def fill(passages, seed, first, forks):
    """Open the passages of every maze of an all-closed batch."""
    count, _, rows, cols = passages.shape
    cells = rows * cols
    edges = passages.reshape(count, 2 * cells)
    inner = lattice.inner_sides(rows, cols)
    steps, crossings = lattice.cell_steps(rows, cols), lattice.edge_steps(rows, cols)
    free = np.zeros(cells + 2 * cols, np.uint8)
    stack = np.empty(cells, np.int64)
    state = np.empty(1, np.uint64)
    for i in range(count):
        seeds.begin(state, seed, first + i)
        free[cols : cols + cells] = inner
        carve(edges[i], state, free, stack, steps, crossings, forks)


def promise(forks: bool) -> str:
    """A spanning tree, or one corridor if the walk may not back up."""
    return SPANNING_TREE if forks else NEITHER


GENERATOR = Generator("depth_first", fill, promise, uniform=False, knobs={"forks": True})
