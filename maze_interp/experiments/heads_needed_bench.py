"""The mazes as the network reads them, and where on its path a step lies: all that asks what a head is needed for.

Steps are told apart by what they ask. At a fork more ways lead on than one, in a corridor one alone, at the goal none:
there the walk is to stop. A maze is walked when every step is right, so one that goes on past its goal is lost.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from maze_interp.behaviour import forced, neighbours
from maze_interp.behaviour.forced import Predictions
from maze_interp.mazes import NO_CELL, MazeBatch
from maze_interp.models import HookedTransformer
from maze_interp.patching import usual
from maze_interp.patching.behind import Behind
from maze_interp.patching.usual import Usual
from maze_interp.tokens import TokenBatch

WALKED, FORKS, CORRIDORS, GOALS = "mazes", "forks", "corridors", "goals"
PLACES = (WALKED, FORKS, CORRIDORS, GOALS)
Heads = Bool[np.ndarray, "layer head"]


@dataclass(frozen=True)
class Bench:
    """The model, the mazes with their paths as it reads them, and who is told of each reading."""

    model: HookedTransformer
    mazes: MazeBatch
    read: Behind
    told: Callable[[], None]

    @property
    def tokens(self) -> TokenBatch:
        """The mazes and their shortest paths, written."""
        return self.read.tokens

    def reads(self, heads: Heads, said: Usual) -> Predictions:
        """What is expected next at each step of the true path where these heads write what is usual."""
        made = forced.predictions(usual.forced(self.read, heads, said), self.tokens)
        self.told()
        return made

    def right(self, made: Predictions) -> Float[np.ndarray, "maze place"]:
        """For each of PLACES: whether the maze is walked whole, then the share of its steps that are right; nan where
        it has none."""
        at = steps(self, made)
        counts = np.stack([at[place].sum(axis=1) for place in PLACES[1:]], axis=1)
        right = np.stack([(made.right & at[place]).sum(axis=1) for place in PLACES[1:]], axis=1)
        shares = np.where(counts > 0, right / np.maximum(counts, 1), np.nan)
        return np.column_stack([forced.every_token(made, self.mazes, self.model.maze_tokenizer), shares])


def steps(bench: Bench, made: Predictions) -> dict[str, Bool[np.ndarray, "maze step"]]:
    """The steps at forks, in corridors and at the goal."""
    many = (ways(bench, made) != NO_CELL).sum(axis=2) > 1
    stops = made.asked & (made.cell != NO_CELL) & ~made.moves
    return {FORKS: made.moves & many, CORRIDORS: made.moves & ~many, GOALS: stops}


def ways(bench: Bench, made: Predictions) -> Int[np.ndarray, "maze step 4"]:
    """The open neighbours of the cell at each step, but for the one it came from; NO_CELL besides."""
    maze = np.arange(len(bench.mazes))[:, None]
    around = neighbours.connected(bench.mazes.passages)[maze, np.maximum(made.cell, 0)]
    came = np.concatenate([np.full((len(maze), 1), NO_CELL), made.cell[:, :-1]], axis=1)
    return np.where((made.cell == NO_CELL)[..., None] | (around == came[..., None]), NO_CELL, around)
