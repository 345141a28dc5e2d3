"""What makes a choice hard: the look-ahead it needs, or what comes with that?

Decisions that need much look-ahead are also farther from the goal, have larger wrong branches and come early on the
path. All these traits are fitted together, so that what is left to each holds between decisions alike in the others.
"""

import numpy as np
from jaxtyping import Bool, Float, Int

from maze_interp import seeds
from maze_interp.behaviour.choosing import PerDecision, right_mass
from maze_interp.behaviour.regression import logistic_regression
from maze_interp.mazes import Decisions
from maze_interp.tables import Row

DRAWS = 200


def what_makes_it_hard(
    responses: PerDecision, decisions: Decisions, need: Int[np.ndarray, " decision"], *, seed: int
) -> list[Row]:
    """The log-odds of a right choice for one standard deviation of each trait of a decision, the others held.

    A choice is right if more than half of it lies on right options; `need` is the look-ahead it takes. Traits that are
    alike everywhere are left out; no bounds where no finite fit is best, as where all choices are alike. Intervals are
    over mazes, of which the decisions stay together: the fit is made again for DRAWS draws of them. n counts mazes.
    """
    traits = {
        "look-ahead needed": need,
        "deceptive": decisions.deceptive,
        "first step": decisions.step == 0,
        "options": decisions.exits,
        "steps to the goal": decisions.to_goal,
        "cells behind wrong options": decisions.wrong_size,
    }
    kept = {name: values.astype(float) for name, values in traits.items() if np.ptp(values.astype(float)) > 0}
    right = right_mass(responses, decisions) > 0.5
    features = np.stack(list(kept.values()), axis=1)
    fit = logistic_regression(features, right)
    mazes, unit = np.unique(decisions.maze, return_inverse=True)
    low, high = _span(features, right, unit, seed) if fit.finite else np.full((2, len(kept)), np.nan)
    return [
        Row(f"log-odds by {name}", float(fit.coefficients[i]), float(low[i]), float(high[i]), len(mazes))
        for i, name in enumerate(kept)
    ]


def _span(
    features: Float[np.ndarray, "decision trait"],
    right: Bool[np.ndarray, " decision"],
    maze: Int[np.ndarray, " decision"],
    seed: int,
) -> Float[np.ndarray, "2 trait"]:
    """The bounds of the 95% interval of each coefficient when mazes are drawn anew."""
    count, rng = maze.max() + 1, seeds.generator(seed, "hardness")
    scaled = (features - features.mean(axis=0)) / features.std(axis=0)
    found = []
    for _ in range(DRAWS):
        times = np.bincount(rng.integers(0, count, count), minlength=count)[maze]
        fit = logistic_regression(np.repeat(scaled, times, axis=0), np.repeat(right, times))
        found.append(fit.coefficients / fit.scale)
    return np.quantile(found, [0.025, 0.975], axis=0)
