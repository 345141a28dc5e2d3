"""From mazes and paths to token sequences and back: one scheme, one vocabulary, no state.

A tokenizer is as large as its vocabulary's lattice and writes every maze that fits on it: cell (r, c) has the same
token in a 5 x 5 maze as in a 7 x 7 one. What a sequence looks like is its scheme's to say; `schemes` has the choices.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Int

from maze_interp import recipes
from maze_interp.mazes.batch import CUT, END, INVALID, NO_CELL, MazeBatch, PathBatch
from maze_interp.tokens import edges, parsing, walks, writing
from maze_interp.tokens.batch import TokenBatch
from maze_interp.tokens.reading import read
from maze_interp.tokens.schemes import SCHEMES, Scheme
from maze_interp.tokens.spelling import pattern, spell, unspell
from maze_interp.tokens.vocabulary import PATH_END, Vocabulary

NOT_WRITTEN = -1  # in ids after the last token a model wrote


@dataclass(frozen=True)
class Tokenizer:
    """Writes mazes of up to rows x cols cells. Raises ValueError for an unknown scheme or cell order."""

    scheme: str = "adjacency_list"
    rows: int = 6
    cols: int = 6
    order: str = "row_by_row"

    def __post_init__(self) -> None:
        if self.scheme not in SCHEMES:
            raise recipes.unknown("token scheme", self.scheme, SCHEMES)
        Vocabulary(self.rows, self.cols, self.order)

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The tokens and their ids."""
        return Vocabulary(self.rows, self.cols, self.order, self.choices.words, self.choices.spelled)

    @property
    def choices(self) -> Scheme:
        """How the scheme of that name writes."""
        return SCHEMES[self.scheme]

    @cached_property
    def _symbols(self) -> Vocabulary:
        """The vocabulary in which every cell is one token; the scheme's own where it spells cells so."""
        return Vocabulary(self.rows, self.cols, self.order, self.choices.words)

    def max_length(self, rows: int | None = None, cols: int | None = None) -> int:
        """The longest sequence that any maze of a rows x cols lattice (the vocabulary's, if not given) can have."""
        return self.choices.longest(*self._lattice(rows, cols))

    def draw_edge_order(
        self, passages: Bool[np.ndarray, "maze 2 row col"], *, seed: int, first: int = 0
    ) -> Int[np.ndarray, "maze edge"]:
        """The edges that the scheme lists of each maze, in its order: int32 codes as `edges` explains.

        Maze i's order is a function of (seed, first + i) and its passages alone; rows are padded with -1.
        Raises ValueError if a passage is open across the border.
        """
        listed = edges.listed(passages, self.choices.edges)
        return edges.draw(listed, seed=seed, first=first, order=self.choices.order)

    def encode(
        self,
        mazes: MazeBatch,
        paths: PathBatch,
        *,
        seed: int | None = None,
        first: int = 0,
        edge_order: Int[np.ndarray, "maze edge"] | None = None,
    ) -> TokenBatch:
        """The sequences of mazes with their paths, padded to the longest: int32 ids and cells, int8 parts.

        The order of the edges is drawn from `seed` (maze i from (seed, first + i)) or given as `edge_order`.
        A path that did not end properly is written without PATH_END. Raises ValueError for mazes larger than the
        vocabulary, cells outside the maze, an edge order that is not the maze's edges, and, naming the maze, a path
        that the scheme cannot write.
        """
        self._lattice(mazes.rows, mazes.cols)
        _check(mazes, paths, goal=self.choices.target)
        if (seed is None) == (edge_order is None):
            raise ValueError("give either a seed to draw the order of the edges from, or an edge_order")
        if edge_order is None:
            edge_order = self.draw_edge_order(mazes.passages, seed=seed or 0, first=first)
        else:
            what = "edges" if self.choices.edges == "both" else self.choices.edges
            edges.check(edge_order, edges.listed(mazes.passages, self.choices.edges), what)
        batch = writing.encode(self.choices, self._symbols, mazes, paths, edge_order)
        if self.choices.spelled:
            return spell(batch, self._symbols, self.vocabulary, self.choices.spelling)
        return batch

    def encode_prompts(
        self,
        mazes: MazeBatch,
        *,
        seed: int | None = None,
        first: int = 0,
        edge_order: Int[np.ndarray, "maze edge"] | None = None,
    ) -> TokenBatch:
        """The sequences up to and including PATH_START, the one graded position; otherwise as `encode`."""
        count = len(mazes)
        no_path = PathBatch(np.empty((count, 0), np.int32), np.zeros(count, np.int32), np.full(count, CUT, np.int8))
        return self.encode(mazes, no_path, seed=seed, first=first, edge_order=edge_order)

    @cached_property
    def path_tokens(self) -> Bool[np.ndarray, " vocab"]:
        """Which tokens a path consists of, PATH_END aside: who writes another one has ended or gone wrong."""
        if self.choices.spelled and not self.choices.moves:
            parts = np.arange(self.vocabulary.size) >= self.vocabulary.first_place
            marks = pattern(self.choices.spelling, self.vocabulary)
            parts[marks[marks >= 0]] = True
        else:  # what says something in a path is a word or a whole cell, and has the same id in either vocabulary
            parts = (walks.meaning(self.choices, self._symbols, self.rows, self.cols) >= 0)[: self.vocabulary.size]
        parts.setflags(write=False)
        return parts

    def longest_path(self, rows: int | None = None, cols: int | None = None) -> int:
        """The tokens of a path through every cell of a rows x cols lattice (the vocabulary's, if not given), its end
        included."""
        return self.choices.longest_path(*self._lattice(rows, cols))

    def paths(self, ids: Int[np.ndarray, "maze step"], mazes: MazeBatch) -> PathBatch:
        """What a model wrote after PATH_START of each maze's prompt, as paths.

        A path stops at PATH_END (END) or at the first token that makes no step on the lattice (INVALID); one that does
        neither before its row ends, or before NOT_WRITTEN, is CUT. Cells are the maze's own, row * cols + col.
        Directions and turns begin at the maze's start and lead through walls too. Forks are joined by the corridor
        between them; where there is none, or more than one, the path jumps. Raises ValueError for ids outside the
        vocabulary.
        """
        rows, cols = self._lattice(mazes.rows, mazes.cols)
        if len(ids) != len(mazes):
            raise ValueError(f"{len(ids)} rows of token ids for {len(mazes)} mazes")
        size = self.vocabulary.size
        if ids.size and not NOT_WRITTEN <= ids.min() <= ids.max() < size:
            raise ValueError(f"token ids must be 0..{size - 1}, not {ids.min()}..{ids.max()}")
        if self.choices.moves:
            _check_cells("start", mazes.start, mazes)
        said = walks.meaning(self.choices, self._symbols, rows, cols)
        steps = _steps(self._unspelled(ids, rows, cols) if self.choices.spelled else ids, said)
        return steps if self.choices.path == "cells" else walks.follow(self.choices, mazes, steps).paths

    def _unspelled(self, ids: Int[np.ndarray, "maze step"], rows: int, cols: int) -> Int[np.ndarray, "maze step"]:
        """Tokens as symbols, a row as wide as before; a cell that breaks off is PADDING, one cut short is left out."""
        written = np.logical_and.accumulate(ids != NOT_WRITTEN, axis=1)
        bounds = np.append(0, written.sum(axis=1).cumsum())
        text = unspell(ids[written], bounds, self._symbols, self.vocabulary, self.choices.spelling, rows, cols)
        count = np.diff(text.bounds) - (text.broken == bounds[1:])
        step = np.arange(ids.shape[1])
        inside = step < count[:, None]
        symbols = np.append(text.ids, NOT_WRITTEN)[np.where(inside, text.bounds[:-1, None] + step, -1)]
        return symbols

    def way_ids(
        self, cells: Int[np.ndarray, "maze step"], around: Int[np.ndarray, "maze step 4"], rows: int, cols: int
    ) -> Int[np.ndarray, "maze step 4"]:
        """The token that leads from each cell of a path to each of its neighbours `around` it, down, right, up, left.

        NOT_WRITTEN where there is no neighbour. Raises ValueError if the scheme does not write a move as one token.
        """
        if not self.choices.one_token_a_move:
            raise ValueError(f"the scheme {self.scheme!r} does not write a move as one token")
        ids = walks.ways(self.choices, self._symbols, cells, around, rows, cols)
        return np.where(around == NO_CELL, NOT_WRITTEN, ids)

    def text(self, batch: TokenBatch) -> list[str]:
        """Each sequence as its token strings joined by spaces, without padding."""
        tokens = np.array(self.vocabulary.tokens, object)[batch.ids]
        return [" ".join(row[:length]) for row, length in zip(tokens, batch.length, strict=True)]

    def parse(
        self, texts: str | list[str], rows: int | None = None, cols: int | None = None
    ) -> tuple[MazeBatch, PathBatch]:
        """The mazes and paths that `text` wrote (one string is a batch of one), on a lattice of rows x cols.

        The lattice is the vocabulary's if not given; cells beyond a smaller maze simply have no passages, unless the
        scheme lists walls. A prompt gives a path of no cells that was CUT. Without a target, the goal is the last cell
        of a path that ended properly, else NO_CELL. Edges are taken in any order. Raises ValueError, naming the
        sequence, the position and the token, for text that is no sequence of this scheme or walks through a wall.
        """
        parsed = self._parsed(texts, rows, cols)
        return parsed.mazes, parsed.paths

    def edge_order(
        self, texts: str | list[str], rows: int | None = None, cols: int | None = None
    ) -> Int[np.ndarray, "maze edge"]:
        """The order in which sequences name their edges, as `encode` takes it; otherwise as `parse`."""
        return self._parsed(texts, rows, cols).order

    def _parsed(self, texts: str | list[str], rows: int | None, cols: int | None) -> parsing.Parsed:
        rows, cols = self._lattice(rows, cols)
        reading = read([texts] if isinstance(texts, str) else texts, self.vocabulary, rows, cols)
        return parsing.parse(self.choices, self._symbols, reading, rows, cols)

    def _lattice(self, rows: int | None, cols: int | None) -> tuple[int, int]:
        rows, cols = self.rows if rows is None else rows, self.cols if cols is None else cols
        if not (1 <= rows <= self.rows and 1 <= cols <= self.cols):
            raise recipes.Refusal(
                f"mazes of {rows} x {cols} cells do not fit a vocabulary of {self.rows} x {self.cols}"
            )
        return rows, cols


