"""The two things every other room speaks of: a batch of mazes and a batch of paths.

A maze is its passages. `passages[maze, DOWN, r, c]` is True when one can walk between (r, c) and (r+1, c), and
`passages[maze, RIGHT, r, c]` when one can walk between (r, c) and (r, c+1); the last row of DOWN and the last column
of RIGHT are always False. This is the array that maze-dataset calls `connection_list`. A cell is one integer,
`row * cols + col`. A batch is the unit: one maze is a batch of one.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int

DOWN, RIGHT = 0, 1
NO_CELL = -1
END, INVALID, CUT = 0, 1, 2  # how a path ended: by an end token, at a token that is no cell, or at the length limit


@dataclass(frozen=True)
class MazeBatch:
    """Mazes of one lattice size, each with a start cell and a goal cell."""

    passages: Bool[np.ndarray, "maze 2 row col"]
    start: Int[np.ndarray, " maze"]
    goal: Int[np.ndarray, " maze"]

    @property
    def rows(self) -> int:
        return self.passages.shape[2]

    @property
    def cols(self) -> int:
        return self.passages.shape[3]

    def __len__(self) -> int:
        return len(self.passages)

    def __getitem__(self, which: slice | np.ndarray) -> "MazeBatch":
        """The mazes chosen by a slice, a boolean mask or an array of indices, as a batch."""
        return MazeBatch(self.passages[which], self.start[which], self.goal[which])


@dataclass(frozen=True)
class PathBatch:
    """One sequence of cells per maze: a solution, or whatever a model wrote.

    `cells` is padded with NO_CELL after `length` cells (length counts cells, both ends included). `ended` says how
    each path stopped: END (properly), INVALID (a token that is no cell, which is not part of `cells`), CUT (it ran
    into the length limit). Nothing here promises that a path is a legal walk: `mazes.paths` decides that.
    """

    cells: Int[np.ndarray, "maze step"]
    length: Int[np.ndarray, " maze"]
    ended: Int[np.ndarray, " maze"]

    def __len__(self) -> int:
        return len(self.cells)

    def __getitem__(self, which: slice | np.ndarray) -> "PathBatch":
        """The paths chosen by a slice, a boolean mask or an array of indices, as a batch."""
        return PathBatch(self.cells[which], self.length[which], self.ended[which])
