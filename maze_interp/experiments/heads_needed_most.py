"""What had the head that is needed most read of the maze: the next step, or less than that?

It is told its mean over visits of the cell that take the same step, beside visits to which steps were dealt at random,
and where it is right then is told apart by place. That the right step helps does not say that the head had read it: any
hint might (`heads_needed_way` asks that).
"""

import numpy as np
from jaxtyping import Float

from maze_interp.experiments.heads_needed_bench import PLACES, WALKED, Bench, Heads
from maze_interp.patching import usual
from maze_interp.patching.usual import Usual
from maze_interp.tables import Row, mean

THE_CELL, THE_STEP, ANY_STEP = "the cell", "the cell and the next step", "the cell and a step dealt at random"
UNTOUCHED = "nothing"


def about(
    bench: Bench, head: Heads, untouched: Float[np.ndarray, "maze place"], at_cell: Usual, seed: int
) -> dict[str, list[Row]]:
    """Mazes lost by what the head is told, and the share of steps that is right then at each place."""
    step = usual.steps(bench.tokens)
    said = {
        THE_CELL: at_cell,
        THE_STEP: usual.usual(bench.model, bench.tokens, step),
        ANY_STEP: usual.usual(bench.model, bench.tokens, usual.dealt(bench.tokens, step, seed=seed)),
    }
    right = {UNTOUCHED: untouched} | {told: bench.right(bench.reads(head, what)) for told, what in said.items()}
    whole = PLACES.index(WALKED)
    lost = [mean("lost", (untouched - right[told])[:, whole], seed=seed, told=told) for told in said]
    where = [
        mean(f"right: {place}", shares[~np.isnan(shares)], seed=seed, told=told)
        for i, place in enumerate(PLACES)
        if place != WALKED
        for told, shares in ((told, all_[:, i]) for told, all_ in right.items())
    ]
    return {"told": lost, "where": where}
