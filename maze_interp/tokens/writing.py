"""From mazes and paths to sequences of symbols, in any scheme.

    <ADJLIST_START> (0,0) <--> (0,1) ; (1,1) <--> (0,1) ; <ADJLIST_END> <ORIGIN_START> (0,0) <ORIGIN_END>
    <TARGET_START> (1,1) <TARGET_END> <PATH_START> (0,0) (0,1) (1,1) <PATH_END>

A `Frame` holds what all sequences of a scheme share: the symbols before the first edge and after the last, with
placeholders where the start and the goal go. PATH_END is written after a path that ended properly; a path that was
cut short, and a prompt, which is a path of no cells cut short, stops at its last token.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import no_type_check

import numpy as np
from jaxtyping import Int
from numba import njit

from maze_interp.mazes.batch import END, NO_CELL, MazeBatch, PathBatch
from maze_interp.mazes.lattice import flat
from maze_interp.tokens import edges, walks
from maze_interp.tokens.batch import EDGE, GOAL, PAD, PATH, START, TokenBatch
from maze_interp.tokens.blank import blank
from maze_interp.tokens.schemes import WALL, Scheme
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

THE_START, THE_GOAL = -1, -2  # in a frame: the symbol of the start, of the goal


@dataclass(frozen=True)
class Frame:
    """The symbols before the first edge and after the last, up to PATH_START, and what part each belongs to.

    `joints` are the symbols between the cells of a wall and of a passage; `width` is how many symbols an edge takes.
    """

    before: Int[np.ndarray, " before"]
    before_part: Int[np.ndarray, " before"]
    after: Int[np.ndarray, " after"]
    after_part: Int[np.ndarray, " after"]
    joints: Int[np.ndarray, " 2"]
    width: int


@lru_cache(maxsize=64)
def frame(scheme: Scheme, symbols: Vocabulary) -> Frame:
    """The frame of a scheme."""
    goal = [THE_GOAL] if scheme.target else []
    sections = {
        "origin": ([ORIGIN_START, THE_START, ORIGIN_END], START),
        "target": ([TARGET_START, *goal, TARGET_END], GOAL),
    }
    sides: tuple[list[tuple[int, int]], list[tuple[int, int]]] = ([], [])
    here = sides[0]
    for name in scheme.sections:
        if name == "edges":
            here.append((ADJLIST_START, EDGE))
            here = sides[1]
            here.append((ADJLIST_END, EDGE))
        else:
            here += [(symbol, sections[name][1]) for symbol in sections[name][0]]
    here.append((PATH_START, PATH))
    (before, before_part), (after, after_part) = (np.array(side, np.int32).T for side in sides)
    return Frame(
        before=np.ascontiguousarray(before),
        before_part=np.ascontiguousarray(before_part),
        after=np.ascontiguousarray(after),
        after_part=np.ascontiguousarray(after_part),
        joints=np.array([symbols.ids.get(WALL, CONNECTOR), CONNECTOR], np.int32),
        width=3 + scheme.connector,
    )


def encode(
    scheme: Scheme, symbols: Vocabulary, mazes: MazeBatch, paths: PathBatch, order: Int[np.ndarray, "maze edge"]
) -> TokenBatch:
    """The sequences of mazes and paths that are known to fit each other, the order and the vocabulary.

    Raises ValueError naming the maze whose path the scheme cannot write.
    """
    order = np.ascontiguousarray(order, np.int32)
    counts, closed, shape = edges.count(order), paths.ended == END, frame(scheme, symbols)
    steps = walks.write(scheme, symbols, mazes, paths)
    size = len(shape.before) + len(shape.after)
    batch = blank((size + shape.width * counts + steps.length + closed).astype(np.int32))
    names = symbols.ids_on(mazes.rows, mazes.cols)
    ends = np.ascontiguousarray(mazes.start, np.int32), np.ascontiguousarray(mazes.goal, np.int32)
    tell = scheme.edges == "both"
    passages = flat(mazes.passages) if tell else np.empty((0, 0), bool)
    joint = shape.joints[1 if scheme.edges == "passages" else 0]
    fixed = shape.before, shape.before_part, shape.after, shape.after_part, shape.joints
    table = names, edges.ends(mazes.rows, mazes.cols), passages
    path = steps.ids, steps.cells, steps.length, closed
    out = batch.ids, batch.part, batch.cell, batch.graded
    _encode(fixed, joint, tell, shape.width, scheme.moves, table, order, counts, *ends, path, out)
    return batch


@njit(cache=True, nogil=True)
@no_type_check
def _encode(fixed, joint, tell, width, moves, table, order, counts, start, goal, path, out):
    before, before_part, after, after_part, joints = fixed
    names, ends, passages = table
    steps, cells, length, closed = path
    ids, part, cell, graded = out
    for i in range(ids.shape[0]):
        _frame(before, before_part, i, 0, names, start, goal, ids, part, cell)
        first = len(before)
        to, of = ids[i, first:], cell[i, first:]  # places in them are never negative, which spares numba a test
        if width == 3:
            for k in range(counts[i]):
                at = 3 * k
                a, b = ends[order[i, k]]
                to[at], to[at + 1], to[at + 2] = names[a], names[b], SEMICOLON
                of[at], of[at + 1], of[at + 2] = a, b, NO_CELL
        else:
            for k in range(counts[i]):
                at = 4 * k
                a, b = ends[order[i, k]]
                to[at], to[at + 1], to[at + 2], to[at + 3] = names[a], joint, names[b], SEMICOLON
                of[at], of[at + 1], of[at + 2], of[at + 3] = a, NO_CELL, b, NO_CELL
        if tell:
            for k in range(counts[i]):
                to[4 * k + 1] = joints[np.int64(passages[i, order[i, k] >> 1])]
        at = first + width * counts[i]
        part[i, first:at] = EDGE
        _frame(after, after_part, i, at, names, start, goal, ids, part, cell)
        first = at + len(after)
        last = first + length[i]
        if moves:
            cell[i, first - 1] = start[i]
        to, of = ids[i, first:], cell[i, first:]
        for k in range(length[i]):
            to[k], of[k] = steps[i, k], cells[i, k]
        ids[i, last:], cell[i, last:], part[i, last:] = PADDING, NO_CELL, PAD
        if closed[i]:
            ids[i, last] = PATH_END
        part[i, first : last + closed[i]] = PATH
        graded[i, : first - 1] = False
        graded[i, first - 1 : last] = True
        graded[i, last:] = False


@njit(cache=True, nogil=True)
@no_type_check
def _frame(pattern, parts, i, at, names, start, goal, ids, part, cell):
    for k in range(len(pattern)):
        named = NO_CELL
        if pattern[k] < 0:
            named = start[i] if pattern[k] == THE_START else goal[i]
        ids[i, at + k] = pattern[k] if named == NO_CELL else names[named]
        part[i, at + k], cell[i, at + k] = parts[k], named
