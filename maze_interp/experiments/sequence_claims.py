"""The article's claims as predictions: the words, the test, what it could have noticed, and whether they hold.

A network that was pretrained once is reinforced towards several goals, so its policies are no independent samples:
every test here allows for clusters (one per pretrained network) by the sandwich estimate of the variance (Liang & Zeger
1986, with the small-sample factor CR1 of Cameron & Miller 2015), with Student's t on one degree of freedom fewer than
there are clusters. Power is stated as the effect that such a test finds in four of five samples, (t at 97.5% + t at
80%) standard errors (Bloom 1995); of a claim that two things are the same, as the margin that it confirms as often
where they are. Verdicts are at 5% each, and again by Holm's (1979) correction for how many claims there are. Values
that are all alike have no interval and decide nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import exp, isnan, lgamma, nan, pi

import numpy as np
from jaxtyping import Float, Num, Shaped

from maze_interp.optimisation import student_t
from maze_interp.tables import Row

NOTHING = 1e-12  # a standard error that is rounding
ERROR = 0.05
AGREES, DISAGREES, OPEN = "agrees", "disagrees", "undecided"


@dataclass(frozen=True)
class Claim:
    """What the article says, how it was tested, the effect, the power, the verdict and its p-value (nan: no test).

    `detectable` is the effect found in four of five samples, or, if `same`, the margin confirmed in four of five where
    the truth lies in the middle. `holm` is the p-value corrected for the number of claims.
    """

    words: str
    test: str
    effect: Row
    detectable: float
    verdict: str
    p: float = nan
    same: bool = False
    holm: float = nan

    @property
    def corrected(self) -> str:
        """The verdict after the correction."""
        return OPEN if self.holm > ERROR else self.verdict

    @property
    def row(self) -> Row:
        """The effect as a row of a table, with the verdicts."""
        found = "" if isnan(self.detectable) else f"{'margin ' if self.same else ''}{self.detectable:.3g}"
        said = {"test": self.test, "found in four of five": found, "verdict": self.verdict}
        said |= {"p": f"{self.p:.2g}", "p (Holm)": f"{self.holm:.2g}", "verdict (Holm)": self.corrected}
        return replace(self.effect, measure=self.words, what=said)


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

    def margin(self, term: int) -> float:
        """How far either way bounds must lie for the interval to be within them in four of five samples, where the
        coefficient is in their middle."""
        return (student_t(self.degrees) + student_t(self.degrees, 0.8)) * self._error(term)

    def p_above(self, than: float, term: int) -> float:
        """Twice the chance of a coefficient so far above one that is `than`: below 0.05 where the interval is above."""
        return _p((float(self.coefficients[term]) - than) / self._error(term), self.degrees)

    def p_below(self, than: float, term: int) -> float:
        """The same of one so far below."""
        return _p((than - float(self.coefficients[term])) / self._error(term), self.degrees)

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


def explained(
    x: Float[np.ndarray, " sample"], y: Float[np.ndarray, " sample"], cluster: Shaped[np.ndarray, " sample"]
) -> Row:
    """R^2 of a line of y on x, with the jackknife interval over clusters of Fisher's z of its correlation."""
    finite = np.isfinite(x) & np.isfinite(y)
    x, y, cluster = x[finite], y[finite], cluster[finite]
    names = np.unique(cluster)
    if len(names) < 3 or x.std() < NOTHING or y.std() < NOTHING:
        return Row("R^2", nan, nan, nan, len(y))
    whole = np.corrcoef(x, y)[0, 1]
    with np.errstate(divide="ignore", invalid="ignore"):
        each = [np.arctanh(np.corrcoef(x[cluster != name], y[cluster != name])[0, 1]) for name in names]
        error = np.sqrt((len(names) - 1) * np.var(each))
        ends = np.tanh(np.abs(np.arctanh(whole)) + student_t(len(names) - 1) * error * np.array([-1.0, 1.0]))
    low, high = np.maximum(ends, 0.0) ** 2
    return Row("R^2", float(whole**2), float(low), float(high), len(y))


def above(words: str, test: str, found: Fit, than: float = 0.0, term: int = 0) -> Claim:
    """The claim that a coefficient is greater than a value."""
    return _claim(words, test, found, term, found.p_above(than, term), found.p_below(than, term))


def below(words: str, test: str, found: Fit, than: float = 0.0, term: int = 0) -> Claim:
    """The claim that a coefficient is less than a value."""
    return _claim(words, test, found, term, found.p_below(than, term), found.p_above(than, term))


