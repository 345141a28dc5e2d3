"""Rooms and doors: the lattice is cut into rooms, open inside; a wall between two rooms has one door or none.

Rooms are `height` x `width` cells, counted from the upper left corner; those at the right and lower border are what is
left. The doors that are surely there join the rooms along a uniformly drawn spanning tree (Wilson's); each other wall
between two rooms gets a door with probability `extra_doors`, so that 1 means one door in every wall. A door's place
along its wall is uniform. The same seed with more extra doors only adds some. Connected; with rooms one cell wide and
no extra doors a spanning tree.

At 6 x 6: 40.4% forks, 0.0% dead ends, 7.55 cells to a solution (`wilson`: 22.5%, 30.4%, 8.32).
"""

from typing import no_type_check

import numpy as np
from numba import njit

from maze_interp import seeds
from maze_interp.mazes import lattice
from maze_interp.mazes.batch import DOWN, RIGHT
from maze_interp.mazes.generators.declaration import CONNECTED, SPANNING_TREE, Generator
from maze_interp.mazes.generators.percolation import inner_edges
from maze_interp.mazes.generators.wilson import attach


@njit(cache=True, nogil=True)
@no_type_check
def rooms(rows, cols, height, width):
    """The passages inside the rooms, bool[edge]."""
    inside = np.zeros((2, rows, cols), np.bool_)
    for row in range(rows):
        inside[DOWN, row] = row + 1 < rows and (row + 1) % height > 0
    for col in range(cols):
        inside[RIGHT, :, col] = col + 1 < cols and (col + 1) % width > 0
    return inside.reshape(2 * rows * cols)


@njit(cache=True, nogil=True)
@no_type_check
def walls(rows, cols, height, width, between):
    """For each edge of the lattice of rooms: the first passage through its wall, the step to the next, how many.

    int64[wall, 3].
    """
    across = (cols + width - 1) // width
    count = (rows + height - 1) // height * across
    out = np.empty((between.size, 3), np.int64)
    for k in range(between.size):
        top, left = between[k] % count // across * height, between[k] % count % across * width
        if between[k] < count:
            out[k] = (top + height - 1) * cols + left, 1, min(width, cols - left)
        else:
            out[k] = rows * cols + top * cols + left + width - 1, cols, min(height, rows - top)
    return out


@njit(cache=True, nogil=True)
@no_type_check
def open_doors(edges, state, doors, between, through, extra_doors):
    """Open a place in every wall whose door is in `doors`, bool[edge of the lattice of rooms], and in some others."""
    for k in range(between.size):
        door = doors[between[k]] | (seeds.uniform(state) < extra_doors)
        edges[through[k, 0] + through[k, 1] * seeds.below(state, through[k, 2])] = door


@njit(cache=True, nogil=True)
@no_type_check
def fill(passages, seed, first, height, width, extra_doors):
    """Open the passages of every maze of an all-closed batch."""
    count, _, rows, cols = passages.shape
    edges = passages.reshape(count, 2 * rows * cols)
    down, across = (rows + height - 1) // height, (cols + width - 1) // width
    inside, between = rooms(rows, cols, height, width), inner_edges(down, across)
    through = walls(rows, cols, height, width, between)
    inner = lattice.inner_sides(down, across)
    steps, crossings = lattice.spot_steps(across), lattice.edge_steps(down, across)
    in_tree = np.empty(inner.size, np.bool_)
    leave_by = np.empty(inner.size, np.uint8)
    doors = np.empty(2 * down * across, np.bool_)
    state = np.empty(1, np.uint64)
    for i in range(count):
        seeds.begin(state, seed, first + i)
        edges[i] = inside
        doors[:] = False
        in_tree[:] = False
        in_tree[(down // 2 + 1) * across + across // 2] = True
        for room in range(np.uint64(across), np.uint64(across + down * across)):
            attach(doors, state, room, in_tree, leave_by, inner, steps, crossings)
        open_doors(edges[i], state, doors, between, through, extra_doors)


def promise(height: int, width: int, extra_doors: float) -> str:
    """Connected; a tree if the rooms are trees, joined by a tree of doors."""
    return SPANNING_TREE if min(height, width) == 1 and extra_doors == 0 else CONNECTED


def check(rows: int, cols: int, height: int, width: int, extra_doors: float) -> None:
    """At least one whole room must fit; if only one does, there is no wall and the maze is an open field."""
    for knob, value, cells in (("height", height, rows), ("width", width, cols)):
        if not 1 <= value <= cells:
            raise ValueError(
                f"{knob} of rooms_and_doors must be from 1 to {cells} on the {rows} x {cols} lattice, not {value}"
            )


GENERATOR = Generator(
    "rooms_and_doors",
    fill,
    promise,
    uniform=False,
    knobs={"height": 2, "width": 2, "extra_doors": 0.0},
    limits={"extra_doors": (0.0, 1.0)},
    minimum=(2, 2),
    check=check,
)