def _steps(ids: Int[np.ndarray, "maze step"], said: Int[np.ndarray, " vocab"]) -> PathBatch:
    """What rows of symbols say before the first that says nothing, and how they ended."""
    count, width = ids.shape
    cells = np.full((count, width + 1), NO_CELL, np.int32)  # a column more, so that every path meets a stop
    cells[:, :width] = np.append(said, NO_CELL)[ids]  # NOT_WRITTEN is the last
    length = (cells == NO_CELL).argmax(axis=1).astype(np.int32)
    cells = np.where(np.arange(width) < length[:, None], cells[:, :width], NO_CELL).astype(np.int32)
    stop = np.append(ids, np.full((count, 1), NOT_WRITTEN, ids.dtype), axis=1)[np.arange(count), length]
    ended = np.where(stop == PATH_END, END, np.where(stop == NOT_WRITTEN, CUT, INVALID)).astype(np.int8)
    return PathBatch(cells, length, ended)


def _check(mazes: MazeBatch, paths: PathBatch, *, goal: bool) -> None:
    """Raise ValueError unless every start, goal (if it is told) and path cell is a cell of its maze."""
    if len(paths) != len(mazes):
        raise ValueError(f"{len(paths)} paths for {len(mazes)} mazes")
    width = paths.cells.shape[1]
    if paths.length.min(initial=0) < 0 or paths.length.max(initial=0) > width:
        raise ValueError(f"path lengths must be 0..{width}, the width of their cells")
    _check_cells("start", mazes.start, mazes)
    if goal:
        _check_cells("goal", mazes.goal, mazes)
    _check_cells("path", np.where(np.arange(width) < paths.length[:, None], paths.cells, 0), mazes)


def _check_cells(name: str, cells: Int[np.ndarray, "maze ..."], mazes: MazeBatch) -> None:
    wrong = (cells < 0) | (cells >= mazes.rows * mazes.cols)
    if wrong.any():
        maze, value = np.argwhere(wrong)[0, 0], cells[wrong][0]
        size = f"{mazes.rows} x {mazes.cols}"
        raise ValueError(f"the {name} of maze {maze} holds {value}, which is no cell of a {size} maze")
