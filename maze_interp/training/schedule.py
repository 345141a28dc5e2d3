"""How the learning rate moves: a linear rise, then one of a few ways down. One function and one line each."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from maze_interp import recipes

Schedule = Callable[
    [float], float
]  # share of the decay that has passed, in [0, 1] -> share of the way down left, 1 to 0


def cosine(passed: float) -> float:
    """Half a cosine (Loshchilov & Hutter 2017): slow, fast, slow."""
    return 0.5 * (1.0 + math.cos(math.pi * passed))


def linear(passed: float) -> float:
    """A straight line down; with `decay` below 1, the trapezoid also called warm-up, stable, decay."""
    return 1.0 - passed


SCHEDULES: dict[str, Schedule] = {"cosine": cosine, "linear": linear}


@dataclass(frozen=True)
class Optimiser:
    """Which of OPTIMISERS, with weight decay on matrices and embeddings only and gradients clipped to a norm.

    AdamW (Loshchilov & Hutter 2019) learns at `learning_rate`; the matrices that "muon" takes over, at `muon_rate`.
    Both rise linearly over `warmup` steps and follow `schedule` down to `floor` times their peak; `decay` is the share
    of the run, at its end, over which they fall.
    """

    name: Literal["adamw", "muon"] = "adamw"
    learning_rate: float = 1e-3
    muon_rate: float = 0.02
    weight_decay: float = 0.01
    beta1: float = 0.9
    beta2: float = 0.98
    clip: float = 1.0
    warmup: int = 200
    schedule: str = "cosine"
    decay: float = 1.0
    floor: float = 0.01

    def __post_init__(self) -> None:
        if self.schedule not in SCHEDULES:
            raise recipes.unknown("schedule", self.schedule, SCHEDULES)
        if not self.clip > 0:
            raise ValueError(f"clip must be above 0, not {self.clip}")
        for name in ("beta1", "beta2", "floor"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must be from 0 to just below 1, not {getattr(self, name)}")
        for name in ("learning_rate", "muon_rate", "weight_decay", "warmup"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} cannot be negative: {getattr(self, name)}")
        if not 0 < self.decay <= 1:
            raise ValueError(f"decay is a share of the run, above 0 and up to 1, not {self.decay}")


def learning_rate(step: int, steps: int, settings: Optimiser, peak: float) -> float:
    """The learning rate of step 0 <= step < steps: `peak`, scaled by the warm-up and by the way down to the floor."""
    start = max(settings.warmup, round(steps * (1.0 - settings.decay)))
    passed = min(max((step - start) / max(steps - start, 1), 0.0), 1.0)
    down = settings.floor + (1.0 - settings.floor) * SCHEDULES[settings.schedule](passed)
    return peak * min((step + 1) / max(settings.warmup, 1), 1.0) * down
