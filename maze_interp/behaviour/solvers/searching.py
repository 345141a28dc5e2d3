"""Walkers that search, but only so far: the family between a heuristic and a search.

Within its horizon a searcher knows what any search of its kind could have found out; beyond, it goes by Manhattan
distance ("greedy") or guesses ("guess"). A forward search finds the goal, or the end of a wrong way; a backward search,
from the goal, finds the walker only; two searches that meet reach twice as far; dead-end filling closes wrong ways
round by round, and never finds the goal. With horizon 0 all are as they are beyond it, and each is sure to be right
where its horizon is `mazes.look_ahead`.
"""

import numpy as np

from maze_interp import recipes
from maze_interp.behaviour.solvers import ways
from maze_interp.behaviour.solvers.walking import Policy, Query, Ways
from maze_interp.mazes import KINDS, NEVER, NO_CELL, MazeBatch, branches
from maze_interp.mazes.branches import UNITS

BEYOND = ("greedy", "guess")
REACH = {"forward": (1, 1), "backward": (1, 0), "bidirectional": (2, 1), "filling": (0, 1)}
# by kind: how many horizons far the goal is found, and how many horizons deep a wrong way is rejected


def searcher(kind: str, horizon: int, *, unit: str = "cells", beyond: str = "greedy") -> Policy:
    """A searcher of one of `mazes.KINDS`, its horizon in cells or forks (as for `mazes.branches`), rounds for filling.

    Of the ways on it takes one by which the goal is nearest, if it sees the goal. If not, it drops the ways that it
    knows to be wrong and takes of the others one to the least Manhattan distance, ties evenly, or, if it guesses
    `beyond` its horizon, any of them. Where all are wrong it turns back. ValueError for an unknown kind, unit or
    `beyond` and a negative horizon.
    """
    if kind not in KINDS:
        raise recipes.unknown("kind of search", kind, KINDS)
    if unit not in UNITS:
        raise recipes.unknown("unit of search", unit, UNITS)
    if beyond not in BEYOND:
        raise recipes.unknown("way to go on beyond the horizon", beyond, BEYOND)
    if horizon < 0:
        raise ValueError(f"a searcher's horizon must be at least 0, not {horizon}")

    finds, rejects = REACH[kind]

    def policy(mazes: MazeBatch, here: Query, came: Query) -> Ways:
        at, asked = (np.arange(len(mazes))[:, None], here), np.zeros((len(mazes), mazes.rows * mazes.cols), bool)
        asked[at] = True
        behind = branches(mazes, unit=unit, at=asked)
        options, goal = ways.onward(mazes, here, came), behind.goal[at]
        deep = behind.rounds[at] if kind == "filling" else behind.depth[at]
        seen = options & _within(goal, finds * horizon)
        wrong = (goal == NEVER) & _within(deep, rejects * horizon)
        back = ways.back(mazes, here, came) & (ways.leads_to(mazes, here) != NO_CELL)
        left = ways.first_of(seen, options & ~wrong, back, options)
        guide = ways.steps_away(mazes, here) if beyond == "greedy" else np.zeros_like(goal)
        return ways.least(left, np.where(seen.any(axis=-1, keepdims=True), goal, guide))

    return policy


def _within(far: ways.Cells, horizon: int) -> ways.Which:
    return (far != NEVER) & (far <= horizon)
