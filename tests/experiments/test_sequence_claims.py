"""Claims are judged by intervals that allow for clusters, cover the truth, and find what they say they would find."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from maze_interp.experiments import sequence_claims as claims
from maze_interp.experiments import sequence_fits as fits


def sample(rng, slope, clusters=20, each=3):
    """Three policies of each of 20 networks, whose luck they share, which makes them dependent."""
    cluster = np.repeat(np.arange(clusters), each)
    x, group = np.repeat(rng.normal(size=clusters), each), np.tile(np.arange(each), clusters)
    luck = np.repeat(rng.normal(size=clusters), each)
    return x, slope * x + luck + 2.0 * group + 0.2 * rng.normal(size=len(x)), group, cluster


def test_a_fit_is_least_squares():
    rng = np.random.default_rng(0)
    x, y, group, cluster = sample(rng, 1.0)
    found = fits.trend(x, y, group, cluster)
    design = np.column_stack([x, *(group == g for g in range(3))]).astype(float)
    assert np.allclose(found.coefficients, np.linalg.lstsq(design, y, rcond=None)[0])
    assert (found.n, found.degrees) == (60, 19)
    line = fits.fit([x, np.ones(60)], 3 * x - 1, cluster)
    assert line.r2 == pytest.approx(1)
    assert np.allclose(line.coefficients, [3, -1])
    holes = np.where(np.arange(60) < 3, np.inf, y)
    assert np.allclose(fits.mean(holes, cluster).coefficients, y[3:].mean())
    alone = fits.mean(y, np.zeros(60))
    assert np.isnan(alone.coefficients).all()
    assert claims.above("w", "t", alone).verdict == claims.OPEN


def test_intervals_cover_and_power_is_as_stated():
    """300 samples: coverage has a standard error of 0.013, power one of 0.023."""
    rng, covered, size = np.random.default_rng(1), [], []
    for _ in range(300):
        found = fits.trend(*sample(rng, 0.5))
        row = found.row(0, "slope")
        covered.append(row.low <= 0.5 <= row.high)
        size.append(found.detectable(0))
    assert 0.89 <= np.mean(covered) <= 0.985
    found = [fits.trend(*sample(rng, float(np.median(size)))).row(0, "slope").low > 0 for _ in range(300)]
    assert 0.71 <= np.mean(found) <= 0.89


def shared(rng, networks=12, blocks=20):
    """What networks do on blocks of histories: the mean over blocks, and again without each block.

    Blocks move all networks alike, and networks and pairs have luck of their own.
    """
    found = 0.5 * rng.normal(size=(networks, 1)) + 1.5 * rng.normal(size=blocks) + rng.normal(size=(networks, blocks))
    without = (found.sum(axis=1, keepdims=True) - found) / (blocks - 1)
    return np.concatenate([found.mean(axis=1)[None], without.T])


def test_histories_that_all_share_are_a_source_of_error_of_their_own():
    """600 samples of mean 0: two-way intervals cover it (standard error 0.009), those over networks alone do not. Where
    blocks move each network apart, they are no wider than those by more than chance."""
    rng, two, one = np.random.default_rng(7), [], []
    for _ in range(600):
        y = shared(rng)
        for found, given in ((two, y), (one, y[0])):
            row = fits.mean(given, np.arange(12)).row(0, "mean")
            found.append(row.low <= 0 <= row.high)
    assert 0.92 <= np.mean(two) <= 0.985
    assert np.mean(one) < 0.75
    apart = rng.normal(size=(12, 2000)).reshape(12, 20, 100).mean(axis=2)
    y = np.concatenate([apart.mean(axis=1)[None], ((apart.sum(axis=1, keepdims=True) - apart) / 19).T])
    assert fits.mean(y, np.arange(12)).errors[0] < 1.35 * fits.mean(y[0], np.arange(12)).errors[0]


def test_replicates_that_are_all_the_same_change_nothing():
    """Histories that do not matter leave the errors of the networks alone."""
    x, y, group, cluster = sample(np.random.default_rng(8), 1.0)
    plain, two = (fits.trend(x, given, group, cluster) for given in (y, np.tile(y, (21, 1))))
    assert np.allclose(plain.coefficients, two.coefficients)
    assert np.allclose(plain.errors, two.errors)
    assert (plain.degrees, two.degrees) == (19, 19)
    assert fits.explained(np.tile(x, (21, 1)), np.tile(y, (21, 1)), cluster) == fits.explained(x, y, cluster)


def test_verdicts():
    rng, alone = np.random.default_rng(2), np.arange(50)
    high, none = fits.mean(1 + rng.normal(size=50), alone), fits.mean(np.tile([1.0, -1.0], 25), alone)
    assert claims.above("w", "t", high).verdict == claims.below("w", "t", high, than=2.0).verdict == claims.AGREES
    assert claims.below("w", "t", high).verdict == claims.above("w", "t", high, than=2.0).verdict == claims.DISAGREES
    assert claims.above("w", "t", none).verdict == claims.below("w", "t", none).verdict == claims.OPEN
    assert claims.within("w", "t", none, -1.0, 1.0).verdict == claims.AGREES
    assert claims.within("w", "t", none, -0.1, 0.1).verdict == claims.OPEN
    assert claims.within("w", "t", high, -0.1, 0.1).verdict == claims.DISAGREES


def test_p_values_are_students_and_fall_below_5_percent_where_the_interval_ends():
    for degrees in (1, 4, 30):
        for t in (-2.0, 0.0, 1.3, 12.0):
            assert fits.p_value(t, degrees) == pytest.approx(min(1, 2 * stats.t.sf(t, degrees)), rel=1e-3)
    rng = np.random.default_rng(3)
    for _ in range(50):
        found = fits.mean(0.3 + rng.normal(size=40), np.arange(40))
        assert (found.p_above(0.0, 0) < 0.05) == (found.row(0, "m").low > 0)


def test_a_margin_is_confirmed_in_four_of_five_samples_where_it_is_so():
    """600 samples (a standard error of 0.016) of which nothing is true but the middle; the power to find an effect,
    which is not asked, is another."""
    rng = np.random.default_rng(4)
    margin = float(np.median([fits.mean(rng.normal(size=30), np.arange(30)).margin(0) for _ in range(100)]))
    each = [claims.within("w", "t", fits.mean(rng.normal(size=30), np.arange(30)), -margin, margin) for _ in range(600)]
    assert 0.74 <= np.mean([claim.verdict == claims.AGREES for claim in each]) <= 0.86
    assert "either way would be confirmed in four of five" in claims.sentence(each[0])


def test_always_is_refuted_by_a_policy_surely_below_and_by_none_that_only_seems_so():
    """Sixty policies at the bound itself, 200 samples: one seems below nearly always, at most 5% are said to be."""
    rng, errors = np.random.default_rng(5), np.ones(60)
    none = [claims.always("w", "t", rng.normal(size=60), errors, 1000) for _ in range(200)]
    assert min(claim.effect.value for claim in none) < -3
    assert np.mean([claim.verdict == claims.DISAGREES for claim in none]) < 0.1
    assert all(claim.verdict != claims.AGREES for claim in none)
    assert claims.always("w", "t", 6 + rng.normal(size=60), errors, 1000).verdict == claims.AGREES
    low = claims.always("w", "t", np.append(rng.normal(size=59), -8.0), errors, 1000)
    assert (low.verdict, low.effect.value) == (claims.DISAGREES, -8.0)
    assert low.effect.high < 0
    assert claims.always("w", "t", rng.normal(size=60), errors, 1000, theorem=True).verdict == claims.AGREES
    assert claims.always("w", "t", low.effect.value * errors, errors, 1000, theorem=True).verdict == claims.DISAGREES
    assert claims.always("w", "t", errors, np.full(60, np.nan), 9).verdict == claims.OPEN


def test_most_is_the_sign_test_over_clusters():
    cluster = np.repeat(np.arange(10), 3)
    values = np.where(cluster < 9, 1.0, -1.0)
    claim = claims.most("w", "t", values, cluster)
    assert (claim.verdict, claim.effect.value) == (claims.AGREES, 0.9)
    assert claim.p == pytest.approx(stats.binomtest(9, 10).pvalue)
    assert claims.most("w", "t", -values, cluster).verdict == claims.DISAGREES
    assert claims.most("w", "t", np.where(cluster < 7, 1.0, -1.0), cluster).verdict == claims.OPEN
    assert claims.most("w", "t", np.zeros(30), cluster).verdict == claims.OPEN
    assert claims.most("w", "t", np.ones(30), cluster).verdict == claims.AGREES


def test_holms_correction_is_his_and_leaves_few_of_many_false_claims():
    one = claims.above("w", "t", fits.mean(np.array([1.0, 2.0, 4.0]), np.arange(3)))
    ps = [0.04, 0.001, np.nan, 0.02, 0.6]
    corrected = claims.holm([replace(one, p=p, verdict=claims.AGREES) for p in ps])
    assert np.allclose([claim.holm for claim in corrected], [0.08, 0.004, np.nan, 0.06, 0.6], equal_nan=True)
    assert [claim.corrected == claims.AGREES for claim in corrected] == [False, True, True, False, False]
    assert corrected[0].row.what["verdict (Holm)"] == claims.OPEN
    assert claims.tally(corrected).startswith("Of 5 claims: agrees 5, disagrees 0, undecided 0; after Holm")


def test_the_share_explained_has_an_interval_that_covers_it():
    """200 samples of a correlation of 0.8: coverage has a standard error of 0.015."""
    rng, held = np.random.default_rng(6), []
    for _ in range(200):
        x = rng.normal(size=40)
        row = fits.explained(x, 0.8 * x + 0.6 * rng.normal(size=40), np.arange(40))
        held.append(row.low <= 0.64 <= row.high)
        assert row.low <= row.value <= row.high
    assert np.mean(held) >= 0.89
    assert np.isnan(fits.explained(x, np.ones(40), np.arange(40)).value)


def test_what_holds_of_policies_without_purpose_is_said():
    yes, no = (fits.mean(m + np.array([0.1, -0.1, 0.2, -0.2]), np.arange(4)) for m in (1.0, -1.0))
    ours = [claims.above("one", "t", yes), claims.above("two", "t", yes), claims.above("three", "t", no)]
    nulls = {"random acts": [claims.above("one", "t", yes), claims.above("two", "t", no)]}
    told = claims.beside(ours, nulls)
    assert [one.controls["random acts"] for one in told] == [claims.AGREES, claims.DISAGREES, claims.WITHIN]
    assert "1 of those that agree would agree of random acts as well: \u201cone\u201d." in claims.tally(told)
    assert told[0].row.what["verdict on random acts"] == claims.AGREES
    assert claims.sentence(told[1]).endswith("; on random acts: disagrees.")
    assert "random acts" not in claims.sentence(told[2])


def test_values_that_are_all_alike_decide_nothing():
    claim = claims.above("it is so", "a mean", fits.mean(np.ones(6), np.arange(6)))
    assert claim.verdict == claims.OPEN
    assert claims.sentence(claim) == "\u201cit is so\u201d: undecided; a mean: 1 (all alike, n 6)."
    assert claim.row.what["verdict"] == claims.OPEN


def test_a_sentence_states_effect_interval_and_power():
    claim = claims.above("w", "t", fits.mean(np.array([1.0, 2.0, 3.0]), np.arange(3)))
    row = claim.effect
    assert claims.sentence(claim) == (
        f"\u201cw\u201d: undecided; t: 2 ({row.low:.3g} to {row.high:.3g}, n 3); {claim.detectable:.3g} would be found "
        "in four of five samples."
    )
