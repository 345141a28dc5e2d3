"""How far several networks agree: one measure as each of them showed it, and whether mazes explain the difference.

An interval over mazes says what other mazes would show of the same network, never what another network would. Here a
measure has a value and an interval from each network, on mazes of its own; the standard error is read off the interval.
Whether the networks differ is Cochran's (1954) Q, the sum of (value - weighted mean)^2 / error^2, which is chi-square
with a degree of freedom less than networks where only mazes differ. Their standard deviation beyond that is DerSimonian
& Laird's (1986). Where intervals are too narrow, because a fit is drawn anew, say, Q is too large by the square of that
factor; what one network shows of itself about other mazes tells it (genomic control, Devlin & Roeder 1999), and errors
are taken for larger by it. What a further network may be expected to show on average is the plain mean with Student's
interval over networks: with three it is wide, as it should be.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float

from maze_interp.experiments.findings import Findings
from maze_interp.optimisation import student_t
from maze_interp.tables import Row, Z, holm

OWN = ("run", "folder", "model")  # conditions that name the network
UNMATCHED = ("head", "part", "from")  # one network's second head is no more another's second than its third
ALL = "all"  # but all heads of a layer are those of that layer
RESULTS = ("held", "verdict", "told_apart", "named", "found", "sure", "steady")
ITSELF = "itself"  # stands for the run's name
THEMSELVES = (ITSELF, "trained", "model")  # the walkers that are the network; any other is a control
CONTROLS = ("untrained", "random walk", "permuted", "shuffled")  # in a condition: nothing the network learned
LEAST = 20
NOTHING = 1e-9  # the width of an interval that is a point but for rounding
CLEAR = 0.05
BY_MAZES = "p in control"
ADDED = ("table", "between", "p", "p (Holm)", BY_MAZES)  # what `rows` says of a measure besides its conditions
IN = "in "  # begins the column of a network's own values
Key = tuple[str, str, tuple[tuple[str, Any], ...]]


@dataclass(frozen=True)
class Spread:
    """Measures (a row each) as several networks (a column each) showed them, each with the ends of its 95% interval."""

    keys: Sequence[Key]
    value: Float[np.ndarray, "measure network"]
    low: Float[np.ndarray, "measure network"]
    high: Float[np.ndarray, "measure network"]
    inflation: float = 1.0  # how many times as large Q is as where only mazes differ

    @property
    def networks(self) -> int:
        return self.value.shape[1]

    def of(self, networks: Sequence[int], measures: Bool[np.ndarray, " measure"]) -> "Spread":
        """The same measures, or some of them, of some of the networks."""
        keys = [key for key, kept in zip(self.keys, measures, strict=True) if kept]
        value, low, high = (each[measures][:, list(networks)] for each in (self.value, self.low, self.high))
        return Spread(keys, value, low, high, self.inflation)

    @property
    def error(self) -> Float[np.ndarray, "measure network"]:
        """Standard errors over mazes, of normal intervals as wide as these; wider where Q is inflated."""
        return (self.high - self.low) / (2 * Z) * self.inflation**0.5

    @property
    def middle(self) -> Float[np.ndarray, " measure"]:
        """The mean over networks that weighs each by its precision."""
        weight = self.error**-2.0
        return (weight * self.value).sum(axis=1) / weight.sum(axis=1)

    @property
    def q(self) -> Float[np.ndarray, " measure"]:
        """Cochran's Q."""
        return (((self.value - self.middle[:, None]) / self.error) ** 2).sum(axis=1)

    @property
    def between(self) -> Float[np.ndarray, " measure"]:
        """The standard deviation between networks beyond what mazes explain (DerSimonian & Laird 1986), 0 at least."""
        weight = self.error**-2.0
        whole = weight.sum(axis=1)
        scale = whole - (weight**2).sum(axis=1) / whole
        return np.sqrt(np.maximum(0.0, self.q - (self.networks - 1)) / np.maximum(scale, NOTHING * whole))

    @property
    def p(self) -> Float[np.ndarray, " measure"]:
        """How often Q is as large where only mazes differ; nan of one network."""
        if self.networks < 2:
            return np.full(len(self.keys), np.nan)
        return chi_square_tail(self.q, self.networks - 1)

    @property
    def holds(self) -> Float[np.ndarray, " network"]:
        """The share of other networks' values that the intervals of each network hold: of two networks that differ by
        the draw of mazes alone, as precisely measured, normal intervals hold 83%."""
        inside = (self.low[:, :, None] <= self.value[:, None]) & (self.value[:, None] <= self.high[:, :, None])
        others = ~np.eye(self.networks, dtype=bool)
        if self.networks < 2 or not len(self.keys):
            return np.full(self.networks, np.nan)
        return np.array([inside[:, one, others[one]].mean() for one in range(self.networks)])


