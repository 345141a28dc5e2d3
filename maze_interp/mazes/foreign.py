"""Mazes from elsewhere: what must hold of them before they are ours, and of ours before they go there.

A file or an object that other people made may hold anything. Each way in turns its format into arrays and then asks
here; `where` says in the format's own words which item is wrong ("row 17", "graph 2"). The same questions are asked on
the way out, so that nothing is written that could not be read again.
"""

from collections.abc import Callable, Iterable

import numpy as np
from jaxtyping import Int, Shaped

from maze_interp.mazes.batch import CUT, END, NO_CELL, MazeBatch, PathBatch
from maze_interp.mazes.paths import NO_MOVE, OPEN, moves

Where = Callable[[int], str]


def paths_of(steps: Int[np.ndarray, " any"], length: Int[np.ndarray, " maze"]) -> PathBatch:
    """Paths laid end to end, as a batch: those without cells were CUT, all others ended properly."""
    cells = np.full((len(length), length.max(initial=0)), NO_CELL, dtype=np.int32)
    inside = np.clip(steps, -(2**31), 2**31 - 1)  # what does not fit stays outside of every lattice
    cells[np.arange(cells.shape[1]) < length[:, None]] = inside
    return PathBatch(cells, length.astype(np.int32), np.where(length > 0, END, CUT).astype(np.int8))


def check_lattices(sizes: Iterable[tuple[int, int]], where: Where) -> tuple[int, int]:
    """The one (rows, cols) of all mazes. ValueError if they differ, or have no cells, or if there is no maze."""
    sizes = list(sizes)
    if not sizes:
        raise ValueError("at least one maze is needed to know the lattice")
    for i, size in enumerate(sizes):
        if min(size) < 1:
            raise ValueError(f"{where(i)}: a maze of {size[0]} x {size[1]} cells; both must be at least 1")
        if size != sizes[0]:
            here, there = (f"{rows} x {cols}" for rows, cols in (size, sizes[0]))
            raise ValueError(f"{where(i)}: a maze of {here} cells beside others of {there}; a batch has one lattice")
    return sizes[0]


def check_ends(mazes: MazeBatch, where: Where) -> None:
    """ValueError for a start or a goal that is neither a cell of the lattice nor NO_CELL."""
    for name, cells in (("start", mazes.start), ("goal", mazes.goal)):
        wrong = (cells != NO_CELL) & _outside(cells, mazes)
        if wrong.any():
            i = int(wrong.argmax())
            raise ValueError(f"{where(i)}: the {name} is {cells[i]}, which is {_no_cell(mazes)}")


def check_paths(mazes: MazeBatch, paths: PathBatch, where: Where) -> None:
    """ValueError for a path that has cells and is no proper walk through passages from its start to its goal."""
    if len(paths) != len(mazes):
        raise ValueError(f"{len(paths)} paths for {len(mazes)} mazes: give one path for each maze")
    for i, step in np.argwhere(_outside(paths.cells, mazes) & _written(paths)).tolist()[:1]:
        cell = paths.cells[i, step]
        raise ValueError(f"{where(i)}: step {step} of the path is {cell}, which is {_no_cell(mazes)}")
    walked = paths.length > 0
    if not walked.any():
        return
    last = paths.cells[np.arange(len(paths)), paths.length - 1]
    for does, there, name, cells in (
        ("begins", paths.cells[:, 0], "start", mazes.start),
        ("ends", last, "goal", mazes.goal),
    ):
        for i in np.flatnonzero(walked & (there != cells))[:1].tolist():
            wanted = f"cell {cells[i]}" if cells[i] != NO_CELL else "missing"
            raise ValueError(f"{where(i)}: the path {does} at cell {there[i]}, but the {name} is {wanted}")
    for i, step in np.argwhere(~np.isin(moves(mazes, paths), (OPEN, NO_MOVE))).tolist()[:1]:
        one, other = paths.cells[i, step : step + 2]
        raise ValueError(f"{where(i)}: step {step + 1} of the path leads from cell {one} to {other} without a passage")
    for i in np.flatnonzero(walked & (paths.ended != END))[:1].tolist():
        raise ValueError(f"{where(i)}: the path did not end properly; only whole paths can be written")


def _outside(cells: Shaped[np.ndarray, "..."], mazes: MazeBatch) -> Shaped[np.ndarray, "..."]:
    return (cells < 0) | (cells >= mazes.rows * mazes.cols)


def _written(paths: PathBatch) -> Shaped[np.ndarray, "maze step"]:
    return np.arange(paths.cells.shape[1]) < paths.length[:, None]


def _no_cell(mazes: MazeBatch) -> str:
    return f"no cell of a {mazes.rows} x {mazes.cols} maze"
