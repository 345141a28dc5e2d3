"""Baking: a finite set of mazes on disk, for when the same mazes must be used again and again.

A baked folder holds one file per split, memory-mapped when loaded, beside the recipe that made it and a summary that
says how many different mazes there really are: in small worlds a large set repeats few mazes between many cells. No
(maze, start, goal) occurs twice, and no maze of one split occurs in another. The folder appears whole or not at all.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt64

from maze_interp import recipes, seeds, storage
from maze_interp.mazes.batch import MazeBatch
from maze_interp.mazes.worlds import SPLITS, TRAIN, World, passage_hash, split_name, take

LEAST = 20_000  # mazes in a row that bring nothing new before a world counts as exhausted


@dataclass(frozen=True)
class DatasetRecipe:
    """A named set: its world, how many mazes of each split (`count` is the train split), the seed and why it exists."""

    name: str
    world: World
    count: int
    validation: int
    test: int
    reason: str
    seed: int = 0

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

    The summary counts, per split, the mazes and the distinct passages among them, and the passages that two splits
    share. Raises ValueError if the folder is taken or the world has too few mazes; then nothing is written.
    """
    counts = (recipe.count, recipe.validation, recipe.test)
    with storage.folder_atomically(folder) as partial:
        hashes, done = [], 0
        for split, count in enumerate(counts):
            tick = None if progress is None else lambda n, base=done: progress(base + n, sum(counts))
            mazes = _distinct(recipe, count, split, tick, threads)
            storage.save(partial / f"{SPLITS[split]}.safetensors", mazes, {"dataset": recipe.name})
            hashes.append(np.unique(passage_hash(mazes.passages)))
            done += count
        summary = _summary(recipe, counts, hashes)
        storage.write_text_atomically(partial / "recipe.toml", recipes.to_toml(recipe))
        storage.write_text_atomically(partial / "summary.json", json.dumps(summary, indent=2))
        storage.write_text_atomically(
            partial / "provenance.json", json.dumps(storage.provenance(seed=recipe.seed), indent=2)
        )
    return summary


def load_baked(folder: str | Path, split: int = TRAIN) -> MazeBatch:
    """One split of a baked folder, its arrays read-only views of the mapped file."""
    return storage.load(MazeBatch, Path(folder) / f"{split_name(split)}.safetensors")


def _distinct(
    recipe: DatasetRecipe, count: int, split: int, tick: Callable[[int], None] | None, threads: int
) -> MazeBatch:
    """The first `count` different (passages, start, goal) of a split, in the order of the world's stream."""
    passages = np.empty((count, 2, recipe.world.rows, recipe.world.cols), dtype=bool)
    ends = np.empty((2, count), dtype=np.int32)
    known: set[int] = set()
    done = stale = first = 0
    while done < count:
        size = min(count - done + 8, LEAST)
        mazes, first = take(recipe.world, size, seed=recipe.seed, first=first, split=split, threads=threads)
        new: list[int] = []
        for i, key in enumerate(_keys(mazes).tolist()):
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


def _keys(mazes: MazeBatch) -> UInt64[np.ndarray, " maze"]:
    """A number per (passages, start, goal); different ones collide once in 2**64."""
    cells = np.uint64(mazes.rows * mazes.cols)
    between = mazes.start.astype(np.uint64) * cells + mazes.goal.astype(np.uint64)
    return passage_hash(mazes.passages) ^ between * seeds.GOLDEN


def _summary(recipe: DatasetRecipe, counts: tuple[int, ...], hashes: list[np.ndarray]) -> dict[str, Any]:
    shared = sum(len(np.intersect1d(one, two)) for one, two in combinations(hashes, 2))
    return {
        "name": recipe.name,
        "reason": recipe.reason,
        **{f"{name}_mazes": count for name, count in zip(SPLITS, counts, strict=True)},
        **{f"{name}_distinct_passages": len(found) for name, found in zip(SPLITS, hashes, strict=True)},
        "passages_shared_between_splits": shared,
    }
