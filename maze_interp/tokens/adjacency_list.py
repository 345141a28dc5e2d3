"""The adjacency-list scheme: every passage as an edge, then where from, where to, and the path between.

    <ADJLIST_START> (0,0) <--> (0,1) ; (1,1) <--> (0,1) ; <ADJLIST_END> <ORIGIN_START> (0,0) <ORIGIN_END>
    <TARGET_START> (1,1) <TARGET_END> <PATH_START> (0,0) (0,1) (1,1) <PATH_END>

PATH_END is written after a path that ended properly; a path that was cut short, and a prompt, which is a path of no
cells cut short, stops at its last token. Parsing takes whole sequences and prompts.
"""

from typing import no_type_check

import numpy as np
from jaxtyping import Int
from numba import njit

from maze_interp.mazes.batch import END, NO_CELL, MazeBatch, PathBatch
from maze_interp.tokens import edges
from maze_interp.tokens.batch import EDGE, GOAL, PAD, PATH, START, TokenBatch
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
    TARGET_END,
    TARGET_START,
    Vocabulary,
)

ANY_CELL = -1  # stands for a cell's token in a pattern
START_AT, GOAL_AT, PATH_AT = 2, 5, 8  # where the start, the goal and the path's first cell stand after the last edge
AFTER = np.array(
    [ADJLIST_END, ORIGIN_START, ANY_CELL, ORIGIN_END, TARGET_START, ANY_CELL, TARGET_END, PATH_START], np.int32
)
AFTER_PART = np.array([EDGE, START, START, START, GOAL, GOAL, GOAL, PATH], np.int8)


def longest(rows: int, cols: int) -> int:
    """The length of a sequence with every passage open and a path through every cell."""
    return 1 + 4 * (rows * (cols - 1) + cols * (rows - 1)) + len(AFTER) + rows * cols + 1


def encode(
    vocabulary: Vocabulary, mazes: MazeBatch, paths: PathBatch, order: Int[np.ndarray, "maze edge"]
) -> TokenBatch:
    """The sequences of mazes and paths that are known to fit each other, the order and the vocabulary."""
    counts = edges.count(mazes.passages)
    steps = np.ascontiguousarray(paths.length, np.int32)
    closed = paths.ended == END
    length = 1 + 4 * counts + len(AFTER) + steps + closed
    shape = len(mazes), int(length.max(initial=0))
    ids, cell = np.empty(shape, np.int32), np.empty(shape, np.int32)
    part, graded = np.empty(shape, np.int8), np.empty(shape, bool)
    names = np.ascontiguousarray(vocabulary.cell_ids[: mazes.rows, : mazes.cols]).ravel()
    ends = edges.ends(mazes.rows, mazes.cols)
    order, start, goal, path = (
        np.ascontiguousarray(array, np.int32) for array in (order, mazes.start, mazes.goal, paths.cells)
    )
    _encode(names, ends, order, counts, start, goal, path, steps, closed, ids, part, cell, graded)
    return TokenBatch(ids, part, cell, graded, length)


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
            ids[i, after + k], part[i, after + k], cell[i, after + k] = AFTER[k], AFTER_PART[k], NO_CELL
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
