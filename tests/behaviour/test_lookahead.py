"""A searcher's horizon is found from its choices, and no horizon is found where there is none."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from maze_interp import behaviour, mazes
from maze_interp.behaviour import POLICIES, choosing, lookahead, searcher
from maze_interp.mazes import NEVER

BATCH = mazes.draw(mazes.World("depth_first", 6, 6, {}, 2), 1000, seed=0)
DECISIONS = mazes.decisions(BATCH, mazes.solve(BATCH, seed=0))
GUESS = choosing.uniform(DECISIONS.options)


def planted(policy: behaviour.Policy, *, lapse: float = 0.0) -> np.ndarray:
    return (1 - lapse) * choosing.policy_responses(policy, BATCH, DECISIONS) + lapse * GUESS


def drawn(ways: np.ndarray, seed: int) -> np.ndarray:
    """A walker that draws one way at each decision: all its mass on it."""
    rng = np.random.default_rng(seed)
    return np.stack([rng.multinomial(1, row / row.sum()) for row in ways]).astype(float)


def left(responses: np.ndarray, kind: str, horizons: range, **options: str) -> tuple[int, ...]:
    rows = behaviour.effective_look_ahead(responses, DECISIONS, BATCH, kind, horizons=horizons, **options)
    return behaviour.horizons_left(rows, kind=kind)


@pytest.mark.parametrize(
    ("kind", "horizon", "unit"),
    [
        ("forward", 1, "cells"),
        ("forward", 3, "cells"),
        ("forward", 1, "forks"),
        ("backward", 4, "cells"),
        ("bidirectional", 2, "cells"),
        ("filling", 2, "cells"),
    ],
)
def test_a_searcher_has_its_own_horizon(kind, horizon, unit):
    """Its probabilities give it for certain, ways that it draws 95 times in 100."""
    horizons = range(horizon - 1, horizon + 2)
    policy = searcher(kind, horizon, unit=unit)
    assert left(planted(policy), kind, horizons, unit=unit) == (horizon,)
    lapsing = planted(policy, lapse=0.1)
    assert left(lapsing, kind, horizons, unit=unit) == (horizon,)
    assert left(drawn(lapsing, 0), kind, horizons, unit=unit) == (horizon,)


@pytest.mark.parametrize(("name", "wanted"), [("greedy_manhattan", (0,)), ("baseline", ()), ("random_walk", ())])
@pytest.mark.parametrize("kind", ["forward", "bidirectional", "filling"])
def test_who_does_not_search_has_none(kind, name, wanted):
    assert left(planted(POLICIES[name]), kind, range(4)) == wanted
    assert left(drawn(planted(POLICIES[name]), 1), kind, range(4)) == wanted


def test_the_oracle_is_told_from_every_horizon_that_does_not_reach():
    assert left(planted(POLICIES["oracle"]), "forward", range(4, 7)) == ()
    farthest = int(mazes.look_ahead(BATCH, DECISIONS, "forward").max())
    assert farthest in left(planted(POLICIES["oracle"]), "forward", range(farthest, farthest + 1))


def test_the_true_horizon_is_excluded_at_most_5_times_in_100():
    """60 walkers that lapse once in ten: more than 8 exclusions at 5% come by chance less than 5 times in 1000."""
    strata = lookahead.stratify(DECISIONS, mazes.look_ahead(BATCH, DECISIONS, "forward"))
    ways = planted(searcher("forward", 3))
    walkers = (drawn(0.9 * ways + 0.1 * GUESS, seed) for seed in range(60))
    excluded = [lookahead.beside(walker, ways, DECISIONS, strata)[0].value for walker in walkers]
    assert sum(excluded) <= 8


def test_a_lapse_is_fitted_and_rows_say_what_was_compared():
    rows = behaviour.effective_look_ahead(
        planted(searcher("forward", 2), lapse=0.1), DECISIONS, BATCH, "forward", horizons=[2, 5], walker="it"
    )
    assert all(row.what["kind"] == "forward" and row.what["walker"] == "it" for row in rows)
    one = {row.measure: row.value for row in rows if row.what["horizon"] == 2}
    assert one["lapse"] == pytest.approx(0.1)
    assert one["excluded"] == 0
    for row in rows:
        if row.measure == "excess":
            assert row.what["decisions"] >= lookahead.FEWEST
            assert 0 <= row.what["expected"] <= 1
            assert row.low <= row.value <= row.high
    beyond = [row for row in rows if row.measure == "excess" and row.what["horizon"] == 5]
    worst = min(beyond, key=lambda row: row.value)
    assert worst.what["deceptive"]
    assert 3 <= worst.what["least"] <= worst.what["most"] <= 5, "where only the farther searcher is right"


@pytest.mark.parametrize("fewest", [1, 20, 150])
def test_strata_hold_enough_and_do_not_overlap(fewest):
    need = mazes.look_ahead(BATCH, DECISIONS, "filling")
    need[::17] = NEVER
    strata = lookahead.stratify(DECISIONS, need, fewest=fewest)
    rank = np.where(need == NEVER, 1000, need)
    assert (strata.of >= 0).all()
    spans: dict[bool, list[tuple[int, int]]] = {False: [], True: []}
    for index, label in enumerate(strata.labels):
        inside = strata.of == index
        assert inside.sum() >= fewest
        assert (DECISIONS.deceptive[inside] == label["deceptive"]).all()
        ends = rank[inside].min(), rank[inside].max()
        assert (label["least"], label["most"]) == tuple(NEVER if end == 1000 else end for end in ends)
        spans[label["deceptive"]].append(ends)
    for side in spans.values():
        assert all(before[1] < after[0] for before, after in pairwise(side))


def test_a_side_with_too_few_decisions_is_left_out_and_without_any_stratum_it_is_refused():
    few = np.arange(len(DECISIONS)) < 19
    decisions = replace(DECISIONS, deceptive=few)
    strata = lookahead.stratify(decisions, mazes.look_ahead(BATCH, DECISIONS, "forward"))
    np.testing.assert_array_equal(strata.of == lookahead.LEFT_OUT, few)
    with pytest.raises(ValueError, match="20 or more decisions"):
        behaviour.effective_look_ahead(GUESS[few], DECISIONS[few], BATCH, "forward", horizons=[1])


def test_decisions_needed_are_enough_four_times_in_five():
    """30 walkers asked at as many decisions as it takes: fewer than 18 resolved come by chance 3 times in 1000."""
    horizons = [1, 2, 3]
    (row,) = (
        row
        for row in behaviour.decisions_needed(DECISIONS, BATCH, "forward", horizons=horizons, lapse=0.1)
        if row.what["horizon"] == 2
    )
    assert 100 < row.value < len(DECISIONS)
    assert row.what["against"] in (1, 3)
    need = mazes.look_ahead(BATCH, DECISIONS, "forward")
    ways = {horizon: planted(searcher("forward", horizon)) for horizon in horizons}
    resolved = []
    for seed in range(30):
        some = np.random.default_rng(seed).choice(len(DECISIONS), int(row.value) + 1, replace=False)
        walker, decisions = drawn((0.9 * ways[2] + 0.1 * GUESS)[some], seed), DECISIONS[some]
        strata = lookahead.stratify(decisions, need[some])
        excluded = [lookahead.beside(walker, ways[other][some], decisions, strata)[0].value for other in (1, 3)]
        resolved.append(all(excluded))
    assert sum(resolved) >= 18


def test_horizons_that_choose_alike_are_never_told_apart():
    """From next door the greedy walker steps onto the goal too, so that a backward search of one cell adds nothing."""
    rows = behaviour.decisions_needed(DECISIONS, BATCH, "backward", horizons=[0, 1, 2])
    assert [row.value == np.inf for row in rows] == [True, True, False]
    assert left(planted(searcher("backward", 1)), "backward", range(3)) == (0, 1)
