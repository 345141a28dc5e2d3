"""A stream is a function of (seed, index) alone."""

import numpy as np

from maze_interp import seeds


def test_item_by_item_and_however_many_are_drawn():
    whole = seeds.uniforms(7, 20, 9, first=100)
    np.testing.assert_array_equal(seeds.uniforms(7, 5, 4, first=108), whole[8:13, :4])
    assert seeds.uniforms(7, 0, 4).shape == (0, 4)


def test_streams_are_uniform_and_unlike():
    """20,000 numbers: mean and neighbours' correlations, along and across streams, within 5 sigma (error rate 2e-6)."""
    drawn = seeds.uniforms(0, 200, 100) - 0.5
    sigma = 1 / 12 / np.sqrt(drawn.size)
    assert abs(drawn.mean()) < 5 * np.sqrt(1 / 12 / drawn.size)
    assert abs((drawn[1:] * drawn[:-1]).mean()) < 5.1 * sigma
    assert abs((drawn[:, 1:] * drawn[:, :-1]).mean()) < 5.1 * sigma
    assert (abs(drawn) <= 0.5).all()
    assert np.unique(seeds.uniforms(1, 200, 100)).size == drawn.size
