"""95% intervals from resampled statistics: a jackknife, a basic bootstrap, and Student's t over repeats.

A percentile bootstrap of an entropy is off by its bias twice, as resamples are less spread out than the sample and
the sample than the truth. The basic bootstrap reflects its draws and so corrects for it; the jackknife (Quenouille
1956, Tukey 1958) estimates the bias, takes it off, and needs no draws.
"""

from functools import lru_cache

import numpy as np
from jaxtyping import Float

from maze_interp.tables import Z

GRID = 100_001  # points of the integral behind Student's quantile


def jackknife(
    value: Float[np.ndarray, " measure"], without: Float[np.ndarray, "measure unit"]
) -> Float[np.ndarray, "measure 2"]:
    """[low, high] of each measure from its value and its values without each unit; nan where one is not finite."""
    n = without.shape[1]
    finite = np.isfinite(value) & np.isfinite(without).all(axis=1)
    value, without = np.where(finite, value, 0.0), np.where(finite[:, None], without, 0.0)
    centre = without.mean(axis=1)
    error = np.sqrt((n - 1) / n * ((without - centre[:, None]) ** 2).sum(axis=1))
    corrected = n * value - (n - 1) * centre
    return np.where(finite[:, None], np.stack([corrected - Z * error, corrected + Z * error], axis=1), np.nan)


def basic(
    value: Float[np.ndarray, " measure"], drawn: Float[np.ndarray, "measure draw"]
) -> Float[np.ndarray, "measure 2"]:
    """[low, high] of each measure from its value and its values in resamples; nan where one is not finite."""
    finite = np.isfinite(value) & np.isfinite(drawn).all(axis=1)
    low, high = np.quantile(np.where(finite[:, None], drawn, 0.0), [0.025, 0.975], axis=1)
    value = np.where(finite, value, 0.0)
    return np.where(finite[:, None], np.stack([2 * value - high, 2 * value - low], axis=1), np.nan)


def over_repeats(values: Float[np.ndarray, "measure repeat"]) -> Float[np.ndarray, "measure 2"]:
    """[low, high] of each measure's mean over independent repeats, by Student's t; nan of fewer than two."""
    n = values.shape[1]
    if n < 2:
        return np.full((len(values), 2), np.nan)
    finite = np.isfinite(values).all(axis=1)
    kept = np.where(finite[:, None], values, 0.0)
    half = student_t(n - 1) * kept.std(axis=1, ddof=1) / np.sqrt(n)
    ends = np.stack([kept.mean(axis=1) - half, kept.mean(axis=1) + half], axis=1)
    return np.where(finite[:, None], ends, np.nan)


@lru_cache(maxsize=256)
def student_t(degrees: int, level: float = 0.95) -> float:
    """How many standard errors a two-sided interval at `level` reaches with so many degrees of freedom.

    With t = sqrt(degrees) tan(angle) the density becomes a power of a cosine, which is integrated as it stands.
    """
    if degrees < 1:
        raise ValueError(f"Student's t needs at least one degree of freedom, not {degrees}")
    angle = np.linspace(0.0, np.pi / 2, GRID)
    middle = (angle[1:] + angle[:-1]) / 2
    reached = np.concatenate([[0.0], np.cumsum(np.cos(middle) ** (degrees - 1))])
    return float(np.sqrt(degrees) * np.tan(np.interp(level * reached[-1], reached, angle)))
