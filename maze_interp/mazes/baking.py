"""Baking: a finite set of mazes on disk, for when the same mazes must be used again and again.

A baked folder holds one file per split, memory-mapped when loaded, beside the recipe that made it and a summary that
says how many different mazes there really are: in small worlds a large set repeats few mazes between many cells. No
(maze, start, goal) occurs twice, and no maze of one split occurs in another, not even moved on a larger lattice. The
folder appears whole or not at all.

With `up_to_symmetry` a maze counts as repeated if turning or mirroring it gives one that was there, start and goal
with it, and a split keeps only mazes whose canonical hash is of that split too. Every maze is then still in the split
it has everywhere, and no image of it in another; but few of its mazes remain to a split, about a tenth of test's.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt64

from maze_interp import recipes, seeds, storage
from maze_interp.mazes.batch import MazeBatch
from maze_interp.mazes.hashing import SHARES, SPLITS, TRAIN, passage_hash, split_name, split_of
from maze_interp.mazes.kinds import Mixture, World, describe
from maze_interp.mazes.symmetries import canonical_hash, images
from maze_interp.mazes.worlds import acceptance, take
from maze_interp.tables import Row

LEAST = 20_000  # mazes in a row that bring nothing new before a world counts as exhausted


@dataclass(frozen=True)
class DatasetRecipe:
    """A named set: its world, how many mazes of each split (`count` is the train split), the seed and why it exists.

    `up_to_symmetry` leaves out mazes that are images of one another, as the module says.
    """

    name: str
    world: World | Mixture
    count: int
    validation: int
    test: int
    reason: str
    seed: int = 0
    up_to_symmetry: bool = False

    def __post_init__(self) -> None:
        for name in ("count", "validation", "test"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be at least 0, not {getattr(self, name)}")


def bake(
    recipe: DatasetRecipe,
    folder: str | Path,
    *,
    progress: Callable[[int, int], None] | None = None,
    threads: int = 1,
) -> dict[str, Any]:
    """Write the set's splits, recipe, provenance and summary to `folder`; returns the summary.

    The summary says what share of first draws the world accepts, with its 95% interval, and counts, per split, the
    mazes and the distinct passages among them, as they are and up to symmetry, and those that two splits share.
    Raises ValueError if the folder is taken, or the world accepts nothing or has too few mazes; then nothing is
    written.
    """
    counts = (recipe.count, recipe.validation, recipe.test)
    with storage.folder_atomically(folder) as partial:
        accepted = _accepted(recipe)
        splits, done = [], 0
        for split, count in enumerate(counts):
            tick = None if progress is None else lambda n, base=done: progress(base + n, sum(counts))
            mazes = _distinct(recipe, count, split, tick, threads)
            storage.save(partial / f"{SPLITS[split]}.safetensors", mazes, {"dataset": recipe.name})
            splits.append((np.unique(passage_hash(mazes.passages)), np.unique(canonical_hash(mazes.passages))))
            done += count
        summary = _summary(recipe, accepted, counts, *zip(*splits, strict=True))
        storage.write_text_atomically(partial / "recipe.toml", recipes.to_toml(recipe))
        storage.write_text_atomically(partial / "summary.json", json.dumps(summary, indent=2))
        storage.write_text_atomically(
            partial / "provenance.json", json.dumps(storage.provenance(seed=recipe.seed), indent=2)
        )
    return summary


def load_baked(folder: str | Path, split: int = TRAIN) -> MazeBatch:
    """One split of a baked folder, its arrays read-only views of the mapped file."""
    return storage.load(MazeBatch, Path(folder) / f"{split_name(split)}.safetensors")


def _accepted(recipe: DatasetRecipe) -> Row:
    """The world's acceptance; ValueError if it is nothing."""
    accepted = acceptance(recipe.world, seed=recipe.seed)
    if accepted.value == 0:
        raise ValueError(
            f"{recipe.name} asks for what its world, {describe(recipe.world)}, seems not to have: of {accepted.n} "
            f"mazes drawn it accepts none (95% interval of the share: 0 to {accepted.high:.2g})"
        )
    return accepted


