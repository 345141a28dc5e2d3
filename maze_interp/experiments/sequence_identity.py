"""Which objective was a policy trained for? Asked of what it does to the future, and answered with a confidence.

The nearest theory knows nothing but the tasks. The trivial identifier names the task whose theory is largest: it knows
success alone. Both are asked with fewer and fewer histories too, where success is known less well. The confidence
region and its point estimate have seen policies of other seeds.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from maze_interp import figures, optimisation, tables
from maze_interp.experiments.sequence_beyond import averaged
from maze_interp.experiments.sequence_figures import Drawn, named
from maze_interp.experiments.sequence_measures import Ground, K, Measured
from maze_interp.figures import Series
from maze_interp.sequences import GOALS, chance
from maze_interp.tables import Row

THEORIES = ("nearest theory", "largest theory")
IDENTIFIERS = (*THEORIES, "closest to known")
LEVELS = np.array([0.5, 0.6, 0.7, 0.8, 0.9])
SHOWN = 0.9  # the level of the region that the table speaks of
FEW = (10, 20, 50, 100, 200)  # histories
G = np.array([chance(goal) for goal in GOALS])
MASKS = np.array([[outcome in good for outcome in range(K)] for good in GOALS.values()])


def identified(found: Measured) -> dict[str, np.ndarray]:
    """The task that each identifier names, policy by policy, and the p-values of all tasks."""
    op, p = found.array("op")[:, 0], found.array("p")
    excesses = np.stack([found.array("excess_op"), found.array("excess_imp")], axis=2)
    return {
        **dict(zip(THEORIES, _theories(op, p), strict=True)),
        "closest to known": optimisation.closest(excesses, found.task, found.member),
        "p-values": optimisation.p_values(excesses, found.task, found.member),
    }


def identification(found: Measured, said: Mapping[str, np.ndarray]) -> list[Row]:
    """How often each identifier is right; how often the region holds the truth, and how many tasks it holds.

    Intervals of shares are Wilson's, as if policies were independent.
    """
    rows = [tables.proportion("identified", said[name] == found.task, identifier=name) for name in IDENTIFIERS]
    region = optimisation.region(said["p-values"], SHOWN)
    held = region[np.arange(len(region)), found.task]
    rows.append(tables.proportion("holds the truth", held, identifier=f"{SHOWN:.0%} region"))
    rows.append(averaged("tasks held", found.actors, region.sum(axis=1), identifier=f"{SHOWN:.0%} region"))
    return rows


def identification_figures(found: Measured, said: Mapping[str, np.ndarray], goals: Sequence[int]) -> Drawn:
    """Whom the nearest theory takes for whom, and how often regions of each level hold the truth."""
    trained = list(dict.fromkeys(found.task.tolist()))
    counts = np.array([[((said[IDENTIFIERS[0]] == n) & (found.task == t)).sum() for n in range(3)] for t in trained])
    right = np.mean(said[IDENTIFIERS[0]] == found.task)
    at = np.arange(len(found.task))
    covered = [optimisation.region(said["p-values"], float(level))[at, found.task] for level in LEVELS]
    rows = [tables.proportion("held", hits) for hits in covered]
    low, high = np.array([row.low for row in rows]), np.array([row.high for row in rows])
    return {
        "identified": figures.heat_map(
            counts,
            [f"trained on {named(goals[task])}" for task in trained],
            [named(goal) for goal in goals],
            title=f"The nearest theory names the objective of {right:.0%} of {len(at)} policies",
            x="named",
            y="",
            value="policies",
        ),
        "calibration": figures.scatter(
            [Series("policies of held-out seeds", LEVELS, np.array([row.value for row in rows]), low, high)],
            [Series("as promised", np.array([0.4, 1.0]), np.array([0.4, 1.0]))],
            title="How often the confidence region holds the true objective",
            x="level of the region",
            y="share of policies whose objective it holds",
        ),
    }


def with_few(ground: Ground, found: Measured) -> list[Row]:
    """How often either theory is right with so many histories, each policy asked anew of every repeat's first ones."""
    rows, task = [], np.repeat(found.task, ground.repeats)
    blocks = np.array_split(np.arange(len(ground)), ground.repeats)
    for count in (count for count in FEW if count <= len(blocks[-1])):
        op, p = [], []
        for actor in found.actors:
            for block in (block[:count] for block in blocks):
                seen = optimisation.of_acts(ground.table[:, block], actor.acts[block], K)
                op.append(optimisation.split_history(seen).op)
                p.append(MASKS[:, seen.factual].mean(axis=1))
        for name, says in zip(THEORIES, _theories(np.array(op), np.array(p)), strict=True):
            rows.append(tables.proportion("identified", says == task, identifier=name, histories=count))
    return rows


def few_figure(rows: Sequence[Row]) -> Drawn:
    """Both theories against the number of histories."""
    lines = []
    for name in THEORIES:
        mine = [row for row in rows if row.what["identifier"] == name]
        x = np.array([float(row.what["histories"]) for row in mine])
        y, low, high = (np.array([getattr(row, key) for row in mine]) for key in ("value", "low", "high"))
        lines.append(Series(name, x, y, low, high))
    if not rows:
        return {}
    first = f"{lines[0].y[0]:.0%} by the nearest theory, {lines[1].y[0]:.0%} by the largest"
    title = f"With {lines[0].x[0]:.0f} histories the objective is named rightly in {first}"
    return {"identified_with_few": figures.curves(lines, title=title, x="histories", y="share named rightly")}


def _theories(op: np.ndarray, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return optimisation.nearest_theory(op, p, G), optimisation.largest_theory(p, G)
