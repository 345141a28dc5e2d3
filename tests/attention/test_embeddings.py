"""A lattice that was planted is found by every measure, one that was shuffled by none, and oracles agree."""

import numpy as np
import pytest
from scipy.fft import dctn
from scipy.spatial.distance import pdist, squareform
from scipy.stats import pearsonr

from maze_interp import mazes
from maze_interp.attention import embeddings
from maze_interp.mazes import World
from tests import tiny

ROWS, COLS = 4, 5
CELLS = np.stack(np.divmod(np.arange(ROWS * COLS), COLS), axis=1).astype(float)
PLANTED = np.repeat(CELLS, 16, axis=1) + 0.01 * np.random.default_rng(0).normal(size=(ROWS * COLS, 32))
SHUFFLED = PLANTED[np.random.default_rng(3).permutation(ROWS * COLS)]
NOISE = np.random.default_rng(2).normal(size=(ROWS * COLS, 32))
APART = embeddings.lattice_distance(ROWS, COLS)


def measured(matrix, seed=0, draws=400):
    return {
        "correlation": embeddings.correlation(matrix, APART, seed=seed, draws=draws),
        "neighbours": embeddings.neighbours(matrix, ROWS, COLS, seed=seed, draws=draws),
        "low_frequencies": embeddings.low_frequencies(matrix, ROWS, COLS, seed=seed, draws=draws),
    }


def test_a_planted_lattice_is_found():
    found = measured(PLANTED)
    assert found["correlation"].value > 0.99
    assert found["neighbours"].value < 0.3
    assert found["low_frequencies"].value > 0.9
    for one in found.values():
        assert one.p == pytest.approx(1 / 401)
        assert one.low <= one.value <= one.high
        assert not np.quantile(one.null, 0.025) < one.value < np.quantile(one.null, 0.975)


def test_a_chequerboard_is_found_and_has_no_low_frequencies():
    board = (-1.0) ** CELLS.sum(axis=1)[:, None] + 0.01 * NOISE
    found = embeddings.parity(board, ROWS, COLS, seed=0)
    assert found.value > 0.99
    assert found.p == pytest.approx(1 / 1001)
    assert embeddings.neighbours(board, ROWS, COLS, seed=0).value > 1.5
    assert embeddings.low_frequencies(board, ROWS, COLS, seed=0).value < 0.2
    assert embeddings.parity(NOISE, ROWS, COLS, seed=0).p > 0.02
    assert embeddings.parity(PLANTED, ROWS, COLS, seed=0).value < 0.01


def test_intervals_cover_what_more_dimensions_would_show():
    """Of 100 intervals of a ratio from 24 dimensions at least 85 hold its value in 4,000 of their kind: with
    a coverage of 0.95 fewer would with probability 1e-4."""
    rng = np.random.default_rng(0)
    apart = embeddings.lattice_distance(3, 3)
    mix = np.concatenate([np.stack(np.divmod(np.arange(9), 3)), rng.normal(size=(9, 9))])
    truth = embeddings.neighbours(mix.T @ rng.normal(size=(11, 4000)), 3, 3, seed=0, draws=1).value
    found = [embeddings.neighbours(mix.T @ rng.normal(size=(11, 24)), 3, 3, seed=0, draws=1) for _ in range(100)]
    assert sum(one.low <= truth <= one.high for one in found) >= 85
    wide = embeddings.correlation(mix.T @ rng.normal(size=(11, 24)), apart, seed=0, draws=1)
    assert wide.low < wide.value < wide.high


@pytest.mark.parametrize("matrix", [SHUFFLED, NOISE], ids=["shuffled", "noise"])
def test_without_a_lattice_none_is_found(matrix):
    """Six measurements at fixed seeds; each would fall outside with probability 0.02 if the seeds were new."""
    for one in measured(matrix).values():
        assert one.p > 0.02


def test_null_and_p_are_those_of_permuted_rows():
    """Under the null p is uniform: of 200 random matrices between 2 and 22 have p <= 0.05 (99.9% of the time)."""
    rng = np.random.default_rng(0)
    small = sum(
        embeddings.neighbours(rng.normal(size=(9, 4)), 3, 3, seed=seed, draws=60).p <= 0.05 for seed in range(200)
    )
    assert 2 <= small <= 22
    null = embeddings.low_frequencies(NOISE, ROWS, COLS, seed=0).null
    assert null.mean() == pytest.approx(3 / (ROWS * COLS - 1), rel=0.05)
    assert embeddings.neighbours(NOISE, ROWS, COLS, seed=0).null.mean() == pytest.approx(1, abs=0.01)


def test_correlations_are_scipys():
    walk = APART + np.abs(CELLS[:, :1] - CELLS[:, 0]) ** 2
    plain = embeddings.correlation(NOISE + PLANTED, walk, seed=0, draws=20)
    apart, near, block = (squareform(one, checks=False) for one in (walk, APART, np.zeros_like(APART)))
    block = pdist(NOISE + PLANTED, "cityblock")
    assert plain.value == pytest.approx(pearsonr(block, apart).statistic)
    partial = embeddings.correlation(NOISE + PLANTED, walk, given=APART, seed=0, draws=20)
    left = [one - np.polyval(np.polyfit(near, one, 1), near) for one in (block, apart)]
    assert partial.value == pytest.approx(pearsonr(*left).statistic)
    order = np.random.default_rng(0).permutation(len(NOISE))
    moved = embeddings.correlation(NOISE[order], walk[np.ix_(order, order)], seed=0, draws=20)
    assert embeddings.correlation(NOISE, walk, seed=0, draws=20).value == pytest.approx(moved.value)


