"""What comes first in training, in words, tables and pictures: each measure's course, its change, and their order.

An order is sorted by estimates, and said to be one only where an interval tells it: nothing, and nothing told, differ.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import isnan

import numpy as np
from jaxtyping import Float, Int

from maze_interp import figures, tables
from maze_interp.experiments.findings import Findings
from maze_interp.figures import Figure, Series
from maze_interp.tables import Row
from maze_interp.training import Change, Order, change_point, order

LOSS, EXACT, VALID = "loss", "exact", "valid"
SHARES = (EXACT, VALID)
PREDICTION = (
    "Predicted: heads that join the ends of edges (connectivity) come first, passages can be read beyond what the "
    "prompt itself tells before mazes are walked, and exact paths come last."
)
CHANCE = 0.05
VERDICTS = {"precedes": "before", "follows": "after", "accompanies": "together with"}


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


def findings(course: Course, learned: int, position: str, *, seed: int) -> Findings:
    """The page: where each measure changes, and whether before, with or after exact paths and the loss."""
    x = np.log2(course.read[course.read > 0])
    changes = {
        name: change_point(
            x, values[:, course.read > 0], seed=seed, level=course.level, chance=CHANCE / len(course.values)
        )
        for name, values in course.values.items()
    }
    orders = {
        (name, against): order(changes[name], changes[against], level=course.level)
        for against in (EXACT, LOSS)
        for name in changes
        if name != against and (name, against) != (EXACT, LOSS)
    }
    beyond = {name: _beyond(course, name, seed) for name in course.controls}
    return Findings(
        heading="What comes first in training",
        sentences=[
            _asked(course, learned, position),
            PREDICTION,
            _changes(changes),
            *(_order(orders, changes, against) for against in (EXACT, LOSS)),
            *(_told(course, name, rows) for name, rows in beyond.items()),
        ],
        tables={
            "changes": [_change(name, one, course) for name, one in changes.items()],
            "order": [_lag(name, against, one, course) for (name, against), one in orders.items()],
            "curves": list(_curves(course, seed)),
            "beyond_controls": [row for rows in beyond.values() for row in rows],
        },
        figures={"course": _plot(course, changes, orders, seed), **_points(changes, course)},
        numbers={
            **{f"{name}, at the end": float(np.nanmean(values[:, -1])) for name, values in course.values.items()},
            **{f"{name}, control": float(np.nanmean(scores)) for name, (_, scores) in course.controls.items()},
            **{f"{name}, changes at": 2.0**one.middle for name, one in changes.items() if one.found},
            **{f"{name} against {against}": 2.0**one.lag for (name, against), one in orders.items()},
        },
    )


def _asked(course: Course, learned: int, position: str) -> str:
    gaps = course.read[1:] / np.maximum(course.read[:-1], 1)
    gaps = gaps[course.read[:-1] > 0]
    mazes, checkpoints = course.values[EXACT].shape
    return (
        f"Measured at {checkpoints} checkpoints, after up to {course.read[-1]:,} mazes, on the same {mazes} test "
        f"mazes; probes, fitted to {learned:,} mazes, read the residual stream at {position} after the layer that "
        "validation mazes choose at each checkpoint, and so are heads chosen. A change is the middle of the best ramp "
        "over the logarithm of the mazes read, if it does better than a straight line; checkpoints lie "
        f"{gaps.min():.1f} to {gaps.max():.1f} times apart, and no closer order is told than those beside a change. "
        f"Intervals are over mazes, corrected for {course.comparisons} comparisons, and tests for {len(course.values)} "
        "measures; another run might differ by more."
    )


def _said(name: str, value: float) -> str:
    return f"{value:.2f} nats" if name == LOSS else f"{value:.1%}"


def _sorted(changes: dict[str, Change]) -> list[str]:
    """What changes, the earliest by point estimate first."""
    return sorted((name for name in changes if changes[name].found), key=lambda name: changes[name].middle)


def _changes(changes: dict[str, Change]) -> str:
    steady = [name for name in changes if changes[name].steady]
    none = [name for name in changes if not changes[name].found and not changes[name].steady]
    said = "; ".join(
        f"{name} from {_said(name, changes[name].before)} to {_said(name, changes[name].after)} at "
        f"{2 ** changes[name].middle:,.0f} mazes ({2 ** changes[name].low:,.0f} to {2 ** changes[name].high:,.0f})"
        for name in _sorted(changes)
    )
    return (
        f"Sorted by point estimate, which asserts no order, these change: {said or 'none'}. Steadily, with no point of "
        f"change beyond a straight line: {', '.join(steady) or 'none'}. No change is found of: "
        f"{', '.join(none) or 'none of them'}."
    )


def _order(orders: dict[tuple[str, str], Order], changes: dict[str, Change], against: str) -> str:
    """What changes before, together with and after one measure, and of what that is not told or not to be asked."""
    caution = ", which asks for every step at once and so rises later than its parts" if against == EXACT else ""
    if not changes[against].found:
        return f"No point of change of {against} is found, so nothing comes before or after it."
    parts = []
    for verdict, word in VERDICTS.items():
        mine = [
            f"{name} (at {2**one.lag:.2f} times its mazes, {2**one.low:.2f} to {2**one.high:.2f})"
            for (name, other), one in orders.items()
            if (other, one.verdict) == (against, verdict)
        ]
        parts += [f"{word} it {', '.join(mine)}"] if mine else []
    rest = [name for (name, other), one in orders.items() if other == against and one.verdict not in VERDICTS]
    untold = [name for name in rest if changes[name].found]
    without = [name for name in rest if not changes[name].found]
    return (
        f"Against the change of {against}{caution}: {'; '.join(parts) or 'nothing is told'}"
        f"{'; not told of ' + ', '.join(untold) if untold else ''}"
        f"{'; without a point of change ' + ', '.join(without) if without else ''}."
    )


def _beyond(course: Course, name: str, seed: int) -> list[Row]:
    """By how much a probe exceeds its control at each checkpoint, corrected for their number."""
    gaps = course.values[name] - course.controls[name][1][:, None]
    low, high = tables.bootstrap_means(gaps, seed=seed, level=1 - 0.05 / gaps.shape[1])
    means, n = np.nanmean(gaps, axis=0), int((~np.isnan(gaps)).any(axis=1).sum())
    ends = zip(course.read.tolist(), means.tolist(), low.tolist(), high.tolist(), strict=True)
    what = {"control": course.controls[name][0]}
    return [Row(name, mean, least, most, n, {**what, "mazes": read}) for read, mean, least, most in ends]


def _told(course: Course, name: str, rows: list[Row]) -> str:
    """From when on a probe exceeds its control."""
    above = next((row for row in rows if row.low > 0), None)
    control, scores = course.controls[name]
    last, now = rows[-1], float(np.nanmean(course.values[name][:, -1]))
    first = f"first after {above.what['mazes']:,} mazes" if above else "at no checkpoint"
    return (
        f"The {name} exceeds a bag of {control} ({np.nanmean(scores):.1%}) {first}; at the end "
        f"it reads {now:.1%}, {last.value:+.1%} ({last.low:+.1%} to {last.high:+.1%})."
    )


def _change(name: str, one: Change, course: Course) -> Row:
    tests = {"found": one.found, "steady": one.steady, "p": round(one.p, 3), "p_straight": round(one.p_straight, 3)}
    what = {"before": round(one.before, 3), "after": round(one.after, 3)}
    span = {"begins": round(2**one.begin), "ends": round(2**one.end)}
    ends = (2.0**one.middle, 2.0**one.low, 2.0**one.high)
    return Row(name, *ends, len(course.values[name]), tests | what | span)


def _lag(name: str, against: str, one: Order, course: Course) -> Row:
    what = {"against": against, "verdict": one.verdict}
    return Row(name, 2.0**one.lag, 2.0**one.low, 2.0**one.high, len(course.values[name]), what)


def _curves(course: Course, seed: int) -> Iterator[Row]:
    for name, values in course.values.items():
        for number, (read, column) in enumerate(zip(course.read.tolist(), values.T, strict=True)):
            known, what = column[~np.isnan(column)], {"checkpoint": number, "mazes": read}
            yield (
                tables.proportion(name, known > 0, **what)
                if name in SHARES
                else tables.mean(name, known, seed=seed, **what)
            )


def _plot(course: Course, changes: dict[str, Change], orders: dict[tuple[str, str], Order], seed: int) -> Figure:
    rows = list(_curves(course, seed))
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


def _points(changes: dict[str, Change], course: Course) -> dict[str, Figure]:
    """The change points side by side, the earliest on top."""
    some = _sorted(changes)
    if not some:
        return {}
    rows = [_change(name, changes[name], course) for name in some]
    title = f"Only {some[0]} changes"
    if len(some) > 1:
        first = order(changes[some[0]], changes[some[1]], level=course.level).verdict == "precedes"
        last = order(changes[some[-1]], changes[some[-2]], level=course.level).verdict == "follows"
        ends = [f"{some[0]} changes first"] * first + [f"{some[-1]} changes last"] * last
        title = ", ".join(ends) or "What changes first, and what last, is not told"
    return {"changes": figures.intervals(rows, title=title, x="mazes read at the middle of the change", log_x=True)}
