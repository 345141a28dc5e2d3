"""How much a policy optimises, and how much it changes: one estimator for all worlds, because it knows none.

    Op  = E_P''[ H(F'|P'') ] - H(F)          positive where the policy narrows the future by looking at the past
    Imp = E_P''[ KL( F || F'|P'' ) ]         never negative

It is fed a matrix of outcomes (`split_history`) or two worlds of the same histories (`compared`). Of the two biases of
a finite sample the one of entropies nearly cancels in Op; the one of the divergence does not: (K-1)/N or so, 0.03 nats
for 8 outcomes and 200 histories, which is more than a weak policy's whole Imp, and which no averaging over repeats
removes. So what is reported is corrected by the jackknife, and may fall a little below a bound that holds for the
distributions themselves; the plain values are kept beside it (`plug_in`), and to them the bounds apply exactly.

Where a row lacks an outcome that occurs in fact Imp is infinite, which more histories avoid, or a pseudo-count added to
every outcome of every row (q is of the rows so smoothed, and so the plain Imp >= Imp_min holds as it stands).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float, Num

from maze_interp.optimisation.derived import MEASURES, measures, why_missing
from maze_interp.optimisation.entropy import CORRECTIONS, Correction
from maze_interp.optimisation.history import SplitHistory, against, of_matrix
from maze_interp.optimisation.intervals import basic, jackknife, share, student_t
from maze_interp.optimisation.replicates import STATISTICS, Question, resampled, weighed, whole, without_each
from maze_interp.recipes import unknown
from maze_interp.tables import Row, Z


@dataclass(frozen=True)
class Estimate:
    """Optimisation and impact in nats, and what they are made of, from n histories with K = `outcomes`.

    All are corrected for the bias of a finite sample, and lie in their 95% `intervals`; `plug_in` holds them as the
    sample has them. What depends on a task (p, q and all below them) is nan without one; `chance` is n_good / K. `imp`
    is infinite where a row of the comparison world lacks an outcome that occurs in fact, nan where it would without one
    of the histories, so that its bias is unknown; the excess and the ratio are nan then, and where Imp_min is not
    finite. `missing` says why for each measure without a finite value, and intervals of those are (nan, nan).
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
    chance: float | None
    intervals: Mapping[str, tuple[float, float]]
    plug_in: Mapping[str, float]
    missing: Mapping[str, str]

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
    The diagonal is the factual world. `outcomes` is K, which chance and a pseudo-count depend on (needed with them, and
    else the largest that occurs, and one); `good` are the outcomes that are a success. Correction and intervals are the
    jackknife's, or with `resamples` the basic bootstrap's of so many draws; intervals of p and q are Wilson's. Raises
    ValueError for fewer than 2 histories, for outcomes that are none or not as many as the histories have, and for a
    task whose success set is empty or everything.
    """
    history = _history(out, outcomes)
    asked = _question(history, good, correction, pseudo_count)
    chance = None if good is None else float(asked.good.mean())
    plain = measures(whole(history, asked), chance, history.outcomes)
    if resamples:
        drawn = measures(resampled(history, asked, resamples, seed=seed), chance, history.outcomes)
        found = basic(plain, drawn)
    else:
        found = jackknife(plain, measures(without_each(history, asked), chance, history.outcomes))
    return _estimate(plain, found, len(history), history.outcomes, chance)


def without_blocks(
    out: Num[np.ndarray, "history history *outcome"] | SplitHistory,
    blocks: int,
    *,
    outcomes: int | None = None,
    good: Sequence[int] | None = None,
    correction: Correction = "plug_in",
    pseudo_count: float = 0.0,
) -> dict[str, Float[np.ndarray, " block"]]:
    """How much each measure changes without each of so many blocks of consecutive histories, plain values throughout.

    For errors of what is made of several estimates of the same histories (a jackknife over blocks). What is not finite
    is nan. Raises ValueError as `split_history` does, and for a number of blocks that does not leave two in each.
    """
    history = _history(out, outcomes)
    asked = _question(history, good, correction, pseudo_count)
    if not 2 <= blocks <= len(history) // 2:
        raise ValueError(f"{len(history)} histories make 2 to {len(history) // 2} blocks, not {blocks}")
    chance = None if good is None else float(asked.good.mean())
    kept = np.arange(len(history)) * blocks // len(history) != np.arange(blocks)[:, None]
    plain = measures(whole(history, asked), chance, history.outcomes)
    without = measures(weighed(history, asked, kept.astype(np.float64)), chance, history.outcomes)
    finite = np.isfinite(plain)[:, None] & np.isfinite(without)
    with np.errstate(invalid="ignore"):
        changed = np.where(finite, without - plain[:, None], np.nan)
    return dict(zip(MEASURES, changed, strict=True))


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
    """One estimate of independent samples (the article: 10 of 200 histories), with intervals over them.

    Entropies, Imp, p and q are averaged, and what is no mean of histories (an excess, the ratio) is worked out from
    these averages: a mean of ratios would be off without end. Intervals are the jackknife's over repeats, with
    Student's t. n is the number of histories of all together. Where one repeat has no value there is none, and
    `missing` says in how many. Raises ValueError for none, or for different outcomes or tasks.
    """
    if len({(one.outcomes, one.chance) for one in estimates}) != 1:
        raise ValueError("repeats must be of one kind, and at least one")
    if (count := len(estimates)) == 1:
        return estimates[0]
    outcomes, chance, reach = estimates[0].outcomes, estimates[0].chance, student_t(count - 1)
    each = np.array([[getattr(one, name) for one in estimates] for name in STATISTICS])
    plain = np.array([[one.plug_in[name] for one in estimates] for name in STATISTICS]).mean(axis=1)
    others = np.stack([np.delete(each, one, axis=1).mean(axis=1) for one in range(count)], axis=1)
    found = jackknife(measures(each.mean(axis=1), chance, outcomes), measures(others, chance, outcomes), reach)
    whole = _estimate(
        measures(plain, chance, outcomes), found, sum(one.n for one in estimates), outcomes, chance, reach
    )
    bad = [one.missing["imp"] for one in estimates if "imp" in one.missing]
    said = {name: f"in {len(bad)} of {count} repeats: {bad[0]}" for name in whole.missing if bad}
    return replace(whole, missing={**whole.missing, **said})


def _history(out: Num[np.ndarray, "history history *outcome"] | SplitHistory, outcomes: int | None) -> SplitHistory:
    """The two worlds that were given. Raises ValueError where they have another number of outcomes."""
    if not isinstance(out, SplitHistory):
        return of_matrix(out, outcomes)
    if outcomes not in (None, out.outcomes):
        raise ValueError(f"these histories have {out.outcomes} outcomes, not {outcomes}")
    return out


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
    if not history.stated and (good is not None or pseudo_count):
        raise ValueError("chance and pseudo-counts depend on how many outcomes there are: say it by `outcomes`")
    places, mask = set(good or ()), np.zeros(history.outcomes, dtype=bool)
    if good is not None and not 0 < len(places) < history.outcomes:
        raise ValueError(f"the success set {sorted(places)} of {history.outcomes} outcomes is empty or everything")
    if not places <= set(range(history.outcomes)):
        raise ValueError(f"good outcomes must be in 0..{history.outcomes - 1}, not {sorted(places)}")
    mask[list(places)] = True
    return Question(mask, correction, pseudo_count)


def _estimate(
    plain: Float[np.ndarray, " measure"],
    found: Float[np.ndarray, "3 measure"],
    n: int,
    outcomes: int,
    chance: float | None,
    reach: float = Z,
) -> Estimate:
    """From the plain values, and the corrected ones with their ends; what is infinite stays so."""
    values = dict(zip(MEASURES, np.where(np.isinf(plain), plain, found[0]).tolist(), strict=True))
    kept = dict(zip(MEASURES, plain.tolist(), strict=True))
    intervals = dict(zip(MEASURES, zip(*found[1:].tolist(), strict=True), strict=True))
    for name in ("p", "q"):
        half = (intervals[name][1] - intervals[name][0]) / 2
        values[name] = min(max(values[name], 0.0), 1.0) if chance is not None else values[name]
        intervals[name] = share(values[name], half, n, reach)
    missing = why_missing(values, kept, asked=chance is not None)
    return Estimate(**values, n=n, outcomes=outcomes, chance=chance, intervals=intervals, plug_in=kept, missing=missing)
