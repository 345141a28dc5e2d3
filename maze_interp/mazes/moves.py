"""Every way to move one passage of a maze without cycles, or its goal, as seen from a fork on the way to the goal.

To close a passage cuts the maze in two, and another passage joins the parts again: the maze stays a tree. What becomes
of the choice at the fork is one of three MOVES. "flip": the goal now lies behind another way. "keep": the way to the
goal changes, but not at the fork. "irrelevant": the way from start to goal does not change at all. Moves that touch
the fork itself, or that change how a walker gets there, are none of these and are left out.
"""

from dataclasses import dataclass
from typing import no_type_check

import numpy as np
from jaxtyping import Int, UInt64
from numba import njit

from maze_interp import recipes, seeds
from maze_interp.mazes import lattice
from maze_interp.mazes.batch import MazeBatch
from maze_interp.mazes.solving import NEVER, flood

MOVES = ("flip", "keep", "irrelevant")
FLIP, KEEP, IRRELEVANT = 0, 1, 2
NO_WAY = -1
Bounds = tuple[int | Int[np.ndarray, " maze"], int | Int[np.ndarray, " maze"]]
COLUMNS = ("fork", "removed", "added", "removed_way", "added_way", "distance_removed", "distance_added")


@dataclass(frozen=True)
class Moves:
    """Moves at forks, a row each: all int32.

    `fork` is the row of the fork; `removed` and `added` are edges, or cells where the goal moves. `removed_way` is the
    way from the fork behind which that lay which was cut off, or the goal, and `added_way` the way behind which it
    lies now. Distances are steps from the fork, in the maze before the move, to the nearer end of either edge. `key`
    is a random number.
    """

    fork: Int[np.ndarray, " move"]
    removed: Int[np.ndarray, " move"]
    added: Int[np.ndarray, " move"]
    removed_way: Int[np.ndarray, " move"]
    added_way: Int[np.ndarray, " move"]
    distance_removed: Int[np.ndarray, " move"]
    distance_added: Int[np.ndarray, " move"]
    key: UInt64[np.ndarray, " move"]

    @property
    def distance(self) -> Int[np.ndarray, " move"]:
        """Steps from the fork to the nearer of the two places that change."""
        return np.minimum(self.distance_removed, self.distance_added)

    def __len__(self) -> int:
        return len(self.fork)

    def __getitem__(self, which: slice | np.ndarray) -> "Moves":
        return Moves(**{name: column[which] for name, column in vars(self).items()})


def passage_moves(
    mazes: MazeBatch, here: Int[np.ndarray, " maze"], kind: str, within: Bounds, *, seed: int, first: int = 0
) -> Moves:
    """All moves of one passage of that kind, seen from the cell `here` on the way from start to goal of each maze.

    `within` are the least distance, from 1, and the greatest, for all mazes alike or for each. Keys are drawn from
    (seed, first + maze).
    """
    edges = lattice.flat(mazes.passages)
    given = (edges, lattice.edge_ids(mazes.rows, mazes.cols), lattice.edge_ends(mazes.rows, mazes.cols), mazes.cols)
    return _all(_passages, given, mazes, here, kind, within, seeds.derive(seed, "moved passage"), first)


def goal_moves(
    mazes: MazeBatch, here: Int[np.ndarray, " maze"], kind: str, within: Bounds, *, seed: int, first: int = 0
) -> Moves:
    """All other goals behind another way on from `here` ("flip") or behind the same ("keep"), as `passage_moves`."""
    given = (lattice.flat(mazes.passages), mazes.cols)
    if kind == MOVES[IRRELEVANT]:
        raise ValueError(f"a goal is never {kind}: it moves behind another way ({MOVES[FLIP]}) or not ({MOVES[KEEP]})")
    return _all(_goals, given, mazes, here, kind, within, seeds.derive(seed, "moved goal"), first)


def single_moves(mazes: MazeBatch) -> Int[np.ndarray, "move 3"]:
    """(maze, removed edge, added edge) of every way to move one passage of a maze within its goal's component."""
    lies = MazeBatch(mazes.passages, mazes.goal, mazes.goal)
    moves = passage_moves(lies, mazes.goal, "irrelevant", (0, lies.rows * lies.cols), seed=0)
    return np.stack([moves.fork, moves.removed, moves.added], axis=1)


def _all(kernel, given, mazes, here, kind, within, seed, first) -> Moves:  # type: ignore[no-untyped-def]
    """The rows of a kernel, which overwrites the last one it has room for, and so is asked first how many there are."""
    if kind not in MOVES:
        raise recipes.unknown("kind of move", kind, MOVES)
    places = np.stack([here, mazes.start, mazes.goal], axis=1).astype(np.int64)
    bounds = [np.broadcast_to(np.asarray(bound, np.int64), len(mazes)) for bound in within]
    count = 0
    for _ in range(2):
        keys, rows = np.empty(count + 1, np.uint64), np.empty((count + 1, 7), np.int32)
        count = kernel(*given, places, MOVES.index(kind), *bounds, seed, first, keys, rows)
    columns = dict(zip(COLUMNS, np.ascontiguousarray(rows[:count].T), strict=True))
    return Moves(**columns, key=keys[:count])


