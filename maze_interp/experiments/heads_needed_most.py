"""What had the head that is needed most read of the maze: which way to take, or which ways there are?

It is told its mean over visits of the cell that take the same step, beside visits to which steps were dealt at random.
That the right step helps does not say that the head had read it: any hint might. So it is told, at the first fork of
each path, its mean over visits that take another way that is open; if that is what it had to say, the walk goes there.
And its loss is told apart by where the path is: at forks, in corridors, where only one way leads on, or at the goal,
where it is to stop.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from maze_interp import seeds
from maze_interp.behaviour import forced, neighbours
from maze_interp.behaviour.forced import Predictions
from maze_interp.mazes import NO_CELL, MazeBatch
from maze_interp.models import HookedTransformer
from maze_interp.patching import usual
from maze_interp.patching.usual import Usual
from maze_interp.tables import Row, mean, proportion
from maze_interp.tokens import PATH, TokenBatch

THE_CELL, THE_STEP, ANY_STEP = "the cell", "the cell and the next step", "the cell and a step dealt at random"
UNTOUCHED, ANOTHER = "nothing", "another open way"
FORKS, CORRIDORS, GOALS = "right at forks", "right in corridors", "right at the goal"
TAKEN = "goes the other way"
Heads = Bool[np.ndarray, "layer head"]


@dataclass(frozen=True)
class Bench:
    """The model, the mazes with their paths as it reads them, and who is told of each reading."""

    model: HookedTransformer
    mazes: MazeBatch
    tokens: TokenBatch
    told: Callable[[], None]

    def reads(self, heads: Heads, said: Usual) -> Predictions:
        """What is expected next at each step of the true path where these heads write what is usual."""
        made = forced.predictions(usual.forced(self.model, self.tokens, heads, said), self.tokens)
        self.told()
        return made

    def walks(self, made: Predictions) -> Float[np.ndarray, " maze"]:
        """1 for each maze that would be walked whole."""
        return forced.every_token(made, self.mazes, self.model.maze_tokenizer).astype(float)


def about(bench: Bench, head: Heads, untouched: Predictions, at_cell: Usual, seed: int) -> dict[str, list[Row]]:
    """Mazes lost by what the head is told; where it is right; and how often it goes another way that it is told."""
    step = usual.steps(bench.tokens)
    known = usual.usual(bench.model, bench.tokens, step)
    dealt = usual.usual(bench.model, bench.tokens, usual.dealt(bench.tokens, step, seed=seed))
    made = {told: bench.reads(head, said) for told, said in ((THE_CELL, at_cell), (THE_STEP, known), (ANY_STEP, dealt))}
    whole = bench.walks(untouched)
    lost = [mean("lost", whole - bench.walks(one), seed=seed, told=told) for told, one in made.items()]
    where = [
        mean(name, _share(one, at)[at.any(axis=1)], seed=seed, told=told)
        for name, at in _places(bench, untouched).items()
        for told, one in {UNTOUCHED: untouched, **made}.items()
    ]
    return {"told": lost, "where": where, "another_way": _astray(bench, head, untouched, known, seed)}


def _share(made: Predictions, at: Bool[np.ndarray, "maze step"]) -> Float[np.ndarray, " maze"]:
    """The share of these steps that is right."""
    return (made.right & at).sum(axis=1) / np.maximum(at.sum(axis=1), 1)


def _places(bench: Bench, made: Predictions) -> dict[str, Bool[np.ndarray, "maze step"]]:
    """Steps from which more ways lead on than one, those with one alone, and the last, at the goal."""
    ways = _ways(bench, made)
    many = (ways != NO_CELL).sum(axis=2) > 1
    stops = made.asked & (made.cell != NO_CELL) & ~made.moves
    return {FORKS: made.moves & many, CORRIDORS: made.moves & ~many, GOALS: stops}


def _ways(bench: Bench, made: Predictions) -> Int[np.ndarray, "maze step 4"]:
    """The open neighbours of the cell at each step, but for the one it came from; NO_CELL besides."""
    maze = np.arange(len(bench.mazes))[:, None]
    around = neighbours.connected(bench.mazes.passages)[maze, np.maximum(made.cell, 0)]
    came = np.concatenate([np.full((len(maze), 1), NO_CELL), made.cell[:, :-1]], axis=1)
    return np.where((made.cell == NO_CELL)[..., None] | (around == came[..., None]), NO_CELL, around)


def _astray(bench: Bench, head: Heads, untouched: Predictions, known: Usual, seed: int) -> list[Row]:
    """At the first fork of each path that has a mean for it: how often the likeliest step is another open way, drawn
    at random, before and after the head is told that it is taken."""
    places = _places(bench, untouched)[FORKS]
    maze, step = np.flatnonzero(places.any(axis=1)), places.argmax(axis=1)[places.any(axis=1)]
    ways = _ways(bench, untouched)[maze, step]
    others = (ways != NO_CELL) & (ways != untouched.cell[maze, step + 1][:, None])
    liking = np.where(others, seeds.generator(seed, "another way").random(ways.shape), -1.0)
    other = ways[np.arange(len(maze)), liking.argmax(axis=1)]
    position = (bench.tokens.part == PATH).argmax(axis=1)[maze] + step
    goes = np.full(bench.tokens.ids.shape, NO_CELL)
    goes[maze, position] = other
    told = known.at(np.where(goes != NO_CELL, usual.steps(bench.tokens, goes), NO_CELL))
    asked = told.known[maze, position]
    token = bench.model.maze_tokenizer.vocabulary.cell_ids.flatten()[other]
    made = {UNTOUCHED: untouched, ANOTHER: bench.reads(head, told)}
    return [
        proportion(TAKEN, (one.log_p[maze, step].argmax(axis=1) == token)[asked], told=name)
        for name, one in made.items()
    ]
