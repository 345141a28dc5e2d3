"""A limited search is counted, by cells and by forks, and the count says how sure it is."""

import numpy as np
import pytest

from maze_interp import mazes
from maze_interp.behaviour import POLICIES, choosing, lookahead, redrawn, searcher
from maze_interp.behaviour.likeness import searchers_like_it

BATCH = mazes.draw(mazes.World("depth_first", 6, 6, {}, 2), 300, seed=0)
DECISIONS = mazes.decisions(BATCH, mazes.solve(BATCH, seed=0))


def like(policy, *, lapse=0.0, **options):
    ways = choosing.policy_responses(policy, BATCH, DECISIONS)
    responses = (1 - lapse) * ways + lapse * choosing.uniform(DECISIONS.options)
    return searchers_like_it(responses, DECISIONS, BATCH, seed=0, kinds=["forward"], **options)


@pytest.mark.parametrize(("unit", "horizon"), [("cells", 3), ("forks", 1)])
def test_a_searcher_is_like_itself_however_mazes_are_drawn(unit, horizon):
    count, rows = like(searcher("forward", horizon, unit=unit), lapse=0.1)
    assert count.low >= 1
    assert count.low <= count.value <= count.high
    assert horizon in lookahead.horizons_left(rows, unit=unit, beyond="greedy")
    other = {"cells": "forks", "forks": "cells"}[unit]
    assert lookahead.horizons_left(rows, unit=other, beyond="greedy") == ()


@pytest.mark.parametrize("name", ["oracle", "baseline", "greedy_manhattan"])
def test_who_does_not_search_so_is_like_none(name):
    count, rows = like(POLICIES[name], units=["cells"])
    assert (count.value, count.low, count.high) == (0, 0, 0)
    assert {row.what["unit"] for row in rows} == {"cells"}


def test_between_two_searchers_the_count_is_unsure():
    """A walker that is now and then of another horizon: some draws of the mazes tell it from the first, some do not."""
    near, far = (choosing.policy_responses(searcher("forward", k), BATCH, DECISIONS) for k in (3, 4))
    strata = lookahead.stratify(DECISIONS, mazes.look_ahead(BATCH, DECISIONS, "forward"))
    drawn = redrawn.times(DECISIONS, seed=0)
    told = [
        redrawn.excluded((1 - share) * near + share * far, near, DECISIONS, strata, drawn).mean()
        for share in np.linspace(0, 0.5, 26)
    ]
    assert told[0] == 0
    assert told[-1] > 0.99
    assert sum(0.05 < share < 0.95 for share in told) >= 1
