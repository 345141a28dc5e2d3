"""What a walker chooses where it has a choice: its probabilities at decision points, whoever it is.

At a decision the ways that matter are the options, all open ways but the one back. A response is what a walker puts on
each of them, renormalised, so that a model, which spends a little on tokens that are no way, and a policy, which may
turn back, are compared on the same ground. Mazes are the independent units: the decisions of one maze stay together in
every interval.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from maze_interp import tables
from maze_interp.behaviour.solvers import Policy
from maze_interp.mazes import NO_CELL, Decisions, MazeBatch

Options = Bool[np.ndarray, "decision 4"]
PerDecision = Float[np.ndarray, "decision 4"]


def responses(choices: Float[np.ndarray, "maze step 4"], decisions: Decisions) -> PerDecision:
    """What a walker puts on each option of each decision, renormalised over the options: rows sum to 1.

    `choices` are its probabilities along the paths the decisions belong to, as `Walker.choose` gives them. Where it
    puts nothing on any option the response is uniform over them; `silent` says where that is. Raises ValueError if a
    decision lies at a step of which `choices` say nothing.
    """
    return over_options(_asked(choices, decisions), decisions.options)


def silent(choices: Float[np.ndarray, "maze step 4"], decisions: Decisions) -> Bool[np.ndarray, " decision"]:
    """The decisions at which a walker puts nothing on any option, so that its response is made up."""
    return np.where(decisions.options, _asked(choices, decisions), 0.0).sum(axis=1) == 0


def policy_responses(policy: Policy, mazes: MazeBatch, decisions: Decisions) -> PerDecision:
    """The responses of a policy, asked at the decisions alone."""
    asked, maze = np.unique(decisions.maze, return_inverse=True)
    first = np.searchsorted(np.sort(maze), np.arange(len(asked)))
    order = np.argsort(maze, kind="stable")
    query = np.empty(len(maze), np.int64)
    query[order] = np.arange(len(maze)) - first[maze[order]]
    here = np.repeat(mazes.start[asked, None], query.max(initial=0) + 1, axis=1)  # a query that nobody asked
    came = np.full_like(here, NO_CELL)
    here[maze, query], came[maze, query] = decisions.here, decisions.came
    return over_options(policy(mazes[asked], here, came)[maze, query], decisions.options)


def over_options(ways: PerDecision, options: Options) -> PerDecision:
    """`ways` renormalised over the options of each decision; uniform over them where nothing lies on any."""
    kept = np.where(options, ways, 0.0)
    mass = kept.sum(axis=1, keepdims=True)
    return np.where(mass > 0, kept / np.where(mass > 0, mass, 1.0), uniform(options))


def uniform(options: Options) -> PerDecision:
    """Each option of a decision alike."""
    return options / options.sum(axis=1, keepdims=True)


def right_mass(responses: PerDecision, decisions: Decisions) -> Float[np.ndarray, " decision"]:
    """What a response puts on right options: its expected accuracy."""
    return np.where(decisions.right, responses, 0.0).sum(axis=1)


def accuracy_by(
    responses: PerDecision,
    decisions: Decisions,
    strata: Mapping[str, Int[np.ndarray, " decision"] | Bool[np.ndarray, " decision"]],
    *,
    seed: int,
    **what: Any,
) -> list[tables.Row]:
    """The mean mass on right options in each stratum, with a bootstrap interval over mazes.

    `strata` names the value of each decision, as `{"deceptive": decisions.deceptive}`; several are crossed, and the
    combinations that occur get a row each, in order. n counts mazes, the condition `decisions` their decisions.
    """
    right = right_mass(responses, decisions)
    crossed = np.stack([np.zeros(len(decisions), np.int64), *strata.values()], axis=1)
    _, example, kind = np.unique(crossed, axis=0, return_index=True, return_inverse=True)
    rows = []
    for index, first in enumerate(example):
        inside = kind.reshape(-1) == index
        where = {name: values[first].item() for name, values in strata.items()}
        rows.append(mean_over_mazes("accuracy", right[inside], decisions.maze[inside], seed=seed, **what, **where))
    return rows


def mean_over_mazes(
    measure: str, values: Float[np.ndarray, " decision"], maze: Int[np.ndarray, " decision"], *, seed: int, **what: Any
) -> tables.Row:
    """The mean over decisions with a bootstrap interval over their mazes; no bounds where all values are alike."""
    what = {**what, "decisions": len(values)}
    mazes, unit = np.unique(maze, return_inverse=True)
    if len(values) == 0 or (values == values[0]).all():
        value = float(values[0]) if len(values) else float("nan")
        return tables.Row(measure, value, float("nan"), float("nan"), len(mazes), what)
    total, count = np.bincount(unit, weights=values), np.bincount(unit)
    low, high = tables.bootstrap(lambda some: total[some].sum(axis=1) / count[some].sum(axis=1), len(mazes), seed=seed)
    return tables.Row(measure, float(values.mean()), low, high, len(mazes), what)


def clustered(values: Float[np.ndarray, " decision"], maze: Int[np.ndarray, " decision"]) -> tuple[float, float]:
    """The mean over decisions and its standard error, from the spread between mazes, of which it wants many."""
    mazes, unit = np.unique(maze, return_inverse=True)
    between = np.bincount(unit, weights=values - values.mean())
    variance = (between**2).sum() * len(mazes) / max(len(mazes) - 1, 1)
    return float(values.mean()), float(variance**0.5 / len(values))


def _asked(choices: Float[np.ndarray, "maze step 4"], decisions: Decisions) -> PerDecision:
    """The choices at the decisions, which must all have been asked."""
    asked = choices[decisions.maze, decisions.step]
    unknown = np.isnan(np.where(decisions.options, asked, 0.0)).any(axis=1)
    if unknown.any():
        maze, step = decisions.maze[unknown.argmax()], decisions.step[unknown.argmax()]
        raise ValueError(f"nothing was asked at step {step} of maze {maze}, where a decision lies")
    return asked
