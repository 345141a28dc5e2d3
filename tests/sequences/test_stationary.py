"""The ladder and the ceilings are what was worked out by other routes, and bound what anyone can do."""

from itertools import pairwise

import numpy as np
import pytest

from maze_interp import sequences
from maze_interp.sequences import stationary

COUNT = 20_000


def by(rows, **what):
    (row,) = [row for row in rows if what.items() <= row.what.items()]
    return row


@pytest.fixture(scope="module")
def rungs():
    return stationary.ladder(COUNT, seed=1)


@pytest.fixture(scope="module")
def best():
    return stationary.ceilings(COUNT, seed=1)


def test_the_ladder_is_what_was_worked_out_before(rungs):
    """2.05 nats from frequencies, 0.75 and 0.58 from two and three elements, the entropy of the noise at its end."""
    even = 7 / 8 * 0.02
    floor = -(1 - even) * np.log(1 - even) - even * np.log(0.02 / 8)
    stated = {"frequencies": 2.05, "s[t-1], s[t-17]": 0.75, "s[t-1], s[t-2], s[t-17]": 0.58, "all sixteen": floor}
    for knows, value in stated.items():
        row = by(rungs, knows=knows)
        assert row.low - 0.02 < value < row.high + 0.02
    values = [by(rungs, knows=f"{back} back").value for back in range(1, 5)]
    assert values == sorted(values, reverse=True)
    assert values[-1] > floor


def test_the_filter_knows_what_two_elements_tell_but_for_how_often_products_occur(rungs):
    """Its loss one back is no less than the entropy counted, and at most 5% more."""
    filtered, counted = by(rungs, knows="1 back"), by(rungs, knows="s[t-1], s[t-17]")
    assert counted.value - 0.01 < filtered.value < 1.05 * counted.value


def test_where_nothing_is_to_be_known_nothing_is():
    """All noise, the control: every rung is ln 8."""
    for row in stationary.ladder(3000, noise=1.0):
        assert abs(row.value - np.log(8)) < 0.01


def test_the_ceilings_are_those_stated(best):
    """0.844, 0.916 and 0.995 for who may write 8..15, 0.99 for who may write anything and succeeds in four of eight."""
    for (goal, legal), value in {(2, True): 0.844, (4, True): 0.916, (6, True): 0.995, (4, False): 0.99}.items():
        row = by(best, goal=goal, legal=legal, knows="all sixteen")
        assert row.low - 0.002 < value < row.high + 0.002


def test_who_knows_more_or_may_do_more_succeeds_more_and_nothing_known_is_nothing_gained(best):
    for goal in (2, 4, 6):
        for legal in (True, False):
            knows = ["nothing", "1 back", "2 back", "3 back", "4 back", "all sixteen"]
            rows = [by(best, goal=goal, legal=legal, knows=name) for name in knows]
            assert all(later.high > earlier.low for earlier, later in pairwise(rows))
            assert rows[0].value < sequences.chance(goal) + 0.05
            assert rows[-1].low > rows[1].high > sequences.chance(goal) + 0.05
        assert (
            by(best, goal=goal, legal=False, knows="2 back").high > by(best, goal=goal, legal=True, knows="2 back").low
        )


@pytest.mark.parametrize("kind", sequences.KINDS)
def test_the_best_acts_are_found_by_trying_all(kind):
    contexts = sequences.histories(200, seed=3, kind=kind)
    acts = stationary.best_acts(contexts, stationary.known(contexts, kind=kind), (0, 4), legal=True, kind=kind)
    tried = sequences.follow(contexts, np.arange(8, 16)[:, None], np.zeros(1), kind=kind, noise=0.0)
    succeeds = sequences.achieved(tried, 2)
    found = sequences.achieved(sequences.follow(contexts, acts, np.zeros(1), kind=kind, noise=0.0), 2)
    assert (found == succeeds.any(axis=0)).all()


def test_frequencies_are_shares_of_each_parity():
    rows = stationary.frequencies(5000)
    assert [row.what["element"] for row in rows] == list(range(16))
    assert sum(row.value for row in rows[:8]) == pytest.approx(1)
    assert sum(row.value for row in rows[8:]) == pytest.approx(1)
    assert all(0.05 < row.value < 0.25 for row in rows)


def test_a_context_goes_back_as_far_as_it_is_long():
    with pytest.raises(ValueError, match="contexts of 20 go back 0 to 4 steps, not 5"):
        stationary.belief(sequences.histories(2, seed=0), 5)
