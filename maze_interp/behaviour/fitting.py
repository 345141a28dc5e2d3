"""Which policies explain a walker's choices? Its responses at decisions, fitted by a mixture of candidates.

Candidates are compared only at decisions where they disagree: at most forks all of them say the same, which is
evidence for none. The mixture holds a lapse besides, the uniform choice among the options. Its weights maximise the
mean over decisions of sum_ways response x log mixture, in nats. That is concave, and no mixture is better than the one
at hand by more than max_j sum_ways response x candidate_j / mixture - 1 (Lindsay 1983), which says when to stop. The
weights are the walker's as long as no candidate is a blend of others.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from maze_interp import seeds, tables
from maze_interp.behaviour.choosing import Options, PerDecision, mean_over_mazes, over_options, uniform
from maze_interp.mazes import Decisions

LAPSE, MIXTURE, ITSELF = "lapse", "mixture", "itself"  # what responses are scored under besides the candidates
ALIKE = 1e-9  # probabilities no farther apart are the same
TOLERANCE, LONGEST = 1e-11, 200  # nats a decision that a fit may leave; rounds (it takes about twenty)
DRAWS = 400  # resamples of the mazes behind the interval of a weight
Evidence = Float[np.ndarray, "draw pattern"]
Weights = Float[np.ndarray, "draw candidate"]


def fit_mixture(
    responses: PerDecision, candidates: Mapping[str, PerDecision], decisions: Decisions, *, seed: int, **what: Any
) -> list[tables.Row]:
    """The mixture of candidates and a lapse that best explains the responses, where the candidates disagree.

    Rows of `weight`, one per candidate and one for the lapse, with bootstrap intervals; and of `log_likelihood`, nats
    a decision, of the responses under each candidate with a lapse fitted to it (the condition `lapse`), under the
    lapse alone, under the mixture, and under the responses themselves, which nothing exceeds. Candidates that nowhere
    differ share a row, their names joined by " = ". A candidate that is a blend of others is marked `told_apart`
    False: its weight is one of many equally likely ones and has no bounds. n counts mazes, `decisions` the decisions
    used, `of` all there are. Candidates are renormalised over the options, as responses are. Raises ValueError for
    fewer than two candidates, for a name that is taken and if the candidates agree everywhere.
    """
    known = {name: over_options(ways, decisions.options) for name, ways in candidates.items()}
    used = disagreement(known)
    given, chosen = responses[used], decisions[used]
    lapse = uniform(chosen.options)
    ways = merged({**{name: values[used] for name, values in known.items()}, LAPSE: lapse})
    what = {**what, "of": len(decisions)}
    rows = _weights(given, ways, chosen.maze, seed=seed, **what)
    scored: list[tuple[PerDecision, dict[str, Any]]] = []
    for name, values in ways.items():
        share = 1.0 if LAPSE in name.split(" = ") else lapse_rate(given, values, chosen.options)
        scored.append(((1 - share) * values + share * lapse, {"candidate": name, "lapse": share}))
    mixture = np.tensordot([row.value for row in rows], list(ways.values()), axes=1)
    scored += [(mixture, {"candidate": MIXTURE}), (given, {"candidate": ITSELF})]
    for values, which in scored:
        score = log_likelihood(given, values)
        rows.append(mean_over_mazes("log_likelihood", score, chosen.maze, seed=seed, **what, **which))
    return rows


def disagreement(candidates: Mapping[str, PerDecision]) -> Bool[np.ndarray, " decision"]:
    """The decisions at which not all candidates say the same. Raises ValueError if there is none."""
    if len(candidates) < 2:
        raise ValueError(f"a mixture is fitted where candidates disagree: it needs two or more, not {len(candidates)}")
    if taken := {LAPSE, MIXTURE, ITSELF} & set(candidates):
        raise ValueError(f"a candidate cannot be called {min(taken)!r}: that is a row of every fit")
    differs = (np.ptp(np.stack(list(candidates.values())), axis=0) > ALIKE).any(axis=1)
    if not differs.any():
        raise ValueError(f"{', '.join(candidates)} agree at all {len(differs)} decisions: nothing tells them apart")
    return differs


def merged(candidates: Mapping[str, PerDecision]) -> dict[str, PerDecision]:
    """The candidates, with those that nowhere differ as one, under their names joined by " = "."""
    groups: list[tuple[list[str], PerDecision]] = []
    for name, values in candidates.items():
        same = next((names for names, other in groups if np.abs(other - values).max() <= ALIKE), None)
        if same is None:
            groups.append(([name], values))
        else:
            same.append(name)
    return {" = ".join(names): values for names, values in groups}


def tally(
    responses: PerDecision, candidates: Sequence[PerDecision], counts: Float[np.ndarray, "draw decision"]
) -> tuple[Float[np.ndarray, "pattern candidate"], Evidence]:
    """What the candidates say of a way, in each pattern that occurs, and the share of the responses in each pattern.

    Policies say few different things, so this is all that a fit needs, and little. `counts` says how often each
    decision was drawn: the evidence has a row for each of its rows.
    """
    ways = np.round(np.stack(candidates, axis=-1), 9)  # [decision, 4, candidate]
    said = ways.any(axis=-1)
    ways = ways[said]
    order = np.lexsort(ways.T)
    begins = np.concatenate([[True], (np.diff(ways[order], axis=0) != 0).any(axis=1)])
    pattern = np.empty(len(ways), np.int64)
    pattern[order] = np.cumsum(begins) - 1
    mass = ((responses * count[:, None])[said] / count.sum() for count in counts)
    return ways[order][begins], np.stack([np.bincount(pattern, weights=one, minlength=begins.sum()) for one in mass])


def resample(maze: Int[np.ndarray, " decision"], *, seed: int) -> Float[np.ndarray, "draw decision"]:
    """How often each decision is drawn: once in row 0, then as often as its maze when mazes are drawn anew."""
    mazes, unit = np.unique(maze, return_inverse=True)
    drawn = seeds.generator(seed, "mixture").integers(0, len(mazes), size=(DRAWS, len(mazes)))
    times = np.stack([np.bincount(some, minlength=len(mazes)) for some in drawn])
    return np.concatenate([np.ones((1, len(maze))), times[:, unit]])


def likeliest_weights(ways: Float[np.ndarray, "pattern candidate"], evidence: Evidence) -> Weights:
    """The weights of the likeliest mixture for each row of the evidence, which sums to 1.

    By the primal-dual interior-point method (Boyd & Vandenberghe 2004, section 11.7) for the likelihood less the sum
    of the weights, whose best weights sum to 1. EM gives the same after a thousand times as many rounds. Raises
    ArithmeticError if it has not come within TOLERANCE after LONGEST rounds.
    """
    candidates = np.arange(ways.shape[1])
    weights = np.full((len(evidence), len(candidates)), 1 / len(candidates))
    slack, floor = np.ones_like(weights), 0.1 * TOLERANCE / len(candidates)
    for _ in range(LONGEST):
        mixture = weights @ ways.T
        gain = (evidence / mixture) @ ways
        if (weights.sum(axis=1) * gain.max(axis=1) < 1 + TOLERANCE).all():
            return weights / weights.sum(axis=1, keepdims=True)
        centre = np.maximum(0.1 * (weights * slack).mean(axis=1, keepdims=True), floor) / weights
        curvature = np.einsum("dp,pj,pk->djk", evidence / mixture**2, ways, ways, optimize=True)
        curvature[:, candidates, candidates] += slack / weights
        step = np.linalg.solve(curvature, (gain - 1 + centre)[..., None])[..., 0]
        weights, slack = _inside(weights, step), _inside(slack, centre - slack - slack / weights * step)
    raise ArithmeticError(f"the weights of {len(candidates)} candidates were not found in {LONGEST} rounds")


def _inside(
    values: Float[np.ndarray, "draw candidate"], step: Float[np.ndarray, "draw candidate"]
) -> Float[np.ndarray, "draw candidate"]:
    """`values` a step farther, or as far along it as keeps them positive."""
    shrinks = np.maximum((-step / values).max(axis=1, keepdims=True), 0.95)
    return values + 0.95 / shrinks * step


def lapse_rate(responses: PerDecision, candidate: PerDecision, options: Options) -> float:
    """The likeliest share of uniform choices among the options beside a candidate, by bisection."""
    ways, lapse, response = candidate[options], uniform(options)[options], responses[options]
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        mixture = (1 - middle) * ways + middle * lapse
        rises = (response * (lapse - ways) / mixture).sum() > 0
        low, high = (middle, high) if rises else (low, middle)
    return (low + high) / 2


def log_likelihood(responses: PerDecision, candidate: PerDecision) -> Float[np.ndarray, " decision"]:
    """sum_ways response x log candidate, in nats; -inf where the candidate excludes what the response does."""
    with np.errstate(divide="ignore"):
        return (responses * np.where(responses > 0, np.log(candidate), 0.0)).sum(axis=1)


def _weights(
    responses: PerDecision,
    ways: Mapping[str, PerDecision],
    maze: Int[np.ndarray, " decision"],
    *,
    seed: int,
    **what: Any,
) -> list[tables.Row]:
    """A row per candidate: its weight in the mixture."""
    patterns, evidence = tally(responses, list(ways.values()), resample(maze, seed=seed))
    weights = likeliest_weights(patterns, evidence)
    low, high = np.quantile(weights[1:], [0.025, 0.975], axis=0)
    blend = blended(patterns)
    low[blend], high[blend] = np.nan, np.nan
    what = {**what, "decisions": len(responses)}
    return [
        tables.Row(
            "weight",
            float(weights[0, j]),
            float(low[j]),
            float(high[j]),
            len(np.unique(maze)),
            {**what, "candidate": name, "told_apart": not blend[j]},
        )
        for j, name in enumerate(ways)
    ]


def blended(ways: Float[np.ndarray, "pattern candidate"]) -> Bool[np.ndarray, " candidate"]:
    """Which candidates are weighted sums of others, so that the responses do not determine their weights."""
    values, vectors = np.linalg.eigh(ways.T @ ways)
    return (np.abs(vectors[:, values < 1e-9 * values[-1]]) > 1e-6).any(axis=1)
