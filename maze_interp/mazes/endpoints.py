"""Where a path starts and where it should lead: fair draws of a start and a goal.

A pair is admissible if both cells lie in the largest component and the shortest path between them has at least
`min_length` cells. Every admissible ordered pair is equally likely, cells of the last row and column included. Pairs
are guessed and rejected a few times; a maze where that fails has its admissible pairs enumerated instead, so the draw
stays exactly uniform and always ends.
"""

from typing import no_type_check

import numpy as np
from jaxtyping import Bool, Int
from numba import njit

from maze_interp import seeds
from maze_interp.mazes import lattice
from maze_interp.mazes.batch import NO_CELL
from maze_interp.mazes.solving import NEVER, flood

GUESSES = 16


def draw_endpoints(
    passages: Bool[np.ndarray, "maze 2 row col"], *, seed: int, first: int = 0, min_length: int = 2
) -> tuple[Int[np.ndarray, " maze"], Int[np.ndarray, " maze"]]:
    """A start and a goal per maze, int32 each; NO_CELL for both where a maze has no admissible pair.

    `min_length` counts the cells of the shortest path, both ends included: 2 says that they differ, 1 that they need
    not. Among several largest components, the one that holds the lowest cell counts. The draw for maze i depends on
    its passages and (seed, first + i) alone. ValueError if `min_length` is below 1.
    """
    if min_length < 1:
        raise ValueError(f"min_length counts cells and must be at least 1, not {min_length}")
    start = np.empty(len(passages), dtype=np.int32)
    goal = np.empty(len(passages), dtype=np.int32)
    stream = seeds.derive(seed, "endpoints")
    _draw(lattice.flat(passages), passages.shape[3], stream, first, min_length - 1, start, goal)
    return start, goal


@njit(cache=True, nogil=True)
@no_type_check
def _draw(edges, cols, seed, first, apart, starts, goals):
    count, cells = edges.shape[0], edges.shape[1] // 2
    steps = lattice.spot_steps(cols)
    sides = np.zeros(cells + 2 * cols, np.uint8)
    distance = np.empty(cells + 2 * cols, np.int32)
    queue = np.empty(cells + 1, np.uint64)
    state = np.empty(1, np.uint64)
    everywhere = np.arange(cols, cols + cells).astype(np.uint64)
    for i in range(count):
        seeds.begin(state, seed, first + i)
        lattice.open_sides(edges[i], sides, cols)
        starts[i] = NO_CELL
        pool, enough = everywhere, cells // 2 + 1  # more than half of all cells are surely the largest component
        for _ in range(GUESSES):
            start, goal = pool[seeds.below(state, pool.size)], pool[seeds.below(state, pool.size)]
            distance[:] = -1
            if flood(sides, distance, queue, steps, goal, start, enough) < enough:
                pool, enough = _largest_component(sides, distance, queue, steps, cols), 0
            elif distance[start] >= apart:
                starts[i], goals[i] = np.int64(start) - cols, np.int64(goal) - cols
                break
        if starts[i] == NO_CELL:
            starts[i], goals[i] = _enumerate(sides, distance, queue, steps, cols, state, apart)


@njit(cache=True, nogil=True)
@no_type_check
def _enumerate(sides, distance, queue, steps, cols, state, apart):
    """A uniformly drawn admissible pair of cells, by listing them all."""
    members = _largest_component(sides, distance, queue, steps, cols)
    admissible = np.zeros(members.size, np.int64)
    for k, goal in enumerate(members):
        distance[:] = -1
        flood(sides, distance, queue, steps, goal, goal, NEVER)
        admissible[k] = (distance[members] >= apart).sum()
    if admissible.sum() == 0:
        return NO_CELL, NO_CELL
    left = seeds.below(state, admissible.sum())
    k = 0
    while left >= admissible[k]:
        left -= admissible[k]
        k += 1
    distance[:] = -1
    flood(sides, distance, queue, steps, members[k], members[k], NEVER)
    start = members[distance[members] >= apart][left]
    return np.int64(start) - cols, np.int64(members[k]) - cols


@njit(cache=True, nogil=True)
@no_type_check
def _largest_component(sides, distance, queue, steps, cols):
    """The spots of the largest component; of several, the one with the lowest cell."""
    members = queue[:0].copy()
    distance[:] = -1
    for spot in range(np.uint64(cols), np.uint64(sides.size - cols)):
        if distance[spot] < 0:
            reached = flood(sides, distance, queue, steps, spot, spot, NEVER)
            if reached > members.size:
                members = queue[:reached].copy()
    return members
