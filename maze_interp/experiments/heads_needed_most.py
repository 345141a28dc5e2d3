"""What had a head read of the maze that is needed: the next step, the goal, or more than either?

It is told its mean over visits of the cell that take the same step, or on which the path ends as here or goes on, or
that are on the way to the same goal, beside visits to which the same was dealt at random. All tellings are of the same
visits, those of which the other half knows enough for each. That the right step helps does not say that the head had
read it: any hint might. Where the goal brings back what was lost, the head need not have read the maze at all.
"""

import numpy as np
from jaxtyping import Float

from maze_interp.experiments.heads_needed_bench import PLACES, Bench, Heads
from maze_interp.patching import usual
from maze_interp.tables import Row, mean

UNTOUCHED, THE_CELL = "nothing", "the cell"
THE_STEP, ANY_STEP = "the cell and the next step", "the cell and a step dealt at random"
THE_GOAL, ANY_GOAL = "the cell and the goal", "the cell and a goal dealt at random"
THE_END, ANY_END = "the cell and whether the path ends", "the cell and an end dealt at random"
HINTS = {THE_STEP: ANY_STEP, THE_END: ANY_END, THE_GOAL: ANY_GOAL}  # each beside its control
REGAINED = "regained of what is lost, less half"
Right = dict[str, Float[np.ndarray, "maze place"]]


def tellings(bench: Bench, seed: int) -> dict[str, usual.Usual]:
    """What is usual by cell and by each hint, on visits that all of these know of."""
    told = {THE_STEP: usual.steps, THE_END: usual.ends, THE_GOAL: usual.goals}
    kinds = {THE_CELL: usual.cells(bench.tokens)}
    for hint, control in HINTS.items():
        kinds[hint] = told[hint](bench.tokens)
        kinds[control] = usual.dealt(bench.tokens, kinds[hint], seed=seed)
    said = {told: usual.usual(bench.model, bench.tokens, kind) for told, kind in kinds.items()}
    known = np.all([one.known for one in said.values()], axis=0)
    return {told: one.where(known) for told, one in said.items()}


def right(bench: Bench, head: Heads, untouched: Float[np.ndarray, "maze place"], said: dict[str, usual.Usual]) -> Right:
    """How right the network is at each place by what the head is told."""
    return {UNTOUCHED: untouched} | {told: bench.right(bench.reads(head, what)) for told, what in said.items()}


def rows(made: Right, head: str, seed: int) -> list[Row]:
    """By place and telling; and of each hint how much more than half of what its control loses it regains, as a share
    of all steps there (or mazes), so that above 0 it regains more than half."""
    found = []
    for i, place in enumerate(PLACES):
        at = {told: values[~np.isnan(values[:, i]), i] for told, values in made.items()}
        found += [mean("right", values, seed=seed, head=head, place=place, told=told) for told, values in at.items()]
        for hint, control in HINTS.items():
            beyond = (at[hint] - at[control]) - (at[UNTOUCHED] - at[control]) / 2
            found.append(mean(REGAINED, beyond, seed=seed, head=head, place=place, told=hint))
    return found
