"""The growing tree: pick a cell of the tree that has an unvisited neighbour, and step from it to a random such one.

The cell is the `newest`, a uniformly `random` one or the `oldest` with the shares the knobs say, which must sum to 1.
`newest=1` is `depth_first`; `random=1` is Eden growth by cells; `oldest=1` spends every cell before it turns to the
next.

At 6 x 6: 21.0% forks, 28.5% dead ends, 8.29 cells to a solution (`wilson`: 22.5%, 30.4%, 8.32).
"""

from typing import no_type_check

import numpy as np
from numba import njit

from maze_interp import seeds
from maze_interp.mazes import lattice
from maze_interp.mazes.batch import DOWN
from maze_interp.mazes.generators.declaration import SPANNING_TREE, Generator, always
from maze_interp.mazes.generators.depth_first import visit

PICK, TWELFTHS = lattice.PICK, lattice.TWELFTHS
TOLERANCE = 1e-9  # to which the shares must sum to 1


@njit(cache=True, nogil=True)
@no_type_check
def keep_live(free, live, oldest, end):
    """Drop the cells without unvisited neighbours from live[oldest:end], in order; the new end."""
    kept = oldest
    for k in range(oldest, end):
        live[kept] = live[k]
        kept += free[live[k]] > 0
    return kept


@njit(cache=True, nogil=True)
@no_type_check
def carve(edges, state, free, live, steps, crossings, random, oldest):
    """Open the passages of one maze; `free` holds for each spot the directions that lead to unvisited cells.

    live[low:high] holds the cells of the tree in the order of their visits; those whose neighbours are all visited
    are dropped when they are met.
    """
    cells = edges.size // 2
    spot = np.uint64(seeds.below(state, cells)) + steps[DOWN]
    low, high = 0, 0
    for _ in range(cells - 1):
        visit(free, steps, spot)
        live[high] = spot
        high += 1
        policy = seeds.uniform(state)
        if policy < oldest:
            while free[live[low]] == 0:
                low += 1
            spot = live[low]
        elif policy < oldest + random:
            spot = live[low + seeds.below(state, high - low)]
            if free[spot] == 0:
                high = keep_live(free, live, low, high)
                spot = live[low + seeds.below(state, high - low)]
        else:
            while free[live[high - 1]] == 0:
                high -= 1
            spot = live[high - 1]
        direction = PICK[free[spot], seeds.below(state, TWELFTHS)]
        edges[spot + crossings[direction]] = True
        spot += steps[direction]


@njit(cache=True, nogil=True)
@no_type_check
def fill(passages, seed, first, newest, random, oldest):
    """Open the passages of every maze of an all-closed batch; `newest` is the share the other two leave."""
    count, _, rows, cols = passages.shape
    edges = passages.reshape(count, 2 * rows * cols)
    inner = lattice.inner_sides(rows, cols)
    steps, crossings = lattice.spot_steps(cols), lattice.edge_steps(rows, cols)
    free = np.zeros(inner.size, np.uint8)
    live = np.empty(rows * cols, np.uint64)
    state = np.empty(1, np.uint64)
    for i in range(count):
        seeds.begin(state, seed, first + i)
        free[:] = inner
        carve(edges[i], state, free, live, steps, crossings, random, oldest)


def check(rows: int, cols: int, newest: float, random: float, oldest: float) -> None:
    """ValueError unless the shares sum to 1."""
    if abs(newest + random + oldest - 1) > TOLERANCE:
        raise ValueError(
            f"newest, random and oldest of growing_tree are shares and must sum to 1, "
            f"but {newest:g} + {random:g} + {oldest:g} = {newest + random + oldest:g}"
        )


GENERATOR = Generator(
    "growing_tree",
    fill,
    always(SPANNING_TREE),
    uniform=False,
    knobs={"newest": 0.5, "random": 0.5, "oldest": 0.0},
    limits=dict.fromkeys(("newest", "random", "oldest"), (0.0, 1.0)),
    check=check,
)
