"""The fit is the one that maximum likelihood knows, its intervals cover, and it says where there is none."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from maze_interp.behaviour.regression import logistic_regression, predicted_unseen

TRUE = np.array([1.5, -0.8, 0.0])


def drawn(count, seed, intercept=0.5, scale=(1.0, 4.0, 0.1), centre=(0.0, 7.0, -3.0)):
    """Features of very different sizes, and outcomes whose log-odds are `TRUE` in standard deviations."""
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((count, 3)) * scale + centre
    standard = (features - centre) / scale
    return features, rng.random(count) < 1 / (1 + np.exp(-intercept - standard @ TRUE))


@pytest.mark.parametrize("count", [60, 3000])
def test_it_is_the_fit_that_others_find(count):
    features, outcome = drawn(count, seed=1)
    fit = logistic_regression(features, outcome)
    standard = (features - features.mean(axis=0)) / features.std(axis=0)
    other = LogisticRegression(C=np.inf, tol=1e-10, max_iter=10_000).fit(standard, outcome)
    assert np.allclose(fit.coefficients, other.coef_[0], atol=1e-4)
    assert fit.intercept == pytest.approx(other.intercept_[0], abs=1e-4)
    assert np.allclose(fit.log_odds(features), other.decision_function(standard), atol=1e-3)
    assert fit.finite


def test_one_feature_of_two_kinds_is_a_table_of_two_by_two():
    """Where the answer is known in closed form: the log-odds ratio and Woolf's standard error."""
    feature = np.repeat([0.0, 0.0, 1.0, 1.0], [30, 10, 20, 40])
    outcome = np.repeat([True, False, True, False], [30, 10, 20, 40])
    fit = logistic_regression(feature[:, None], outcome)
    assert fit.coefficients[0] / fit.scale[0] == pytest.approx(np.log(20 / 40) - np.log(30 / 10))
    assert fit.errors[1] / fit.scale[0] == pytest.approx(np.sqrt(1 / 30 + 1 / 10 + 1 / 20 + 1 / 40))


def test_its_intervals_cover():
    """Of 4 x 300 intervals of 95%, 94.97% to 95.03% are expected to cover; fewer than 91% do by chance below 1e-6."""
    covered = []
    for seed in range(300):
        features, outcome = drawn(400, seed, scale=(1.0, 1.0, 1.0), centre=(0.0, 0.0, 0.0))
        fit = logistic_regression(features, outcome)
        known = TRUE * fit.scale
        truth = [0.5 + TRUE @ fit.centre, *known]
        rows = fit.rows(["a", "b", "c"], who="nobody")
        covered += [row.low <= true <= row.high for row, true in zip(rows, truth, strict=True)]
    assert 0.91 < np.mean(covered) < 0.98
    assert [row.measure for row in rows] == ["intercept", "a", "b", "c"]
    assert {row.n for row in rows} == {400}
    assert rows[0].what == {"who": "nobody"}


@pytest.mark.parametrize(
    ("features", "outcome"),
    [
        (np.arange(20.0)[:, None], np.arange(20) >= 10),
        (np.arange(20.0)[:, None], np.ones(20, dtype=bool)),
        (np.arange(20.0)[:, None], np.zeros(20, dtype=bool)),
        (np.arange(20.0)[:, None] * [1.0, 2.0], np.arange(20) % 3 == 0),
        (np.ones((20, 1)), np.arange(20) % 2 == 0),
        (np.column_stack([np.arange(20) > 15, np.arange(20) % 2]).astype(float), np.arange(20) % 3 > 0),
    ],
    ids=["separable", "all true", "all false", "collinear", "constant", "fine"],
)
def test_it_says_where_no_fit_is_best_and_predicts_all_the_same(features, outcome, request):
    fit = logistic_regression(features, outcome)
    name = request.node.callspec.id
    assert fit.finite == (name == "fine")
    assert np.isfinite(fit.log_odds(features)).all()
    if name in ("separable", "all true", "all false"):
        assert ((fit.log_odds(features) > 0) == outcome).all()
    assert all(np.isnan(row.low) != fit.finite for row in fit.rows([str(i) for i in range(features.shape[1])]))


def test_it_predicts_what_it_has_not_seen_and_no_noise():
    """Noise is predicted as well as by its majority, give or take three standard errors of 2,000 tosses: 0.034."""
    features, outcome = drawn(2000, seed=2)
    informed = predicted_unseen(features, outcome, seed=0).mean()
    assert informed > max(outcome.mean(), 1 - outcome.mean()) + 0.1
    noise = np.random.default_rng(3).standard_normal((2000, 30))
    tossed = np.random.default_rng(4).random(2000) < 0.5
    assert abs(predicted_unseen(noise, tossed, seed=0).mean() - 0.5) < 0.04
    within = ((logistic_regression(noise, tossed).log_odds(noise) > 0) == tossed).mean()
    assert within > predicted_unseen(noise, tossed, seed=0).mean() + 0.02  # a fit flatters itself


def test_too_few_samples_are_refused():
    with pytest.raises(ValueError, match="needs samples"):
        logistic_regression(np.zeros((0, 2)), np.zeros(0, dtype=bool))
    with pytest.raises(ValueError, match="10 samples are needed, not 9"):
        predicted_unseen(np.zeros((9, 1)), np.zeros(9, dtype=bool), seed=0)
