"""How much a policy optimises, and how much it changes: one estimator for all worlds, because it knows none.

    Op  = E_P''[ H(F'|P'') ] - H(F)          positive where the policy narrows the future by looking at the past
    Imp = E_P''[ KL( F || F'|P'' ) ]         never negative

It is fed a matrix of outcomes (`split_history`) or two worlds of the same histories (`compared`). Of the two biases of
a finite sample the one of entropies nearly cancels in Op; the one of the divergence does not, and where a row lacks an
outcome that occurs in fact it is infinite, which more histories avoid, or a pseudo-count added to every outcome of
every row (q is of the rows so smoothed, and so the bound Imp >= Imp_min holds as it stands). Intervals are over
histories.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Num

from maze_interp.optimisation import theory
from maze_interp.optimisation.entropy import CORRECTIONS, Correction
from maze_interp.optimisation.history import SplitHistory, against, of_matrix
from maze_interp.optimisation.intervals import basic, jackknife, over_repeats
from maze_interp.optimisation.replicates import Question, resampled, whole, without_each
from maze_interp.recipes import unknown
from maze_interp.tables import Row

MEASURES = (
    "op", "imp", "entropy_factual", "entropy_split", "p", "q",
    "excess_op", "excess_imp", "impact_ratio", "selectivity", "unflatness",
)  # fmt: skip


@dataclass(frozen=True)
class Estimate:
    """Optimisation and impact in nats, and what they are made of, from n histories with K = `outcomes`.

    What depends on a task (p, q and all below them) is nan without one. `imp` is infinite where a row of the
    comparison world lacks an outcome that occurs in fact; the excess and the ratio are nan where Imp_min is not finite.
    `intervals` holds the 95% interval of each measure, (nan, nan) where it is unknown.
    """

    op: float
    imp: float
    entropy_factual: float
    entropy_split: float
    p: float
    q: float
    excess_op: float
    excess_imp: float
    impact_ratio: float
    selectivity: float
    unflatness: float
    n: int
    outcomes: int
    intervals: Mapping[str, tuple[float, float]]

    def row(self, measure: str, **what: Any) -> Row:
        """One of the measures as a row of a table."""
        if measure not in MEASURES:
            raise unknown("measure", measure, MEASURES)
        return Row(measure, getattr(self, measure), *self.intervals[measure], self.n, what)


def split_history(
    out: Num[np.ndarray, "history history *outcome"] | SplitHistory,
    *,
    outcomes: int | None = None,
    good: Sequence[int] | None = None,
    correction: Correction = "plug_in",
    pseudo_count: float = 0.0,
    seed: int = 0,
    resamples: int = 0,
) -> Estimate:
    """Optimisation and impact from out[i, j], the outcome of history j under the act chosen for history i.

    Outcomes are categories 0..K-1 (int) or distributions over them (a third axis), whose entropy is that of their mean.
    The diagonal is the factual world. `outcomes` is K (default: the largest that occurs, and one), `good` the outcomes
    that are a success. Intervals are jackknife intervals, or with `resamples` basic bootstrap intervals of so many
    draws. Raises ValueError for fewer than 2 histories, for outcomes that are none, and for a task whose success set is
    empty or everything.
    """
    history = out if isinstance(out, SplitHistory) else of_matrix(out, outcomes)
    asked = _question(history, good, correction, pseudo_count)
    chance = None if good is None else float(asked.good.mean())
    values = _measures(whole(history, asked), chance, history.outcomes)
    if resamples:
        drawn = _measures(resampled(history, asked, resamples, seed=seed), chance, history.outcomes)
        ends = basic(values, drawn)
    else:
        ends = jackknife(values, _measures(without_each(history, asked), chance, history.outcomes))
    return _estimate(values, ends, len(history), history.outcomes)


def compared(
    factual: Num[np.ndarray, " history *outcome"],
    other: Num[np.ndarray, " history *outcome"],
    *,
    outcomes: int | None = None,
    **asked: Any,
) -> Estimate:
    """Optimisation and impact against one other world: what follows the same histories when something else acts.

    For example a "do nothing" token, another policy, or a random token (as distributions). `asked` is what
    `split_history` may be asked.
    """
    return split_history(against(factual, other, outcomes), **asked)


def repeated(estimates: Sequence[Estimate]) -> Estimate:
    """The mean of estimates from independent samples (the article: 10 of 200 histories), with intervals over them.

    n is the number of histories of all together. Raises ValueError for none, or for different outcomes.
    """
    if len({each.outcomes for each in estimates}) != 1:
        raise ValueError("repeats must be of one kind, and at least one")
    values = np.array([[getattr(each, name) for each in estimates] for name in MEASURES])
    return _estimate(
        values.mean(axis=1), over_repeats(values), sum(each.n for each in estimates), estimates[0].outcomes
    )


def _question(
    history: SplitHistory, good: Sequence[int] | None, correction: Correction, pseudo_count: float
) -> Question:
    """What was asked, as masks. Raises ValueError for what cannot be asked."""
    if correction not in CORRECTIONS:
        raise unknown("correction", correction, CORRECTIONS)
    if correction == "miller_madow" and not history.counted:
        raise ValueError("the Miller-Madow correction is one of counts, and these outcomes are distributions")
    if not pseudo_count >= 0:
        raise ValueError(f"a pseudo-count is not negative, as {pseudo_count} is")
    places, mask = set(good or ()), np.zeros(history.outcomes, dtype=bool)
    if good is not None and not 0 < len(places) < history.outcomes:
        raise ValueError(f"the success set {sorted(places)} of {history.outcomes} outcomes is empty or everything")
    if not places <= set(range(history.outcomes)):
        raise ValueError(f"good outcomes must be in 0..{history.outcomes - 1}, not {sorted(places)}")
    mask[list(places)] = True
    return Question(mask, correction, pseudo_count)


def _measures(
    statistics: Float[np.ndarray, " statistic *resample"], chance: float | None, outcomes: int
) -> Float[np.ndarray, " measure *resample"]:
    """All measures, in the order of MEASURES, from the statistics of whole samples or resamples."""
    factual, split, imp, p, q = statistics
    op = split - factual
    if chance is None:
        unasked = np.full((7, *op.shape), np.nan)
        return np.concatenate([np.stack([op, imp, factual, split]), unasked])
    derived = [
        theory.excess_op(op, p, chance),
        theory.excess_imp(imp, p, q),
        theory.impact_ratio(imp, p, q),
        theory.selectivity(factual, p, chance, outcomes),
        theory.unflatness(split, outcomes),
    ]
    return np.stack([op, imp, factual, split, p, q, *derived])


def _estimate(
    values: Float[np.ndarray, " measure"], ends: Float[np.ndarray, "measure 2"], n: int, outcomes: int
) -> Estimate:
    named = dict(zip(MEASURES, values.tolist(), strict=True))
    intervals = {name: (low, high) for name, (low, high) in zip(MEASURES, ends.tolist(), strict=True)}
    return Estimate(**named, n=n, outcomes=outcomes, intervals=intervals)
