"""What had a head read of the maze that is needed: the next step, the goal, or more than either?

It is told its mean over visits of the cell that take the same step, or on which the path ends as here or goes on, or
that are on the way to the same goal, beside visits to which the same was dealt at random. All tellings are of the same
visits, those of which the other half knows enough for each, and no others are counted. A mean by cell is mostly of
visits that go on, so at the goal it does not say nothing: it says to go on. That the right step helps does not say that
the head had read it: any hint might. Where the goal brings back what was lost, it need not have read the maze at all.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from maze_interp.experiments import heads_needed_rows as many
from maze_interp.experiments.heads_needed_bench import FORKS, PLACES, WALKED, Bench, Heads
from maze_interp.patching import usual
from maze_interp.patching.usual import Usual
from maze_interp.tables import Row, mean
from maze_interp.tokens import PATH

UNTOUCHED, THE_CELL = "nothing", "the cell"
THE_STEP, ANY_STEP = "the cell and the next step", "the cell and a step dealt at random"
THE_GOAL, ANY_GOAL = "the cell and the goal", "the cell and a goal dealt at random"
THE_END, ANY_END = "the cell and whether the path ends", "the cell and an end dealt at random"
HINTS = {THE_STEP: ANY_STEP, THE_END: ANY_END, THE_GOAL: ANY_GOAL}  # each beside its control
REGAINED = "regained of what is lost, less half"
Right = dict[str, Float[np.ndarray, "maze place"]]


@dataclass(frozen=True)
class Tellings:
    """What is usual by cell and by each hint, and at which steps all of them are known."""

    said: dict[str, Usual]
    counted: Bool[np.ndarray, "maze step"]


def tellings(bench: Bench, seed: int) -> Tellings:
    """Every telling is of the same visits."""
    by = {THE_STEP: usual.steps, THE_END: usual.ends, THE_GOAL: usual.goals}
    kinds = {THE_CELL: usual.cells(bench.tokens)}
    for hint, control in HINTS.items():
        kinds[hint] = by[hint](bench.tokens)
        kinds[control] = usual.dealt(bench.tokens, kinds[hint], seed=seed)
    said = {name: usual.usual(bench.model, bench.tokens, kind) for name, kind in kinds.items()}
    known = np.all([one.known for one in said.values()], axis=0)
    opening = (bench.tokens.part == PATH).argmax(axis=1)[:, None]
    step = np.arange(bench.at[FORKS].shape[1])
    counted = known[np.arange(len(known))[:, None], np.minimum(opening + step, known.shape[1] - 1)]
    return Tellings({name: one.where(known) for name, one in said.items()}, counted)


def right(bench: Bench, heads: Heads, told: Tellings) -> Right:
    """How right the network is at each place by what these heads are told."""
    untouched = bench.reads(np.zeros_like(heads), told.said[THE_CELL])
    made = {UNTOUCHED: untouched} | {name: bench.reads(heads, what) for name, what in told.said.items()}
    return {name: bench.right(one, told.counted) for name, one in made.items()}


def rows(made: Right, head: str, seed: int) -> list[Row]:
    """By place and telling; and of each hint how much more than half of what its control loses it regains, as a share
    of all steps there, so that above 0 it regains more than half. Whole mazes are told of untouched alone: they hold
    visits that are not counted, at which the head is let be."""
    found = [mean("right", made[UNTOUCHED][:, 0], seed=seed, head=head, place=WALKED, told=UNTOUCHED)]
    for i, place in list(enumerate(PLACES))[1:]:
        at = {name: values[~np.isnan(values[:, i]), i] for name, values in made.items()}
        what = {"head": head, "place": place}
        found += [mean("right", values, seed=seed, **what, told=name) for name, values in at.items()]
        beyond = [(made[hint] - (made[UNTOUCHED] + made[control]) / 2)[:, i] for hint, control in HINTS.items()]
        found += many.rows(REGAINED, np.stack(beyond, axis=1), [{**what, "told": hint} for hint in HINTS], seed)
    return found
