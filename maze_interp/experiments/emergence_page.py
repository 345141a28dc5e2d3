"""What comes first in training, in words, tables and pictures: each measure's course, its change, and their order."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
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
VERDICTS = {"precedes": "before", "follows": "after", "accompanies": "together with"}


@dataclass(frozen=True)
class Course:
    """Each measure on each test maze at each checkpoint, the first of which is step 0, and the probes' controls.

    `read` are mazes read by then, `controls` names the strongest bag of the input for each probe, with its scores.
    """

    read: Int[np.ndarray, " checkpoint"]
    values: dict[str, Float[np.ndarray, "maze checkpoint"]]
    controls: dict[str, tuple[str, Float[np.ndarray, " maze"]]]

    @cached_property
    def level(self) -> float:
        """Of the intervals of order, corrected for how many there are."""
        return 1 - 0.05 / (2 * len(self.values) - 3)


def findings(course: Course, learned: int, position: str, *, seed: int) -> Findings:
    """The page: where each measure changes, and whether before, with or after exact paths and the loss."""
    x = np.log2(course.read[course.read > 0])
    changes = {
        name: change_point(x, values[:, course.read > 0], seed=seed, level=course.level)
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
            _asked(course, learned, position, changes[LOSS].gap),
            PREDICTION,
            _changes(course, changes),
            *(_order(orders, against) for against in (EXACT, LOSS)),
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


def _asked(course: Course, learned: int, position: str, gap: float) -> str:
    mazes, checkpoints = course.values[EXACT].shape
    return (
        f"Measured at {checkpoints} checkpoints, after up to {course.read[-1]:,} mazes, on the same {mazes} test "
        f"mazes; probes, fitted to {learned:,} mazes, read the residual stream at {position} after the layer that "
        "validation mazes choose at each checkpoint, and so are heads chosen. A change is the middle of the best ramp "
        f"over the logarithm of the mazes read; checkpoints lie {2**gap:.1f} times apart, and no closer order is told. "
        f"Intervals are over mazes, corrected for {2 * len(course.values) - 3} comparisons; another run might differ "
        "by more."
    )


def _said(name: str, value: float) -> str:
    return f"{value:.2f} nats" if name == LOSS else f"{value:.1%}"


def _changes(course: Course, changes: dict[str, Change]) -> str:
    some = sorted((name for name in changes if changes[name].found), key=lambda name: changes[name].middle)
    none = [name for name in changes if not changes[name].found]
    said = "; ".join(
        f"{name} from {_said(name, changes[name].before)} to {_said(name, changes[name].after)} at "
        f"{2 ** changes[name].middle:,.0f} mazes ({2 ** changes[name].low:,.0f} to {2 ** changes[name].high:,.0f})"
        for name in some
    )
    return f"In this order they change: {said or 'none'}. No change is found of: {', '.join(none) or 'none of them'}."


def _order(orders: dict[tuple[str, str], Order], against: str) -> str:
    """What changes before, together with and after one measure."""
    parts = []
    for verdict, word in VERDICTS.items():
        mine = [
            f"{name} (at {2**one.lag:.2f} times its mazes, {2**one.low:.2f} to {2**one.high:.2f})"
            for (name, other), one in orders.items()
            if (other, one.verdict) == (against, verdict)
        ]
        parts += [f"{word} it {', '.join(mine)}"] if mine else []
    untold = [name for (name, other), one in orders.items() if other == against and one.verdict not in VERDICTS]
    caution = ", which asks for every step at once and so rises later than its parts" if against == EXACT else ""
    return (
        f"Against the change of {against}{caution}: {'; '.join(parts) or 'nothing is told'}"
        f"{'; not told of ' + ', '.join(untold) if untold else ''}."
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
        f"The {name} exceeds what the prompt tells by itself ({control}: {np.nanmean(scores):.1%}) {first}; at the end "
        f"it reads {now:.1%}, {last.value:+.1%} ({last.low:+.1%} to {last.high:+.1%})."
    )


def _change(name: str, one: Change, course: Course) -> Row:
    what = {"found": one.found, "p": round(one.p, 3), "before": round(one.before, 3), "after": round(one.after, 3)}
    span = {"begins": round(2**one.begin), "ends": round(2**one.end)}
    ends = (2.0**one.middle, 2.0**one.low, 2.0**one.high)
    return Row(name, *ends, len(course.values[name]), what | span)


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
    first = [name for (name, against), one in orders.items() if (against, one.verdict) == (EXACT, "precedes")]
    title = f"Before exact paths change {', '.join(first) or 'no others'}"
    if not changes[EXACT].found:
        title = "Exact paths do not change"
    return figures.training_curves(
        [lines.pop(LOSS)],
        [*lines.values(), *levels],
        title=title,
        x="mazes read",
        share="share (of mazes, facts, attention)",
        log_x=True,
    )


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
    some = sorted((name for name in changes if changes[name].found), key=lambda name: changes[name].middle)
    if not some:
        return {}
    rows = [_change(name, changes[name], course) for name in some]
    title = f"{some[0]} changes first, {some[-1]} last" if len(some) > 1 else f"Only {some[0]} changes"
    return {"changes": figures.intervals(rows, title=title, x="mazes read at the middle of the change", log_x=True)}
