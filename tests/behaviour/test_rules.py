"""The rule that explains a walker is found, and the best of many rules that explain nothing does not look good."""

import numpy as np
import pytest

from maze_interp import mazes
from maze_interp.behaviour import POLICIES, choosing, redrawn, rules
from maze_interp.behaviour.evidence import HEURISTICS

BATCH = mazes.draw(mazes.World("depth_first", 5, 5, {}, 2), 300, seed=0)
DECISIONS = mazes.decisions(BATCH, mazes.solve(BATCH, seed=0))
WAYS = {name: choosing.policy_responses(POLICIES[name], BATCH, DECISIONS) for name in (*HEURISTICS, "oracle")}
RULES = {name: WAYS[name] for name in HEURISTICS}


def drawn(ways, seed):
    """A walker that draws one way at each decision."""
    rng = np.random.default_rng(seed)
    return np.stack([rng.multinomial(1, row / row.sum()) for row in ways]).astype(float)


def lead(responses, some=RULES, seed=0):
    return rules.lead_of_the_best(responses, some, WAYS["oracle"], DECISIONS, seed=seed)


@pytest.mark.parametrize("name", ["greedy_manhattan", "wall_follower_left", "straight_ahead"])
def test_a_rule_with_lapses_is_found_and_beats_search(name):
    found = lead(drawn(0.8 * WAYS[name] + 0.2 * choosing.uniform(DECISIONS.options), 0))
    assert found.what["rule"] == name
    assert 0 < found.low < found.value < found.high


def test_search_with_lapses_beats_every_rule():
    found = lead(drawn(0.8 * WAYS["oracle"] + 0.2 * choosing.uniform(DECISIONS.options), 0))
    assert found.low < found.value < found.high < 0


def test_who_chose_a_rule_does_not_judge_it():
    """Of 20 rules that say anything, the best on its own mazes seems to explain a guesser; on others none does.

    Five guessers; the best of 20 is some two standard errors above where it belongs.
    """
    rng = np.random.default_rng(0)
    noise = [rng.random(DECISIONS.options.shape) * DECISIONS.options for _ in range(20)]
    some = {str(i): choosing.over_options(one**8, DECISIONS.options) for i, one in enumerate(noise)}
    once, own, others = np.ones((1, len(np.unique(DECISIONS.maze)))), [], []
    for seed in range(5):
        guesser = drawn(choosing.uniform(DECISIONS.options), seed)
        best = max(redrawn.lapses(guesser, one, DECISIONS, once)[1][0] for one in some.values())
        found = rules.lead_of_the_best(guesser, some, choosing.uniform(DECISIONS.options), DECISIONS, seed=seed)
        others.append(found.value)
        own.append(best - redrawn.lapses(guesser, choosing.uniform(DECISIONS.options), DECISIONS, once)[1][0])
    assert np.mean(others) < np.mean(own)
    assert np.mean(others) < 0


def test_mazes_are_dealt_whole():
    first = rules.halves(DECISIONS.maze, seed=3)
    assert not np.intersect1d(DECISIONS.maze[first], DECISIONS.maze[~first]).size
    number = len(np.unique(DECISIONS.maze))
    assert len(np.unique(DECISIONS.maze[first])) == number // 2
    assert lead(WAYS["oracle"]).n == number - number // 2
