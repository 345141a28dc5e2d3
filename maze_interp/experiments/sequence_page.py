"""The sequence task in words: what was learned, how theory did, who was told from whom, and what lies beyond."""

from collections.abc import Mapping, Sequence

import numpy as np

from maze_interp.experiments.sequence_beyond import AFTER, RANDOM
from maze_interp.experiments.sequence_claims import fit
from maze_interp.experiments.sequence_figures import best_success
from maze_interp.experiments.sequence_figures import named as goal_name
from maze_interp.experiments.sequence_identity import SHOWN
from maze_interp.experiments.sequence_measures import WORLDS, Graded, Measured, losses, parameters
from maze_interp.sequences import GOALS, Study
from maze_interp.tables import Row


def rungs(ladder: Sequence[Row]) -> dict[str, float]:
    """The ladder of what can be known: a loss for each thing known."""
    return {str(row.what["knows"]): row.value for row in ladder}


def learned(study: Study, found: Measured, tables: Mapping[str, Sequence[Row]]) -> str:
    """How far prediction and success came, beside what could be reached."""
    loss = losses(study, "pretrained", "held_out")
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
        f"Pretrained on fresh data, the largest networks predict with a loss of {loss[largest].mean():.3f} nats; the "
        f"ladder of what can be known: {', '.join(passed)}. Reinforced, they succeed in {', '.join(reached)}. Nothing "
        f"keeps a policy from illegal elements, which it writes in {np.mean(illegal):.1%}."
    )


def predicted(found: Measured) -> tuple[str, str]:
    """The headline: measured against predicted optimisation, as a title and as a sentence."""
    op = found.own("op")
    line = fit([op - found.own("excess_op"), np.ones(len(op))], op, found.network)
    slope, height = line.row(0, "slope"), line.row(1, "intercept")
    title = f"Measured optimisation is {slope.value:.2f} times the predicted and {height.value:+.3f} nats"
    return title, (
        f"Over {line.n} policies measured optimisation is {slope.value:.3f} ({slope.low:.3f} to {slope.high:.3f}) "
        f"times what success predicts, {height.value:+.3f} ({height.low:+.3f} to {height.high:+.3f}) nats; R^2 is "
        f"{line.r2:.3f}."
    )


def brackets(found: Measured) -> str:
    """Why policies lie where they do."""
    inside, uneven, excess = (found.own(name) for name in ("selectivity", "unflatness", "excess_op"))
    return (
        f"{np.mean(excess < 0):.0%} of the policies lie below the line of their own task. On average they select "
        f"{inside.mean():.3f} nats inside the classes, which lifts them, and their split world is {uneven.mean():.3f} "
        "nats from flat, which lowers them; the difference of the two is their distance from the line, exactly."
    )


def named(rows: Sequence[Row], few: Sequence[Row]) -> str:
    """How often each identifier names the objective."""
    told = {row.what["identifier"]: row for row in rows if row.measure == "identified"}
    region = {row.measure: row for row in rows}
    said = ", ".join(f"{name} {row.value:.1%} ({row.low:.1%} to {row.high:.1%})" for name, row in told.items())
    least = {row.what["identifier"]: row for row in reversed(few)}
    fewest = "; ".join(
        f"with {row.what['histories']} histories by the {name} in {row.value:.1%} ({row.low:.1%} to {row.high:.1%})"
        for name, row in reversed(least.items())
    )
    return (
        f"The objective is named rightly by: {said}; {fewest}. A region at {SHOWN:.0%}, of excesses of other seeds, "
        f"holds it in {region['holds the truth'].value:.1%} and {region['tasks held'].value:.2f} of {len(GOALS)} tasks "
        "on average."
    )


def beyond(worlds: Sequence[Row], graded: Sequence[Graded], positions: Sequence[Row]) -> str:
    """Other worlds, graded rewards and acts further back."""
    op = {world: [row.value for row in worlds if (row.measure, row.what["world"]) == ("op", world)] for world in WORLDS}
    apart = ", ".join(f"{name} {np.mean(values):.3f}" for name, values in op.items())
    ratio = np.array([one.imp / one.least for one in graded if 0 < one.least < np.inf] or [np.nan])
    spans = []
    for mine in (False, True):
        rows = [row for row in positions if row.measure == "op" and (row.what["trained"] == RANDOM) is mine]
        later = [row.value for row in rows if row.what[AFTER] > 1]
        now = np.mean([row.value for row in rows if row.what[AFTER] == 1])
        spans.append(f"{now:+.3f} and {min(later, default=0.0):+.3f} to {max(later, default=0.0):+.3f}")
    return (
        f"Optimisation by comparison world, the mean over goals (nats): {apart}. With a utility of 0 to 3 instead of "
        f"success, impact is {np.median(ratio):.2f} times (the median policy; {ratio.min():.2f} at least) the least "
        f"that reaches its mean utility. What one act optimises of the next element, and of those up to "
        f"{max(row.what[AFTER] for row in positions)} elements later (the largest networks): {spans[0]} nats; a random "
        f"act: {spans[1]}. Where a random act does the same, it is the act's variety that shows, not a purpose."
    )
