"""Paths as directions: where each step leads, by the compass or as a turn from the step before it.

The prompt tells where a path starts, so only its moves are written, one token each. A turn needs a heading: whoever
sets out faces north, as in maze-dataset. Directions are numbered DOWN, RIGHT, UP, LEFT: each is a quarter turn to the
left of the one before.
"""

from typing import no_type_check

from numba import njit

from maze_interp.mazes import lattice
from maze_interp.mazes.batch import INVALID
from maze_interp.tokens.faults import FINE, NO_STEP, NO_WAY, NOT_FROM_START, OFF

NORTH = lattice.UP
WORDS = {
    "directions": ("SOUTH", "EAST", "NORTH", "WEST"),  # by direction
    "turns": ("FORWARD", "LEFT", "BACKWARD", "RIGHT"),  # by the quarter turns to the left that it takes
}


@njit(cache=True, nogil=True)
@no_type_check
def edge_between(a, b, cols, size):
    """The place in the flattened passages (of that size) of the passage between two cells; -1 if not neighbours."""
    low, high = min(a, b), max(a, b)
    if high == low + cols:
        return low
    if high == low + 1 and high % cols != 0:
        return size // 2 + low
    return -1


@njit(cache=True, nogil=True)
@no_type_check
def give(cols, start, path, length, closed, words, turning, ids, cells, written):
    """Write the word of each move and the cell it leads to; (maze, why) of the first path that has none, or FINE."""
    for i in range(path.shape[0]):
        written[i] = max(length[i] - 1, 0)
        if (length[i] == 0 and closed[i]) or (length[i] > 0 and path[i, 0] != start[i]):
            return i, NOT_FROM_START
        facing = NORTH if turning else 0
        for k in range(written[i]):
            here, there = path[i, k], path[i, k + 1]
            if edge_between(here, there, cols, 0) < 0:
                return i, NO_STEP
            along = lattice.DOWN if abs(there - here) == cols else lattice.RIGHT
            direction = along if there > here else along + 2
            ids[i, k], cells[i, k] = words[(direction - facing) & 3], there
            if turning:
                facing = direction
    return 0, FINE


@njit(cache=True, nogil=True)
@no_type_check
def follow(edges, cols, start, said, length, turning, cells, walked, ended, wrong, why):
    """Walk from the start as said, through walls too, up to a step that leads off the lattice."""
    count = edges.shape[1] // 2
    for i in range(edges.shape[0]):
        here, facing = start[i], NORTH if turning else 0
        cells[i, 0], walked[i] = here, 1
        for k in range(length[i]):
            direction = (said[i, k] + facing) & 3
            there = here + (cols if direction & 1 == 0 else 1) * (1 if direction < 2 else -1)
            beside = direction & 1 == 0 or there // cols == here // cols
            if there < 0 or there >= count or not beside:
                if wrong[i] < 0:
                    wrong[i], why[i] = k, OFF
                ended[i] = INVALID
                break
            if wrong[i] < 0 and not edges[i, edge_between(here, there, cols, 2 * count)]:
                wrong[i], why[i] = k, NO_WAY
            here = there
            cells[i, k + 1], walked[i] = here, k + 2
            if turning:
                facing = direction
