"""Values without the bias of their sample, and 95% intervals around them, from resampled statistics.

A percentile bootstrap of an entropy is off by its bias twice, as resamples are less spread out than the sample and
the sample than the truth. The basic bootstrap (Davison & Hinkley 1997, section 5.2) reflects its draws about the value
and so corrects for it; the jackknife (Quenouille 1956, Tukey 1958) estimates the bias, takes it off, and needs no
draws. An interval is one around the value so corrected: the plain value may lie outside.

Shares near 0 or 1 get Wilson's interval (1927), of as many independent histories as would have their error (Korn &
Graubard 1998, "Confidence intervals for proportions with small expected number of positive counts").
"""

from functools import lru_cache

import numpy as np
from jaxtyping import Float

from maze_interp.tables import Z

ROUNDING = 1e-14  # of a mean: what has no bias is not changed
GRID = 100_001  # points of the integral behind Student's quantile


def jackknife(
    value: Float[np.ndarray, " measure"], without: Float[np.ndarray, "measure unit"], reach: float = Z
) -> Float[np.ndarray, "3 measure"]:
    """[corrected, low, high] of each measure from its value and its values without each unit; nan where one is not
    finite. The interval reaches so many standard errors."""
    n = without.shape[1]
    finite = np.isfinite(value) & np.isfinite(without).all(axis=1)
    value, without = np.where(finite, value, 0.0), np.where(finite[:, None], without, 0.0)
    centre = without.mean(axis=1)
    half = reach * np.sqrt((n - 1) / n * ((without - centre[:, None]) ** 2).sum(axis=1))
    apart = np.where(np.abs(value - centre) < ROUNDING, 0.0, value - centre)
    corrected = value + (n - 1) * apart
    return np.where(finite, np.stack([corrected, corrected - half, corrected + half]), np.nan)


def basic(
    value: Float[np.ndarray, " measure"], drawn: Float[np.ndarray, "measure draw"]
) -> Float[np.ndarray, "3 measure"]:
    """[corrected, low, high] of each measure from its value and its values in resamples; nan where one is not finite.

    What is reflected is the median of the draws and their ends, so the corrected value is never outside.
    """
    finite = np.isfinite(value) & np.isfinite(drawn).all(axis=1)
    low, middle, high = np.quantile(np.where(finite[:, None], drawn, 0.0), [0.025, 0.5, 0.975], axis=1)
    value = np.where(finite, value, 0.0)
    return np.where(finite, 2 * value - np.stack([middle, high, low]), np.nan)


def share(value: float, half: float, n: int, reach: float = Z) -> tuple[float, float]:
    """Wilson's interval of a share whose plain interval is `half` wide either way, from n histories.

    All or none of n are taken for n independent ones; a share without error that is neither is known exactly.
    """
    if not np.isfinite(value + half):
        return float("nan"), float("nan")
    spread = value * (1 - value)
    if half == 0 < spread:
        return value, value
    worth = reach**2 * spread / half**2 if half > 0 and spread > 0 else float(n)
    middle = (value + reach**2 / (2 * worth)) / (1 + reach**2 / worth)
    around = reach / (1 + reach**2 / worth) * (spread / worth + (reach / (2 * worth)) ** 2) ** 0.5
    return min(value, max(0.0, middle - around)), max(value, min(1.0, middle + around))


@lru_cache(maxsize=256)
def student_t(degrees: int, level: float = 0.95) -> float:
    """How many standard errors a two-sided interval at `level` reaches with so many degrees of freedom.

    With t = sqrt(degrees) tan(angle) the density, (1 + t^2 / degrees)^-(degrees + 1)/2 (Student 1908, who substituted
    the same), becomes a power of a cosine, which is summed at the midpoints of a grid.
    """
    if degrees < 1:
        raise ValueError(f"Student's t needs at least one degree of freedom, not {degrees}")
    angle = np.linspace(0.0, np.pi / 2, GRID)
    middle = (angle[1:] + angle[:-1]) / 2
    reached = np.concatenate([[0.0], np.cumsum(np.cos(middle) ** (degrees - 1))])
    return float(np.sqrt(degrees) * np.tan(np.interp(level * reached[-1], reached, angle)))
