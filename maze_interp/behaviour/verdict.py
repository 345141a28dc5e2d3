"""From evidence to a verdict: what each hypothesis predicts, stated as a number that must be passed, and what came out.

A prediction holds if the whole 95% interval of what was measured lies beyond its bound, fails if the whole interval
lies on the other side, and is undecided otherwise. A hypothesis is supported if all its predictions hold, contradicted
if all fail, and mixed if neither. The rules are the same for every walker; what makes them believable is that they are
right about walkers whose ways are known.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan

import numpy as np
from jaxtyping import Float, Int

from maze_interp import tables
from maze_interp.behaviour.choosing import PerDecision, mean_over_mazes, right_mass
from maze_interp.mazes import Decisions

SUPPORTED, CONTRADICTED, MIXED = "supported", "contradicted", "mixed"
FEWEST = 20  # mazes that decide a prediction
TOLD = 50  # mazes on which it is seen how far a walker looks
WALKS = 0.5  # the share of legal paths below which there is no walking to explain


@dataclass(frozen=True)
class Prediction:
    """What `hypothesis` says of one measurement: more than `bound`, or less if it is a prediction of `less`.

    `name` is short, `says` tells what is measured.
    """

    hypothesis: str
    name: str
    says: str
    bound: float
    measured: tables.Row
    less: bool = False

    @property
    def held(self) -> bool | None:
        """True or False where the interval decides, else None; a value without an interval decides by itself.

        Fewer than FEWEST mazes decide nothing.
        """
        low, high = self.measured.low, self.measured.high
        if isnan(self.measured.value) or self.measured.n < FEWEST:
            return None
        if isnan(low) or isnan(high):
            low = high = self.measured.value
        if self.less:
            low, high = 2 * self.bound - high, 2 * self.bound - low
        return True if low > self.bound else False if high < self.bound else None

    @property
    def row(self) -> tables.Row:
        """The measurement with what was predicted of it and what became of that."""
        what = {
            "hypothesis": self.hypothesis,
            "predicts": f"{'less' if self.less else 'more'} than {self.bound:g}",
            "held": {True: "yes", False: "no", None: "undecided"}[self.held],
        }
        one = self.measured
        return tables.Row(self.says, one.value, one.low, one.high, one.n, what)


def judge(predictions: Sequence[Prediction]) -> dict[str, str]:
    """What becomes of each hypothesis, in the order in which they first come."""
    verdicts = {}
    for name in dict.fromkeys(one.hypothesis for one in predictions):
        held = [one.held for one in predictions if one.hypothesis == name]
        verdicts[name] = SUPPORTED if all(held) else CONTRADICTED if not any(h is not False for h in held) else MIXED
    return verdicts


def skill(responses: PerDecision, decisions: Decisions) -> Float[np.ndarray, " decision"]:
    """How far above guessing: 0 for a uniform choice among the options, 1 for certainty of the right ones.

    nan where every option is right.
    """
    chance = decisions.right.sum(axis=1) / decisions.exits
    return (right_mass(responses, decisions) - chance) / np.where(chance < 1, 1 - chance, np.nan)


def mean_skill(responses: PerDecision, decisions: Decisions, *, seed: int, **what: object) -> tables.Row:
    """The mean skill over the decisions that can be wrong, with an interval over mazes."""
    values = skill(responses, decisions)
    known = ~np.isnan(values)
    return mean_over_mazes("skill", values[known], decisions.maze[known], seed=seed, **what)


def farthest(distance: Int[np.ndarray, " item"], maze: Int[np.ndarray, " item"]) -> int:
    """The largest distance that items of TOLD or more mazes reach or exceed: as far as these mazes tell.

    Of fewer mazes, the least there is; 0 of none.
    """
    _, unit = np.unique(maze, return_inverse=True)
    most = np.zeros(unit.max(initial=-1) + 1, int)
    np.maximum.at(most, unit, distance)
    if len(most) == 0:
        return 0
    return int(np.sort(most)[-TOLD]) if len(most) >= TOLD else int(distance.min())
