"""What may be asked of a sample: facts about its maze and about where the walker stands in it.

A target is a function from samples to values [sample, slot] and a line in TARGETS. It declares what it lives on (a
slot for every inner edge, side of a cell or cell; one for a position or maze), whether it is a yes or no, a number or a
choice, and which bags of the input state the fact outright: beside those no probe can be better, so they show that the
fact can be read linearly from the input and are no control. NaN says that the fact does not exist there.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Float, Num, Shaped

from maze_interp import mazes, recipes
from maze_interp.mazes.topology import open_ways
from maze_interp.probing.positions import Asked

Values = Shaped[np.ndarray, "sample slot"]
YES_NO, NUMBER, CHOICE = "yes/no", "number", "choice"
EDGE, SIDE, CELL, POSITION, MAZE = "edge", "side of a cell", "cell", "position", "maze"
CELLS, DIRECTIONS = "cells", "directions"
AHEAD = range(2, 9)


@dataclass(frozen=True)
class Target:
    """A fact: its values, what it lives on, its type, what a choice is among, and the bags that state it outright."""

    values: Callable[[Asked], Values]
    lives_on: str
    type: str
    among: str = ""
    told_by: tuple[str, ...] = ()


@dataclass(frozen=True)
class Labels:
    """The values of several targets, float32 with NaN where there is none, and the `outputs` that a probe is to give.

    A yes or no and a number are an output each, a choice is one for each option, 1 for the right one. `columns` says
    which outputs are whose.
    """

    values: dict[str, Float[np.ndarray, "sample slot"]]
    outputs: Float[np.ndarray, "sample output"]
    columns: dict[str, slice]


def labels(asked: Asked, targets: Iterable[str]) -> Labels:
    """What is true of the samples. Raises ValueError for an unknown target, and for one that these samples lack."""
    values, parts, columns, begin = {}, [], {}, 0
    for name in targets:
        if name not in TARGETS:
            raise recipes.unknown("target", name, TARGETS)
        target = TARGETS[name]
        values[name] = target.values(asked).astype(np.float32)
        options = {CELLS: asked.mazes.rows * asked.mazes.cols, DIRECTIONS: 4}.get(target.among, 0)
        parts.append(_one_hot(values[name][:, 0], options) if options else values[name])
        columns[name] = slice(begin, begin + parts[-1].shape[1])
        begin = columns[name].stop
    if not parts:
        raise ValueError("no target to read: name one or more of " + ", ".join(TARGETS))
    return Labels(values, np.concatenate(parts, axis=1), columns)


def scores(
    name: str, predicted: Float[np.ndarray, "sample output"], truth: Labels, spread: Float[np.ndarray, " slot"]
) -> Float[np.ndarray, "sample slot"]:
    """How well a target's outputs are predicted: 1 or 0 for right or wrong, for numbers 1 - error² / `spread`².

    The mean of the latter is R², the share of the variance that is predicted; `spread` are standard deviations. NaN
    where there was nothing to predict.
    """
    value = truth.values[name]
    if TARGETS[name].type == YES_NO:
        right = (predicted > 0.5) == (value > 0.5)
    elif TARGETS[name].type == CHOICE:
        right = predicted.argmax(axis=1)[:, None] == value
    else:
        with np.errstate(divide="ignore", invalid="ignore"):
            right = np.where(spread > 0, 1 - ((predicted - value) / spread) ** 2, np.nan)
    return np.where(np.isnan(value), np.nan, right.astype(np.float64))


def refused(name: str, asked: Asked, truth: Labels, needed: int) -> str:
    """Why no probe with so many `needed` parameters can be fitted for a target on these samples; "" if one can."""
    value = truth.values[name]
    known = ~np.isnan(value).all(axis=1)
    if not known.any() or (np.nanmin(value[known], axis=0) == np.nanmax(value[known], axis=0)).all():
        return f"the target {name!r} is constant on the given mazes"
    batch = asked.mazes[np.unique(asked.maze[known])]
    distinct = len(np.unique(np.stack([mazes.passage_hash(batch.passages), batch.start, batch.goal]), axis=1).T)
    if distinct < needed:
        return f"a probe of {name!r} has {needed} parameters, but {distinct} different mazes are given to fit them"
    return ""


def interior(name: str, rows: int, cols: int) -> Shaped[np.ndarray, " slot"] | None:
    """Which slots lie between two cells; None for targets no slot of which may lie on the border."""
    if TARGETS[name].lives_on != SIDE:
        return None
    return open_ways(mazes.generate("open_field", 1, rows, cols, seed=0))[0].ravel()


def _one_hot(value: Float[np.ndarray, " sample"], options: int) -> Float[np.ndarray, "sample option"]:
    hot = (value[:, None] == np.arange(options)).astype(np.float32)
    hot[np.isnan(value)] = np.nan
    return hot


def passage(asked: Asked) -> Values:
    """Whether each inner edge is open, in the order of `mazes.edge_ids`."""
    inner = mazes.edge_ids(asked.mazes.rows, asked.mazes.cols)
    return asked.mazes.passages.reshape(len(asked.mazes), -1)[asked.maze][:, inner]


def wall(asked: Asked) -> Values:
    """Whether a wall is DOWN, RIGHT, UP and LEFT of each cell; the border is one."""
    return ~open_ways(asked.mazes.passages).reshape(len(asked.mazes), -1)[asked.maze]


def degree(asked: Asked) -> Values:
    """How many ways lead out of each cell."""
    return mazes.degrees(asked.mazes.passages)[asked.maze]


def on_solution(asked: Asked) -> Values:
    """Whether each cell lies on a shortest path from start to goal."""
    return mazes.on_shortest_path(asked.mazes)[asked.maze]


def to_goal(asked: Asked) -> Values:
    """Steps from each cell to the goal."""
    return _known(mazes.distances(asked.mazes.passages, asked.mazes.goal))[asked.maze]


def to_start(asked: Asked) -> Values:
    """Steps from each cell to the start."""
    return _known(mazes.distances(asked.mazes.passages, asked.mazes.start))[asked.maze]


def to_current(asked: Asked) -> Values:
    """Steps from each cell to where the walker stands."""
    return _known(mazes.distances(asked.mazes.passages[asked.maze], _cell(asked)))


def in_right_branch(asked: Asked) -> Values:
    """Whether the next right step leads nearer to each cell; nothing at the goal."""
    passages, onward = asked.mazes.passages[asked.maze], _cell(asked, 1)
    here, there = (mazes.distances(passages, cells) for cells in (_cell(asked), onward))
    return np.where((onward < 0)[:, None], np.nan, (there >= 0) & (there < here))


def current(asked: Asked) -> Values:
    """The cell where the walker stands."""
    return _cell(asked)[:, None]


def goal(asked: Asked) -> Values:
    """The goal's cell."""
    return asked.mazes.goal[asked.maze][:, None]


