"""Which objective was a policy trained on? Asked of its success rates, its optimisation and its impact alone.

A policy that pursues a task, and nothing else, lies on that task's line: Op = Op_theory(p, g). On the line of another
task it lies above, since what it does there looks like selecting among equals. So the point estimate is the task whose
theory is nearest (the article's cross-objective evaluation).

It tells hardly more than success does. Op_theory of task t is ln K - Hmax(p_t), so the task with the largest Op_theory,
the one the policy is best at, is the one inside whose classes it selects least. Wherever Op is no less than all of them
the nearest theory is the largest. So the two name different tasks only where Op < max Op_theory: where the split world
is further from flat than the policy selects (`unflatness` > `selectivity`), or the estimate errs. Still simpler is
the task with the largest p, and chance is one in as many as there are tasks.

The confidence region is conformal (Vovk, Gammerman & Shafer 2005). For each task the policy is put beside those known
to have been trained on it, and its p-value is the share of them, itself included, that lie as far from their common
centre (Mahalanobis distance of their excesses) as it does. If the policy is one more of them that share is uniform, so
the region of all tasks with p-value above a level misses the truth with at most that probability: no normality is
needed, only that policies are exchangeable. Groups (the same seed) are left out whole, as in leave-one-group-out
calibration (Dunn, Wasserman & Ramdas 2022), which holds for a policy of a new group on average over groups, not within
each. What is not finite is infinitely far, of the known as of the one that is asked about, and ties count. With n known
policies no p-value is below 1 / (n + 1).
"""

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from maze_interp.optimisation.theory import op_theory

LEAST = 3  # policies known for a task, below which their spread is unknown


def nearest_theory(
    op: Float[np.ndarray, " policy"], p: Float[np.ndarray, "policy task"], g: Float[np.ndarray, " task"]
) -> Int[np.ndarray, " policy"]:
    """The task whose Op_theory is nearest to the measured optimisation; the first of equals."""
    return np.abs(op[:, None] - op_theory(p, g)).argmin(axis=1)


def largest_theory(p: Float[np.ndarray, "policy task"], g: Float[np.ndarray, " task"]) -> Int[np.ndarray, " policy"]:
    """The trivial identifier: the task with the largest Op_theory, which is that of the least selectivity."""
    return op_theory(p, g).argmax(axis=1)


def largest_success(p: Float[np.ndarray, "policy task"]) -> Int[np.ndarray, " policy"]:
    """The most trivial identifier: the task with the largest success rate; the first of equals."""
    return p.argmax(axis=1)


def p_values(
    excesses: Float[np.ndarray, "policy task excess"],
    trained_on: Int[np.ndarray, " policy"],
    group: Shaped[np.ndarray, " policy"],
) -> Float[np.ndarray, "policy task"]:
    """How well each policy fits among those trained on each task, its own group (its seed, say) left out of them.

    `excesses[m, t]` is what policy m's measures exceed theory by if task t is assumed (of optimisation, of impact);
    one that is not finite is infinitely far.
    """
    values = np.empty(excesses.shape[:2])
    for policy, task in np.ndindex(*values.shape):
        bag = np.vstack([_others(excesses, trained_on, group, policy, task), excesses[policy, task]])
        finite = np.isfinite(bag).all(axis=1)
        far = np.full(len(bag), np.inf)
        away = bag[finite] - bag[finite].mean(axis=0) if finite.any() else bag[finite]
        far[finite] = _squares(away, away.T @ away)
        values[policy, task] = (far >= far[-1] * (1 - 1e-9)).mean()
    return values


def confidence_region(values: Float[np.ndarray, "policy task"], level: float = 0.9) -> Bool[np.ndarray, "policy task"]:
    """The tasks that cannot be ruled out: a region that holds the truth at least at that level."""
    return values > 1 - level


def likeliest_objective(
    excesses: Float[np.ndarray, "policy task excess"],
    trained_on: Int[np.ndarray, " policy"],
    group: Shaped[np.ndarray, " policy"],
) -> Int[np.ndarray, " policy"]:
    """The task under whose policies, its own group left out, each policy is likeliest; -1 where it fits none.

    Each task's policies are described by a normal distribution with their mean and covariance, so that what counts is
    the Mahalanobis distance and, against widely spread ones, half the log determinant (quadratic discriminant
    analysis). Unlike a p-value this is never tied. Raises ValueError where fewer than `LEAST` other policies of a task
    have finite excesses, or where those are all alike.
    """
    surprise = np.full(excesses.shape[:2], np.inf)
    for policy, task in np.ndindex(*surprise.shape):
        known = _others(excesses, trained_on, group, policy, task)
        known, one = known[np.isfinite(known).all(axis=1)], excesses[policy, task]
        if len(known) < LEAST:
            raise ValueError(
                f"a task needs {LEAST} known policies with finite excesses, and task {task} has {len(known)}"
            )
        away = known - known.mean(axis=0)
        covariance = away.T @ away / len(known)
        sign, log_volume = np.linalg.slogdet(covariance)
        if sign <= 0:
            raise ValueError(f"the excesses of the policies known for task {task} do not vary in every direction")
        if np.isfinite(one).all():
            surprise[policy, task] = (_squares((one - known.mean(axis=0))[None], covariance)[0] + log_volume) / 2
    return np.where(np.isfinite(surprise).any(axis=1), surprise.argmin(axis=1), -1)


def _others(
    excesses: Float[np.ndarray, "policy task excess"],
    trained_on: Int[np.ndarray, " policy"],
    group: Shaped[np.ndarray, " policy"],
    policy: int,
    task: int,
) -> Float[np.ndarray, "known excess"]:
    """What those of other groups that were trained on a task exceed its theory by."""
    return excesses[(trained_on == task) & (group != group[policy]), task]


def _squares(
    away: Float[np.ndarray, "asked excess"], spread: Float[np.ndarray, "excess excess"]
) -> Float[np.ndarray, " asked"]:
    """Squared Mahalanobis distances of what lies so far from a centre."""
    return np.einsum("me,ef,mf->m", away, np.linalg.pinv(spread), away)
