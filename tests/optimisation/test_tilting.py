"""An exponential tilting is the least change to a mean utility: nothing a minimiser finds is less."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from maze_interp import optimisation

shares = st.integers(2, 6).flatmap(
    lambda k: st.lists(st.floats(0.02, 1.0), min_size=k, max_size=k).map(lambda w: np.array(w) / sum(w))
)
parts = st.floats(0.02, 0.98)


def graded(baseline, part):
    """Utilities 0, 1, 2, ... and the mean that lies at `part` of their range."""
    return np.arange(len(baseline), dtype=float), part * (len(baseline) - 1)


@settings(max_examples=15, deadline=None)
@given(shares, parts)
def test_no_minimiser_finds_a_smaller_change(baseline, part):
    utility, mean = graded(baseline, part)
    found = optimisation.least_impact(baseline, utility, mean)
    searched = minimize(
        lambda f: float((f * np.log(f / baseline)).sum()),
        np.full(len(baseline), 1 / len(baseline)),
        bounds=[(1e-9, 1)] * len(baseline),
        constraints=[
            {"type": "eq", "fun": lambda f: f.sum() - 1},
            {"type": "eq", "fun": lambda f: f @ utility - mean},
        ],
        options={"maxiter": 500, "ftol": 1e-13},
    )
    assert found.distribution.sum() == pytest.approx(1)
    assert found.distribution @ utility == pytest.approx(mean, abs=1e-9)
    assert found.divergence <= searched.fun + 1e-6
    assert not searched.success or found.divergence == pytest.approx(searched.fun, abs=1e-5)


@settings(max_examples=25, deadline=None)
@given(shares, st.integers(0, 2**32 - 1))
def test_no_other_distribution_with_that_mean_is_closer(baseline, seed):
    other = np.random.default_rng(seed).dirichlet(np.ones(len(baseline)))
    utility = np.random.default_rng(seed + 1).normal(size=len(baseline))
    assert optimisation.least_impact(baseline, utility, float(other @ utility)).divergence <= (
        optimisation.kl(other, baseline) + 1e-9
    )


@settings(max_examples=25, deadline=None)
@given(shares, parts, st.integers(1, 5))
def test_success_and_failure_are_the_special_case(baseline, p, n_good):
    assume(n_good < len(baseline))
    good = np.arange(len(baseline)) < n_good
    found = optimisation.least_impact(baseline, good.astype(float), p)
    assert found.divergence == pytest.approx(float(optimisation.imp_min(p, float(baseline[good].sum()))), abs=1e-9)
    assert np.allclose(found.distribution, optimisation.least_change(baseline, good, p), atol=1e-9)


def test_ends_of_the_range_and_beyond():
    baseline, utility = np.array([1.0, 2.0, 1.0, 0.0]), np.array([0.0, 1.0, 2.0, 3.0])
    unchanged = optimisation.least_impact(baseline, utility, 1.0)
    assert (unchanged.divergence, unchanged.exponent) == (pytest.approx(0), pytest.approx(0))
    top = optimisation.least_impact(baseline, utility, 2.0)
    assert top.distribution.tolist() == [0, 0, 1, 0]
    assert (top.divergence, top.exponent) == (pytest.approx(np.log(4)), np.inf)
    assert optimisation.least_impact(baseline, utility, 0.0).exponent == -np.inf
    assert optimisation.least_impact(baseline, utility, 2.5).divergence == np.inf  # what the baseline never does
    assert optimisation.least_impact(baseline, np.ones(4), 1.0).divergence == 0
    with pytest.raises(ValueError, match="a weight for each utility"):
        optimisation.least_impact(-baseline, utility, 1.0)
