"""Which mazes a generator can make at all.

A tree is the trail of a depth-first search from some root exactly if the search left no neighbour unvisited that it
could have gone to: every wall between neighbouring cells then separates a cell from one of its ancestors. Wilson's
algorithm makes every tree, randomised depth-first search only these.
"""

from typing import no_type_check

import numpy as np
from jaxtyping import Bool
from numba import njit

from maze_interp.mazes import lattice
from maze_interp.mazes.solving import NEVER, PICK, downhill, flood


def is_depth_first_tree(passages: Bool[np.ndarray, "maze 2 row col"]) -> Bool[np.ndarray, " maze"]:
    """Whether the generator "depth_first", its knobs untouched, can draw the maze: from some root, every wall inside
    the lattice has a cell on one side and an ancestor of it on the other. False for what is no tree of all cells.
    """
    edges = lattice.flat(passages)
    out = np.zeros(len(edges), dtype=bool)
    _check(edges, *passages.shape[2:], out)
    return out


@njit(cache=True, nogil=True)
@no_type_check
def _check(edges, rows, cols, out):
    cells = rows * cols
    steps = lattice.spot_steps(cols)
    inner = lattice.inner_sides(rows, cols)
    sides = np.zeros(cells + 2 * cols, np.uint8)
    depth = np.empty(sides.size, np.int32)
    queue = np.empty(cells + 1, np.uint64)
    parent = np.zeros(sides.size, np.uint64)
    place, size, free = np.empty((3, sides.size), np.int64)
    top = np.uint64(cols)
    for i in range(len(edges)):
        if edges[i].sum() != cells - 1:
            continue
        lattice.open_sides(edges[i], sides, cols)
        depth[:] = -1
        if flood(sides, depth, queue, steps, top, top, NEVER) == cells:
            for spot in queue[1:cells]:
                parent[spot] = spot + steps[PICK[downhill(sides, depth, steps, spot), 0]]
            _number(queue[:cells], parent, place, size, free)
            out[i] = _has_root(inner, sides, steps, queue[:cells], parent, place, size)


@njit(cache=True, nogil=True)
@no_type_check
def _number(spots, parent, place, size, free):
    """Give every spot a place so that those below it have the places after it, `size` with its own."""
    size[:] = 1
    for spot in spots[:0:-1]:
        size[parent[spot]] += size[spot]
    place[spots[0]] = 0
    free[spots[0]] = 1
    for spot in spots[1:]:
        place[spot] = free[parent[spot]]
        free[parent[spot]] += size[spot]
        free[spot] = place[spot] + 1


@njit(cache=True, nogil=True)
@no_type_check
def _has_root(inner, sides, steps, spots, parent, place, size):
    """Whether some spot, taken as the root, is off the way between the two sides of every wall, its ends aside."""
    admitted = np.zeros(spots.size + 1, np.int64)  # walls that admit the roots from this place on, as differences
    walls = 0
    for spot in spots:
        shut = inner[spot] & ~sides[spot]
        for way in range(2):  # down and right: each wall once
            if not shut >> way & 1:
                continue
            walls += 1
            high, low = spot, spot + steps[way]
            if place[high] > place[low]:
                high, low = low, high
            admitted[place[low]] += 1
            admitted[place[low] + size[low]] -= 1
            above = place[low] < place[high] + size[high]
            below = low
            while above and parent[below] != high:
                below = parent[below]
            admitted[0] += above
            other, sign = (below, -1) if above else (high, 1)
            admitted[place[other]] += sign
            admitted[place[other] + size[other]] -= sign
    return (np.cumsum(admitted[:-1]) == walls).any()
