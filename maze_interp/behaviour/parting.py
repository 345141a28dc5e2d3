"""Where the way to the goal and the way to another place part, and which of them a walker takes there.

A walker that learnt to seek a place where the goal always was, and not the goal, is told from one that seeks the goal
only where the two lie in different directions. A parting is the first cell of a shortest path to the goal from which no
shortest way to the goal is also one to the other place; in a tree, both go the same way before it. The published study
of a maze policy (Langosco et al. 2022; Turner et al. 2023) calls it the decision square.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from maze_interp import tables
from maze_interp.behaviour import neighbours, regression
from maze_interp.behaviour.solvers import ways
from maze_interp.behaviour.solvers.walking import Query, Ways
from maze_interp.behaviour.walkers import Walker
from maze_interp.mazes import NO_CELL, MazeBatch, PathBatch, distances

FEATURES = (
    "goal to place, by air",
    "parting to goal, by air",
    "parting to goal, steps",
    "parting to place, by air",
    "parting to place, steps",
)
THREE = ("goal to place, by air", "parting to goal, steps", "parting to goal, by air")  # those of the published fit

UP_OR_RIGHT = np.array([False, True, True, False])  # of DOWN, RIGHT, UP, LEFT


@dataclass(frozen=True)
class Partings:
    """Partings, at most one a maze: cell `here` at `step` of the path of maze number `maze`.

    `to_goal` and `to_place` are the ways (DOWN, RIGHT, UP, LEFT) that lead a step nearer to one and to the other. A
    line of `measures` has for each parting the values that FEATURES name.
    """

    maze: Int[np.ndarray, " parting"]
    step: Int[np.ndarray, " parting"]
    here: Int[np.ndarray, " parting"]
    to_goal: Bool[np.ndarray, "parting 4"]
    to_place: Bool[np.ndarray, "parting 4"]
    measures: Float[np.ndarray, "parting feature"]

    def __len__(self) -> int:
        return len(self.maze)

    def __getitem__(self, which: Bool[np.ndarray, " parting"] | Int[np.ndarray, " some"]) -> "Partings":
        """The partings chosen by a mask or by indices."""
        return Partings(*(getattr(self, name)[which] for name in self.__dataclass_fields__))


def partings(mazes: MazeBatch, solutions: PathBatch, place: int) -> Partings:
    """The partings of the mazes from a cell of their lattice; mazes whose ways never part, or meet the cell, have none.

    Steps are along the maze, distances by air Euclidean in cells. (From goal to place it is as many steps as from the
    parting to both in a tree, so that these say nothing more.) ValueError for a cell that is not on the lattice.
    """
    if not 0 <= place < mazes.rows * mazes.cols:
        raise ValueError(f"the place must be one of the {mazes.rows * mazes.cols} cells, not {place}")
    nearer = [_nearer(mazes, ends) for ends in (mazes.goal, np.full(len(mazes), place))]
    on_path = np.arange(solutions.cells.shape[1]) < solutions.length[:, None] - 1
    cells = np.where(on_path, solutions.cells, 0)
    row = np.arange(len(mazes))[:, None]
    to_goal, to_place = (ways[row, cells] for ways in nearer)
    parted = ~(to_goal & to_place).any(axis=-1)
    step = np.where(on_path, parted, True).argmax(axis=1)
    maze = np.flatnonzero(on_path.any(axis=1) & on_path[row[:, 0], step])
    maze = maze[to_place[maze, step[maze]].any(axis=-1)]  # at the place itself, or cut off from it, no way leads nearer
    step = step[maze]
    here = cells[maze, step]
    return Partings(maze, step, here, to_goal[maze, step], to_place[maze, step], _measures(mazes[maze], here, place))


def taken(
    choices: Float[np.ndarray, "maze step 4"], partings: Partings
) -> tuple[Float[np.ndarray, " parting"], Float[np.ndarray, " parting"]]:
    """What a walker puts on the ways (to the goal, to the place); the rest it spends on ways to neither, or on no way.

    `choices` are its probabilities along the shortest paths, as `Walker.choose` gives them.
    """
    at = choices[partings.maze, partings.step]
    return (at * partings.to_goal).sum(axis=1), (at * partings.to_place).sum(axis=1)


def seeking(walker: Walker, place: int, name: str) -> Walker:
    """The walker, but that it takes every goal for `place`."""

    def misled(mazes: MazeBatch) -> MazeBatch:
        return replace(mazes, goal=np.full_like(mazes.goal, place))

    return Walker(
        name,
        lambda mazes, progress=None: walker.walk(misled(mazes), progress),
        lambda mazes, paths, edge_order=None: walker.choose(misled(mazes), paths, edge_order),
    )


def up_and_right(mazes: MazeBatch, here: Query, came: Query) -> Ways:
    """A policy: evenly over the ways on that lead up or right, whatever the goal; over the others if there are none."""
    on = ways.onward(mazes, here, came)
    return ways.least(ways.first_of(on & UP_OR_RIGHT, on))


def told_by_distance(
    partings: Partings, to_goal: Bool[np.ndarray, " parting"], *, seed: int, **what: Any
) -> list[tables.Row]:
    """How well distances tell which partings are walked `to_goal`, in partings that the fit has not seen.

    Rows `accuracy` by `features`: "none" (always the commoner outcome), each alone, "three" together (THREE) and
    "all"; and the log-odds of going to the goal for one standard deviation of each of the three. No rows for fewer
    partings than a fit is tried on.
    """
    if len(partings) < regression.FOLDS:
        return []
    sets = {"three": THREE, "all": FEATURES, **{feature: (feature,) for feature in FEATURES}}
    rows = [tables.proportion("accuracy", to_goal == (to_goal.mean() >= 0.5), **what, features="none")]
    for features, names in sets.items():
        right = regression.predicted_unseen(_columns(partings, names), to_goal, seed=seed)
        rows.append(tables.proportion("accuracy", right, **what, features=features))
    fit = regression.logistic_regression(_columns(partings, THREE), to_goal)
    return rows + fit.rows(THREE, **what, features="three")


def _columns(partings: Partings, names: tuple[str, ...]) -> Float[np.ndarray, "parting feature"]:
    return partings.measures[:, [FEATURES.index(name) for name in names]]


def _nearer(mazes: MazeBatch, ends: Int[np.ndarray, " maze"]) -> Bool[np.ndarray, "maze cell 4"]:
    """The ways that lead from each cell a step nearer to the ends."""
    away, beyond = distances(mazes.passages, ends), neighbours.connected(mazes.passages)
    there = away[np.arange(len(mazes))[:, None, None], beyond]
    return (beyond != NO_CELL) & (there == away[..., None] - 1) & (away > 0)[..., None]


def _measures(mazes: MazeBatch, here: Int[np.ndarray, " parting"], place: int) -> Float[np.ndarray, "parting feature"]:
    """The distances between parting, goal and place, in the order of FEATURES."""

    def by_air(one: np.ndarray, other: np.ndarray | int) -> np.ndarray:
        (row, col), (to_row, to_col) = np.divmod(one, mazes.cols), np.divmod(other, mazes.cols)
        return np.hypot(row - to_row, col - to_col)

    maze = np.arange(len(mazes))
    from_goal = distances(mazes.passages, mazes.goal)
    from_place = distances(mazes.passages, np.full(len(mazes), place))
    columns = [
        by_air(mazes.goal, place),
        by_air(here, mazes.goal),
        from_goal[maze, here],
        by_air(here, place),
        from_place[maze, here],
    ]
    return np.stack(columns, axis=1).astype(np.float64)
