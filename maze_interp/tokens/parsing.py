"""From sequences of symbols to mazes and paths: one grammar for every scheme, read from its frame.

Three passes: cells that are spelled in several tokens become symbols, symbols become edges, endpoints and steps, and
steps become paths. The first token of the first sequence that is wrong is named, whichever pass finds it.
"""

from dataclasses import dataclass
from typing import no_type_check

import numpy as np
from jaxtyping import Bool, Int
from numba import njit

from maze_interp.mazes.batch import CUT, END, NO_CELL, MazeBatch, PathBatch
from maze_interp.mazes.lattice import edge_ids
from maze_interp.tokens import walks
from maze_interp.tokens.directions import edge_between
from maze_interp.tokens.edges import NO_EDGE, listed
from maze_interp.tokens.faults import (
    APART,
    CELL,
    CONTRADICTS,
    CORRIDORS,
    EDGE_OR_END,
    FINE,
    JOINT,
    MISSING,
    MORE,
    MOVE_OR_END,
    NO_CORRIDOR,
    NO_PASSAGE,
    SAID,
    STEP_OR_END,
    TWICE,
)
from maze_interp.tokens.reading import Reading
from maze_interp.tokens.schemes import Scheme
from maze_interp.tokens.spelling import Symbols, unspell
from maze_interp.tokens.vocabulary import ADJLIST_END, ADJLIST_START, CONNECTOR, PATH_END, SEMICOLON, Vocabulary
from maze_interp.tokens.writing import THE_GOAL, THE_START, frame

A_CELL_WOULD_DO = (CELL, EDGE_OR_END, STEP_OR_END)
ABOUT_A_CELL = (APART, TWICE, CONTRADICTS, NO_PASSAGE, NO_CORRIDOR, CORRIDORS)


@dataclass(frozen=True)
class Parsed:
    """Mazes, paths and the order in which each sequence names its edges, as `edges` explains."""

    mazes: MazeBatch
    paths: PathBatch
    order: Int[np.ndarray, "maze edge"]


def parse(scheme: Scheme, symbols: Vocabulary, reading: Reading, rows: int, cols: int) -> Parsed:
    """The mazes and paths of whole sequences and prompts, on a rows x cols lattice that holds all their cells.

    Raises ValueError for a missing, misplaced or surplus token, an edge between cells that are not neighbours, an edge
    given twice or missing, and a path that cannot be walked.
    """
    text = _in_symbols(scheme, symbols, reading, rows, cols)
    count, shape = len(text.bounds) - 1, frame(scheme, symbols)
    named = np.zeros((count, 2 * rows * cols), bool)
    opened = np.zeros_like(named) if scheme.edges == "both" else named
    order = np.full((count, len(edge_ids(rows, cols))), NO_EDGE, np.int32)
    start, goal, first, last = np.zeros((4, count), np.int64)
    goal[:] = NO_CELL
    said = walks.meaning(scheme, symbols, rows, cols)
    sequence, at, fault = _parse(
        *(text.ids, text.bounds, symbols.cells_on(rows, cols), said, cols, shape.before, shape.after),
        *(shape.joints[1 if scheme.edges == "passages" else 0], scheme.edges == "both", shape.width),
        *(named, opened, order, start, goal, first, last, MOVE_OR_END if scheme.moves else STEP_OR_END),
    )
    passages = opened.reshape(count, 2, rows, cols)
    if scheme.edges == "walls":
        passages = listed(passages, "walls")
    mazes = MazeBatch(passages, start.astype(np.int32), goal.astype(np.int32))
    steps = _steps(text, said, first, last)
    followed = walks.follow(scheme, mazes, steps)
    if (followed.wrong >= 0).any():
        lost = int((followed.wrong >= 0).argmax())
        raise _fault(reading, text, lost, int(first[lost] + followed.wrong[lost]), int(followed.why[lost]), scheme)
    if fault != FINE:
        raise _fault(reading, text, sequence, at, fault, scheme)
    paths = _trimmed(followed.paths, (steps.length == 0) & (steps.ended == CUT))
    if not scheme.target:
        mazes = MazeBatch(mazes.passages, mazes.start, _arrived(paths))
    return Parsed(mazes, paths, order[:, : (order != NO_EDGE).sum(axis=1).max(initial=0)])


def _in_symbols(scheme: Scheme, symbols: Vocabulary, reading: Reading, rows: int, cols: int) -> Symbols:
    if len(scheme.spelling) > 1:
        return unspell(reading.ids, reading.bounds, symbols, reading.vocabulary, scheme.spelling, rows, cols)
    whole = np.full(len(reading.bounds) - 1, -1)
    return Symbols(reading.ids, reading.bounds, np.arange(len(reading.ids)), whole, whole)


def _steps(
    text: Symbols, said: Int[np.ndarray, " vocab"], first: Int[np.ndarray, " maze"], last: Int[np.ndarray, " maze"]
) -> PathBatch:
    """The meanings of each path's symbols, and whether more follows them."""
    length = (last - first).astype(np.int32)
    step = np.arange(length.max(initial=0))
    inside = step < length[:, None]
    cells = said[text.ids[np.where(inside, first[:, None] + step, 0)]]
    ended = np.where(last < text.bounds[1:], END, CUT).astype(np.int8)
    return PathBatch(np.where(inside, cells, NO_CELL).astype(np.int32), length, ended)


