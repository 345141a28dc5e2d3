"""Each of the article's claims, put to the test on the policies of a study."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float

from maze_interp.experiments.sequence_claims import Claim, above, always, below, most, within
from maze_interp.experiments.sequence_endings import Endings
from maze_interp.experiments.sequence_fits import fit, mean, trend
from maze_interp.experiments.sequence_measured import Measured
from maze_interp.experiments.sequence_measures import SelfEvaluation, parameters
from maze_interp.sequences import GOALS, chance
from maze_interp.tables import Z

G = np.array([chance(goal) for goal in GOALS])
CLOSE_SLOPE, CLOSE_OP, BARELY = (0.9, 1.1), 0.05, 0.05  # ours: what "closely" and "barely" mean, in nats and per decade


def on_success(found: Measured) -> list[Claim]:
    """Of learning the tasks."""
    p, decades = found.own_each("p"), np.log10(found.parameters)
    return [
        always(
            "In all cases model performance is a lot better than chance",
            "success less chance, the surest not to be above 0",
            p[0] - G[found.task],
            np.sqrt(p[0] * (1 - p[0]) / found.estimates[0][0].n),
            found.estimates[0][0].n - 1,
        ),
        above(
            "success increases with the number of parameters",
            "change of success for ten times the parameters",
            trend(decades, p, found.task, found.network),
        ),
    ]


def on_optimisation(found: Measured, spare: Float[np.ndarray, "actor repeat"]) -> list[Claim]:
    """Of optimisation and what it is predicted by; `spare` is how much more than the sequence itself policies optimise,
    on each repeat's histories."""
    op, decades = found.own_each("op"), np.log10(found.parameters)
    theory = op - found.own_each("excess_op")
    line = fit([theory, np.ones(op.shape[1])], op, found.network)
    excess = found.each("excess_op")
    elsewhere = np.where(_own(found), 0.0, excess).sum(axis=2) / (len(GOALS) - 1)
    lie_above = np.where(_own(found), 0.0, excess[0] > 0).sum(axis=1) / (len(GOALS) - 1)
    repeats = spare.shape[1]
    return [
        within(
            "measured optimisation follows theory closely on a policy's own task",
            f"slope of measured on predicted optimisation, within {CLOSE_SLOPE[0]} to {CLOSE_SLOPE[1]}",
            line,
            *CLOSE_SLOPE,
        ),
        within(
            "the points lie very close to the theoretical line",
            f"mean of measured less predicted optimisation, within {CLOSE_OP} nats either way",
            mean(op - theory, found.network),
            -CLOSE_OP,
            CLOSE_OP,
        ),
        above(
            "models trained on other tasks lie above the line",
            "mean excess optimisation on tasks that a policy was not trained on (nats)",
            mean(elsewhere, found.network),
        ),
        most(
            "most points of models trained on other tasks lie above the line",
            "share of networks of whose points most lie above the lines of tasks they were not trained on (sign test)",
            lie_above - 0.5,
            found.network,
        ),
        above(
            "models trained on other tasks lie further above the line than those trained on it",
            "excess optimisation on other tasks less that on the own, within a policy (nats)",
            mean(elsewhere - found.own_each("excess_op"), found.network),
        ),
        above(
            "larger models optimise more",
            "change of optimisation for ten times the parameters (nats)",
            trend(decades, op, found.task, found.network),
        ),
        below(
            "the fewer potential results are good, the higher the optimisation",
            "change of optimisation with each outcome more that is good, at the same size (nats)",
            trend(found.goal, op, found.parameters, found.network),
        ),
        always(
            "all models optimise at least as much as the sequence itself",
            "optimisation less that of the sequence on the same histories, the surest not to be above 0 (nats)",
            spare.mean(axis=1),
            spare.std(axis=1, ddof=1) / repeats**0.5 if repeats > 1 else np.full(len(spare), np.nan),
            max(repeats - 1, 1),
        ),
    ]


