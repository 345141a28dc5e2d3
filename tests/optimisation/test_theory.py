"""What success rates predict: the numbers that survive in the article, and the bounds for whatever happens."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maze_interp import optimisation

K = 8
shares = st.lists(st.floats(0.01, 1.0), min_size=K, max_size=K).map(lambda w: np.array(w) / sum(w))
tasks = st.lists(st.booleans(), min_size=K, max_size=K).filter(lambda m: 0 < sum(m) < K).map(np.array)
rates = st.floats(0.0, 1.0)


@pytest.mark.parametrize(
    ("p", "n_good", "nats"), [(0.85, 6, 0.0298), (0.9, 4, 0.3681), (0.99, 4, 0.6371), (0.9, 2, 0.9514)]
)
def test_optimisation_implied_by_a_success_rate(p, n_good, nats):
    assert optimisation.op_theory(p, n_good / K) == pytest.approx(nats, abs=5e-5)


def test_the_articles_example_far_above_the_line():
    """Values 2 and 3 at 85:15, where 6 of 8 are good: theory says 0.03, and 1.66 is measured."""
    optimised = np.log(K) - optimisation.entropy(np.array([0.85, 0.15]))
    assert optimised == pytest.approx(1.6567, abs=5e-5)
    assert optimisation.excess_op(float(optimised), 0.85, 6 / K) == pytest.approx(1.6567 - 0.0298, abs=1e-4)


@settings(max_examples=25, deadline=None)
@given(rates, tasks)
def test_both_ways_of_writing_the_theory_agree(p, good):
    g = float(good.mean())
    classes = p * np.log(K * g) + (1 - p) * np.log(K * (1 - g))
    assert optimisation.op_theory(p, g) == pytest.approx(
        np.log(K) - optimisation.binary_entropy(p) - classes, abs=1e-12
    )


@settings(max_examples=25, deadline=None)
@given(shares, shares, tasks)
def test_two_brackets_say_why_a_policy_is_off_the_line(factual, split, good):
    p, g = float(factual[good].sum()), float(good.mean())
    op = float(optimisation.entropy(split) - optimisation.entropy(factual))
    inside = optimisation.selectivity(float(optimisation.entropy(factual)), p, g, K)
    uneven = optimisation.unflatness(float(optimisation.entropy(split)), K)
    assert optimisation.excess_op(op, p, g) == pytest.approx(inside - uneven, abs=1e-12)
    assert min(inside, uneven) > -1e-12


@settings(max_examples=25, deadline=None)
@given(shares, shares, tasks)
def test_no_change_is_smaller_than_the_least_and_only_rescaling_is_as_small(factual, split, good):
    p, q = float(factual[good].sum()), float(split[good].sum())
    least = optimisation.imp_min(p, q)
    assert optimisation.kl(factual, split) >= least - 1e-12
    rescaled = optimisation.least_change(split, good, p)
    assert rescaled.sum() == pytest.approx(1)
    assert rescaled[good].sum() == pytest.approx(p)
    assert optimisation.kl(rescaled, split) == pytest.approx(least, abs=1e-12)
    assert optimisation.impact_ratio(float(least), p, q) == pytest.approx(1) or least == 0


@settings(max_examples=25, deadline=None)
@given(shares, shares)
def test_the_bound_holds_for_every_coarse_graining(factual, split):
    """Of which 8 outcomes have 2^8 - 2: whatever is called good, the divergence is no less than the one it implies."""
    masks = np.array(list(product([0.0, 1.0], repeat=K)))[1:-1]
    p, q = masks @ factual, masks @ split
    assert (optimisation.imp_min(p, q) <= optimisation.kl(factual, split) + 1e-9).all()


def test_certainties():
    assert optimisation.op_theory(np.array([0.0, 1.0]), 0.25) == pytest.approx([-np.log(0.75), np.log(4)])
    assert optimisation.imp_min(np.array([0.0, 1.0, 0.5, 0.5]), np.array([0.0, 1.0, 0.0, 1.0])).tolist() == [
        0,
        0,
        np.inf,
        np.inf,
    ]
    assert "never succeeds" in optimisation.why_no_minimum(0.5, 0.0)
    assert "never fails" in optimisation.why_no_minimum(0.5, 1.0)
    assert optimisation.why_no_minimum(0.0, 0.0) == optimisation.why_no_minimum(0.5, 0.5) == ""
    assert np.isnan(optimisation.excess_imp(1.0, 0.5, 0.0))
    assert np.isnan(optimisation.impact_ratio(1.0, np.array([0.5, 0.5]), np.array([0.0, 0.5]))).all()


def test_all_four_outcome_types_succeed_alike_and_only_one_is_on_the_line():
    kinds = optimisation.outcome_types()
    good = np.arange(K) < 4
    excess = {
        name: float(optimisation.excess_op(float(np.log(K) - optimisation.entropy(p)), 0.75, 0.5))
        for name, p in kinds.items()
    }
    assert all(p.sum() == pytest.approx(1) and p[good].sum() == pytest.approx(0.75) for p in kinds.values())
    assert excess.pop("unbiased") == pytest.approx(0, abs=1e-12)
    assert min(excess.values()) > 0.05
    assert kinds["mixed"][good].min() < 1 / K < kinds["mixed"][~good].max()  # against a good one, for a bad one


def test_what_has_no_answer_is_refused():
    for g in (0.0, 1.0):
        with pytest.raises(ValueError, match="empty or everything"):
            optimisation.op_theory(0.5, g)
    with pytest.raises(ValueError, match=r"a success rate lies in 0..1, not at 1.5"):
        optimisation.imp_min(1.5, 0.5)
    with pytest.raises(ValueError, match="never succeeds"):
        optimisation.least_change(np.array([0.0, 1.0]), np.array([True, False]), 0.5)
