"""Fits of what policies do, with errors that allow for what their samples share.

A network that was pretrained once is reinforced towards several goals, so its policies are no independent samples. All
fits allow for clusters (one per pretrained network) by the sandwich estimate of the variance (Liang & Zeger 1986, with
the small-sample factor CR1 of Cameron & Miller 2015), with Student's t on one degree of freedom fewer than there are
clusters. Where samples come with replicates, it allows for the histories too, on which all policies are measured, by
two-way clustering (Cameron, Gelbach & Miller 2011): the variance over networks and the jackknife's over blocks of
histories, less that of each network's own luck with each block, which both count, and no less than either; Student's t
then has one degree fewer than the rarer of both.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, isnan, lgamma, nan, pi

import numpy as np
from jaxtyping import Float, Num, Shaped

from maze_interp.optimisation import student_t
from maze_interp.tables import Row

NOTHING = 1e-12  # a standard error that is rounding


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
        return p_value((float(self.coefficients[term]) - than) / self._error(term), self.degrees)

    def p_below(self, than: float, term: int) -> float:
        """The same of one so far below."""
        return p_value((than - float(self.coefficients[term])) / self._error(term), self.degrees)

    def _error(self, term: int) -> float:
        error = float(self.errors[term])
        return error if error > NOTHING else float("nan")


def fit(
    terms: Sequence[Num[np.ndarray, "*#replicates sample"]],
    y: Num[np.ndarray, "*#replicates sample"],
    cluster: Shaped[np.ndarray, " sample"],
) -> Fit:
    """Least squares of y on the terms (no constant is added), of samples where all of them are finite.

    With replicates, row 0 is what is fitted, and each other row the same samples without one block of the histories
    that all of them are measured on: then errors are two-way. Of fewer than two clusters nothing is known, and
    everything is nan.
    """
    *terms, y = np.broadcast_arrays(*terms, np.atleast_2d(np.asarray(y, dtype=np.float64)))
    design = np.stack(terms, axis=-1).astype(np.float64)
    finite = np.isfinite(design).all(axis=(0, 2)) & np.isfinite(y).all(axis=0)
    design, y = design[:, finite], y[:, finite]
    names, place = np.unique(cluster[finite], return_inverse=True)
    if len(names) < 2:
        unknown = np.full(design.shape[2], np.nan)
        return Fit(unknown, unknown, 1, float("nan"), y.shape[1])
    inverse = np.linalg.pinv(design[0].T @ design[0])
    coefficients = inverse @ design[0].T @ y[0]
    left = y - design @ coefficients
    pulls = (design * left[..., None]) @ inverse
    influence = (place == np.arange(len(names))[:, None]).astype(np.float64) @ pulls
    variances, degrees = _two_way(influence, y.shape[1])
    spread = ((y[0] - y[0].mean()) ** 2).sum()
    r2 = float(1 - (left[0] ** 2).sum() / spread) if spread > 0 else float("nan")
    return Fit(coefficients, np.sqrt(np.maximum(variances, 0.0)), degrees, r2, y.shape[1])


def _two_way(
    influence: Float[np.ndarray, "replicate cluster term"], samples: int
) -> tuple[Float[np.ndarray, " term"], int]:
    """The variance of each coefficient, and its degrees of freedom, from what each cluster pulls at it.

    One source of error are the clusters (row 0), the other the histories (the other rows, by the jackknife). What both
    count, each cluster's own luck with the histories, is taken off once; neither source alone is more than their sum.
    """
    clusters, terms = influence.shape[1:]
    inflated = clusters / (clusters - 1) * (samples - 1) / max(samples - terms, 1)
    networks = inflated * (influence[0] ** 2).sum(axis=0)
    if (blocks := len(influence) - 1) < 2:
        return networks, clusters - 1
    moved = influence[1:] - influence[1:].mean(axis=0)
    histories = (blocks - 1) / blocks * (moved.sum(axis=1) ** 2).sum(axis=0)
    both = (blocks - 1) / blocks * (moved**2).sum(axis=(0, 1))
    return np.maximum(networks + histories - both, np.maximum(networks, histories)), min(clusters, blocks) - 1


def mean(y: Num[np.ndarray, "*#replicates sample"], cluster: Shaped[np.ndarray, " sample"]) -> Fit:
    """The mean, allowing for clusters, and with replicates for shared histories."""
    return fit([np.ones(y.shape[-1])], y, cluster)


def trend(
    x: Num[np.ndarray, " sample"],
    y: Num[np.ndarray, "*#replicates sample"],
    group: Shaped[np.ndarray, " sample"],
    cluster: Shaped[np.ndarray, " sample"],
) -> Fit:
    """The slope of y on x (coefficient 0), each group with a height of its own."""
    return fit([x, *((group == name).astype(np.float64) for name in np.unique(group))], y, cluster)


def explained(
    x: Float[np.ndarray, "*#replicates sample"],
    y: Float[np.ndarray, "*#replicates sample"],
    cluster: Shaped[np.ndarray, " sample"],
) -> Row:
    """R^2 of a line of y on x, with the interval of Fisher's z of its correlation.

    Its variance is the jackknife's over clusters, and with replicates (see `fit`) that over blocks of histories too;
    what both count is not taken off.
    """
    xs, ys = x.reshape(-1, x.shape[-1]), y.reshape(-1, y.shape[-1])
    finite = np.isfinite(xs).all(axis=0) & np.isfinite(ys).all(axis=0)
    xs, ys, cluster = xs[:, finite], ys[:, finite], cluster[finite]
    x, y, names = xs[0], ys[0], np.unique(cluster)
    if len(names) < 3 or x.std() < NOTHING or y.std() < NOTHING:
        return Row("R^2", nan, nan, nan, len(y))
    whole = np.corrcoef(x, y)[0, 1]
    with np.errstate(divide="ignore", invalid="ignore"):
        each = [np.arctanh(np.corrcoef(x[cluster != name], y[cluster != name])[0, 1]) for name in names]
        moved = [np.arctanh(np.corrcoef(*pair)[0, 1]) for pair in zip(xs[1:], ys[1:], strict=True)] or [0.0]
        error = np.sqrt((len(names) - 1) * np.var(each) + (len(moved) - 1) * np.var(moved))
        ends = np.tanh(np.abs(np.arctanh(whole)) + student_t(len(names) - 1) * error * np.array([-1.0, 1.0]))
    low, high = np.maximum(ends, 0.0) ** 2
    return Row("R^2", float(whole**2), float(low), float(high), len(y))


def p_value(t: float, degrees: int) -> float:
    """Twice the upper tail of Student's t, at most 1, by the integral that `student_t` inverts; nan of nan."""
    if isnan(t):
        return nan
    angle = np.linspace(np.arctan(t / degrees**0.5), np.pi / 2, 10_001)
    middle = (angle[1:] + angle[:-1]) / 2
    whole = pi**0.5 * exp(lgamma(degrees / 2) - lgamma((degrees + 1) / 2))
    return min(1.0, 2 * float((np.cos(middle) ** (degrees - 1)).sum() * (angle[1] - angle[0])) / whole)
