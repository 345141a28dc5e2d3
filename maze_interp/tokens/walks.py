"""How a path is written: its cells, the directions or turns that lead through it, or only its forks.

`write` says what is written of a path, `follow` makes a path of what was written. A path that a scheme cannot write is
refused; what a model writes is followed wherever it leads.
"""

from dataclasses import dataclass
from typing import no_type_check

import numpy as np
from jaxtyping import Bool, Int
from numba import njit

from maze_interp.mazes import lattice
from maze_interp.mazes.batch import END, NO_CELL, MazeBatch, PathBatch
from maze_interp.recipes import Refusal
from maze_interp.tokens import corridors, directions
from maze_interp.tokens.faults import FINE, NO_PASSAGE, NO_STEP, NOT_FROM_START, UNCLEAR
from maze_interp.tokens.schemes import Scheme
from maze_interp.tokens.vocabulary import Vocabulary

REFUSED = {
    NOT_FROM_START: "does not begin at its start",
    NO_STEP: "makes a move that is no step to a neighbour",
    UNCLEAR: "turns round between two forks, leaves the passages or has more than one way to the next fork",
}


@dataclass(frozen=True)
class Steps:
    """What is written of each path: symbols, the cell each one names or leads to, and how many there are."""

    ids: Int[np.ndarray, "maze step"]
    cells: Int[np.ndarray, "maze step"]
    length: Int[np.ndarray, " maze"]


@dataclass(frozen=True)
class Followed:
    """Paths as they were meant, and of each the first step that is no legal one (-1 if all are) and why."""

    paths: PathBatch
    wrong: Int[np.ndarray, " maze"]
    why: Int[np.ndarray, " maze"]


def meaning(scheme: Scheme, symbols: Vocabulary, rows: int, cols: int) -> Int[np.ndarray, " vocab"]:
    """What each symbol says in a path: a cell, or a direction or turn 0..3; NO_CELL for what no path consists of."""
    if scheme.moves:
        said = np.full(symbols.size, NO_CELL, np.int32)
        said[_words(scheme, symbols)] = range(4)
        return said
    return symbols.cells_on(rows, cols)


def write(scheme: Scheme, symbols: Vocabulary, mazes: MazeBatch, paths: PathBatch) -> Steps:
    """What is written of each path. Raises ValueError naming the maze whose path this scheme cannot write."""
    path, length = np.ascontiguousarray(paths.cells, np.int32), np.ascontiguousarray(paths.length, np.int32)
    if scheme.path == "cells":
        bad, why, steps = 0, FINE, Steps(np.empty_like(path), path, length)
    else:
        steps = Steps(np.empty_like(path), np.empty_like(path), np.empty_like(length))
        bad, why = _shorten(scheme, symbols, mazes, path, length, paths.ended == END, steps)
    if why != FINE:
        raise Refusal(f"the path of maze {bad} cannot be written as {scheme.path}: it {REFUSED[why]}")
    if not scheme.moves:
        _name(symbols.ids_on(mazes.rows, mazes.cols), steps.cells, steps.length, steps.ids)
    return steps


def follow(scheme: Scheme, mazes: MazeBatch, steps: PathBatch) -> Followed:
    """The paths that steps, which hold the meanings of symbols, say.

    A step that is no legal one is taken as far as it can be: through a wall, or to the named cell at once. One that
    leads off the lattice is not, and the path is INVALID there.
    """
    said, length = np.ascontiguousarray(steps.cells, np.int32), np.ascontiguousarray(steps.length, np.int32)
    edges, ended = lattice.flat(mazes.passages), steps.ended.astype(np.int8)
    walked, wrong, why = length.copy(), np.full(len(steps), -1, np.int32), np.full(len(steps), FINE, np.int32)
    if scheme.path == "cells":
        _check_passages(edges, mazes.cols, said, length, wrong, why)
        return Followed(PathBatch(said, length, ended), wrong, why)
    if scheme.path == "forks":
        corridors.unfold(edges, mazes.cols, said, length, np.empty((len(steps), 0), np.int32), walked, wrong, why)
        cells = np.full((len(steps), walked.max(initial=0)), NO_CELL, np.int32)
        corridors.unfold(edges, mazes.cols, said, length, cells, walked, wrong, why)
        return Followed(PathBatch(cells, walked, ended), wrong, why)
    cells = np.full((len(steps), said.shape[1] + 1), NO_CELL, np.int32)
    start, turning = np.ascontiguousarray(mazes.start, np.int32), scheme.path == "turns"
    directions.follow(edges, mazes.cols, start, said, length, turning, cells, walked, ended, wrong, why)
    return Followed(PathBatch(cells, walked, ended), wrong, why)


def ways(
    scheme: Scheme,
    symbols: Vocabulary,
    cells: Int[np.ndarray, "maze step"],
    around: Int[np.ndarray, "maze step 4"],
    rows: int,
    cols: int,
) -> Int[np.ndarray, "maze step 4"]:
    """The symbol that leads from each cell of a path to each neighbour, where a move is one symbol."""
    if not scheme.moves:
        return symbols.ids_on(rows, cols)[around]
    heading = np.zeros(cells.shape, int)
    if scheme.path == "turns":
        heading[:] = directions.NORTH
        came = around[:, :-1] == cells[:, 1:, None]  # the direction that leads to the next cell is its heading
        heading[:, 1:] = np.where(came.any(axis=-1), came.argmax(axis=-1), directions.NORTH)
    return _words(scheme, symbols)[(np.arange(4) - heading[..., None]) & 3]


def _shorten(
    scheme: Scheme,
    symbols: Vocabulary,
    mazes: MazeBatch,
    path: Int[np.ndarray, "maze step"],
    length: Int[np.ndarray, " maze"],
    closed: Bool[np.ndarray, " maze"],
    steps: Steps,
) -> tuple[int, int]:
    """Fill in what is written of paths that are not written cell by cell: (the first maze that cannot be, why)."""
    if scheme.path == "forks":
        return corridors.thin(lattice.flat(mazes.passages), mazes.cols, path, length, steps.cells, steps.length)
    start, words = np.ascontiguousarray(mazes.start, np.int32), _words(scheme, symbols)
    turning = scheme.path == "turns"
    return directions.give(
        mazes.cols, start, path, length, closed, words, turning, steps.ids, steps.cells, steps.length
    )


def _words(scheme: Scheme, symbols: Vocabulary) -> Int[np.ndarray, " direction"]:
    return np.array([symbols.ids[word] for word in directions.WORDS[scheme.path]], np.int32)


@njit(cache=True, nogil=True)
@no_type_check
def _name(names, cells, length, ids):
    for i in range(cells.shape[0]):
        for k in range(length[i]):
            ids[i, k] = names[cells[i, k]]


@njit(cache=True, nogil=True)
@no_type_check
def _check_passages(edges, cols, cells, length, wrong, why):
    for i in range(edges.shape[0]):
        for k in range(1, length[i]):
            edge = directions.edge_between(cells[i, k - 1], cells[i, k], cols, edges.shape[1])
            if edge < 0 or not edges[i, edge]:
                wrong[i], why[i] = k, NO_PASSAGE
                break
