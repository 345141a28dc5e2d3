"""Of two masses that rise over depth, which is known first is told where mazes tell it."""

import numpy as np
import pytest

from maze_interp import attention

RNG = np.random.default_rng(0)


def masses(curve, noise):
    return np.array(curve) + noise * RNG.normal(size=(200, len(curve)))


def test_the_depth_at_which_a_mass_is_nearly_all_there():
    assert attention.reached(np.array([0.0, 0.5, 0.96, 1.0]), 0.95) == 2
    assert attention.reached(np.array([[0.0, 1.0, 1.0], [0.0, 0.0, 1.0]]), 0.95).tolist() == [1, 2]


@pytest.mark.parametrize(
    ("second", "low", "high"),
    [((0.0, 0.1, 0.2, 1.0), 2, 2), ((0.0, 1.0, 1.0, 1.0), 0, 0), ((0.0, 0.95, 1.0, 1.0), 0, 1)],
)
def test_how_much_later_a_mass_rises_is_known_by_its_interval(second, low, high):
    """The last stands at the threshold itself, so that half of the draws are on either side of it."""
    row = attention.depths_later(masses((0.0, 1.0, 1.0, 1.0), 0.02), masses(second, 0.02), 0.95, seed=0)
    assert (row.low, row.high, row.n) == (low, high, 200)
    assert low <= row.value <= high


def test_mazes_without_a_mass_are_left_out():
    first, second = masses((0.0, 1.0, 1.0), 0.01), masses((0.0, 0.1, 1.0), 0.01)
    second[:50] = np.nan
    assert attention.depths_later(first, second, 0.95, seed=0).n == 150
