"""Numbers that say what kind of maze it is, and the choice of mazes by them.

A measure is a function from a batch to one number per maze, named in `MEASURES`. A filter bounds a measure from both
sides, ends included: `{"fork_count": (2, 5), "dead_end_count": (0, 3)}`. Measures of the way from start to goal speak
of all shortest paths at once, so they need no choice among them.
"""

from collections.abc import Callable, Mapping
from numbers import Real
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, Num

from maze_interp import recipes
from maze_interp.mazes import guessing, topology
from maze_interp.mazes.batch import NO_CELL, MazeBatch
from maze_interp.mazes.decisions import decisions
from maze_interp.mazes.decisions import look_ahead as horizon
from maze_interp.mazes.solving import distances, on_shortest_path, shortest_path_counts

Measure = Callable[[MazeBatch], Num[np.ndarray, " maze"]]
Filters = Mapping[str, tuple[int | float, int | float]]


def fork_count(mazes: MazeBatch) -> Int[np.ndarray, " maze"]:
    """Cells with three passages or more."""
    return topology.forks(mazes.passages).sum(axis=1)


def dead_end_count(mazes: MazeBatch) -> Int[np.ndarray, " maze"]:
    """Cells with exactly one passage."""
    return topology.dead_ends(mazes.passages).sum(axis=1)


def edge_count(mazes: MazeBatch) -> Int[np.ndarray, " maze"]:
    """Open passages."""
    return topology.edge_count(mazes.passages)


def isolated_count(mazes: MazeBatch) -> Int[np.ndarray, " maze"]:
    """Cells without a passage."""
    return (topology.degrees(mazes.passages) == 0).sum(axis=1)


def component_count(mazes: MazeBatch) -> Int[np.ndarray, " maze"]:
    """Parts that hang together, isolated cells among them."""
    return topology.components(mazes.passages).max(axis=1) + 1


def cycle_count(mazes: MazeBatch) -> Int[np.ndarray, " maze"]:
    """Passages that could be closed without cutting anything off: 0 exactly for a forest."""
    return edge_count(mazes) - mazes.rows * mazes.cols + component_count(mazes)


def largest_component(mazes: MazeBatch) -> Int[np.ndarray, " maze"]:
    """Cells of the largest component."""
    labels = topology.components(mazes.passages)
    places = labels + np.arange(len(mazes))[:, None] * labels.shape[1]
    return np.bincount(places.ravel(), minlength=labels.size).reshape(labels.shape).max(axis=1)


def solution_length(mazes: MazeBatch) -> Int[np.ndarray, " maze"]:
    """Cells of a shortest path, start and goal included; 0 where there is none."""
    return distances(mazes.passages, mazes.goal)[np.arange(len(mazes)), mazes.start] + 1


def solution_count(mazes: MazeBatch) -> Num[np.ndarray, " maze"]:
    """Shortest paths."""
    return shortest_path_counts(mazes)


def path_forks(mazes: MazeBatch) -> Int[np.ndarray, " maze"]:
    """Cells on the way, the goal aside, from which two passages or more lead on: two besides the one it came by."""
    cells = np.arange(mazes.rows * mazes.cols)
    came_by = cells != mazes.start[:, None]
    on_the_way = on_shortest_path(mazes) & (cells != mazes.goal[:, None])
    return (on_the_way & (topology.degrees(mazes.passages) - came_by >= 2)).sum(axis=1)


def straight_distance(mazes: MazeBatch) -> Int[np.ndarray, " maze"]:
    """Steps from start to goal if there were no walls."""
    (row, col), (to_row, to_col) = (divmod(cells, mazes.cols) for cells in (mazes.start, mazes.goal))
    return abs(row - to_row) + abs(col - to_col)


def detour(mazes: MazeBatch) -> Int[np.ndarray, " maze"]:
    """Steps of a shortest path beyond those needed without walls, an even number; what a beeline does not foresee."""
    return solution_length(mazes) - 1 - straight_distance(mazes)


def turns(mazes: MazeBatch) -> Int[np.ndarray, " maze"]:
    """Changes of direction on the straightest shortest path."""
    return guessing.fewest_turns(mazes)


def baseline_success(mazes: MazeBatch) -> Float[np.ndarray, " maze"]:
    """The chance to find a shortest path by never turning back and guessing at forks, from 0 to 1."""
    return guessing.baseline_success(mazes)


def deceptive_forks(mazes: MazeBatch) -> Int[np.ndarray, " maze"]:
    """Decisions on the way at which every right option leads away from the goal in Manhattan distance."""
    found = decisions(mazes)
    return np.bincount(found.maze[found.deceptive], minlength=len(mazes))


def wrong_cells(mazes: MazeBatch) -> Int[np.ndarray, " maze"]:
    """Cells behind the wrong options of all decisions on the way."""
    found = decisions(mazes)
    return np.bincount(found.maze, found.wrong_size, len(mazes)).astype(np.int64)


def look_ahead(mazes: MazeBatch) -> Int[np.ndarray, " maze"]:
    """The most steps that a search forward from a decision on the way must look ahead to choose rightly."""
    found, most = decisions(mazes), np.zeros(len(mazes), np.int32)
    np.maximum.at(most, found.maze, horizon(mazes, found, "forward"))
    return most


MEASURES: dict[str, Measure] = {
    measure.__name__: measure
    for measure in (
        fork_count,
        dead_end_count,
        edge_count,
        isolated_count,
        component_count,
        cycle_count,
        largest_component,
        solution_length,
        solution_count,
        path_forks,
        straight_distance,
        detour,
        turns,
        baseline_success,
        deceptive_forks,
        wrong_cells,
        look_ahead,
    )
}


def check(filters: Mapping[str, Any]) -> None:
    """ValueError for a filter of an unknown measure, naming the nearest, or one whose bounds leave nothing."""
    for name, bounds in filters.items():
        if name not in MEASURES:
            raise recipes.unknown("measure", name, MEASURES)
        if not (isinstance(bounds, tuple | list) and len(bounds) == 2 and all(isinstance(one, Real) for one in bounds)):
            raise ValueError(f"the filter {name} takes two numbers, the least and the most, not {bounds!r}")
        low, high = bounds
        if not low <= high:
            raise ValueError(f"the filter {name} wants at least {low:g} and at most {high:g}, which no number is")


def passing(mazes: MazeBatch, filters: Filters) -> Bool[np.ndarray, " maze"]:
    """The mazes with a start and a goal whose measures all lie within their bounds."""
    fit = mazes.start != NO_CELL
    for name, (low, high) in filters.items():
        left = np.flatnonzero(fit)
        values = MEASURES[name](mazes[left])
        fit[left] = (values >= low) & (values <= high)
    return fit
