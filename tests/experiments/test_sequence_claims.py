"""Claims are judged by intervals that allow for clusters, cover the truth, and find what they say they would find."""

import numpy as np
import pytest

from maze_interp.experiments import sequence_claims as claims
from maze_interp.tables import Row


def sample(rng, slope, clusters=20, each=3):
    """Three policies of each of 20 networks, whose luck they share, which makes them dependent."""
    cluster = np.repeat(np.arange(clusters), each)
    x, group = np.repeat(rng.normal(size=clusters), each), np.tile(np.arange(each), clusters)
    luck = np.repeat(rng.normal(size=clusters), each)
    return x, slope * x + luck + 2.0 * group + 0.2 * rng.normal(size=len(x)), group, cluster


def test_a_fit_is_least_squares():
    rng = np.random.default_rng(0)
    x, y, group, cluster = sample(rng, 1.0)
    found = claims.trend(x, y, group, cluster)
    design = np.column_stack([x, *(group == g for g in range(3))]).astype(float)
    assert np.allclose(found.coefficients, np.linalg.lstsq(design, y, rcond=None)[0])
    assert (found.n, found.degrees) == (60, 19)
    line = claims.fit([x, np.ones(60)], 3 * x - 1, cluster)
    assert line.r2 == pytest.approx(1)
    assert np.allclose(line.coefficients, [3, -1])
    holes = np.where(np.arange(60) < 3, np.inf, y)
    assert np.allclose(claims.mean(holes, cluster).coefficients, y[3:].mean())
    alone = claims.mean(y, np.zeros(60))
    assert np.isnan(alone.coefficients).all()
    assert claims.above("w", "t", alone).verdict == claims.OPEN


def test_intervals_cover_and_power_is_as_stated():
    """300 samples: coverage has a standard error of 0.013, power one of 0.023."""
    rng, covered, size = np.random.default_rng(1), [], []
    for _ in range(300):
        found = claims.trend(*sample(rng, 0.5))
        row = found.row(0, "slope")
        covered.append(row.low <= 0.5 <= row.high)
        size.append(found.detectable(0))
    assert 0.89 <= np.mean(covered) <= 0.985
    found = [claims.trend(*sample(rng, float(np.median(size)))).row(0, "slope").low > 0 for _ in range(300)]
    assert 0.71 <= np.mean(found) <= 0.89


def test_verdicts():
    rng, alone = np.random.default_rng(2), np.arange(50)
    high, none = claims.mean(1 + rng.normal(size=50), alone), claims.mean(np.tile([1.0, -1.0], 25), alone)
    assert claims.above("w", "t", high).verdict == claims.below("w", "t", high, than=2.0).verdict == claims.AGREES
    assert claims.below("w", "t", high).verdict == claims.above("w", "t", high, than=2.0).verdict == claims.DISAGREES
    assert claims.above("w", "t", none).verdict == claims.below("w", "t", none).verdict == claims.OPEN
    assert claims.within("w", "t", none, -1.0, 1.0).verdict == claims.AGREES
    assert claims.within("w", "t", none, -0.1, 0.1).verdict == claims.OPEN
    assert claims.within("w", "t", high, -0.1, 0.1).verdict == claims.DISAGREES
    assert claims.always("w", "t", Row("s", 1.0, 0.9, 1.0, 9)).verdict == claims.AGREES
    assert claims.always("w", "t", Row("s", 0.9, 0.8, 1.0, 9)).verdict == claims.DISAGREES


def test_values_that_are_all_alike_decide_nothing():
    claim = claims.above("it is so", "a mean", claims.mean(np.ones(6), np.arange(6)))
    assert claim.verdict == claims.OPEN
    assert claims.sentence(claim) == "\u201cit is so\u201d: undecided; a mean: 1 (all alike, n 6)."
    assert claim.row.what["verdict"] == claims.OPEN


def test_a_sentence_states_effect_interval_and_power():
    claim = claims.above("w", "t", claims.mean(np.array([1.0, 2.0, 3.0]), np.arange(3)))
    row = claim.effect
    assert claims.sentence(claim) == (
        f"\u201cw\u201d: undecided; t: 2 ({row.low:.3g} to {row.high:.3g}, n 3); {claim.detectable:.3g} would be found "
        "in four of five samples."
    )