def within(words: str, test: str, found: Fit, low: float, high: float, term: int = 0) -> Claim:
    """The claim that a coefficient is practically the same as a value: between two bounds, all its interval."""
    yes = max(found.p_above(low, term), found.p_below(high, term))
    no = min(found.p_above(high, term), found.p_below(low, term))
    return replace(_claim(words, test, found, term, yes, no), detectable=found.margin(term), same=True)


def always(
    words: str,
    test: str,
    values: Float[np.ndarray, " policy"],
    errors: Float[np.ndarray, " policy"],
    degrees: int,
    *,
    theorem: bool = False,
) -> Claim:
    """The claim that every policy's value is above 0, given their standard errors; shown is the surest not to be.

    It agrees if each is (an intersection-union test, which needs no correction); it disagrees if one is surely below,
    corrected, as the interval, for their number. What is a `theorem` agrees unless it disagrees.
    """
    known = np.isfinite(values) & np.isfinite(errors)
    values, errors = values[known], np.maximum(errors[known], NOTHING)
    if not len(values):
        return Claim(words, test, Row(words, nan, nan, nan, 0), nan, OPEN)
    ratio = values / errors
    lowest = int(ratio.argmin())
    yes, no = _p(float(ratio.min()), degrees), min(1.0, len(values) * _p(-float(ratio.min()), degrees))
    half = student_t(degrees, 1 - ERROR / len(values)) * errors[lowest]
    row = Row(words, float(values[lowest]), float(values[lowest] - half), float(values[lowest] + half), len(values))
    if theorem:
        return Claim(words, test, row, nan, DISAGREES if no < ERROR else AGREES, no if no < ERROR else nan)
    return Claim(words, test, row, nan, _verdict(yes < ERROR, no < ERROR), min(yes, no))


def holm(claims: Sequence[Claim]) -> list[Claim]:
    """The claims with p-values corrected for how many were tested (Holm 1979)."""
    tested = sorted((claim.p, place) for place, claim in enumerate(claims) if not isnan(claim.p))
    found, least = list(claims), 0.0
    for rank, (p, place) in enumerate(tested):
        least = min(1.0, max(least, p * (len(tested) - rank)))
        found[place] = replace(claims[place], holm=least)
    return found


def tally(claims: Sequence[Claim]) -> str:
    """How many claims held, before and after the correction."""
    said = []
    for verdicts in ([claim.verdict for claim in claims], [claim.corrected for claim in claims]):
        said.append(", ".join(f"{verdict} {verdicts.count(verdict)}" for verdict in (AGREES, DISAGREES, OPEN)))
    return f"Of {len(claims)} claims: {said[0]}; after Holm's correction for their number: {said[1]}."


def sentence(claim: Claim) -> str:
    """The claim, whether it holds, and the evidence."""
    row = claim.effect
    power = f"; {claim.detectable:.3g} would be found in four of five samples"
    if claim.same:
        power = f"; {claim.detectable:.3g} either way would be confirmed in four of five samples where it is so"
    after = f" (after correction {claim.corrected})" if claim.corrected != claim.verdict else ""
    return (
        f"\u201c{claim.words}\u201d: {claim.verdict}{after}; {claim.test}: {row.value:.3g} "
        f"({'all alike' if isnan(row.low) else f'{row.low:.3g} to {row.high:.3g}'}, n {row.n})"
        f"{'' if isnan(claim.detectable) else power}."
    )


def _claim(words: str, test: str, found: Fit, term: int, yes: float, no: float) -> Claim:
    row, p = found.row(term, words), min(yes, no)
    return Claim(words, test, row, found.detectable(term), _verdict(yes < ERROR, no < ERROR), p)


def _p(t: float, degrees: int) -> float:
    """Twice the upper tail of Student's t, at most 1, by the integral that `student_t` inverts; nan of nan."""
    if isnan(t):
        return nan
    angle = np.linspace(np.arctan(t / degrees**0.5), np.pi / 2, 10_001)
    middle = (angle[1:] + angle[:-1]) / 2
    whole = pi**0.5 * exp(lgamma(degrees / 2) - lgamma((degrees + 1) / 2))
    return min(1.0, 2 * float((np.cos(middle) ** (degrees - 1)).sum() * (angle[1] - angle[0])) / whole)


def _verdict(yes: bool, no: bool) -> str:
    return AGREES if yes else DISAGREES if no else OPEN
