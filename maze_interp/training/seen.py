"""Which mazes a run has read. Because a step's data is a function of its number, this is known afterwards, exactly."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt64

from maze_interp import mazes
from maze_interp.mazes import MazeBatch
from maze_interp.training.batches import POOL, asked_mazes, held_mazes, pool_mazes
from maze_interp.training.run import TrainingRun


@dataclass(frozen=True)
class MazesSeen:
    """How many mazes were read, how many of them have different passages, and the hashes of those, sorted."""

    read: int
    distinct: int
    hashes: UInt64[np.ndarray, " maze"]


def mazes_seen(run: TrainingRun) -> MazesSeen:
    """The mazes of a run's steps so far, drawn again from its recipe. A pool counts whole once it has begun."""
    held = held_mazes(run.recipe)
    hashes = [mazes.passage_hash(pool_mazes(run.recipe, pool, held).passages) for pool in _pools(run)]
    different = np.unique(np.concatenate(hashes)) if hashes else np.zeros(0, np.uint64)
    return MazesSeen(sum(map(len, hashes)), len(different), different)


def mazes_read(run: TrainingRun, *, progress: Callable[[int, int], None] | None = None) -> MazeBatch:
    """The distinct mazes of a run's steps so far, each with the start and goal of a path that was first read of it.

    They are those that `mazes_seen` counts, but for lessons, which are of other worlds. `progress` is called with
    (pools done, pools).
    """
    recipe, pools = run.recipe, [pool for pool in _pools(run) if run.recipe.world_at(pool * POOL) == run.recipe.world]
    held, known = held_mazes(recipe), set[int]()
    parts = [mazes.draw(recipe.world, 0, seed=0)]
    for done, pool in enumerate(pools, start=1):
        asked = asked_mazes(recipe, pool, held)[:: recipe.paths_per_maze]
        hashes, place = np.unique(mazes.passage_hash(asked.passages), return_index=True)
        parts.append(asked[place[[one not in known for one in hashes.tolist()]]])
        known.update(hashes.tolist())
        if progress is not None:
            progress(done, len(pools))
    return MazeBatch(*(np.concatenate([getattr(one, name) for one in parts]) for name in ("passages", "start", "goal")))


def _pools(run: TrainingRun) -> range:
    """The pools that the run's steps so far have begun."""
    return range(-(-max(run.checkpoints, default=0) // POOL))
