"""What a policy is rewarded for: which of the eight outcomes count as a success.

A goal is a set of outcomes, named by its size as in the article: 2, 4 or 6 of the values 0..7 of the element that
follows the policy's act. A goal of nothing or of everything asks for nothing, and is refused.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

import numpy as np
from jaxtyping import Bool, Int

from maze_interp import recipes
from maze_interp.sequences.recurrence import OUTCOMES

GOALS: Mapping[int, tuple[int, ...]] = MappingProxyType({2: (0, 4), 4: (0, 2, 4, 6), 6: (0, 1, 2, 4, 5, 6)})
GRADED = (
    3.0,
    1.0,
    2.0,
    0.0,
    3.0,
    1.0,
    2.0,
    0.0,
)  # a reward that is not binary: how many of the three goals an outcome serves


def goal(name: int | Iterable[int]) -> tuple[int, ...]:
    """The outcomes of a goal, given its name in GOALS or the outcomes themselves, in order.

    Raises ValueError for an unknown name, for outcomes outside 0..7 and for a goal of nothing or of everything.
    """
    if isinstance(name, (int, np.integer)):
        if name not in GOALS:
            raise recipes.unknown("goal", name, GOALS)
        return GOALS[int(name)]
    good = tuple(sorted({int(value) for value in name}))
    if outside := [value for value in good if not 0 <= value < OUTCOMES]:
        raise ValueError(f"a goal's outcomes are 0..{OUTCOMES - 1}, not {outside[0]}")
    if len(good) in (0, OUTCOMES):
        raise ValueError(f"a goal of {'everything' if good else 'nothing'} asks for nothing")
    return good


def achieved(outcomes: Int[np.ndarray, "*outcomes"], name: int | Iterable[int]) -> Bool[np.ndarray, "*outcomes"]:
    """Which outcomes are successes."""
    return np.isin(outcomes, goal(name))


def chance(name: int | Iterable[int]) -> float:
    """The share of outcomes that are successes: the success of no skill where all outcomes are equally likely."""
    return len(goal(name)) / OUTCOMES
