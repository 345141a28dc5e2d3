"""The article's figures, drawn from what was measured: against size, against theory, against each other."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from maze_interp import figures, optimisation
from maze_interp.experiments.sequence_endings import Endings
from maze_interp.experiments.sequence_measured import Measured
from maze_interp.experiments.sequence_measures import parameters
from maze_interp.figures import Figure, Html, Series
from maze_interp.sequences import Study, chance
from maze_interp.tables import Row

Drawn = dict[str, Figure | Html]
ALL = "all sixteen"
RUNGS = ("frequencies", "1 back", "2 back", ALL)  # of the ladder, as far as it is drawn
RUNS = (
    ("runs_loss", "pretrained", ("held_out",), "held-out loss (nats)"),
    ("runs_fixed", "repeated", ("loss", "held_out"), "loss in training, and held out (nats)"),
    ("runs_success", "finetuned", ("success",), "success"),
    ("runs_maintenance", "finetuned", ("maintenance",), "held-out loss at even positions (nats)"),
)
SIZE, GRID = "parameters", np.linspace(0.001, 0.999, 400)


def named(goal: int) -> str:
    """A goal as figures name it."""
    return f"{goal} good outcomes" if goal else "pretrained only"


def by_size(sizes: Sequence[str], values: Sequence[Float[np.ndarray, " member"]], name: str) -> Series:
    """Mean and standard error over the networks of each size, as the article draws them."""
    order = np.argsort([parameters(size) for size in sizes])
    known = [values[place][np.isfinite(values[place])] for place in order]
    means = np.array([each.mean() if len(each) else np.nan for each in known])
    errors = np.array([each.std(ddof=1) / len(each) ** 0.5 if len(each) > 1 else np.nan for each in known])
    x = np.array([float(parameters(sizes[place])) for place in order])
    return Series(name, x, means, means - errors, means + errors)


def sized(lines: Sequence[Series], title: str, y: str) -> Figure:
    """Curves over size, whose ticks are the sizes there are."""
    figure = figures.curves(lines, title=title, x=SIZE, y=y, log_x=True)
    sizes = sorted({float(x) for line in lines for x in line.x})
    return figure.update_xaxes(tickmode="array", tickvals=sizes, ticktext=[f"{size:,.0f}" for size in sizes])


def goals_by_size(found: Measured, values: Float[np.ndarray, " actor"]) -> list[Series]:
    """A curve for each goal."""
    lines = []
    for goal in dict.fromkeys(found.goal.tolist()):
        sizes = list(dict.fromkeys(one.size for one in found.actors if one.goal == goal))
        mine = [
            np.array([v for v, one in zip(values, found.actors, strict=True) if (one.size, one.goal) == (size, goal)])
            for size in sizes
        ]
        lines.append(by_size(sizes, mine, named(goal)))
    return lines


def of_training(study: Study, ended: Endings, ladder: Mapping[str, float]) -> Drawn:
    """Loss against size, beside the ladder of what can be known; example training runs."""
    kinds = {"pretraining, fresh data": ("pretrained", "even", 0)}
    kinds |= {"pretraining, a fixed training set": ("repeated", "even", 0)}
    kinds |= {f"maintenance, {named(goal)}": ("finetuned", "maintenance", goal) for goal in study.scale.goals}
    lines = []
    for name, asked in kinds.items():
        if found := ended.of(*asked):
            lines.append(by_size(list(found), list(found.values()), name))
    ends = lines[0].x[[0, -1]]
    rungs = [Series(f"{name} {nats:.2f}", ends, np.full(2, nats)) for name, nats in ladder.items() if name in RUNGS]
    drawn: Drawn = {
        "loss_by_size": sized(
            [*lines, *rungs],
            f"Held-out loss from {lines[0].y[0]:.3f} nats, the smallest, to {lines[0].y[-1]:.3f}, the largest networks",
            "held-out loss at even positions (nats)",
        )
    }
    for name, phase, shown, y in RUNS:
        curves = [
            Series(f"{job.size} {job.goal or ''} {measure.replace('_', ' ') * (len(shown) > 1)}".strip(),
                   trained.steps[1:].astype(float), trained.curves[measure][1:, 0])
            for job, trained in study.trained.items()
            if job.phase == phase
            for measure in shown
        ]  # fmt: skip
        if curves:
            low, high = (end([line.y[-1] for line in curves]) for end in (min, max))
            title = f"Example runs, the first network of each kind ({phase}), end at {low:.2f} to {high:.2f}"
            drawn[name] = figures.curves(curves, title=title, x="steps", y=y)
    return drawn


def best_success(ceilings: Sequence[Row]) -> dict[int, float]:
    """What the best of all acts achieve towards each goal, to who can multiply sixteen numbers."""
    known = [row for row in ceilings if row.what["knows"] == ALL and not row.what["legal"]]
    return {row.what["goal"]: row.value for row in known}


def of_success(found: Measured, ceilings: Sequence[Row]) -> Drawn:
    """Success against size, beside what the best acts of who can multiply sixteen numbers achieve."""
    sizes = np.array([found.parameters.min(), found.parameters.max()], float)
    best = best_success(ceilings)
    most = [Series(f"ceiling, {named(goal)}", sizes, np.full(2, best[goal])) for goal in dots_goals(found)]
    p = found.own("p")
    gained = (p - np.array([chance(goal) for goal in found.goal.tolist()])).min()
    title = f"Every policy succeeds more often than chance, by {gained:.2f} or more"
    if gained <= 0:
        title = "Not every policy succeeds more often than chance"
    return {
        "success_by_size": sized([*goals_by_size(found, p), *most], title, "success on the own task"),
    }


def of_optimisation(found: Measured, floor: float, line: str) -> Drawn:
    """Optimisation against size, success and theory; `line` says how the last went."""
    op, p, theory = found.own("op"), found.own("p"), found.own("op") - found.own("excess_op")
    curves = [Series(named(goal), GRID, optimisation.op_theory(GRID, chance(goal))) for goal in dots_goals(found)]
    top = float(max(op.max(), theory.max()))
    sizes = np.array([found.parameters.min(), found.parameters.max()], float)
    below = float((op < theory).mean())
    inside, uneven = found.own("selectivity"), found.own("unflatness")
    reach = float(max(inside.max(), uneven.max()))
    return {
        "op_by_size": sized(
            [*goals_by_size(found, op), Series("the sequence itself", sizes, np.full(2, floor))],
            f"Optimisation by size: {op.min():.2f} to {op.max():.2f} nats, the sequence itself {floor:.2f}",
            "Op (nats)",
        ),
        "op_by_success": figures.scatter(
            dots(found, p, op),
            curves,
            title=f"Optimisation is {op.mean():.2f} nats, and its own task's curve there {theory.mean():.2f} (means)",
            x="success p",
            y="Op (nats)",
        ),
        "op_predicted": figures.scatter(
            dots(found, theory, op), [identity(top)], title=line, x="Op predicted from success (nats)", y="Op (nats)"
        ),
        "brackets": figures.scatter(
            dots(found, uneven, inside),
            [identity(reach)],
            title=f"{below:.0%} of policies lie where the split world is further from flat than they select",
            x="how far the split world is from flat (nats)",
            y="selectivity inside the classes (nats)",
            note="Measured less predicted optimisation is the height less the distance to the right.",
        ),
        **of_types(),
    }


def of_types() -> Drawn:
    """The four outcome types."""
    kinds = optimisation.outcome_types()
    ops = {name: float(np.log(8) - optimisation.entropy(p)) for name, p in kinds.items()}
    return {
        "outcome_types": figures.heat_map(
            np.stack(list(kinds.values())),
            [f"{name}: {ops[name]:.2f} nats" for name in kinds],
            [f"{outcome} good" if outcome < 4 else str(outcome) for outcome in range(8)],
            title=f"Four ways to succeed in 75%: {min(ops, key=lambda name: ops[name])} optimises least",
            x="outcome",
            y="",
            value="probability",
        )
    }


def of_impact(found: Measured) -> Drawn:
    """Impact, its least value, their ratio and difference, and success in the split world."""
    imp, over = found.own("imp"), found.own("excess_imp")
    least, ratio, q = imp - over, found.own("impact_ratio"), found.own("q")
    reach = float(least[np.isfinite(least)].max(initial=0.0))
    known = over[np.isfinite(over)] if np.isfinite(over).any() else np.array([np.nan])
    low, middle, high = np.quantile(known, [0.0, 0.5, 1.0])
    drawn: Drawn = {
        name: sized(goals_by_size(found, values), title, y)
        for name, values, title, y in (
            ("imp_by_size", imp, f"Impact by size: {imp.min():.2f} to {imp.max():.2f} nats", "Imp (nats)"),
            ("q_by_size", q, f"Success in the split world by size: {q.min():.2f} to {q.max():.2f}", "q"),
            ("ratio_by_size", ratio, f"Impact is {_by_size(found, ratio)} networks", "Imp / Imp_min"),
        )
    }
    return {
        **drawn,
        "imp_minimum": figures.scatter(
            dots(found, least, imp),
            [identity(reach)],
            title=f"Impact less the least that success implies: {middle:.3f} nats, the median policy",
            x="Imp_min (nats)",
            y="Imp (nats)",
        ),
        "excess_by_minimum": figures.scatter(
            dots(found, least, over),
            title=f"Impact less the least that success implies: {low:.3f} to {high:.3f} nats",
            x="Imp_min (nats)",
            y="Imp - Imp_min (nats)",
        ),
    }


def _by_size(found: Measured, ratio: Float[np.ndarray, " actor"]) -> str:
    """The ratio of the smallest and the largest networks, in words."""
    ends = (found.parameters == end for end in (found.parameters.min(), found.parameters.max()))
    small, large = (geometric(ratio[mine]) for mine in ends)
    return f"{small:.2f} times its least value in the smallest, {large:.2f} times in the largest"


def geometric(ratio: Float[np.ndarray, " actor"]) -> float:
    """The geometric mean of what is positive and finite; nan of nothing."""
    known = ratio[np.isfinite(ratio) & (ratio > 0)]
    return float(np.exp(np.log(known).mean())) if len(known) else float("nan")


def dots(found: Measured, x: Float[np.ndarray, " actor"], y: Float[np.ndarray, " actor"]) -> list[Series]:
    """A group of dots for each goal policies were trained on."""
    return [Series(named(goal), x[found.goal == goal], y[found.goal == goal]) for goal in dots_goals(found)]


def dots_goals(found: Measured) -> list[int]:
    return list(dict.fromkeys(found.goal.tolist()))


def identity(reach: float) -> Series:
    """The line on which both are alike."""
    return Series("y = x", np.array([0.0, reach]), np.array([0.0, reach]))
