"""Paths as forks: the first cell, the forks passed and the last cell, all else being corridors.

A fork is a cell with three passages or more, a corridor a walk that never has a choice nor turns round. Where exactly
one corridor leads from one written cell to the next, the path between them is known. That is always so in a maze
without cycles, for a path that does not turn round.
"""

from typing import no_type_check

import numpy as np
from numba import njit

from maze_interp.mazes import lattice
from maze_interp.tokens.faults import CORRIDORS, FINE, NO_CORRIDOR, UNCLEAR

DEGREE = np.array([sides.bit_count() for sides in range(16)])
NOWHERE = -1
ONWARD = np.full((16, 4), NOWHERE)  # the one way on through a cell with these open sides, entered in this direction
for _sides, _entered in np.ndindex(16, 4):
    _ahead = _sides & ~(1 << (_entered ^ 2))
    if DEGREE[_ahead] == 1:
        ONWARD[_sides, _entered] = _ahead.bit_length() - 1


@njit(cache=True, nogil=True)
@no_type_check
def thin(edges, cols, path, length, cells, written):
    """Write the cells that stay; (maze, why) of the first path that they would not tell, or FINE."""
    steps = lattice.spot_steps(cols)
    sides = np.zeros(edges.shape[1] // 2 + 2 * cols, np.uint8)
    for i in range(path.shape[0]):
        lattice.open_sides(edges[i], sides, cols)
        written[i] = last = 0
        for k in range(length[i]):
            if k > 0 and k < length[i] - 1 and DEGREE[sides[path[i, k] + cols]] < 3:
                continue
            cells[i, written[i]] = path[i, k]
            written[i] += 1
            if k > 0:
                spot, target = np.uint64(path[i, last] + cols), np.uint64(path[i, k] + cols)
                found, direction = _corridors(sides, steps, spot, target)
                if found != 1:
                    return i, UNCLEAR
                for step in range(last + 1, k + 1):
                    if direction == NOWHERE:
                        return i, UNCLEAR
                    spot += steps[direction]
                    if spot != np.uint64(path[i, step] + cols) or (spot == target) != (step == k):
                        return i, UNCLEAR
                    direction = ONWARD[sides[spot], direction]
            last = k
    return 0, FINE


@njit(cache=True, nogil=True)
@no_type_check
def unfold(edges, cols, said, length, cells, walked, wrong, why):
    """Fill in the corridors, as far as there is room in `cells`; where none or several lead on, go there at once."""
    steps = lattice.spot_steps(cols)
    sides = np.zeros(edges.shape[1] // 2 + 2 * cols, np.uint8)
    room = cells.shape[1]
    for i in range(said.shape[0]):
        lattice.open_sides(edges[i], sides, cols)
        total = 0
        for k in range(length[i]):
            target = np.uint64(said[i, k] + cols)
            spot, found, direction = target, 0, 0
            if k > 0:
                spot = np.uint64(said[i, k - 1] + cols)
                found, direction = _corridors(sides, steps, spot, target)
                if found != 1 and wrong[i] < 0:
                    wrong[i], why[i] = k, CORRIDORS if found else NO_CORRIDOR
            while True:
                spot = spot + steps[direction] if found == 1 else target
                if total < room:
                    cells[i, total] = np.int64(spot) - cols
                total += 1
                if spot == target:
                    break
                direction = ONWARD[sides[spot], direction]
        walked[i] = total


@njit(cache=True, nogil=True)
@no_type_check
def _corridors(sides, steps, source, target):
    """(how many corridors lead from source to target, the direction in which the last of them sets out)."""
    found, way = 0, 0
    for first in range(4):
        if sides[source] >> first & 1:
            direction, spot = first, source + steps[first]
            while spot != target and spot != source and direction != NOWHERE:
                direction = ONWARD[sides[spot], direction]
                if direction != NOWHERE:
                    spot += steps[direction]
            if spot == target and direction != NOWHERE:
                found, way = found + 1, first
    return found, way
