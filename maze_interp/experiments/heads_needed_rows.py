"""Many means at once, each with an interval that allows for how many there are."""

from collections.abc import Mapping, Sequence
from math import log, nan
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
    """A row a column, of values from `least` to 1; nan is left out.

    What is alike in all of n mazes tells a bootstrap nothing. So many could be otherwise that none of n would be seen,
    and they could lie as far off as values do.
    """
    level = 1 - 0.05 / values.shape[1]
    low, high = tables.bootstrap_means(values, seed=seed, level=level)
    known = ~np.isnan(values)
    count, sums = known.sum(axis=0), np.where(known, values, 0).sum(axis=0)
    made = []
    for i, told in enumerate(what):
        value, n = float(sums[i] / count[i]) if count[i] else nan, int(count[i])
        unseen = (1 - least) * min(1.0, -log((1 - level) / 2) / n) if n else nan
        alike = max(least, value - unseen), min(1.0, value + unseen)
        ends = alike if np.isnan(low[i]) else (float(low[i]), float(high[i]))
        made.append(Row(measure, value, *ends, n, told))
    return made
