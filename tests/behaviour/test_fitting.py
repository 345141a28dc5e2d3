"""A mixture's weights are found, are the likeliest, and are not claimed where nothing determines them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maze_interp import behaviour, mazes
from maze_interp.behaviour import POLICIES, choosing, fitting
from maze_interp.tables import Row

BATCH = mazes.draw(mazes.World("depth_first", 6, 6, {}, 2), 200, seed=0)
DECISIONS = mazes.decisions(BATCH, mazes.solve(BATCH, seed=0))
GUESS = choosing.uniform(DECISIONS.options)
NAMES = ("oracle", "greedy_manhattan", "wall_follower_left", "forward_2")
CANDIDATES = {name: choosing.policy_responses(POLICIES[name], BATCH, DECISIONS) for name in NAMES}
PLANTED = {"oracle": 0.1, "greedy_manhattan": 0.5, "wall_follower_left": 0.0, "forward_2": 0.25, "lapse": 0.15}
BLEND = sum(PLANTED[name] * ways for name, ways in {**CANDIDATES, "lapse": GUESS}.items())


def drawn(ways: np.ndarray, seed: int) -> np.ndarray:
    """A walker that draws one way at each decision: all its mass on it."""
    rng = np.random.default_rng(seed)
    return np.stack([rng.multinomial(1, row / row.sum()) for row in ways]).astype(float)


def weights(rows: list[Row]) -> dict[str, Row]:
    return {row.what["candidate"]: row for row in rows if row.measure == "weight"}


def scores(rows: list[Row]) -> dict[str, float]:
    return {row.what["candidate"]: row.value for row in rows if row.measure == "log_likelihood"}


def test_planted_weights_are_recovered():
    rows = behaviour.fit_mixture(BLEND, CANDIDATES, DECISIONS, seed=0)
    for name, row in weights(rows).items():
        assert row.value == pytest.approx(PLANTED[name], abs=1e-3), name
        assert row.what["told_apart"]
        assert row.n <= len(BATCH)
        assert row.what["decisions"] < row.what["of"] == len(DECISIONS)


def test_intervals_cover_planted_weights_of_a_walker_that_draws_its_ways():
    """10 walkers x 4 positive weights: of 40 intervals 38 should cover; 32 or fewer come by chance once in 1000."""
    covered = [
        row.low <= PLANTED[name] <= row.high
        for seed in range(10)
        for name, row in weights(behaviour.fit_mixture(drawn(BLEND, seed), CANDIDATES, DECISIONS, seed=seed)).items()
        if PLANTED[name]
    ]
    assert len(covered) == 40
    assert sum(covered) > 32


def test_whoever_guesses_is_a_lapse():
    rows = behaviour.fit_mixture(GUESS, CANDIDATES, DECISIONS, seed=0)
    assert weights(rows)["lapse"].value == pytest.approx(1, abs=1e-3)
    assert scores(rows)["mixture"] == pytest.approx(scores(rows)["itself"])


def test_one_candidate_alone_takes_all():
    rows = behaviour.fit_mixture(CANDIDATES["forward_2"], CANDIDATES, DECISIONS, seed=0)
    assert weights(rows)["forward_2"].value == pytest.approx(1, abs=1e-3)
    assert max(scores(rows), key=scores(rows).__getitem__) in ("forward_2", "itself", "mixture")


def test_likelihoods_are_ordered_as_nested_models_must_be():
    found = scores(behaviour.fit_mixture(drawn(BLEND, 0), CANDIDATES, DECISIONS, seed=0))
    assert found["itself"] >= found["mixture"] >= max(found[name] for name in NAMES)
    assert min(found[name] for name in NAMES) >= found["lapse"] - 1e-12


def test_only_decisions_where_candidates_disagree_count():
    differs = fitting.disagreement(CANDIDATES)
    assert 0 < differs.sum() < len(DECISIONS)
    other = np.where(differs[:, None], BLEND, GUESS)
    rows = behaviour.fit_mixture(BLEND, CANDIDATES, DECISIONS, seed=0)
    changed = behaviour.fit_mixture(other, CANDIDATES, DECISIONS, seed=0)
    assert [(row.measure, row.what, row.value) for row in rows] == [(r.measure, r.what, r.value) for r in changed]


def test_candidates_that_are_the_same_are_one_and_not_told_apart():
    same = {**CANDIDATES, "twin": CANDIDATES["forward_2"], "baseline": GUESS}
    found = weights(behaviour.fit_mixture(BLEND, same, DECISIONS, seed=0))
    assert set(found) == {"oracle", "greedy_manhattan", "wall_follower_left", "forward_2 = twin", "baseline = lapse"}
    assert found["forward_2 = twin"].value == pytest.approx(PLANTED["forward_2"], abs=1e-3)
    assert found["baseline = lapse"].value == pytest.approx(PLANTED["lapse"], abs=2e-3)


def test_a_blend_of_candidates_has_no_interval():
    both = (CANDIDATES["oracle"] + CANDIDATES["greedy_manhattan"]) / 2
    found = weights(behaviour.fit_mixture(BLEND, {**CANDIDATES, "both": both}, DECISIONS, seed=0))
    mixed = {"oracle", "greedy_manhattan", "both"}
    assert {name for name, row in found.items() if not row.what["told_apart"]} == mixed
    assert all(np.isnan(row.low) == (name in mixed) for name, row in found.items())
    assert sum(found[name].value for name in mixed) == pytest.approx(0.6, abs=1e-3)


@given(st.integers(0, 10**6), st.integers(2, 6), st.integers(6, 40))
@settings(max_examples=20, deadline=None)
def test_weights_are_those_of_em(seed, candidates, patterns):
    """Slow and obvious: each response is shared among the candidates as they explain it, over and over."""
    rng = np.random.default_rng(seed)
    ways = rng.choice([0, 1 / 3, 1 / 2, 1], size=(patterns, candidates))
    ways[:, -1] = 1 / 2
    evidence = rng.dirichlet(np.full(patterns, 0.3), size=3)
    em = np.full((3, candidates), 1 / candidates)
    for _ in range(1000):
        em = em * ((evidence / (em @ ways.T)) @ ways)
    found = fitting.likeliest_weights(ways, evidence)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    gained = (evidence * (np.log(found @ ways.T) - np.log(em @ ways.T))).sum(axis=1)
    assert (gained > -1e-9).all()
    assert (gained < 3e-3).all()


@pytest.mark.parametrize("lapse", [0.0, 0.1, 0.6, 1.0])
def test_a_lapse_is_recovered(lapse):
    walker = (1 - lapse) * CANDIDATES["forward_2"] + lapse * GUESS
    assert fitting.lapse_rate(walker, CANDIDATES["forward_2"], DECISIONS.options) == pytest.approx(lapse, abs=1e-9)


def test_the_likelihood_of_what_was_excluded_is_nothing():
    sure, other = np.array([[1.0, 0, 0, 0]]), np.array([[0.0, 1, 0, 0]])
    assert fitting.log_likelihood(sure, sure) == 0
    assert fitting.log_likelihood(sure, other) == -np.inf
    assert fitting.log_likelihood(sure, (sure + other) / 2) == pytest.approx(-np.log(2))


@pytest.mark.parametrize(
    ("candidates", "message"),
    [
        ({"oracle": CANDIDATES["oracle"]}, "two or more, not 1"),
        ({"oracle": CANDIDATES["oracle"], "lapse": GUESS}, "called 'lapse'"),
        ({"oracle": CANDIDATES["oracle"], "twin": CANDIDATES["oracle"]}, "oracle, twin agree at all"),
    ],
)
def test_what_cannot_be_fitted_is_refused(candidates, message):
    with pytest.raises(ValueError, match=message):
        behaviour.fit_mixture(BLEND, candidates, DECISIONS, seed=0)
