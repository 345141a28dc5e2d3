"""The recurrence is what its formula says, reproducible item by item, and never leaves the units modulo 17."""

import numpy as np
import pytest

from maze_interp import seeds, sequences
from maze_interp.sequences.recurrence import NOISE

KINDS = pytest.mark.parametrize("kind", sequences.KINDS)


def formula(before, kind):
    """The next remainder as the article writes it, from the sixteen elements before."""
    terms = [int(value) + 1 for value in before[-16:]]
    return (int(np.prod(terms, dtype=object)) if kind == "product" else sum(terms)) % 17 % 8


@KINDS
def test_without_noise_every_element_follows_the_formula(kind):
    for row in sequences.recurrence(20, 60, seed=1, kind=kind, noise=0.0):
        for t in range(16, 60):
            assert row[t] == formula(row[:t], kind) + 8 * (t % 2)


def test_the_product_meets_the_units_modulo_17_only():
    """No element makes the product 0, so all sixteen units occur and 0 does not; the sum does meet 0."""
    rows = sequences.recurrence(200, 200, seed=0)
    for kind, residues in (("product", set(range(1, 17))), ("sum", set(range(17)))):
        combine = np.multiply if kind == "product" else np.add
        total = np.zeros_like(rows[:, 16:]) + (kind == "product")
        for back in range(1, 17):
            total = combine(total, rows[:, 16 - back : 200 - back] + 1) % 17
        assert set(np.unique(total).tolist()) == residues


@KINDS
def test_the_noise_is_as_frequent_and_as_even_as_stated(kind):
    """Of 2% of the elements the formula is told nothing, and an eighth of those agree with it by chance (5 sigma)."""
    rows = sequences.recurrence(400, 200, seed=3, kind=kind)
    add, give = sequences.KINDS[kind]
    windows = np.lib.stride_tricks.sliding_window_view(rows, 16, axis=1)[:, :-1]
    off = (give[add[windows].sum(axis=-1) % len(give)] != rows[:, 16:] % 8).mean()
    expected = 0.02 * 7 / 8
    assert abs(off - expected) < 5 * (expected / (400 * 184)) ** 0.5


@KINDS
def test_item_i_is_a_function_of_the_seed_and_i(kind):
    whole = sequences.recurrence(12, 30, seed=5, kind=kind)
    assert (sequences.recurrence(5, 30, seed=5, first=7, kind=kind) == whole[7:]).all()
    assert (sequences.recurrence(12, 20, seed=5, kind=kind) == whole[:, :20]).all()
    assert (sequences.recurrence(12, 30, seed=6, kind=kind) != whole).any()
    assert (sequences.histories(12, seed=5, kind=kind) == whole[:, 1:21]).all()


def test_even_positions_carry_0_to_7_and_odd_ones_8_to_15():
    rows = sequences.recurrence(50, 40, seed=0)
    assert set(np.unique(rows[:, ::2])) == set(range(8))
    assert set(np.unique(rows[:, 1::2])) == set(range(8, 16))
    assert (sequences.histories(50, seed=0)[:, -1] < 8).all()  # so that the next position is odd


@KINDS
def test_what_follows_an_act_is_what_the_formula_says(kind):
    contexts, acts = sequences.histories(9, seed=2), np.array([0, 8, 15])
    draws = seeds.uniforms(4, 9, 1)[:, 0]
    matrix = sequences.follow(contexts, acts[:, None], draws, kind=kind, noise=0.0)
    assert matrix.shape == (3, 9)
    for i, act in enumerate(acts):
        for j, context in enumerate(contexts):
            assert matrix[i, j] == formula([*context, act], kind)


def test_the_same_draw_is_the_same_chance_whatever_the_act():
    contexts, draws = sequences.histories(4000, seed=2), seeds.uniforms(0, 4000, 1)[:, 0]
    matrix = sequences.follow(contexts, np.arange(8, 16)[:, None], draws)
    noisy = draws < NOISE
    assert (matrix[:, noisy] == matrix[:1, noisy]).all()
    assert (np.bincount(matrix[0, noisy], minlength=8) > 0).all()
    assert (
        matrix[:, ~noisy] == sequences.follow(contexts, np.arange(8, 16)[:, None], draws, noise=0.0)[:, ~noisy]
    ).all()


def test_extending_a_sequence_goes_on_as_it_does():
    rows = sequences.recurrence(20, 50, seed=0, noise=0.0)
    assert (sequences.extend(rows[:, :21], np.zeros((20, 29)), odd=True, noise=0.0) == rows).all()


def test_what_is_not_allowed_is_named():
    with pytest.raises(ValueError, match="did you mean 'product'"):
        sequences.recurrence(1, 1, seed=0, kind="produkt")
    with pytest.raises(ValueError, match=r"noise is a probability, not 1\.5"):
        sequences.recurrence(1, 1, seed=0, noise=1.5)
    with pytest.raises(ValueError, match="cannot be negative"):
        sequences.recurrence(-1, 1, seed=0)
    with pytest.raises(ValueError, match="at least 15 elements, not 14"):
        sequences.follow(np.zeros((2, 14), int), np.zeros(2, int), np.zeros(2))
