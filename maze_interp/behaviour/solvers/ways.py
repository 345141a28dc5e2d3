"""The ways a walker can take from where it stands, and the fair choice among the best of them."""

import numpy as np
from jaxtyping import Bool, Int

from maze_interp.behaviour import neighbours
from maze_interp.behaviour.solvers.walking import Query, Ways
from maze_interp.mazes import NO_CELL, MazeBatch

Which = Bool[np.ndarray, "maze query 4"]


def leads_to(mazes: MazeBatch, here: Query) -> Int[np.ndarray, "maze query 4"]:
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
    return np.where(on.any(axis=-1, keepdims=True), on, is_open)


def least(among: Which, cost: np.ndarray | float = 0.0) -> Ways:
    """Evenly over those of the ways `among` whose cost is least."""
    priced = np.where(among, cost, np.inf)
    best = among & (priced == priced.min(axis=-1, keepdims=True))
    return best / np.maximum(best.sum(axis=-1, keepdims=True), 1)
