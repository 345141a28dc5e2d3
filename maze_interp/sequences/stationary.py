"""What there is to learn: statistics of the settled sequence, and the best that predicting and acting can do.

The product of the last sixteen terms is carried from element to element, P_t = P_{t-1} (s_{t-1} + 1) / (s_{t-17} + 1),
and each element tells its product but for one bit. Who knows the last k elements and those sixteen before each can
follow P from k steps back, where nothing is known of it: rung k of a ladder from ln 8 to the noise floor. A context of
twenty holds four rungs; the floor is for who can multiply sixteen numbers.

A rung is the loss of that exact filter: noise is known, P uniform where it begins. The same filter, acting, is the best
a policy can do with what it knows. Every number is measured on settled sequences, with its 95% interval over them.
"""

import numpy as np
from jaxtyping import Float, Int

from maze_interp import seeds, tables
from maze_interp.sequences.goals import GOALS, achieved, goal
from maze_interp.sequences.recurrence import CONTEXT, KINDS, MEMORY, NOISE, OUTCOMES, VOCABULARY, follow, recurrence
from maze_interp.tables import Row

RUNGS = tuple(range(CONTEXT - MEMORY + 1))
COUNTED = {"s[t-1], s[t-17]": (1, 17), "s[t-1], s[t-2], s[t-17]": (1, 2, 17)}  # elements whose tables are small
COUNT, WINDOWS = 20_000, 25


def frequencies(count: int = COUNT, *, seed: int = 0, kind: str = "product", noise: float = NOISE) -> list[Row]:
    """How often each element occurs, of those at its parity: a row an element."""
    even, odd = recurrence(count, 2, seed=seed, kind=kind, noise=noise).T
    return [
        tables.proportion("frequency", (odd if element >= OUTCOMES else even) == element, element=element)
        for element in range(VOCABULARY)
    ]


def ladder(count: int = COUNT, *, seed: int = 0, kind: str = "product", noise: float = NOISE) -> list[Row]:
    """The loss, in nats, of who knows the parity and ever more: rows "loss" with `knows` for what is known.

    "frequencies", how often each element occurs, and COUNTED, what follows these elements, are entropies of tables of
    counts, corrected for their size (Miller & Madow 1955); "1 back" to "4 back" are the rungs; "all sixteen" is all but
    the noise.
    """
    ids = recurrence(count, CONTEXT + 2 * WINDOWS - 1, seed=seed, kind=kind, noise=noise)
    losses = {name: _counted(ids, backs) for name, backs in ({"frequencies": ()} | COUNTED).items()}
    ids = ids[:, : CONTEXT + 1]
    told = ids[:, -1] % OUTCOMES
    for back in RUNGS[1:]:
        losses[f"{back} back"] = _surprise(belief(ids[:, :-1], back, kind=kind, noise=noise), told, kind, noise)
    losses["all sixteen"] = _surprise(known(ids[:, :-1], kind=kind), told, kind, noise)
    return [_mean("loss", each, knows=name) for name, each in losses.items()]


def ceilings(
    count: int = COUNT,
    *,
    seed: int = 0,
    kind: str = "product",
    noise: float = NOISE,
    goals: tuple[int, ...] = (2, 4, 6),
) -> list[Row]:
    """The success of the best acts: rows "success" with `goal`, `legal` and what the policy `knows`, as in `ladder`.

    "nothing" is the control: the best single act there is. What is told is what the acts achieve, noise included.
    """
    contexts = recurrence(count, CONTEXT + 1, seed=seed, kind=kind, noise=noise)[:, 1:]
    draws = seeds.uniforms(seeds.derive(seed, "ceilings"), count, 1)[:, 0]
    beliefs = {f"{back} back" if back else "nothing": belief(contexts, back, kind=kind, noise=noise) for back in RUNGS}
    beliefs["all sixteen"] = known(contexts, kind=kind)
    rows = []
    for knows, believed in beliefs.items():
        for name in GOALS:
            for legal in (True, False):
                acts = best_acts(contexts, believed, goal(name), legal=legal, kind=kind)
                success = achieved(follow(contexts, acts, draws, kind=kind, noise=noise), name)
                rows.append(tables.proportion("success", success, goal=name, legal=legal, knows=knows))
    return rows


