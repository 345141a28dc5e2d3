"""Tidy tables: a row is one measurement with its 95% interval, its sample size and what it was measured on.

A proportion gets Wilson's interval (Wilson 1927; sound for small samples and at 0 and 1), any other statistic a
percentile bootstrap over its independent units (Efron 1979), which here are mazes. Two conditions measured on the same
mazes are compared maze by maze, `paired_difference`, because most of the variation is between mazes; shares of
different mazes by `difference`.
"""

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isnan, log
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, Num

from maze_interp import seeds, storage

Z = 1.959963984540054  # the normal quantile of a two-sided 95% interval
COLUMNS = ("measure", "value", "low", "high", "n")
OUTSIDE = 10  # draws beyond an end of an interval, lest it be that of a single draw
CHUNK = 1 << 22  # resampled indices held at once, so that memory does not grow with the sample


@dataclass(frozen=True)
class Row:
    """One measurement: `value` with its 95% interval [low, high] from `n` units, and `what` it was measured on."""

    measure: str
    value: float
    low: float
    high: float
    n: int
    what: Mapping[str, Any] = field(default_factory=dict)

    def __format__(self, spec: str) -> str:
        """For reading, in the format of a number: f"{row:.1%}" is "83.1% (81.4% to 84.7%)"; no interval of nan."""
        if not spec:
            return str(self)
        interval = "" if isnan(self.low) else f" ({self.low:{spec}} to {self.high:{spec}})"
        return f"{self.value:{spec}}{interval}"


def proportion(measure: str, successes: Bool[np.ndarray, " maze"], **what: Any) -> Row:
    """The share of successes with Wilson's 95% interval; of nothing, the share is nan and the interval [0, 1]."""
    n = len(successes)
    if n == 0:
        return Row(measure, float("nan"), 0.0, 1.0, 0, what)
    share = float(np.mean(successes))
    middle = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z / (1 + Z**2 / n) * (share * (1 - share) / n + (Z / (2 * n)) ** 2) ** 0.5
    return Row(measure, share, min(share, max(0.0, middle - half)), max(share, min(1.0, middle + half)), n, what)


def mean(
    measure: str, values: Num[np.ndarray, " maze"] | Bool[np.ndarray, " maze"], *, seed: int = 0, **what: Any
) -> Row:
    """The mean with a bootstrap 95% interval; nan where a bootstrap knows nothing: no values, or all of them alike."""
    values = np.asarray(values, dtype=np.float64)
    if len(values) == 0:
        return Row(measure, float("nan"), float("nan"), float("nan"), 0, what)
    if (values == values[0]).all():
        return Row(measure, float(values[0]), float("nan"), float("nan"), len(values), what)
    low, high = bootstrap(lambda chosen: values[chosen].mean(axis=1), len(values), seed=seed)
    return Row(measure, float(values.mean()), low, high, len(values), what)


def ends(row: Row, least: float, most: float, level: float = 0.95) -> tuple[float, float]:
    """The interval of a mean of values from `least` to `most`, also where all n are alike and a bootstrap is silent.

    Of values alike a share of -ln((1 - level) / 2) / n could be otherwise without one of n showing it, and these could
    lie as far off as values do. Of no values, and so of one, that is anywhere.
    """
    if not isnan(row.low):
        return row.low, row.high
    if not row.n:
        return least, most
    unseen = min(1.0, -log((1 - level) / 2) / row.n)
    return row.value - unseen * (row.value - least), row.value + unseen * (most - row.value)


def paired_difference(
    measure: str,
    first: Num[np.ndarray, " maze"] | Bool[np.ndarray, " maze"],
    second: Num[np.ndarray, " maze"] | Bool[np.ndarray, " maze"],
    *,
    seed: int = 0,
    **what: Any,
) -> Row:
    """The mean of first - second, item i of each measured on the same maze, with a bootstrap interval over mazes."""
    if len(first) != len(second):
        raise ValueError(f"a paired difference needs the same mazes on both sides, not {len(first)} and {len(second)}")
    return mean(measure, np.asarray(first, np.float64) - np.asarray(second, np.float64), seed=seed, **what)


def difference(measure: str, first: Bool[np.ndarray, " maze"], second: Bool[np.ndarray, " other"], **what: Any) -> Row:
    """The share of successes in `first` minus that in `second`, mazes of its own, with Newcombe's 95% interval.

    It is made of the two shares' own intervals (Newcombe 1998, method 10), so it too is sound for small samples and at
    0 and 1. n is the smaller number of mazes; nan and [-1, 1] where one is 0.
    """
    one, two = proportion(measure, first), proportion(measure, second)
    if 0 in (one.n, two.n):
        return Row(measure, float("nan"), -1.0, 1.0, 0, what)
    gap = one.value - two.value
    below = ((one.value - one.low) ** 2 + (two.high - two.value) ** 2) ** 0.5
    above = ((one.high - one.value) ** 2 + (two.value - two.low) ** 2) ** 0.5
    return Row(measure, gap, gap - below, gap + above, min(one.n, two.n), what)


