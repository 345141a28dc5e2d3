"""The adjacency-list scheme: every passage as an edge, then where from, where to, and the path between.

    <ADJLIST_START> (0,0) <--> (0,1) ; (1,1) <--> (0,1) ; <ADJLIST_END> <ORIGIN_START> (0,0) <ORIGIN_END>
    <TARGET_START> (1,1) <TARGET_END> <PATH_START> (0,0) (0,1) (1,1) <PATH_END>

PATH_END is written after a path that ended properly; a path that was cut short, and a prompt, which is a path of no
cells cut short, stops at its last token. Whole sequences and prompts can be parsed.
"""

from typing import no_type_check

import numpy as np
from jaxtyping import Int
from numba import njit

from maze_interp.mazes.batch import CUT, END, NO_CELL, MazeBatch, PathBatch
from maze_interp.tokens import edges
from maze_interp.tokens.batch import EDGE, GOAL, PAD, PATH, START, TokenBatch
from maze_interp.tokens.blank import blank
from maze_interp.tokens.reading import Reading
from maze_interp.tokens.vocabulary import (
    ADJLIST_END,
    ADJLIST_START,
    CONNECTOR,
    ORIGIN_END,
    ORIGIN_START,
    PADDING,
    PATH_END,
    PATH_START,
    SEMICOLON,
    SPECIALS,
    TARGET_END,
    TARGET_START,
    Vocabulary,
)

ANY_CELL = -1  # in a pattern: the token of any cell
ONE_EDGE = np.array([ANY_CELL, CONNECTOR, ANY_CELL, SEMICOLON], np.int32)
AFTER_EDGES = np.array(
    [ADJLIST_END, ORIGIN_START, ANY_CELL, ORIGIN_END, TARGET_START, ANY_CELL, TARGET_END, PATH_START], np.int32
)
AFTER_PARTS = np.array([EDGE, START, START, START, GOAL, GOAL, GOAL, PATH], np.int8)
START_AT, GOAL_AT, PATH_AT = 2, 5, len(AFTER_EDGES)  # where cells stand in AFTER_EDGES, and the path right after it

FINE, EDGE_OR_END, APART, TWICE, STEP_OR_END, WALL, MORE = -10, -11, -12, -13, -14, -15, -16
FAULTS = {token: f"expected {name}" for token, name in enumerate(SPECIALS)} | {
    ANY_CELL: "expected a cell",
    EDGE_OR_END: "expected a cell or <ADJLIST_END>",
    APART: "is no neighbour of the other end of its edge",
    TWICE: "closes an edge that was given before",
    STEP_OR_END: "expected a cell or <PATH_END>",
    WALL: "no passage leads here from the path's cell before it",
    MORE: "nothing may follow <PATH_END>",
}


def longest(rows: int, cols: int) -> int:
    """The length of a sequence with every passage open and a path through every cell."""
    return 1 + 4 * (rows * (cols - 1) + cols * (rows - 1)) + PATH_AT + rows * cols + 1


def encode(
    vocabulary: Vocabulary, mazes: MazeBatch, paths: PathBatch, order: Int[np.ndarray, "maze edge"]
) -> TokenBatch:
    """The sequences of mazes and paths that are known to fit each other, the order and the vocabulary."""
    order = np.ascontiguousarray(order, np.int32)
    counts, closed = edges.count(order), paths.ended == END
    batch = blank((1 + 4 * counts + PATH_AT + paths.length + closed).astype(np.int32))
    tables = vocabulary.ids_on(mazes.rows, mazes.cols), edges.ends(mazes.rows, mazes.cols)
    cells = mazes.start, mazes.goal, paths.cells, paths.length
    plain = (np.ascontiguousarray(array, np.int32) for array in cells)  # one layout, so one compilation
    _encode(*tables, order, counts, *plain, closed, batch.ids, batch.part, batch.cell, batch.graded)
    return batch


def parse(reading: Reading, rows: int, cols: int) -> tuple[MazeBatch, PathBatch]:
    """The mazes and paths of whole sequences and prompts, on a rows x cols lattice that holds all their cells.

    Raises ValueError for a missing, misplaced or surplus token, an edge between cells that are not neighbours, an
    edge given twice and a path through a wall.
    """
    count, cell_of_id = len(reading.bounds) - 1, reading.vocabulary.cells_on(rows, cols)
    passages = np.zeros((count, 2, rows, cols), bool)
    flat = passages.reshape(count, 2 * rows * cols)
    start, goal, first, last = np.zeros((4, count), np.int64)
    sequence, at, fault = _parse(reading.ids, reading.bounds, cell_of_id, cols, flat, start, goal, first, last)
    if fault != FINE:
        raise reading.fault(sequence, at, FAULTS[fault])
    length = (last - first).astype(np.int32)
    steps = np.arange(length.max(initial=0))
    inside = steps < length[:, None]
    cells = cell_of_id[reading.ids[np.where(inside, first[:, None] + steps, 0)]]
    ended = np.where(last < reading.bounds[1:], END, CUT).astype(np.int8)
    paths = PathBatch(np.where(inside, cells, NO_CELL).astype(np.int32), length, ended)
    return MazeBatch(passages, start.astype(np.int32), goal.astype(np.int32)), paths