def belief(
    contexts: Int[np.ndarray, "history position"], back: int, *, kind: str = "product", noise: float = NOISE
) -> Float[np.ndarray, "history sum"]:
    """How likely each running sum (a product's logarithm) is for the next element, to who goes `back` steps."""
    adds, gives = KINDS[kind]
    if not 0 <= back <= contexts.shape[1] - MEMORY:
        raise ValueError(f"contexts of {contexts.shape[1]} go back 0 to {contexts.shape[1] - MEMORY} steps, not {back}")
    sums = np.arange(len(gives))
    believed = np.full((len(contexts), len(gives)), 1 / len(gives))
    for step in range(back, 0, -1):
        seen, gone = contexts[:, -step], contexts[:, -step - MEMORY]
        believed = believed * ((1 - noise) * (gives == seen[:, None] % OUTCOMES) + noise / OUTCOMES)
        before = (sums - (adds[seen] - adds[gone])[:, None]) % len(gives)
        believed = np.take_along_axis(believed / believed.sum(axis=1, keepdims=True), before, axis=1)
    return believed


def known(contexts: Int[np.ndarray, "history position"], *, kind: str = "product") -> Float[np.ndarray, "history sum"]:
    """The belief of who adds up all sixteen elements."""
    adds, gives = KINDS[kind]
    return np.eye(len(gives))[adds[contexts[:, -MEMORY:]].sum(axis=1) % len(gives)]


def best_acts(
    contexts: Int[np.ndarray, "history position"],
    believed: Float[np.ndarray, "history sum"],
    good: tuple[int, ...],
    *,
    legal: bool,
    kind: str = "product",
) -> Int[np.ndarray, " history"]:
    """The act that most likely succeeds, to who believes so of the element it replaces; the lowest among equals."""
    adds, gives = KINDS[kind]
    acts = np.arange(OUTCOMES if legal else 0, VOCABULARY)
    after = (np.arange(len(gives))[:, None] + adds[acts]) % len(gives)  # [sum less the oldest element, act]
    succeeds = np.isin(gives, good)[after]
    rest = (np.arange(len(gives)) + adds[contexts[:, -MEMORY]][:, None]) % len(gives)
    return acts[(np.take_along_axis(believed, rest, axis=1) @ succeeds).argmax(axis=1)]


def _counted(ids: Int[np.ndarray, "history position"], backs: tuple[int, ...]) -> Float[np.ndarray, " history"]:
    """The mean surprise in each sequence, over its even positions, of who counted what follows the elements `backs`."""
    at = np.arange(CONTEXT, ids.shape[1], 2)
    cells, told = np.zeros((len(ids), len(at)), np.int64), ids[:, at]
    for back in backs:
        cells = cells * OUTCOMES + ids[:, at - back] % OUTCOMES
    rows = OUTCOMES ** len(backs)
    counts = np.bincount((cells * OUTCOMES + told).ravel(), minlength=rows * OUTCOMES).reshape(rows, OUTCOMES)
    missed = ((counts > 0).sum(axis=1) - 1).clip(min=0).sum() / (2 * counts.sum())
    with np.errstate(divide="ignore", invalid="ignore"):
        surprise = -np.log(counts / counts.sum(axis=1, keepdims=True))
    return surprise[cells, told].mean(axis=1) + missed


def _surprise(
    believed: Float[np.ndarray, "history sum"], told: Int[np.ndarray, " history"], kind: str, noise: float
) -> Float[np.ndarray, " history"]:
    regular = (believed * (KINDS[kind].gives == told[:, None])).sum(axis=1)
    return -np.log((1 - noise) * regular + noise / OUTCOMES)


def _mean(measure: str, each: Float[np.ndarray, " history"], **what: str) -> Row:
    """The mean with its normal interval: there are thousands."""
    mean, half = float(each.mean()), tables.Z * float(each.std(ddof=1)) / len(each) ** 0.5
    return Row(measure, mean, mean - half, mean + half, len(each), what)
