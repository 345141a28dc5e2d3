"""The least impact that raises a mean utility: Imp_min for rewards that are not just success or failure.

Among distributions f with sum f u = m, the one closest to a baseline b minimises sum f ln(f/b). Its Lagrangian has the
derivative ln(f/b) + 1 - l u - c, which vanishes where

    f = b exp(l u) / Z(l),    Z(l) = sum b exp(l u),        and then    KL(f || b) = l m - ln Z(l)

so the least change is an exponential tilting of the baseline; KL is convex and the constraints are linear, so there is
no other. The mean of f grows with l (its derivative is a variance), from the least utility the baseline allows to the
greatest, so l is found by bisection. With u = 1 for successes and 0 for failures, f scales the two classes, and the
divergence is Imp_min(p, q). Like it, it bounds Imp of any policy with that mean utility from below, where the baseline
is the mean of the split rows: divergence is convex, so the mean over rows is no less than that from their mean.

The article names this as its limitation ("if the policy is trying to maximize some function of world-state then there's
no simple formula"); the solution is the standard one of minimum discrimination information (Kullback 1959).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Num

ROUNDS, REACH = 64, 700.0  # of the bisection; the largest exponent times the range of utilities
EDGE = 1e-12  # of the range of utilities: a mean so close to its end is at the end


@dataclass(frozen=True)
class Tilting:
    """The distribution closest to a baseline that has a mean utility, its divergence (nats), and the exponent l.

    Where no distribution over what the baseline allows has that mean, the divergence is infinite and the rest nan.
    """

    distribution: Float[np.ndarray, " outcome"]
    divergence: float
    exponent: float


def least_impact(baseline: Num[np.ndarray, " outcome"], utility: Num[np.ndarray, " outcome"], mean: float) -> Tilting:
    """The least change of `baseline` (weights, normalised here) under which the mean utility is `mean`."""
    if baseline.shape != utility.shape or not (baseline >= 0).all() or baseline.sum() <= 0:
        raise ValueError("a baseline needs a weight for each utility: none negative, not all of them zero")
    base, held = baseline / baseline.sum(), baseline > 0
    low, high = float(utility[held].min()), float(utility[held].max())
    edge = EDGE * max(high - low, abs(high), 1.0)
    if mean < low - edge or mean > high + edge:
        return Tilting(np.full(base.shape, np.nan), float("inf"), float("nan"))
    if mean <= low + edge or mean >= high - edge:
        return _at_the_end(base, utility, low if mean <= low + edge else high, edge)
    below, above = -REACH / (high - low), REACH / (high - low)
    for _ in range(ROUNDS):
        middle = (below + above) / 2
        below, above = (below, middle) if _tilted(base, utility, middle) @ utility > mean else (middle, above)
    tilted = _tilted(base, utility, (below + above) / 2)
    return Tilting(tilted, _divergence(tilted, base), (below + above) / 2)


def _tilted(
    base: Float[np.ndarray, " outcome"], utility: Num[np.ndarray, " outcome"], exponent: float
) -> Float[np.ndarray, " outcome"]:
    raised = exponent * utility
    weights = base * np.exp(raised - raised[base > 0].max(), where=base > 0, out=np.zeros_like(base))
    return weights / weights.sum()


def _at_the_end(
    base: Float[np.ndarray, " outcome"], utility: Num[np.ndarray, " outcome"], end: float, edge: float
) -> Tilting:
    """The limit of the tilting: the baseline given that the utility is at the end of its range."""
    kept = np.where(np.abs(utility - end) <= edge, base, 0.0)
    exponent = 0.0 if kept.sum() == base.sum() else float(np.inf if end == utility[base > 0].max() else -np.inf)
    return Tilting(kept / kept.sum(), _divergence(kept / kept.sum(), base), exponent)


def _divergence(p: Float[np.ndarray, " outcome"], base: Float[np.ndarray, " outcome"]) -> float:
    used = p > 0
    return float((p[used] * np.log(p[used] / base[used])).sum())
