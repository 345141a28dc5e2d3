"""The mazes as the network reads them, and where on its path a step lies: all that asks what a head is needed for.

Steps are told apart by what they ask. At a fork more ways lead on than one, in a corridor one alone, at the goal none:
there the walk is to stop. A maze is walked when every step is right, so one that goes on past its goal is lost.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from maze_interp import mazes
from maze_interp.behaviour import forced, forks
from maze_interp.behaviour.forced import Predictions
from maze_interp.mazes import MazeBatch, PathBatch
from maze_interp.models import HookedTransformer
from maze_interp.patching import behind, usual
from maze_interp.patching.behind import Behind
from maze_interp.patching.usual import Usual
from maze_interp.tokens import TokenBatch

WALKED, FORKS, CORRIDORS, GOALS = "mazes", "forks", "corridors", "goals"
PLACES = (WALKED, FORKS, CORRIDORS, GOALS)
Heads = Bool[np.ndarray, "layer head"]
Part = tuple[int | None, int | None]  # a head of a layer, all of a layer, or all of all layers


@dataclass(frozen=True)
class Bench:
    """The model, mazes and their shortest paths, as it reads them; `at` says which predictions are made at each place,
    and `tick` is called after each reading."""

    model: HookedTransformer
    mazes: MazeBatch
    paths: PathBatch
    read: Behind
    at: dict[str, Bool[np.ndarray, "maze step"]]
    tick: Callable[[], None]

    @property
    def tokens(self) -> TokenBatch:
        """The mazes and their shortest paths, written."""
        return self.read.tokens

    def each(self) -> list[Part]:
        """Every head."""
        return [(layer, head) for layer in range(self.model.cfg.n_layers) for head in range(self.model.cfg.n_heads)]

    def parts(self) -> list[Part]:
        """Every head, every layer, and all."""
        return [*self.each(), *((layer, None) for layer in range(self.model.cfg.n_layers)), (None, None)]

    def heads(self, part: Part) -> Heads:
        """Which heads a part is."""
        chosen = np.zeros((self.model.cfg.n_layers, self.model.cfg.n_heads), dtype=bool)
        chosen[tuple(slice(None) if one is None else one for one in part)] = True
        return chosen

    def reads(self, heads: Heads, said: Usual) -> Predictions:
        """What is expected next at each step of the true path where these heads write what is usual."""
        made = forced.predictions(usual.forced(self.read, heads, said), self.tokens)
        self.tick()
        return made

    def right(
        self, made: Predictions, counted: Bool[np.ndarray, "maze step"] | bool = True
    ) -> Float[np.ndarray, "maze place"]:
        """For each of PLACES: whether the maze is walked whole, then the share of its steps (of those `counted`) that
        are right; nan where it has none."""
        at = [self.at[place] & counted for place in PLACES[1:]]
        counts = np.stack([here.sum(axis=1) for here in at], axis=1)
        hits = np.stack([(made.right & here).sum(axis=1) for here in at], axis=1)
        shares = np.where(counts > 0, hits / np.maximum(counts, 1), np.nan)
        return np.column_stack([forced.every_token(made, self.mazes, self.model.maze_tokenizer), shares])

    def lost(self, parts: Sequence[Part], said: Usual) -> Float[np.ndarray, "maze part place"]:
        """What is right of each maze less what is right of it where a part writes what is usual."""
        right = self.right(self.reads(np.zeros_like(self.heads((None, None))), said))
        return np.stack([right - self.right(self.reads(self.heads(part), said)) for part in parts], axis=1)


def bench(model: HookedTransformer, asked: MazeBatch, seed: int, tick: Callable[[], None] = lambda: None) -> Bench:
    """Read these mazes with their shortest paths.

    Raises ValueError for a language without a token for each cell, and for a network that the fused pass does not do.
    """
    paths = mazes.solve(asked, seed=seed)
    tokens = model.maze_tokenizer.encode(asked, paths, seed=seed)
    if (usual.cells(tokens) != mazes.NO_CELL).sum(axis=1).tolist() != paths.length.tolist():
        raise ValueError(f"{model.maze_tokenizer.scheme} has no token for each cell of a path")
    step = np.arange(paths.length.max() + 1)  # the first is made at <PATH_START>, the last at the goal
    on = (step > 0) & (step < paths.length[:, None])
    many = np.zeros_like(on)
    many[:, 1:] = forks.decision_points(asked, paths)[:, : len(step) - 1]
    at = {FORKS: many, CORRIDORS: on & ~many, GOALS: step == paths.length[:, None]}
    return Bench(model, asked, paths, behind.behind(model, tokens), at, tick)
