"""A policy in an environment: the same draw for a history whatever is done, and one call for each act."""

import numpy as np
import pytest

from maze_interp import optimisation, seeds


def noisy_sum(histories, acts, *, seed):
    """(history + act + noise) mod 4, the noise a function of (seed, history) alone."""
    return (histories + acts + (seeds.uniforms(seed, len(histories), 1)[:, 0] < 0.3)) % 4


def test_the_matrix_is_what_each_act_does_to_each_history():
    histories = np.random.default_rng(0).integers(0, 4, 50)
    calls = []

    def environment(histories, acts, *, seed):
        calls.append(acts)
        return noisy_sum(histories, acts, seed=seed)

    out = optimisation.outcome_matrix(lambda h: -h % 4, environment, histories, seed=5)
    wanted = [noisy_sum(histories, np.full(50, -h % 4), seed=5) for h in histories]
    assert (out == np.array(wanted)).all()
    assert len(calls) == 4
    estimate = optimisation.split_history(out, outcomes=4, good=(0,))
    world = optimisation.enact(lambda h: -h % 4, noisy_sum, histories, outcomes=4, seed=5)
    lived = optimisation.split_history(world, good=(0,))
    assert (lived.op, lived.imp) == (pytest.approx(estimate.op), pytest.approx(estimate.imp))
    assert estimate.op > 0.5
    assert estimate.plug_in["excess_imp"] >= 0


def test_a_policy_that_always_does_the_same_has_exactly_none_of_either():
    histories = np.random.default_rng(1).integers(0, 4, 50)
    found = optimisation.split_history(
        optimisation.enact(lambda h: np.full(len(h), 3), noisy_sum, histories, outcomes=4, seed=0), good=(0, 1)
    )
    assert (found.op, found.imp, found.excess_imp) == (0, 0, 0)
    assert found.intervals["op"] == (0, 0)
    assert found.p == found.q
