"""Where a solution has to choose, and whether a choice was right.

In a corridor a walker that never turns round cannot go wrong, so most steps of a path say little about planning. A
decision point is a cell of the solution, not the goal, from which at least two passages lead on: two besides the one
it came by, or two in all at the start. A choice is right if it leads one step closer to the goal; on a maze with
cycles several may be.
"""

import numpy as np
from jaxtyping import Bool, Int

from maze_interp.behaviour import neighbours
from maze_interp.mazes import NO_CELL, MazeBatch, PathBatch, degrees, distances


def decision_points(mazes: MazeBatch, solutions: PathBatch) -> Bool[np.ndarray, "maze step"]:
    """Which steps of each solution stand at a decision point."""
    step = np.arange(solutions.cells.shape[1])
    inside = step < solutions.length[:, None] - 1
    degree = np.take_along_axis(degrees(mazes.passages), np.where(inside, solutions.cells, 0), axis=1)
    return inside & (degree - (step > 0) >= 2)


def choices(
    mazes: MazeBatch, paths: PathBatch, solutions: PathBatch
) -> tuple[Bool[np.ndarray, "maze step"], Bool[np.ndarray, "maze step"]]:
    """(visited, right), over the steps of the solutions.

    `visited`: decision points that the path reaches without having left the solution. `right`: those of them from
    which its next step is right; to stop there is not.
    """
    width = solutions.cells.shape[1]
    written = np.arange(width) < paths.length[:, None]
    cells = np.full((len(paths), width + 1), NO_CELL)
    cells[:, : paths.cells.shape[1]] = paths.cells[:, : width + 1]
    cells[:, :-1][~written] = NO_CELL
    followed = np.logical_and.accumulate(written & (cells[:, :-1] == solutions.cells), axis=1)
    visited = decision_points(mazes, solutions) & followed
    return visited, visited & leads_on(mazes, solutions.cells, cells[:, 1:])


def leads_on(
    mazes: MazeBatch, here: Int[np.ndarray, "maze step"], there: Int[np.ndarray, "maze step"]
) -> Bool[np.ndarray, "maze step"]:
    """Where an open passage leads from `here` to `there` and `there` is closer to the goal.

    Anything that is no cell of the maze leads nowhere.
    """
    lattice = mazes.rows * mazes.cols
    inside = (here >= 0) & (here < lattice) & (there >= 0) & (there < lattice)
    here, there = np.where(inside, here, 0), np.where(inside, there, 0)
    maze = np.arange(len(mazes))[:, None]
    open_ = (neighbours.connected(mazes.passages)[maze, here] == there[..., None]).any(axis=-1)
    to_goal = distances(mazes.passages, mazes.goal)
    return inside & open_ & (to_goal[maze, there] == to_goal[maze, here] - 1)