@njit(cache=True, nogil=True)
@no_type_check
def _root(sides, steps, cols, here, distance, above, way, queue):
    """See the maze from the spot `here`: distances, the spot before each, the first way to it; how many are reached.

    The spot itself is behind NO_WAY. All else is -1 where nothing leads.
    """
    distance[:] = -1
    way[:] = NO_WAY
    reached = flood(sides, distance, queue, steps, here, here, NEVER)
    above[here] = here
    for k in range(1, reached):
        spot = queue[k]
        for direction in range(4):
            near = spot + steps[direction]
            if sides[spot] >> direction & 1 and distance[near] == distance[spot] - 1:
                above[spot] = near
                way[spot] = direction ^ 2 if near == here else way[near]
    return reached


@njit(cache=True, nogil=True)
@no_type_check
def _passages(edges, inside, ends, cols, places, kind, nearest, farthest, seed, first, keys, rows):
    sides = np.zeros(edges.shape[1] // 2 + 2 * cols, np.uint8)
    distance, way = np.empty(sides.size, np.int32), np.empty(sides.size, np.int32)
    above, queue = np.empty(sides.size, np.uint64), np.empty(sides.size, np.uint64)
    cut = np.empty(sides.size, np.bool_)
    steps, state = lattice.spot_steps(cols), np.empty(1, np.uint64)
    count = 0
    for i in range(len(places)):
        seeds.begin(state, seed, first + i)
        lattice.open_sides(edges[i], sides, cols)
        here, start, goal = places[i, 0] + cols, places[i, 1] + cols, places[i, 2] + cols
        reached = _root(sides, steps, cols, np.uint64(here), distance, above, way, queue)
        for removed in inside:
            low, high = ends[removed, 0] + cols, ends[removed, 1] + cols
            if not edges[i, removed] or distance[low] < 0:
                continue
            near, far = (low, high) if distance[low] < distance[high] else (high, low)
            _cut_off(cut, above, queue, reached, np.uint64(far))
            if distance[near] < nearest[i] or cut[start] or cut[goal] == (kind == IRRELEVANT):
                continue
            for added in inside:
                low, high = ends[added, 0] + cols, ends[added, 1] + cols
                if edges[i, added] or cut[low] == cut[high] or distance[low] < 0 or distance[high] < 0:
                    continue
                joins = way[high] if cut[low] else way[low]
                to_added = min(distance[low], distance[high])
                if not nearest[i] <= min(distance[near], to_added) <= farthest[i]:
                    continue
                flips = joins != way[far]
                if kind != IRRELEVANT and (flips != (kind == FLIP) or joins == way[start]):
                    continue
                at = min(count, len(rows) - 1)
                keys[at] = seeds.mix(state[0] + seeds.GOLDEN * np.uint64(removed * edges.shape[1] + added))
                row = rows[at]
                row[0], row[1], row[2], row[3], row[4] = i, removed, added, way[far], joins
                row[5], row[6] = distance[near], to_added
                count += 1
    return count


@njit(cache=True, nogil=True)
@no_type_check
def _cut_off(cut, above, queue, reached, far):
    """Mark the spots that hang on the rest by `far` alone."""
    cut[:] = False
    for k in range(reached):
        spot = queue[k]
        cut[spot] = spot == far or cut[above[spot]]


@njit(cache=True, nogil=True)
@no_type_check
def _goals(edges, cols, places, kind, nearest, farthest, seed, first, keys, rows):
    cells = edges.shape[1] // 2
    sides = np.zeros(cells + 2 * cols, np.uint8)
    distance, way = np.empty(sides.size, np.int32), np.empty(sides.size, np.int32)
    above, queue = np.empty(sides.size, np.uint64), np.empty(sides.size, np.uint64)
    steps, state = lattice.spot_steps(cols), np.empty(1, np.uint64)
    count = 0
    for i in range(len(places)):
        seeds.begin(state, seed, first + i)
        lattice.open_sides(edges[i], sides, cols)
        here, start, goal = places[i, 0] + cols, places[i, 1] + cols, places[i, 2] + cols
        _root(sides, steps, cols, np.uint64(here), distance, above, way, queue)
        for cell in range(cells):
            spot = cell + cols
            flips = way[spot] != way[goal]
            if way[spot] == NO_WAY or spot == goal or way[spot] == way[start] or flips != (kind == FLIP):
                continue
            if nearest[i] <= min(distance[spot], distance[goal]) <= farthest[i]:
                at = min(count, len(rows) - 1)
                keys[at] = seeds.mix(state[0] + seeds.GOLDEN * np.uint64(cell))
                row = rows[at]
                row[0], row[1], row[2], row[3], row[4] = i, goal - cols, cell, way[goal], way[spot]
                row[5], row[6] = distance[goal], distance[spot]
                count += 1
    return count
