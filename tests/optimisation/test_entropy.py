"""Entropies and divergences are scipy's, and the correction of a small sample removes the bias it states."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from maze_interp import optimisation
from maze_interp.optimisation.entropy import cross_entropies

counts = st.lists(st.integers(0, 50), min_size=2, max_size=9).filter(any).map(np.array)
pairs = st.integers(2, 8).flatmap(
    lambda k: st.tuples(*[st.lists(st.integers(0, 20), min_size=k, max_size=k).filter(any).map(np.array)] * 2)
)


@settings(max_examples=25, deadline=None)
@given(counts)
def test_entropy_is_scipys_and_takes_counts_as_probabilities(weights):
    wanted = stats.entropy(weights)
    assert optimisation.entropy(weights) == pytest.approx(wanted, abs=1e-12)
    assert optimisation.entropy(weights / weights.sum()) == pytest.approx(wanted, abs=1e-12)
    assert optimisation.entropy(np.stack([weights, weights], axis=1), axis=0) == pytest.approx(wanted, abs=1e-12)


@settings(max_examples=25, deadline=None)
@given(pairs)
def test_the_divergence_is_scipys_infinite_where_something_is_lacking(given):
    p, q = given
    wanted = stats.entropy(p, q)
    assert optimisation.kl(p, q) == pytest.approx(wanted, abs=1e-12)
    crossed = cross_entropies(np.stack([p, q]), np.stack([q, p]))
    assert crossed[0, 0] - optimisation.entropy(p) == pytest.approx(wanted, abs=1e-12)
    assert crossed[0, 1] == pytest.approx(optimisation.entropy(p), abs=1e-12)


def test_a_success_and_a_failure():
    p = np.array([0.0, 0.2, 0.5, 1.0])
    assert np.allclose(optimisation.binary_entropy(p), optimisation.entropy(np.stack([p, 1 - p], axis=1)))


def test_the_stated_bias_of_the_plug_in_and_its_correction():
    """8 outcomes among 200: (K - 1) / 2N = 0.0175 nats. 20,000 samples leave a standard error of 0.0001."""
    samples = np.random.default_rng(0).multinomial(200, np.full(8, 1 / 8), size=20_000)
    low = np.log(8) - optimisation.entropy(samples).mean()
    assert low == pytest.approx(7 / 400, abs=5e-4)
    assert optimisation.entropy(samples, correction="miller_madow").mean() == pytest.approx(np.log(8), abs=5e-4)


def test_nothing_counted_is_nothing_uncertain():
    assert optimisation.entropy(np.zeros((2, 3)), correction="miller_madow").tolist() == [0.0, 0.0]
