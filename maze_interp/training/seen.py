"""Which mazes a run has read. Because a step's data is a function of its number, this is known afterwards, exactly.

That holds as long as the function does. `first_step_again` asks whether this version still draws what a run read; for
one that read something else, or a data set that is not at hand, its mazes can be kept in its folder (`keep_mazes`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8, UInt16, UInt64

from maze_interp import mazes, models, storage
from maze_interp.mazes import MazeBatch
from maze_interp.models import cores
from maze_interp.training import optimisers, parallel
from maze_interp.training.batches import POOL, asked_mazes, batches, held_mazes, pool_mazes
from maze_interp.training.run import MODEL, TrainingRun
from maze_interp.training.schedule import learning_rate

KEPT = "mazes_read.safetensors"


@dataclass(frozen=True)
class MazesSeen:
    """How many mazes were read, how many of them have different passages, and the hashes of those, sorted."""

    read: int
    distinct: int
    hashes: UInt64[np.ndarray, " maze"]


@dataclass(frozen=True)
class Kept:
    """The distinct mazes that a run read, passages eight to a byte, and how many it read with repetitions."""

    passages: UInt8[np.ndarray, "maze byte"]
    start: UInt16[np.ndarray, " maze"]
    goal: UInt16[np.ndarray, " maze"]
    rows: int
    cols: int
    read: int

    @property
    def mazes(self) -> MazeBatch:
        shape = (len(self.passages), 2, self.rows, self.cols)
        bits = np.unpackbits(self.passages, axis=1, count=2 * self.rows * self.cols)
        return MazeBatch(bits.reshape(shape).astype(bool), self.start.astype(np.int32), self.goal.astype(np.int32))


def keep_mazes(folder: str | Path, read: MazeBatch, count: int) -> None:
    """Keep, in a run's folder, the distinct mazes it read; `count` is how many it read, repetitions and all."""
    bits = np.packbits(read.passages.reshape(len(read), -1), axis=1)
    ends = read.start.astype(np.uint16), read.goal.astype(np.uint16)
    storage.save(Path(folder) / KEPT, Kept(bits, *ends, read.rows, read.cols, count))


def keeps_mazes(run: TrainingRun) -> bool:
    """Whether a run's mazes are kept in its folder rather than drawn again."""
    return (run.folder / KEPT).exists()


def first_step_again(run: TrainingRun) -> float:
    """How alike the run's first step and that step taken again are: the correlation of their changes of the weights.

    1 on the same kind of machine, hardly less on another; clearly less where other mazes are drawn than were read then.
    nan for a run without its checkpoint of step 1.
    """
    if 1 not in run.checkpoints:
        return float("nan")
    recipe, model = run.recipe, run.model(0)
    optimiser = optimisers.build(model, recipe.optimiser)
    for group in optimiser.param_groups:
        group["lr"] = learning_rate(0, recipe.steps, recipe.optimiser, group["peak"])
    before, after = _flat(model), _flat(run.model(1))
    with cores.workers(recipe.threads) as pool:
        parallel.gradient(model, next(batches(recipe)), replace(recipe, device="cpu", dtype="float32"), pool)
    torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.optimiser.clip)
    optimiser.step()
    return float(np.corrcoef(after - before, _flat(model) - before)[0, 1])


def mazes_seen(run: TrainingRun) -> MazesSeen:
    """The mazes of a run's steps so far, drawn again from its recipe. A pool counts whole once it has begun."""
    if keeps_mazes(run):
        kept = storage.load(Kept, run.folder / KEPT)
        different = np.unique(mazes.passage_hash(kept.mazes.passages))
        return MazesSeen(kept.read, len(different), different)
    held = held_mazes(run.recipe)
    hashes = [mazes.passage_hash(pool_mazes(run.recipe, pool, held).passages) for pool in _pools(run)]
    different = np.unique(np.concatenate(hashes)) if hashes else np.zeros(0, np.uint64)
    return MazesSeen(sum(map(len, hashes)), len(different), different)


def lineage(run: TrainingRun) -> list[TrainingRun]:
    """The run, that whose weights it began from, and so on, as far as they are found (see `whole`)."""
    found = [run]
    while begun := found[-1].recipe.begins_from:
        earlier = _begun_from(found[-1], begun)
        if earlier is None or earlier.folder in [one.folder for one in found]:
            break
        found.append(earlier)
    return found


def whole(line: Sequence[TrainingRun]) -> bool:
    """Whether a lineage is known to its beginning, and what each of it had read."""
    return not line[-1].recipe.begins_from and all(_hashes(one) is not None for one in line)


def mazes_behind(line: Sequence[TrainingRun]) -> UInt64[np.ndarray, " maze"]:
    """The hashes, sorted, of all mazes that a run and those it began from are known to have read."""
    known = [hashes for hashes in map(_hashes, line) if hashes is not None]
    return np.unique(np.concatenate([np.zeros(0, np.uint64), *known]))


def _begun_from(run: TrainingRun, begun: str) -> TrainingRun | None:
    """The run that has those weights; None for one that is not there, or has no recipe, and so read nobody knows what.

    A model of the zoo began from another of the zoo, whatever else has that name here.
    """
    try:
        ours = models.named.is_of_the_zoo(run.folder) and begun in models.names()
        folder = models.named.of_the_zoo(begun) if ours else models.locate(begun)
        earlier = TrainingRun(folder.parent if folder.name == MODEL else folder)
        return earlier if earlier.recipe else None
    except (ValueError, OSError):
        return None


def _hashes(run: TrainingRun) -> UInt64[np.ndarray, " maze"] | None:
    """What a run has read; None where that is not known, as its data set is gone, or nobody here trained it."""
    try:
        seen = mazes_seen(run)
    except (ValueError, OSError):
        return None
    return seen.hashes if seen.read or not run.finished else None


def mazes_read(run: TrainingRun, *, progress: Callable[[int, int], None] | None = None) -> MazeBatch:
    """The distinct mazes of a run's steps so far, each with the start and goal of a path that was first read of it.

    They are those that `mazes_seen` counts, but for lessons, which are of other worlds. `progress` is called with
    (pools done, pools).
    """
    if keeps_mazes(run):
        return storage.load(Kept, run.folder / KEPT).mazes
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


def _flat(model: models.HookedTransformer) -> np.ndarray:
    return np.concatenate([weight.numpy().ravel() for weight in models.weights_of(model).values()]).astype(np.float64)
