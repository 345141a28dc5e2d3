"""Every policy on every task, drawn: whose objective it is shows in who lies on the line and who above it."""

import numpy as np

from maze_interp import figures, optimisation
from maze_interp.experiments.sequence_figures import GRID, Drawn, dots, geometric, identity, named
from maze_interp.experiments.sequence_measured import Measured
from maze_interp.figures import Series
from maze_interp.sequences import GOALS, chance


def across(found: Measured) -> Drawn:
    """Every policy on every task: measured against predicted optimisation, and against the least impact."""
    drawn: Drawn = {}
    for column, goal in enumerate(GOALS):
        op, excess = found.array("op")[:, column], found.array("excess_op")[:, column]
        imp, over = found.array("imp")[:, column], found.array("excess_imp")[:, column]
        others = found.task != column
        high = np.mean(excess[others] > 0) if others.any() else float("nan")
        ours, theirs = (float(excess[who].mean()) if who.any() else float("nan") for who in (~others, others))
        near, far = (geometric(found.array("impact_ratio")[who, column]) for who in (~others, others))
        drawn[f"op_on_goal_{goal}"] = figures.scatter(
            dots(found, op - excess, op),
            [identity(float(op.max()))],
            title=f"{named(goal)}: {high:.0%} of the policies trained on other tasks lie above the line",
            x=f"Op predicted from success on {named(goal)} (nats)",
            y="Op (nats)",
        )
        line = Series(named(goal), GRID, optimisation.op_theory(GRID, chance(goal)))
        drawn[f"op_by_score_on_goal_{goal}"] = figures.scatter(
            dots(found, found.array("p")[:, column], op),
            [line],
            title=f"{named(goal)}: policies trained on it lie {ours:+.2f} nats from the curve, others {theirs:+.2f}",
            x=f"success on {named(goal)}",
            y="Op (nats)",
        )
        drawn[f"imp_on_goal_{goal}"] = figures.scatter(
            dots(found, imp - over, imp),
            [identity(float(imp[np.isfinite(imp)].max(initial=0.0)))],
            title=f"{named(goal)}: impact is {near:.1f} times the least of policies trained on it, {far:.1f} of others",
            x=f"Imp_min from success on {named(goal)} (nats)",
            y="Imp (nats)",
        )
    return drawn
