"""What each history adds to an estimate, so that estimates can be treated like means over histories.

The jackknife's pseudo-values (Tukey 1958): of n histories, n times the estimate of all less n - 1 times that of all but
one. Their mean is the estimate corrected for its bias, their spread its error; and whatever is asked of means over
mazes (resampling them, comparing curves of them, adding them up) can be asked of estimates that are none.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Num

from maze_interp.optimisation.history import of_matrix
from maze_interp.optimisation.replicates import Question, whole, without_each


class PseudoValues(NamedTuple):
    """One value a history; nan in all of `imp` where impact is infinite, or would be without one of them."""

    op: Float[np.ndarray, " history"]
    imp: Float[np.ndarray, " history"]


def pseudo_values(out: Num[np.ndarray, "history history *outcome"], outcomes: int | None = None) -> PseudoValues:
    """Of optimisation and impact of a matrix of outcomes, as `split_history` takes it. Raises ValueError as it does."""
    history = of_matrix(out, outcomes)
    asked, n = Question(np.zeros(history.outcomes, bool)), len(history)
    factual, split, imp, *_ = whole(history, asked)
    with np.errstate(invalid="ignore"):
        factual_without, split_without, imp_without, *_ = without_each(history, asked)
        op = n * (split - factual) - (n - 1) * (split_without - factual_without)
        change = n * imp - (n - 1) * imp_without
    return PseudoValues(op, change if np.isfinite(change).all() else np.full(n, np.nan))
