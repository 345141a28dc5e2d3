"""Where is more steered: at forks or in corridors, where the goal misleads, where the model goes wrong?

The future is the verdict, one number wherever it is asked: the right step's logit less the mean of the other open
steps', one of which leads back. Of each maze the median |Op| over heads and MLPs at the decision is kept, small changes
of the whole prompt being the past, so that infinite values take part; mazes are then averaged.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float

from maze_interp import mazes, models, optimisation, tables
from maze_interp.experiments.locate_ranks import middle
from maze_interp.experiments.locate_readings import columns_of, small_changes
from maze_interp.mazes import MazeBatch
from maze_interp.models import HookedTransformer
from maze_interp.optimisation import Population
from maze_interp.optimisation.populations import LEAST
from maze_interp.tables import Row

Progress = Callable[[int, int], None]
Sizes = Float[np.ndarray, " maze"]
FORK, CORRIDOR = 3, 2  # open ways, the one back among them
WIDER = 8  # times as many mazes in which deceptive forks and failures are looked for
FEWEST = 5  # mazes on either side of a comparison
COMPARED = (("fork", "corridor"), ("deceptive fork", "aligned fork"), ("failed fork", "solved fork"))


def strata(
    model: HookedTransformer, held_out: MazeBatch, *, count: int, seed: int, progress: Progress | None = None
) -> list[Row]:
    """The mean size of Op in each stratum, and the differences of COMPARED. Strata without mazes are left out."""
    sizes: dict[str, Sizes] = {}
    asked = {"fork": FORK, "corridor": CORRIDOR}
    for done, (name, exits) in enumerate(asked.items(), start=1):
        given = {"count": WIDER * max(count, LEAST), "seed": seed, "exits": exits, "before": 1}
        some = optimisation.population("any_fork", held_out, model.maze_tokenizer, **given)
        misled, right = deceptive(some), solved(model, some, seed)
        rare = [np.flatnonzero(which)[: count // 2] for which in (misled, ~right)] * (name == "fork")
        chosen = np.unique(np.concatenate([np.arange(min(count, len(some))), *rare]))
        found = _sizes(model, some[chosen], seed)
        sizes[name] = found[chosen < count]
        if name == "fork":
            kinds = {"deceptive": misled, "aligned": ~misled, "solved": right, "failed": ~right}
            sizes |= {f"{kind} fork": found[which[chosen]] for kind, which in kinds.items()}
        if progress is not None:
            progress(done, len(asked))
    sizes = {name: own[np.isfinite(own)] for name, own in sizes.items()}
    rows = [tables.mean("size of op", own, seed=seed, stratum=name) for name, own in sizes.items() if len(own)]
    for one, other in COMPARED:
        if min(len(sizes[one]), len(sizes[other])) >= FEWEST:
            rows.append(_difference(sizes[one], sizes[other], f"{one} less {other}"))
    return rows


def _sizes(model: HookedTransformer, some: Population, seed: int) -> Sizes:
    columns = columns_of(model, some, places=("here",), kinds=("z", "mlp_out"))
    found = small_changes(model, some, columns, past="prompt", future="verdict", seed=seed)
    return middle(np.abs(found.op).T)


def _difference(one: Sizes, other: Sizes, name: str) -> Row:
    """The difference of two means of different mazes, with a normal interval."""
    gap = float(one.mean() - other.mean())
    half = tables.Z * float(one.var(ddof=1) / len(one) + other.var(ddof=1) / len(other)) ** 0.5
    return Row("size of op", gap, gap - half, gap + half, min(len(one), len(other)), {"stratum": name})


def deceptive(some: Population) -> Bool[np.ndarray, " maze"]:
    """Whether the right step leads away from the goal as the crow walks."""
    onward = replace(some.mazes, start=some.here)
    there = mazes.solve(onward).cells[:, 1]
    return _straight(some.mazes, there) > _straight(some.mazes, some.here)


def solved(model: HookedTransformer, some: Population, seed: int) -> Bool[np.ndarray, " maze"]:
    """Whether the model walks the maze without an error."""
    return mazes.paths.optimal(some.mazes, models.rollout(model, some.mazes, seed=seed))


def _straight(batch: MazeBatch, cell: np.ndarray) -> np.ndarray:
    (row, col), (to_row, to_col) = np.divmod(cell, batch.cols), np.divmod(batch.goal, batch.cols)
    return abs(row - to_row) + abs(col - to_col)
