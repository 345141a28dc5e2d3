"""Which maze is this? A hash of its passages, and the split that the hash puts it in.

The hash sees the passages as a figure, not where it lies: a maze keeps its hash on a larger lattice and wherever it is
moved there, in every process and for ever. What split a maze belongs to is decided by its hash and nothing else: the
same passages are a test maze in every world, under every seed and between any two cells, so nothing that was tested on
can have been trained on, not even at another place of a larger lattice.
"""

from typing import no_type_check

import numpy as np
from jaxtyping import Bool, UInt8, UInt64
from numba import njit

from maze_interp import seeds

SPLITS = ("train", "validation", "test")
TRAIN, VALIDATION, TEST = 0, 1, 2
SHARES = (17, 1, 2)  # of 20: 85%, 5%, 10%


def passage_hash(passages: Bool[np.ndarray, "maze 2 row col"]) -> UInt64[np.ndarray, " maze"]:
    """A 64-bit hash of each maze's open passages, moved up and left until they touch the first row and column.

    Equal mazes agree, displaced ones too; a maze that uses its lattice's first row and column, as every connected one
    does, is hashed as it lies.
    """
    hashes = np.empty(len(passages), np.uint64)
    count, _, rows, cols = passages.shape
    _hash(np.ascontiguousarray(passages).reshape(count, 2 * rows * cols), rows, cols, hashes)
    return hashes


def split_of(hashes: UInt64[np.ndarray, " maze"]) -> UInt8[np.ndarray, " maze"]:
    """TRAIN, VALIDATION or TEST for each passage hash: about 85, 5 and 10 percent of all passages."""
    return np.repeat(np.arange(3, dtype=np.uint8), SHARES)[hashes % np.uint64(sum(SHARES))]


def split_name(split: int) -> str:
    """ "train", "validation" or "test"; ValueError if `split` is none of TRAIN, VALIDATION and TEST."""
    if split not in (TRAIN, VALIDATION, TEST):
        raise ValueError(f"split must be TRAIN, VALIDATION or TEST (0, 1 or 2), not {split!r}")
    return SPLITS[split]


@njit(cache=True, nogil=True)
@no_type_check
def _hash(edges, rows, cols, hashes):
    """A sum over open passages, so that closed cells around a maze, as on a larger lattice, leave it as it is."""
    for i in range(len(edges)):
        top, left = _corner(edges[i], rows, cols)
        total = np.uint64(0)
        for direction in range(2):
            for row in range(top, rows):
                for col in range(left, cols):
                    if edges[i, (direction * rows + row) * cols + col]:
                        place = (direction << 40) | (row - top) << 20 | col - left
                        total += seeds.mix(np.uint64(place) + seeds.GOLDEN)
        hashes[i] = seeds.mix(total + seeds.GOLDEN)


@njit(cache=True, nogil=True)
@no_type_check
def _corner(edges, rows, cols):
    """The first row and the first column that hold a cell with an open passage; (rows, cols) if none is open."""
    top, left = rows, cols
    for place in range(edges.size):
        row, col = place // cols % rows, place % cols
        if edges[place] and (row < top or col < left):
            top, left = min(top, row), min(left, col)
        if top + left == 0:
            break
    return top, left
