"""Which rule of thumb explains a walker's choices, and does it do so better than perfect search?

The best of several rules looks better than it is on the decisions it was chosen by. So the mazes are dealt into two
halves: the rule is chosen on one and compared with perfect search on the other, each with lapses.
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Bool, Int

from maze_interp import seeds
from maze_interp.behaviour import redrawn
from maze_interp.behaviour.choosing import PerDecision
from maze_interp.mazes import Decisions
from maze_interp.tables import Row


def lead_of_the_best(
    responses: PerDecision, rules: Mapping[str, PerDecision], search: PerDecision, decisions: Decisions, *, seed: int
) -> Row:
    """By how many nats a decision the best rule explains the responses better than search, in mazes it is not of.

    The interval is over mazes, lapses fitted anew in every draw of them; the condition `rule` names the rule.
    """
    choosing = halves(decisions.maze, seed=seed)
    known = decisions[choosing]
    once = np.ones((1, len(np.unique(known.maze))))
    scores = {name: redrawn.lapses(responses[choosing], ways[choosing], known, once)[1] for name, ways in rules.items()}
    best = max(scores, key=lambda name: scores[name][0])
    tested = decisions[~choosing]
    drawn = redrawn.times(tested, seed=seed)
    rule, perfect = (
        redrawn.lapses(responses[~choosing], w[~choosing], tested, drawn)[1] for w in (rules[best], search)
    )
    lead = rule - perfect
    low, high = np.quantile(lead[1:], [0.025, 0.975])
    return Row(
        "lead", float(lead[0]), float(low), float(high), drawn.shape[1], {"rule": best, "decisions": len(tested)}
    )


def halves(maze: Int[np.ndarray, " decision"], *, seed: int) -> Bool[np.ndarray, " decision"]:
    """Which decisions are in the first of two halves, into which the mazes are dealt."""
    mazes, unit = np.unique(maze, return_inverse=True)
    return (seeds.generator(seed, "halves").permutation(len(mazes)) < len(mazes) // 2)[unit]
