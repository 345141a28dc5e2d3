"""Which constraint breaks? What a path does wrong, one yes or no per maze for each thing that it may do wrong.

A walker that knows what a maze is may fail to find the way and still never jump, cross a wall or turn back. Where the
goal cannot be reached no path is right, and the question is what it does instead: `outcomes`, of which each path has
one.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool

from maze_interp import mazes, tables
from maze_interp.behaviour import metrics
from maze_interp.behaviour.shifts.declaration import ShiftedSet
from maze_interp.behaviour.shifts.passages import crosses
from maze_interp.mazes import CUT, END, INVALID, MazeBatch, PathBatch

Broken = Callable[[ShiftedSet, PathBatch], Bool[np.ndarray, " maze"]]


def _of(metric: metrics.Metric) -> Broken:
    """Whether the path does at least once what the metric counts."""
    return lambda made, paths: metric(made.mazes, paths, made.solutions) > 0


CONSTRAINTS: dict[str, Broken] = {
    "wrong_start": _of(metrics.wrong_start),
    "jump": _of(metrics.jump),
    "wall": _of(metrics.wall),
    "backtrack": _of(metrics.backtrack),
    "revisit": _of(metrics.revisit),
    "invalid_token": _of(metrics.invalid_token),
    "never_ends": _of(metrics.no_end),
    "never_arrives": lambda made, paths: ~mazes.paths.reaches_goal(made.mazes, paths),
}
OUTCOMES = ("crosses_the_gap", "breaks_in_elsewhere", "stops_short", "writes_no_cell", "goes_on_and_on")


def arrival(made: ShiftedSet, paths: PathBatch, **what: object) -> list[tables.Row]:
    """The shares of mazes walked along some shortest path and exactly, and of those where each constraint breaks.

    Mazes whose goal cannot be reached are asked about constraints alone, and not whether it is reached.
    """
    asked = reachable(made.mazes)
    right = {
        "optimal": mazes.paths.optimal(made.mazes, paths)[asked],
        "exact": mazes.paths.exact(paths, made.solutions)[asked],
    }
    wrong = {name: broken(made, paths) for name, broken in CONSTRAINTS.items()}
    wrong["never_arrives"] = wrong["never_arrives"][asked]
    return [tables.proportion(name, values, **what) for name, values in (right | wrong).items()]


def reachable(drawn: MazeBatch) -> Bool[np.ndarray, " maze"]:
    """The mazes in which some way leads from the start to the goal."""
    return mazes.distances(drawn.passages, drawn.goal)[np.arange(len(drawn)), drawn.start] >= 0


def outcomes(made: ShiftedSet, paths: PathBatch, **what: object) -> list[tables.Row]:
    """What is written where one passage of the path was taken away: the share of each of OUTCOMES.

    It steps across the gap; or else breaks another wall, jumps or starts elsewhere; or else walks legally and then
    ends, writes a token that is no cell, or fills all the room there is. Raises ValueError for a set without a gap.
    """
    if made.edge is None:
        raise ValueError("no passage was taken away from these mazes")
    gap, legal = crosses(paths, made.edge), mazes.paths.valid(made.mazes, paths)
    done = [gap, ~gap & ~legal, *(~gap & legal & (paths.ended == ended) for ended in (END, INVALID, CUT))]
    return [tables.proportion(name, values, **what) for name, values in zip(OUTCOMES, done, strict=True)]
