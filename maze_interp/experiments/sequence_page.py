"""The sequence task in words: what was learned, how theory did, who was told from whom, and what lies beyond."""

from collections.abc import Mapping, Sequence
from statistics import NormalDist

import numpy as np

from maze_interp.experiments.sequence_beyond import averaged, times_least
from maze_interp.experiments.sequence_endings import Endings
from maze_interp.experiments.sequence_figures import best_success
from maze_interp.experiments.sequence_figures import named as goal_name
from maze_interp.experiments.sequence_fits import Fit, explained, fit
from maze_interp.experiments.sequence_identity import SHOWN
from maze_interp.experiments.sequence_measured import Measured
from maze_interp.experiments.sequence_measures import GRADED_REWARD, WORLDS, Actor, Graded, parameters
from maze_interp.optimisation import Estimate
from maze_interp.sequences import GOALS, GRADED
from maze_interp.tables import Row, Z


def rungs(ladder: Sequence[Row]) -> dict[str, float]:
    """The ladder of what can be known: a loss for each thing known."""
    return {str(row.what["knows"]): row.value for row in ladder}


def learned(ended: Endings, found: Measured, tables: Mapping[str, Sequence[Row]]) -> str:
    """How far prediction and success came, beside what could be reached."""
    loss = ended.of("pretrained", "even")
    largest = max(loss, key=parameters)
    passed = [f"{nats:.3f} ({name})" for name, nats in rungs(tables["ladder"]).items()]
    best = best_success(tables["ceilings"])
    reached = [
        f"{found.own('p')[mine].mean():.3f} of at most {best[goal]:.3f} with {goal_name(goal)}"
        for goal in dict.fromkeys(found.goal.tolist())
        if (mine := (found.goal == goal) & (found.parameters == found.parameters.max())).any()
    ]
    acts = [row for row in tables["reinforcement"] if row.measure == "illegal"]
    illegal = [row.value for row in acts if row.what["training"] == "finetuned"]
    return (
        f"Pretrained on fresh data, the largest networks predict even positions with a loss of "
        f"{loss[largest].mean():.3f} nats; the ladder of what can be known: {', '.join(passed)}. Reinforced, they "
        f"succeed in {', '.join(reached)}. Nothing keeps a policy from illegal elements, which it writes in "
        f"{np.mean(illegal):.1%}."
    )


def headline(found: Measured) -> tuple[Fit, Row]:
    """The line of measured on predicted optimisation (slope, intercept), and the share of the variance it explains."""
    op, excess = found.own_each("op"), found.own_each("excess_op")
    theory = op - excess
    return fit([theory, np.ones(op.shape[1])], op, found.network), explained(theory, op, found.network)


def headline_rows(found: Measured) -> list[Row]:
    """The same as rows."""
    line, share = headline(found)
    return [line.row(0, "slope"), line.row(1, "intercept (nats)"), share]


def predicted(found: Measured) -> tuple[str, str]:
    """The headline: measured against predicted optimisation, as a title and as a sentence."""
    line, share = headline(found)
    slope, height = line.row(0, "slope"), line.row(1, "intercept")
    title = f"Measured optimisation is {slope.value:.2f} times the predicted and {height.value:+.3f} nats"
    return title, (
        f"Over {line.n} policies measured optimisation is {slope:.3f} "
        f"times what success predicts, {height:+.3f} nats; R^2 is "
        f"{share:.3f}. Intervals allow for networks and for the histories "
        "that all of them are measured on."
    )


def brackets(found: Measured) -> str:
    """Why policies lie where they do."""
    inside, uneven, excess = (found.own(name) for name in ("selectivity", "unflatness", "excess_op"))
    said = [
        f"those {where} it select {inside[mine].mean():.3f} nats inside the classes, and their split world is "
        f"{uneven[mine].mean():.3f} nats from flat"
        for where, mine in (("below", excess < 0), ("above", excess >= 0))
        if mine.any()
    ]
    return (
        f"{np.mean(excess < 0):.0%} of the policies lie below the line of their own task: {'; '.join(said)} (means). "
        "The first lifts a policy, the second lowers it; the difference is its distance from the line, exactly."
    )


