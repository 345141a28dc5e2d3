"""A bench for probes: samples with their labels, on which any features are fitted and scored alike.

Fitted are all targets at once, and beside them the same targets with the labels of other mazes: a probe that does well
on those has learned from its training mazes what is nowhere in the features.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, Num

from maze_interp import seeds
from maze_interp.probing import linear, targets
from maze_interp.probing.linear import Fit
from maze_interp.probing.positions import Asked
from maze_interp.probing.targets import NUMBER, TARGETS, YES_NO, Labels

TRAIN, VALIDATION, TEST = 0, 1, 2
INTERIOR = ", interior"
Splits = tuple[Asked, Asked, Asked]
Part = Num[np.ndarray, "_ feature"]  # of one split
PerMaze = Float[np.ndarray, " maze"]
Outputs = Float[np.ndarray, "sample output"]


@dataclass(frozen=True)
class Bench:
    """Samples to fit to, to choose penalties on and to score on; their labels, and for the first two others' labels."""

    asked: Splits
    truth: tuple[Labels, Labels, Labels]
    mixed: tuple[Float[np.ndarray, "train output"], Float[np.ndarray, "validation output"]]
    spread: dict[str, Float[np.ndarray, " slot"]]
    method: str
    penalties: tuple[float, ...]


def bench(asked: Splits, names: Sequence[str], *, method: str, penalties: Sequence[float], seed: int) -> Bench:
    """The bench of some targets; `seed` draws whose labels each maze gets besides its own."""
    linear.check_method(method)
    train, validation, test = (targets.labels(one, names) for one in asked)
    mixed = tuple(
        own.outputs[shuffled(one, seed=seeds.derive(seed, "shuffled", which))]
        for which, (one, own) in enumerate(zip(asked, (train, validation), strict=False))
    )
    with np.errstate(invalid="ignore"):
        spread = {name: np.nanstd(train.values[name], axis=0) for name in names}
    return Bench(asked, (train, validation, test), (mixed[0], mixed[1]), spread, method, tuple(penalties))


def fit(on: Bench, features: Sequence[Part]) -> Fit:
    """Maps from the features of the three splits to all outputs, and after them to those of other mazes."""
    sets = [
        (features[which], np.concatenate([on.truth[which].outputs, on.mixed[which]], axis=1))
        for which in (TRAIN, VALIDATION)
    ]
    owner = np.empty(on.truth[TRAIN].outputs.shape[1], dtype=int)
    likely = np.zeros(len(owner), dtype=bool)
    for place, (name, columns) in enumerate(on.truth[TRAIN].columns.items()):
        owner[columns] = place
        likely[columns] = on.method == "logistic" and TARGETS[name].type != NUMBER
    count = len(owner) + on.mixed[TRAIN].shape[1]
    owners, likelies = np.append(owner, owner + len(on.spread))[:count], np.append(likely, likely)[:count]
    return linear.fit(sets[TRAIN], sets[VALIDATION], owners, by_likelihood=likelies, penalties=on.penalties)


def score(on: Bench, predicted: Outputs, which: int = TEST) -> dict[str, PerMaze]:
    """Each fact's mean score in each maze of a split; NaN where there was nothing to predict.

    A fact is a target, or `wall, interior`: the target without the slots on the border.
    """
    asked, truth, facts = on.asked[which], on.truth[which], {}
    for name, columns in truth.columns.items():
        each = targets.scores(name, predicted[:, columns], truth, on.spread[name])
        facts[name] = per_maze(each, asked)
        inner = targets.interior(name, asked.mazes.rows, asked.mazes.cols)
        if inner is not None:
            facts[name + INTERIOR] = per_maze(each[:, inner], asked)
    return facts


def majority(on: Bench) -> Outputs:
    """What is predicted without any feature: the frequency or mean of each output in training."""
    mean = np.nanmean(on.truth[TRAIN].outputs, axis=0)
    return np.broadcast_to(mean, on.truth[TEST].outputs.shape)


def always_yes(on: Bench) -> dict[str, PerMaze]:
    """The score of always saying yes, for the facts that are a yes or no."""
    yes = score(on, np.ones_like(on.truth[TEST].outputs))
    return {fact: each for fact, each in yes.items() if TARGETS[target_of(fact)].type == YES_NO}


def target_of(fact: str) -> str:
    """The target that a fact is about."""
    return fact.removesuffix(INTERIOR)


def measure_of(fact: str) -> str:
    """What a score of the fact is."""
    return "R²" if TARGETS[target_of(fact)].type == NUMBER else "accuracy"


def per_maze(each: Float[np.ndarray, "sample slot"], asked: Asked) -> PerMaze:
    """The mean over a maze's samples and slots of what is known; NaN if nothing is."""
    known = ~np.isnan(each)
    total = np.bincount(asked.maze, np.where(known, each, 0.0).sum(axis=1), len(asked.mazes))
    count = np.bincount(asked.maze, known.sum(axis=1), len(asked.mazes))
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def shuffled(asked: Asked, *, seed: int) -> Int[np.ndarray, " sample"]:
    """Whose labels each sample gets when those of whole mazes change places; where samples are fewer, they repeat."""
    count = np.bincount(asked.maze, minlength=len(asked.mazes))
    first, inside = np.cumsum(count) - count, np.arange(len(asked)) - (np.cumsum(count) - count)[asked.maze]
    other = seeds.generator(seed, "mazes").permutation(len(asked.mazes))[asked.maze]
    return first[other] + inside % count[other]
