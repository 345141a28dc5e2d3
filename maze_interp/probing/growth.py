"""How does a radius grow with depth: one step a layer, doubling, all at once, or not at all?

Backward chaining adds one step a layer (Brinkmann et al. 2024), the merging of paths doubles what is reached (Saparov
et al. 2024). Each law is fitted by least squares to the radii after each layer, up to the depth where they are largest;
it has two numbers of its own to fit, when it starts and where it ends, so none fits better for being more flexible:

    one a layer    depth - start, at least 0, until the end
    doubling       2 ** (depth - start), until the end
    at once        one radius before some layer, another from it on

Whether there is growth is asked first: a rise that is surely less than a step is none. Of the laws, one is named if its
misfit (root mean square, in steps) is less than that of each other one in the interval over resampled mazes.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

NOTHING, NONE, UNTOLD, UNLIKE = "nothing to follow", "not at all", "cannot be told", "by none of the laws"
ONE, DOUBLING, AT_ONCE = LAWS = ("one a layer", "doubling", "at once")
STEP = 1.0  # in steps: a radius below it is nothing, a rise below it no growth, a misfit above it no law
FINE = 0.25  # of a layer and of a step: how finely starts and ends are searched
Radii = Float[np.ndarray, "draw depth"]


@dataclass(frozen=True)
class Growth:
    """What is said of a radius: its rise and each law's misfit, in steps, as (value, low, high), and the verdict.

    `margin` is by how much the second best law fits worse than the best, nan where laws are not asked.
    """

    verdict: str
    rise: tuple[float, float, float]
    misfit: dict[str, tuple[float, float, float]]
    margin: tuple[float, float, float]


def growth(radii: Radii, *, level: float = 0.95) -> Growth:
    """The verdict on radii after each layer, in row 0, and on resampled mazes in the others.

    Of fewer than three layers nothing can be told, as all laws fit them.
    """
    top = max(2, int(radii[0].argmax()))
    rising = radii[:, : top + 1]
    rise = _interval(radii[:, radii[0].argmax()] - radii[:, 0], level)
    misfits = {law: misfit(law, rising) for law in LAWS}
    best, second, *_ = sorted(LAWS, key=lambda law: misfits[law][0])
    gaps = {law: _interval(misfits[law] - misfits[best], level) for law in LAWS if law != best}
    verdict = best if min(low for _, low, _ in gaps.values()) > 0 and radii.shape[1] > 2 else UNTOLD
    verdict = UNLIKE if verdict == best and misfits[best][0] > STEP else verdict
    if rise[2] < STEP:
        verdict = NONE
    elif rise[1] <= 0:
        verdict = UNTOLD
    if radii[0].max() < STEP:
        verdict = NOTHING
    return Growth(verdict, rise, {law: _interval(each, level) for law, each in misfits.items()}, gaps[second])


def misfit(law: str, radii: Radii) -> Float[np.ndarray, " draw"]:
    """How far each draw's radii are from the law's nearest curve, root mean square in steps."""
    if law == AT_ONCE:
        apart = [_spread(radii[:, :place]) + _spread(radii[:, place:]) for place in range(radii.shape[1])]
        return np.sqrt(np.min(apart, axis=0) / radii.shape[1])
    curves = _curves(law, radii.shape[1], float(np.ceil(radii.max(initial=1.0))))
    squares = (radii**2).sum(axis=1)[:, None] + (curves**2).sum(axis=1) - 2 * radii @ curves.T
    return np.sqrt(np.maximum(squares.min(axis=1), 0.0) / radii.shape[1])


def _curves(law: str, depths: int, highest: float) -> Float[np.ndarray, "curve depth"]:
    """All curves of a law over depths 1 to `depths` that end no higher than `highest`."""
    depth = np.arange(1.0, depths + 1)
    ends = np.arange(0.0, highest + FINE, FINE)
    starts = np.arange(1.0 - highest, depths + 1, FINE)
    since = depth - starts[:, None]
    free = np.maximum(since, 0.0) if law == ONE else 2.0 ** np.minimum(since, 60.0)
    return np.unique(np.minimum(free[:, None], ends[None, :, None]).reshape(-1, depths), axis=0)


def _spread(radii: Float[np.ndarray, "draw some"]) -> Float[np.ndarray, " draw"]:
    """The sum of squares about each draw's mean; of nothing, 0."""
    if not radii.shape[1]:
        return np.zeros(len(radii))
    return ((radii - radii.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)


def _interval(values: Float[np.ndarray, " draw"], level: float) -> tuple[float, float, float]:
    """The first value, and the quantiles of the others."""
    low, high = np.quantile(values[1:], [(1 - level) / 2, (1 + level) / 2])
    return float(values[0]), float(low), float(high)
