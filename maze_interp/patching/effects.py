"""What a patch did, as numbers: one function from logits at the fork to a value a pair, one line in EFFECTS.

A patched run lies between two others, the one it was made in and the one it was given parts of. `recovered` puts an
effect on that line: 0 is the run as it was, 1 the run that the parts came from. Where the two runs agree there is no
line: `apart` says of which pairs there is one, and `shares` is silent where there may be none on average.
"""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from jaxtyping import Bool, Float, Int

from maze_interp import recipes

Logits = Float[np.ndarray, "*patch pair vocab"]
Values = Float[np.ndarray, "*patch pair"]
APART = 1e-3  # nats or shares: below, the two runs agree


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


def shares(
    change: Float[np.ndarray, "pair column"],
    line: Float[np.ndarray, " pair"],
    maze: Int[np.ndarray, " pair"],
    *,
    level: float = 0.95,
) -> Float[np.ndarray, "column 3"]:
    """(share, low, high) of each column: its mean change over the mean line, nan where that may be 0.

    Pairs count in proportion to their line: of single pairs' ratios, one whose runs nearly agree would decide the mean.
    The interval is that of a ratio of means of mazes, linearised (Cochran 1977, Sampling Techniques, 6.3).
    """
    of_maze = np.unique(maze, return_inverse=True)[1]
    count, columns = int(of_maze.max(initial=-1)) + 1, np.concatenate([change, line[:, None]], axis=1)
    sums = np.zeros((count, columns.shape[1]))
    np.add.at(sums, of_maze, columns)
    whole, z = sums[:, -1].sum(), NormalDist().inv_cdf((1 + level) / 2)
    grow = count / max(count - 1, 1)
    uncertain = z * np.sqrt(grow * ((sums[:, -1] - whole / max(count, 1)) ** 2).sum())
    if count < 2 or abs(whole) <= uncertain:
        return np.full((change.shape[1], 3), np.nan)
    share = sums[:, :-1].sum(axis=0) / whole
    half = z * np.sqrt(grow * ((sums[:, :-1] - share * sums[:, -1:]) ** 2).sum(axis=0)) / abs(whole)
    return np.stack([share, share - half, share + half], axis=1)


def _of(logits: Logits, token: Int[np.ndarray, " pair"]) -> Values:
    return logits[..., np.arange(len(token)), token]


def _log_softmax(logits: Logits) -> Logits:
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