def _trimmed(paths: PathBatch, nothing: Bool[np.ndarray, " maze"]) -> PathBatch:
    """The paths, where nothing was written without any cell, in an array no wider than the longest."""
    length = np.where(nothing, 0, paths.length).astype(np.int32)
    step = np.arange(length.max(initial=0))
    return PathBatch(np.where(step < length[:, None], paths.cells[:, : len(step)], NO_CELL), length, paths.ended)


def _arrived(paths: PathBatch) -> Int[np.ndarray, " maze"]:
    """The last cell of each path that ended properly, else NO_CELL: int32."""
    padded = np.append(paths.cells, np.full((len(paths), 1), NO_CELL, np.int32), axis=1)  # step -1 is no cell
    return np.where(paths.ended == END, padded[np.arange(len(paths)), paths.length - 1], NO_CELL).astype(np.int32)


def _fault(reading: Reading, text: Symbols, sequence: int, at: int, why: int, scheme: Scheme) -> ValueError:
    """The error for symbol `at`; a cell that breaks off where a cell would do is blamed where it does."""
    if at == text.bounds[sequence + 1]:
        place = int(reading.bounds[sequence + 1])
    elif at + 1 == text.bounds[sequence + 1] and text.broken[sequence] >= 0 and why in A_CELL_WOULD_DO:
        place, why = int(text.broken[sequence]), int(text.why[sequence])
    else:
        place = int(text.place[at]) + (scheme.spelling.index("c") if why in ABOUT_A_CELL and scheme.spelled else 0)
    return reading.fault(sequence, place, SAID[why] if why in SAID else f"expected {reading.vocabulary.tokens[why]}")


@njit(cache=True, nogil=True)
@no_type_check
def _parse(
    ids,
    bounds,
    cell_of_id,
    said,
    cols,
    before,
    after,
    joint,
    either,
    width,
    named,
    opened,
    order,
    start,
    goal,
    first,
    last,
    wanted,
):
    """(sequence, place, fault) of the first symbol that is wrong, or (0, 0, FINE) with all arrays from `named` filled.

    `wanted` is the fault of a path that holds something else than steps.
    """
    for i in range(len(bounds) - 1):
        at, stop = bounds[i], bounds[i + 1]
        for pattern in (before, after):
            at, fault = _read_frame(ids, at, stop, cell_of_id, pattern, i, start, goal)
            if fault == FINE and ids[at - 1] == ADJLIST_START:
                at, fault = _read_edges(
                    ids, at, stop, cell_of_id, cols, joint, either, width, named[i], opened[i], order[i]
                )
            if fault != FINE:
                return i, at, fault
        first[i], last[i] = at, at
        while last[i] < stop and said[ids[last[i]]] >= 0:
            last[i] += 1
        if at < stop and (last[i] == stop or ids[last[i]] != PATH_END):
            return i, last[i], wanted
        if at < stop and last[i] + 1 < stop:
            return i, last[i] + 1, MORE
    return 0, 0, FINE


@njit(cache=True, nogil=True)
@no_type_check
def _read_frame(ids, at, stop, cell_of_id, pattern, i, start, goal):
    """(place, fault): the place after symbols that are as the pattern says, or of the first that is not."""
    for k in range(len(pattern)):
        wanted, cell = pattern[k], NO_CELL
        if at + k < stop:
            cell = cell_of_id[ids[at + k]]
        if wanted < 0 and cell < 0:
            return at + k, CELL
        if wanted >= 0 and (at + k == stop or ids[at + k] != wanted):
            return at + k, wanted
        if wanted == THE_START:
            start[i] = cell
        elif wanted == THE_GOAL:
            goal[i] = cell
    return at + len(pattern), FINE


@njit(cache=True, nogil=True)
@no_type_check
def _read_edges(ids, at, stop, cell_of_id, cols, joint, either, width, named, opened, order):
    """(place, fault): the place after the last edge, or of the symbol that is wrong."""
    total = 0
    while at < stop and ids[at] != ADJLIST_END:
        if cell_of_id[ids[at]] < 0:
            return at, EDGE_OR_END
        end, is_passage = at + width - 2, True
        if width == 4:
            here = ids[at + 1] if at + 1 < stop else -1
            if here != joint and not (either and here == CONNECTOR):
                return at + 1, JOINT if either else joint
            is_passage = here == CONNECTOR or not either
        if end >= stop or cell_of_id[ids[end]] < 0:
            return end, CELL
        if end + 1 >= stop or ids[end + 1] != SEMICOLON:
            return end + 1, SEMICOLON
        a, b = cell_of_id[ids[at]], cell_of_id[ids[end]]
        edge = edge_between(a, b, cols, len(named))
        if edge < 0:
            return end, APART
        if named[edge]:
            return end, TWICE if opened[edge] == is_passage else CONTRADICTS
        named[edge], opened[edge], order[total] = True, is_passage, 2 * edge + (a > b)
        total += 1
        at += width
    if either and at < stop and total < len(order):
        return at, MISSING
    return at, FINE