def chi_square_tail(q: Float[np.ndarray, " test"], degrees: int) -> Float[np.ndarray, " test"]:
    """How often a chi-square variable is at least `q`: the upper incomplete gamma function, regularised."""
    half = torch.from_numpy(np.ascontiguousarray(q, dtype=np.float64)) / 2
    return torch.special.gammaincc(torch.full_like(half, degrees / 2), half).numpy()


def inflation(control: Spread) -> float:
    """How many times as large Q is as where only mazes differ: its median over that of chi-square; 1 at least."""
    return max(1.0, float(np.median(control.q) / _usual(control))) if len(control.keys) else 1.0


def inflation_range(control: Spread) -> tuple[float, float]:
    """The 95% interval of `inflation` by order statistics, if measures erred independently; nan of fewer than six.

    Measures of one asking share mazes, so it is too narrow: a factor that this leaves open is open.
    """
    count = len(control.keys)
    if count < 6:  # even the least and the greatest hold the median in less than 95%
        return float("nan"), float("nan")
    reach = Z * count**0.5 / 2
    ends = max(0, int(np.floor(count / 2 - reach))), min(count - 1, int(np.ceil(count / 2 + reach)) - 1)
    low, high = (max(1.0, float(np.sort(control.q)[end] / _usual(control))) for end in ends)
    return low, high


def _usual(control: Spread) -> float:
    """The median of Q where only mazes differ."""
    degrees = control.networks - 1
    grid = np.linspace(0.0, 4.0 * degrees + 4.0, 4001)
    return float(np.interp(-0.5, -chi_square_tail(grid, degrees), grid))


def measured(control: Spread) -> tuple[Bool[np.ndarray, " measure"], Bool[np.ndarray, " measure"]]:
    """(which measures may tell networks apart, which of those the draw of mazes changes), by one network asked anew.

    What no draw changes is a measure of weights alone, whose interval is not over mazes, or a share at an end of its
    scale. The latter counts: another network may be anywhere. Of how far intervals err it says nothing.
    """
    drawn = np.ptp(control.value, axis=1) > 0
    return drawn | np.isin(control.value[:, 0], (0.0, 1.0)), drawn


def gather(found: Sequence[Findings]) -> Spread:
    """The measures that all findings have with an interval, in the first one's order, a column for each of them.

    Rows are matched by table, measure and conditions. A column that tells a result is no condition: one of RESULTS, or
    one of which the findings share no more than half of the values, such as how many decisions there were. Left out are
    measures of controls, of fewer than LEAST units (too few for the normal law that Q takes for granted), of single
    heads and other parts that two networks do not share, and what stays ambiguous. Raises ValueError if none is left.
    """
    each: list[dict[Key, Row]] = [{} for _ in found]
    for table in found[0].tables:
        known = [[row for row in findings.tables.get(table, ()) if _measured(row)] for findings in found]
        if "untrained" in table:
            continue
        names = _conditions(known)
        for rows, mine in zip(each, known, strict=True):
            whats = [tuple((name, row.what[name]) for name in names if name in row.what) for row in mine]
            keys = [(table, row.measure, what) for row, what in zip(mine, whats, strict=True)]
            times = Counter(keys)
            rows |= {key: row for key, row in zip(keys, mine, strict=True) if times[key] == 1}
    keys = [key for key in each[0] if all(key in rows for rows in each)]
    if not keys:
        raise ValueError(
            f"no measure of {found[0].heading!r} has an interval in every network, so none can be compared"
        )
    value, low, high = (
        np.array([[getattr(rows[key], name) for rows in each] for key in keys], dtype=float)
        for name in ("value", "low", "high")
    )
    return Spread(keys, value, low, high)


