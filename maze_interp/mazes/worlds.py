"""Worlds: an endless, repeatable supply of mazes with a start and a goal, split into train, validation and test.

A world says what kind of maze to draw, a mixture which kinds and how often. Maze i of either is a function of (seed, i)
alone, so a stream is resumed by remembering one integer. A maze that is not as the world wants it, in its start and
goal or in a measure, is drawn again, passages and all; `acceptance` says how often that happens. Which split a maze
belongs to is decided by the hash of its passages and nothing else.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from jaxtyping import Bool, Int

from maze_interp import recipes, seeds, tables
from maze_interp.mazes.batch import NO_CELL, MazeBatch
from maze_interp.mazes.endpoints import draw_endpoints
from maze_interp.mazes.generators import generate
from maze_interp.mazes.hashing import SHARES, SPLITS, passage_hash, split_name, split_of
from maze_interp.mazes.kinds import Mixture, World
from maze_interp.mazes.measures import passing
from maze_interp.mazes.mixtures import cut_out, layout, placed

LIMIT = 20_000  # mazes in a row of another kind or split before there seem to be none: chance 0.95 ** 20_000 if 5% are
PATIENCE = 20  # attempts at the same few mazes, all in vain, before asking whether the world is possible at all
ATTEMPTS = 1000  # draws of a maze along with the others of its batch before it is searched for alone
REPEATS = 100  # attempts at another start and goal in the same maze before it keeps its own
GAP = 32  # drawing that many mazes for nothing costs less than calling the generator once more


def draw(world: World | Mixture, count: int, *, seed: int, first: int = 0, threads: int = 1) -> MazeBatch:
    """`count` mazes of a world; maze i is a function of (seed, first + i) alone, whatever the batch or the threads.

    A maze without an admissible start and goal, or that the filters refuse, is drawn again under a seed derived for
    the attempt. Raises ValueError if of 20,000 draws none will do: the world is impossible, or as good as.
    """
    for what, value, least in (("count", count, 0), ("first", first, 0), ("threads", threads, 1)):
        if value < least:
            raise ValueError(f"{what} must be at least {least}, not {value}")
    index = np.arange(first, first + count)
    if threads == 1:
        return _at(world, index, seed)
    with ThreadPoolExecutor(threads) as pool:
        return _joined(list(pool.map(lambda part: _at(world, part, seed), np.array_split(index, threads))))


def acceptance(world: World | Mixture, *, seed: int, count: int = LIMIT) -> tables.Row:
    """The share of first draws that the world accepts, with its 95% interval, from the first `count` of the stream.

    Where start, goal or a filter ask for something rare, this is what the drawing costs: 1 / share draws a maze.
    """
    index, fit = np.arange(count), np.zeros(count, dtype=bool)
    for one, mine in _shares(world, index, seed):
        fit[mine] = _once(one, index[mine], seed)[1]
    return tables.proportion("acceptance", fit)


def take(
    world: World | Mixture, count: int, *, seed: int, first: int = 0, split: int, threads: int = 1
) -> tuple[MazeBatch, int]:
    """(the next `count` mazes of the world's stream that belong to `split`, the index at which to go on).

    A pure function: taking 10 and then 5 from the index it returned is taking 15. Raises ValueError if 20,000 mazes
    in a row are of other splits, as happens in a world with only a handful of mazes.
    """
    mazes, _, after = _take(world, count, seed, first, split, threads)
    return mazes, after


def take_paths(
    world: World | Mixture, count: int, paths: int, *, seed: int, paths_seed: int, first: int = 0, split: int
) -> tuple[MazeBatch, int]:
    """Like `take`, but each of the mazes `paths` times in a row, with a start and a goal of its own each time.

    They are drawn by the rules of the maze's world and depend on the maze, `paths_seed` and the row of the batch alone.
    Where the filters refuse a hundred pairs one after the other, the maze's own is repeated.
    """
    mazes, index, after = _take(world, count, seed, first, split, 1)
    rows = np.arange(count * paths)
    many = mazes[rows // paths]
    if isinstance(world, World):
        return _with_other_ends(world, many, paths_seed, rows), after
    where = layout(world, index[rows // paths], seed)
    for one, mine in _shares(world, index[rows // paths], seed):
        place = where.top[mine], where.left[mine]
        part = _with_other_ends(one, cut_out(many[mine], one.rows, one.cols, *place), paths_seed, rows[mine])
        _put(many, mine, placed(part, world.rows, world.cols, *place))
    return many, after


def _at(world: World | Mixture, index: Int[np.ndarray, " maze"], seed: int) -> MazeBatch:
    """The mazes with these ascending indices."""
    if isinstance(world, Mixture):
        where, count = layout(world, index, seed), len(index)
        mazes = MazeBatch(np.zeros((count, 2, world.rows, world.cols), bool), *np.zeros((2, count), np.int32))
        for one, mine in _shares(world, index, seed):
            part = _at(one, index[mine], seed)
            _put(mazes, mine, placed(part, world.rows, world.cols, where.top[mine], where.left[mine]))
        return mazes
    mazes, fit = _once(world, index, seed)
    lost, attempt = np.flatnonzero(~fit), 1
    while len(lost) and attempt < ATTEMPTS:
        if len(lost) == len(index) and attempt == np.clip(LIMIT // len(index), 1, PATIENCE):
            _check_possible(world, seed)
        again, fit = _once(world, index[lost], seeds.derive(seed, "attempt", attempt))
        _put(mazes, lost[fit], again[fit])
        lost = lost[~fit]
        attempt += 1
    for place in lost:
        _put(mazes, np.array([place]), _search(world, seeds.derive(seed, "search", int(index[place]))))
    return mazes


def _search(world: World, seed: int) -> MazeBatch:
    """The first maze of a stream that is as the world wants it: with a stream of its own, a rare maze is soon found."""
    first, size = 0, 64
    while True:
        mazes, fit = _once(world, np.arange(first, first + size), seed)
        if fit.any():
            return mazes[fit.argmax() :][:1]
        first, size = first + size, min(2 * size, LIMIT)


def _once(world: World, index: Int[np.ndarray, " maze"], seed: int) -> tuple[MazeBatch, Bool[np.ndarray, " maze"]]:
    """A first draw of the mazes with these ascending indices, and which of them are as the world wants them."""
    knobs: dict[str, Any] = dict(world.knobs)
    pieces = []
    for run in np.split(index, np.flatnonzero(np.diff(index) > GAP) + 1):
        low, high = (int(run[0]), int(run[-1]) + 1) if len(run) else (0, 0)
        drawn = generate(world.generator, high - low, world.rows, world.cols, seed=seed, first=low, **knobs)
        pieces.append(drawn if len(run) == high - low else drawn[run - low])
    mazes = _with_ends(world, pieces[0] if len(pieces) == 1 else np.concatenate(pieces), seed, index)
    return mazes, passing(mazes, world.filters)


def _with_ends(
    world: World, passages: Bool[np.ndarray, "maze 2 row col"], seed: int, index: Int[np.ndarray, " maze"]
) -> MazeBatch:
    bounds: dict[str, Any] = {"min_length": world.min_length, "max_length": world.max_length}
    return MazeBatch(passages, *draw_endpoints(passages, seed=seed, first=index, endpoints=world.endpoints, **bounds))


def _with_other_ends(world: World, mazes: MazeBatch, seed: int, index: Int[np.ndarray, " maze"]) -> MazeBatch:
    again = _with_ends(world, mazes.passages, seed, index)
    lost, attempt = np.flatnonzero(~passing(again, world.filters)), 1
    while len(lost) and attempt < REPEATS:
        more = _with_ends(world, mazes.passages[lost], seeds.derive(seed, "attempt", attempt), index[lost])
        _put(again, lost, more)
        lost = lost[~passing(more, world.filters)]
        attempt += 1
    _put(again, lost, mazes[lost])
    return again


def _take(
    world: World | Mixture, count: int, seed: int, first: int, split: int, threads: int
) -> tuple[MazeBatch, Int[np.ndarray, " maze"], int]:
    """What `take` gives, with the mazes' indices in the stream."""
    split_name(split)
    if count < 0:
        raise ValueError(f"count must be at least 0, not {count}")
    parts, places, left, missed = [], [np.zeros(0, np.int64)], count, np.zeros(0, np.uint64)
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
        places.append(first + chosen)
        left -= len(chosen)
        first += size if left else after
    return _joined(parts) if parts else draw(world, 0, seed=seed), np.concatenate(places), first


def _shares(
    world: World | Mixture, index: Int[np.ndarray, " maze"], seed: int
) -> list[tuple[World, Int[np.ndarray, " chosen"]]]:
    """Each single world with the places of its mazes among these indices; worlds without a maze left out."""
    if isinstance(world, World):
        return [(world, np.arange(len(index)))]
    number = layout(world, index, seed).world
    shares = [(one, np.flatnonzero(number == i)) for i, one in enumerate(world.worlds.values())]
    return [(one, mine) for one, mine in shares if len(mine)]


def _put(mazes: MazeBatch, where: Int[np.ndarray, " maze"], others: MazeBatch) -> None:
    mazes.passages[where], mazes.start[where], mazes.goal[where] = others.passages, others.start, others.goal


def _joined(parts: list[MazeBatch]) -> MazeBatch:
    fields = [[part.passages, part.start, part.goal] for part in parts]
    return MazeBatch(*map(np.concatenate, zip(*fields, strict=True)))


def _check_possible(world: World, seed: int) -> None:
    """A Refusal, with what stood in the way, if of many draws none is as the world wants it."""
    mazes, fit = _once(world, np.arange(LIMIT), seeds.derive(seed, "possible"))
    if fit.any():
        return
    reason = "had an admissible start and goal in its largest component"
    mazes = mazes[mazes.start != NO_CELL]
    if len(mazes):
        shares = {name: passing(mazes, {name: bounds}).mean() for name, bounds in world.filters.items()}
        said = ", ".join(f"{name} holds in {share:.2%}" for name, share in shares.items())
        reason = f"passed its filters (of the {len(mazes)} with an admissible start and goal, {said})"
    raise recipes.Refusal(f"{world} is impossible, or as good as: of {LIMIT} mazes drawn, none {reason}")


def _empty(world: World | Mixture, split: int, missed: np.ndarray) -> ValueError:
    distinct = np.unique(missed)
    counts = np.bincount(split_of(distinct), minlength=len(SPLITS))
    seen = ", ".join(f"{name} {number}" for name, number in zip(SPLITS, counts, strict=True))
    scan = f"no {SPLITS[split]} maze among {len(missed)} in a row"
    return ValueError(f"{scan} of {world}: it gave {len(distinct)} distinct mazes ({seen})")
