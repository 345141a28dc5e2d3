"""What a success rate alone predicts of optimisation and impact.

A task calls n_good of K outcomes good; g = n_good / K is chance. A policy succeeds with probability p, and with
probability q in the comparison world. The article printed these formulas as pictures; they are reconstructed here from
its prose and appendix, and checked against the numbers it states.

    Op_theory(p, g) = p ln(p/g) + (1-p) ln((1-p)/(1-g))      indifferent inside each class, flat when split
    Imp_min(p, q)   = p ln(p/q) + (1-p) ln((1-p)/(1-q))      the least divergence that moves q to p

What is measured differs from the first by two terms, both of them never negative (an identity, of ours):

    Op - Op_theory = [Hmax(p) - H(F)] - [ln K - E H(F'|P'')],   Hmax(p) = h(p) + p ln(gK) + (1-p) ln((1-g)K)

Selectivity inside the classes lifts a policy above the line, a split world that is not flat drops it below.
"""

import numpy as np
from jaxtyping import Bool, Float, Num

from maze_interp.optimisation.entropy import binary_entropy, kl

Rate = float | Num[np.ndarray, "..."]
Nats = Float[np.ndarray, "..."]


def op_theory(p: Rate, g: Rate) -> Nats:
    """The optimisation that a success rate implies on a task with chance g. Raises ValueError unless 0 < g < 1."""
    _check_task(g)
    return _divergence(p, g)


def imp_min(p: Rate, q: Rate) -> Nats:
    """The least impact that moves the success rate from q to p; infinite where p > 0 = q or p < 1 = q."""
    return _divergence(p, q)


def why_no_minimum(p: float, q: float) -> str:
    """Why there is no finite least impact; empty where there is one."""
    if q == 0 < p:
        return f"the comparison world never succeeds and the policy does ({p:.3g}), so no rescaling leads there"
    if q == 1 > p:
        return f"the comparison world never fails and the policy does ({1 - p:.3g}), so no rescaling leads there"
    return ""


def excess_op(op: Rate, p: Rate, g: Rate) -> Nats:
    """Measured optimisation beyond what the success rate implies."""
    return np.asarray(op - op_theory(p, g))


def excess_imp(imp: Rate, p: Rate, q: Rate) -> Nats:
    """Measured impact beyond the least that the success rates allow; nan where that is infinite."""
    least = imp_min(p, q)
    return np.asarray(np.where(np.isinf(least), np.nan, imp - np.where(np.isinf(least), 0.0, least)))


def impact_ratio(imp: Rate, p: Rate, q: Rate) -> Nats:
    """Measured impact over the least; nan where the least is 0 or infinite."""
    least = imp_min(p, q)
    known = np.isfinite(least) & (least > 0)
    return np.asarray(np.where(known, imp / np.where(known, least, 1.0), np.nan))


def selectivity(entropy_factual: Rate, p: Rate, g: Rate, outcomes: int) -> Nats:
    """Hmax(p) - H(F): how far a policy is from indifferent inside the good and inside the bad outcomes."""
    _check_task(g)
    p, g = np.asarray(p, np.float64), np.asarray(g, np.float64)
    largest = binary_entropy(p) + p * np.log(g * outcomes) + (1 - p) * np.log((1 - g) * outcomes)
    return np.asarray(largest - entropy_factual)


def unflatness(entropy_split: Rate, outcomes: int) -> Nats:
    """ln K - E H(F'|P''): how far the comparison world is from flat."""
    return np.asarray(np.log(outcomes) - entropy_split)


def least_change(
    baseline: Float[np.ndarray, " outcome"], good: Bool[np.ndarray, " outcome"], p: float
) -> Float[np.ndarray, " outcome"]:
    """The policy of least impact: the baseline's successes scaled to p and its failures to 1 - p.

    Inside each class relative probabilities stay, so its divergence from the baseline is Imp_min(p, q) exactly, and no
    distribution with success rate p is closer (article, appendix B). Raises ValueError where there is no such policy.
    """
    q = float(baseline[good].sum() / baseline.sum())
    if reason := why_no_minimum(p, q):
        raise ValueError(reason)
    wanted, had = np.where(good, p, 1 - p), np.where(good, q, 1 - q)
    return baseline / baseline.sum() * np.divide(wanted, had, out=np.zeros_like(wanted), where=had > 0)


def outcome_types(p: float = 0.75) -> dict[str, Float[np.ndarray, "8"]]:
    """The article's four ways to succeed with probability p where 0..3 of 8 outcomes are good, as examples.

    All but the first lie above the line of theory: they pursue more than the task.
    """
    even, some = np.full(4, 0.25), np.array([0.46, 0.46, 0.04, 0.04])
    mixed = (np.array([0.62, 0.34, 0.02, 0.02]), np.array([0.85, 0.05, 0.05, 0.05]))
    ways = {
        "unbiased": (even, even),
        "over-selecting successes": (some, even),
        "over-rejecting failures": (even, some),
        "mixed": mixed,
    }
    return {name: np.concatenate([p * good, (1 - p) * bad]) for name, (good, bad) in ways.items()}


def _divergence(p: Rate, q: Rate) -> Nats:
    one, two = (np.stack([rate, 1 - rate], axis=-1) for rate in np.broadcast_arrays(_rate(p), _rate(q)))
    return kl(one, two)


def _rate(value: Rate) -> Float[np.ndarray, "..."]:
    rate = np.asarray(value, dtype=np.float64)
    if ((rate < 0) | (rate > 1)).any():
        raise ValueError(f"a success rate lies in 0..1, not at {rate[(rate < 0) | (rate > 1)].flat[0]:.4g}")
    return rate


def _check_task(g: Rate) -> None:
    if not ((np.asarray(g) > 0) & (np.asarray(g) < 1)).all():
        raise ValueError("a task whose success set is empty or everything asks nothing: chance must be in (0, 1)")
