"""Cells in several tokens: `(1,0)` spelled as `1 0`, or as `( 1 , 0 )`, and read back.

Everything else in this room speaks in symbols, of which each cell is one. A scheme that gives cells tokens of their own
writes symbols as they are; any other spells them here, last thing when writing and first thing when reading.
"""

from dataclasses import dataclass
from typing import no_type_check

import numpy as np
from jaxtyping import Int
from numba import njit

from maze_interp.mazes.batch import NO_CELL
from maze_interp.tokens.batch import PAD, TokenBatch
from maze_interp.tokens.blank import blank
from maze_interp.tokens.faults import COL, FINE, OUTSIDE, ROW
from maze_interp.tokens.vocabulary import PADDING, Vocabulary


@dataclass(frozen=True)
class Symbols:
    """Sequences of symbols, end to end, and where each stood: symbol k of the whole began at token `place[k]`.

    A cell that breaks off is the last symbol of its sequence, PADDING, which stands nowhere else; `broken` is the
    token at which it did (-1 if none does) and `why` what was wrong with it.
    """

    ids: Int[np.ndarray, " symbol"]
    bounds: Int[np.ndarray, " bound"]
    place: Int[np.ndarray, " symbol"]
    broken: Int[np.ndarray, " sequence"]
    why: Int[np.ndarray, " sequence"]


def pattern(spelling: tuple[str, ...], vocabulary: Vocabulary) -> Int[np.ndarray, " token"]:
    """What each token of a cell must be: a token id, ROW or COL."""
    wanted = {"r": ROW, "c": COL}
    return np.array([wanted[name] if name in wanted else vocabulary.ids[name] for name in spelling], np.int32)


def spell(batch: TokenBatch, symbols: Vocabulary, vocabulary: Vocabulary, spelling: tuple[str, ...]) -> TokenBatch:
    """A batch of symbols in the tokens of `vocabulary`; the token that names a cell is its column."""
    cell_of_id = symbols.cells_on(symbols.rows, symbols.cols)
    ids = np.ascontiguousarray(batch.ids)
    length = np.empty(len(batch), np.int32)
    _lengths(ids, batch.length, cell_of_id, len(spelling), length)
    out = blank(length)
    _spell(
        ids,
        *(batch.length, batch.part, batch.cell, batch.graded),
        *(cell_of_id, pattern(spelling, vocabulary), vocabulary.first_place, symbols.cols),
        *(out.ids, out.length, out.part, out.cell, out.graded),
    )
    return out


def unspell(
    ids: Int[np.ndarray, " token"],
    bounds: Int[np.ndarray, " bound"],
    symbols: Vocabulary,
    vocabulary: Vocabulary,
    spelling: tuple[str, ...],
    rows: int,
    cols: int,
) -> Symbols:
    """The symbols of sequences of tokens laid end to end, whose cells must lie on a rows x cols lattice."""
    count = len(bounds) - 1
    found, place = np.empty(len(ids), np.int32), np.empty(len(ids), np.int64)
    ends, broken, why = np.zeros(count + 1, np.int64), np.full(count, -1), np.full(count, FINE)
    names = np.ascontiguousarray(symbols.cell_ids[:rows, :cols])
    ids, bounds = np.ascontiguousarray(ids, np.int32), np.ascontiguousarray(bounds, np.int64)
    wanted = pattern(spelling, vocabulary)
    _unspell(ids, bounds, names, wanted, vocabulary.first_place, found, place, ends, broken, why)
    return Symbols(found[: ends[-1]], ends, place[: ends[-1]], broken, why)


@njit(cache=True, nogil=True)
@no_type_check
def _lengths(ids, length, cell_of_id, size, out):
    for i in range(ids.shape[0]):
        total = 0
        for k in range(length[i]):
            total += size if cell_of_id[ids[i, k]] >= 0 else 1
        out[i] = total


@njit(cache=True, nogil=True)
@no_type_check
def _spell(
    ids, length, part, cell, graded, cell_of_id, wanted, zero, cols, out_ids, out_length, out_part, out_cell, out_graded
):
    for i in range(ids.shape[0]):
        at = 0
        for k in range(length[i]):
            named = cell_of_id[ids[i, k]]
            if named < 0:
                out_ids[i, at], out_cell[i, at] = ids[i, k], cell[i, k]
                out_part[i, at], out_graded[i, at] = part[i, k], graded[i, k]
                at += 1
                continue
            for token in wanted:
                out_ids[i, at], out_cell[i, at] = token, NO_CELL
                if token == ROW:
                    out_ids[i, at] = zero + named // cols
                elif token == COL:
                    out_ids[i, at], out_cell[i, at] = zero + named % cols, cell[i, k]
                out_part[i, at], out_graded[i, at] = part[i, k], graded[i, k]
                at += 1
        out_ids[i, at:], out_part[i, at:], out_cell[i, at:], out_graded[i, at:] = PADDING, PAD, NO_CELL, False


@njit(cache=True, nogil=True)
@no_type_check
def _unspell(ids, bounds, names, wanted, zero, found, place, ends, broken, why):
    total = 0
    for i in range(len(bounds) - 1):
        at, stop = bounds[i], bounds[i + 1]
        while at < stop and broken[i] < 0:
            place[total] = at
            number = ids[at] >= zero
            if (not number) if wanted[0] == ROW else (ids[at] != wanted[0]):
                found[total] = PADDING if number else ids[at]  # a number where no cell begins is nothing
                at += 1
            else:
                row, col, matched, fault = _read_cell(ids, at, stop, wanted, zero, names.shape)
                if fault == FINE:
                    found[total] = names[row, col]
                else:
                    found[total], broken[i], why[i] = PADDING, at + matched, fault
                at += matched
            total += 1
        ends[i + 1] = total


@njit(cache=True, nogil=True)
@no_type_check
def _read_cell(ids, at, stop, wanted, zero, size):
    """(row, column, tokens read, fault): all of a cell's tokens and FINE, or those before the one that is wrong."""
    row = col = 0
    for k in range(len(wanted)):
        here = ids[at + k] if at + k < stop else -1
        if wanted[k] >= 0:
            if here != wanted[k]:
                return row, col, k, wanted[k]
        elif here < zero:
            return row, col, k, wanted[k]
        elif wanted[k] == ROW:
            row = here - zero
            if row >= size[0]:
                return row, col, k, OUTSIDE
        else:
            col = here - zero
            if col >= size[1]:
                return row, col, k, OUTSIDE
    return row, col, len(wanted), FINE
