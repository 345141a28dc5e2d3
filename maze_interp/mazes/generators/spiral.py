"""A spiral: one corridor without a fork that winds from a corner into the middle, through every cell.

It goes straight until it meets the border or itself, and then turns, always to the same hand. Four corners and two
hands make eight spirals; `orientation` names one of them (0 to 7), or -1 draws it. Orientations 0 to 3 turn left and
set out from the upper left, lower left, lower right and upper right corner; 4 to 7 turn right, from the upper left,
upper right, lower right and lower left.

At 6 x 6: 0.0% forks, 5.6% dead ends, 13.33 cells to a solution (`wilson`: 22.5%, 30.4%, 8.32).
"""

from typing import no_type_check

import numpy as np
from numba import njit

from maze_interp import seeds
from maze_interp.mazes import lattice
from maze_interp.mazes.batch import DOWN, RIGHT
from maze_interp.mazes.generators.declaration import SPANNING_TREE, Generator, always
from maze_interp.mazes.generators.depth_first import visit


@njit(cache=True, nogil=True)
@no_type_check
def wind(edges, free, spot, heading, turn, steps, crossings):
    """Open one corridor; `free` holds for each spot the directions that lead to unvisited cells."""
    visit(free, steps, spot)
    while free[spot]:
        while not free[spot] >> heading & 1:
            heading = heading + turn & 3
        edges[spot + crossings[heading]] = True
        spot += steps[heading]
        visit(free, steps, spot)


@njit(cache=True, nogil=True)
@no_type_check
def spirals(rows, cols):
    """All eight, bool[orientation, edge]."""
    shapes = np.zeros((8, 2 * rows * cols), np.bool_)
    steps, crossings = lattice.spot_steps(cols), lattice.edge_steps(rows, cols)
    upper, lower = cols, rows * cols  # the spots where the first and the last row begin
    leftward = np.array([upper, lower, lower + cols - 1, upper + cols - 1]).astype(np.uint64)
    for corner in range(4):
        wind(shapes[corner], lattice.inner_sides(rows, cols), leftward[corner], DOWN + corner, 1, steps, crossings)
        start, heading = leftward[-corner], RIGHT - corner & 3
        wind(shapes[4 + corner], lattice.inner_sides(rows, cols), start, heading, -1, steps, crossings)
    return shapes


@njit(cache=True, nogil=True)
@no_type_check
def stamp(passages, seed, first, shapes, orientation):
    """Make every maze one of the `shapes`, bool[orientation, edge]: the one named, or a drawn one if that is -1."""
    edges = passages.reshape(len(passages), shapes.shape[1])
    state = np.empty(1, np.uint64)
    for i in range(len(passages)):
        seeds.begin(state, seed, first + i)
        drawn = seeds.below(state, len(shapes))
        edges[i] = shapes[drawn if orientation < 0 else orientation]


@njit(cache=True, nogil=True)
@no_type_check
def fill(passages, seed, first, orientation):
    """Open the passages of every maze of an all-closed batch."""
    stamp(passages, seed, first, spirals(passages.shape[2], passages.shape[3]), orientation)


def check(rows: int, cols: int, orientation: int) -> None:
    """There are eight orientations, though in a corridor one cell wide they are all the same."""
    if not -1 <= orientation < 8:
        raise ValueError(f"orientation of spiral must be -1 (drawn) or from 0 to 7, not {orientation}")


GENERATOR = Generator("spiral", fill, always(SPANNING_TREE), uniform=False, knobs={"orientation": -1}, check=check)
