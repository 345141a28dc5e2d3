"""The lattice a maze is cut from: its cells, its possible passages and the four directions.

Cells are numbered row by row, `cell = row * cols + col`. A possible passage is an edge, numbered like the flattened
passage array: `edge = direction * rows * cols + cell` with direction DOWN or RIGHT. Edges that would cross the border
have a number too, but are never open.

Directions are ordered DOWN, RIGHT, UP, LEFT, so the opposite of `d` is `d ^ 2`, and a set of directions is four bits.
Kernels address cells by their spot, `cell + cols`: with a row of closed spots before and after the lattice, no step
needs a bounds check, and the closed border stops every step to the left or right. `flat` is the one door through which
passages enter a kernel, and it checks that border. Spots are unsigned, which spares numba its test for indices from
the end; steps up and left are then additions that wrap around.
"""

from typing import no_type_check

import numpy as np
from jaxtyping import Bool, Int
from numba import njit

from maze_interp.mazes.batch import DOWN, NO_CELL, RIGHT

UP, LEFT = 2, 3
TWELFTHS = 12  # a uniform number below 12 chooses fairly among 1, 2, 3 or 4 things
PICK = np.array(
    [np.resize([d for d in range(4) if sides >> d & 1] or [NO_CELL], TWELFTHS) for sides in range(16)]
)  # PICK[sides, seeds.below(state, TWELFTHS)] is a uniformly random direction in the set `sides`


def edge_ids(rows: int, cols: int) -> Int[np.ndarray, " edge"]:
    """The numbers of the edges that can be open on this lattice (those that do not cross the border), ascending."""
    inside = np.zeros((2, rows, cols), dtype=bool)
    inside[DOWN, :-1, :] = True
    inside[RIGHT, :, :-1] = True
    return np.flatnonzero(inside)


def edge_ends(rows: int, cols: int) -> Int[np.ndarray, "edge 2"]:
    """The two cells each edge joins, for all 2 * rows * cols edge numbers: upper or left cell first.

    int32; (NO_CELL, NO_CELL) for an edge across the border.
    """
    ends = np.full((2 * rows * cols, 2), NO_CELL, dtype=np.int32)
    ids = edge_ids(rows, cols)
    direction, cell = np.divmod(ids, rows * cols)
    ends[ids, 0] = cell
    ends[ids, 1] = cell + np.where(direction == DOWN, cols, 1)
    return ends


def flat(passages: Bool[np.ndarray, "maze 2 row col"]) -> Bool[np.ndarray, "maze edge"]:
    """The passages as one row of edges per maze, C-contiguous. ValueError if a border passage is open."""
    open_border = passages[:, DOWN, -1, :].any(axis=1) | passages[:, RIGHT, :, -1].any(axis=1)
    if open_border.any():
        raise ValueError(
            f"maze {int(open_border.argmax())} has an open passage across the border; "
            "the last row of DOWN and the last column of RIGHT must be False"
        )
    return np.ascontiguousarray(passages).reshape(len(passages), 2 * passages.shape[2] * passages.shape[3])


@njit(cache=True, nogil=True)
@no_type_check
def inner_sides(rows, cols):
    """The set of directions that stay on the lattice, uint8[spot]; 0 at the spots outside it."""
    sides = np.zeros((rows + 2) * cols, np.uint8)
    for row in range(rows):
        for col in range(cols):
            down, right = row + 1 < rows, col + 1 < cols
            sides[(row + 1) * cols + col] = down << DOWN | right << RIGHT | (row > 0) << UP | (col > 0) << LEFT
    return sides


@njit(cache=True, nogil=True)
@no_type_check
def spot_steps(cols):
    """What to add to a spot to move in each direction, uint64[direction]."""
    return np.array([cols, 1, -cols, -1]).astype(np.uint64)


@njit(cache=True, nogil=True)
@no_type_check
def edge_steps(rows, cols):
    """What to add to a spot to get the edge crossed when leaving it in each direction, uint64[direction]."""
    cells = rows * cols
    return np.array([-cols, cells - cols, -2 * cols, cells - cols - 1]).astype(np.uint64)


@njit(cache=True, nogil=True)
@no_type_check
def open_sides(edges, sides, cols):
    """Write the set of open directions at each spot into `sides`, uint8[spot], whose first and last row stay 0."""
    cells = edges.size // 2
    here, beneath, after = sides[cols:], sides[2 * cols :], sides[cols + 1 :]
    for cell in range(cells):
        here[cell] = edges[cell] << DOWN | edges[cells + cell] << RIGHT
    for cell in range(cells):
        beneath[cell] |= edges[cell] << UP
    for cell in range(cells):
        after[cell] |= edges[cells + cell] << LEFT
