"""Which token is which integer: eleven special tokens, a scheme's words, then one token per cell of a lattice.

Names, order and spelling are maze-dataset's, so its data sets and the models trained on them need no translation.
The cells come in one of two orders. "row_by_row" is its `AOTP_UT_rasterized`. "corner_first" is its
`AOTP_UT_uniform`: cells by their distance from the corner, so that the ids of an n x n lattice are the first n * n
ids of every larger one, and a model can be given larger mazes without renaming what it knows. A scheme that writes a
cell as its row and its column has numbers, 0, 1, 2, ..., in place of cells.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Int

from maze_interp import recipes

SPECIALS = (
    "<ADJLIST_START>",
    "<ADJLIST_END>",
    "<TARGET_START>",
    "<TARGET_END>",
    "<ORIGIN_START>",
    "<ORIGIN_END>",
    "<PATH_START>",
    "<PATH_END>",
    "<-->",
    ";",
    "<PADDING>",
)
ADJLIST_START, ADJLIST_END, TARGET_START, TARGET_END, ORIGIN_START, ORIGIN_END = range(6)
PATH_START, PATH_END, CONNECTOR, SEMICOLON, PADDING = range(6, 11)


def _corner_first(cell: tuple[int, int]) -> tuple[int, int, int]:
    """Sort key: the square shell a cell lies on, then the cell itself, read column first where its row is odd."""
    row, col = cell
    return (max(cell), row, col) if row % 2 == 0 else (max(cell), col, row)


ORDERS = {"row_by_row": None, "corner_first": _corner_first}


@dataclass(frozen=True)
class Vocabulary:
    """The tokens of a rows x cols lattice; a token's id is its place in `tokens`.

    `words` are the tokens that a scheme uses besides the special ones; `numbers` gives it numbers in place of cells.
    Raises ValueError for an empty lattice or an unknown order.
    """

    rows: int
    cols: int
    order: str = "row_by_row"
    words: tuple[str, ...] = ()
    numbers: bool = False

    def __post_init__(self) -> None:
        if self.rows < 1 or self.cols < 1:
            raise ValueError(f"a vocabulary needs at least 1 row and 1 column, not {self.rows} x {self.cols}")
        if self.order not in ORDERS:
            raise recipes.unknown("cell order", self.order, ORDERS)

    @cached_property
    def _cells(self) -> list[tuple[int, int]]:
        return sorted(np.ndindex(self.rows, self.cols), key=ORDERS[self.order])

    @cached_property
    def tokens(self) -> tuple[str, ...]:
        """Every token string, by id: the specials, the words, then cells written "(row,col)", or numbers."""
        cells = tuple(f"({row},{col})" for row, col in self._cells)
        numbers = tuple(map(str, range(max(self.rows, self.cols))))
        return SPECIALS + self.words + (numbers if self.numbers else cells)

    @property
    def size(self) -> int:
        """How many tokens there are."""
        return self.first_place + (max(self.rows, self.cols) if self.numbers else self.rows * self.cols)

    @property
    def first_place(self) -> int:
        """The id of the first cell, or of the number 0: specials and words come before."""
        return len(SPECIALS) + len(self.words)

    @cached_property
    def ids(self) -> dict[str, int]:
        """The id of each token string."""
        return {token: index for index, token in enumerate(self.tokens)}

    @cached_property
    def cell_ids(self) -> Int[np.ndarray, "row col"]:
        """The id of each cell's token. Raises ValueError for a vocabulary of numbers, in which cells have none."""
        if self.numbers:
            raise ValueError("cells have no tokens of their own in a vocabulary of row and column numbers")
        ids = np.empty((self.rows, self.cols), np.int32)
        ids[tuple(np.array(self._cells).T)] = np.arange(self.first_place, self.size)
        ids.setflags(write=False)
        return ids

    @cached_property
    def cell_of_id(self) -> Int[np.ndarray, " vocab"]:
        """The cell that each token names, as row * cols + col of this lattice; -1 for all other tokens."""
        return self.cells_on(self.rows, self.cols)

    def ids_on(self, rows: int, cols: int) -> Int[np.ndarray, " cell"]:
        """The token id of each cell of a maze of rows x cols, which must not be larger than this lattice."""
        return self.cell_ids[:rows, :cols].flatten()

    def cells_on(self, rows: int, cols: int) -> Int[np.ndarray, " vocab"]:
        """The cell, row * cols + col, that each token names in a maze of rows x cols; -1 for no cell of it."""
        cells = np.full(self.size, -1, np.int32)
        if not self.numbers:
            cells[self.ids_on(rows, cols)] = np.arange(rows * cols)
        cells.setflags(write=False)
        return cells
