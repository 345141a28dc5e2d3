"""One fact from one source at one place, judged: how far it is told after each layer, and how that grows."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from maze_interp.probing import Growth, Watched
from maze_interp.probing.glances import ANSWER
from maze_interp.probing.growth import NAMED, UNTOLD, growth


@dataclass(frozen=True)
class Judged:
    """One fact from one source at one place: its radii after each layer (row 0, then resampled) and their growth.

    `told` are the radii beyond the controls that know the next step as well. `best` is the layer after which other
    mazes' radius is largest. `level` is that of all intervals, widened for the number of questions.
    """

    seen: Watched
    radii: Float[np.ndarray, "draw layer"]
    told: Float[np.ndarray, "draw layer"]
    growth: Growth
    best: int
    level: float

    @property
    def name(self) -> str:
        return f"{self.seen.fact} from {self.seen.source}"

    @property
    def found(self) -> bool:
        """Whether the radius is surely a step or more after the best layer."""
        return span(self.radii[:, self.best], self.level)[1] >= 1

    @property
    def farthest(self) -> float:
        return float(self.radii[0, self.best])

    @property
    def verdict(self) -> str:
        """How the radius grows; of one that may be less than a step no law is told."""
        return self.growth.verdict if self.found or self.growth.verdict not in NAMED else UNTOLD


def judge(one: Watched, threshold: float, at: float) -> Judged:
    """The verdict on what was watched; radii are of a gain of at least the threshold, intervals at the level `at`."""
    radii, best = one.radii(threshold), one.top(threshold)
    return Judged(one, radii, one.radii(threshold, (ANSWER,)), growth(radii, best, level=at), best, at)


def span(draws: Float[np.ndarray, " draw"], level: float) -> tuple[float, float, float]:
    """(what was measured, its interval's ends) of a value in row 0 and the same on resampled mazes."""
    low, high = np.quantile(draws[1:], [(1 - level) / 2, (1 + level) / 2])
    return float(draws[0]), float(low), float(high)
