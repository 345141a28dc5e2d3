"""What a patch did, as numbers: one function from logits at the fork to a value a pair, one line in EFFECTS.

A patched run lies between two others, the one it was made in and the one it was given parts of. `recovered` puts an
effect on that line: 0 is the run as it was, 1 the run that the parts came from. Where the two runs agree there is no
line; such pairs are left out and counted.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from maze_interp import recipes, tables

Logits = Float[np.ndarray, "*patch pair vocab"]
Values = Float[np.ndarray, "*patch pair"]
APART = 1e-3  # nats or shares: below, the two runs agree
BOOTSTRAPS = 2000


@dataclass(frozen=True)
class Choice:
    """What is asked at the fork: the token ids of the right step and its rival, and the logits of the clean run."""

    right: Int[np.ndarray, " pair"]
    wrong: Int[np.ndarray, " pair"]
    clean: Float[np.ndarray, "pair vocab"]


def logit_difference(logits: Logits, choice: Choice) -> Values:
    """The right step's logit less its rival's, nats."""
    return _of(logits, choice.right) - _of(logits, choice.wrong)


def probability(logits: Logits, choice: Choice) -> Values:
    """The probability of the right step among all tokens."""
    return np.exp(_of(_log_softmax(logits), choice.right))


def kl_to_clean(logits: Logits, choice: Choice) -> Values:
    """KL(clean || patched) over all tokens, nats: what is lost of the clean distribution, whatever it was."""
    clean = _log_softmax(choice.clean)
    return (np.exp(clean) * (clean - _log_softmax(logits))).sum(axis=-1)


def chooses_right(logits: Logits, choice: Choice) -> Values:
    """1 where the right step's logit is above its rival's, else 0."""
    return (logit_difference(logits, choice) > 0).astype(np.float32)


EFFECTS: dict[str, Callable[[Logits, Choice], Values]] = {
    "logit_difference": logit_difference,
    "probability": probability,
    "kl_to_clean": kl_to_clean,
    "chooses_right": chooses_right,
}


def effect(name: str, logits: Logits, choice: Choice) -> Values:
    """The effect of that name. Raises ValueError for an unknown one."""
    if name not in EFFECTS:
        raise recipes.unknown("effect", name, EFFECTS)
    return EFFECTS[name](logits, choice)


def apart(begin: Float[np.ndarray, " pair"], end: Float[np.ndarray, " pair"]) -> Bool[np.ndarray, " pair"]:
    """The pairs whose two runs differ, so that there is something to recover."""
    return np.abs(end - begin) > APART


def recovered(
    patched: Values, begin: Float[np.ndarray, " pair"], end: Float[np.ndarray, " pair"]
) -> Float[np.ndarray, "*patch pair"]:
    """How far each pair's patched value lies from the run it was made in (0) to the other (1); nan where they agree."""
    line = np.where(apart(begin, end), end - begin, np.nan)
    return (patched - begin) / line


def recovered_row(
    measure: str,
    patched: Float[np.ndarray, " pair"],
    begin: Float[np.ndarray, " pair"],
    end: Float[np.ndarray, " pair"],
    maze: Int[np.ndarray, " pair"],
    *,
    seed: int,
    **what: object,
) -> tables.Row:
    """The mean change over the mean line: pairs in proportion to what there is to recover, intervals over mazes.

    Single pairs' ratios are not averaged, because one pair whose runs nearly agree would decide the mean. `n` counts
    mazes; nan if there is nothing to recover.
    """
    known = ~np.isnan(patched)
    _, of = np.unique(maze[known], return_inverse=True)
    sums = np.stack([np.bincount(of, one[known]) for one in (patched - begin, end - begin)]) if known.any() else None
    if sums is None or abs(sums[1].sum()) <= APART:
        return tables.Row(measure, float("nan"), float("nan"), float("nan"), 0, what)

    def ratio(chosen: Int[np.ndarray, "draw maze"]) -> Float[np.ndarray, " draw"]:
        change, line = sums[0][chosen].sum(axis=1), sums[1][chosen].sum(axis=1)
        return np.where(np.abs(line) > APART, change / np.where(line == 0, 1.0, line), np.nan)

    low, high = tables.bootstrap(ratio, sums.shape[1], seed=seed, draws=BOOTSTRAPS)
    return tables.Row(measure, float(sums[0].sum() / sums[1].sum()), low, high, sums.shape[1], what)


def _of(logits: Logits, token: Int[np.ndarray, " pair"]) -> Values:
    return logits[..., np.arange(len(token)), token]


def _log_softmax(logits: Logits) -> Logits:
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
