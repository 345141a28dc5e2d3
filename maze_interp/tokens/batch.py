"""A batch of token sequences that still knows what each position means.

`part` says which section of the sequence a position belongs to, `cell` which cell its token names (NO_CELL for
special tokens), and `graded` whether the prediction made *at* this position (of the next token) counts: from
PATH_START to the last token of the path, whose prediction is PATH_END. Where a scheme spells a cell in several tokens,
its column names it; where it writes moves, a move names the cell it leads to, and PATH_START the start. So each written
cell has one position, and nobody downstream parses strings again.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int

EDGE, START, GOAL, PATH, PAD = 0, 1, 2, 3, 4


@dataclass(frozen=True)
class TokenBatch:
    """Sequences padded on the right with the padding token to a common length."""

    ids: Int[np.ndarray, "maze position"]
    part: Int[np.ndarray, "maze position"]
    cell: Int[np.ndarray, "maze position"]
    graded: Bool[np.ndarray, "maze position"]
    length: Int[np.ndarray, " maze"]

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, which: slice | np.ndarray) -> "TokenBatch":
        """The sequences chosen by a slice, a boolean mask or an array of indices, as a batch."""
        return TokenBatch(self.ids[which], self.part[which], self.cell[which], self.graded[which], self.length[which])
