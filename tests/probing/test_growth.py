"""A law of growth is named where it was planted, and no law where none can be told from the others."""

import numpy as np
import pytest

from maze_interp.probing import growth as laws
from maze_interp.probing.growth import AT_ONCE, DOUBLING, NONE, NOTHING, ONE, UNLIKE, UNTOLD, growth


def resampled(radii: list[float], noise: float = 0.15) -> np.ndarray:
    """Radii, and after them as they would be on 500 other samples of mazes."""
    given = np.array(radii)
    return np.concatenate([given[None], given + noise * np.random.default_rng(0).normal(size=(500, len(radii)))])


@pytest.mark.parametrize(
    ("radii", "verdict"),
    [
        ([1, 2, 4, 8, 12], DOUBLING),
        ([0, 0.5, 1, 2, 4, 4], DOUBLING),
        ([1, 2, 3, 4, 5], ONE),
        ([0, 0, 1, 2, 3, 4], ONE),
        ([4, 5, 6, 7, 7], ONE),
        ([0, 0, 5, 5, 5], AT_ONCE),
        ([2, 2, 6, 6, 6], AT_ONCE),
        ([3, 3, 3, 3, 3], NONE),
        ([5, 4, 3, 2, 1], NONE),
        ([0.2, 0.1, 0.3, 0.2, 0.1], NOTHING),
        ([0, 1, 2, 2, 2], UNTOLD),
        ([0, 12, 0.5, 11, 13, 13], UNLIKE),
    ],
)
def test_the_law_is_named(radii, verdict):
    found = growth(resampled(radii))
    assert found.verdict == verdict
    assert all(value >= 0 for value, _, _ in found.misfit.values())
    if verdict in (DOUBLING, ONE, AT_ONCE):
        assert found.misfit[verdict][0] == min(value for value, _, _ in found.misfit.values()) < 0.3
        assert 0 < found.margin[1] <= found.margin[0]


def test_what_the_mazes_cannot_tell_is_not_told():
    assert growth(resampled([1, 2, 3, 4, 5], noise=1.5)).verdict == UNTOLD
    assert growth(resampled([0, 1, 1.2, 1.4], noise=1.5)).verdict == UNTOLD


def test_a_fall_after_the_peak_is_no_part_of_the_growth():
    assert growth(resampled([1, 2, 4, 8, 3, 0])).verdict == DOUBLING
    assert growth(resampled([1, 2, 3, 4, 5, 1])).verdict == ONE


def test_a_law_fits_its_own_curves_exactly():
    for law, curve in ((ONE, [0, 0.5, 1.5, 2.5, 2.75]), (DOUBLING, [0.5, 1, 2, 4, 7]), (AT_ONCE, [1, 1, 1, 4, 4])):
        assert laws.misfit(law, np.array([curve], dtype=float)) == pytest.approx([0.0], abs=1e-6)


def test_of_two_layers_nothing_can_be_told():
    assert growth(resampled([1, 4])).verdict == UNTOLD
