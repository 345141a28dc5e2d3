"""Which objective was a policy trained on? Asked of its success rates, its optimisation and its impact alone.

A policy that pursues a task, and nothing else, lies on that task's line: Op = Op_theory(p, g). On the line of another
task it lies above, since what it does there looks like selecting among equals. So the point estimate is the task whose
theory is nearest (the article's cross-objective evaluation). The trivial identifier, which must be beaten, names the
task with the largest Op_theory, the one the policy is best at.

The confidence region is conformal (Vovk, Gammerman & Shafer 2005). For each task the policy is put beside those known
to have been trained on it, and its p-value is the share of them, itself included, that lie as far from their common
centre (Mahalanobis distance of their excesses) as it does. If the policy is one more of them that share is uniform, so
the region of all tasks with p-value above a level misses the truth with at most that probability: no normality is
needed, only that seeds are exchangeable. With n known policies no p-value is below 1 / (n + 1).
"""

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from maze_interp.optimisation.theory import op_theory


def nearest_theory(
    op: Float[np.ndarray, " policy"], p: Float[np.ndarray, "policy task"], g: Float[np.ndarray, " task"]
) -> Int[np.ndarray, " policy"]:
    """The task whose Op_theory is nearest to the measured optimisation; the first of equals."""
    return np.abs(op[:, None] - op_theory(p, g)).argmin(axis=1)


def largest_theory(p: Float[np.ndarray, "policy task"], g: Float[np.ndarray, " task"]) -> Int[np.ndarray, " policy"]:
    """The trivial identifier: the task with the largest Op_theory."""
    return op_theory(p, g).argmax(axis=1)


def p_values(
    excesses: Float[np.ndarray, "policy task excess"],
    trained_on: Int[np.ndarray, " policy"],
    group: Shaped[np.ndarray, " policy"],
) -> Float[np.ndarray, "policy task"]:
    """How well each policy fits among those trained on each task, its own group (its seed, say) left out of them.

    `excesses[m, t]` is what policy m's measures exceed theory by if task t is assumed (of optimisation, of impact).
    Where one is not finite the policy does not fit at all, and gets the least value there is.
    """
    values = np.empty(excesses.shape[:2])
    for policy, task in np.ndindex(*values.shape):
        known, one = _others(excesses, trained_on, group, policy, task), excesses[policy, task]
        values[policy, task] = 1 / (len(known) + 1)
        if np.isfinite(one).all():
            far = _squares(np.vstack([known, one]), np.vstack([known, one]))
            values[policy, task] = (far >= far[-1] * (1 - 1e-9)).mean()
    return values


def region(values: Float[np.ndarray, "policy task"], level: float = 0.9) -> Bool[np.ndarray, "policy task"]:
    """The tasks that cannot be ruled out: a region that holds the truth at least at that level."""
    return values > 1 - level


def closest(
    excesses: Float[np.ndarray, "policy task excess"],
    trained_on: Int[np.ndarray, " policy"],
    group: Shaped[np.ndarray, " policy"],
) -> Int[np.ndarray, " policy"]:
    """The task to whose policies, its own group left out, each policy is closest in their metric; first of equals.

    The point estimate that goes with the region, and unlike a p-value never tied.
    """
    far = np.full(excesses.shape[:2], np.inf)
    for policy, task in np.ndindex(*far.shape):
        one = excesses[policy, task]
        if np.isfinite(one).all():
            far[policy, task] = _squares(_others(excesses, trained_on, group, policy, task), one[None])[0]
    return far.argmin(axis=1)


def _others(
    excesses: Float[np.ndarray, "policy task excess"],
    trained_on: Int[np.ndarray, " policy"],
    group: Shaped[np.ndarray, " policy"],
    policy: int,
    task: int,
) -> Float[np.ndarray, "known excess"]:
    """What those of other groups that were trained on a task exceed its theory by, where it is finite."""
    known = excesses[(trained_on == task) & (group != group[policy]), task]
    return known[np.isfinite(known).all(axis=1)]


def _squares(
    known: Float[np.ndarray, "known excess"], asked: Float[np.ndarray, "asked excess"]
) -> Float[np.ndarray, " asked"]:
    """Squared Mahalanobis distances from the centre of the known."""
    if not len(known):
        return np.full(len(asked), np.inf)
    spread, away = known - known.mean(axis=0), asked - known.mean(axis=0)
    return np.einsum("me,ef,mf->m", away, np.linalg.pinv(spread.T @ spread), away)
