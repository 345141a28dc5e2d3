"""Which objective was a policy trained for? Asked of what it does to the future, and answered with a confidence.

The nearest theory knows nothing but the tasks. The trivial identifiers know success alone: they name the task whose
theory is largest, or whose success is. The nearest theory can differ from the largest only where the split world is
further from flat than the policy selects (see `maze_interp.optimisation.identify`), so to be right as often is not to
tell more than success does, and counts as a disagreement with the claim that it does. All are asked with fewer and
fewer histories too, where success is known less well. The confidence region and its point estimate have seen policies
of other seeds.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from maze_interp import figures, optimisation, tables
from maze_interp.experiments.sequence_beyond import averaged
from maze_interp.experiments.sequence_claims import AGREES, DISAGREES, Claim, above
from maze_interp.experiments.sequence_figures import Drawn, named
from maze_interp.experiments.sequence_fits import mean
from maze_interp.experiments.sequence_measured import Measured
from maze_interp.experiments.sequence_measures import Ground, K
from maze_interp.figures import Series
from maze_interp.sequences import GOALS, chance
from maze_interp.tables import Row

THEORIES = ("nearest theory", "largest theory")
SUCCESS, KNOWN = "largest success", "closest to known"
IDENTIFIERS = (*THEORIES, SUCCESS, KNOWN)
LEVELS = np.array([0.5, 0.6, 0.7, 0.8, 0.9])
SHOWN = 0.9  # the level of the region that the table speaks of
FEW = (10, 20, 50, 100, 200)  # histories
CLAIMED = 50  # histories that count as few in the claim, or the most there are
G = np.array([chance(goal) for goal in GOALS])
MASKS = np.array([[outcome in good for outcome in range(K)] for good in GOALS.values()])


def identified(found: Measured) -> dict[str, np.ndarray]:
    """The task that each identifier names, policy by policy, and the p-values of all tasks.

    The one closest to known policies is left out where too few are known of a task.
    """
    op, p = found.array("op")[:, 0], found.array("p")
    excesses = np.stack([found.array("excess_op"), found.array("excess_imp")], axis=2)
    said = {**dict(zip(THEORIES, _theories(op, p), strict=True)), SUCCESS: optimisation.largest_success(p)}
    with suppress(ValueError):
        said[KNOWN] = optimisation.likeliest_objective(excesses, found.task, found.member)
    return {**said, "p-values": optimisation.p_values(excesses, found.task, found.member)}


def identification(found: Measured, said: Mapping[str, np.ndarray]) -> list[Row]:
    """How often each identifier is right, and by chance; how often both theories name different tasks; how often the
    region holds the truth, and how many tasks it holds.

    Intervals of shares are Wilson's, as if policies were independent.
    """
    names = [name for name in IDENTIFIERS if name in said]
    rows = [tables.proportion("identified", said[name] == found.task, identifier=name) for name in names]
    chance = 1 / len(GOALS)
    rows.append(Row("identified", chance, chance, chance, len(found.task), {"identifier": "chance"}))
    differ = said[THEORIES[0]] != said[THEORIES[1]]
    rows.append(tables.proportion("differ", differ, identifier=" and ".join(THEORIES)))
    region = optimisation.confidence_region(said["p-values"], SHOWN)
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
    covered = [optimisation.confidence_region(said["p-values"], float(level))[at, found.task] for level in LEVELS]
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
            title=f"A region at {LEVELS[-1]:.0%} holds the true objective of {covered[-1].mean():.0%} of the policies",
            x="level of the region",
            y="share of policies whose objective it holds",
        ),
    }


def claims(ground: Ground, found: Measured, said: Mapping[str, np.ndarray]) -> list[Claim]:
    """That comparing theories tells more than success does: with all histories, and with few."""
    nearest, largest = ((said[name] == found.task).astype(float) for name in THEORIES)
    count = min(CLAIMED, len(ground) // ground.repeats)
    few = _right(ground, found, count)
    test = "share identified by the nearest theory less that by the largest theory (the trivial identifier)"
    return [
        _beaten(
            above(
                "the objective can be identified by comparing predictions of optimisation, beyond what success tells",
                test,
                mean(nearest - largest, found.network),
            )
        ),
        _beaten(
            above(
                "with few histories too",
                f"{test}, with {count} histories",
                mean((few[THEORIES[0]] - few[THEORIES[1]]).mean(axis=1), found.network),
            )
        ),
    ]


def _beaten(claim: Claim) -> Claim:
    """Not to beat the trivial identifier is to disagree."""
    return claim if claim.verdict == AGREES or claim.effect.value > 0 else replace(claim, verdict=DISAGREES)


def with_few(ground: Ground, found: Measured) -> list[Row]:
    """How often either theory is right with so many histories, each policy asked anew of every repeat's first ones.

    Intervals allow for policies of one network and take all its answers for one.
    """
    rows = []
    for count in (count for count in FEW if count <= len(ground) // ground.repeats):
        for name, right in _right(ground, found, count).items():
            rows.append(averaged("identified", found.actors, right.mean(axis=1), identifier=name, histories=count))
    return rows


def _right(ground: Ground, found: Measured, count: int) -> dict[str, Float[np.ndarray, "actor repeat"]]:
    """Whether either theory is right with the first so many histories of each repeat: 1 or 0."""
    op, p = [], []
    for actor in found.actors:
        for block in np.array_split(np.arange(len(ground)), ground.repeats):
            mine = block[:count]
            seen = optimisation.of_acts(ground.table[:, mine], actor.acts[mine], K)
            op.append(optimisation.split_history(seen).op)
            p.append(MASKS[:, seen.factual].mean(axis=1))
    shape, task = (len(found.actors), ground.repeats), np.repeat(found.task, ground.repeats)
    says = _theories(np.array(op), np.array(p))
    return {name: (each == task).reshape(shape).astype(float) for name, each in zip(THEORIES, says, strict=True)}


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
