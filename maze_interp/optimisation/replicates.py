"""The statistics of both worlds, of all histories and of resamples of them: what intervals are made of.

A history enters twice, as the past that was seen (a row) and as the one that follows (a column), and a resample draws
it in both roles. Leaving one out is exact and cheap: among counts it takes one from one outcome, so that for each row
there are only K things that can happen. A bootstrap draws how often each history counts.

Every function returns an array [statistic, ...] in the order of STATISTICS.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, Num

from maze_interp import seeds
from maze_interp.optimisation.entropy import Correction, cross_entropies, entropy, kl
from maze_interp.optimisation.history import CHUNK, SplitHistory, totals

STATISTICS = ("entropy_factual", "entropy_split", "imp", "p", "q")
NOTHING = 1e-12  # rounding: of probability where one history's is taken from a sum, and of a divergence


@dataclass(frozen=True)
class Question:
    """Which outcomes are good, how entropies are corrected, and the pseudo-count of the rows
    that the divergence and q are of."""

    good: Bool[np.ndarray, " outcome"]
    correction: Correction = "plug_in"
    pseudo_count: float = 0.0


def whole(history: SplitHistory, asked: Question) -> Float[np.ndarray, " statistic"]:
    """The statistics of all histories."""
    factual = totals(history.factual[None], history.outcomes)[0]
    split = _sum(_beside(factual, history.rows, asked), history.histories_of_act / len(history), axis=1)
    return _joined(_alone(factual, asked), split)


def without_each(history: SplitHistory, asked: Question) -> Float[np.ndarray, "statistic history"]:
    """The statistics with each history in turn left out, in both roles."""
    n, k = len(history), history.outcomes
    factual, seen = totals(history.factual[None], k)[0], history.histories_of_act
    remaining = _less(factual, history.factual)
    split, step = np.zeros((3, n)), max(1, CHUNK // (n * (1 if history.counted else k)))
    without = _counts_without if history.counted else _shares_without
    for first in range(0, len(history.table), step):
        acts = np.arange(first, min(first + step, len(history.table)))
        split += without(history, factual, acts[seen[acts] > 0], asked)
    return _joined(_alone(remaining, asked), split)


def resampled(history: SplitHistory, asked: Question, draws: int, *, seed: int) -> Float[np.ndarray, "statistic draw"]:
    """The statistics of `draws` samples of the histories with replacement."""
    n = len(history)
    return weighed(history, asked, seeds.generator(seed, "split history").multinomial(n, np.full(n, 1 / n), size=draws))


def weighed(
    history: SplitHistory, asked: Question, weights: Num[np.ndarray, "draw history"]
) -> Float[np.ndarray, "statistic draw"]:
    """The statistics where each history counts so often, in both roles."""
    n, k, drawn = len(history), history.outcomes, weights.astype(np.float64)
    factual = drawn @ _indicators(history.factual, k)
    split, step = np.zeros((3, len(drawn))), max(1, CHUNK // (k * max(n, len(drawn))))
    for first in range(0, len(history.table), step):
        acts = np.arange(first, min(first + step, len(history.table)))
        rows = np.einsum("dh,ahk->dak", drawn, _indicators(history.table[acts], k), optimize=True)
        times = drawn @ (history.act[:, None] == acts)
        split += _sum(_beside(factual[:, None], rows, asked), times / drawn.sum(axis=1)[:, None], axis=2)
    return _joined(_alone(factual, asked), split)


def _counts_without(
    history: SplitHistory, factual: Float[np.ndarray, " outcome"], acts: Int[np.ndarray, " act"], asked: Question
) -> Float[np.ndarray, "3 history"]:
    """The share of these rows in what `_beside` says with each history left out, for those that remain to see them.

    Worked out once for every outcome that can be taken away, and looked up. A row that none sees any more does not
    count, even if infinite: infinite divergences are added up apart.
    """
    k, table = history.outcomes, history.table[acts]
    rows = np.maximum(history.rows[acts][:, None] - np.eye(k), 0.0).reshape(-1, k)
    others = np.maximum(factual - np.eye(k), 0.0)
    smooth = rows + asked.pseudo_count
    divergences = cross_entropies(others, smooth) - entropy(others)[:, None]
    divergences = np.where(np.abs(divergences) < NOTHING, 0.0, divergences)
    lacking = np.isinf(divergences)
    place = table + k * np.arange(len(acts))[:, None]
    apart = place + len(rows) * history.factual.astype(np.int64)
    chosen = np.flatnonzero(np.isin(history.act, acts))
    asking = history.histories_of_act[acts].astype(np.float64), np.searchsorted(acts, history.act[chosen]), chosen
    divergence = _looked_up(np.where(lacking, 0.0, divergences), apart, *asking)
    if lacking.any():
        divergence = np.where(_looked_up(lacking.astype(np.float64), apart, *asking) > 0.5, np.inf, divergence)
    uncertain = _looked_up(entropy(rows, correction=asked.correction), place, *asking)
    return np.stack([uncertain, divergence, _looked_up(_good(smooth, asked), place, *asking)]) / (len(history) - 1)


def _looked_up(
    values: Float[np.ndarray, "..."],
    place: Int[np.ndarray, "act history"],
    seen: Float[np.ndarray, " act"],
    row: Int[np.ndarray, " chosen"],
    chosen: Int[np.ndarray, " chosen"],
) -> Float[np.ndarray, " history"]:
    """The values at these places, each row as often as it is seen, but for the histories that are themselves left out:
    `chosen`, each of which sees a row."""
    found = values.ravel().take(place)
    summed = seen @ found
    summed[chosen] -= found[row, chosen]
    return np.asarray(summed)


def _shares_without(
    history: SplitHistory, factual: Float[np.ndarray, " outcome"], acts: Int[np.ndarray, " act"], asked: Question
) -> Float[np.ndarray, "3 history"]:
    """The same of distributions, each of which takes away something of its own."""
    table = history.table[acts]
    rows = _less(table.sum(axis=1, dtype=np.float64), table)
    times = history.histories_of_act[acts, None] - (acts[:, None] == history.act)
    return _sum(_beside(_less(factual, history.factual), rows, asked), times / (len(history) - 1), axis=1)


def _beside(
    factual: Float[np.ndarray, " *#axes outcome"], rows: Float[np.ndarray, "*axes outcome"], asked: Question
) -> Float[np.ndarray, " 3 *axes"]:
    """The entropy of each row, the divergence of what happened from it, and its share of good outcomes."""
    smooth = rows + asked.pseudo_count
    divergence = kl(np.broadcast_to(factual, rows.shape), smooth)
    return np.stack([entropy(rows, correction=asked.correction), divergence, _good(smooth, asked)])


def _alone(factual: Float[np.ndarray, "*axes outcome"], asked: Question) -> Float[np.ndarray, " 2 *axes"]:
    """The entropy of what happened, and its share of good outcomes."""
    return np.stack([entropy(factual, correction=asked.correction), _good(factual, asked)])


def _good(weights: Float[np.ndarray, "*axes outcome"], asked: Question) -> Float[np.ndarray, "*axes"]:
    return np.asarray(np.minimum(weights[..., asked.good].sum(axis=-1) / weights.sum(axis=-1), 1.0))


def _sum(found: Float[np.ndarray, " 3 *axes"], share: Num[np.ndarray, "*axes"], axis: int) -> Float[np.ndarray, " ..."]:
    """The sum over rows by the share of histories that see them; what none sees does not count, even if infinite."""
    if np.isfinite(found).all():
        return (found * share).sum(axis=axis)
    return np.multiply(found, share, where=share > 0, out=np.zeros(found.shape)).sum(axis=axis)


def _joined(
    alone: Float[np.ndarray, " 2 *axes"], split: Float[np.ndarray, " 3 *axes"]
) -> Float[np.ndarray, " 5 *axes"]:
    """In the order of STATISTICS."""
    return np.stack([alone[0], split[0], split[1], alone[1], split[2]])


def _less(
    total: Float[np.ndarray, "*axes outcome"], parts: Num[np.ndarray, "..."]
) -> Float[np.ndarray, "*axes history outcome"]:
    """A sum over histories without each of them."""
    left = total[..., None, :] - _indicators(parts, total.shape[-1])
    return np.where(left > NOTHING, left, 0.0)


def _indicators(outcomes: Num[np.ndarray, "..."], count: int) -> Num[np.ndarray, "... outcome"]:
    """Categories as rows with a 1; distributions as they are."""
    if not np.issubdtype(outcomes.dtype, np.integer):
        return outcomes
    return (outcomes[..., None] == np.arange(count)).astype(np.float64)
