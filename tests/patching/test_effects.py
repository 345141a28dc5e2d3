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


def test_shares_weigh_pairs_by_what_there_is_to_recover():
    line = np.array([1.0, 3.0, 2.0, 2.0])
    change = np.array([[1.0, 1.0], [0.0, 3.0], [1.0, 2.0], [0.0, 2.0]])
    found = patching.shares(change, line, np.arange(4))
    np.testing.assert_allclose(found[:, 0], [0.25, 1.0])
    np.testing.assert_allclose(found[1], 1.0)  # all of every pair: nothing to be uncertain about
    assert found[0, 1] < 0.25 < found[0, 2]
    wider = patching.shares(change, line, np.arange(4), level=0.999)
    assert wider[0, 1] < found[0, 1]


@pytest.mark.parametrize(("level", "least"), [(0.95, 0.92), (0.5, 0.44)])
def test_the_interval_covers_the_truth(level, least):
    """400 experiments of 40 mazes with three pairs each, the share recovered being 0.4; within 2.6 standard errors."""
    rng, covered = np.random.default_rng(1), 0
    for _ in range(400):
        maze = np.repeat(np.arange(40), 3)
        line = 2 + rng.normal(size=120)
        change = 0.4 * line + rng.normal(size=40)[maze] + rng.normal(size=120)
        ((_, low, high),) = patching.shares(change[:, None], line, maze, level=level)
        covered += low <= 0.4 <= high
    assert least <= covered / 400 <= level + (level - least) + 0.01


def test_pairs_of_one_maze_are_one_observation():
    """Every maze's pairs three times over change no interval."""
    rng = np.random.default_rng(2)
    line, change = 2 + rng.normal(size=30), rng.normal(size=(30, 1))
    once = patching.shares(change, line, np.arange(30))
    thrice = patching.shares(np.tile(change, (3, 1)), np.tile(line, 3), np.tile(np.arange(30), 3))
    np.testing.assert_allclose(once, thrice)


def test_nothing_to_recover_is_missing_and_not_a_division_by_zero():
    for line in (np.zeros(4), np.array([1.0, -1.0, 0.5, -0.5]), np.full(4, 1e-9) * [1, -1, 1, 1]):
        assert np.isnan(patching.shares(np.ones((4, 2)), line, np.arange(4))).all()
    assert np.isnan(patching.shares(np.ones((1, 2)), np.ones(1), np.zeros(1, int))).all()  # one maze
    with pytest.raises(ValueError, match="did you mean 'probability'"):
        patching.effect("probabilty", LOGITS, CHOICE)
