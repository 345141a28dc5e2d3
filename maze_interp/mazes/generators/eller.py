"""Eller's algorithm: row by row, knowing only which cells of the row are joined so far.

From left to right, neighbours in different parts are joined with probability `right`. Then each cell opens down with
probability `down`, and a part of which none did opens down from one of its cells, any with equal chance. In the last
row all neighbours in different parts are joined.

At 6 x 6: 22.1% forks, 29.9% dead ends, 8.30 cells to a solution (`wilson`: 22.5%, 30.4%, 8.32).
"""

from typing import no_type_check

import numpy as np
from numba import njit

from maze_interp import seeds
from maze_interp.mazes.generators.declaration import SPANNING_TREE, Generator, always
from maze_interp.mazes.generators.kruskal import find


@njit(cache=True, nogil=True)
@no_type_check
def join_row(edges, state, parent, row, right):
    """Join neighbours in different parts, each two with probability `right`."""
    cells = parent.size
    for cell in row[:-1]:
        one, other = find(parent, cell), find(parent, cell + 1)
        joined = one != other and seeds.uniform(state) < right
        edges[cells + cell] = joined
        parent[other] = one if joined else other


@njit(cache=True, nogil=True)
@no_type_check
def descend(edges, state, parent, row, down, draws, lowest):
    """Open passages down: each cell draws a number and opens if it is below `down` or the lowest of its part."""
    for cell in row:
        lowest[find(parent, cell)] = 1.0
    for cell in row:
        draws[cell] = seeds.uniform(state)
        part = find(parent, cell)
        lowest[part] = min(lowest[part], draws[cell])
    for cell in row:
        part = find(parent, cell)
        if draws[cell] < down or draws[cell] == lowest[part]:
            edges[cell] = True
            parent[cell + row.size] = part


@njit(cache=True, nogil=True)
@no_type_check
def fill(passages, seed, first, right, down):
    """Open the passages of every maze of an all-closed batch."""
    count, _, rows, cols = passages.shape
    edges = passages.reshape(count, 2 * rows * cols)
    alone = np.arange(rows * cols)
    parent = alone.copy()
    draws, lowest = np.empty(rows * cols), np.empty(rows * cols)
    state = np.empty(1, np.uint64)
    for i in range(count):
        seeds.begin(state, seed, first + i)
        parent[:] = alone
        for k in range(rows - 1):
            row = alone[k * cols : (k + 1) * cols]
            join_row(edges[i], state, parent, row, right)
            descend(edges[i], state, parent, row, down, draws, lowest)
        join_row(edges[i], state, parent, alone[-cols:], 1.0)


GENERATOR = Generator(
    "eller",
    fill,
    always(SPANNING_TREE),
    uniform=False,
    knobs={"right": 0.5, "down": 0.5},
    limits=dict.fromkeys(("right", "down"), (0.0, 1.0)),
)
