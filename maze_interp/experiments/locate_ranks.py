"""Does one measure of many places rank them as another does? Rank correlations that keep what is infinite.

The strongest places of all have an infinite optimisation or impact: ranks keep them where means could not. What is not
known (nan) on either side is left out, and equal values share their rank (Spearman 1904).
"""

import numpy as np
from jaxtyping import Bool, Float

from maze_interp import seeds
from maze_interp.tables import ranks

Values = Float[np.ndarray, " column"]
Drawn = Float[np.ndarray, "draw column"]


def known(*sides: Values) -> Bool[np.ndarray, " column"]:
    """The columns of which all sides know something."""
    return ~np.isnan(np.stack(sides)).any(axis=0)


def rank_correlation(first: Values, second: Values, given: Values | None = None) -> float:
    """Spearman's correlation over the columns known to all; with `given`, that of what its ranks do not tell linearly.

    nan for fewer than 4 columns, and where nothing varies.
    """
    sides = [first, second] if given is None else [first, second, given]
    kept = known(*sides)
    if kept.sum() < 4:
        return float("nan")
    each = [ranks(side[kept]) - (kept.sum() + 1) / 2 for side in sides]
    if given is not None:
        *each, line = each
        each = [one - line * (one @ line) / max(line @ line, 1e-12) for one in each]
    norms = [float(np.linalg.norm(one)) for one in each]
    return float(each[0] @ each[1] / (norms[0] * norms[1])) if min(norms) > 1e-9 else float("nan")


def with_interval(value: float, drawn: Float[np.ndarray, " draw"]) -> tuple[float, float, float]:
    """(value, low, high): 95% of a normal on Fisher's scale, as wide as resamples vary.

    Resamples are noisier than the sample, so that their own quantiles would lie too near to 0.
    """
    bounded = np.clip(drawn[np.isfinite(drawn)], -0.999999, 0.999999)
    if not np.isfinite(value) or len(bounded) < 2:
        return value, float("nan"), float("nan")
    half, middle = 1.959964 * np.arctanh(bounded).std(), np.arctanh(np.clip(value, -0.999999, 0.999999))
    return value, float(np.tanh(middle - half)), float(np.tanh(middle + half))


def by_chance(first: Values, second: Values, *, seed: int, draws: int = 500) -> float:
    """What the size of the rank correlation stays below in 95% of shuffles of the columns."""
    kept = known(first, second)
    one, two = (ranks(side[kept]) - (kept.sum() + 1) / 2 for side in (first, second))
    size = float(np.linalg.norm(one) * np.linalg.norm(two))
    if size == 0:
        return float("nan")
    shuffled = seeds.generator(seed, "shuffled columns").permuted(np.tile(two, (draws, 1)), axis=1) @ one
    return float(np.quantile(np.abs(shuffled), 0.95)) / size


def resampled(
    values: Float[np.ndarray, "column maze"], *, seed: int, draws: int, infinite: bool = False
) -> Float[np.ndarray, "draw column"]:
    """Means over mazes drawn with replacement, all columns alike, each of those known; with `infinite`, medians."""
    rng, count = seeds.generator(seed, "resampled mazes"), values.shape[1]
    if infinite:
        return np.stack([middle(values[:, rng.integers(count, size=count)]) for _ in range(draws)])
    times = rng.multinomial(count, np.full(count, 1 / count), size=draws)
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (times @ np.where(known, values, 0.0).T) / (times @ known.T)


def means(values: Float[np.ndarray, "column maze"]) -> Values:
    """The mean of each column over the mazes in which it is known; nan if none."""
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.where(known, values, 0.0).sum(axis=1) / known.sum(axis=1)


def errors(values: Float[np.ndarray, "column maze"]) -> Values:
    """The standard errors of these means."""
    known = ~np.isnan(values)
    count = known.sum(axis=1)
    apart = np.where(known, values - means(values)[:, None], 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return ((apart**2).sum(axis=1) / (count - 1) / count) ** 0.5


def middle(values: Float[np.ndarray, "column maze"]) -> Values:
    """The lower median of each column over the mazes in which it is known, infinite values among them; nan if none."""
    counts = (~np.isnan(values)).sum(axis=1)
    ordered = np.sort(values, axis=1)  # nan last
    at = np.maximum(counts - 1, 0) // 2
    return np.where(counts > 0, ordered[np.arange(len(values)), at], np.nan)
