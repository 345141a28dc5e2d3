"""Which heads say the way that is taken? They are told that another one is.

What is lost without a head does not tell what it had read, and a hint that helps need not be what it had said. So at
the first fork of each path heads are told what is usual where another way is taken that is open too. If the way is what
they have to say, the walk goes there. Told the cell alone it may err there as well: that is the control, and all heads
of all layers at once are the most that can be told so.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int

from maze_interp import seeds
from maze_interp.behaviour.forced import Predictions
from maze_interp.experiments.heads_needed_bench import FORKS, Bench, Heads, steps, ways
from maze_interp.mazes import NO_CELL
from maze_interp.patching import usual
from maze_interp.patching.usual import Usual
from maze_interp.tokens import PATH


@dataclass(frozen=True)
class Fork:
    """The first fork of each path that has one, and the token of another open way there; what is usually written
    where that way is taken, and at that cell. Mazes are left out of whose way the other half knows nothing."""

    maze: Int[np.ndarray, " fork"]
    step: Int[np.ndarray, " fork"]
    token: Int[np.ndarray, " fork"]
    another: Usual
    cell: Usual

    def goes(self, made: Predictions) -> Bool[np.ndarray, " fork"]:
        """Where the likeliest step is that way."""
        return made.log_p[self.maze, self.step].argmax(axis=1) == self.token


def first_forks(bench: Bench, untouched: Predictions, at_cell: Usual, seed: int) -> Fork:
    """The other way is drawn at random among those that are open."""
    known = usual.usual(bench.model, bench.tokens, usual.steps(bench.tokens))
    forks = steps(bench, untouched)[FORKS]
    maze, step = np.flatnonzero(forks.any(axis=1)), forks.argmax(axis=1)[forks.any(axis=1)]
    on = ways(bench, untouched)[maze, step]
    others = (on != NO_CELL) & (on != untouched.cell[maze, step + 1][:, None])
    liking = np.where(others, seeds.generator(seed, "another way").random(on.shape), -1.0)
    other = on[np.arange(len(maze)), liking.argmax(axis=1)]
    position = (bench.tokens.part == PATH).argmax(axis=1)[maze] + step
    goes = np.full(bench.tokens.ids.shape, NO_CELL)
    goes[maze, position] = other
    another = known.at(np.where(goes != NO_CELL, usual.steps(bench.tokens, goes), NO_CELL))
    asked = another.known[maze, position]
    token = bench.model.maze_tokenizer.vocabulary.cell_ids.flatten()[other]
    here = at_cell.at(np.where(another.known, at_cell.kind, NO_CELL))
    return Fork(maze[asked], step[asked], token[asked], another, here)


def turned(bench: Bench, fork: Fork, heads: Heads) -> Bool[np.ndarray, "fork 2"]:
    """Where the walk goes the other way: these heads told that it is taken, and told the cell alone."""
    return np.stack([fork.goes(bench.reads(heads, said)) for said in (fork.another, fork.cell)], axis=1)
