"""Planted changes are found where they are, and what has no change is said to have none."""

import numpy as np
import pytest

from maze_interp.training import change_points
from maze_interp.training.change_points import ACCOMPANIES, FOLLOWS, PRECEDES, UNTOLD, change_point, order

X = np.arange(12.0)


def planted(middle: float, width: float, *, seed: int = 0, mazes: int = 200, noise: float = 0.4) -> np.ndarray:
    """Mazes of different difficulty, on all of which a ramp from 0.1 to 0.8 is measured with noise."""
    rng = np.random.default_rng(seed)
    ramp = 0.1 + 0.7 * np.clip((X - middle + width / 2) / width, 0, 1)
    return ramp + 0.3 * rng.normal(size=(mazes, 1)) + noise * rng.normal(size=(mazes, len(X)))


@pytest.mark.parametrize(("middle", "width"), [(3.0, 2.0), (5.5, 5.0), (8.3, 1.5), (10.0, 1.0)])
def test_a_planted_change_is_found_with_its_levels(middle, width):
    found = change_point(X, planted(middle, width), seed=1)
    assert found.found
    assert found.middle == pytest.approx(middle, abs=0.3)
    assert found.low <= found.middle <= found.high
    assert found.end - found.begin == pytest.approx(width, abs=1.0)
    assert (found.before, found.after) == (pytest.approx(0.1, abs=0.08), pytest.approx(0.8, abs=0.08))


def test_a_fall_is_a_change_too():
    fall = change_point(X, -planted(5.0, 2.0), seed=1)
    assert fall.found
    assert fall.before > fall.after
    assert fall.middle == pytest.approx(5.0, abs=0.3)


def test_the_interval_covers_what_was_planted():
    """Of 40 samples of mazes, 95% intervals should miss 2 on average; 7 or more happen with probability 0.3%."""
    found = [change_point(X, planted(5.2, 4.0, seed=seed, mazes=80), seed=1, draws=300) for seed in range(40)]
    assert sum(not one.low <= 5.2 <= one.high for one in found) < 7


def test_curves_without_a_change_have_none():
    """The test of orders errs in 5% of level curves: 11 or more of 80 happen with probability 0.3%."""
    level = [
        0.5 + np.random.default_rng(seed).normal(size=(60, len(X))) + np.random.default_rng(seed).normal(size=(60, 1))
        for seed in range(80)
    ]
    assert sum(change_point(X, values, seed=3, draws=100).found for values in level) < 11


def test_what_is_the_same_at_all_points_has_no_change():
    alike = change_point(X, np.repeat(np.random.default_rng(0).normal(size=(50, 1)), len(X), axis=1), seed=1)
    assert not alike.found
    assert alike.p == 1.0


def test_a_straight_trend_has_no_point_of_change():
    """The test of bends errs in 5% of straight lines: 7 or more of 40 happen with probability 0.3%."""
    rng, line = np.random.default_rng(0), 0.05 * X
    found = [
        change_point(
            X, line + 0.2 * rng.normal(size=(100, 1)) + 0.3 * rng.normal(size=(100, len(X))), seed=1, draws=100
        )
        for _ in range(40)
    ]
    assert sum(one.found for one in found) < 7
    assert sum(one.steady for one in found) > 33
    ramp = change_point(X, planted(5.0, 3.0), seed=1)
    assert (ramp.found, ramp.steady) == (True, False)
    assert ramp.p_straight < 0.05


def test_several_curves_are_each_allowed_less_chance():
    weak = [change_point(X, planted(5.0, 3.0, noise=4.0), seed=1, chance=chance) for chance in (0.05, 0.0)]
    assert weak[0].p == weak[1].p
    assert not weak[1].found


def test_an_interval_of_a_high_level_has_draws_beyond_its_ends():
    values = planted(5.0, 2.0)
    assert len(change_point(X, values, seed=1).resampled) == 1000
    assert len(change_point(X, values, seed=1, level=1 - 0.05 / 20).resampled) == 8000


def test_the_resolution_is_that_of_the_points_about_the_change():
    x = np.array([0.0, 1, 2, 3, 4, 5, 9, 10, 11, 12])
    assert [change_points._gap(x, middle) for middle in (0.5, 3.0, 5.0, 7.2, 9.0, 12.0)] == [1, 1, 4, 4, 4, 1]


def test_changes_beside_a_wide_gap_are_not_told_apart():
    """One in the middle of a gap of 4, one a little after it: nearer than the points about the first."""
    x = np.array([0.0, 1, 2, 3, 4, 5, 9, 10, 11, 12, 13, 14])
    rng = np.random.default_rng(0)
    steps = [(x >= at) + 0.05 * rng.normal(size=(200, len(x))) for at in (6.0, 9.5)]
    wide, narrow = (change_point(x, values, seed=1) for values in steps)
    assert (wide.middle, wide.gap) == (pytest.approx(7.0), 4.0)
    assert (narrow.middle, narrow.gap) == (pytest.approx(9.5), 1.0)
    for one in (order(wide, narrow), order(narrow, wide)):
        assert one.verdict == ACCOMPANIES


def test_a_single_odd_point_in_the_middle_is_no_change():
    values = planted(100.0, 1.0)
    values[:, 5] += 0.5
    assert not change_point(X, values, seed=1).found


def test_what_was_not_measured_is_left_out():
    values = planted(5.0, 3.0)
    holes = np.where(np.random.default_rng(9).uniform(size=values.shape) < 0.3, np.nan, values)
    assert change_point(X, holes, seed=1).middle == pytest.approx(5.0, abs=0.4)


def test_the_order_of_two_changes():
    early, late, soon = (change_point(X, planted(at, 2.0, seed=n), seed=1) for n, at in enumerate((3.0, 8.0, 8.2)))
    none = change_point(X, planted(100.0, 1.0), seed=1)
    assert order(early, late).verdict == PRECEDES
    assert order(late, early).verdict == FOLLOWS
    assert order(soon, late).verdict == ACCOMPANIES
    assert order(none, late).verdict == UNTOLD
    lag = order(early, late)
    assert lag.low <= lag.lag <= lag.high < 0
    assert lag.lag == pytest.approx(-5.0, abs=0.4)


def test_a_lag_of_hardly_more_than_a_gap_is_told_only_by_enough_mazes():
    first, second = (change_point(X, planted(at, 6.0, seed=n, mazes=12), seed=1) for n, at in enumerate((4.0, 5.6)))
    assert order(first, second).verdict == UNTOLD


def test_mazes_are_resampled_alike():
    one = planted(5.0, 2.0)
    again = order(change_point(X, one, seed=1), change_point(X, one + 0.2, seed=1))
    assert (again.lag, again.low, again.high) == pytest.approx((0.0, 0.0, 0.0))


def test_too_few_points_and_a_disorder_of_points_are_refused():
    for x in (X[:3], X[::-1]):
        with pytest.raises(ValueError, match="four points or more in ascending order"):
            change_point(x, np.zeros((5, len(x))), seed=0)


def test_two_ramps_are_never_alike():
    _, _, ramps = change_points._ramps(X[:6])
    assert len(np.unique(ramps.round(9), axis=0)) == len(ramps) > 30
