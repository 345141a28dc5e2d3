"""The article's claims as predictions: the words, the test, what it could have noticed, and whether they hold.

A network that was pretrained once is reinforced towards several goals, so its policies are no independent samples:
every test here allows for clusters (one per pretrained network) by the sandwich estimate of the variance, with
Student's t on one degree of freedom fewer than there are clusters. Power is stated as the effect that such a test finds
in four of five samples: (t at 97.5% + t at 80%) standard errors. Intervals are at 95% each and not corrected for their
number, so of twenty true nulls one is expected to seem false. Values that are all alike have no interval and decide
nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan

import numpy as np
from jaxtyping import Float, Num, Shaped

from maze_interp.optimisation import student_t
from maze_interp.tables import Row

NOTHING = 1e-12  # a standard error that is rounding
AGREES, DISAGREES, OPEN = "agrees", "disagrees", "undecided"


@dataclass(frozen=True)
class Claim:
    """What the article says, how it was tested, the effect, the effect that would have been found, and the verdict."""

    words: str
    test: str
    effect: Row
    detectable: float
    verdict: str

    @property
    def row(self) -> Row:
        """The effect as a row of a table, with the verdict."""
        found = "" if isnan(self.detectable) else f"{self.detectable:.3g}"
        return Row(
            self.words,
            self.effect.value,
            self.effect.low,
            self.effect.high,
            self.effect.n,
            {"test": self.test, "found in four of five": found, "verdict": self.verdict},
        )


@dataclass(frozen=True)
class Fit:
    """A least-squares fit: coefficients and their standard errors, which allow for clusters; the share explained."""

    coefficients: Float[np.ndarray, " term"]
    errors: Float[np.ndarray, " term"]
    degrees: int
    r2: float
    n: int

    def row(self, term: int, measure: str) -> Row:
        """A coefficient with its interval; nan where nothing varies."""
        value, half = float(self.coefficients[term]), student_t(self.degrees) * self._error(term)
        return Row(measure, value, value - half, value + half, self.n)

    def detectable(self, term: int) -> float:
        """The effect that is found (interval without 0) in four of five samples."""
        return (student_t(self.degrees) + student_t(self.degrees, 0.6)) * self._error(term)

    def _error(self, term: int) -> float:
        error = float(self.errors[term])
        return error if error > NOTHING else float("nan")


def fit(
    terms: Sequence[Num[np.ndarray, " sample"]],
    y: Num[np.ndarray, " sample"],
    cluster: Shaped[np.ndarray, " sample"],
) -> Fit:
    """Least squares of y on the terms (no constant is added), of samples where all of them are finite.

    Of fewer than two clusters nothing is known, and everything is nan.
    """
    design, y = np.stack(terms, axis=1).astype(np.float64), np.asarray(y, dtype=np.float64)
    finite = np.isfinite(design).all(axis=1) & np.isfinite(y)
    design, y = design[finite], y[finite]
    names, place = np.unique(cluster[finite], return_inverse=True)
    if len(names) < 2:
        unknown = np.full(design.shape[1], np.nan)
        return Fit(unknown, unknown, 1, float("nan"), len(y))
    inverse = np.linalg.pinv(design.T @ design)
    coefficients = inverse @ design.T @ y
    left = y - design @ coefficients
    scores = np.zeros((len(names), design.shape[1]))
    np.add.at(scores, place, design * left[:, None])
    inflated = len(names) / (len(names) - 1) * (len(y) - 1) / max(len(y) - design.shape[1], 1)
    variances = np.diag(inflated * inverse @ (scores.T @ scores) @ inverse)
    errors = np.sqrt(np.maximum(variances, 0.0))
    spread = ((y - y.mean()) ** 2).sum()
    r2 = float(1 - (left**2).sum() / spread) if spread > 0 else float("nan")
    return Fit(coefficients, errors, len(names) - 1, r2, len(y))


def mean(y: Num[np.ndarray, " sample"], cluster: Shaped[np.ndarray, " sample"]) -> Fit:
    """The mean, allowing for clusters."""
    return fit([np.ones(len(y))], y, cluster)


def trend(
    x: Num[np.ndarray, " sample"],
    y: Num[np.ndarray, " sample"],
    group: Shaped[np.ndarray, " sample"],
    cluster: Shaped[np.ndarray, " sample"],
) -> Fit:
    """The slope of y on x (coefficient 0), each group with a height of its own."""
    return fit([x, *((group == name).astype(np.float64) for name in np.unique(group))], y, cluster)


def above(words: str, test: str, found: Fit, than: float = 0.0, term: int = 0) -> Claim:
    """The claim that a coefficient is greater than a value."""
    row = found.row(term, words)
    return Claim(words, test, row, found.detectable(term), _verdict(row.low > than, row.high < than))


def below(words: str, test: str, found: Fit, than: float = 0.0, term: int = 0) -> Claim:
    """The claim that a coefficient is less than a value."""
    row = found.row(term, words)
    return Claim(words, test, row, found.detectable(term), _verdict(row.high < than, row.low > than))


def within(words: str, test: str, found: Fit, low: float, high: float, term: int = 0) -> Claim:
    """The claim that a coefficient is practically the same as a value: between two bounds, all its interval."""
    row = found.row(term, words)
    return Claim(
        words,
        test,
        row,
        found.detectable(term),
        _verdict(low < row.low and row.high < high, row.low > high or row.high < low),
    )


def always(words: str, test: str, row: Row) -> Claim:
    """The claim that something holds without exception; a share says how often it does."""
    return Claim(words, test, row, float("nan"), _verdict(row.value == 1, row.value < 1))


def sentence(claim: Claim) -> str:
    """The claim, whether it holds, and the evidence."""
    row = claim.effect
    power = "" if isnan(claim.detectable) else f"; {claim.detectable:.3g} would be found in four of five samples"
    return (
        f"\u201c{claim.words}\u201d: {claim.verdict}; {claim.test}: {row.value:.3g} "
        f"({'all alike' if isnan(row.low) else f'{row.low:.3g} to {row.high:.3g}'}, n {row.n}){power}."
    )


def _verdict(yes: bool, no: bool) -> str:
    return AGREES if yes else DISAGREES if no else OPEN
