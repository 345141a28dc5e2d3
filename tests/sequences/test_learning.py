"""Networks learn to predict and to succeed, each as if alone, and the same way every time."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from maze_interp import sequences
from maze_interp.sequences import EncoderConfig, Pretraining, Reinforcement, learning
from maze_interp.training import Optimiser

TINY = EncoderConfig(d_model=32, heads=2)
FAST = Optimiser(learning_rate=5e-3, warmup=10)
PREDICTS = Pretraining(steps=250, batch=64, held_out=400, every=100, optimiser=FAST)
SUCCEEDS = Reinforcement(steps=150, batch=64, held_out=1000, every=50, optimiser=FAST)


@pytest.fixture(scope="module")
def pretrained():
    return sequences.pretrain(TINY, 2, PREDICTS, seed=0)


def test_pretraining_learns_more_than_how_often_elements_occur(pretrained):
    """Below ln 8 at either parity, which is what knowing the parity alone gives."""
    held_out = pretrained.curves["held_out"]
    assert (held_out[0] > np.log(8)).all()
    assert (held_out[-1] < np.log(8) - 0.5).all()
    assert pretrained.steps.tolist() == [0, 100, 200, 250]
    assert np.isnan(pretrained.curves["loss"][0]).all()
    assert np.isfinite(pretrained.curves["loss"][1:]).all()
    assert np.allclose(held_out, (pretrained.curves["even"] + pretrained.curves["odd"]) / 2)


def test_a_network_learns_what_it_would_alone(pretrained):
    """Member i is a function of (seed, i), to rounding; biases of keys change nothing, so theirs is all they learn."""
    few = replace(PREDICTS, steps=10)
    both, one = (sequences.pretrain(TINY, members, few, seed=0).ensemble.weights for members in (2, 1))
    for name in one.keys() - {"blocks.0.attn.b_K"}:
        assert (both[name][0] - one[name][0]).abs().max() < 1e-5
    assert (both["embed.W_E"][0] != both["embed.W_E"][1]).all()


def test_a_small_fixed_training_set_is_learned_by_heart():
    """Two batches over and over: the training loss falls far below that on sequences never seen."""
    fixed = sequences.pretrain(TINY, 1, replace(PREDICTS, sequences=128), seed=0).curves
    assert fixed["held_out"][-1, 0] - fixed["loss"][-1, 0] > 0.5


def test_reinforcement_raises_success_above_chance_and_keeps_predicting(pretrained):
    """Of 1,000 histories each of two networks together, 5 sigma above chance (half of them) and 4 above what
    pretraining alone succeeds in; how fast a single one learns depends on how a machine rounds.

    Without maintenance, the control, prediction is forgotten.
    """
    kept, lost = (
        sequences.reinforce(pretrained.ensemble, 4, replace(SUCCEEDS, steps=300, maintenance=rate), seed=1).curves
        for rate in (0.1, 0.0)
    )
    error = (0.25 / 2000) ** 0.5
    assert kept["success"][-1].mean() > sequences.chance(4) + 5 * error
    assert kept["success"][-1].mean() > kept["success"][0].mean() + 4 * error
    assert (kept["maintenance"][-1] < kept["maintenance"][0] + 0.5).all()
    assert (lost["maintenance"][-1] > kept["maintenance"][-1] + 0.2).all()


@pytest.mark.parametrize(
    "changes",
    [{"legal": True}, {"maintained": "own"}, {"failures": 0.1}, {"utility": sequences.GRADED}, {"kind": "sum"}],
)
def test_every_setting_reinforces(pretrained, changes):
    tuned = sequences.reinforce(pretrained.ensemble, 4, replace(SUCCEEDS, steps=3, **changes), seed=1)
    assert tuned.steps.tolist() == [0, 3]
    assert all(np.isfinite(values[1:]).all() for values in tuned.curves.values())
    assert any((weight != tuned.ensemble.weights[name]).any() for name, weight in pretrained.ensemble.weights.items())


def test_a_utility_of_success_is_the_goal_and_another_is_not(pretrained):
    """A goal is the utility that is 1 for its outcomes: the same weights to the bit."""
    good = tuple(float(outcome in sequences.GOALS[4]) for outcome in range(8))
    few = replace(SUCCEEDS, steps=3)
    by_goal, by_utility, graded = (
        sequences.reinforce(pretrained.ensemble, 4, replace(few, utility=utility), seed=1).ensemble.weights
        for utility in ((), good, sequences.GRADED)
    )
    assert all((by_goal[name] == by_utility[name]).all() for name in by_goal)
    assert any((by_goal[name] != graded[name]).any() for name in by_goal)


def test_training_repeats_itself_and_changes_nothing_it_was_given(pretrained):
    before = {name: weight.clone() for name, weight in pretrained.ensemble.weights.items()}
    few = replace(SUCCEEDS, steps=5)
    one, two, other = (sequences.reinforce(pretrained.ensemble, 4, few, seed=s).ensemble.weights for s in (1, 1, 2))
    assert all((one[name] == two[name]).all() for name in one)
    assert any((one[name] != other[name]).any() for name in one)
    assert all((before[name] == weight).all() for name, weight in pretrained.ensemble.weights.items())


def test_dropout_silences_the_stated_share_and_keeps_the_mean():
    """A share of 0.1 of 200,000 neurons within 5 sigma; each member has masks of its own, new at each call."""
    drop = learning.dropout(0.1, 2, seed=0)
    ones = torch.ones(2, 250, 401)
    first, second = drop(ones), drop(ones)
    for mask in (first, second):
        assert ((mask == 0).float().mean(dim=(1, 2)) - 0.1).abs().max() < 5 * (0.09 / 100_250) ** 0.5
        assert ((mask == 0) | ((mask - 1 / 0.9).abs() < 1e-4)).all()
    assert (first[0] != first[1]).any()
    assert (first != second).any()
    assert (learning.dropout(0.1, 1, seed=0)(ones[:1]) == first[:1]).all()
    assert learning.dropout(0.0, 2, seed=0) is None


def test_a_goal_that_asks_for_nothing_is_refused(pretrained):
    for nothing in ([], range(8)):
        with pytest.raises(ValueError, match="asks for nothing"):
            sequences.reinforce(pretrained.ensemble, nothing, SUCCEEDS, seed=0)


@pytest.mark.parametrize(
    ("recipe", "changes", "complaint"),
    [
        (PREDICTS, {"sequences": 100}, "100 is no multiple of 64"),
        (PREDICTS, {"steps": 0}, "must be at least 1"),
        (SUCCEEDS, {"maintenance": -1.0}, "rates cannot be negative"),
        (SUCCEEDS, {"temperature": 0.0}, "temperature above 0"),
        (SUCCEEDS, {"utility": (1.0, 2.0)}, "8 values, not all alike"),
        (SUCCEEDS, {"utility": (1.0,) * 8}, "8 values, not all alike"),
        (SUCCEEDS, {"utility": sequences.GRADED, "failures": 0.1}, "knows no failures"),
    ],
)
def test_settings_that_cannot_be_are_named(recipe, changes, complaint):
    with pytest.raises(ValueError, match=complaint):
        replace(recipe, **changes)


def test_a_loss_that_is_not_finite_stops(pretrained):
    wild = replace(SUCCEEDS, optimiser=Optimiser(learning_rate=1e30, warmup=0))
    with pytest.raises(FloatingPointError, match="step"):
        sequences.reinforce(pretrained.ensemble, 4, wild, seed=0)
