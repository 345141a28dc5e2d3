"""Is the first step the whole story? Some parts exchanged, held, and the walks written to their ends.

Parts are those with most Op on the first step, and others drawn at random. Prediction, made before any walk was written
on: the sizes of Op on the ending and on the first step rank parts alike (rank correlation above one half), though the
network reads its maze again at every step. It is judged by the drawn parts alone, as was decided after a first look:
between the strongest and the others both readings would agree in any case.
"""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float

from maze_interp import optimisation, seeds, tables
from maze_interp.experiments.locate_ranks import by_chance, means, rank_correlation, resampled, with_interval
from maze_interp.experiments.locate_readings import MANY, Column, Reading
from maze_interp.experiments.locate_relations import DRAWS
from maze_interp.models import HookedTransformer
from maze_interp.optimisation import Population
from maze_interp.tables import Row

STRONGEST, DRAWN = 8, 24
Progress = Callable[[int, int], None]


def walks(
    model: HookedTransformer,
    some: Population,
    whole: Reading,
    coding: str,
    *,
    seed: int,
    progress: Progress | None = None,
) -> list[Row]:
    """Of each part the Op on the ending, and the share of walks that are shortest, with intervals over mazes.

    Last, how Op on the ending ranks the drawn parts beside Op on the first step of the same mazes; before it, the share
    of the network's own walks that are shortest.
    """
    columns, first = chosen(whole, some, seed=seed), []
    (w, kept), rows, last = optimisation.recorded(model, some), [], []
    for done, column in enumerate(columns, start=1):
        at = some.places[column.place]
        ends = optimisation.endings(w, kept, some, column.site, at)
        first.append(optimisation.pseudo_values(optimisation.exchanged(w, kept, some, column.site, at, coding=coding)))
        last.append(optimisation.pseudo_values(ends))
        what = {"part": column.part, "place": column.place, "chosen": "strongest" if done <= STRONGEST else "drawn"}
        rows.append(tables.mean("op on the ending", last[-1].op, seed=seed, **what))
        rows.append(tables.mean("shortest walks", ends[..., 0].mean(axis=0), seed=seed, **what))
        if progress is not None:
            progress(done, len(columns))
    own = np.diagonal(ends[..., 0])  # of any part: the network as it is
    rows.append(tables.mean("shortest walks", own, seed=seed, part="none", place="", chosen=""))
    one, two = (np.stack([known.op for known in read[STRONGEST:]]) for read in (first, last))
    return [*rows, _alike(one, two, seed)]


def chosen(whole: Reading, some: Population, *, seed: int) -> Sequence[Column]:
    """Parts at words: those with most Op by size, then some drawn from the rest."""
    words = whole.where(lambda column: len(some.places[column.place]) <= MANY)
    order = np.argsort(-np.abs(means(words.op)), kind="stable")
    rest = seeds.generator(seed, "other parts").permutation(order[STRONGEST:])[:DRAWN]
    return [words.columns[index] for index in [*order[:STRONGEST], *np.sort(rest)]]


def _alike(first: Float[np.ndarray, "column maze"], last: Float[np.ndarray, "column maze"], seed: int) -> Row:
    """The rank correlation of the sizes of Op, with an interval over mazes, which both readings share."""
    one, two = (np.abs(means(values)) for values in (first, last))
    each = (np.abs(resampled(values, seed=seed, draws=DRAWS)) for values in (first, last))
    drawn = np.array([rank_correlation(*pair) for pair in zip(*each, strict=True)])
    what = {"columns": len(one), "chance": round(by_chance(one, two, seed=seed), 3)}
    return Row(
        "size of op, first step and ending", *with_interval(rank_correlation(one, two), drawn), last.shape[1], what
    )