def bootstrap(
    statistic: Callable[[Int[np.ndarray, "draw sample"]], Float[np.ndarray, " draw"]],
    count: int,
    *,
    seed: int,
    draws: int = 2000,
) -> tuple[float, float]:
    """The percentile 95% interval of `statistic`, given index arrays that resample `count` units with replacement."""
    rng = seeds.generator(seed, "bootstrap")
    step = max(1, CHUNK // max(1, count))
    sizes = [min(step, draws - done) for done in range(0, draws, step)]
    values = np.concatenate([statistic(rng.integers(0, count, size=(size, count))) for size in sizes])
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


def draws_for(level: float, least: int = 2000) -> int:
    """How many draws a percentile interval needs: `least`, and OUTSIDE beyond either end where the level is high."""
    return max(least, round(2 * OUTSIDE / (1 - level)))


def bootstrap_means(
    values: Float[np.ndarray, "maze column"], *, seed: int, level: float = 0.95, draws: int = 2000
) -> tuple[Float[np.ndarray, " column"], Float[np.ndarray, " column"]]:
    """The percentile interval of each column's mean over mazes, every draw resampling all columns alike.

    nan values are left out; a column has the interval nan where a bootstrap knows nothing: no values, or all of them
    alike. Where the level is high there are more than `draws`, so that OUTSIDE of them lie beyond either end.
    """
    draws = draws_for(level, draws)
    rng, count = seeds.generator(seed, "bootstrap"), len(values)
    known = ~np.isnan(values)
    filled, step, means = np.where(known, values, 0.0), max(1, CHUNK // max(1, count)), []
    for done in range(0, draws, step):
        times = rng.multinomial(count, np.full(count, 1 / count), size=min(step, draws - done)).astype(np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            means.append(times @ filled / (times @ known))
    drawn, ends = np.concatenate(means), [(1 - level) / 2, (1 + level) / 2]
    low, high = np.quantile(drawn, ends, axis=0)
    rare = np.isnan(low) & known.any(axis=0)  # some draws hold no maze of which it is known
    if rare.any():
        low[rare], high[rare] = np.nanquantile(drawn[:, rare], ends, axis=0)
    least, most = np.where(known, values, np.inf).min(axis=0), np.where(known, values, -np.inf).max(axis=0)
    low[least >= most] = high[least >= most] = np.nan
    return low, high


def holm(p_values: Float[np.ndarray, " test"]) -> Float[np.ndarray, " test"]:
    """The p-values corrected for how many there are (Holm 1979); nan, which is no test, stays and does not count."""
    p_values = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p_values)[: int((~np.isnan(p_values)).sum())]  # nan sorts last
    corrected = np.full(len(p_values), np.nan)
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(p_values[order] * np.arange(len(order), 0, -1)))
    return corrected


def to_csv(rows: Sequence[Row], path: str | Path) -> None:
    """Write rows as CSV: the five columns of every table, then one per condition (empty where a row lacks it)."""
    names = _conditions(rows)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*COLUMNS, *names])
    for row in rows:
        numbers = [repr(float(value)) for value in (row.value, row.low, row.high)]
        writer.writerow([row.measure, *numbers, int(row.n), *(_cell(row.what, name) for name in names)])
    storage.write_text_atomically(path, text.getvalue())


def from_csv(path: str | Path) -> list[Row]:
    """The rows `to_csv` wrote, conditions with their types. Raises ValueError naming a file that is another table."""
    with open(path, encoding="utf-8", newline="") as file:
        header, *records = list(csv.reader(file)) or [[]]
    if tuple(header[:5]) != COLUMNS:
        raise ValueError(f"{path} is not a table of measurements: its columns start {header[:5]}, not {list(COLUMNS)}")
    return [_row(record, header[5:]) for record in records]


def to_markdown(rows: Sequence[Row]) -> str:
    """A Markdown table: conditions, measure, `value [low, high]` and n."""
    names = _conditions(rows)
    lines = [[*names, "measure", "value [95% interval]", "n"], ["---"] * (len(names) + 3)]
    for row in rows:
        value = f"{row.value:.4g} [{row.low:.4g}, {row.high:.4g}]"
        lines.append([*(str(row.what.get(name, "")) for name in names), row.measure, value, str(row.n)])
    return "".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |\n" for line in lines)


def _conditions(rows: Iterable[Row]) -> list[str]:
    names = list(dict.fromkeys(name for row in rows for name in row.what))
    if clash := set(names) & set(COLUMNS):
        raise ValueError(f"a condition cannot be called {', '.join(sorted(clash))}: that is a column of every table")
    return names


def _cell(what: Mapping[str, Any], name: str) -> str:
    """JSON, but strings bare unless that could be read as something else."""
    if name not in what:
        return ""
    value = what[name].item() if isinstance(what[name], np.generic) else what[name]
    bare = isinstance(value, str) and value and value.isprintable() and _parse(value) == value
    return value if bare else json.dumps(value)


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _row(record: list[str], names: list[str]) -> Row:
    measure, value, low, high, n = record[:5]
    what = {name: _parse(text) for name, text in zip(names, record[5:], strict=True) if text}
    return Row(measure, float(value), float(low), float(high), int(n), what)


def ranks(values: Float[np.ndarray, " value"]) -> Float[np.ndarray, " value"]:
    """Ranks from 1 on, equal values sharing theirs: what Spearman's correlation correlates."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (counts.cumsum() - (counts - 1) / 2)[place]
