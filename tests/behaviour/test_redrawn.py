"""What is fitted for all draws at once is what would be fitted to each of them."""

import numpy as np
import pytest

from maze_interp import mazes
from maze_interp.behaviour import POLICIES, choosing, fitting, lookahead, redrawn, searcher

BATCH = mazes.draw(mazes.World("depth_first", 5, 5, {}, 2), 200, seed=0)
DECISIONS = mazes.decisions(BATCH, mazes.solve(BATCH, seed=0))
DRAWN = redrawn.times(DECISIONS, seed=0)


def ways(policy):
    return choosing.policy_responses(policy, BATCH, DECISIONS)


RESPONSES = 0.6 * ways(searcher("forward", 3)) + 0.3 * ways(POLICIES["greedy_manhattan"])
RESPONSES += 0.1 * choosing.uniform(DECISIONS.options)


@pytest.mark.parametrize("name", ["oracle", "greedy_manhattan", "baseline", "straight_ahead"])
def test_a_lapse_is_fitted_to_every_draw_as_if_to_no_other(name):
    candidate = ways(POLICIES[name])
    lapse, score = redrawn.lapses(RESPONSES, candidate, DECISIONS, DRAWN)
    unit = np.unique(DECISIONS.maze, return_inverse=True)[1]
    for row in (0, 1, 7):
        which = np.repeat(np.arange(len(DECISIONS)), DRAWN[row][unit].astype(int))
        alone, explained = lookahead.lapsing(RESPONSES[which], candidate[which], DECISIONS[which])
        if name != "baseline":  # which lapses into itself
            assert lapse[row] == pytest.approx(alone, abs=1e-4)
        assert score[row] == pytest.approx(fitting.log_likelihood(RESPONSES[which], explained).mean(), abs=1e-6)
    assert lapse.max() <= lookahead.MOST_LAPSES


@pytest.mark.parametrize("horizon", [0, 2, 3, 5])
def test_the_first_row_is_the_test_itself(horizon):
    strata = lookahead.stratify(DECISIONS, mazes.look_ahead(BATCH, DECISIONS, "forward"))
    candidate = ways(searcher("forward", horizon))
    whole = lookahead.beside(RESPONSES, candidate, DECISIONS, strata)[0]
    assert redrawn.excluded(RESPONSES, candidate, DECISIONS, strata, DRAWN)[0] == whole.value


def test_every_draw_has_as_many_mazes():
    assert (DRAWN.sum(axis=1) == len(np.unique(DECISIONS.maze))).all()
    assert (DRAWN[0] == 1).all()
    assert (DRAWN[1:] == 0).any()
