"""Where a path starts and where it should lead: fair draws of a start and a goal.

A pair is admissible if both cells lie in the largest component, each is of the wanted kind, and the number of cells on
a shortest path between them is within bounds. Every admissible ordered pair is equally likely, cells of the last row
and column included; with `even_lengths`, first every length that the maze has, and then every pair of that length.
Pairs are guessed and rejected a few times; a maze where that fails has its admissible pairs enumerated instead, so the
draw stays exactly uniform and always ends.
"""

from dataclasses import dataclass
from typing import no_type_check

import numpy as np
from jaxtyping import Bool, Int
from numba import njit

from maze_interp import recipes, seeds
from maze_interp.mazes import lattice, topology
from maze_interp.mazes.batch import NO_CELL
from maze_interp.mazes.solving import NEVER, flood

GUESSES = 16
KINDS = ("anywhere", "dead_ends", "corners", "off_forks")


@dataclass(frozen=True)
class Endpoints:
    """Which cells may be start and which may be goal, and whether lengths or pairs are equally likely.

    A cell is admitted anywhere, at dead ends only, in the lattice's four corners only, or off forks (on cells with two
    passages at most). `goal_block` k keeps the goal within the top right k x k cells; 0 sets no such bound.
    """

    start: str = "anywhere"
    goal: str = "anywhere"
    goal_block: int = 0
    even_lengths: bool = False

    def __post_init__(self) -> None:
        for what in ("start", "goal"):
            if getattr(self, what) not in KINDS:
                raise recipes.unknown(f"kind of {what}", getattr(self, what), KINDS)
        if self.goal_block < 0:
            raise ValueError(f"goal_block must be at least 1, or 0 for a goal anywhere, not {self.goal_block}")


ANY = Endpoints()


def draw_endpoints(
    passages: Bool[np.ndarray, "maze 2 row col"],
    *,
    seed: int,
    first: int | Int[np.ndarray, " maze"] = 0,
    min_length: int = 2,
    max_length: int | None = None,
    endpoints: Endpoints = ANY,
) -> tuple[Int[np.ndarray, " maze"], Int[np.ndarray, " maze"]]:
    """A start and a goal per maze, int32 each; NO_CELL for both where a maze has no admissible pair.

    `min_length` and `max_length` count the cells of the shortest path, both ends included: at least 2 says that the
    ends differ, at least 1 that they need not. Among several largest components, the one that holds the lowest cell
    counts. The draw for maze i depends on its passages and (seed, first + i) alone, or on (seed, first[i]) if an index
    is given for each maze. ValueError if no length is within the bounds.
    """
    _, _, rows, cols = passages.shape
    check(rows, cols, min_length, max_length, endpoints)
    index = np.asarray(first, np.int64) + (0 if np.ndim(first) else np.arange(len(passages)))
    start = np.empty(len(passages), dtype=np.int32)
    goal = np.empty(len(passages), dtype=np.int32)
    block = np.zeros((rows, cols), dtype=bool)
    block[: endpoints.goal_block or rows, -endpoints.goal_block or -cols :] = True
    bounds = min_length - 1, (rows * cols if max_length is None else max_length) - 1
    starts, goals = _kind(passages, endpoints.start), _kind(passages, endpoints.goal) & block.ravel()
    stream = seeds.derive(seed, "endpoints")
    _draw(lattice.flat(passages), cols, stream, index, *bounds, endpoints.even_lengths, starts, goals, start, goal)
    return start, goal


def check(rows: int, cols: int, min_length: int, max_length: int | None, endpoints: Endpoints) -> None:
    """ValueError if no lattice of this size can hold a path of these lengths, or a goal in this block."""
    if min_length < 1:
        raise ValueError(f"min_length counts cells and must be at least 1, not {min_length}")
    if max_length is not None and max_length < min_length:
        raise ValueError(f"max_length must be at least the min_length of {min_length}, not {max_length}")
    if endpoints.goal_block > min(rows, cols):
        raise ValueError(
            f"goal_block must be from 0 (anywhere) to {min(rows, cols)} on a lattice of {rows} x {cols} cells, "
            f"not {endpoints.goal_block}"
        )


def _kind(passages: Bool[np.ndarray, "maze 2 row col"], kind: str) -> Bool[np.ndarray, "one_or_maze cell"]:
    """The cells of a kind, in each maze, or once for all where it does not depend on the passages."""
    if kind == "dead_ends":
        return topology.dead_ends(passages)
    if kind == "off_forks":
        return ~topology.forks(passages)
    cells = np.full((1, *passages.shape[2:]), kind == "anywhere")
    cells[:, [0, 0, -1, -1], [0, -1, 0, -1]] = True
    return cells.reshape(1, -1)


