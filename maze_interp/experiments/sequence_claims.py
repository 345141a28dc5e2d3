"""The article's claims as predictions: the words, the test, what it could have noticed, and whether they hold.

Every test is of a fit (`sequence_fits`), whose errors allow for policies of one network and for shared histories. Power
is stated as the effect that such a test finds in four of five samples, (t at 97.5% + t at 80%) standard errors (Bloom
1995); of a claim that two things are the same, as the margin that it confirms as often where they are. Verdicts are at
5% each, and again by Holm's (1979) correction for how many claims there are. Values that are all alike have no interval
and decide nothing.

What a test says of policies that pursue nothing stands beside it (`controls`): a claim that is also "true" of acts at
random tells nothing of learning.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import comb, isnan, nan

import numpy as np
from jaxtyping import Float, Num, Shaped

from maze_interp import tables
from maze_interp.experiments.sequence_fits import NOTHING, Fit, p_value
from maze_interp.optimisation import student_t
from maze_interp.tables import Row

ERROR = 0.05
AGREES, DISAGREES, OPEN = "agrees", "disagrees", "undecided"
WITHIN = "in the test itself"


@dataclass(frozen=True)
class Claim:
    """What the article says, how it was tested, the effect, the power, the verdict and its p-value (nan: no test).

    `detectable` is the effect found in four of five samples, or, if `same`, the margin confirmed in four of five where
    the truth lies in the middle. `holm` is the p-value corrected for the number of claims. `controls` is the verdict of
    the same test on each kind of policy that pursues nothing.
    """

    words: str
    test: str
    effect: Row
    detectable: float
    verdict: str
    p: float = nan
    same: bool = False
    holm: float = nan
    controls: Mapping[str, str] = field(default_factory=dict)

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
        said |= {f"verdict on {name}": verdict for name, verdict in self.controls.items()}
        return replace(self.effect, measure=self.words, what=said)


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
    yes, no = p_value(float(ratio.min()), degrees), min(1.0, len(values) * p_value(-float(ratio.min()), degrees))
    half = student_t(degrees, 1 - ERROR / len(values)) * errors[lowest]
    row = Row(words, float(values[lowest]), float(values[lowest] - half), float(values[lowest] + half), len(values))
    if theorem:
        return Claim(words, test, row, nan, DISAGREES if no < ERROR else AGREES, no if no < ERROR else nan)
    return Claim(words, test, row, nan, _verdict(yes < ERROR, no < ERROR), min(yes, no))


def most(words: str, test: str, values: Num[np.ndarray, " sample"], cluster: Shaped[np.ndarray, " sample"]) -> Claim:
    """The claim that a value is above 0 in most clusters, by the sign test (Arbuthnot 1710), which needs no spread.

    The effect is the share of clusters whose mean is above, of those where it is not 0, with Wilson's interval.
    """
    means = np.array([values[cluster == name].mean() for name in np.unique(cluster)])
    signs = means[np.isfinite(means) & (means != 0)] > 0
    if not len(signs):
        return Claim(words, test, Row(words, nan, nan, nan, 0), nan, OPEN)
    row, n, up = tables.proportion(words, signs), len(signs), int(signs.sum())
    p = min(1.0, 2 * sum(comb(n, k) for k in range(max(up, n - up), n + 1)) / 2**n)
    return Claim(words, test, row, nan, _verdict(p < ERROR and 2 * up > n, p < ERROR and 2 * up < n), p)


def holm(claims: Sequence[Claim]) -> list[Claim]:
    """The claims with p-values corrected for how many were tested (Holm 1979)."""
    corrected = tables.holm(np.array([claim.p for claim in claims]))
    return [replace(claim, holm=float(p)) for claim, p in zip(claims, corrected, strict=True)]


def beside(claims: Sequence[Claim], nulls: Mapping[str, Sequence[Claim]]) -> list[Claim]:
    """The claims with the verdicts of the same tests on policies that pursue nothing; WITHIN where the test itself is
    a comparison with a control."""
    told = {name: {claim.words: claim.verdict for claim in found} for name, found in nulls.items()}
    return [
        replace(claim, controls={name: verdicts.get(claim.words, WITHIN) for name, verdicts in told.items()})
        for claim in claims
    ]


def tally(claims: Sequence[Claim]) -> str:
    """How many claims held, before and after the correction, and which hold of policies that pursue nothing."""
    said = []
    for verdicts in ([claim.verdict for claim in claims], [claim.corrected for claim in claims]):
        said.append(", ".join(f"{verdict} {verdicts.count(verdict)}" for verdict in (AGREES, DISAGREES, OPEN)))
    held = [claim for claim in claims if claim.verdict == AGREES]
    empty = {
        name: [f"\u201c{one.words}\u201d" for one in held if one.controls.get(name) == AGREES]
        for name in dict.fromkeys(name for one in held for name in one.controls)
    }
    also = "".join(
        f" {len(words)} of those that agree would agree of {name} as well{': ' * bool(words)}{', '.join(words)}."
        for name, words in empty.items()
    )
    return f"Of {len(claims)} claims: {said[0]}; after Holm's correction for their number: {said[1]}.{also}"


def sentence(claim: Claim) -> str:
    """The claim, whether it holds, and the evidence."""
    row = claim.effect
    power = f"; {claim.detectable:.3g} would be found in four of five samples"
    if claim.same:
        power = f"; {claim.detectable:.3g} either way would be confirmed in four of five samples where it is so"
    after = f" (after correction {claim.corrected})" if claim.corrected != claim.verdict else ""
    nulls = "".join(f"; on {name}: {verdict}" for name, verdict in claim.controls.items() if verdict != WITHIN)
    return (
        f"\u201c{claim.words}\u201d: {claim.verdict}{after}; {claim.test}: {row.value:.3g} "
        f"({'all alike' if isnan(row.low) else f'{row.low:.3g} to {row.high:.3g}'}, n {row.n})"
        f"{'' if isnan(claim.detectable) else power}{nulls}."
    )


def _claim(words: str, test: str, found: Fit, term: int, yes: float, no: float) -> Claim:
    row, p = found.row(term, words), min(yes, no)
    return Claim(words, test, row, found.detectable(term), _verdict(yes < ERROR, no < ERROR), p)


def _verdict(yes: bool, no: bool) -> str:
    return AGREES if yes else DISAGREES if no else OPEN
