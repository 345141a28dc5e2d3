"""Randomised depth-first search (RDFS): walk to a random unvisited neighbour, back up when there is none.

Long winding corridors and few forks; a spanning tree, but far from a uniform one. Four knobs cut it short, and what
they leave is one tree and isolated cells around it: with `forks=False` the walk stops at its first dead end instead
of backing up, so that the tree is one corridor; `accessible_cells` stops it when it has reached so many cells (0: all
of them); no cell is more than `max_depth` passages away from where the walk began (0: no limit). It begins at the
cell `start` (-1: at a uniformly drawn one).

At 6 x 6: 9.4% forks, 15.0% dead ends, 11.07 cells to a solution (`wilson`: 22.5%, 30.4%, 8.32).
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
def carve(edges, state, free, stack, steps, crossings, forks, accessible_cells, max_depth, start):
    """Open the passages of one maze; `free` holds for each spot the directions that lead to unvisited cells."""
    drawn = seeds.below(state, stack.size)
    spot = np.uint64(drawn if start < 0 else start) + steps[DOWN]
    visit(free, steps, spot)
    depth = np.uint64(0)
    for _ in range(accessible_cells - 1):
        while free[spot] == 0 or depth == max_depth:
            if not forks or depth == 0:
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
def carve_all(passages, seed, first, forks, accessible_cells, max_depth, start):
    """Open the passages of every maze of an all-closed batch; returns the streams, uint64[maze], to draw on from."""
    count, _, rows, cols = passages.shape
    cells = rows * cols
    edges = passages.reshape(count, 2 * cells)
    inner = lattice.inner_sides(rows, cols)
    steps, crossings = lattice.spot_steps(cols), lattice.edge_steps(rows, cols)
    free = np.zeros(inner.size, np.uint8)
    stack = np.empty(cells, np.uint64)
    state, streams = np.empty(1, np.uint64), np.empty(count, np.uint64)
    most = accessible_cells if accessible_cells > 0 else cells
    deepest = np.uint64(max_depth if max_depth > 0 else cells)
    for i in range(count):
        seeds.begin(state, seed, first + i)
        free[:] = inner
        carve(edges[i], state, free, stack, steps, crossings, forks, most, deepest, start)
        streams[i] = state[0]
    return streams


@njit(cache=True, nogil=True)
@no_type_check
def fill(passages, seed, first, forks, accessible_cells, max_depth, start):
    """Open the passages of every maze of an all-closed batch."""
    carve_all(passages, seed, first, forks, accessible_cells, max_depth, start)


def promise(forks: bool, accessible_cells: int, max_depth: int, start: int) -> str:
    """A spanning tree unless a knob may cut the walk short; then nothing, though all its passages form one tree."""
    return SPANNING_TREE if forks and accessible_cells == max_depth == 0 else NEITHER


def check(rows: int, cols: int, forks: bool, accessible_cells: int, max_depth: int, start: int) -> None:
    """As many cells as are to be reached, and the one to start at, must be on the lattice."""
    cells, there = rows * cols, f"the {rows} x {cols} lattice"
    if accessible_cells != 0 and not 2 <= accessible_cells <= cells:
        raise ValueError(
            f"accessible_cells of depth_first must be 0 (all) or from 2 to the {cells} cells of {there}, "
            f"not {accessible_cells}"
        )
    if max_depth < 0:
        raise ValueError(f"max_depth of depth_first must be 0 (no limit) or more, not {max_depth}")
    if not -1 <= start < cells:
        raise ValueError(
            f"start of depth_first must be -1 (uniform) or a cell of {there}, 0 to {cells - 1}, not {start}"
        )


GENERATOR = Generator(
    "depth_first",
    fill,
    promise,
    uniform=False,
    knobs={"forks": True, "accessible_cells": 0, "max_depth": 0, "start": -1},
    check=check,
)
