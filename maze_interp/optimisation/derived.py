"""The measures that follow from the statistics of two worlds, and why one of them may have no value.

Op is the difference of two entropies; what a task predicts of it, and of Imp, follows from p and q (`theory`).
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from maze_interp.optimisation import theory

OF_ALL = ("op", "imp", "entropy_factual", "entropy_split")
OF_A_TASK = ("p", "q", "excess_op", "excess_imp", "impact_ratio", "selectivity", "unflatness")
MEASURES = (*OF_ALL, *OF_A_TASK)


def measures(
    statistics: Float[np.ndarray, " statistic *resample"], chance: float | None, outcomes: int
) -> Float[np.ndarray, " measure *resample"]:
    """All measures, in the order of MEASURES, from the statistics of whole samples or resamples."""
    factual, split, imp, p, q = statistics
    op = split - factual
    if chance is None:
        unasked = np.full((len(OF_A_TASK), *op.shape), np.nan)
        return np.concatenate([np.stack([op, imp, factual, split]), unasked])
    p, q = np.clip(p, 0.0, 1.0), np.clip(q, 0.0, 1.0)
    derived = [
        theory.excess_op(op, p, chance),
        theory.excess_imp(imp, p, q),
        theory.impact_ratio(imp, p, q),
        theory.selectivity(factual, p, chance, outcomes),
        theory.unflatness(split, outcomes),
    ]
    return np.stack([op, imp, factual, split, p, q, *derived])


def why_missing(values: Mapping[str, float], plain: Mapping[str, float], asked: bool) -> dict[str, str]:
    """For each measure that was asked for and is not finite, why: from the corrected and from the plain values."""
    wanted = [name for name in (MEASURES if asked else OF_ALL) if not np.isfinite(values[name])]
    lacking = "a row of the comparison world lacks an outcome that occurs in fact"
    if np.isfinite(plain["imp"]):
        lacking = f"without one of the histories {lacking}, so the bias of impact is unknown"
    impact = "" if np.isfinite(values["imp"]) else lacking
    least = theory.why_no_minimum(plain["p"], plain["q"])
    if not least:
        least = "success is the same in both worlds, or without one of the histories there is no finite least impact"
    return {name: impact if name == "imp" else impact or least for name in wanted}