def _distinct(
    recipe: DatasetRecipe, count: int, split: int, tick: Callable[[int], None] | None, threads: int
) -> MazeBatch:
    """The first `count` different (passages, start, goal) of a split, in the order of the world's stream."""
    passages = np.empty((count, 2, recipe.world.rows, recipe.world.cols), dtype=bool)
    ends = np.empty((2, count), dtype=np.int32)
    surplus = sum(SHARES) // SHARES[split] if recipe.up_to_symmetry else 1
    known: set[int] = set()
    done = stale = first = 0
    while done < count:
        size = min((count - done) * surplus + 8, LEAST)
        mazes, first = take(recipe.world, size, seed=recipe.seed, first=first, split=split, threads=threads)
        new: list[int] = []
        for i, key in _keys(recipe, mazes, split):
            if key not in known and done + len(new) < count:
                known.add(key)
                new.append(i)
        stale = 0 if new else stale + len(mazes)
        if stale >= LEAST:
            raise ValueError(
                f"{recipe.name} asks for {count} different {SPLITS[split]} mazes with start and goal, but its world "
                f"seems to have only {done}: {stale} more draws brought none. Ask for fewer, or for a larger world"
            )
        passages[done : done + len(new)] = mazes.passages[new]
        ends[:, done : done + len(new)] = mazes.start[new], mazes.goal[new]
        done += len(new)
        if tick is not None:
            tick(done)
    return MazeBatch(passages, *ends)


def _keys(recipe: DatasetRecipe, mazes: MazeBatch, split: int) -> Iterable[tuple[int, int]]:
    """(its number in the batch, what tells it apart) for each maze that may be in the set's split."""
    if not recipe.up_to_symmetry:
        return enumerate(_key(mazes).tolist())
    mine = np.flatnonzero(split_of(canonical_hash(mazes.passages)) == split)
    keys = np.minimum.reduce([_key(image) for image in images(mazes[mine])])
    return zip(mine.tolist(), keys.tolist(), strict=True)


def _key(mazes: MazeBatch) -> UInt64[np.ndarray, " maze"]:
    """A number per (passages, start, goal); different ones collide once in 2**64.

    The first row and column with a passage are part of it: the hash does not know where on the lattice a maze lies.
    """
    cells = mazes.rows * mazes.cols
    top, left = (mazes.passages.any(axis=axes).argmax(axis=1) for axes in ((1, 3), (1, 2)))
    where = (mazes.start.astype(np.int64) * cells + mazes.goal) * cells + top * mazes.cols + left
    return passage_hash(mazes.passages) ^ where.astype(np.uint64) * seeds.GOLDEN


def _summary(
    recipe: DatasetRecipe,
    accepted: Row,
    counts: tuple[int, ...],
    distinct: Sequence[np.ndarray],
    up_to_symmetry: Sequence[np.ndarray],
) -> dict[str, Any]:
    return {
        "name": recipe.name,
        "reason": recipe.reason,
        "acceptance": accepted.value,
        "acceptance_low": accepted.low,
        "acceptance_high": accepted.high,
        "acceptance_draws": accepted.n,
        **{f"{name}_mazes": count for name, count in zip(SPLITS, counts, strict=True)},
        **{f"{name}_distinct_passages": len(found) for name, found in zip(SPLITS, distinct, strict=True)},
        **{f"{name}_distinct_up_to_symmetry": len(found) for name, found in zip(SPLITS, up_to_symmetry, strict=True)},
        "passages_shared_between_splits": _shared(distinct),
        "shared_up_to_symmetry": _shared(up_to_symmetry),
    }


def _shared(hashes: Sequence[np.ndarray]) -> int:
    return sum(len(np.intersect1d(one, two)) for one, two in combinations(hashes, 2))
