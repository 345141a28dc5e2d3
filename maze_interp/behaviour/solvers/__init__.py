"""Solvers that are no model: what the measurements must say of walkers whose ways are known.

A solver is a policy, which gives a probability to each way from where it stands, and walks drawn from it. One more
solver is one more policy, in a line of POLICIES; `searcher` and `memoriser` make policies to measure.
"""

from collections.abc import Callable
from functools import partial

from maze_interp.behaviour.solvers.local import (
    any_way,
    any_way_on,
    left_hand_on_wall,
    nearest_by_air,
    nearest_by_steps,
    right_hand_on_wall,
    straight_ahead,
)
from maze_interp.behaviour.solvers.recall import memoriser
from maze_interp.behaviour.solvers.searching import searcher
from maze_interp.behaviour.solvers.shortest import shortest
from maze_interp.behaviour.solvers.walking import Policy, follow
from maze_interp.mazes import KINDS, MazeBatch, PathBatch

__all__ = ["POLICIES", "SOLVERS", "Policy", "follow", "memoriser", "oracle", "random_walk", "searcher"]

HORIZONS = (2, 4, 8)  # of the searchers that have a name

POLICIES: dict[str, Policy] = {
    "oracle": shortest,
    "random_walk": any_way,
    "baseline": any_way_on,
    "greedy_manhattan": nearest_by_steps,
    "greedy_euclidean": nearest_by_air,
    "wall_follower_left": left_hand_on_wall,
    "wall_follower_right": right_hand_on_wall,
    "straight_ahead": straight_ahead,
    **{f"{kind}_{horizon}": searcher(kind, horizon) for kind in KINDS for horizon in HORIZONS},
}
SOLVERS: dict[str, Callable[..., PathBatch]] = {name: partial(follow, policy) for name, policy in POLICIES.items()}


def oracle(mazes: MazeBatch, *, seed: int, first: int = 0) -> PathBatch:
    """A shortest path, uniformly drawn where there are several: the positive control."""
    return follow(shortest, mazes, seed=seed, first=first)


def random_walk(mazes: MazeBatch, *, seed: int, first: int = 0, limit: int | None = None) -> PathBatch:
    """Through a uniformly random open passage at every step, back ones too, until the goal: the negative control."""
    return follow(any_way, mazes, seed=seed, first=first, limit=limit)
