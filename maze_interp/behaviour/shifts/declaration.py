"""What a shift is: one change to what a model is used to, and the mazes and prompts that come of it.

A model's home is its world and its language. A shift changes exactly one thing of either and leaves the rest. What the
language or the context cannot express is refused with the reason: that is no failure of the model and counts as none.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from jaxtyping import Int

from maze_interp import mazes
from maze_interp.mazes import TEST, MazeBatch, Mixture, PathBatch, World
from maze_interp.recipes import Refusal
from maze_interp.tokens import TokenBatch, Tokenizer
from maze_interp.training import TrainingRecipe

AS_TRAINED = "as in training"
Settings = TypeVar("Settings")
DRAWS, SPARE = 15, 100  # about a tenth of the mazes drawn belong to the test split


@dataclass(frozen=True)
class Home:
    """What a model was trained on: its world, its language, and the longest sequence it takes, in tokens."""

    world: World | Mixture
    tokenizer: Tokenizer
    context: int


@dataclass(frozen=True)
class ShiftedSet:
    """Mazes, what is read of each, and a shortest path; where the goal is cut off, the one there was before.

    `edge` are the ends of the passage taken away, or of the edge said that no lattice has; None where neither is.
    """

    mazes: MazeBatch
    prompts: TokenBatch
    solutions: PathBatch
    edge: Int[np.ndarray, "maze 2"] | None = None
    note: str = ""

    def __len__(self) -> int:
        return len(self.mazes)

    def __getitem__(self, which: slice | np.ndarray) -> "ShiftedSet":
        """The part chosen by a slice, a boolean mask or an array of indices."""
        edge = None if self.edge is None else self.edge[which]
        return ShiftedSet(self.mazes[which], self.prompts[which], self.solutions[which], edge, self.note)


@dataclass(frozen=True)
class Shift:
    """One change: the family it belongs to, what it does, and `make(home, count, seed=...)`, which does it.

    `make` gives `count` mazes, or fewer where some cannot be changed so. It raises a Refusal, with the reason, where
    the world has no such mazes or the language or context cannot express them; any other error is one.
    """

    family: str
    does: str
    make: Callable[..., ShiftedSet]


def home_of(recipe: TrainingRecipe) -> Home:
    """The home of a model trained by this recipe; a path of one cell asks for no step, so none is asked."""
    world = mazes.each(recipe.world, lambda one: replace(one, min_length=max(2, one.min_length)))
    return Home(world, recipe.model.tokenizer, recipe.model.longest)


def unshifted(home: Home, count: int, *, seed: int) -> ShiftedSet:
    """Mazes of the test split of the home world, as the model is used to them."""
    return of_mazes(home, held_out(home.world, count, seed=seed), seed=seed, note=AS_TRAINED)


def held_out(
    world: World | Mixture,
    count: int,
    *,
    seed: int,
    put: Callable[[MazeBatch], MazeBatch] = lambda drawn: drawn,
    share: float = 1.0,
) -> MazeBatch:
    """The first test mazes of a world's stream, `put` where they are to lie; of one too small to have any, all count.

    `put` may leave mazes out, so that about this `share` of them is kept.
    """
    drawn = put(mazes.draw(world, round((DRAWS * count + SPARE) / share), seed=seed))
    test = np.flatnonzero(mazes.split_of(mazes.passage_hash(drawn.passages)) == TEST)
    return drawn[test[:count]] if len(test) else drawn[:count]


def resettled(change: Callable[[], Settings]) -> Settings:
    """The world or scheme with other settings. Raises a Refusal where none can have them together."""
    try:
        return change()
    except ValueError as refusal:
        raise Refusal(str(refusal)) from refusal


def of_mazes(home: Home, drawn: MazeBatch, *, seed: int, note: str = "") -> ShiftedSet:
    """The set of these mazes, written as the model is used to. Raises a Refusal of what it cannot express."""
    prompts = home.tokenizer.encode_prompts(drawn, seed=seed)
    return checked(home, ShiftedSet(drawn, prompts, mazes.solve(drawn, seed=seed), note=note), drawn)


def checked(home: Home, made: ShiftedSet, solved: MazeBatch) -> ShiftedSet:
    """The set itself, whose solutions are those of `solved`.

    Raises a Refusal if it is empty, if the scheme cannot write the solutions, or if one does not fit the context
    behind its prompt.
    """
    if len(made) == 0:
        raise Refusal("none of the mazes can be changed so")
    told, answer = made.prompts.length, answer_tokens(home, solved, made.solutions)
    most = int((told + answer).argmax())
    if told[most] + answer[most] > home.context + 1:  # the token that comes last is written, never read
        raise Refusal(
            f"a prompt of {told[most]} tokens and a path of {answer[most]} do not fit the model's context of "
            f"{home.context}"
        )
    return made


def answer_tokens(home: Home, solved: MazeBatch, solutions: PathBatch) -> Int[np.ndarray, " maze"]:
    """How many tokens it takes to write each solution, its end included."""
    whole = home.tokenizer.encode(solved, solutions, seed=0)
    return whole.length - home.tokenizer.encode_prompts(solved, seed=0).length