def start(asked: Asked) -> Values:
    """The start's cell."""
    return asked.mazes.start[asked.maze][:, None]


def next_step(asked: Asked) -> Values:
    """The direction of the next right step."""
    return _direction(_cell(asked), _cell(asked, 1), asked.mazes.cols)[:, None]


def ahead(asked: Asked, steps: int) -> Values:
    """The cell that the path reaches so many steps on."""
    return _known(_cell(asked, steps))[:, None]


def fork_direction(asked: Asked) -> Values:
    """The right direction at the first cell, from here on, with two or more ways besides the one back."""
    cells, length = asked.paths.cells, asked.paths.length
    step = np.arange(cells.shape[1])
    ways = np.take_along_axis(mazes.degrees(asked.mazes.passages), np.maximum(cells, 0), axis=1) - (step > 0)
    forks = ((ways >= 2) & (step < length[:, None] - 1))[asked.maze] & (step >= asked.step[:, None])
    at = np.where(forks.any(axis=1), forks.argmax(axis=1), cells.shape[1])
    here, there = _at(asked, at), _at(asked, at + 1)
    return _direction(here, there, asked.mazes.cols)[:, None]


def steps_left(asked: Asked) -> Values:
    """Steps from where the walker stands to the goal."""
    return (asked.paths.length[asked.maze] - 1 - asked.step)[:, None]


def at_fork(asked: Asked) -> Values:
    """Whether the walker stands at a cell with three ways or more."""
    return mazes.forks(asked.mazes.passages)[asked.maze, _cell(asked)][:, None]


def solved(asked: Asked) -> Values:
    """Whether the model walks the maze along a shortest path."""
    if asked.solved is None:
        raise ValueError("the target 'solved' needs to be told which mazes the model solved")
    return asked.solved[asked.maze][:, None]


def _cell(asked: Asked, on: int = 0) -> Shaped[np.ndarray, " sample"]:
    """The cell of the path `on` steps from where the walker stands; NO_CELL beyond its end."""
    return _at(asked, asked.step + on)


def _at(asked: Asked, step: Shaped[np.ndarray, " sample"]) -> Shaped[np.ndarray, " sample"]:
    width = asked.paths.cells.shape[1]
    cells = asked.paths.cells[asked.maze, np.minimum(step, width - 1)]
    return np.where(step < width, cells, mazes.NO_CELL)


def _known(values: Num[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    return np.where(values < 0, np.nan, values)


def _direction(
    here: Shaped[np.ndarray, "..."], there: Shaped[np.ndarray, "..."], cols: int
) -> Float[np.ndarray, "..."]:
    """DOWN, RIGHT, UP or LEFT from a cell to its neighbour; NaN where one of them is NO_CELL."""
    way = (there[:, None] - here[:, None] == [cols, 1, -cols, -1]).argmax(axis=1)
    return np.where((here < 0) | (there < 0), np.nan, way)


TARGETS: dict[str, Target] = {
    "passage": Target(passage, EDGE, YES_NO, told_by=("edges",)),
    "wall": Target(wall, SIDE, YES_NO, told_by=("edges",)),
    "degree": Target(degree, CELL, NUMBER, told_by=("edges",)),
    "on_solution": Target(on_solution, CELL, YES_NO),
    "to_goal": Target(to_goal, CELL, NUMBER),
    "to_start": Target(to_start, CELL, NUMBER),
    "to_current": Target(to_current, CELL, NUMBER),
    "in_right_branch": Target(in_right_branch, CELL, YES_NO),
    "current": Target(current, POSITION, CHOICE, CELLS, ("cells",)),
    "goal": Target(goal, MAZE, CHOICE, CELLS, ("cells",)),
    "start": Target(start, MAZE, CHOICE, CELLS, ("cells",)),
    "next_step": Target(next_step, POSITION, CHOICE, DIRECTIONS),
    **{f"ahead_{k}": Target(partial(ahead, steps=k), POSITION, CHOICE, CELLS) for k in AHEAD},
    "fork_direction": Target(fork_direction, POSITION, CHOICE, DIRECTIONS),
    "steps_left": Target(steps_left, POSITION, NUMBER),
    "at_fork": Target(at_fork, POSITION, YES_NO),
    "solved": Target(solved, MAZE, YES_NO),
}
