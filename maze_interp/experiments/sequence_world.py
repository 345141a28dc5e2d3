"""The sequence task as what a measure of optimisation knows: policies that act, an environment that answers."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Int

from maze_interp import seeds, sequences
from maze_interp.optimisation import Environment, Policy
from maze_interp.sequences import Ensemble


def environment(rule: Mapping[str, Any], distance: int = 0) -> Environment:
    """The recurrence as an environment: the outcome so many pairs of elements after the act."""

    def follows(
        histories: Int[np.ndarray, "history position"], acts: Int[np.ndarray, " history"], *, seed: int
    ) -> Int[np.ndarray, " history"]:
        draws = seeds.uniforms(seed, len(histories), 2 * distance + 1)
        acted = np.concatenate([histories, acts[:, None]], axis=1)
        return sequences.extend(acted, draws, odd=False, **rule)[:, -1]

    return follows


def policy(ensemble: Ensemble, member: int) -> Policy:
    """One network as a policy: its acts at temperature 0, of all elements there are."""

    def acts(histories: Int[np.ndarray, "history position"]) -> Int[np.ndarray, " history"]:
        return sequences.act(ensemble, histories, legal=False)[member]

    return acts
