"""The symmetries of the lattice: a maze turned and mirrored is another maze, but no other problem.

A square lattice has eight, an oblong one four. `canonical_hash` is the least hash among a maze's images, so it is alike
exactly for mazes that turning and mirroring (and moving, as for `passage_hash`) lead into each other.
"""

import numpy as np
from jaxtyping import Bool, UInt64

from maze_interp.mazes.batch import DOWN, NO_CELL, MazeBatch
from maze_interp.mazes.hashing import passage_hash


def images(mazes: MazeBatch) -> list[MazeBatch]:
    """The batch under each symmetry of its lattice, start and goal with it; itself first."""
    found = [mazes, upside_down(mazes)]
    found += [mirrored(one) for one in found]
    return found + [transposed(one) for one in found] if mazes.rows == mazes.cols else found


def canonical_hash(passages: Bool[np.ndarray, "maze 2 row col"]) -> UInt64[np.ndarray, " maze"]:
    """A 64-bit hash that a maze shares with its images under the lattice's symmetries."""
    nowhere = np.full(len(passages), NO_CELL)
    hashes = [passage_hash(image.passages) for image in images(MazeBatch(passages, nowhere, nowhere))]
    return np.minimum.reduce(hashes)


def upside_down(mazes: MazeBatch) -> MazeBatch:
    """The last row first."""
    passages = mazes.passages[:, :, ::-1].copy()
    passages[:, DOWN] = np.roll(passages[:, DOWN], -1, axis=1)  # the closed border comes last again
    row, col = _places(mazes)
    return MazeBatch(passages, *_cells(mazes, (mazes.rows - 1 - row) * mazes.cols + col))


def mirrored(mazes: MazeBatch) -> MazeBatch:
    """The last column first."""
    return transposed(upside_down(transposed(mazes)))


def transposed(mazes: MazeBatch) -> MazeBatch:
    """Rows as columns and columns as rows."""
    passages = np.ascontiguousarray(mazes.passages[:, ::-1].swapaxes(2, 3))
    row, col = _places(mazes)
    return MazeBatch(passages, *_cells(mazes, col * mazes.rows + row))


def _places(mazes: MazeBatch) -> tuple[np.ndarray, np.ndarray]:
    """Row and column of (start, goal)."""
    return np.divmod(np.stack([mazes.start, mazes.goal]), mazes.cols)


def _cells(mazes: MazeBatch, moved: np.ndarray) -> np.ndarray:
    """The moved (start, goal), but where there was none there is none."""
    return np.where(np.stack([mazes.start, mazes.goal]) == NO_CELL, NO_CELL, moved)