def test_pairs_without_a_distance_are_left_out():
    holes = APART.copy()
    holes[0, :] = holes[:, 0] = np.nan
    without = embeddings.correlation(NOISE, holes, seed=0, draws=20).value
    assert without == pytest.approx(embeddings.correlation(NOISE[1:], APART[1:, 1:], seed=0, draws=20).value)


def test_the_neighbour_ratio_is_gearys():
    near = [(one, two) for one, two in np.ndindex(20, 20) if np.abs(CELLS[one] - CELLS[two]).sum() == 1]
    value = sum(np.sum((NOISE[one] - NOISE[two]) ** 2) for one, two in near)
    pairs = 2 * (ROWS * (COLS - 1) + COLS * (ROWS - 1))
    geary = 19 * value / (2 * pairs * np.sum((NOISE - NOISE.mean(axis=0)) ** 2))
    assert embeddings.neighbours(NOISE, ROWS, COLS, seed=0, draws=20).value == pytest.approx(geary)


def test_the_cosine_energy_is_scipys_and_no_energy_is_lost():
    energy = embeddings.cosine_energy(NOISE, ROWS, COLS)
    oracle = dctn(NOISE.reshape(ROWS, COLS, -1), axes=(0, 1), norm="ortho").reshape(ROWS * COLS, -1) ** 2
    assert np.allclose(energy[1:], oracle[1:])
    assert np.allclose(energy.sum(axis=0), ((NOISE - NOISE.mean(axis=0)) ** 2).sum(axis=0))
    wave = np.cos(np.pi * 2 * (CELLS[:, 1] + 0.5) / COLS)[:, None]
    planted = embeddings.cosine_energy(wave, ROWS, COLS)[:, 0]
    assert planted[2] == pytest.approx(planted.sum())


def test_principal_components_keep_distances_and_say_what_they_hold():
    places, shares = embeddings.principal_components(np.repeat(CELLS, 3, axis=1))
    assert np.allclose(pdist(places), pdist(CELLS) * 3**0.5)
    assert shares.sum() == pytest.approx(1)
    _, shares = embeddings.principal_components(NOISE, count=19)
    assert shares.sum() == pytest.approx(1)
    assert (np.diff(shares) <= 0).all()


def test_matrices_are_those_of_the_cells_on_the_lattice():
    model = tiny.model(positions="learned", order="corner_first")
    ids = [model.maze_tokenizer.vocabulary.ids[f"({row},{col})"] for row in range(2) for col in range(3)]
    assert np.allclose(embeddings.tokens(model, 2, 3), model.embed.W_E[ids].detach())
    assert np.allclose(embeddings.unembedding(model, 2, 3), (model.unembed.W_U.T * model.ln_final.w)[ids].detach())
    assert np.allclose(embeddings.positions(model, 5), model.pos_embed.W_pos[:5].detach())


def test_what_is_not_there_is_refused():
    with pytest.raises(ValueError, match="rotary"):
        embeddings.positions(tiny.model(positions="rotary"), 3)
    with pytest.raises(ValueError, match="positions, not 9999"):
        embeddings.positions(tiny.model(positions="learned"), 9999)
    with pytest.raises(ValueError, match="no tokens of their own"):
        embeddings.tokens(tiny.model(scheme="coordinates"), 2, 2)
    with pytest.raises(ValueError, match="three pairs"):
        embeddings.correlation(NOISE[:2], APART[:2, :2], seed=0)
    with pytest.raises(ValueError, match="equally far"):
        embeddings.correlation(NOISE, np.ones_like(APART), seed=0)
    with pytest.raises(ValueError, match="exactly as far"):
        embeddings.correlation(NOISE, 2 * APART, given=APART, seed=0)


def test_rows_stand_beside_their_null():
    one = measured(PLANTED)["correlation"]
    here, permuted = embeddings.measure_rows("r", one, ROWS * COLS, matrix="tokens")
    assert (here.value, here.low, here.high, here.n) == (one.value, one.low, one.high, 20)
    assert permuted.low < permuted.value < permuted.high < here.low
    assert (here.what, permuted.what["cells"]) == ({"matrix": "tokens", "cells": "in place"}, "permuted")


def test_walking_distance_is_the_mean_over_mazes():
    drawn = mazes.draw(World("percolation", 2, 3, {"p": 0.7}), 30, seed=0)
    walk = embeddings.walking_distance(drawn.passages)
    every = np.stack([mazes.distances(drawn.passages, np.full(30, cell, np.int32)) for cell in range(6)]).astype(float)
    every[every < 0] = np.nan
    assert np.allclose(walk, np.nanmean(every, axis=1), equal_nan=True)
    assert np.allclose(walk, walk.T)
    assert (walk[~np.isnan(walk)] >= embeddings.lattice_distance(2, 3)[~np.isnan(walk)]).all()
    closed = np.zeros((1, 2, 2, 2), dtype=bool)
    assert np.isnan(embeddings.walking_distance(closed)[0, 1])
