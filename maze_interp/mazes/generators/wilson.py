"""Wilson's algorithm: loop-erased random walks, which draw every spanning tree with the same probability.

From each cell not yet in the tree, walk at random until the tree is met, remembering only the last direction taken
out of each cell; following those directions afterwards retraces the walk without its loops. The root and the order of
the cells do not change the distribution (Wilson 1996, "Generating random spanning trees more quickly than the cover
time").

At 6 x 6: 22.5% forks, 30.4% dead ends, 8.32 cells to a solution; every other tree says how it compares.
"""

from typing import no_type_check

import numpy as np
from numba import njit

from maze_interp import seeds
from maze_interp.mazes import lattice
from maze_interp.mazes.generators.declaration import SPANNING_TREE, Generator, always

PICK, TWELFTHS = lattice.PICK, lattice.TWELFTHS


@njit(cache=True, nogil=True)
@no_type_check
def attach(edges, state, source, in_tree, leave_by, inner, steps, crossings):
    """Join the spot `source` to the tree by a loop-erased random walk."""
    spot = source
    while not in_tree[spot]:
        leave_by[spot] = PICK[inner[spot], seeds.below(state, TWELFTHS)]
        spot += steps[leave_by[spot]]
    spot = source
    while not in_tree[spot]:
        in_tree[spot] = True
        edges[spot + crossings[leave_by[spot]]] = True
        spot += steps[leave_by[spot]]


@njit(cache=True, nogil=True)
@no_type_check
def fill(passages, seed, first):
    """Open the passages of every maze of an all-closed batch."""
    count, _, rows, cols = passages.shape
    edges = passages.reshape(count, 2 * rows * cols)
    inner = lattice.inner_sides(rows, cols)
    steps, crossings = lattice.spot_steps(cols), lattice.edge_steps(rows, cols)
    in_tree = np.empty(inner.size, np.bool_)
    leave_by = np.empty(inner.size, np.uint8)
    state = np.empty(1, np.uint64)
    root = (rows // 2 + 1) * cols + cols // 2  # any root will do; walks to the middle are short
    for i in range(count):
        seeds.begin(state, seed, first + i)
        in_tree[:] = False
        in_tree[root] = True
        for spot in range(np.uint64(cols), np.uint64(cols + rows * cols)):
            attach(edges[i], state, spot, in_tree, leave_by, inner, steps, crossings)


GENERATOR = Generator("wilson", fill, always(SPANNING_TREE), uniform=True)
