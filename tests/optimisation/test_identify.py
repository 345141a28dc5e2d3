"""Objectives are told apart where they can be, and a region holds the truth as often as it says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maze_interp import optimisation

G = np.array([0.25, 0.5, 0.75])
MASKS = np.array([[k in task for k in range(8)] for task in [(0, 4), (0, 2, 4, 6), (0, 1, 2, 4, 5, 6)]])
distributions = st.lists(st.floats(0.01, 1.0), min_size=8, max_size=8).map(lambda w: np.array(w) / sum(w))


def of(factual, split):
    """Optimisation and success rates of one policy, exactly."""
    return np.atleast_1d(optimisation.entropy(split) - optimisation.entropy(factual)), (factual @ MASKS.T)[None]


@settings(max_examples=50, deadline=None)
@given(distributions, distributions)
def test_the_nearest_theory_says_more_than_success_only_where_the_split_world_is_not_flat(factual, split):
    """The theorem: where Op is at least the largest Op_theory, and so wherever the split world is flat, both agree."""
    flat = np.full(8, 1 / 8)
    for world in (split, flat):
        op, p = of(factual, world)
        theory, least = optimisation.op_theory(p, G), optimisation.selectivity(optimisation.entropy(factual), p, G, 8)
        named = optimisation.largest_theory(p, G)
        assert least[0, named[0]] == pytest.approx(least.min(), abs=1e-12)
        differs = optimisation.nearest_theory(op, p, G) != named
        uneven = optimisation.unflatness(optimisation.entropy(world), 8)
        assert not differs or (op < theory.max() + 1e-9 and uneven > least.min() - 1e-9)


def test_where_the_split_world_is_not_flat_the_two_theories_can_differ():
    """A policy whose split world already lies mostly on two outcomes."""
    factual, split = np.where(MASKS[0], 0.45, 0.1 / 6), np.where(MASKS[0], 0.3, 0.4 / 6)
    op, p = of(factual, split)
    assert optimisation.largest_theory(p, G).tolist() == [0]
    assert optimisation.nearest_theory(op, p, G).tolist() != [0]


def test_policies_on_their_line_are_named_and_the_largest_success_names_the_widest_task():
    """Policies indifferent inside their task's outcomes, tasks {0, 4} < {0, 2, 4, 6} < all but {3, 7}, success 0.95."""
    made = np.array([np.where(m, 0.95 / m.sum(), 0.05 / (~m).sum()) for m in MASKS])
    p, op = made @ MASKS.T.astype(float), np.log(8) - optimisation.entropy(made)
    assert optimisation.nearest_theory(op, p, G).tolist() == [0, 1, 2]
    assert optimisation.largest_theory(p, G).tolist() == [0, 1, 2]
    assert optimisation.largest_success(p).tolist() == [2, 2, 2]
    sharp = np.full(8, 0.05 / 7)  # of the widest task it takes one outcome, and says so by its optimisation
    sharp[0] = 0.95
    p, op = (sharp @ MASKS.T)[None], np.log(8) - optimisation.entropy(sharp[None])
    assert optimisation.largest_theory(p, G).tolist() == [0]
    assert np.abs(op - optimisation.op_theory(p, G)).min() > 0.3  # no task explains it


def test_a_region_holds_the_truth_as_often_as_it_says():
    """Excesses of a skewed kind, 20 policies a task in groups of one: 60 in each of 10 draws. At a level of 0.9 the
    region holds the truth in 18 of 20 or more; the standard error is below 0.017."""
    rng, held, shape = np.random.default_rng(0), [], (60, 3, 2)
    trained = np.repeat(np.arange(3), 20)
    for _ in range(10):
        excesses = rng.exponential(size=shape) ** 2 + 5 * (trained[:, None, None] != np.arange(3)[:, None])
        values = optimisation.p_values(excesses, trained, np.arange(60))
        held.append(optimisation.confidence_region(values)[np.arange(60), trained].mean())
    assert 0.87 <= np.mean(held) <= 0.98


def test_a_region_holds_the_truth_where_measures_are_missing():
    """One policy in five has no finite excess, whatever it was trained on. 60 policies in each of 20 draws: at 0.9 the
    region holds 18 of 20 or more with a standard error below 0.012. To know only the finite ones held 0.73."""
    rng, held, trained = np.random.default_rng(3), [], np.repeat(np.arange(3), 20)
    for _ in range(20):
        excesses = rng.normal(size=(60, 3, 2))
        excesses[rng.random(60) < 0.2] = np.inf
        values = optimisation.p_values(excesses, trained, np.arange(60))
        held.append(optimisation.confidence_region(values)[np.arange(60), trained].mean())
    assert np.mean(held) >= 0.87


def test_the_likeliest_objective_counts_how_widely_its_policies_are_spread():
    """Two tasks with one centre, spreads 1 and 10: beside the centre it is the narrow one, though both are as near."""
    rng, trained = np.random.default_rng(0), np.repeat(np.arange(2), 200)
    excesses = rng.normal(size=(400, 2, 2)) * np.array([1.0, 10.0])[:, None]
    excesses[:200, 1], excesses[200:, 0] = excesses[:200, 0], excesses[200:, 1]  # either task gives the same excess
    said = optimisation.likeliest_objective(excesses, trained, np.arange(400))
    assert (said[:200] == 0).mean() > 0.95
    assert (said[200:] == 1).mean() > 0.85


def test_other_objectives_are_ruled_out_where_they_show_and_not_where_they_do_not():
    rng, trained = np.random.default_rng(1), np.repeat(np.arange(3), 20)
    apart = rng.normal(size=(60, 3, 2)) + 20 * (trained[:, None, None] != np.arange(3)[:, None])
    values = optimisation.p_values(apart, trained, np.tile(np.arange(5), 12))
    assert (optimisation.likeliest_objective(apart, trained, np.tile(np.arange(5), 12)) == trained).all()
    assert optimisation.confidence_region(values).sum() < 70
    blind = optimisation.p_values(rng.normal(size=(60, 3, 2)), trained, np.tile(np.arange(5), 12))
    assert optimisation.confidence_region(blind).sum() > 140


def test_a_group_does_not_vouch_for_itself_and_what_is_infinite_fits_only_beside_its_like():
    trained, group = np.array([0, 0, 0, 1, 1, 1]), np.array([0, 1, 2, 0, 1, 2])
    excesses = np.zeros((6, 2, 1))
    assert (optimisation.p_values(excesses, trained, group) == 1).all()
    excesses[0, 0] = np.nan
    values = optimisation.p_values(excesses, trained, group)
    assert values[0].tolist() == [1 / 3, 1]  # beside the two of the other groups
    assert values[1].tolist() == [1, 1]
    excesses[1, 0] = np.inf
    assert optimisation.p_values(excesses, trained, group)[0].tolist() == [2 / 3, 1]  # one of the two is as far


def test_an_unknown_spread_is_refused_and_a_policy_that_fits_nowhere_is_named_nothing():
    rng, trained = np.random.default_rng(0), np.repeat(np.arange(2), 5)
    excesses = rng.normal(size=(10, 2, 1))
    with pytest.raises(ValueError, match="needs 3 known policies with finite excesses, and task 0 has 2"):
        optimisation.likeliest_objective(excesses, trained, np.tile([0, 1], 5))
    with pytest.raises(ValueError, match="do not vary"):
        optimisation.likeliest_objective(np.zeros((10, 2, 1)), trained, np.arange(10))
    excesses[0] = np.nan
    assert optimisation.likeliest_objective(excesses, trained, np.arange(10))[0] == -1
