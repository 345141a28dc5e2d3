"""Each of the article's claims, put to the test on the policies of a study."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Bool, Float

from maze_interp import tables
from maze_interp.experiments.sequence_claims import Claim, above, always, below, fit, mean, trend, within
from maze_interp.experiments.sequence_measures import Measured, SelfEvaluation, losses, parameters
from maze_interp.sequences import GOALS, Study, chance

G = np.array([chance(goal) for goal in GOALS])
CLOSE_SLOPE, CLOSE_OP, BARELY = (0.9, 1.1), 0.05, 0.05  # ours: what "closely" and "barely" mean, in nats and per decade


def on_success(found: Measured) -> list[Claim]:
    """Of learning the tasks."""
    p, decades = found.own("p"), np.log10(found.parameters)
    return [
        above(
            "In all cases model performance is a lot better than chance",
            "success less chance, the mean over policies",
            mean(p - G[found.task], found.network),
        ),
        above(
            "success increases with the number of parameters",
            "change of success for ten times the parameters",
            trend(decades, p, found.task, found.network),
        ),
    ]


def on_optimisation(found: Measured, floor: float) -> list[Claim]:
    """Of optimisation and what it is predicted by."""
    op, decades = found.own("op"), np.log10(found.parameters)
    theory = op - found.own("excess_op")
    line = fit([theory, np.ones(len(op))], op, found.network)
    excess = found.array("excess_op")
    elsewhere = np.where(_own(found), 0.0, excess).sum(axis=1) / (len(GOALS) - 1)
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
        above(
            "models trained on other tasks lie further above the line than those trained on it",
            "excess optimisation on other tasks less that on the own, within a policy (nats)",
            mean(elsewhere - found.own("excess_op"), found.network),
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
            f"share of policies above the sequence's own {floor:.3f} nats",
            tables.proportion("above the floor", op >= floor),
        ),
    ]


def on_impact(found: Measured) -> list[Claim]:
    """Of impact, its least value, and success in the split world."""
    imp, q, decades = found.own("imp"), found.own("q"), np.log10(found.parameters)
    ratio, excess, every = found.own("impact_ratio"), found.own("excess_imp"), found.array("impact_ratio")
    logs = np.log(np.where((every > 0) & np.isfinite(every), every, np.nan))
    counted = ~_own(found) & ~np.isnan(logs)
    others = np.where(counted, logs, 0.0).sum(axis=1) / np.where(counted.any(axis=1), counted.sum(axis=1), np.nan)
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
            "share of policies whose impact is (a theorem, so this tests the code)",
            tables.proportion("at least", excess[np.isfinite(excess)] >= -1e-9),
        ),
        below(
            "larger models have a lower ratio of impact to its minimum",
            "change of the ratio for ten times the parameters",
            trend(decades, ratio, found.task, found.network),
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
            mean(others - logs[np.arange(len(imp)), found.task], found.network),
        ),
    ]


def on_identification(found: Measured, named: Mapping[str, np.ndarray]) -> list[Claim]:
    """Of telling the objective from optimisation."""
    nearest, trivial = (named[name] == found.task for name in ("nearest theory", "largest theory"))
    return [
        above(
            "the objective can be identified by comparing predictions of optimisation",
            "share identified by the nearest theory less that by the largest theory (the trivial identifier)",
            mean(nearest.astype(float) - trivial, found.network),
        )
    ]


def on_self_evaluation(found: Sequence[SelfEvaluation]) -> list[Claim]:
    """Of policies that measure themselves."""
    network = np.array([f"{one.actor.size} {one.actor.member}" for one in found])
    op, imp = (np.array([getattr(one.measured, name) for one in found]) for name in ("op", "imp"))
    own_op, own_imp = (np.array([getattr(one.imagined, name) for one in found]) for name in ("op", "imp"))
    strong = np.array([one.actor.goal == min(GOALS) for one in found])
    return [
        below(
            "self-evaluation underestimates when optimisation is strong",
            f"self-evaluated less measured optimisation, policies trained on {min(GOALS)} good outcomes (nats)",
            mean((own_op - op)[strong], network[strong]),
        ),
        below(
            "the more heavily a model optimises the more it underestimates",
            "change of self-evaluated less measured optimisation with each nat measured",
            fit([op, np.ones(len(op))], own_op - op, network),
        ),
        above(
            "self-evaluation of impact is even worse",
            "mean absolute error of impact less that of optimisation (nats)",
            mean(np.abs(own_imp - imp) - np.abs(own_op - op), network),
        ),
    ]


def on_training(study: Study) -> list[Claim]:
    """Of pretraining and of what reinforcement needs. Left out where the study has no such networks."""
    claims = []
    for phase, data in (("pretrained", "fresh data"), ("repeated", "a fixed training set")):
        found = losses(study, phase, "held_out")
        largest = sorted(found, key=parameters)[-2:]
        if len(largest) == 2:
            loss = np.concatenate([found[size] for size in largest])
            last = np.repeat([0.0, 1.0], [len(found[size]) for size in largest])
            words = f"pretraining loss increases over the last model sizes ({data})"
            test = f"held-out loss of {largest[1]} less that of {largest[0]} (nats)"
            claims.append(above(words, test, fit([last, np.ones(len(loss))], loss, np.arange(len(loss)))))
    goal = study.scale.varied_goal
    usual = {name: losses(study, "finetuned", name, goal) for name in ("success", "maintenance")}
    for phase, measure, words in (
        ("failures", "success", "including failures worsens performance at the task"),
        ("failures", "maintenance", "including failures worsens prediction"),
        ("unmaintained", "maintenance", "without maintenance there is a rapid loss of prediction"),
    ):
        changed = losses(study, phase, measure, goal)
        if not (sizes := [size for size in changed if size in usual[measure]]):
            continue
        gap = np.concatenate([changed[size] - usual[measure][size] for size in sizes])
        test = f"{measure}, less that of the usual training, network by network"
        claims.append(_worse(words, test, gap, measure))
    return claims


def _worse(words: str, test: str, gap: Float[np.ndarray, " network"], measure: str) -> Claim:
    found = mean(gap, np.arange(len(gap)))
    return below(words, test, found) if measure == "success" else above(words, test, found)


def _own(found: Measured) -> Bool[np.ndarray, "actor task"]:
    return found.task[:, None] == np.arange(len(GOALS))
