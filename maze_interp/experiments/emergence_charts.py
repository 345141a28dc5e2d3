"""What is measured in training, checkpoint by checkpoint, drawn: each measure's course and the points of change."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import isnan

import numpy as np
from jaxtyping import Float, Int

from maze_interp import figures, tables
from maze_interp.figures import Figure, Series
from maze_interp.tables import Row
from maze_interp.training import Change, Order, order

LOSS, EXACT, VALID = "loss", "exact", "valid"
SHARES = (EXACT, VALID)
CHANCE = 0.05
VERDICTS = {
    "precedes": "before it",
    "follows": "after it",
    "accompanies": "together with it as far as checkpoints tell",
}


@dataclass(frozen=True)
class Course:
    """Each measure on each test maze at each checkpoint, the first of which is step 0, and the probes' controls.

    `read` are mazes read by then, `controls` names the strongest bag of the input for each probe, with its scores.
    """

    read: Int[np.ndarray, " checkpoint"]
    values: dict[str, Float[np.ndarray, "maze checkpoint"]]
    controls: dict[str, tuple[str, Float[np.ndarray, " maze"]]]

    @property
    def comparisons(self) -> int:
        """Each measure with exact paths and with the loss, the earliest with the next, and the last with its last."""
        return 2 * len(self.values) - 1

    @property
    def level(self) -> float:
        """Of the intervals of order, corrected for how many there are."""
        return 1 - CHANCE / self.comparisons


def by_estimate(changes: dict[str, Change]) -> list[str]:
    """What changes, the earliest by point estimate first."""
    return sorted((name for name in changes if changes[name].found), key=lambda name: changes[name].middle)


def changed(name: str, one: Change, course: Course) -> Row:
    """The middle of a measure's change in mazes read, with its interval, levels, span and tests."""
    tests = {"found": one.found, "steady": one.steady, "p": round(one.p, 3), "p_straight": round(one.p_straight, 3)}
    what = {"before": round(one.before, 3), "after": round(one.after, 3)}
    span = {"begins": round(2**one.begin), "ends": round(2**one.end)}
    ends = (2.0**one.middle, 2.0**one.low, 2.0**one.high)
    return Row(name, *ends, len(course.values[name]), tests | what | span)


def curves(course: Course, seed: int) -> Iterator[Row]:
    """Each measure at each checkpoint."""
    for name, values in course.values.items():
        for number, (read, column) in enumerate(zip(course.read.tolist(), values.T, strict=True)):
            known, what = column[~np.isnan(column)], {"checkpoint": number, "mazes": read}
            yield (
                tables.proportion(name, known > 0, **what)
                if name in SHARES
                else tables.mean(name, known, seed=seed, **what)
            )


def plot(course: Course, changes: dict[str, Change], orders: dict[tuple[str, str], Order], seed: int) -> Figure:
    """All measures over the mazes read, with the probes' strongest controls as levels."""
    rows = list(curves(course, seed))
    lines = {name: _line(name, [row for row in rows if row.measure == name]) for name in course.values}
    span = lines[LOSS].x[[0, -1]]
    levels = [
        Series(f"{name}: {control}", span, np.full(2, np.nanmean(scores)))
        for name, (control, scores) in course.controls.items()
    ]
    return figures.training_curves(
        [lines.pop(LOSS)],
        [*lines.values(), *levels],
        title=_title(changes, orders),
        x="mazes read",
        share="share (of mazes, facts, attention)",
        log_x=True,
    )


def _title(changes: dict[str, Change], orders: dict[tuple[str, str], Order]) -> str:
    """What comes before exact paths, or that nothing does, or that it is not told."""
    if not changes[EXACT].found:
        return "Exact paths only change steadily" if changes[EXACT].steady else "Exact paths do not change"
    verdicts = {name: one.verdict for (name, against), one in orders.items() if against == EXACT}
    first = [name for name, verdict in verdicts.items() if verdict == "precedes"]
    if first:
        return f"Before exact paths change {', '.join(first)}"
    untold = [name for name, verdict in verdicts.items() if verdict not in VERDICTS and changes[name].found]
    return f"Not told before exact paths: {', '.join(untold)}" if untold else "Nothing changes before exact paths"


def _line(name: str, rows: list[Row]) -> Series:
    """A measure over the mazes read, from the first step on: 0 has no place on a logarithmic axis."""
    later = [row for row in rows if row.what["mazes"] > 0]
    x, y = (np.array(each, float) for each in ([row.what["mazes"] for row in later], [row.value for row in later]))
    low, high = (
        np.array([row.value if isnan(getattr(row, end)) else getattr(row, end) for row in later])
        for end in ("low", "high")
    )
    return Series(name, x, y, low, high)


def points(changes: dict[str, Change], course: Course) -> dict[str, Figure]:
    """The change points side by side, the earliest on top."""
    some = by_estimate(changes)
    if not some:
        return {}
    rows = [changed(name, changes[name], course) for name in some]
    title = f"Only {some[0]} changes"
    if len(some) > 1:
        first = order(changes[some[0]], changes[some[1]], level=course.level).verdict == "precedes"
        last = order(changes[some[-1]], changes[some[-2]], level=course.level).verdict == "follows"
        ends = [f"{some[0]} changes first"] * first + [f"{some[-1]} changes last"] * last
        title = ", ".join(ends) or "What changes first, and what last, is not told"
    return {"changes": figures.intervals(rows, title=title, x="mazes read at the middle of the change", log_x=True)}