def on_impact(found: Measured) -> list[Claim]:
    """Of impact, its least value, and success in the split world."""
    imp, q, decades = found.own_each("imp"), found.own_each("q"), np.log10(found.parameters)
    ends = [one[task].intervals["excess_imp"] for one, task in zip(found.estimates, found.task, strict=True)]
    errors, degrees = np.diff(np.array(ends), axis=1)[:, 0] / (2 * Z), found.estimates[0][0].n - 1
    every = found.each("impact_ratio")
    logs = np.log(np.where(every > 0, every, np.nan))
    own = logs[:, np.arange(imp.shape[1]), found.task]
    counted = ~_own(found) & np.isfinite(logs).all(axis=0)
    others = np.where(counted, logs, 0.0).sum(axis=2) / np.where(counted.any(axis=1), counted.sum(axis=1), np.nan)
    return [
        above(
            "larger models have a higher impact",
            "change of impact for ten times the parameters (nats)",
            trend(decades, imp, found.task, found.network),
        ),
        below(
            "impact decreases with the number of good outcomes",
            "change of impact with each outcome more that is good, at the same size (nats)",
            trend(found.goal, imp, found.parameters, found.network),
        ),
        always(
            "impact is at least the minimum that success implies",
            "impact less its minimum, the surest not to be above 0 (nats; a theorem, so this tests the code)",
            found.own("excess_imp"),
            errors,
            degrees,
            theorem=True,
        ),
        below(
            "larger models have a lower ratio of impact to its minimum",
            "change of the logarithm of the ratio for ten times the parameters",
            trend(decades, own, found.task, found.network),
        ),
        above(
            "success in the split world is better than chance",
            "q less chance, the mean over policies",
            mean(q - G[found.task], found.network),
        ),
        within(
            "success in the split world scales hardly at all with size",
            f"change of q for ten times the parameters, within {BARELY} either way",
            trend(decades, q, found.task, found.network),
            -BARELY,
            BARELY,
        ),
        above(
            "models trained on other tasks diverge faster from the line of least impact",
            "log of the ratio of impact to its minimum, on other tasks less on the own, within a policy",
            mean(others - own, found.network),
        ),
    ]


def on_self_evaluation(
    before: Sequence[SelfEvaluation], after: Sequence[SelfEvaluation], op: Float[np.ndarray, " actor"]
) -> list[Claim]:
    """Of policies that measure themselves, beside the networks they were before: what predicting badly does to anyone's
    self-evaluation is in both. `op` is what the policies optimise on other histories, free of the noise in the gap."""
    network = np.array([f"{one.actor.size} {one.actor.member}" for one in after])
    known = {(one.actor.size, one.actor.member): _gap(one, "op") for one in before}
    gap = np.array([_gap(one, "op") for one in after])
    opened = gap - np.array([known[one.actor.size, one.actor.member] for one in after])
    strong = np.array([one.actor.goal == min(GOALS) for one in after])
    return [
        below(
            "self-evaluation underestimates when optimisation is strong",
            f"self-evaluated less measured optimisation, policies trained on {min(GOALS)} good outcomes less the same "
            "networks before (nats)",
            mean(opened[strong], network[strong]),
        ),
        below(
            "the more heavily a model optimises the more it underestimates",
            "change of self-evaluated less measured optimisation (less that before) with each nat on other histories",
            fit([op, np.ones(len(op))], opened, network),
        ),
        on_worse(after),
    ]


def on_worse(evaluated: Sequence[SelfEvaluation]) -> Claim:
    """Of networks that measure themselves: reinforced ones, or, as a control, those before."""
    network = np.array([f"{one.actor.size} {one.actor.member}" for one in evaluated])
    wrong = {name: np.abs([_gap(one, name) for one in evaluated]) for name in ("op", "imp")}
    return above(
        "self-evaluation of impact is even worse",
        "mean absolute error of impact less that of optimisation (nats)",
        mean(wrong["imp"] - wrong["op"], network),
    )


def on_training(ended: Endings, goal: int) -> list[Claim]:
    """Of pretraining and of what reinforcement towards `goal` needs. Left out where the study has no such networks."""
    claims = []
    for phase, data in (("pretrained", "fresh data"), ("repeated", "a fixed training set")):
        found = ended.of(phase, "held_out")
        largest = sorted(found, key=parameters)[-2:]
        if len(largest) == 2:
            loss = np.concatenate([found[size] for size in largest])
            last = np.repeat([0.0, 1.0], [len(found[size]) for size in largest])
            words = f"pretraining loss increases over the last model sizes ({data})"
            test = f"held-out loss of {largest[1]} less that of {largest[0]}, on the same histories (nats)"
            claims.append(above(words, test, fit([last, np.ones(len(loss))], loss, np.arange(len(loss)))))
    for phase, measure, words in (
        ("failures", "success", "including failures worsens performance at the task"),
        ("failures", "maintenance", "including failures worsens prediction"),
        ("unmaintained", "maintenance", "without maintenance there is a rapid loss of prediction"),
    ):
        changed, usual = ended.of(phase, measure, goal), ended.of("finetuned", measure, goal)
        if sizes := [size for size in changed if size in usual]:
            gap = mean(gaps := np.concatenate([changed[size] - usual[size] for size in sizes]), np.arange(len(gaps)))
            test = f"{measure}, less that of the usual training, network by network on the same histories"
            claims.append((below if measure == "success" else above)(words, test, gap))
    return claims


def _gap(one: SelfEvaluation, measure: str) -> float:
    return float(getattr(one.imagined, measure) - getattr(one.measured, measure))


def _own(found: Measured) -> Bool[np.ndarray, "actor task"]:
    return found.task[:, None] == np.arange(len(GOALS))
