"""Many means at once, each with an interval that allows for how many there are."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import nan
from typing import Any

import numpy as np
from jaxtyping import Float

from maze_interp import tables
from maze_interp.tables import Row


def rows(
    measure: str,
    values: Float[np.ndarray, "maze column"],
    what: Sequence[Mapping[str, Any]],
    seed: int,
    least: float = -1.0,
) -> list[Row]:
    """A row a column, of values from `least` to 1; nan is left out, and what is alike in all has its interval."""
    level = 1 - 0.05 / values.shape[1]
    low, high = tables.bootstrap_means(values, seed=seed, level=level)
    known = ~np.isnan(values)
    count, sums = known.sum(axis=0), np.where(known, values, 0).sum(axis=0)
    means = np.divide(sums, count, out=np.full(len(sums), nan), where=count > 0)
    made = [
        Row(measure, float(means[i]), float(low[i]), float(high[i]), int(count[i]), told) for i, told in enumerate(what)
    ]
    ends = [tables.ends(row, least, 1.0, level) if row.n else (nan, nan) for row in made]
    return [replace(row, low=below, high=above) for row, (below, above) in zip(made, ends, strict=True)]
