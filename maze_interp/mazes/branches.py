"""What lies behind each way out of a cell: how much, how deep, and whether the goal is there.

Standing at a cell, a walker sees some open ways. Behind each lie the cells it could reach that way without coming back
through where it stands. Their depth is what a search must look through before it may reject the way, the distance of
the goal among them is what it must look through before it may choose it, and the rounds are how long it takes until
nothing is left of the way if all dead ends are filled again and again. That needs no goal to be near, but ends only at
ways that hold neither the goal nor a cycle.

Searches may go cell by cell, or from fork to fork, with corridors for free.
"""

from dataclasses import dataclass
from typing import no_type_check

import numpy as np
from jaxtyping import Bool, Int
from numba import njit

from maze_interp import recipes
from maze_interp.mazes import lattice
from maze_interp.mazes.batch import NO_CELL, MazeBatch
from maze_interp.mazes.solving import check_cells
from maze_interp.mazes.topology import DEGREE

NEVER = -1  # of what cannot be found, however far one looks
UNITS = ("cells", "forks")


@dataclass(frozen=True)
class Branches:
    """What lies behind each way out of each cell, [maze, cell, way] in the order DOWN, RIGHT, UP, LEFT; all int32.

    `size`: cells that can be reached that way without passing through the cell; 0 where the way is closed.
    `depth`: from the cell to the farthest of them, 1 if that is next door; 0 where the way is closed.
    `goal`: from the cell to the goal by that way; NEVER if the goal is not behind it.
    `rounds`: of dead-end filling until the way is closed, 1 if a dead end is next door; NEVER where the way holds the
    goal or a cycle (also one through the cell), or is closed anyway.
    """

    size: Int[np.ndarray, "*cell 4"]
    depth: Int[np.ndarray, "*cell 4"]
    goal: Int[np.ndarray, "*cell 4"]
    rounds: Int[np.ndarray, "*cell 4"]


def branches(mazes: MazeBatch, *, unit: str = "cells", at: Bool[np.ndarray, "maze cell"] | None = None) -> Branches:
    """What lies behind each way out of each cell of any mazes, those with cycles or without a goal included.

    With unit "cells", `depth` and `goal` count steps and a round fills the cells that are dead ends. With "forks",
    only forks (three passages or more), dead ends and the goal count, so that `goal` is the forks entered before the
    goal + 1, and a round fills dead-end corridors up to their next fork; a fork all but one of whose branches are
    filled is a corridor by then. A corridor that leads back to the cell itself has depth 1. `size` is in cells always.

    Seen from the marked cells only, if `at` is given, which is faster: all others' ways are as if closed.
    """
    if unit not in UNITS:
        raise recipes.unknown("unit of search", unit, UNITS)
    check_cells("goal", mazes.goal, mazes.passages)
    edges = lattice.flat(mazes.passages)
    shape = len(edges), edges.shape[1] // 2, 4
    size, depth = np.zeros((2, *shape), np.int32)
    goal, rounds = np.full((2, *shape), NEVER, np.int32)
    wanted = np.ascontiguousarray(np.broadcast_to(True if at is None else at, shape[:2]))
    _branches(edges, mazes.goal.astype(np.int64), mazes.cols, unit == "cells", wanted, size, depth, goal, rounds)
    return Branches(size, depth, goal, rounds)


@njit(cache=True, nogil=True)
@no_type_check
def _branches(edges, goals, cols, by_cells, wanted, size, depth, goal, rounds):
    count, cells = edges.shape[0], edges.shape[1] // 2
    steps = lattice.spot_steps(cols)
    sides = np.zeros(cells + 2 * cols, np.uint8)
    costs = np.zeros(sides.size, np.int32)
    cost = np.empty(sides.size, np.int32)
    rank = np.empty(sides.size, np.int32)
    queue = np.empty(2 * cells + 1, np.uint64)
    order = np.empty(cells, np.uint64)
    for i in range(count):
        lattice.open_sides(edges[i], sides, cols)
        end = np.uint64(max(goals[i], 0) + cols)
        for spot in range(sides.size):
            costs[spot] = by_cells or DEGREE[sides[spot]] != 2
        costs[end] |= goals[i] != NO_CELL
        for cell in np.flatnonzero(wanted[i]):
            spot = np.uint64(cell + cols)
            for way in range(4):
                if not sides[spot] >> way & 1:
                    continue
                cost[:] = -1
                cost[spot] = 0
                reached = _spread(sides, costs, cost, queue, order, steps, spot + steps[way])
                holds = goals[i] != NO_CELL and spot != end and cost[end] >= 0
                size[i, cell, way] = reached
                depth[i, cell, way] = max(cost[order[reached - 1]], 1)
                if holds:
                    goal[i, cell, way] = cost[end]
                elif _is_tree(sides, order[:reached]):
                    rounds[i, cell, way] = _fill(sides, rank, order[:reached], steps, by_cells)


@njit(cache=True, nogil=True)
@no_type_check
def _spread(sides, costs, cost, queue, order, steps, source):
    """Write into `cost` what it costs to reach each spot from `source`, if to enter one costs `costs`, 0 or 1.

    `cost` must be negative wherever the search may go. Returns how many spots it reached, cheapest first in `order`:
    what costs nothing to enter is next, so the queue is open at both ends.
    """
    low = high = order.size
    queue[high] = source
    high += 1
    cost[source] = costs[source]
    reached = 0
    while low < high:
        spot = queue[low]
        low += 1
        order[reached] = spot
        reached += 1
        for way in range(4):
            near = spot + steps[way]
            if sides[spot] >> way & 1 and cost[near] < 0:
                cost[near] = cost[spot] + costs[near]
                if costs[near]:
                    queue[high] = near
                    high += 1
                else:
                    low -= 1
                    queue[low] = near
    return reached


@njit(cache=True, nogil=True)
@no_type_check
def _is_tree(sides, spots):
    """Whether these connected spots have no cycle and hang together with the others by one passage only."""
    ends = 0
    for spot in spots:
        ends += DEGREE[sides[spot]]
    return ends == 2 * spots.size - 1


@njit(cache=True, nogil=True)
@no_type_check
def _fill(sides, rank, order, steps, by_cells):
    """The round in which the first spot of a tree is filled; `order` has every spot after the one that led to it.

    A cell is filled a round after the last one behind it. Corridor by corridor, it is filled together with the last
    one behind it, but a round later if two ways are the last.
    """
    rank[:] = 0
    for k in range(order.size - 1, -1, -1):
        spot = order[k]
        last, ties = 0, 0
        for way in range(4):
            behind = rank[spot + steps[way]] if sides[spot] >> way & 1 else 0
            ties = 1 if behind > last else ties + (behind == last)
            last = max(last, behind)
        rank[spot] = last + (by_cells or last == 0 or ties > 1)
    return rank[order[0]]
