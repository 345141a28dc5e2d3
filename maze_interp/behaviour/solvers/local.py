"""Walkers that look no further than the cell they stand on and where, as the crow flies, the goal is.

Directions are ordered DOWN, RIGHT, UP, LEFT, which is a turn to the left each time.
"""

import numpy as np
from jaxtyping import Int

from maze_interp.behaviour.solvers import ways
from maze_interp.behaviour.solvers.walking import Query, Ways
from maze_interp.mazes import NO_CELL, MazeBatch

AHEAD, LEFT_HAND, BACK, RIGHT_HAND = range(4)  # turns, as what to add to a heading


def any_way(mazes: MazeBatch, here: Query, came: Query) -> Ways:
    """Every open way alike, back ones too."""
    return ways.least(ways.leads_to(mazes, here) != NO_CELL)


def any_way_on(mazes: MazeBatch, here: Query, came: Query) -> Ways:
    """Every open way but the one back alike: the Baseline Solver, which turns round only in a dead end."""
    return ways.least(ways.onward(mazes, here, came))


def nearest_by_steps(mazes: MazeBatch, here: Query, came: Query) -> Ways:
    """Of the ways on, those to the least Manhattan distance from the goal."""
    return ways.least(ways.onward(mazes, here, came), ways.steps_away(mazes, here))


def nearest_by_air(mazes: MazeBatch, here: Query, came: Query) -> Ways:
    """Of the ways on, those to the least Euclidean distance from the goal."""
    rows, cols = ways.offsets(mazes, here)
    return ways.least(ways.onward(mazes, here, came), rows**2 + cols**2)


def left_hand_on_wall(mazes: MazeBatch, here: Query, came: Query) -> Ways:
    """Left if it can, else ahead, else right, else back; any way at the start, where it faces nowhere."""
    return _by_turn(mazes, here, came, (LEFT_HAND, AHEAD, RIGHT_HAND, BACK))


def right_hand_on_wall(mazes: MazeBatch, here: Query, came: Query) -> Ways:
    """Right if it can, else ahead, else left, else back; any way at the start, where it faces nowhere."""
    return _by_turn(mazes, here, came, (RIGHT_HAND, AHEAD, LEFT_HAND, BACK))


def straight_ahead(mazes: MazeBatch, here: Query, came: Query) -> Ways:
    """Ahead if it can, else to either side alike, else back; any way at the start, where it faces nowhere."""
    turned = _turns(mazes, here, came)
    return ways.least(ways.onward(mazes, here, came), turned != AHEAD)


def _by_turn(mazes: MazeBatch, here: Query, came: Query, preferred: tuple[int, int, int, int]) -> Ways:
    """The open way whose turn comes first in `preferred`."""
    rank = np.argsort(preferred)[_turns(mazes, here, came)]
    faces = ways.back(mazes, here, came).any(axis=-1, keepdims=True)
    return ways.least(ways.leads_to(mazes, here) != NO_CELL, rank * faces)


def _turns(mazes: MazeBatch, here: Query, came: Query) -> Int[np.ndarray, "maze query 4"]:
    """The turn that each direction is for a walker that has come from `came`; all AHEAD if it faces nowhere."""
    behind = ways.back(mazes, here, came)
    turned = (np.arange(4) - behind.argmax(axis=-1)[..., None] + BACK) % 4
    return np.where(behind.any(axis=-1, keepdims=True), turned, AHEAD)
