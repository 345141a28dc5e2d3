"""What a path is worth: is every move legal, does it arrive, is it the shortest, does it go back on itself?

Paths may be anything a model wrote, so each predicate says exactly what it asks for. A move leads from one cell of a
path to the next; entry k of a per-move array speaks of the move from step k to step k + 1, and every array is padded
to the longest path of the batch. Cells that lie outside the lattice are allowed and neighbour nothing.
"""

import numpy as np
from jaxtyping import Bool, Int

from maze_interp.mazes.batch import DOWN, END, RIGHT, MazeBatch, PathBatch
from maze_interp.mazes.solving import distances

OPEN, WALL, JUMP, NO_MOVE = 0, 1, 2, -1


def moves(mazes: MazeBatch, paths: PathBatch) -> Int[np.ndarray, "maze move"]:
    """What each move does, int8: OPEN (through a passage), WALL (to a neighbour, but the passage is closed), JUMP (to
    a cell that is no neighbour, or staying put), NO_MOVE (padding: the path is over).
    """
    _check_paired(mazes, paths)
    source, target = paths.cells[:, :-1], paths.cells[:, 1:]
    low, high = np.minimum(source, target), np.maximum(source, target)
    inside = (low >= 0) & (high < mazes.rows * mazes.cols)
    vertical = inside & (high - low == mazes.cols)
    # On a lattice of one column a step down adds 1 as well, and no step leads right.
    horizontal = inside & (high - low == 1) & (low % mazes.cols < mazes.cols - 1)
    row, col = np.divmod(np.where(inside, low, 0), mazes.cols)
    which = np.arange(len(mazes))[:, None]
    open_ = mazes.passages[which, np.where(horizontal, RIGHT, DOWN), row, col]
    out = np.where(vertical | horizontal, np.where(open_, OPEN, WALL), JUMP)
    return np.where(_made(paths), out, NO_MOVE).astype(np.int8)


def backtracks(paths: PathBatch) -> Bool[np.ndarray, "maze move"]:
    """Moves that return to the cell left by the move before."""
    out = np.zeros_like(_made(paths))
    out[:, 1:] = paths.cells[:, 2:] == paths.cells[:, :-2]
    return out & _made(paths)


def revisits(paths: PathBatch) -> Bool[np.ndarray, "maze move"]:
    """Moves that enter a cell the path has been in at any step before (staying put included)."""
    order = np.argsort(paths.cells, axis=1, kind="stable")
    ordered = np.take_along_axis(paths.cells, order, axis=1)
    again = np.zeros(paths.cells.shape, dtype=bool)
    np.put_along_axis(again, order[:, 1:], ordered[:, 1:] == ordered[:, :-1], axis=1)
    return again[:, 1:] & _made(paths)


def valid(mazes: MazeBatch, paths: PathBatch) -> Bool[np.ndarray, " maze"]:
    """The path begins at the maze's start and every move goes through a passage.

    It need not arrive anywhere, nor end properly: an invalid token after legal cells leaves those cells valid. A path
    without cells is not valid.
    """
    legal = ((moves(mazes, paths) == OPEN) | ~_made(paths)).all(axis=1)
    return legal & (_cell_at(paths, np.zeros_like(paths.length)) == mazes.start) & (paths.length > 0)


def reaches_goal(mazes: MazeBatch, paths: PathBatch) -> Bool[np.ndarray, " maze"]:
    """The goal is among the path's cells, however it got there and wherever it went afterwards."""
    _check_paired(mazes, paths)
    return ((paths.cells == mazes.goal[:, None]) & _written(paths)).any(axis=1)


def ends_at_goal(mazes: MazeBatch, paths: PathBatch) -> Bool[np.ndarray, " maze"]:
    """The goal is the path's last cell, however it got there."""
    _check_paired(mazes, paths)
    return (_cell_at(paths, paths.length - 1) == mazes.goal) & (paths.length > 0)


def exact(paths: PathBatch, solutions: PathBatch) -> Bool[np.ndarray, " maze"]:
    """The path ends properly and its cells are those of the solution, no more and no fewer."""
    _check_paired(solutions, paths)
    steps = min(paths.cells.shape[1], solutions.cells.shape[1])
    agrees = (paths.cells[:, :steps] == solutions.cells[:, :steps]) | ~_written(paths)[:, :steps]
    return agrees.all(axis=1) & (paths.length == solutions.length) & (paths.ended == END)


def optimal(mazes: MazeBatch, paths: PathBatch) -> Bool[np.ndarray, " maze"]:
    """The path ends properly and is a shortest path from start to goal: any of them where there are several."""
    to_goal = distances(mazes.passages, mazes.goal)
    shortest = to_goal[np.arange(len(mazes)), mazes.start] + 1
    proper = (paths.ended == END) & (paths.length == shortest)
    return proper & valid(mazes, paths) & ends_at_goal(mazes, paths)


def check_shortest(mazes: MazeBatch, paths: PathBatch) -> None:
    """ValueError naming the first maze whose path is no shortest path."""
    astray = ~optimal(mazes, paths)
    if astray.any():
        raise ValueError(f"the path of maze {int(astray.argmax())} is no shortest path from its start to its goal")


def _check_paired(others: MazeBatch | PathBatch, paths: PathBatch) -> None:
    if len(others) != len(paths):
        raise ValueError(f"paths come one per maze, but there are {len(paths)} paths for {len(others)} mazes")


def _made(paths: PathBatch) -> Bool[np.ndarray, "maze move"]:
    """Which entries of a per-move array are moves of the path rather than padding."""
    return np.arange(1, max(paths.cells.shape[1], 1)) < paths.length[:, None]


def _written(paths: PathBatch) -> Bool[np.ndarray, "maze step"]:
    return np.arange(paths.cells.shape[1]) < paths.length[:, None]


def _cell_at(paths: PathBatch, step: Int[np.ndarray, " maze"]) -> Int[np.ndarray, " maze"]:
    """The cell at one step of each path; anything where the path has no such step."""
    if paths.cells.shape[1] == 0:
        return np.full(len(paths), -1)
    return paths.cells[np.arange(len(paths)), step]
