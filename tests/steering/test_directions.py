"""Directions do what their theorems say: scores move by the least, and what is erased no linear classifier finds."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from maze_interp import steering


def samples(count=600, features=12, *, seed=0, planted=2.0, flat=0):
    """Correlated features, two binary labels that shift them, and as many shuffled ones."""
    rng = np.random.default_rng(seed)
    z = rng.random((count, 2)) < [0.3, 0.6]
    x = rng.normal(size=(count, features)) @ rng.normal(size=(features, features))
    x += planted * z @ rng.normal(size=(2, features))
    x[:, :flat] = 1.0
    return x, z


def test_the_difference_of_means_is_the_planted_shift():
    x, z = samples(planted=0.0)
    shifted = x + z[:, :1] * np.arange(12.0)
    change = steering.difference_of_means(shifted, z[:, 0]) - steering.difference_of_means(x, z[:, 0])
    np.testing.assert_allclose(change, np.arange(12.0), atol=1e-9)
    with pytest.raises(ValueError, match="600 of 600 samples"):
        steering.difference_of_means(x, np.ones(600, bool))


def test_class_means_leave_out_what_has_no_class():
    means = steering.class_means(np.array([[1.0], [3.0], [9.0]]), np.array([1, 1, -1]), 3)
    np.testing.assert_array_equal(means[1], [2.0])
    assert np.isnan(means[[0, 2]]).all()


@pytest.mark.parametrize("probes", [1, 2])
def test_scores_come_to_where_they_are_wanted_by_the_least_move(probes):
    rng = np.random.default_rng(0)
    x, weight = rng.normal(size=(5, 8)), rng.normal(size=(5, 8, probes))
    bias, wanted = rng.normal(size=(2, 5, probes))
    moved = steering.moved_across(x, weight, bias, wanted)
    np.testing.assert_allclose(np.einsum("sf,sfp->sp", moved, weight) + bias, wanted, atol=1e-9)
    beyond = np.linalg.qr(weight)[0]  # the least move has no part that no score sees
    way = moved - x
    np.testing.assert_allclose(np.einsum("sfp,sp->sf", beyond, np.einsum("sfp,sf->sp", beyond, way)), way, atol=1e-9)


def test_random_directions_are_as_long_and_go_all_ways():
    given = np.repeat([[3.0, 4.0, 0.0, 0.0]], 400, axis=0)
    drawn = steering.random_like(given, seed=1)
    np.testing.assert_allclose(np.linalg.norm(drawn, axis=1), 5.0)
    assert abs(drawn.mean(axis=0)).max() < 5 * 2.5 / 20  # five standard errors
    np.testing.assert_array_equal(steering.random_like(given[:3], seed=1, first=7), drawn[7:10])


@pytest.mark.parametrize("flat", [0, 3])
def test_after_erasure_class_means_are_equal_and_no_linear_classifier_beats_the_majority(flat):
    x, z = samples(flat=flat)
    erased = steering.eraser(steering.sums(x, z)).erase(x)
    for label in z.T:
        majority = max(label.mean(), 1 - label.mean())
        assert LogisticRegression(C=100.0, max_iter=1000).fit(x, label).score(x, label) > majority + 0.05
        np.testing.assert_allclose(erased[label].mean(axis=0), erased[~label].mean(axis=0), atol=1e-8)
        after = LogisticRegression(C=100.0, max_iter=1000).fit(erased, label)
        assert after.score(erased, label) <= majority + 1e-9


def test_erasing_twice_is_erasing_once_and_a_stream_is_its_parts():
    x, z = samples()
    whole = steering.eraser(steering.sums(x, z))
    parts = steering.eraser(steering.sums(x[:200], z[:200]) + steering.sums(x[200:], z[200:]))
    np.testing.assert_allclose(whole.erase(whole.erase(x)), whole.erase(x), atol=1e-8)
    np.testing.assert_allclose(parts.erase(x), whole.erase(x), atol=1e-8)


def test_erasure_is_the_least_change_and_none_where_nothing_is_told():
    """Least: to take out of the whitened features' span is farther. None: of labels that are exactly uncorrelated."""
    x, z = samples()
    erased = steering.eraser(steering.sums(x, z)).erase(x)
    centred = x - x.mean(axis=0)
    ways = np.linalg.qr(centred.T @ (z - z.mean(axis=0)))[0]  # the plain projection erases as well
    plain = x - centred @ ways @ ways.T
    np.testing.assert_allclose((plain - plain.mean(0)).T @ (z - z.mean(axis=0)), 0.0, atol=1e-7)
    assert ((erased - x) ** 2).sum() < 0.999 * ((plain - x) ** 2).sum()
    twice, other = np.concatenate([x, x]), np.repeat([False, True], len(x))[:, None]
    np.testing.assert_allclose(steering.eraser(steering.sums(twice, other)).erase(twice), twice, atol=1e-9)
    with pytest.raises(ValueError, match="there are none"):
        steering.eraser(steering.sums(x[:0], z[:0]))
