"""A control task: labels that nothing explains, which a probe can only learn by heart (Hewitt & Liang 2019).

Every type of input has a label of its own, drawn once at random and the same in all splits, whatever the maze. Theirs
were types of words; here a type is where the walker stands and where it is to go, which the token and the prompt name.
The label is that of some training sample, so that labels are as frequent, and hang together, as those of the fact.

A probe that scores well here has room enough to learn types by heart. Selectivity is its score on the fact less its
score here: what is left of the score once that room is charged for. It is a figure besides, and no control that a fact
must beat: what only few types have is no less known for being learned easily.
"""

from dataclasses import replace

import numpy as np
from jaxtyping import Int

from maze_interp import seeds
from maze_interp.probing.bench import TRAIN, Bench
from maze_interp.probing.positions import Asked
from maze_interp.probing.targets import Labels


def control_task(on: Bench, *, seed: int) -> Bench:
    """A bench of the same samples whose truth is the control task's; other mazes' labels it has none.

    A label is unknown where the fact is. `seed` draws the label of each type, target by target.
    """
    names = list(on.truth[TRAIN].columns)
    donors = {name: _donors(on, name, seed) for name in names}
    truth = tuple(_labels(on, which, donors) for which in range(len(on.asked)))
    with np.errstate(invalid="ignore"):
        spread = {name: np.nanstd(truth[TRAIN].values[name], axis=0) for name in names}
    none = tuple(each[:, :0] for each in on.mixed)
    return replace(on, truth=(truth[0], truth[1], truth[2]), mixed=(none[0], none[1]), spread=spread)


def types(asked: Asked) -> Int[np.ndarray, " sample"]:
    """The type of each sample, a number below the square of the number of cells."""
    here = asked.paths.cells[asked.maze, asked.step]
    return here * (asked.mazes.rows * asked.mazes.cols) + asked.mazes.goal[asked.maze]


def _donors(on: Bench, name: str, seed: int) -> Int[np.ndarray, " type"]:
    """The training sample whose label of a target each type has."""
    known = np.flatnonzero(~np.isnan(on.truth[TRAIN].values[name]).all(axis=1))
    batch = on.asked[TRAIN].mazes
    count = (batch.rows * batch.cols) ** 2
    return known[seeds.generator(seed, "control task", name).integers(len(known), size=count)]


def _labels(on: Bench, which: int, donors: dict[str, Int[np.ndarray, " type"]]) -> Labels:
    given, own, kind = on.truth[TRAIN], on.truth[which], types(on.asked[which])
    values, parts = {}, []
    for name, columns in own.columns.items():
        donor = donors[name][kind]
        values[name] = np.where(np.isnan(own.values[name]), np.nan, given.values[name][donor])
        unknown = np.isnan(own.outputs[:, columns])
        parts.append(np.where(unknown, np.nan, given.outputs[donor, columns]).astype(np.float32))
    return Labels(values, np.concatenate(parts, axis=1), own.columns)
