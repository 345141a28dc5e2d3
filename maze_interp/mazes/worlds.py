"""Worlds: an endless, repeatable supply of mazes with a start and a goal, split into train, validation and test.

A world says what kind of maze to draw. Maze i of a world is a function of (seed, i) alone, so a stream is resumed by
remembering one integer. Which split a maze belongs to is decided by a hash of its passages and nothing else: the same
passages are a test maze in every world, under every seed and between any two cells, so nothing that was tested on can
have been trained on.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, no_type_check

import numpy as np
from jaxtyping import Bool, UInt8, UInt64
from numba import njit

from maze_interp import seeds
from maze_interp.mazes.batch import NO_CELL, MazeBatch
from maze_interp.mazes.endpoints import draw_endpoints
from maze_interp.mazes.generators import generate, settle

SPLITS = ("train", "validation", "test")
TRAIN, VALIDATION, TEST = 0, 1, 2
SHARES = (17, 1, 2)  # of 20: 85%, 5%, 10%
ATTEMPTS = 100  # redraws of a maze that has no admissible start and goal
LIMIT = 20_000  # mazes in a row outside a split before it counts as empty: chance 0.95 ** 20_000 if it is not


@dataclass(frozen=True)
class World:
    """A kind of maze: the generator with its knobs, the lattice, and the fewest cells a shortest path may have."""

    generator: str = "depth_first"
    rows: int = 6
    cols: int = 6
    knobs: dict[str, bool | int | float] = field(default_factory=dict)
    min_length: int = 2

    def __post_init__(self) -> None:
        settle(self.generator, self.rows, self.cols, self.knobs)
        if not 1 <= self.min_length <= self.rows * self.cols:
            raise ValueError(
                f"min_length must be from 1 to the {self.rows * self.cols} cells there are, not {self.min_length}"
            )


def draw(world: World, count: int, *, seed: int, first: int = 0, threads: int = 1) -> MazeBatch:
    """`count` mazes of a world; maze i is a function of (seed, first + i) alone, whatever the batch or the threads.

    A maze without an admissible start and goal is drawn again under a seed derived for the attempt. Raises ValueError
    if some maze has none after 100 attempts: the world is impossible, or as good as.
    """
    if threads == 1:
        return _draw(world, count, seed, first)
    bounds = np.linspace(0, count, threads + 1).astype(int).tolist()
    with ThreadPoolExecutor(threads) as pool:
        parts = pool.map(lambda low, high: _draw(world, high - low, seed, first + low), bounds, bounds[1:])
        return _joined(list(parts))


def passage_hash(passages: Bool[np.ndarray, "maze 2 row col"]) -> UInt64[np.ndarray, " maze"]:
    """A 64-bit hash of each maze's open passages: equal mazes agree, in every process and on a larger lattice too."""
    hashes = np.empty(len(passages), np.uint64)
    count, _, rows, cols = passages.shape
    _hash(np.ascontiguousarray(passages).reshape(count, 2 * rows * cols), rows, cols, hashes)
    return hashes


def split_of(hashes: UInt64[np.ndarray, " maze"]) -> UInt8[np.ndarray, " maze"]:
    """TRAIN, VALIDATION or TEST for each passage hash: about 85, 5 and 10 percent of all passages."""
    return np.repeat(np.arange(3, dtype=np.uint8), SHARES)[hashes % np.uint64(sum(SHARES))]


def split_name(split: int) -> str:
    """ "train", "validation" or "test"; ValueError if `split` is none of TRAIN, VALIDATION and TEST."""
    if split not in (TRAIN, VALIDATION, TEST):
        raise ValueError(f"split must be TRAIN, VALIDATION or TEST (0, 1 or 2), not {split!r}")
    return SPLITS[split]


def take(world: World, count: int, *, seed: int, first: int = 0, split: int, threads: int = 1) -> tuple[MazeBatch, int]:
    """(the next `count` mazes of the world's stream that belong to `split`, the index at which to go on).

    A pure function: taking 10 and then 5 from the index it returned is taking 15. Raises ValueError if 20,000 mazes
    in a row are of other splits, as happens in a world with only a handful of mazes.
    """
    split_name(split)
    parts, left, missed = [], count, np.zeros(0, np.uint64)
    while left > 0:
        if len(missed) == LIMIT:
            raise _empty(world, split, missed)
        size = min(left * sum(SHARES) // SHARES[split] + 8, LIMIT - len(missed))
        batch = draw(world, size, seed=seed, first=first, threads=threads)
        hashes = passage_hash(batch.passages)
        chosen = np.flatnonzero(split_of(hashes) == split)[:left]
        after = int(chosen[-1]) + 1 if len(chosen) else 0
        missed = np.concatenate([missed[:0] if after else missed, hashes[after:]])
        parts.append(batch[chosen])
        left -= len(chosen)
        first += size if left else after
    return (_joined(parts) if parts else draw(world, count, seed=seed)), first


def _draw(world: World, count: int, seed: int, first: int) -> MazeBatch:
    mazes = _once(world, count, seed, first)
    lost = np.flatnonzero(mazes.start == NO_CELL)
    attempt = 1
    while len(lost) and attempt < ATTEMPTS:
        for run in np.split(lost, np.flatnonzero(np.diff(lost) > 1) + 1):
            again = _once(world, len(run), seeds.derive(seed, "attempt", attempt), first + int(run[0]))
            mazes.passages[run], mazes.start[run], mazes.goal[run] = again.passages, again.start, again.goal
        lost = lost[mazes.start[lost] == NO_CELL]
        attempt += 1
    if len(lost):
        raise ValueError(
            f"{world} is impossible, or as good as: {len(lost)} of {count} mazes (the first is maze {first + lost[0]}) "
            f"had no shortest path of {world.min_length} cells in their largest component in {ATTEMPTS} attempts"
        )
    return mazes


def _once(world: World, count: int, seed: int, first: int) -> MazeBatch:
    knobs: dict[str, Any] = dict(world.knobs)
    passages = generate(world.generator, count, world.rows, world.cols, seed=seed, first=first, **knobs)
    return MazeBatch(passages, *draw_endpoints(passages, seed=seed, first=first, min_length=world.min_length))


def _joined(parts: list[MazeBatch]) -> MazeBatch:
    fields = [[part.passages, part.start, part.goal] for part in parts]
    return MazeBatch(*map(np.concatenate, zip(*fields, strict=True)))


def _empty(world: World, split: int, missed: np.ndarray) -> ValueError:
    distinct = np.unique(missed)
    counts = np.bincount(split_of(distinct), minlength=len(SPLITS))
    seen = ", ".join(f"{name} {number}" for name, number in zip(SPLITS, counts, strict=True))
    scan = f"no {SPLITS[split]} maze among {len(missed)} in a row"
    return ValueError(f"{scan} of {world}: it gave {len(distinct)} distinct mazes ({seen})")


@njit(cache=True, nogil=True)
@no_type_check
def _hash(edges, rows, cols, hashes):
    """A sum over open passages, so that closed cells around a maze, as on a larger lattice, leave it as it is."""
    for i in range(len(edges)):
        total = np.uint64(0)
        for direction in range(2):
            for row in range(rows):
                for col in range(cols):
                    if edges[i, (direction * rows + row) * cols + col]:
                        total += seeds.mix(np.uint64((direction << 40) | (row << 20) | col) + seeds.GOLDEN)
        hashes[i] = seeds.mix(total + seeds.GOLDEN)
