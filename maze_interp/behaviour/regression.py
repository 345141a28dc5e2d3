"""Logistic regression, by maximum likelihood and nothing else: no penalty, so that its intervals mean what they say.

Newton's method on the log-likelihood, which for a logistic model is iteratively reweighted least squares; standard
errors come from the information matrix at the end. Features are standardised first, so that a coefficient is the
change of the log-odds for one standard deviation of its feature and coefficients can be compared.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Num

from maze_interp import seeds
from maze_interp.tables import Row, Z

ROUNDS, CLOSE = 50, 1e-8  # of Newton's method: at most so many, until no coefficient moves further than this
SINGULAR = (
    1e-9  # an information matrix whose least eigenvalue, for one sample, is smaller knows nothing of some direction
)
FOLDS = 10


@dataclass(frozen=True)
class LogisticFit:
    """The fitted log-odds: `intercept` + sum of `coefficients` * (feature - `centre`) / `scale`.

    `errors` are standard errors, the intercept's first. They are nan where no finite fit is best, because outcomes
    are all alike, features tell them apart without an error or determine each other; the coefficients, which then go
    on growing, are where the search ended and predict as well as any.
    """

    intercept: float
    coefficients: Float[np.ndarray, " feature"]
    errors: Float[np.ndarray, " feature_and_one"]
    centre: Float[np.ndarray, " feature"]
    scale: Float[np.ndarray, " feature"]
    n: int

    @property
    def finite(self) -> bool:
        """Whether there is a best fit."""
        return not np.isnan(self.errors).any()

    def log_odds(self, features: Num[np.ndarray, "sample feature"]) -> Float[np.ndarray, " sample"]:
        """Of the outcome being true; it is the likelier one where they are positive."""
        return self.intercept + (features - self.centre) / self.scale @ self.coefficients

    def rows(self, names: Sequence[str], **what: Any) -> list[Row]:
        """A row for the intercept and each named feature, with Wald's 95% interval."""
        values = [self.intercept, *self.coefficients.tolist()]
        return [
            Row(name, value, value - Z * error, value + Z * error, self.n, what)
            for name, value, error in zip(["intercept", *names], values, self.errors.tolist(), strict=True)
        ]


def logistic_regression(
    features: Num[np.ndarray, "sample feature"], outcome: Bool[np.ndarray, " sample"]
) -> LogisticFit:
    """The coefficients under which the outcomes are likeliest. Raises ValueError if there is no sample."""
    if len(outcome) == 0:
        raise ValueError("a regression needs samples, and there is none")
    centre, scale = features.mean(axis=0), features.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    design = np.column_stack([np.ones(len(outcome)), (features - centre) / scale])
    weights, moved = np.zeros(design.shape[1]), np.inf
    for _ in range(ROUNDS):
        score, information = _slopes(design, outcome, weights)
        step = np.linalg.lstsq(information, score, rcond=None)[0]
        while _log_likelihood(design, outcome, weights + step) < _log_likelihood(design, outcome, weights) - CLOSE:
            step = step / 2  # the full step went too far
        weights, moved = weights + step, np.abs(step).max()
        if moved < CLOSE:
            break
    _, information = _slopes(design, outcome, weights)
    known = moved < CLOSE and np.linalg.eigvalsh(information)[0] > SINGULAR * len(outcome)
    errors = np.sqrt(np.diag(np.linalg.inv(information))) if known else np.full(len(weights), np.nan)
    return LogisticFit(float(weights[0]), weights[1:], errors, centre, scale, len(outcome))


def predicted_unseen(
    features: Num[np.ndarray, "sample feature"], outcome: Bool[np.ndarray, " sample"], *, seed: int
) -> Bool[np.ndarray, " sample"]:
    """Which outcomes are predicted rightly by a fit to the other nine tenths of the samples, dealt out by `seed`."""
    if len(outcome) < FOLDS:
        raise ValueError(f"to be predicted by a fit to the others, {FOLDS} samples are needed, not {len(outcome)}")
    fold = seeds.generator(seed, "folds").permutation(len(outcome)) % FOLDS
    right = np.zeros(len(outcome), dtype=bool)
    for number in range(FOLDS):
        mine = fold == number
        fit = logistic_regression(features[~mine], outcome[~mine])
        right[mine] = (fit.log_odds(features[mine]) > 0) == outcome[mine]
    return right


def _slopes(design: np.ndarray, outcome: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The gradient of the log-likelihood, and its negative second derivatives: the information."""
    probability = np.exp(-np.logaddexp(0.0, -design @ weights))
    spread = probability * (1 - probability)
    return design.T @ (outcome - probability), (design * spread[:, None]).T @ design


def _log_likelihood(design: np.ndarray, outcome: np.ndarray, weights: np.ndarray) -> float:
    return float(-np.logaddexp(0.0, np.where(outcome, -1.0, 1.0) * (design @ weights)).sum())
