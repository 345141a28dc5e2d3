"""Closed forms and searches agree with slow ones, streams with batches, and penalties are chosen on unseen samples."""

import numpy as np
import pytest
from scipy.optimize import minimize

from maze_interp.probing import linear, logistic
from maze_interp.probing.linear import fit, moments, ridge

RNG = np.random.default_rng(0)
COUNT, WIDTH, OUTPUTS = 300, 7, 4
X = (RNG.normal(size=(COUNT, WIDTH)) @ RNG.normal(size=(WIDTH, WIDTH)) + 3).astype(np.float32)
TRUE = RNG.normal(size=(WIDTH, OUTPUTS)) / 3
Y = (X @ TRUE + RNG.normal(size=(COUNT, OUTPUTS))).astype(np.float32)
ODDS = (X - X.mean(axis=0)) @ TRUE
CHOSEN = (RNG.random((COUNT, OUTPUTS)) < 1 / (1 + np.exp(-ODDS))).astype(np.float32)
SCALE = X.var(axis=0, dtype=float).mean()


@pytest.mark.parametrize("penalty", [1e-6, 1e-2, 1.0])
def test_ridge_is_least_squares_with_a_penalty(penalty):
    """The same objective as a plain least-squares problem with sqrt(penalty) times each weight as a row more."""
    centred = X.astype(float) - X.mean(axis=0, dtype=float)
    rows = np.concatenate([centred / COUNT**0.5, (penalty * SCALE) ** 0.5 * np.eye(WIDTH)])
    wanted = np.concatenate([(Y - Y.mean(axis=0)) / COUNT**0.5, np.zeros((WIDTH, OUTPUTS))])
    expected = np.linalg.lstsq(rows, wanted, rcond=None)[0]
    weights, biases = ridge(moments(X, Y), [penalty])
    assert np.allclose(weights[0], expected, atol=1e-5)
    assert np.allclose(X @ weights[0] + biases[0], centred @ expected + Y.mean(axis=0), atol=1e-4)


def test_moments_of_a_stream_are_those_of_the_whole():
    whole, parts = moments(X, Y), moments(X[:100], Y[:100]) + moments(X[100:], Y[100:])
    assert np.allclose(ridge(whole, [1e-3])[0], ridge(parts, [1e-3])[0], atol=1e-9)
    weights, biases = ridge(whole, [1e-3, 1.0])
    predicted = np.einsum("sf,pfo->pso", X, weights) + biases[:, None]
    assert np.allclose(linear.squared_error(weights, biases, whole), ((predicted - Y) ** 2).mean(axis=1), atol=1e-4)


@pytest.mark.parametrize("penalty", [1e-4, 1e-1])
def test_logistic_is_the_penalised_maximum_of_the_likelihood(penalty):
    weights, biases = logistic.logistic(X, CHOSEN, [penalty])

    def objective(values, y):
        odds = X @ values[:-1] + values[-1]
        return np.mean(np.logaddexp(0, odds) - y * odds) + penalty * SCALE / 2 * (values[:-1] ** 2).sum()

    for output in range(OUTPUTS):
        y = CHOSEN[:, output]
        best = minimize(objective, np.zeros(WIDTH + 1), args=(y,), method="BFGS", options={"gtol": 1e-7})
        mine = np.append(weights[0][:, output], biases[0, output])
        assert objective(mine, y) < best.fun + 1e-6
        odds = X @ mine[:-1] + mine[-1], X @ best.x[:-1] + best.x[-1]
        assert np.allclose(*(logistic.sigmoid(one) for one in odds), atol=5e-3)


def test_all_penalties_at_once_are_each_alone():
    together, _ = logistic.logistic(X, CHOSEN, [1e-3, 1.0])
    for place, penalty in enumerate([1e-3, 1.0]):
        alone, _ = logistic.logistic(X, CHOSEN, [penalty])
        assert np.allclose(together[place], alone[0], atol=3e-3)


def test_the_penalty_is_chosen_on_unseen_samples():
    """Features of noise alone are told to be ignored, a clean fact is not."""
    noise = RNG.normal(size=(80, 60)).astype(np.float32)
    clean = noise @ RNG.normal(size=60).astype(np.float32)
    y = np.stack([RNG.normal(size=80), clean], axis=1).astype(np.float32)
    found = fit((noise[:70], y[:70]), (noise[70:], y[70:]), np.array([0, 1]), penalties=(1e-6, 1e2))
    assert found.penalty.tolist() == [1e2, 1e-6]


def test_outputs_are_fitted_to_the_samples_that_have_them():
    y = Y.copy()
    y[:90, 1] = np.nan
    owner = np.arange(OUTPUTS)
    found = fit((X, y), (X, y), owner, penalties=(1e-3,))
    weights, _ = ridge(moments(X[90:], Y[90:, 1:2]), [1e-3])
    assert np.allclose(found.weight[:, 1], weights[0][:, 0], atol=1e-6)
    whole = fit((X, Y), (X, Y), owner, penalties=(1e-3,))
    assert np.allclose(found.weight[:, 0], whole.weight[:, 0], atol=1e-9)
    y[:, 2] = np.nan
    with pytest.raises(ValueError, match="nothing is known of output 2"):
        fit((X, y), (X, y), owner)


@pytest.mark.parametrize("likely", [False, True])
def test_what_is_always_so_is_predicted_and_features_that_never_vary_tell_nothing(likely):
    y = np.concatenate([CHOSEN[:, :1], np.ones((COUNT, 1)), np.zeros((COUNT, 1))], axis=1).astype(np.float32)
    flat = np.full((COUNT, 5), 1234.5, np.float32)
    kinds = np.full(3, likely)
    for x in (X, flat):
        found = fit((x, y), (x, y), np.arange(3), by_likelihood=kinds)
        assert ((found.predict(x) > 0.5)[:, 1:] == [True, False]).all()
    assert np.allclose(found.predict(flat)[:, 0], y[:, 0].mean(), atol=1e-3)


def test_unknown_ways_to_fit_are_named():
    with pytest.raises(ValueError, match=r"unknown way to fit a probe 'rigde'; did you mean 'ridge'\?"):
        linear.check_method("rigde")
