"""Walkers whose trouble is known: what troubles them is found, and what only comes with it is not."""

import numpy as np
import pytest

from maze_interp import mazes
from maze_interp.behaviour import POLICIES, policy_responses, searcher
from maze_interp.behaviour.hardness import what_makes_it_hard
from maze_interp.mazes import World


@pytest.fixture(scope="module")
def asked():
    drawn = mazes.draw(World("depth_first", 5, 5, min_length=4), 600, seed=1)
    found = mazes.decisions(drawn, mazes.solve(drawn))
    return drawn, found, mazes.look_ahead(drawn, found, "forward")


@pytest.mark.parametrize(
    ("policy", "trait", "other"),
    [
        (searcher("forward", 3, beyond="guess"), "look-ahead needed", "deceptive"),
        (POLICIES["greedy_manhattan"], "deceptive", "look-ahead needed"),
    ],
    ids=["forward searcher", "greedy"],
)
def test_a_walker_is_troubled_by_what_it_cannot_see(policy, trait, other, asked):
    """With one choice in ten turned round at random, as without exceptions no fit is best; the seed is fixed."""
    drawn, found, need = asked
    responses = policy_responses(policy, drawn, found)
    lapse = np.random.default_rng(0).random(len(need)) < 0.1
    is_right = np.where(found.right, responses, 0.0).sum(axis=1, keepdims=True) > 0.5
    other_way = np.where(is_right, found.options & ~found.right, found.right)
    responses = np.where(lapse[:, None], other_way, responses).astype(float)
    log_odds = {
        row.measure.removeprefix("log-odds by "): row for row in what_makes_it_hard(responses, found, need, seed=0)
    }
    assert log_odds[trait].high < -0.5
    assert abs(log_odds[other].value) < abs(log_odds[trait].value) / 2


def test_nothing_is_hard_for_who_is_never_wrong(asked):
    drawn, found, need = asked
    rows = what_makes_it_hard(policy_responses(POLICIES["oracle"], drawn, found), found, need, seed=0)
    assert np.isnan([row.low for row in rows]).all()


def test_decisions_of_one_maze_count_as_one_maze(asked):
    """Every decision four times over says nothing new, and its intervals are as wide; Wald's would be half as wide."""
    _, found, need = asked
    wrong = np.random.default_rng(0).random(len(need)) < 0.1 + 0.05 * need
    responses = np.where(wrong[:, None], found.options & ~found.right, found.right).astype(float)
    four = np.repeat(np.arange(len(need)), 4)
    once = what_makes_it_hard(responses, found, need, seed=0)
    again = what_makes_it_hard(responses[four], found[four], need[four], seed=0)
    for one, other in zip(once, again, strict=True):
        assert (one.measure, one.n) == (other.measure, other.n)
        assert (one.value, one.low, one.high) == pytest.approx((other.value, other.low, other.high), abs=1e-6)
        assert one.low < one.value < one.high
