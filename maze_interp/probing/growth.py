"""How does a radius grow with depth: steadily, doubling, all at once, or not at all?

Backward chaining adds one step a layer (Brinkmann et al. 2024), the merging of paths doubles what is reached (Saparov
et al. 2024). Each law is fitted by least squares to the radii after each layer, up to the one where they are largest on
other mazes, which choose it lest chance does. Each has three numbers to fit, so none fits better for being more
flexible:

    steadily       slope * (depth - start), at least 0, until the end, over two layers or more
    doubling       2 ** (depth - start), at least what was there before, until the end
    at once        one radius before some layer, another from it on

Whether there is growth is asked first: a rise that is surely less than a step is none. Of the laws, one is named if its
misfit (root mean square, in steps) is less than that of each other one in the interval over resampled mazes, and a
small share of the rise. Steady growth is `one a layer` if the slope's interval holds 1 and neither 2 nor a half.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float

NOTHING, NONE, UNTOLD, UNLIKE = "nothing to follow", "not at all", "cannot be told", "by none of the laws"
ONE = "one a layer"
STEADY, DOUBLING, AT_ONCE = LAWS = ("steadily", "doubling", "at once")
NAMED = (ONE, *LAWS)
STEP = 1.0  # in steps: a radius below it is nothing, a rise below it no growth
FAR = 0.15  # of the rise: a misfit above it is no law's
LAYERS = 4  # three numbers fit any three layers
LONGEST = 16  # layers: what rises more slowly, or began earlier, is a straight line
FINE = 0.25  # of a layer and of a step: how finely starts and ends are searched
NEAR = 0.05  # of a step a layer: how finely that tells slopes
BLOCK = 500  # draws fitted at once
Radii = Float[np.ndarray, "draw depth"]
Interval = tuple[float, float, float]
UNKNOWN: Interval = (float("nan"), float("nan"), float("nan"))


@dataclass(frozen=True)
class Growth:
    """What is said of a radius: its rise and each law's misfit, in steps, as (value, low, high), and the verdict.

    `law` fits best, `margin` is by how much the second best fits worse, and `slope` that of steady growth, in steps a
    layer. Where nothing grows no law is asked.
    """

    verdict: str
    rise: Interval
    law: str = ""
    misfit: dict[str, Interval] = field(default_factory=dict)
    margin: Interval = UNKNOWN
    slope: Interval = UNKNOWN


def growth(radii: Radii, top: int, *, level: float = 0.95) -> Growth:
    """The verdict on radii after each layer, in row 0, and on resampled mazes in the others.

    `top` is the layer after which growth ends: where radii are largest on mazes other than these. Of fewer than four
    layers no law can be told, as all of them fit.
    """
    rise, reach = (interval(each, level) for each in (radii[:, top] - radii[:, 0], radii[:, top]))
    if min(rise[2], reach[2]) < STEP:
        return Growth(NOTHING if reach[2] < STEP else NONE, rise)
    rising = radii[:, : max(LAYERS - 1, top) + 1]
    misfits = {law: misfit(law, rising) for law in LAWS}
    best, second, *_ = sorted(LAWS, key=lambda law: misfits[law][0])
    gaps = {law: interval(misfits[law] - misfits[best], level) for law in LAWS if law != best}
    slope = interval(_steady(rising)[1], level)
    told = min(low for _, low, _ in gaps.values()) > 0 and radii.shape[1] >= LAYERS
    verdict = _named(best, slope) if told else UNTOLD
    if rise[1] <= 0:
        verdict = UNTOLD
    elif misfits[best][0] > FAR * rise[0]:
        verdict = UNLIKE
    return Growth(verdict, rise, best, {law: interval(misfits[law], level) for law in LAWS}, gaps[second], slope)


def misfit(law: str, radii: Radii) -> Float[np.ndarray, " draw"]:
    """How far each draw's radii are from the law's nearest curve, root mean square in steps."""
    if law == AT_ONCE:
        apart = [_spread(radii[:, :place]) + _spread(radii[:, place:]) for place in range(radii.shape[1])]
        return np.sqrt(np.min(apart, axis=0) / radii.shape[1])
    left = _steady(radii)[0] if law == STEADY else _doubling(radii)
    return np.sqrt(np.maximum(left, 0.0) / radii.shape[1])


def interval(values: Float[np.ndarray, " draw"], level: float) -> Interval:
    """The first value, and the quantiles of the others."""
    low, high = np.quantile(values[1:], [(1 - level) / 2, (1 + level) / 2])
    return float(values[0]), float(low), float(high)


def _named(law: str, slope: Interval) -> str:
    one = slope[1] - NEAR <= 1 <= slope[2] + NEAR and slope[1] > 0.5 and slope[2] < 2
    return ONE if law == STEADY and one else law


def _steady(radii: Radii) -> tuple[Float[np.ndarray, " draw"], Float[np.ndarray, " draw"]]:
    """(the sum of squares about each draw's best straight rise, its slope)."""
    depth = np.arange(1.0, radii.shape[1] + 1)
    starts = np.arange(1.0 - LONGEST, radii.shape[1], FINE)
    lasting = np.arange(2.0, LONGEST + radii.shape[1], FINE)
    start, wide = (each.ravel() for each in np.meshgrid(starts, lasting))
    shapes = np.clip((depth - start[:, None]) / wide[:, None], 0.0, 1.0)
    norms = np.linalg.norm(shapes, axis=1)

    def fitted(some: Radii) -> tuple[np.ndarray, np.ndarray]:
        along = np.maximum(some @ (shapes / norms[:, None]).T, 0.0)
        best = along.argmax(axis=1)
        most = along[np.arange(len(some)), best]
        return (some**2).sum(axis=1) - most**2, most / norms[best] / wide[best]

    left, slope = zip(*_blocks(radii, fitted), strict=True)
    return np.concatenate(left), np.concatenate(slope)


def _doubling(radii: Radii) -> Float[np.ndarray, " draw"]:
    """The sum of squares about each draw's best curve that doubles, from where it was before to its end."""
    highest = float(np.ceil(radii.max(initial=2.0)))
    befores = np.arange(0.0, highest, 2 * FINE)
    starts = np.arange(1.0 - np.ceil(np.log2(highest)), radii.shape[1] + 1, FINE)
    free = 2.0 ** (np.arange(1.0, radii.shape[1] + 1) - starts[:, None])
    curves = np.maximum(free, befores[:, None, None]).reshape(-1, radii.shape[1])

    def fitted(some: Radii) -> np.ndarray:
        ended = [_until(some, curves, end).min(axis=1) for end in range(1, radii.shape[1] + 1)]
        return np.min(ended, axis=0)

    return np.concatenate(_blocks(radii, fitted))


def _until(radii: Radii, curves: Float[np.ndarray, "curve depth"], end: int) -> Float[np.ndarray, "draw curve"]:
    """The sum of squares about curves that from a depth on stay at their end: the mean, if the curve passes there."""
    left = (radii[:, :end] ** 2).sum(axis=1)[:, None] + (curves[:, :end] ** 2).sum(axis=1)
    left -= 2 * radii[:, :end] @ curves[:, :end].T
    if end == radii.shape[1]:
        return left
    mean = radii[:, end:].mean(axis=1)[:, None]
    off = mean - np.clip(mean, curves[:, end - 1], curves[:, end])
    return left + _spread(radii[:, end:])[:, None] + (radii.shape[1] - end) * off**2


def _blocks(radii: Radii, fitted: Callable[[Radii], Any]) -> list[Any]:
    return [fitted(radii[begin : begin + BLOCK]) for begin in range(0, len(radii), BLOCK)]


def _spread(radii: Float[np.ndarray, "draw some"]) -> Float[np.ndarray, " draw"]:
    """The sum of squares about each draw's mean; of nothing, 0."""
    if not radii.shape[1]:
        return np.zeros(len(radii))
    return ((radii - radii.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
