"""A policy and an environment, as this room needs them: who chooses an act, and what follows it.

The same draw is used for history j whatever the act, in the factual world and in the split one (common random
numbers): worlds then differ by the act alone, a policy that always does the same has exactly no optimisation and no
impact, and what is compared varies less.
"""

from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Int, Num

from maze_interp.optimisation.history import SplitHistory, of_acts


@runtime_checkable
class Policy(Protocol):
    """Chooses an act for each history."""

    def __call__(self, histories: Num[np.ndarray, " history *state"]) -> Int[np.ndarray, " history"]: ...


@runtime_checkable
class Environment(Protocol):
    """What follows each history and act, a category or a distribution over them.

    What it draws for history j must depend on (seed, j) alone, not on the act.
    """

    def __call__(
        self, histories: Num[np.ndarray, " history *state"], acts: Int[np.ndarray, " history"], *, seed: int
    ) -> Num[np.ndarray, " history *outcome"]: ...


def outcome_matrix(
    policy: Policy,
    environment: Environment,
    histories: Num[np.ndarray, " history *state"],
    *,
    outcomes: int | None = None,
    seed: int,
) -> Num[np.ndarray, "history history *outcome"]:
    """out[i, j]: what follows history j under the act that the policy chooses for history i."""
    return enact(policy, environment, histories, outcomes=outcomes, seed=seed).matrix()


def enact(
    policy: Policy,
    environment: Environment,
    histories: Num[np.ndarray, " history *state"],
    *,
    outcomes: int | None = None,
    seed: int,
) -> SplitHistory:
    """The same matrix by its distinct acts: one call of the environment for each act that occurs, not for each row."""
    acts, chosen = np.unique(policy(histories), return_inverse=True)
    table = [environment(histories, np.full(len(histories), act), seed=seed) for act in acts]
    return of_acts(np.stack(table), chosen, outcomes)
