"""Effects by hand; what is recovered lies between the two runs, and where they agree it is not asked."""

import numpy as np
import pytest

from maze_interp import patching
from maze_interp.patching import effects

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(4, 6, 9)).astype(np.float32)
CHOICE = patching.Choice(right=np.arange(6), wrong=np.arange(6) + 3, clean=RNG.normal(size=(6, 9)).astype(np.float32))


def softmax(logits):
    return np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)


def test_effects_are_what_they_say():
    rows = np.arange(6)
    right, wrong = LOGITS[:, rows, CHOICE.right], LOGITS[:, rows, CHOICE.wrong]
    np.testing.assert_allclose(patching.effect("logit_difference", LOGITS, CHOICE), right - wrong)
    np.testing.assert_allclose(
        patching.effect("probability", LOGITS, CHOICE), softmax(LOGITS)[:, rows, CHOICE.right], rtol=1e-5
    )
    p, q = softmax(CHOICE.clean), softmax(LOGITS)
    np.testing.assert_allclose(
        patching.effect("kl_to_clean", LOGITS, CHOICE), (p * np.log(p / q)).sum(axis=-1), rtol=1e-4, atol=1e-6
    )
    assert (patching.effect("chooses_right", LOGITS, CHOICE) == (right > wrong)).all()


@pytest.mark.parametrize("name", patching.EFFECTS)
def test_every_effect_is_one_value_a_pair_whatever_the_axes_before(name):
    once = patching.effect(name, LOGITS, CHOICE)
    assert once.shape == (4, 6)
    np.testing.assert_allclose(patching.effect(name, LOGITS[2], CHOICE), once[2], rtol=1e-5)


def test_recovered_is_0_at_the_beginning_and_1_at_the_end_and_missing_without_a_line():
    begin, end = np.array([1.0, -2.0, 3.0]), np.array([5.0, 2.0, 3.0])
    np.testing.assert_array_equal(patching.recovered(begin, begin, end), [0.0, 0.0, np.nan])
    np.testing.assert_array_equal(patching.recovered(end, begin, end), [1.0, 1.0, np.nan])
    assert effects.apart(begin, end).tolist() == [True, True, False]


def test_the_row_weighs_pairs_by_what_there_is_to_recover():
    begin, end = np.zeros(3), np.array([1.0, 3.0, 0.0])
    patched = np.array([1.0, 0.0, 0.0])
    row = patching.recovered_row("z", patched, begin, end, np.array([0, 1, 2]), seed=0, layer=1)
    assert row.value == pytest.approx(0.25)
    assert (row.n, row.what) == (3, {"layer": 1})


def test_the_interval_covers_the_truth():
    """200 experiments of 40 mazes with three pairs each, the share recovered being 0.4: 88% coverage or more."""
    rng, covered = np.random.default_rng(1), 0
    for experiment in range(200):
        maze = np.repeat(np.arange(40), 3)
        line = 2 + rng.normal(size=120)
        patched = 0.4 * line + rng.normal(size=40)[maze] + rng.normal(size=120)
        row = patching.recovered_row("z", patched, np.zeros(120), line, maze, seed=experiment)
        covered += row.low <= 0.4 <= row.high
    assert covered >= 176


def test_nothing_to_recover_is_missing_and_not_a_division_by_zero():
    row = patching.recovered_row("z", np.ones(4), np.ones(4), np.ones(4), np.arange(4), seed=0)
    assert np.isnan(row.value)
    assert row.n == 0
    with pytest.raises(ValueError, match="did you mean 'probability'"):
        patching.effect("probabilty", LOGITS, CHOICE)
