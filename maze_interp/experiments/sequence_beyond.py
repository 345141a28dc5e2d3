"""Beyond one split world and one success rate: other worlds, self-evaluation, graded rewards, acts further back.

Tables of means over the policies of a goal, with intervals that allow for policies of one pretrained network, and the
figures that show them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Num

from maze_interp import figures
from maze_interp.experiments.sequence_endings import Endings
from maze_interp.experiments.sequence_figures import Drawn, identity, named
from maze_interp.experiments.sequence_fits import mean
from maze_interp.experiments.sequence_measures import WORLDS, Actor, Graded, SelfEvaluation
from maze_interp.figures import Series
from maze_interp.optimisation import Estimate
from maze_interp.tables import Row

RANDOM, AFTER = "a random act", "elements after the act"


def averaged(
    measure: str, actors: Sequence[Actor], values: Sequence[float] | Num[np.ndarray, " actor"], **what: Any
) -> Row:
    """The mean over policies where it is finite; the interval allows for policies of one network, and takes two."""
    each = np.asarray(values, dtype=np.float64)
    known = each[np.isfinite(each)]
    found = mean(each, np.array([f"{one.size} {one.member}" for one in actors])).row(0, measure)
    return Row(measure, float(known.mean()) if len(known) else float("nan"), found.low, found.high, len(known), what)


def by_world(actors: Sequence[Actor], found: Sequence[Mapping[str, Estimate]]) -> list[Row]:
    """Optimisation and impact of the policies of each goal against each comparison world."""
    rows = []
    for goal in dict.fromkeys(one.goal for one in actors):
        mine = [place for place, one in enumerate(actors) if one.goal == goal]
        who = [actors[place] for place in mine]
        for world in WORLDS:
            for measure in ("op", "imp", "q"):
                values = [getattr(found[place][world], measure) for place in mine]
                rows.append(averaged(measure, who, values, world=world, trained=named(goal)))
    return rows


def worlds_figures(rows: Sequence[Row]) -> Drawn:
    """Against each comparison world; titles say which one lets policies appear to do least, and which most."""
    said = {}
    for measure in ("op", "imp"):
        means = {w: np.mean([r.value for r in rows if (r.measure, r.what["world"]) == (measure, w)]) for w in WORLDS}
        known = {world: float(value) for world, value in means.items() if np.isfinite(value)} or {"": float("nan")}
        low, high = min(known, key=lambda world: known[world]), max(known, key=lambda world: known[world])
        said[measure] = f"from {known[low]:.2f} nats ({low}) to {known[high]:.2f} ({high})"
    return {
        f"worlds_{measure}": figures.intervals(
            [row for row in rows if row.measure == measure],
            title=f"{name} by the world that policies are compared with: {said[measure]}",
            x=f"{measure.title()} (nats)",
            by="world",
            group="trained",
        )
        for measure, name in (("op", "Optimisation"), ("imp", "Impact"))
    }


def variant_rows(ended: Endings) -> list[Row]:
    """How every kind of reinforcement ended: what its policies do, and how well they still predict."""
    rows = []
    for job, found in ended.values.items():
        if job.goal:
            who = [Actor(job.size, job.goal, member, np.zeros(0, int)) for member in range(len(found["even"]))]
            what = {"training": job.phase, "size": job.size, "goal": named(job.goal)}
            for measure in ("success", "maintenance", "illegal", "op", "imp"):
                rows.append(averaged(measure, who, found[measure], **what))
    return rows


def self_rows(found: Sequence[SelfEvaluation]) -> list[Row]:
    """What the networks say of themselves less what is measured, by the goal whose outcomes are asked about."""
    rows = []
    for goal in dict.fromkeys(one.actor.goal for one in found):
        mine = [one for one in found if one.actor.goal == goal]
        who, what = [one.actor for one in mine], {"networks": named(goal)}
        for measure in ("op", "imp"):
            gap = [getattr(one.imagined, measure) - getattr(one.measured, measure) for one in mine]
            rows.append(averaged(f"{measure}, self-evaluated - measured", who, gap, **what))
        rows.append(averaged("probability of illegal elements", who, [one.illegal for one in mine], **what))
    return rows


def self_figures(before: Sequence[SelfEvaluation], after: Sequence[SelfEvaluation]) -> Drawn:
    """Self-evaluated against measured, before and after reinforcement."""
    drawn: Drawn = {}
    for measure, name in (("op", "Op"), ("imp", "Imp")):
        groups = []
        for goal in dict.fromkeys(one.actor.goal for one in (*after, *before)):
            mine = [one for one in (*after, *before) if one.actor.goal == goal]
            x, y = (np.array([getattr(getattr(one, of), measure) for one in mine]) for of in ("imagined", "measured"))
            groups.append(Series(named(goal), x, y))
        known = np.concatenate([np.concatenate([group.x, group.y]) for group in groups])
        pairs = np.array([[getattr(of, measure) for of in (one.imagined, one.measured)] for one in after])
        finite = pairs[np.isfinite(pairs).all(axis=1)]
        said = finite.mean(axis=0) if len(finite) else np.full(2, np.nan)
        drawn[f"self_{measure}"] = figures.scatter(
            groups,
            [identity(float(known[np.isfinite(known)].max(initial=0.0)))],
            title=f"{name} of reinforced networks: {said[0]:.2f} nats by themselves, {said[1]:.2f} measured (means)",
            x=f"{name}, self-evaluated (nats)",
            y=f"{name}, measured (nats)",
            note="Above the line a network underestimates itself.",
        )
    return drawn


def graded_rows(found: Sequence[Graded]) -> list[Row]:
    """Mean utility, in fact and in the split world, and impact beside the least that the mean utility implies."""
    rows = []
    for trained, size in dict.fromkeys((one.trained, one.actor.size) for one in found):
        mine = [one for one in found if (one.trained, one.actor.size) == (trained, size)]
        who = [one.actor for one in mine]
        for measure in ("utility", "split_utility", "imp", "least"):
            values = [getattr(one, measure) for one in mine]
            rows.append(averaged(measure.replace("_", " "), who, values, trained=trained, size=size))
    return rows


def graded_figure(found: Sequence[Graded]) -> Drawn:
    groups = []
    for trained in dict.fromkeys(one.trained for one in found):
        mine = [one for one in found if one.trained == trained]
        least, imp = (np.array([getattr(one, name) for one in mine]) for name in ("least", "imp"))
        groups.append(Series(trained, least, imp))
    known = np.concatenate([group.x for group in groups])
    return {
        "graded": figures.scatter(
            groups,
            [identity(float(known[np.isfinite(known)].max(initial=0.0)))],
            title=f"Graded utility: impact is {times_least(found):.2f} times the least that its mean implies (median)",
            x="least impact at that mean utility (nats)",
            y="Imp (nats)",
        )
    }


def times_least(found: Sequence[Graded]) -> float:
    """The median ratio of impact to the least that a mean utility implies, of those that have one; nan of none."""
    return float(np.median([one.imp / one.least for one in found if 0 < one.least < np.inf] or [np.nan]))


def position_rows(
    actors: Sequence[Actor], found: Sequence[Sequence[Estimate]], control: Sequence[Estimate]
) -> list[Row]:
    """Optimisation and impact by how many elements after the act the outcome stands; the control acts at random."""
    rows = [
        estimate.row(measure, **{"trained": RANDOM, AFTER: 2 * distance + 1})
        for measure in ("op", "imp")
        for distance, estimate in enumerate(control)
    ]
    for goal in dict.fromkeys(one.goal for one in actors):
        mine = [place for place, one in enumerate(actors) if one.goal == goal]
        for measure in ("op", "imp"):
            for distance in range(len(found[0])):
                values = [getattr(found[place][distance], measure) for place in mine]
                what = {"trained": named(goal), AFTER: 2 * distance + 1}
                rows.append(averaged(measure, [actors[place] for place in mine], values, **what))
    return rows


def position_figures(rows: Sequence[Row]) -> Drawn:
    drawn: Drawn = {}
    for measure in ("op", "imp"):
        lines = []
        for name in dict.fromkeys(row.what["trained"] for row in rows):
            mine = [row for row in rows if (row.measure, row.what["trained"]) == (measure, name)]
            x = np.array([float(row.what[AFTER]) for row in mine])
            y, low, high = (np.array([getattr(row, key) for row in mine]) for key in ("value", "low", "high"))
            lines.append(Series(str(name), x, y, low, high))
        drawn[f"{measure}_by_position"] = figures.curves(
            lines,
            title=f"{measure.title()} of one act, {lines[1].name}: {lines[1].y[0]:.2f} nats at once, "
            f"{lines[1].y[1:].max(initial=0.0):.2f} at most later",
            x="elements from the act to the outcome",
            y=f"{measure.title()} (nats)",
        )
    return drawn