def named(rows: Sequence[Row], few: Sequence[Row]) -> str:
    """How often each identifier names the objective."""
    told = {row.what["identifier"]: row for row in rows if row.measure == "identified"}
    region = {row.measure: row for row in rows}
    said = ", ".join(f"{name} {row:.1%}" for name, row in told.items())
    least = {row.what["identifier"]: row for row in reversed(few)}
    fewest = "; ".join(
        f"with {row.what['histories']} histories by the {name} in {row:.1%}" for name, row in reversed(least.items())
    )
    return (
        f"The objective is named rightly by: {said}; {fewest}. A region at {SHOWN:.0%}, of excesses of other seeds, "
        f"holds it in {region['holds the truth'].value:.1%} and {region['tasks held'].value:.2f} of {len(GOALS)} tasks "
        "on average."
    )


def beyond(worlds: Sequence[Row]) -> str:
    """Other worlds."""
    op = {world: [row.value for row in worlds if (row.measure, row.what["world"]) == ("op", world)] for world in WORLDS}
    apart = ", ".join(f"{name} {np.mean(values):.3f}" for name, values in op.items())
    return f"Optimisation by comparison world, the mean over goals (nats): {apart}."


def rewarded(graded: Sequence[Graded], table: Sequence[Row]) -> str:
    """Graded rewards: what networks reinforced by one reach, beside all others of their size, and what it takes."""
    plain = np.array([one.plain / one.least for one in graded if 0 < one.least < np.inf] or [np.nan])
    said = (
        f"With a utility of 0 to {max(GRADED):g} instead of success, impact is {times_least(graded):.2f} times the "
        f"least that reaches its mean (the median policy; before correction at least {plain.min():.2f}; by a theorem, "
        "no less than 1)."
    )
    sizes = {one.actor.size for one in graded if one.trained == GRADED_REWARD}
    rows = {(row.what["trained"], row.measure): row for row in table if row.what["size"] in sizes and len(sizes) == 1}
    each = [
        f"{name} {row.value:.3f} ({row.low:.3f} to {row.high:.3f}; {rows[name, 'split utility'].value:.3f} split) with "
        f"{rows[name, 'imp'].value:.3f} nats, of which {rows[name, 'least'].value:.3f} are the least"
        for (name, measure), row in rows.items()
        if measure == "utility"
    ]
    return said + (f" Mean utility, by what networks of size {min(sizes)} learned: {'; '.join(each)}." if each else "")


def later(actors: Sequence[Actor], far: Sequence[Sequence[Estimate]], control: Sequence[Estimate]) -> str:
    """Acts further back, beside a random act: how far optimisation differs, with intervals corrected for how many.

    Joined, as if independent, are the policies' interval over networks, their mean one over histories (which they
    share), and the random act's over histories.
    """
    said, sure = [], []
    wider = NormalDist().inv_cdf(1 - 0.025 / max(len(control) - 1, 1)) / Z  # for all outcomes but the first at once
    for distance, random in enumerate(control):
        row = averaged("op", actors, [one[distance].op for one in far])
        own = np.mean([np.diff(one[distance].intervals["op"])[0] for one in far])
        half = ((row.high - row.low) ** 2 + np.diff(random.intervals["op"])[0] ** 2 + own**2) ** 0.5 / 2
        gap = row.value - random.op
        after = f"{2 * distance + 1} element{'s' * (distance > 0)} after the act"
        said.append((abs(gap), f"{gap:+.3f} nats ({gap - half:+.3f} to {gap + half:+.3f}) {after}"))
        if distance and abs(gap) > wider * half:
            sure.append(after)
    now, most = said[0][1], max(said[1:], default=(0.0, ""))[1]
    further = f"; later by at most {most}" if most else ""
    verdict = f"A policy surely differs from it {', '.join(sure)}" if sure else "Nowhere later do they surely differ"
    return (
        f"The largest networks optimise the outcome more than a random act does by {now}{further}."
        f"{f' {verdict} (Bonferroni).' if most else ''}"
    )
