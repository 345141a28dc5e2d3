"""What would have come out if other mazes had been drawn: fits and tests repeated on mazes drawn anew.

A lapse fitted to all mazes and then held makes an interval too narrow, because it fits these mazes best. Here it is
fitted again in every draw. A draw only says how often each maze was drawn, so that all draws are worked out at once.
"""

import numpy as np
from jaxtyping import Bool, Float, Int

from maze_interp import seeds
from maze_interp.behaviour.choosing import PerDecision, right_mass, uniform
from maze_interp.behaviour.fitting import ALIKE, likeliest_weights
from maze_interp.behaviour.lookahead import MOST_LAPSES, Strata, bounds, lapsing
from maze_interp.mazes import Decisions

DRAWS = 400
Times = Float[np.ndarray, "draw maze"]


def times(decisions: Decisions, *, seed: int) -> Times:
    """How often each maze that has decisions is drawn, in their order: once in row 0, then at random."""
    count = len(np.unique(decisions.maze))
    drawn = seeds.generator(seed, "redrawn").multinomial(count, np.full(count, 1 / count), size=DRAWS)
    return np.concatenate([np.ones((1, count)), drawn])


def lapses(
    responses: PerDecision, candidate: PerDecision, decisions: Decisions, drawn: Times
) -> tuple[Float[np.ndarray, " draw"], Float[np.ndarray, " draw"]]:
    """(the likeliest rate of lapses, at most MOST_LAPSES; the nats a decision that the candidate then scores)."""
    said = decisions.options & (responses > 0)
    pairs = np.stack([candidate[said], uniform(decisions.options)[said]], axis=1)
    ways, pattern = np.unique(np.round(pairs, 9), axis=0, return_inverse=True)
    maze = np.unique(decisions.maze, return_inverse=True)[1]
    code = maze[np.nonzero(said)[0]] * len(ways) + pattern.reshape(-1)
    size = drawn.shape[1] * len(ways)
    mass = drawn @ np.bincount(code, weights=responses[said], minlength=size).reshape(-1, len(ways))
    mass = mass / mass.sum(axis=1, keepdims=True)
    lapse = np.minimum(likeliest_weights(ways, mass)[:, 1], MOST_LAPSES)
    mixture = (1 - lapse[:, None]) * ways[:, 0] + lapse[:, None] * ways[:, 1]
    return lapse, (mass * np.log(mixture)).sum(axis=1)


def excluded(
    responses: PerDecision, candidate: PerDecision, decisions: Decisions, strata: Strata, drawn: Times
) -> Bool[np.ndarray, " draw"]:
    """Whether the walker is told from a searcher in each draw, by the bounds that `lookahead.beside` has for row 0."""
    found, ways, guess = (right_mass(one, decisions) for one in (responses, candidate, uniform(decisions.options)))
    explained = lapsing(responses, candidate, decisions)[1]
    bound = bounds(found - right_mass(explained, decisions), right_mass(explained, decisions), decisions, strata)[1]
    lapse = lapses(responses, candidate, decisions, drawn)[0][:, None]
    short, gained, count = (
        drawn @ _by_maze(one, decisions.maze, strata) for one in (found - ways, ways - guess, np.ones(len(decisions)))
    )
    excess = (short + lapse * gained) / np.maximum(count, 1)
    return (abs(excess) > bound + ALIKE).any(axis=1)


def _by_maze(
    values: Float[np.ndarray, " decision"], maze: Int[np.ndarray, " decision"], strata: Strata
) -> Float[np.ndarray, "maze stratum"]:
    """The sum of the values in each maze and stratum."""
    mazes, unit = np.unique(maze, return_inverse=True)
    kept = strata.of >= 0
    code = unit[kept] * len(strata) + strata.of[kept]
    return np.bincount(code, weights=values[kept], minlength=len(mazes) * len(strata)).reshape(len(mazes), -1)
