"""Shortest paths: breadth-first distances, how many shortest paths there are, and a fair draw among them.

One flood serves everything. It spreads from a source through open passages, notes each cell's distance, and may stop
early. A shortest path to the source then walks downhill. Where several neighbours are one step nearer, a step is
taken with probability proportional to the number of shortest paths that go on from there, so every shortest path is
equally likely; the counting is done only when a maze has such a tie.
"""

from typing import no_type_check

import numpy as np
from jaxtyping import Bool, Float, Int
from numba import njit

from maze_interp import seeds
from maze_interp.mazes import lattice
from maze_interp.mazes.batch import END, NO_CELL, MazeBatch, PathBatch

PICK = lattice.PICK
ONE = np.uint64(1)
NEVER = np.int64(2**62)  # as `enough`: never stop early


def solve(mazes: MazeBatch, *, seed: int = 0, first: int = 0) -> PathBatch:
    """One shortest path per maze from start to goal, both included, uniformly drawn where there are several.

    `cells` and `length` are int32, every path ends properly (END), and path i depends on (seed, first + i) alone.
    ValueError names the first maze whose start or goal is missing or whose goal cannot be reached.
    """
    edges = lattice.flat(mazes.passages)
    for what, cells in (("start", mazes.start), ("goal", mazes.goal)):
        missing = (cells < 0) | (cells >= mazes.rows * mazes.cols)
        if missing.any():
            raise ValueError(f"maze {int(missing.argmax())} has no {what} on its lattice: {cells[missing.argmax()]}")
    trails = np.empty(edges.size // 2, dtype=np.int32)
    length = np.empty(len(mazes), dtype=np.int32)
    stream = seeds.derive(seed, "shortest path")
    stuck = _solve(
        edges, mazes.start.astype(np.int32), mazes.goal.astype(np.int32), mazes.cols, stream, first, trails, length
    )
    if stuck != NO_CELL:
        raise ValueError(f"maze {stuck}: no path leads from start {mazes.start[stuck]} to goal {mazes.goal[stuck]}")
    cells = np.full((len(mazes), length.max(initial=0)), NO_CELL, dtype=np.int32)
    _unpack(trails, length, cells)
    return PathBatch(cells, length, np.full(len(mazes), END, dtype=np.int8))


def distances(
    passages: Bool[np.ndarray, "maze 2 row col"], source: Int[np.ndarray, " maze"]
) -> Int[np.ndarray, "maze cell"]:
    """Steps from every cell to `source`, int32; -1 where there is no way (everywhere if the source is NO_CELL)."""
    check_cells("source", source, passages)
    edges = lattice.flat(passages)
    out = np.empty((len(edges), edges.shape[1] // 2), dtype=np.int32)
    _distances(edges, source.astype(np.int32), passages.shape[3], out)
    return out


def shortest_path_counts(mazes: MazeBatch) -> Float[np.ndarray, " maze"]:
    """How many shortest paths lead from start to goal, float64 (exact up to 2**53); 0 if none does."""
    check_cells("start", mazes.start, mazes.passages)
    check_cells("goal", mazes.goal, mazes.passages)
    out = np.zeros(len(mazes))
    _path_counts(
        lattice.flat(mazes.passages), mazes.start.astype(np.int32), mazes.goal.astype(np.int32), mazes.cols, out
    )
    return out


def on_shortest_path(mazes: MazeBatch) -> Bool[np.ndarray, "maze cell"]:
    """True for the cells that some shortest path from start to goal visits; none if there is no path."""
    from_start = distances(mazes.passages, mazes.start)
    from_goal = distances(mazes.passages, mazes.goal)
    joined = (from_start >= 0) & (from_goal >= 0)  # nothing is, where an endpoint is missing
    shortest = from_start[np.arange(len(mazes)), mazes.goal]
    return joined & (from_start + from_goal == shortest[:, None])


def check_cells(what: str, cells: Int[np.ndarray, " maze"], passages: Bool[np.ndarray, "maze 2 row col"]) -> None:
    """ValueError naming the first maze whose cell is neither on its lattice nor NO_CELL."""
    count = passages.shape[2] * passages.shape[3]
    wrong = (cells < NO_CELL) | (cells >= count)
    if wrong.any():
        raise ValueError(f"{what} of maze {int(wrong.argmax())} must be a cell in [0, {count}) or NO_CELL")


@njit(cache=True, nogil=True)
@no_type_check
def flood(sides, distance, queue, steps, source, stop, enough):
    """Spread from spot `source`; returns how many spots were reached, in order, in `queue`.

    `distance` must be -1 everywhere and is set for the spots reached. Stops early once `stop` is reached and at least
    `enough` spots are. Every neighbour is queued and then kept or overwritten: in a maze a branch would be a coin toss
    for the processor. Hence `queue` needs one spare entry.
    """
    distance[source] = 0
    queue[0] = source
    head, tail = np.uint64(0), ONE
    while head < tail and (distance[stop] < 0 or tail < enough):
        spot = queue[head]
        head += ONE
        far = distance[spot] + 1
        leads = sides[spot]
        for direction in range(4):
            near = spot + steps[direction]
            known = distance[near]
            new = leads >> direction & 1 & (known < 0)
            distance[near] = far if new else known
            queue[tail] = near
            tail += np.uint64(new)
    return tail


@njit(cache=True, nogil=True)
@no_type_check
def downhill(sides, distance, steps, spot):
    """The set of open directions that lead one step nearer."""
    nearer = 0
    for direction in range(4):
        one_less = distance[spot + steps[direction]] == distance[spot] - 1
        nearer |= (sides[spot] >> direction & 1 & one_less) << direction
    return nearer


@njit(cache=True, nogil=True)
@no_type_check
def count_paths(sides, distance, queue, reached, steps, ways):
    """Write into `ways`, float64[spot], the number of shortest paths from each reached spot to the source."""
    ways[queue[0]] = 1.0
    for k in range(1, reached):
        spot = queue[k]
        nearer = downhill(sides, distance, steps, spot)
        ways[spot] = 0.0
        for direction in range(4):
            if nearer >> direction & 1:
                ways[spot] += ways[spot + steps[direction]]


@njit(cache=True, nogil=True)
@no_type_check
def choose(ways, steps, nearer, spot, state):
    """One of the directions in the set `nearer`, with probability proportional to the paths that go on from there."""
    left = seeds.uniform(state) * ways[spot]
    for direction in range(4):
        if nearer >> direction & 1:
            last = direction
            left -= ways[spot + steps[direction]]
            if left < 0:
                break
    return last


@njit(cache=True, nogil=True)
@no_type_check
def _solve(edges, starts, goals, cols, seed, first, trails, length):
    count, cells = edges.shape[0], edges.shape[1] // 2
    steps = lattice.spot_steps(cols)
    sides = np.zeros(cells + 2 * cols, np.uint8)
    distance = np.empty(cells + 2 * cols, np.int32)
    ways = np.empty(cells + 2 * cols, np.float64)
    queue = np.empty(cells + 1, np.uint64)
    state = np.empty(1, np.uint64)
    written = 0
    for i in range(count):
        spot, goal = np.uint64(starts[i] + cols), np.uint64(goals[i] + cols)
        lattice.open_sides(edges[i], sides, cols)
        distance[:] = -1
        reached = flood(sides, distance, queue, steps, goal, spot, 0)
        if distance[spot] < 0:
            return i
        length[i] = distance[spot] + 1
        counted = False
        trails[written] = starts[i]
        for k in range(written + 1, written + length[i]):
            nearer = downhill(sides, distance, steps, spot)
            direction = PICK[nearer, 0]
            if nearer != 1 << direction:
                if not counted:
                    seeds.begin(state, seed, first + i)
                    count_paths(sides, distance, queue, reached, steps, ways)
                    counted = True
                direction = choose(ways, steps, nearer, spot, state)
            spot += steps[direction]
            trails[k] = np.int64(spot) - cols
        written += length[i]
    return NO_CELL


@njit(cache=True, nogil=True)
@no_type_check
def _unpack(trails, length, cells):
    read = 0
    for i in range(length.size):
        for k in range(length[i]):
            cells[i, k] = trails[read + k]
        read += length[i]


@njit(cache=True, nogil=True)
@no_type_check
def _distances(edges, source, cols, out):
    count, cells = edges.shape[0], edges.shape[1] // 2
    steps = lattice.spot_steps(cols)
    sides = np.zeros(cells + 2 * cols, np.uint8)
    distance = np.empty(cells + 2 * cols, np.int32)
    queue = np.empty(cells + 1, np.uint64)
    for i in range(count):
        distance[:] = -1
        if source[i] != NO_CELL:
            lattice.open_sides(edges[i], sides, cols)
            spot = np.uint64(source[i] + cols)
            flood(sides, distance, queue, steps, spot, spot, NEVER)
        out[i] = distance[cols : cols + cells]


@njit(cache=True, nogil=True)
@no_type_check
def _path_counts(edges, starts, goals, cols, out):
    count, cells = edges.shape[0], edges.shape[1] // 2
    steps = lattice.spot_steps(cols)
    sides = np.zeros(cells + 2 * cols, np.uint8)
    distance = np.empty(cells + 2 * cols, np.int32)
    ways = np.empty(cells + 2 * cols, np.float64)
    queue = np.empty(cells + 1, np.uint64)
    for i in range(count):
        if starts[i] == NO_CELL or goals[i] == NO_CELL:
            continue
        start, goal = np.uint64(starts[i] + cols), np.uint64(goals[i] + cols)
        lattice.open_sides(edges[i], sides, cols)
        distance[:] = -1
        reached = flood(sides, distance, queue, steps, goal, start, 0)
        if distance[start] >= 0:
            count_paths(sides, distance, queue, reached, steps, ways)
            out[i] = ways[start]