def rows(spread: Spread, names: Sequence[str] = (), control: Spread | None = None) -> list[Row]:
    """A row a measure: its mean over networks with Student's interval, n networks.

    Beside it stand the table it is from, its value in each network (by `names`), the standard deviation between them
    beyond what mazes explain, the p-value of their difference, plain and corrected (Holm 1979), and that of the
    `control`, in which only mazes differ.
    """
    count, corrected = spread.networks, holm(spread.p)
    reach = student_t(count - 1) / count**0.5 if count > 1 else float("nan")
    half = reach * spread.value.std(axis=1, ddof=min(1, count - 1))
    mean, found = spread.value.mean(axis=1), []
    for i, (table, measure, what) in enumerate(spread.keys):
        tests = {"between": spread.between[i], "p": spread.p[i], "p (Holm)": corrected[i]} if count > 1 else {}
        tests |= {BY_MAZES: control.p[i]} if control else {}
        each = {f"{IN}{name}": float(value) for name, value in zip(names, spread.value[i], strict=False)}
        told = {"table": table, **dict(what), **each, **{name: float(value) for name, value in tests.items()}}
        found.append(Row(measure, float(mean[i]), float(mean[i] - half[i]), float(mean[i] + half[i]), count, told))
    return found


def differing(compared: Sequence[Row]) -> list[Row]:
    """The measures in which networks surely differ, the surest first; not those in which the control may differ too.

    A measure whose control has p < 0.05 is doubtful: its interval may leave out something that is drawn, and decides
    nothing. Of sound measures 1 in 20 is lost so.
    """
    sure = [row for row in compared if row.what.get("p (Holm)", 1) < CLEAR and not doubtful(row)]
    return sorted(sure, key=lambda row: row.what["p"])


def doubtful(row: Row) -> bool:
    """Whether one network, asked about other mazes, differs from itself in this measure with p < 0.05."""
    return bool(row.what.get(BY_MAZES, 1.0) < CLEAR)


def held(spread: Spread, who: str) -> Row:
    """How often one network's interval holds another's value: the mean over networks, from the least to the most.

    The ends are those of the networks' own shares and no 95% interval: networks share values, and measures each other.
    """
    shares = spread.holds
    return Row("held", float(shares.mean()), float(shares.min()), float(shares.max()), spread.networks, {"who": who})


def label(row: Row) -> str:
    """A compared measure's name, with its table and its conditions."""
    what = "".join(f", {name} {value}".replace("_", " ") for name, value in row.what.items() if not _added(name))
    return f"{row.what['table']}: {row.measure}".replace("_", " ") + what


def _added(name: str) -> bool:
    return name in ADDED or name.startswith(IN)


def _measured(row: Row) -> bool:
    """Whether a row has a value of enough units, with an interval that is not a point, and is neither a control's nor
    of a part that another network has no match for."""
    if "walker" in row.what and row.what["walker"] not in THEMSELVES:
        return False
    if any(control in str(value) for value in row.what.values() for control in CONTROLS):
        return False
    if any(row.what.get(name, ALL) != ALL for name in UNMATCHED):
        return False
    known = all(map(isfinite, (row.value, row.low, row.high))) and row.n >= LEAST
    return known and row.high - row.low > NOTHING * max(1.0, abs(row.value))


def _conditions(known: Sequence[Sequence[Row]]) -> list[str]:
    """The columns that say what was measured: of which all networks have most values."""
    names = dict.fromkeys(name for rows in known for row in rows for name in row.what if name not in (*OWN, *RESULTS))
    kept = []
    for name in names:
        values = [{row.what[name] for row in rows if name in row.what} for rows in known]
        if 2 * len(set.intersection(*values)) > len(set.union(*values)):
            kept.append(name)
    return kept
