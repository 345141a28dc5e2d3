"""How far does a walker look ahead? The horizons of depth-limited searchers it cannot be told from.

Each decision needs a certain look-ahead, and a searcher of horizon k is right wherever that is at most k and guesses
beyond. A walker is compared with every horizon's searcher, which may lapse into a uniform choice at a fitted rate, by
how often it is right in strata of the look-ahead needed, aligned and deceptive decisions apart. A horizon is excluded
if the two differ in any stratum by more than chance at a level of 5% over all strata together (Bonferroni). What is
left is a confidence set: it holds the true horizon, if there is one, at least 95 times in 100. An empty set says that
no such searcher chooses as the walker does, a large one that the mazes do not tell: see `decisions_needed`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from maze_interp import tables
from maze_interp.behaviour.choosing import PerDecision, clustered, policy_responses, right_mass, uniform
from maze_interp.behaviour.fitting import ALIKE, lapse_rate, log_likelihood
from maze_interp.behaviour.solvers import searcher
from maze_interp.mazes import NEVER, Decisions, MazeBatch, look_ahead

FEWEST = 20  # decisions in a stratum
MOST_LAPSES = 0.5  # what guesses more often than it searches is no searcher
LEVEL = 0.05  # how often the true horizon is excluded, at most
LEFT_OUT = -1


@dataclass(frozen=True)
class Strata:
    """Which stratum each decision is in (LEFT_OUT: none), and of each its side and the look-ahead it spans."""

    of: Int[np.ndarray, " decision"]
    labels: tuple[dict[str, Any], ...]

    def __len__(self) -> int:
        return len(self.labels)


def stratify(decisions: Decisions, need: Int[np.ndarray, " decision"], *, fewest: int = FEWEST) -> Strata:
    """Strata of the look-ahead needed, aligned and deceptive decisions apart, none of fewer than `fewest` decisions.

    Needs are joined with the next larger ones until there are enough, the largest (last of all NEVER) with those
    before. A side with fewer decisions in all is left out. The labels are `deceptive`, and the `least` and `most`
    look-ahead needed.
    """
    of = np.full(len(decisions), LEFT_OUT)
    labels: list[dict[str, Any]] = []
    rank = np.where(need == NEVER, np.iinfo(need.dtype).max, need)
    for side in (False, True):
        mine = decisions.deceptive == side
        needs, counts = np.unique(rank[mine], return_counts=True)
        if counts.sum() < fewest:
            continue
        first: list[int] = []  # the least need of each stratum
        filled = fewest
        for value, count in zip(needs, counts, strict=True):
            if filled >= fewest and counts[needs >= value].sum() >= fewest:
                first.append(value)
                filled = 0
            filled += count
        inside = np.searchsorted(first, rank, side="right") - 1
        for index in range(len(first)):
            chosen = mine & (inside == index)
            of[chosen] = len(labels)
            spanned = need[chosen][rank[chosen].argsort()]
            labels.append({"deceptive": side, "least": int(spanned[0]), "most": int(spanned[-1])})
    return Strata(of, tuple(labels))


def effective_look_ahead(
    responses: PerDecision,
    decisions: Decisions,
    mazes: MazeBatch,
    kind: str,
    *,
    unit: str = "cells",
    beyond: str = "greedy",
    horizons: Sequence[int],
    **what: Any,
) -> list[tables.Row]:
    """The walker beside the searcher of each horizon; `horizons_left` reads the set that is not excluded.

    Rows per horizon: `lapse`, the fitted rate of uniform choices, at most MOST_LAPSES; `log_likelihood` of the
    responses under the lapsing searcher, nats a decision; `excess` per stratum, how much more often the walker is
    right than the searcher, with the bounds of the test (its Bonferroni level, so wider than 95%), beside what was
    `expected`; and `excluded`, 1 or 0. n counts mazes. Raises ValueError if no stratum has enough decisions.
    """
    strata = stratify(decisions, look_ahead(mazes, decisions, kind, unit=unit))
    rows = []
    for horizon in horizons:
        ways = policy_responses(searcher(kind, horizon, unit=unit, beyond=beyond), mazes, decisions)
        where = {**what, "kind": kind, "unit": unit, "beyond": beyond, "horizon": horizon}
        rows += beside(responses, ways, decisions, strata, **where)
    return rows


def horizons_left(rows: Sequence[tables.Row], **what: Any) -> tuple[int, ...]:
    """k*: the horizons that are not excluded, among the rows with these conditions."""
    mine = [row for row in rows if row.measure == "excluded" and what.items() <= row.what.items()]
    return tuple(row.what["horizon"] for row in mine if not row.value)


def beside(
    responses: PerDecision, candidate: PerDecision, decisions: Decisions, strata: Strata, **what: Any
) -> list[tables.Row]:
    """The walker beside one searcher: the rows of `effective_look_ahead` for one horizon."""
    lapse, explained = lapsing(responses, candidate, decisions)
    excess = right_mass(responses, decisions) - right_mass(explained, decisions)
    expected = right_mass(explained, decisions)
    average, bound = bounds(excess, expected, decisions, strata)
    score, spread = clustered(log_likelihood(responses, explained), decisions.maze)
    nan, mazes = float("nan"), len(np.unique(decisions.maze))
    rows = [
        tables.Row("excluded", float((np.abs(average) > bound + ALIKE).any()), nan, nan, mazes, what),
        tables.Row("lapse", lapse, nan, nan, mazes, what),
        tables.Row("log_likelihood", score, score - tables.Z * spread, score + tables.Z * spread, mazes, what),
    ]
    for index, label in enumerate(strata.labels):
        inside = strata.of == index
        mazes = len(np.unique(decisions.maze[inside]))
        where = {**what, **label, "decisions": int(inside.sum()), "expected": float(expected[inside].mean())}
        value, half = float(average[index]), float(bound[index])
        rows.append(tables.Row("excess", value, value - half, value + half, mazes, where))
    return rows


def decisions_needed(
    decisions: Decisions,
    mazes: MazeBatch,
    kind: str,
    *,
    unit: str = "cells",
    horizons: Sequence[int],
    lapse: float = 0.0,
    power: float = 0.8,
    **what: Any,
) -> list[tables.Row]:
    """How many decisions like these it takes to exclude, with this power, all other horizons when one is the true one.

    A row `decisions_needed` per true horizon, whose searcher lapses at rate `lapse`; `against` is the other horizon
    that takes the most. inf where the mazes never tell two apart: no decision needs a look-ahead between them. A
    normal approximation for a walker that draws its ways, the decisions of a maze counted as independent.
    """
    strata = stratify(decisions, look_ahead(mazes, decisions, kind, unit=unit))
    effort = quantile(len(strata)) + NormalDist().inv_cdf(power)
    searchers = {k: policy_responses(searcher(kind, k, unit=unit), mazes, decisions) for k in horizons}
    rows = []
    for true, ways in searchers.items():
        walker = (1 - lapse) * ways + lapse * uniform(decisions.options)
        needed = {
            other: _needed(walker, lapsing(walker, candidate, decisions)[1], decisions, strata, effort)
            for other, candidate in searchers.items()
            if other != true
        }
        hardest = max(needed, key=needed.__getitem__)
        where = {**what, "kind": kind, "unit": unit, "horizon": true, "against": hardest}
        rows.append(tables.Row("decisions_needed", needed[hardest], float("nan"), float("nan"), len(decisions), where))
    return rows


def lapsing(responses: PerDecision, candidate: PerDecision, decisions: Decisions) -> tuple[float, PerDecision]:
    """The likeliest rate of lapses, at most MOST_LAPSES, and the candidate with it."""
    lapse = min(MOST_LAPSES, lapse_rate(responses, candidate, decisions.options))
    return lapse, (1 - lapse) * candidate + lapse * uniform(decisions.options)


def quantile(tests: int) -> float:
    """How many standard errors a difference must reach in one of so many two-sided tests. ValueError for none."""
    if not tests:
        raise ValueError(f"look-ahead is compared in strata of {FEWEST} or more decisions, and there is none")
    return NormalDist().inv_cdf(1 - LEVEL / (2 * tests))


def bounds(
    excess: Float[np.ndarray, " decision"],
    expected: Float[np.ndarray, " decision"],
    decisions: Decisions,
    strata: Strata,
) -> tuple[Float[np.ndarray, " stratum"], Float[np.ndarray, " stratum"]]:
    """The mean excess in each stratum, and how much of it chance explains at the level of the test.

    The standard error is that seen between mazes, but not less than that of a searcher which draws its ways: twenty
    right choices in a row look alike, yet say little against one lapse in twenty.
    """
    average, error = np.zeros(len(strata)), np.zeros(len(strata))
    for index in range(len(strata)):
        inside = strata.of == index
        average[index], seen = clustered(excess[inside], decisions.maze[inside])
        drawn = (expected[inside] * (1 - expected[inside])).sum() ** 0.5 / inside.sum()
        error[index] = max(seen, drawn)
    return average, error * quantile(len(strata))


def _needed(walker: PerDecision, explained: PerDecision, decisions: Decisions, strata: Strata, effort: float) -> float:
    """The decisions in all strata together until one stratum shows a difference between a walker and a searcher."""
    found, expected = right_mass(walker, decisions), right_mass(explained, decisions)
    fewest = float("inf")
    for index in range(len(strata)):
        inside = strata.of == index
        gap = float((found - expected)[inside].mean())
        spread = max(float((p * (1 - p))[inside].mean()) for p in (found, expected))
        if abs(gap) > ALIKE:
            fewest = min(fewest, max(FEWEST, spread * (effort / gap) ** 2) / float(inside.mean()))
    return fewest