@njit(cache=True, nogil=True)
@no_type_check
def _encode(names, ends, order, counts, start, goal, path, steps, closed, ids, part, cell, graded):
    for i in range(ids.shape[0]):
        ids[i, 0], cell[i, 0] = ADJLIST_START, NO_CELL
        for k in range(counts[i]):
            at = 4 * k + 1
            a, b = ends[order[i, k]]
            ids[i, at], ids[i, at + 1], ids[i, at + 2], ids[i, at + 3] = names[a], CONNECTOR, names[b], SEMICOLON
            cell[i, at], cell[i, at + 1], cell[i, at + 2], cell[i, at + 3] = a, NO_CELL, b, NO_CELL
        after = 4 * counts[i] + 1
        part[i, :after] = EDGE
        for k in range(PATH_AT):
            ids[i, after + k], part[i, after + k], cell[i, after + k] = AFTER_EDGES[k], AFTER_PARTS[k], NO_CELL
        ids[i, after + START_AT], cell[i, after + START_AT] = names[start[i]], start[i]
        ids[i, after + GOAL_AT], cell[i, after + GOAL_AT] = names[goal[i]], goal[i]
        first = after + PATH_AT
        last = first + steps[i]
        for k in range(steps[i]):
            ids[i, first + k], cell[i, first + k] = names[path[i, k]], path[i, k]
        ids[i, last:], cell[i, last:], part[i, last:] = PADDING, NO_CELL, PAD
        if closed[i]:
            ids[i, last] = PATH_END
        part[i, first : last + closed[i]] = PATH
        graded[i, : first - 1] = False
        graded[i, first - 1 : last] = True
        graded[i, last:] = False


@njit(cache=True, nogil=True)
@no_type_check
def _parse(ids, bounds, cell_of_id, cols, passages, start, goal, first, last):
    """(sequence, place, fault) of the first token that is wrong, or (0, 0, FINE) with the last five arrays filled."""
    for i in range(len(bounds) - 1):
        at, stop = bounds[i], bounds[i + 1]
        if at == stop or ids[at] != ADJLIST_START:
            return i, at, ADJLIST_START
        at, fault = _read_edges(ids, at + 1, stop, cell_of_id, cols, passages[i])
        if fault != FINE:
            return i, at, fault
        matched = _match(ids, at, stop, cell_of_id, AFTER_EDGES)
        if matched < PATH_AT:
            return i, at + matched, AFTER_EDGES[matched]
        start[i], goal[i] = cell_of_id[ids[at + START_AT]], cell_of_id[ids[at + GOAL_AT]]
        first[i] = at + PATH_AT
        last[i], fault = _read_path(ids, first[i], stop, cell_of_id, cols, passages[i])
        if fault != FINE:
            return i, last[i], fault
    return 0, 0, FINE


@njit(cache=True, nogil=True)
@no_type_check
def _read_edges(ids, at, stop, cell_of_id, cols, passages):
    """(place, fault): the place after the last edge, or of the token that is wrong."""
    while at < stop and ids[at] != ADJLIST_END:
        matched = _match(ids, at, stop, cell_of_id, ONE_EDGE)
        if matched == 0:
            return at, EDGE_OR_END
        if matched < len(ONE_EDGE):
            return at + matched, ONE_EDGE[matched]
        edge = _edge_between(cell_of_id[ids[at]], cell_of_id[ids[at + 2]], cols, len(passages))
        if edge < 0:
            return at + 2, APART
        if passages[edge]:
            return at + 2, TWICE
        passages[edge] = True
        at += len(ONE_EDGE)
    return at, FINE


@njit(cache=True, nogil=True)
@no_type_check
def _read_path(ids, first, stop, cell_of_id, cols, passages):
    """(place, fault): the place after the last cell, or of the token that is wrong."""
    at = first
    while at < stop and cell_of_id[ids[at]] >= 0:
        if at > first:
            edge = _edge_between(cell_of_id[ids[at - 1]], cell_of_id[ids[at]], cols, len(passages))
            if edge < 0 or not passages[edge]:
                return at, WALL
        at += 1
    if first == stop:
        return at, FINE
    if at == stop or ids[at] != PATH_END:
        return at, STEP_OR_END
    return (at, FINE) if at + 1 == stop else (at + 1, MORE)


@njit(cache=True, nogil=True)
@no_type_check
def _match(ids, at, stop, cell_of_id, pattern):
    """How many tokens from `at` on are as the pattern says, before the first that is not."""
    for k in range(len(pattern)):
        if at + k == stop:
            return k
        token = ids[at + k]
        if (cell_of_id[token] < 0) if pattern[k] == ANY_CELL else (token != pattern[k]):
            return k
    return len(pattern)


@njit(cache=True, nogil=True)
@no_type_check
def _edge_between(a, b, cols, size):
    """The place in the flattened passages (of that size) of the passage between two cells; -1 if not neighbours."""
    low, high = min(a, b), max(a, b)
    if high == low + cols:
        return low
    if high == low + 1 and high % cols != 0:
        return size // 2 + low
    return -1
