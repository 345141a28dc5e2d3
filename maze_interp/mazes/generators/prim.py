"""Prim's algorithm with random weights: from a random cell, open the lightest passage that leads out of the tree.

Each passage has one weight, drawn independently and uniformly, and keeps it for as long as it waits. The maze is the
minimum spanning tree of these weights, so its law is that of `kruskal` and forgets where the tree began. What is often
called randomised Prim, any passage out of the tree with equal chance, is another law: `random_frontier`.

At 6 x 6: 23.3% forks, 31.6% dead ends, 8.02 cells to a solution (`wilson`: 22.5%, 30.4%, 8.32).
"""

from typing import no_type_check

import numpy as np
from numba import njit

from maze_interp import seeds
from maze_interp.mazes import lattice
from maze_interp.mazes.generators.declaration import SPANNING_TREE, Generator, always
from maze_interp.mazes.generators.depth_first import visit

ONE, TWO, THREE = np.uint64(1), np.uint64(2), np.uint64(3)
WEIGHT_BITS = 32  # above the spot and direction in an entry of the heap; two weights are equal with chance 2**-32


@njit(cache=True, nogil=True)
@no_type_check
def push(heap, size, entry):
    """Add an entry to a binary heap of `size` entries, the least of which comes first."""
    hole = size
    while hole > 0 and heap[(hole - 1) >> 1] > entry:
        heap[hole] = heap[(hole - 1) >> 1]
        hole = (hole - 1) >> 1
    heap[hole] = entry


@njit(cache=True, nogil=True)
@no_type_check
def pop(heap, size):
    """Take the least entry out of a heap of `size` entries; the last one sinks into the hole it leaves."""
    least, entry = heap[0], heap[size - 1]
    hole, child = 0, 1
    while child < size - 1:
        child += child + 1 < size - 1 and heap[child + 1] < heap[child]
        if entry <= heap[child]:
            break
        heap[hole] = heap[child]
        hole, child = child, 2 * child + 1
    heap[hole] = entry
    return least


@njit(cache=True, nogil=True)
@no_type_check
def grow(edges, state, free, heap, steps, crossings):
    """Open the passages of one maze; `free` holds for each spot the directions that lead out of the tree."""
    cells = edges.size // 2
    spot, size = np.uint64(seeds.below(state, cells)) + steps[0], 0
    for _ in range(cells - 1):
        visit(free, steps, spot)
        for direction in range(4):
            if free[spot] >> direction & 1:
                weight = np.uint64(seeds.below(state, 2**WEIGHT_BITS - 1))
                push(heap, size, weight << np.uint64(WEIGHT_BITS) | spot << TWO | np.uint64(direction))
                size += 1
        spot, through = np.uint64(0), np.uint64(0)
        while not free[spot] >> through & ONE:
            lightest = pop(heap, size) & np.uint64(2**WEIGHT_BITS - 1)
            size -= 1
            spot, through = lightest >> TWO, lightest & THREE
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
    heap = np.empty(2 * rows * cols, np.uint64)
    state = np.empty(1, np.uint64)
    for i in range(count):
        seeds.begin(state, seed, first + i)
        free[:] = inner
        grow(edges[i], state, free, heap, steps, crossings)


GENERATOR = Generator("prim", fill, always(SPANNING_TREE), uniform=False)
