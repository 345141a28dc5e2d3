"""A sequence that is hard to predict and easy to make: each element follows from the last sixteen.

    s_t = r_t + 8 (t mod 2)
    r_t = (product of s_{t-i} + 1, i = 1..16, mod 17) mod 8    with probability 0.98, else uniform on 0..7

After Bostock (2024, "Measuring Learned Optimization in Small Transformer Models"), reconstructed: even t carry 0..7,
odd t carry 8..15, so s + 1 runs over 1..16, which are the units modulo 17, and the product is never 0. The product is a
running sum of discrete logarithms (base 3, modulo 16). "sum" is the same with the product replaced by a sum modulo 17.

Where the article is silent we choose: a sequence begins with sixteen uniform values of the right parity, and the first
`BURN_IN` elements are thrown away, so that what is kept is stationary.
"""

from typing import NamedTuple, no_type_check

import numpy as np
from jaxtyping import Float, Int
from numba import njit

from maze_interp import recipes
from maze_interp.seeds import begin, below, uniform

OUTCOMES, VOCABULARY, CONTEXT, MEMORY = 8, 16, 20, 16
NOISE, BURN_IN = 0.02, 128


class Rule(NamedTuple):
    """What each element adds to a running sum, and what each value of that sum, modulo how many there are, gives."""

    adds: Int[np.ndarray, " vocab"]
    gives: Int[np.ndarray, " sum"]


POWERS = np.array([pow(3, k, 17) for k in range(16)])
LOGARITHMS = np.argsort(POWERS)  # of 1..16
KINDS = {
    "product": Rule(LOGARITHMS, POWERS % OUTCOMES),
    "sum": Rule(np.arange(1, 17), np.arange(17) % OUTCOMES),
}


def recurrence(
    count: int, length: int, *, seed: int, first: int = 0, kind: str = "product", noise: float = NOISE
) -> Int[np.ndarray, "sequence position"]:
    """Sequences s_0, s_1, ... of so many elements; row i is a function of (seed, first + i).

    Raises ValueError for negative sizes, an unknown kind and a noise that is no probability.
    """
    if min(count, length, first) < 0:
        raise ValueError(f"count, length and first cannot be negative: {count}, {length}, {first}")
    rule = _rule(kind, noise)
    out = np.empty((count, length), np.int64)
    _run(seed, first, rule.adds, rule.gives, noise, BURN_IN + MEMORY, out)
    return out


def histories(
    count: int, *, seed: int, first: int = 0, kind: str = "product", noise: float = NOISE
) -> Int[np.ndarray, "history position"]:
    """The twenty elements before an odd t, at which a policy acts; row i is a function of (seed, first + i)."""
    return recurrence(count, CONTEXT + 1, seed=seed, first=first, kind=kind, noise=noise)[:, 1:]


def follow(
    contexts: Int[np.ndarray, "*histories position"],
    acts: Int[np.ndarray, "*acts"],
    draws: Float[np.ndarray, "*draws"],
    *,
    kind: str = "product",
    noise: float = NOISE,
) -> Int[np.ndarray, "*outcomes"]:
    """What follows a context and an act: the element of the even position behind them, 0..7.

    `draws` in [0, 1) are the chance in it, one a history: below `noise` the draw itself says which uniform value
    follows. Shapes broadcast: acts[:, None] with N contexts and N draws gives the matrix out[i, j] of act i in history
    j, the same draw for history j in every row. Raises ValueError for contexts that are too short.
    """
    rule = _rule(kind, noise)
    if contexts.shape[-1] < MEMORY - 1:
        raise ValueError(f"a context needs at least {MEMORY - 1} elements, not {contexts.shape[-1]}")
    before = rule.adds[contexts[..., 1 - MEMORY :]].sum(axis=-1)
    regular = rule.gives[(before + rule.adds[acts]) % len(rule.gives)]
    if noise == 0:
        return np.broadcast_to(regular, np.broadcast_shapes(regular.shape, draws.shape)).copy()
    return np.where(draws < noise, (draws * (OUTCOMES / noise)).astype(np.int64), regular)


def extend(
    contexts: Int[np.ndarray, "*histories position"],
    draws: Float[np.ndarray, "*histories step"],
    *,
    odd: bool,
    kind: str = "product",
    noise: float = NOISE,
) -> Int[np.ndarray, "*histories longer"]:
    """Contexts with as many elements more as there are draws; `odd` says whether the first of them stands at odd t."""
    whole = contexts
    for step in range(draws.shape[-1]):
        value = follow(whole[..., :-1], whole[..., -1], draws[..., step], kind=kind, noise=noise)
        whole = np.concatenate([whole, (value + OUTCOMES * ((step + odd) % 2))[..., None]], axis=-1)
    return whole


def _rule(kind: str, noise: float) -> Rule:
    if kind not in KINDS:
        raise recipes.unknown("kind of recurrence", kind, KINDS)
    if not 0 <= noise <= 1:
        raise ValueError(f"noise is a probability, not {noise}")
    return KINDS[kind]


@njit(cache=True, nogil=True)
@no_type_check
def _run(seed, first, adds, gives, noise, early, out):
    """Fill out[i, t] for t >= 0, starting `early` steps before; the last sixteen elements lie in a ring."""
    state, ring = np.empty(1, np.uint64), np.empty(16, np.int64)
    for i in range(out.shape[0]):
        begin(state, seed, first + i)
        total = 0
        for t in range(-early, out.shape[1]):
            chance = t < 16 - early or uniform(state) < noise
            value = below(state, 8) if chance else gives[total % gives.size]
            value += 8 * (t & 1)
            if t >= 16 - early:
                total -= adds[ring[t & 15]]
            total += adds[value]
            ring[t & 15] = value
            if t >= 0:
                out[i, t] = value
