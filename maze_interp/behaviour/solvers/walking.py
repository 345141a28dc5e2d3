"""A policy says with what probability each way is taken; following it writes a path.

A policy knows the maze, the cell it stands on and the cell it came from, and remembers nothing else. So all it can
ever be asked of a maze is one question per cell and way in, and a walk is a draw from that table at every step.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int

from maze_interp import seeds
from maze_interp.behaviour import neighbours
from maze_interp.mazes import CUT, END, NO_CELL, MazeBatch, PathBatch

Query = Int[np.ndarray, "maze query"]
Ways = Float[np.ndarray, "maze query 4"]
Policy = Callable[[MazeBatch, Query, Query], Ways]
"""(mazes, here, came) -> the probability of going DOWN, RIGHT, UP, LEFT from each cell `here`.

`came` is the cell before, NO_CELL at the start. Rows sum to 1 wherever a passage is open, and to 0 where none is; a
closed way has probability 0.
"""
AT_ONCE = 2**19  # questions asked of a policy in one call, which bounds the memory a walk takes


def follow(policy: Policy, mazes: MazeBatch, *, seed: int, first: int = 0, limit: int | None = None) -> PathBatch:
    """Walks from each start, every step drawn from the policy, until the goal (END).

    A walk of `limit` cells (default: as many as the maze has) that is not at the goal, or that has no way out, is
    CUT. Walk i is a function of its maze and (seed, first + i). ValueError for a maze without start or goal.
    """
    lattice = mazes.rows * mazes.cols
    limit = lattice if limit is None else limit
    if limit < 1:
        raise ValueError(f"a walk needs room for its start: limit must be at least 1, not {limit}")
    for what, ends in (("start", mazes.start), ("goal", mazes.goal)):
        if (ends == NO_CELL).any():
            raise ValueError(f"maze {int((ends == NO_CELL).argmax())} has no {what}")
    cells = np.full((len(mazes), limit), NO_CELL, dtype=np.int32)
    size = max(1, AT_ONCE // (4 * lattice))
    for begin in range(0, len(mazes), size):
        some = mazes[begin : begin + size]
        drawn = seeds.uniforms(seeds.derive(seed, "walk"), len(some), limit, first=first + begin)
        _walk(_below(policy, some), some, drawn, cells[begin : begin + size])
    length = (cells != NO_CELL).sum(axis=1)
    arrived = cells[np.arange(len(mazes)), length - 1] == mazes.goal
    return PathBatch(cells, length, np.where(arrived, END, CUT).astype(np.int8))


def _below(policy: Policy, mazes: MazeBatch) -> Float[np.ndarray, "maze state 4"]:
    """What a uniform number must be below to take each way, or one before it; nan where there is no way.

    State 4 * cell + d stands at the cell, having come from its neighbour in direction d; the last state is the start.
    """
    around = neighbours.adjacent(mazes.rows, mazes.cols)
    here = np.broadcast_to(np.arange(len(around)).repeat(4), (len(mazes), around.size))
    came = np.broadcast_to(around.ravel(), here.shape)
    ways = policy(mazes, np.c_[here, mazes.start], np.c_[came, np.full(len(mazes), NO_CELL)])
    upto = ways.cumsum(axis=-1)
    total = upto[..., -1:]
    return np.divide(upto, total, out=np.full_like(upto, np.nan), where=total > 0)


def _walk(
    below: Float[np.ndarray, "maze state 4"],
    mazes: MazeBatch,
    drawn: Float[np.ndarray, "maze step"],
    cells: Int[np.ndarray, "maze step"],
) -> None:
    """Write the walks into `cells`, which holds NO_CELL."""
    around = neighbours.adjacent(mazes.rows, mazes.cols)
    cells[:, 0] = mazes.start
    state = np.full(len(mazes), around.size)
    walking = np.arange(len(mazes))
    for step in range(1, cells.shape[1]):
        here = cells[walking, step - 1]
        stuck = np.isnan(below[walking, state, 0])
        goes_on = (here != mazes.goal[walking]) & ~stuck
        walking, state, here = walking[goes_on], state[goes_on], here[goes_on]
        way = (below[walking, state] <= drawn[walking, step, None]).sum(axis=-1)
        cells[walking, step] = around[here, way]
        state = 4 * around[here, way] + (way ^ 2)
