"""From mazes and paths to a table: each metric with its 95% interval, the maze being the unit.

A solver is anything that writes a path for each maze: a model's rollout, or a control from `solvers`.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from maze_interp import recipes, tables
from maze_interp.behaviour.metrics import METRICS, SHARES, PerMaze
from maze_interp.mazes import MazeBatch, PathBatch, solve

Solver = Callable[[MazeBatch], PathBatch]


def evaluate(
    mazes: MazeBatch,
    paths: PathBatch,
    solutions: PathBatch,
    /,
    *,
    seed: int,
    metrics: Iterable[str] = METRICS,
    **what: Any,
) -> list[tables.Row]:
    """One row per metric, in the order of METRICS: shares with Wilson's interval, means with a bootstrap from `seed`.

    `what` are the conditions written on each row. Each row's n counts the mazes the metric is about. Raises
    ValueError for an unknown metric and for mazes, paths and solutions that are not equally many.
    """
    asked = set(metrics)
    for name in sorted(asked - set(METRICS)):
        raise recipes.unknown("metric", name, METRICS)
    if not len(mazes) == len(paths) == len(solutions):
        raise ValueError(f"{len(paths)} paths and {len(solutions)} solutions for {len(mazes)} mazes")
    return [
        summary(name, metric(mazes, paths, solutions), share=name in SHARES, seed=seed, **what)
        for name, metric in METRICS.items()
        if name in asked
    ]


def behave(
    solver: Solver,
    mazes: MazeBatch,
    /,
    *,
    seed: int,
    solutions: PathBatch | None = None,
    metrics: Iterable[str] = METRICS,
    **what: Any,
) -> list[tables.Row]:
    """`evaluate` the paths a solver writes, against `solutions` or, if none are given, `mazes.solve` with `seed`."""
    solutions = solve(mazes, seed=seed) if solutions is None else solutions
    return evaluate(mazes, solver(mazes), solutions, seed=seed, metrics=metrics, **what)


def summary(name: str, values: PerMaze, /, *, share: bool, seed: int, **what: Any) -> tables.Row:
    """The row of one metric from its value per maze; nan values are left out."""
    known = values[~np.isnan(values)]
    if share:
        return tables.proportion(name, known.astype(bool), **what)
    return tables.mean(name, known, seed=seed, **what)
