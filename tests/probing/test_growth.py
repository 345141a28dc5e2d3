"""A law of growth is named where it was planted, and no law where none can be told from the others."""

import numpy as np
import pytest

from maze_interp.probing import growth as laws
from maze_interp.probing.growth import AT_ONCE, DOUBLING, NONE, NOTHING, ONE, STEADY, UNLIKE, UNTOLD


def resampled(radii: list[float] | np.ndarray, noise: float = 0.15) -> np.ndarray:
    """Radii, and after them as they would be on 300 other samples of mazes."""
    given = np.array(radii)
    return np.concatenate([given[None], given + noise * np.random.default_rng(0).normal(size=(300, len(radii)))])


def growth(radii: np.ndarray, level: float = 0.95) -> laws.Growth:
    """The growth up to the highest of the radii that were planted."""
    return laws.growth(radii, int(radii[0].argmax()), level=level)


@pytest.mark.parametrize(
    ("radii", "verdict"),
    [
        ([1, 2, 4, 8, 12], DOUBLING),
        ([1, 1, 2, 4, 8, 8], DOUBLING),
        ([2, 2, 4, 8, 16], DOUBLING),
        ([1, 2, 3, 4, 5], ONE),
        ([0, 0, 1, 2, 3, 4], ONE),
        ([4, 5, 6, 7, 7], ONE),
        ([0, 0, 5, 5, 5], AT_ONCE),
        ([2, 2, 6, 6, 6], AT_ONCE),
        ([3, 3, 3, 3, 3], NONE),
        ([5, 4, 3, 2, 1], NONE),
        ([0.2, 0.1, 0.3, 0.2, 0.1], NOTHING),
        ([0, 2, 4, 6, 8], STEADY),
        ([2, 4, 6, 8, 10], STEADY),
        ([1, 3, 5, 7, 7], STEADY),
        ([0, 3, 6, 9, 12], STEADY),
        ([0, 0.5, 1, 1.5, 2, 2.5, 3], STEADY),
        ([0, 1, 2, 4, 5], UNTOLD),
        ([0, 1.2, 0.3, 1.6, 0.2, 1.9], UNLIKE),
        ([0, 2, 0.2, 2, 0.1, 2.2], UNLIKE),
        ([0, 12, 0.5, 11, 13, 13], UNLIKE),
    ],
)
def test_the_law_is_named(radii, verdict):
    found = growth(resampled(radii))
    assert found.verdict == verdict
    assert all(value >= 0 for value, _, _ in found.misfit.values())
    if verdict in laws.NAMED:
        assert found.law == (STEADY if verdict == ONE else verdict)
        assert found.misfit[found.law][0] == min(value for value, _, _ in found.misfit.values()) < 0.3
        assert 0 < found.margin[1] <= found.margin[0]


@pytest.mark.parametrize("slope", [0.5, 1.0, 2.0, 3.0])
def test_the_slope_of_steady_growth_is_measured(slope):
    found = growth(resampled(slope * np.arange(6.0)))
    assert found.slope[0] == pytest.approx(slope, abs=0.05)
    assert found.slope[1] - 0.05 <= slope <= found.slope[2] + 0.05
    assert (found.verdict == ONE) == (slope == 1.0)


def test_one_a_layer_is_not_said_where_two_might_be():
    """The slope's interval holds 1 and one that is no longer 1."""
    slopes = np.array([1.0, *np.linspace(0.9, 2.1, 500)])
    radii = np.append(np.zeros((501, 1)), slopes[:, None] * np.arange(1, 5), axis=1)
    assert growth(radii).verdict == STEADY


def test_chance_does_not_choose_where_growth_ends():
    """Of 60 level radii of 12 layers, ends chosen on others rise surely in about 2; 7 or more have probability 0.4%."""
    rng, surely = np.random.default_rng(0), 0
    for _ in range(60):
        truth, other = 3 + 0.5 * rng.normal(size=(2, 12))
        draws = np.concatenate([truth[None], truth + 0.5 * rng.normal(size=(120, 12))])
        surely += laws.growth(draws, int(other.argmax())).rise[1] > 0
    assert surely < 7


def test_what_the_mazes_cannot_tell_is_not_told():
    assert growth(resampled([1, 2, 3, 4, 5], noise=1.5)).verdict == UNTOLD
    assert growth(resampled([0, 1, 1.2, 1.4], noise=1.5)).verdict == UNTOLD


def test_a_fall_after_the_peak_is_no_part_of_the_growth():
    assert growth(resampled([1, 2, 4, 8, 3, 0])).verdict == DOUBLING
    assert growth(resampled([1, 2, 3, 4, 5, 1])).verdict == ONE


def test_a_law_fits_its_own_curves_exactly():
    for law, curve in ((STEADY, [0, 0.5, 1.5, 2.5, 2.75]), (DOUBLING, [0.5, 1, 2, 4, 7]), (AT_ONCE, [1, 1, 1, 4, 4])):
        assert laws.misfit(law, np.array([curve], dtype=float)) == pytest.approx([0.0], abs=1e-6)


def test_of_three_layers_nothing_can_be_told():
    for few in ([1, 4], [1, 2, 4], [1, 2, 3]):
        assert growth(resampled(few, noise=0.01)).verdict == UNTOLD
