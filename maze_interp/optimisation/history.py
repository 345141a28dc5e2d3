"""Two worlds made of the same histories: the factual one, and the one split between what was seen and what follows.

Let P be what has happened, A a policy's act and F what follows. In the factual world A answers the very P that F
follows from; in the split world A answers an independent P'', and F' follows from P' and that act. With N histories,
out[i, j] is the outcome of history j under the act chosen for history i: its diagonal is the factual world, row i the
distribution of F' given P'' = i (the article's Monte Carlo, "Measuring Optimization").

Rows whose act is the same are the same. So a matrix is kept as its distinct rows, a table[act, history], and the act
of each history: for an act out of 16, 16 N outcomes instead of N^2. A matrix that knows no acts is a table of its own
rows. Other comparison worlds (a fixed token, another policy) are tables of one row, `against`.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int, Num

CHUNK = 1 << 20  # numbers of a table handled at once


@dataclass(frozen=True)
class SplitHistory:
    """What followed in fact and what follows in the comparison world, history by history.

    An outcome is one of 0..outcomes-1, or a distribution over them (which adds an axis). `act[i]` is the row of
    `table` that history i, as the past that was seen, leads to. `stated` says whether the number of outcomes was
    given, or is only the largest that was seen, and one, which is no ground for chance.
    """

    factual: Num[np.ndarray, " history *outcome"]
    table: Num[np.ndarray, "act history *outcome"]
    act: Int[np.ndarray, " history"]
    outcomes: int
    stated: bool = True

    def __len__(self) -> int:
        return len(self.factual)

    @property
    def counted(self) -> bool:
        """Whether outcomes are categories, and not distributions."""
        return self.factual.ndim == 1

    @property
    def histories_of_act(self) -> Int[np.ndarray, " act"]:
        """How many histories lead to each row of the table."""
        return np.bincount(self.act, minlength=len(self.table))

    @cached_property
    def rows(self) -> Float[np.ndarray, "act outcome"]:
        """How often each outcome occurs in each row of the table (of distributions, their sums)."""
        return totals(self.table, self.outcomes)

    def matrix(self) -> Num[np.ndarray, "history history *outcome"]:
        """The outcome matrix out[i, j], whose diagonal is the factual world where that was made of it."""
        return self.table[self.act]

    def only(self, chosen: Int[np.ndarray, " sample"]) -> "SplitHistory":
        """The two worlds of some of the histories, each as often as it is named."""
        return replace(self, factual=self.factual[chosen], table=self.table[:, chosen], act=self.act[chosen])


def of_matrix(out: Num[np.ndarray, "history history *outcome"], outcomes: int | None = None) -> SplitHistory:
    """The two worlds of an outcome matrix: int out[i, j], or float out[i, j, outcome] of distributions.

    `outcomes` is K, by default the largest outcome that occurs and one. Raises ValueError for fewer than 2 histories,
    outcomes outside 0..K-1 and rows that are not distributions.
    """
    if out.ndim < 2 or out.shape[0] != out.shape[1]:
        raise ValueError(f"out[i, j] must have a row and a column for each history, not shape {out.shape}")
    return of_acts(out, np.arange(len(out)), outcomes)


def of_acts(
    table: Num[np.ndarray, "act history *outcome"], act: Int[np.ndarray, " history"], outcomes: int | None = None
) -> SplitHistory:
    """The two worlds where history i leads to act[i] and table[a, j] is the outcome of history j under act a.

    The outcome matrix is table[act], and nothing of its size is built. Raises ValueError as `of_matrix` does.
    """
    known = _checked(table, outcomes)
    if act.shape != table.shape[1:2] or act.min() < 0 or act.max() >= len(table):
        raise ValueError(f"{table.shape[1]} histories need an act each, one of 0..{len(table) - 1}")
    stated = outcomes is not None or table.ndim == 3
    return SplitHistory(table[act, np.arange(len(act))], table, act, known, stated)


def against(
    factual: Num[np.ndarray, " history *outcome"],
    other: Num[np.ndarray, " history *outcome"],
    outcomes: int | None = None,
) -> SplitHistory:
    """What follows a policy beside what would follow the same histories in a comparison world with one distribution.

    For example under a fixed act, under the act of another policy, or (as distributions) under a random act. Raises
    ValueError as `of_matrix` does.
    """
    if factual.shape != other.shape:
        raise ValueError(f"both worlds need the same histories, not {factual.shape} and {other.shape}")
    known, stated = _checked(np.stack([factual, other]), outcomes), outcomes is not None or factual.ndim == 2
    return SplitHistory(factual, other[None], np.zeros(len(factual), int), known, stated)


def totals(table: Num[np.ndarray, "act history *outcome"], outcomes: int) -> Float[np.ndarray, "act outcome"]:
    """How often each outcome occurs in each row (of distributions, their sums), in one pass and little memory."""
    if table.ndim == 3:
        return table.sum(axis=1, dtype=np.float64)
    step, rows = max(1, CHUNK // table.shape[1]), []
    for first in range(0, len(table), step):
        part = table[first : first + step]
        place = part + outcomes * np.arange(len(part))[:, None]
        rows.append(np.bincount(place.ravel(), minlength=outcomes * len(part)).reshape(len(part), outcomes))
    return np.concatenate(rows).astype(np.float64)


def _checked(table: Num[np.ndarray, "act history *outcome"], outcomes: int | None) -> int:
    """The number of outcomes of a table that holds what it should."""
    if table.ndim not in (2, 3) or table.shape[1] < 2:
        raise ValueError(f"a split history needs at least 2 histories: out[i, j] has shape {table.shape}")
    if table.ndim == 2:
        return _categories(table, outcomes)
    if outcomes not in (None, table.shape[2]):
        raise ValueError(f"rows of {table.shape[2]} probabilities are no distributions over {outcomes} outcomes")
    if not (table >= 0).all() or not np.allclose(table.sum(axis=2), 1.0, atol=1e-5):
        raise ValueError("out[i, j] must be distributions: not negative, with sum 1")
    return table.shape[2]


def _categories(table: Num[np.ndarray, "act history"], outcomes: int | None) -> int:
    if not np.issubdtype(table.dtype, np.integer):
        raise ValueError(f"out[i, j] must be integers (or distributions along a third axis), not {table.dtype}")
    known = int(table.max()) + 1 if outcomes is None else outcomes
    if table.min() < 0 or table.max() >= known:
        raise ValueError(f"outcomes must be in 0..{known - 1}, and range from {table.min()} to {table.max()}")
    return known
