"""Small changes: closed forms, agreement with Gaussian split histories, and the two extremes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maze_interp import optimisation


def pair(seed: int, future: int, past: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(future, past)), rng.normal(size=(future, past))


@pytest.mark.parametrize(("k", "expected"), [(0.5, 0.6931), (0.9, 2.3026)])
def test_a_thermostat(k, expected):
    """s' = (1 - k) s: what it feels it takes back, all but a share of 1 - k."""
    op, _ = optimisation.differential(np.array([[1 - k]]), np.array([[1.0]]))
    assert op == pytest.approx(-np.log(1 - k))
    assert op == pytest.approx(expected, abs=1e-4)


def test_what_takes_back_four_fifths():
    """A = 0.8 P and F = P - A."""
    assert optimisation.differential(np.array([[0.2]]), np.array([[1.0]])).op == pytest.approx(np.log(5))


@given(st.floats(0.05, 20), st.sampled_from([-1, 1]))
def test_the_scalar_form(size, sign):
    r = sign * size
    op, imp = optimisation.differential(np.array([[r * 0.7]]), np.array([[0.7]]))
    assert op == pytest.approx(-np.log(abs(r)), abs=1e-9)
    assert imp == pytest.approx(r**2 - r - np.log(abs(r)), rel=1e-9, abs=1e-9)


@given(st.integers(0, 1000), st.integers(1, 4))
def test_the_square_form(seed, size):
    """Imp = tr(K K^T) - tr(K) - ln |det K| with K = J'^-1 J, and Op = -ln |det K|."""
    j, held = pair(seed, size, size)
    k = np.linalg.solve(held, j)
    op, imp = optimisation.differential(j, held)
    assert op == pytest.approx(-np.linalg.slogdet(k)[1], rel=1e-4, abs=1e-6)
    expected = np.trace(k @ k.T) - np.trace(k) - np.linalg.slogdet(k)[1]
    assert imp == pytest.approx(expected, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize(("future", "past"), [(1, 1), (3, 3), (2, 5)])
def test_it_is_the_gaussian_split_history(future, past):
    """Against 20,000 pasts that the activation saw: the mean divergence of two Gaussians, within 5 standard errors."""
    j, held = pair(7, future, past)
    other = np.random.default_rng(1).normal(size=(20_000, past)) @ (j - held).T
    wide, narrow = j @ j.T, np.linalg.inv(held @ held.T)
    logs = -np.linalg.slogdet(narrow)[1] - np.linalg.slogdet(wide)[1]
    kl = 0.5 * (np.trace(narrow @ wide) + ((other @ narrow) * other).sum(axis=1) - future + logs)
    op, imp = optimisation.differential(j, held)
    assert op == pytest.approx(0.5 * logs)
    assert abs(imp - kl.mean()) < 5 * kl.std() / len(kl) ** 0.5


@given(st.integers(0, 1000), st.integers(1, 3), st.integers(0, 4))
def test_impact_is_never_negative_and_nothing_without_a_change(seed, future, more):
    j, held = pair(seed, future, future + more)
    assert optimisation.differential(j, held).imp > -1e-9
    np.testing.assert_allclose(optimisation.differential(j, j), 0.0, atol=1e-9)


@given(st.integers(0, 1000), st.floats(0.01, 100))
def test_neither_the_scale_of_changes_nor_the_units_of_the_future_matter(seed, scale):
    """Op and Imp stay under any invertible map of F and any scale of P."""
    j, held = pair(seed, 2, 4)
    units = np.array([[2.0, 1.0], [0.0, scale]])
    plain = optimisation.differential(j, held)
    np.testing.assert_allclose(optimisation.differential(units @ j, units @ held), plain, rtol=1e-4, atol=1e-6)
    scaled = optimisation.differential(j, held, covariance=scale * np.eye(4))
    np.testing.assert_allclose(scaled, plain, rtol=1e-6, atol=1e-9)


def test_a_covariance_is_a_change_of_the_past():
    j, held = pair(3, 2, 4)
    root = np.random.default_rng(0).normal(size=(4, 4))
    spread = optimisation.differential(j, held, covariance=root @ root.T)
    np.testing.assert_allclose(spread, optimisation.differential(j @ root, held @ root), rtol=1e-6)


def test_what_everything_passes_through_and_what_cancels_a_direction_are_values():
    j, held = pair(0, 2, 4)
    cut, cancelled = held.copy(), j.copy()
    cut[1], cancelled[1] = 2 * cut[0], -cancelled[0]
    assert optimisation.differential(j, cut) == (-np.inf, np.inf)
    assert optimisation.differential(cancelled, held) == (np.inf, np.inf)
    assert optimisation.differential(j, 0 * held) == (-np.inf, np.inf)
    assert np.isnan(optimisation.differential(cancelled, cut)).all()
    assert np.isfinite(optimisation.differential(j, cut, ridge=0.1)).all()


def test_many_at_once_are_each_by_itself():
    j, held = (np.random.default_rng(seed).normal(size=(3, 2, 2, 5)) for seed in (0, 1))
    held[1, 1] = 0
    whole = optimisation.differential(j, held)
    for at in np.ndindex(3, 2):
        np.testing.assert_allclose([one[at] for one in whole], optimisation.differential(j[at], held[at]))


def test_a_future_larger_than_the_past_is_refused():
    with pytest.raises(ValueError, match="a future of 3 dimensions cannot follow from 2"):
        optimisation.differential(np.ones((3, 2)), np.ones((3, 2)))
    with pytest.raises(ValueError, match="both Jacobians"):
        optimisation.differential(np.ones((1, 2)), np.ones((1, 3)))