@njit(cache=True, nogil=True)
@no_type_check
def _draw(edges, cols, seed, index, nearest, farthest, even, starts_at, goals_at, starts, goals):
    """`starts_at` and `goals_at` mark the admitted cells, bool[maze, cell], in one row where all mazes' are alike."""
    count, cells = edges.shape[0], edges.shape[1] // 2
    steps = lattice.spot_steps(cols)
    sides = np.zeros(cells + 2 * cols, np.uint8)
    distance = np.empty(cells + 2 * cols, np.int32)
    queue = np.empty(cells + 1, np.uint64)
    state = np.empty(1, np.uint64)
    everywhere = np.arange(cols, cols + cells).astype(np.uint64)
    for i in range(count):
        seeds.begin(state, seed, index[i])
        lattice.open_sides(edges[i], sides, cols)
        starts[i] = NO_CELL
        if i == 0 or len(starts_at) > 1:
            may_start = _those(everywhere, starts_at[i], cols)
        if i == 0 or len(goals_at) > 1:
            may_end = _those(everywhere, goals_at[i], cols)
        sources, targets = may_start, may_end
        enough = cells // 2 + 1  # more than half of all cells are surely the largest component
        starts_here, goals_here = starts_at[i % len(starts_at)], goals_at[i % len(goals_at)]
        for _ in range(0 if even else GUESSES):
            if sources.size == 0 or targets.size == 0:
                break
            start, goal = sources[seeds.below(state, sources.size)], targets[seeds.below(state, targets.size)]
            distance[:] = -1
            if flood(sides, distance, queue, steps, goal, start, enough) < enough:
                members, enough = _largest_component(sides, distance, queue, steps, cols), 0
                sources, targets = _those(members, starts_here, cols), _those(members, goals_here, cols)
            elif nearest <= distance[start] <= farthest:
                starts[i], goals[i] = np.int64(start) - cols, np.int64(goal) - cols
                break
        if starts[i] == NO_CELL:
            members = _largest_component(sides, distance, queue, steps, cols)
            sources, targets = _those(members, starts_here, cols), _those(members, goals_here, cols)
            low, high = nearest, farthest
            if even:
                low = high = _length(sides, distance, queue, steps, sources, targets, state, nearest, farthest)
            starts[i], goals[i] = _enumerate(sides, distance, queue, steps, cols, sources, targets, state, low, high)


@njit(cache=True, nogil=True)
@no_type_check
def _enumerate(sides, distance, queue, steps, cols, sources, targets, state, nearest, farthest):
    """A uniformly drawn admissible pair of cells, by listing them all."""
    admissible = np.zeros(targets.size, np.int64)
    for k, goal in enumerate(targets):
        distance[:] = -1
        flood(sides, distance, queue, steps, goal, goal, NEVER)
        admissible[k] = _within(distance[sources], nearest, farthest).sum()
    if admissible.sum() == 0:
        return NO_CELL, NO_CELL
    left = seeds.below(state, admissible.sum())
    k = 0
    while left >= admissible[k]:
        left -= admissible[k]
        k += 1
    distance[:] = -1
    flood(sides, distance, queue, steps, targets[k], targets[k], NEVER)
    start = sources[_within(distance[sources], nearest, farthest)][left]
    return np.int64(start) - cols, np.int64(targets[k]) - cols


@njit(cache=True, nogil=True)
@no_type_check
def _length(sides, distance, queue, steps, sources, targets, state, nearest, farthest):
    """A uniformly drawn distance among those that some admissible pair has; -1 if there is no such pair."""
    found = np.zeros(distance.size, np.bool_)
    for goal in targets:
        distance[:] = -1
        flood(sides, distance, queue, steps, goal, goal, NEVER)
        for start in sources:
            found[distance[start]] |= nearest <= distance[start] <= farthest
    lengths = np.flatnonzero(found)
    return lengths[seeds.below(state, lengths.size)] if lengths.size else -1


@njit(cache=True, nogil=True)
@no_type_check
def _within(distances, nearest, farthest):
    return (distances >= nearest) & (distances <= farthest)


@njit(cache=True, nogil=True)
@no_type_check
def _those(spots, cells, cols):
    """The spots, in their order, whose cells are marked."""
    kept = np.empty(spots.size, np.uint64)
    count = 0
    for spot in spots:
        kept[count] = spot
        count += cells[np.int64(spot) - cols]
    return kept[:count]


@njit(cache=True, nogil=True)
@no_type_check
def _largest_component(sides, distance, queue, steps, cols):
    """The spots of the largest component; of several, the one with the lowest cell."""
    members = queue[:0].copy()
    distance[:] = -1
    for spot in range(np.uint64(cols), np.uint64(sides.size - cols)):
        if distance[spot] < 0:
            reached = flood(sides, distance, queue, steps, spot, spot, NEVER)
            if reached > members.size:
                members = queue[:reached].copy()
    return members
