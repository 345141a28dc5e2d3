"""From where attention is asked, and what stands at the tokens it may go to.

A scene is a batch of sequences with the tokens that are asked: the cells of a path at which a next one was written
(PATH), or the `;` that ends each edge of the prompt (EDGES). Everything a measurement says of the tokens before them is
an array [maze, query, key].
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from maze_interp import mazes, models
from maze_interp.mazes import NO_CELL, MazeBatch, PathBatch
from maze_interp.models import HookedTransformer, Site
from maze_interp.tokens import EDGE, PATH, TokenBatch
from maze_interp.tokens.vocabulary import SEMICOLON

AT_PATH, AT_EDGES = "path", "edges"
NOBODY = -1  # in `query` after the last one asked
UNREACHABLE = -1

Keys = Bool[np.ndarray, "maze query key"]
Patterns = Float[np.ndarray, "maze query head key"]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Scene:
    """Sequences and the positions asked in each, `query`, padded with NOBODY."""

    mazes: MazeBatch
    tokens: TokenBatch
    query: Int[np.ndarray, "maze query"]

    @cached_property
    def here(self) -> Int[np.ndarray, "maze query"]:
        """The cell that each query's token names."""
        return self._cell(self.query)

    @cached_property
    def came(self) -> Int[np.ndarray, "maze query"]:
        """The cell that the token before names; NO_CELL where it names none, as before the first of a path."""
        return self._cell(self.query - 1)

    @cached_property
    def following(self) -> Int[np.ndarray, "maze query"]:
        """The cell that the token behind names."""
        return self._cell(self.query + 1)

    @cached_property
    def before(self) -> Keys:
        """Tokens before the query."""
        return np.arange(self.tokens.ids.shape[1]) < self.query[:, :, None]

    @cached_property
    def named(self) -> Int[np.ndarray, "maze 1 key"]:
        """The cell that each token names."""
        return self.tokens.cell[:, None, :]

    @cached_property
    def cells(self) -> Keys:
        """Tokens before the query that name a cell."""
        return self.before & (self.named != NO_CELL)

    @cached_property
    def listed(self) -> Keys:
        """Tokens before the query that name a cell in the list of edges."""
        return self.inside(EDGE)

    @cached_property
    def apart(self) -> Int[np.ndarray, "maze cell cell"]:
        """Steps through the maze between any two cells; UNREACHABLE where no way leads."""
        count, cells = len(self.mazes), self.mazes.rows * self.mazes.cols
        sources = np.tile(np.arange(cells, dtype=np.int32), count)
        steps = mazes.distances(np.repeat(self.mazes.passages, cells, axis=0), sources)
        return steps.reshape(count, cells, cells)

    @cached_property
    def ended(self) -> Int[np.ndarray, "maze key 2"]:
        """The two cells of the edge that each `;` ends; NO_CELL at all other tokens."""
        named = np.where(self.tokens.cell != NO_CELL, np.arange(self.tokens.ids.shape[1]), 0)
        last = np.maximum.accumulate(named, axis=1)
        last_but_one = np.take_along_axis(last, np.maximum(last - 1, 0), axis=1)
        ends = np.take_along_axis(self.tokens.cell[..., None], np.stack([last, last_but_one], axis=2), axis=1)
        stops = (self.tokens.part == EDGE) & (self.tokens.ids == SEMICOLON)
        return np.where(stops[..., None], ends, NO_CELL)

    def inside(self, part: int) -> Keys:
        """Tokens before the query that name a cell in one part of the sequence."""
        return self.cells & (self.tokens.part == part)[:, None, :]

    def away(self, steps: Int[np.ndarray, "maze cell cell"]) -> Int[np.ndarray, "maze query key"]:
        """What `steps` says between the query's cell and each token's; meaningless where one names no cell."""
        return steps[np.arange(len(self.mazes))[:, None, None], self.here[:, :, None], self.named]

    def right(self) -> Bool[np.ndarray, "maze query"]:
        """Where the path's next cell is one open step away and closer to the goal."""
        maze = np.arange(len(self.mazes))[:, None]
        to_goal = np.take_along_axis(self.apart, self.mazes.goal[:, None, None], axis=1)[:, 0]
        steps = self.apart[maze, self.here, self.following]
        closer = to_goal[maze, self.following] == to_goal[maze, self.here] - 1
        return (self.query != NOBODY) & (steps == 1) & closer

    def _cell(self, position: Int[np.ndarray, "maze query"]) -> Int[np.ndarray, "maze query"]:
        inside = self.query != NOBODY
        cells = np.take_along_axis(self.tokens.cell, np.where(inside, position, 0), axis=1)
        return np.where(inside, cells, NO_CELL)


def scene(batch: MazeBatch, tokens: TokenBatch, at: str) -> Scene:
    """The scene of sequences asked AT_PATH or AT_EDGES.

    A path's cell is asked if another follows it: the last one, from which no step leads, is not.
    """
    if at == AT_EDGES:
        asked = (tokens.part == EDGE) & (tokens.ids == SEMICOLON)
    else:
        asked = (tokens.part == PATH) & (tokens.cell != NO_CELL)
        asked[:, :-1] &= asked[:, 1:]
        asked[:, -1] = False
    order = np.argsort(~asked, axis=1, kind="stable")[:, : int(asked.sum(axis=1).max(initial=0))]
    return Scene(batch, tokens, np.where(np.take_along_axis(asked, order, axis=1), order, NOBODY))


def encoded(model: HookedTransformer, batch: MazeBatch, paths: PathBatch, *, seed: int, first: int = 0) -> TokenBatch:
    """The sequences of mazes and paths in the model's language.

    Raises ValueError for a language in which a cell is not one token in the list and on the path.
    """
    choices = model.maze_tokenizer.choices
    if choices.spelled or choices.path != "cells":
        scheme = model.maze_tokenizer.scheme
        raise ValueError(f"heads are read where each cell of a path is one token; the scheme {scheme!r} writes others")
    return model.maze_tokenizer.encode(batch, paths, seed=seed, first=first)


def patterns(
    model: HookedTransformer,
    batch: MazeBatch,
    paths: PathBatch,
    *,
    seed: int,
    size: int = 32,
    values: bool = False,
    progress: Progress | None = None,
) -> Iterator[tuple[slice, TokenBatch, dict[Site, torch.Tensor]]]:
    """Every layer's attention patterns (and `values`) on mazes with paths, `size` of them at a time.

    Yields which mazes, their sequences and what was read. `progress` is called with (mazes done, mazes).
    Raises ValueError without a maze.
    """
    if not len(batch):
        raise ValueError("attention needs at least one maze to be read on")
    kinds = ("pattern", "v") if values else ("pattern",)
    sites = [Site(kind, layer) for kind in kinds for layer in range(model.cfg.n_layers)]
    device = model.embed.W_E.device
    for begin in range(0, len(batch), size):
        which = slice(begin, min(begin + size, len(batch)))
        tokens = encoded(model, batch[which], paths[which], seed=seed, first=begin)
        ids = torch.from_numpy(tokens.ids).long().to(device)
        with torch.inference_mode():
            read = models.access.run(model, ids, read=sites).values
        yield which, tokens, read
        if progress is not None:
            progress(which.stop, len(batch))


def rows_of(pattern: torch.Tensor, query: Int[np.ndarray, "maze query"]) -> Patterns:
    """The rows of a pattern [maze, head, query, key] that belong to the queries; a padded query gets the last row."""
    maze = torch.arange(len(query))[:, None]
    asked = torch.from_numpy(query).to(pattern.device)
    return pattern[maze, :, asked].cpu().numpy()
