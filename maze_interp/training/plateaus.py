"""Plateaus of a training curve: how many there are, where, and how long they last.

Write y = ln(loss) over a clock t. Gradient descent on one component lowers y at a constant rate, and whatever is a sum
of such falls (a power law, an exponential above a floor) is convex in y: it only ever slows down. So a plateau is what
those cannot have, slowness *before* speed: a stretch that is `contrast` times slower than the fall that ends it. A
curve that flattens for good has no plateau there.

Rates are read level by level: the loss is cut into steps down of equal ratio, each with its wait, the time from first
passing its top to first passing its bottom. A plateau is a peak of the waits, told from ripples by a zigzag: up by
`contrast` before it, down by `contrast` after. Steps are made higher than the noise; noise that lasts is no noise here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from jaxtyping import Float

from maze_interp.training.run import TrainingRun
from maze_interp.training.schedule import learning_rate

CONTRAST, RESOLUTION = 5.0, 0.05
NOISES = 6.0  # standard deviations of noise in a step down: at 5, 0.19% of noisy curves were misread, at 7 under 0.03%


@dataclass(frozen=True)
class Plateau:
    """From `begin` to `end` on the clock, at about `loss`; the fall that ends it was up to `contrast` times faster."""

    begin: float
    end: float
    loss: float
    contrast: float

    @property
    def length(self) -> float:
        """How long it lasted, on the clock."""
        return self.end - self.begin


def find(
    loss: Float[np.ndarray, " point"],
    clock: Float[np.ndarray, " point"],
    *,
    contrast: float = CONTRAST,
    resolution: float = RESOLUTION,
    until: float = 0.0,
) -> list[Plateau]:
    """The plateaus of one curve, in order; it is read until it has first fallen to `until` times its first value.

    `resolution` is the least step down, in nats of the loss. Raises ValueError for a loss that is not positive and
    finite, a clock that does not rise, a contrast of at most 1 or a resolution that is not positive.
    """
    _check(loss, clock, contrast, resolution)
    y = _log(loss, until)
    lowest = np.minimum.accumulate(y)
    height = max(resolution, NOISES * noise(y))
    levels = lowest[0] - height * np.arange(int((lowest[0] - lowest[-1]) / height + 1e-9) + 1)
    passed = _passages(lowest, clock[: len(y)], levels)
    waits = np.diff(passed)
    found: list[Plateau] = []
    before = 0
    for slow, fast in _peaks(np.log(waits), float(np.log(contrast))):
        fall = waits[before] if found else waits[fast]
        first = max((step + 1 for step in range(before, slow) if waits[step] < contrast * fall * (1 - 1e-9)), default=0)
        last = min(step for step in range(slow, fast + 1) if waits[step] < contrast * waits[fast] * (1 - 1e-9))
        middle = float(np.exp(levels[slow] - height / 2))
        found.append(Plateau(float(passed[first]), float(passed[last]), middle, float(waits[slow] / waits[fast])))
        before = fast
    return found


def rises(loss: Float[np.ndarray, " point"], *, resolution: float = RESOLUTION, until: float = 0.0) -> int:
    """How often the loss climbs `resolution` nats above its lowest so far before it is lower than ever again."""
    y = _log(loss, until)
    over = y - np.minimum.accumulate(y)
    marks = np.where(over >= resolution, 1, np.where(over == 0, 0, -1))
    return int((np.diff(marks[marks >= 0]) == 1).sum())


def noise(y: Float[np.ndarray, " point"]) -> float:
    """The standard deviation of a curve's noise from point to point, from the median size of its second differences."""
    return float(np.median(np.abs(np.diff(y, 2)))) / 0.6745 / 6**0.5 if len(y) > 2 else 0.0


def of_run(run: TrainingRun, *, contrast: float = CONTRAST, resolution: float = RESOLUTION) -> list[Plateau]:
    """The plateaus of a run's training loss, in steps, that are also there by the learning rate summed over the steps.

    By steps alone a warm-up looks like a plateau, and by the sum the wait before a cooling down does. Nothing shorter
    than two measurements can be seen. Raises ValueError for a run with fewer than two.
    """
    loss, spent = curve(run)
    steps = np.array([row["step"] for row in run.metrics], float)
    found = find(loss, steps, contrast=contrast, resolution=resolution)
    others = find(loss, spent, contrast=contrast, resolution=resolution)
    spans = [np.interp([one.begin, one.end], spent, steps) for one in others]
    return [one for one in found if any(begin < one.end and one.begin < end for begin, end in spans)]


def curve(run: TrainingRun) -> tuple[Float[np.ndarray, " point"], Float[np.ndarray, " point"]]:
    """(the training loss of each of a run's measurements, the learning rate summed over the steps until then)."""
    if len(run.metrics) < 2:
        raise ValueError(f"{run.folder} holds {len(run.metrics)} measurements; a curve takes at least two")
    optimiser, steps = run.recipe.optimiser, run.recipe.steps
    spent = list(accumulate(learning_rate(step, steps, optimiser, optimiser.learning_rate) for step in range(steps)))
    return (
        np.array([row["loss"] for row in run.metrics], float),
        np.array([spent[row["step"] - 1] for row in run.metrics]),
    )


def _peaks(values: Float[np.ndarray, " step"], least: float) -> Iterator[tuple[int, int]]:
    """(peak, valley after it) of a series: `least` above the valley before, if any, and above the one after."""
    peak, valley = 0, None
    for i, value in enumerate(values):
        if valley is None:
            peak = i if value > values[peak] else peak
            valley = i if value <= values[peak] - least else None
        elif value >= values[valley] + least:
            yield peak, valley
            peak, valley = i, None
        elif value < values[valley]:
            valley = i
    if valley is not None:
        yield peak, valley


def _passages(
    lowest: Float[np.ndarray, " point"], clock: Float[np.ndarray, " point"], levels: Float[np.ndarray, " level"]
) -> Float[np.ndarray, " level"]:
    """When a falling curve first reaches each level, straight between its points."""
    after = np.searchsorted(-lowest, -levels - 1e-12, side="left").clip(1, len(lowest) - 1)
    fall = np.maximum(lowest[after - 1] - lowest[after], np.finfo(float).tiny)
    share = np.clip((lowest[after - 1] - levels) / fall, 0.0, 1.0)
    return clock[after - 1] + share * (clock[after] - clock[after - 1])


def _log(loss: Float[np.ndarray, " point"], until: float) -> Float[np.ndarray, " read"]:
    """ln(loss), up to and with the first point at or below `until` times the first."""
    below = np.flatnonzero(loss <= until * loss[0])
    return np.log(loss[: below[0] + 1] if len(below) else loss)


def _check(
    loss: Float[np.ndarray, " point"], clock: Float[np.ndarray, " point"], contrast: float, resolution: float
) -> None:
    if len(loss) < 2:
        raise ValueError(f"a curve takes at least two points, not {len(loss)}")
    if not (np.isfinite(loss).all() and (loss > 0).all()):
        raise ValueError("a loss must be positive and finite throughout: its logarithm is what is read")
    if not (np.diff(clock) > 0).all():
        raise ValueError("a clock must rise from each point to the next")
    if not contrast > 1:
        raise ValueError(f"contrast must be above 1, not {contrast}: else every ripple is a plateau")
    if not resolution > 0:
        raise ValueError(f"resolution must be above 0 nats, not {resolution}")
