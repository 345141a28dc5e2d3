"""How far one gets without a search: the chance to guess a shortest path, and the turns it has.

The baseline walker obeys the walls and never turns back, but at a fork any way that leads on is as good to it as any
other. On a maze without cycles that guesses right at every decision or never arrives, so its chance is the product over
the decisions of one over the options. Where there are several shortest paths, chances add up, carried from the start
downhill to the goal.
"""

from typing import no_type_check

import numpy as np
from jaxtyping import Float, Int
from numba import njit

from maze_interp.mazes import lattice
from maze_interp.mazes.batch import NO_CELL, MazeBatch, PathBatch
from maze_interp.mazes.paths import check_shortest
from maze_interp.mazes.solving import check_cells, downhill, flood
from maze_interp.mazes.topology import DEGREE, degrees

MANY = np.int32(2**30)  # more turns than a path has


def baseline_success(mazes: MazeBatch, paths: PathBatch | None = None) -> Float[np.ndarray, " maze"]:
    """The exact chance that a walker who never turns back and guesses at forks writes a shortest path, float64.

    That is any shortest path, or the given one (ValueError if it is none). Without cycles it is the chance to arrive at
    all; on a cycle one may also arrive by a detour, which does not count. 0 where no way leads to the goal.
    """
    if paths is None:
        return _walked(mazes)[0]
    check_shortest(mazes, paths)
    step = np.arange(paths.cells.shape[1])
    options = np.take_along_axis(degrees(mazes.passages), np.maximum(paths.cells, 0), axis=1) - (step > 0)
    return (1.0 / np.where(step < paths.length[:, None] - 1, options, 1)).prod(axis=1)


def fewest_turns(mazes: MazeBatch) -> Int[np.ndarray, " maze"]:
    """How often the straightest of the shortest paths changes its direction, int32; 0 where there is no path."""
    return _walked(mazes)[1]


def _walked(mazes: MazeBatch) -> tuple[Float[np.ndarray, " maze"], Int[np.ndarray, " maze"]]:
    for what, cells in (("start", mazes.start), ("goal", mazes.goal)):
        check_cells(what, cells, mazes.passages)
    chance, turns = np.zeros(len(mazes)), np.zeros(len(mazes), np.int32)
    ends = mazes.start.astype(np.int32), mazes.goal.astype(np.int32)
    _walk(lattice.flat(mazes.passages), *ends, mazes.cols, chance, turns)
    return chance, turns


@njit(cache=True, nogil=True)
@no_type_check
def _walk(edges, starts, goals, cols, chance, turns):
    count, cells = edges.shape[0], edges.shape[1] // 2
    steps = lattice.spot_steps(cols)
    sides = np.zeros(cells + 2 * cols, np.uint8)
    distance = np.empty(sides.size, np.int32)
    queue = np.empty(cells + 1, np.uint64)
    share = np.empty(sides.size, np.float64)
    turned = np.empty((sides.size, 4), np.int32)  # by the direction in which the spot is entered
    for i in range(count):
        if starts[i] == NO_CELL or goals[i] == NO_CELL:
            continue
        start, goal = np.uint64(starts[i] + cols), np.uint64(goals[i] + cols)
        lattice.open_sides(edges[i], sides, cols)
        distance[:] = -1
        reached = flood(sides, distance, queue, steps, goal, start, 0)
        if distance[start] < 0:
            continue
        share[:] = 0.0
        share[start] = 1.0
        turned[:] = MANY
        turned[start] = 0
        for k in range(reached - 1, 0, -1):
            spot = queue[k]
            if share[spot] > 0:
                _step(sides, distance, steps, spot, spot != start, share, turned)
        chance[i] = share[goal]
        turns[i] = turned[goal].min()


@njit(cache=True, nogil=True)
@no_type_check
def _step(sides, distance, steps, spot, came, share, turned):
    """Carry what is known of a spot to the ones that lie one step nearer to the goal."""
    nearer = downhill(sides, distance, steps, spot)
    options = DEGREE[sides[spot]] - came
    fewest = turned[spot].min()
    for way in range(4):
        if nearer >> way & 1:
            near = spot + steps[way]
            share[near] += share[spot] / options
            turned[near, way] = min(turned[spot, way], fewest + 1)
