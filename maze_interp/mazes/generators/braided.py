"""A depth-first tree braided: a given share of its dead ends gains a second passage, which closes a cycle.

Connected, and a tree only at `share=0`, where it is the one `depth_first` draws from the same seed. Dead ends are taken
in random order; one that still is a dead end opens one of its closed passages, each with the same chance. Of a tree's
d dead ends share * d go, rounded up or down at random so that this holds on average, and one more where the last
passage joined two of them. On a lattice of at least 2 x 2 cells `share=1` leaves none; in a lattice one cell wide
nothing can be opened.

At 6 x 6: 15.4% forks, 7.3% dead ends, 8.94 cells to a solution (`wilson`: 22.5%, 30.4%, 8.32).
"""

from typing import no_type_check

import numpy as np
from numba import njit

from maze_interp import seeds
from maze_interp.mazes import lattice
from maze_interp.mazes.generators.declaration import CONNECTED, SPANNING_TREE, Generator
from maze_interp.mazes.generators.depth_first import carve_all

PICK, TWELFTHS = lattice.PICK, lattice.TWELFTHS


@njit(cache=True, nogil=True, inline="always")
@no_type_check
def is_dead_end(sides):
    """Whether a cell that is not isolated has one open side only."""
    return sides & (sides - 1) == 0


@njit(cache=True, nogil=True)
@no_type_check
def braid(edges, state, sides, inner, ends, steps, crossings, share):
    """Open passages at the dead ends of one tree; `sides` holds the open directions at each spot."""
    left = 0
    for spot in range(steps[0], np.uint64(sides.size) - steps[0]):
        ends[left] = spot
        left += is_dead_end(sides[spot])
    wanted = np.int64(share * left + seeds.uniform(state))
    while wanted > 0 and left > 0:
        k = seeds.below(state, left)
        spot = ends[k]
        left -= 1
        ends[k] = ends[left]
        closed = inner[spot] ^ sides[spot]
        if is_dead_end(sides[spot]) and closed:
            direction = PICK[closed, seeds.below(state, TWELFTHS)]
            beyond = spot + steps[direction]
            wanted -= 1 + is_dead_end(sides[beyond])
            edges[spot + crossings[direction]] = True
            sides[spot] |= np.uint8(1 << direction)
            sides[beyond] |= np.uint8(1 << (direction ^ 2))


@njit(cache=True, nogil=True)
@no_type_check
def fill(passages, seed, first, share):
    """Open the passages of every maze of an all-closed batch."""
    count, _, rows, cols = passages.shape
    edges = passages.reshape(count, 2 * rows * cols)
    inner = lattice.inner_sides(rows, cols)
    steps, crossings = lattice.spot_steps(cols), lattice.edge_steps(rows, cols)
    sides = np.zeros(inner.size, np.uint8)
    ends = np.empty(rows * cols + 1, np.uint64)
    streams = carve_all(passages, seed, first, True, 0, 0, -1)
    for i in range(count):
        lattice.open_sides(edges[i], sides, cols)
        braid(edges[i], streams[i : i + 1], sides, inner, ends, steps, crossings, share)


def promise(share: float) -> str:
    """Connected, and still a tree if no dead end is to go."""
    return CONNECTED if share > 0 else SPANNING_TREE


GENERATOR = Generator("braided", fill, promise, uniform=False, knobs={"share": 0.5}, limits={"share": (0.0, 1.0)})
