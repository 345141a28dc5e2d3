"""Objectives are told apart where they can be, and a region holds the truth as often as it says."""

import numpy as np

from maze_interp import optimisation

G = np.array([0.25, 0.5, 0.75])


def test_the_nearest_theory_finds_what_the_largest_theory_does_not():
    """Policies indifferent inside their task's outcomes, tasks {0, 4} < {0, 2, 4, 6} < all but {3, 7}, success 0.95."""
    tasks = [(0, 4), (0, 2, 4, 6), (0, 1, 2, 4, 5, 6)]
    masks = np.array([[k in task for k in range(8)] for task in tasks])
    made = np.array([np.where(m, 0.95 / m.sum(), 0.05 / (~m).sum()) for m in masks])
    p, op = made @ masks.T.astype(float), np.log(8) - optimisation.entropy(made)
    assert optimisation.nearest_theory(op, p, G).tolist() == [0, 1, 2]
    assert optimisation.largest_theory(p, G).tolist() == [0, 1, 2]
    sharp = np.full(8, 0.05 / 7)  # of the widest task it takes one outcome, and says so by its optimisation
    sharp[0] = 0.95
    p, op = (sharp @ masks.T)[None], np.log(8) - optimisation.entropy(sharp[None])
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
        held.append(optimisation.region(values)[np.arange(60), trained].mean())
    assert 0.87 <= np.mean(held) <= 0.98


def test_other_objectives_are_ruled_out_where_they_show_and_not_where_they_do_not():
    rng, trained = np.random.default_rng(1), np.repeat(np.arange(3), 20)
    apart = rng.normal(size=(60, 3, 2)) + 20 * (trained[:, None, None] != np.arange(3)[:, None])
    values = optimisation.p_values(apart, trained, np.tile(np.arange(5), 12))
    assert (optimisation.closest(apart, trained, np.tile(np.arange(5), 12)) == trained).all()
    assert optimisation.region(values).sum() < 70
    blind = optimisation.p_values(rng.normal(size=(60, 3, 2)), trained, np.tile(np.arange(5), 12))
    assert optimisation.region(blind).sum() > 140


def test_a_group_does_not_vouch_for_itself_and_what_is_infinite_does_not_fit():
    trained, group = np.array([0, 0, 0, 1, 1, 1]), np.array([0, 1, 2, 0, 1, 2])
    excesses = np.zeros((6, 2, 1))
    assert (optimisation.p_values(excesses, trained, group) == 1).all()
    excesses[0, 0] = np.nan
    values = optimisation.p_values(excesses, trained, group)
    assert values[0].tolist() == [1 / 3, 1]  # beside the two of the other groups
    assert optimisation.closest(excesses, trained, group).tolist() == [1, 0, 0, 0, 0, 0]
