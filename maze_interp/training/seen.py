"""Which mazes a run has read. Because a step's data is a function of its number, this is known afterwards, exactly."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt64

from maze_interp import mazes
from maze_interp.training.batches import POOL, held_mazes, pool_mazes
from maze_interp.training.run import TrainingRun


@dataclass(frozen=True)
class MazesSeen:
    """How many mazes were read, how many of them have different passages, and the hashes of those, sorted."""

    read: int
    distinct: int
    hashes: UInt64[np.ndarray, " maze"]


def mazes_seen(run: TrainingRun) -> MazesSeen:
    """The mazes of a run's steps so far, drawn again from its recipe. A pool counts whole once it has begun."""
    recipe = run.recipe
    steps = max(run.checkpoints, default=0)
    held = held_mazes(recipe)
    pools = range(-(-steps // POOL))
    hashes = [mazes.passage_hash(pool_mazes(recipe, pool, held).passages) for pool in pools]
    different = np.unique(np.concatenate(hashes)) if hashes else np.zeros(0, np.uint64)
    return MazesSeen(sum(map(len, hashes)), len(different), different)
