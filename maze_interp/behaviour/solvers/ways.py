"""The ways a walker can take from where it stands, and the fair choice among the best of them."""

import numpy as np
from jaxtyping import Bool, Int

from maze_interp.behaviour import neighbours
from maze_interp.behaviour.solvers.walking import Query, Ways
from maze_interp.mazes import NO_CELL, MazeBatch

Cells = Int[np.ndarray, "maze query 4"]
Which = Bool[np.ndarray, "maze query 4"]


def leads_to(mazes: MazeBatch, here: Query) -> Cells:
    """The cell that each way leads to, NO_CELL for a closed one."""
    return neighbours.connected(mazes.passages)[np.arange(len(mazes))[:, None], here]


def back(mazes: MazeBatch, here: Query, came: Query) -> Which:
    """Which direction leads back; none at the start."""
    around = neighbours.adjacent(mazes.rows, mazes.cols)[here]
    return (around == came[..., None]) & (came != NO_CELL)[..., None]


def onward(mazes: MazeBatch, here: Query, came: Query) -> Which:
    """The open ways but the one back, or that one alone where there is no other."""
    is_open = leads_to(mazes, here) != NO_CELL
    on = is_open & ~back(mazes, here, came)
    return first_of(on, is_open)


def offsets(mazes: MazeBatch, here: Query) -> tuple[Cells, Cells]:
    """The rows and the columns from the goal to the cell that each way leads to; of no meaning for a closed one."""
    rows, cols = np.divmod(leads_to(mazes, here), mazes.cols)
    goal_row, goal_col = np.divmod(mazes.goal[:, None, None], mazes.cols)
    return rows - goal_row, cols - goal_col


def steps_away(mazes: MazeBatch, here: Query) -> Cells:
    """The Manhattan distance from the goal of the cell that each way leads to; of no meaning for a closed one."""
    rows, cols = offsets(mazes, here)
    return abs(rows) + abs(cols)


def first_of(*choices: Which) -> Which:
    """For each query, the first of these sets of ways that is not empty."""
    found = choices[0]
    for others in choices[1:]:
        found = np.where(found.any(axis=-1, keepdims=True), found, others)
    return found


def least(among: Which, cost: np.ndarray | float = 0.0) -> Ways:
    """Evenly over those of the ways `among` whose cost is least."""
    priced = np.where(among, cost, np.inf)
    best = among & (priced == priced.min(axis=-1, keepdims=True))
    return best / np.maximum(best.sum(axis=-1, keepdims=True), 1)
