"""What makes a choice hard: the look-ahead it needs, or what comes with that?

Decisions that need much look-ahead are also farther from the goal, have larger wrong branches and come early on the
path. All these traits are fitted together, so that what is left to each holds between decisions alike in the others.
"""

from dataclasses import replace

import numpy as np
from jaxtyping import Int

from maze_interp.behaviour.choosing import PerDecision, right_mass
from maze_interp.behaviour.regression import logistic_regression
from maze_interp.mazes import Decisions
from maze_interp.tables import Row


def what_makes_it_hard(responses: PerDecision, decisions: Decisions, need: Int[np.ndarray, " decision"]) -> list[Row]:
    """The log-odds of a right choice for one standard deviation of each trait of a decision, the others held.

    A choice is right if more than half of it lies on right options; `need` is the look-ahead it takes. Traits that are
    alike everywhere are left out; nan where all choices are. Decisions of a maze are taken as independent, so bounds
    are a little narrow.
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
    fit = logistic_regression(np.stack(list(kept.values()), axis=1), right)
    return [replace(row, measure=f"log-odds by {row.measure}") for row in fit.rows(list(kept))[1:]]
