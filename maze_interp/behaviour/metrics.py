"""What a path is worth, one number per maze and metric.

The denominator rule: every maze counts in every metric, and a path that went wrong counts as what it is. A path ends
at the first token that is no cell; the cells before it are judged, the token is counted (`invalid_token`). Only three
metrics are about fewer mazes, and are nan elsewhere: the two on forks leave out mazes whose solution has none, and
`steps_until_invalid` leaves out paths that stay legal.

SHARES are yes or no per maze, AMOUNTS a number; METRICS holds both. Every metric takes the mazes, the paths a model
wrote and the solutions. A move is counted as one thing: a jump, else through a wall, else a backtrack, else a revisit.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float, Int, Num

from maze_interp.behaviour import forks
from maze_interp.mazes import CUT, INVALID, MazeBatch, PathBatch
from maze_interp.mazes import paths as walks

PerMaze = Bool[np.ndarray, " maze"] | Num[np.ndarray, " maze"]
Metric = Callable[[MazeBatch, PathBatch, PathBatch], PerMaze]


def exact(mazes: MazeBatch, paths: PathBatch, solutions: PathBatch) -> Bool[np.ndarray, " maze"]:
    """The path is the given solution, ended properly. Where several paths are shortest, a lower bound on `optimal`."""
    return walks.exact(paths, solutions)


def valid(mazes: MazeBatch, paths: PathBatch, solutions: PathBatch) -> Bool[np.ndarray, " maze"]:
    """The path begins at the start and every move goes through a passage, wherever it leads and however it ends."""
    return walks.valid(mazes, paths)


def target_reached(mazes: MazeBatch, paths: PathBatch, solutions: PathBatch) -> Bool[np.ndarray, " maze"]:
    """The last cell of the path is the goal, however it got there."""
    return walks.ends_at_goal(mazes, paths)


def optimal(mazes: MazeBatch, paths: PathBatch, solutions: PathBatch) -> Bool[np.ndarray, " maze"]:
    """The path is a shortest path from start to goal, any of them, ended properly."""
    return walks.optimal(mazes, paths)


def first_fork(mazes: MazeBatch, paths: PathBatch, solutions: PathBatch) -> Float[np.ndarray, " maze"]:
    """At the solution's first fork the path is still on it and its next step is right; nan without a fork."""
    points = forks.decision_points(mazes, solutions)
    right = forks.choices(mazes, paths, solutions)[1]
    return np.where(points.any(axis=1), (right & _first(points)).any(axis=1), np.nan)


def fork_accuracy(mazes: MazeBatch, paths: PathBatch, solutions: PathBatch) -> Float[np.ndarray, " maze"]:
    """Of the solution's forks that the path reaches without having left it, the share where its next step is right.

    0 if it leaves the solution before the first fork; nan if the solution has none.
    """
    visited, right = forks.choices(mazes, paths, solutions)
    share = right.sum(axis=1) / np.maximum(visited.sum(axis=1), 1)
    return np.where(forks.decision_points(mazes, solutions).any(axis=1), share, np.nan)


def node_overlap(mazes: MazeBatch, paths: PathBatch, solutions: PathBatch) -> Float[np.ndarray, " maze"]:
    """Cells that path and solution share, over the cells of either (Jaccard's index)."""
    walked, wanted = _cells_of(mazes, paths), _cells_of(mazes, solutions)
    return (walked & wanted).sum(axis=1) / np.maximum((walked | wanted).sum(axis=1), 1)


def steps_until_invalid(mazes: MazeBatch, paths: PathBatch, solutions: PathBatch) -> Float[np.ndarray, " maze"]:
    """How many legal moves come before the first illegal one or the invalid token; nan for a path that stays legal.

    0 for a path that does not begin at the start.
    """
    moves = walks.moves(mazes, paths)
    broken = (moves == walks.WALL) | (moves == walks.JUMP)
    until_end = np.where(paths.ended == INVALID, np.maximum(paths.length - 1, 0), np.nan)
    until_move = np.where(broken.any(axis=1), np.logical_and.accumulate(~broken, axis=1).sum(axis=1), until_end)
    return np.where(wrong_start(mazes, paths, solutions), 0.0, until_move)


def wrong_start(mazes: MazeBatch, paths: PathBatch, solutions: PathBatch) -> Bool[np.ndarray, " maze"]:
    """The path does not begin at the start, or has no cell at all."""
    if paths.cells.shape[1] == 0:
        return np.ones(len(paths), dtype=bool)
    return (paths.length == 0) | (paths.cells[:, 0] != mazes.start)


def invalid_token(mazes: MazeBatch, paths: PathBatch, solutions: PathBatch) -> Bool[np.ndarray, " maze"]:
    """The path stops at a token that is neither a cell nor the end."""
    return paths.ended == INVALID


def no_end(mazes: MazeBatch, paths: PathBatch, solutions: PathBatch) -> Bool[np.ndarray, " maze"]:
    """The path runs into the length limit."""
    return paths.ended == CUT


def jump(mazes: MazeBatch, paths: PathBatch, solutions: PathBatch) -> Int[np.ndarray, " maze"]:
    """Moves to a cell that is no neighbour, or to the same cell."""
    return (walks.moves(mazes, paths) == walks.JUMP).sum(axis=1)


def wall(mazes: MazeBatch, paths: PathBatch, solutions: PathBatch) -> Int[np.ndarray, " maze"]:
    """Moves to a neighbour to which there is no passage."""
    return (walks.moves(mazes, paths) == walks.WALL).sum(axis=1)


def backtrack(mazes: MazeBatch, paths: PathBatch, solutions: PathBatch) -> Int[np.ndarray, " maze"]:
    """Legal moves back to the cell just left."""
    return ((walks.moves(mazes, paths) == walks.OPEN) & walks.backtracks(paths)).sum(axis=1)


def revisit(mazes: MazeBatch, paths: PathBatch, solutions: PathBatch) -> Int[np.ndarray, " maze"]:
    """Legal moves to a cell the path was in before, other than backtracks."""
    again = walks.revisits(paths) & ~walks.backtracks(paths)
    return ((walks.moves(mazes, paths) == walks.OPEN) & again).sum(axis=1)


SHARES: dict[str, Metric] = {
    "exact": exact,
    "optimal": optimal,
    "valid": valid,
    "target_reached": target_reached,
    "first_fork": first_fork,
    "wrong_start": wrong_start,
    "invalid_token": invalid_token,
    "no_end": no_end,
}
AMOUNTS: dict[str, Metric] = {
    "fork_accuracy": fork_accuracy,
    "node_overlap": node_overlap,
    "steps_until_invalid": steps_until_invalid,
    "jump": jump,
    "wall": wall,
    "backtrack": backtrack,
    "revisit": revisit,
}
METRICS: dict[str, Metric] = SHARES | AMOUNTS


def _first(flags: Bool[np.ndarray, "maze step"]) -> Bool[np.ndarray, "maze step"]:
    """Only the first True of each row."""
    return flags & (flags.cumsum(axis=1) == 1)


def _cells_of(mazes: MazeBatch, paths: PathBatch) -> Bool[np.ndarray, "maze cell"]:
    """Which cells of the maze each path enters."""
    out = np.zeros((len(mazes), mazes.rows * mazes.cols), dtype=bool)
    maze, step = np.nonzero(np.arange(paths.cells.shape[1]) < paths.length[:, None])
    out[maze, paths.cells[maze, step]] = True
    return out
