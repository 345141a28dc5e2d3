"""What comes first in training, in words, tables and pictures: each measure's course, its change, and their order.

An order is sorted by estimates, and said to be one only where an interval tells it: nothing, and nothing told, differ.
"""

import numpy as np

from maze_interp import tables
from maze_interp.experiments.emergence_charts import (
    CHANCE,
    EXACT,
    LOSS,
    SHARES,
    VERDICTS,
    Course,
    by_estimate,
    changed,
    curves,
    plot,
    points,
)
from maze_interp.experiments.findings import Findings
from maze_interp.tables import Row
from maze_interp.training import Change, Order, change_point, order

FIRST, PASSAGES = "connectivity head", "passage probe"
PREDICTION = (
    "Predicted: heads that join the ends of edges (connectivity) come first, passages can be read beyond what the "
    "prompt itself tells before mazes are walked, and exact paths come last."
)


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
            _judged(changes, orders, beyond, course.level),
        ],
        tables={
            "changes": [changed(name, one, course) for name, one in changes.items()],
            "order": [_lag(name, against, one, course) for (name, against), one in orders.items()],
            "curves": list(curves(course, seed)),
            "beyond_controls": [row for rows in beyond.values() for row in rows],
        },
        figures={"course": plot(course, changes, orders, seed), **points(changes, course)},
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
    """A level of a ramp, which of a share is none below 0."""
    return f"{value:.2f} nats" if name == LOSS else f"{max(value, 0.0) if name in SHARES else value:.1%}"


def _changes(changes: dict[str, Change]) -> str:
    steady = [name for name in changes if changes[name].steady]
    none = [name for name in changes if not changes[name].found and not changes[name].steady]
    said = "; ".join(
        f"{name} from {_said(name, changes[name].before)} to {_said(name, changes[name].after)} at "
        f"{2 ** changes[name].middle:,.0f} mazes ({2 ** changes[name].low:,.0f} to {2 ** changes[name].high:,.0f})"
        for name in by_estimate(changes)
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
        parts += [f"{word} {', '.join(mine)}"] if mine else []
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
        f"it reads {now:.1%}, {last:+.1%}."
    )


def _judged(
    changes: dict[str, Change], orders: dict[tuple[str, str], Order], beyond: dict[str, list[Row]], level: float
) -> str:
    """What became of each part of the prediction."""
    outcomes = {
        f"{FIRST} first": _at_an_end(changes, orders, FIRST, level, last=False),
        "passages beyond the prompt before mazes are walked": _before_walking(changes, beyond.get(PASSAGES, [])),
        f"{EXACT} paths last": _at_an_end(changes, orders, EXACT, level, last=True),
    }
    said = {True: "held", False: "refuted", None: "not told"}
    return f"Of the prediction: {'; '.join(f'{name}, {said[one]}' for name, one in outcomes.items())}."


def _at_an_end(
    changes: dict[str, Change], orders: dict[tuple[str, str], Order], name: str, level: float, *, last: bool
) -> bool | None:
    """Whether a measure changes first, or last: by its neighbour in the sorting, and by whatever is told against it."""
    asked, against = ("follows", "precedes") if last else ("precedes", "follows")
    if any(name == one and verdict.verdict == against for (one, _), verdict in orders.items()):
        return False
    if any(name == other and verdict.verdict == asked for (_, other), verdict in orders.items()):
        return False
    some = by_estimate(changes)[:: -1 if last else 1]
    if name not in some[:1] or len(some) < 2:
        return None
    return True if order(changes[name], changes[some[1]], level=level).verdict == asked else None


def _before_walking(changes: dict[str, Change], rows: list[Row]) -> bool | None:
    """Whether the passage probe exceeds its control at a checkpoint before exact paths change."""
    if not rows or not changes[EXACT].found:
        return None
    early = [row for row in rows if np.log2(max(row.what["mazes"], 1)) < changes[EXACT].low]
    if any(row.low > 0 for row in early):
        return True
    return False if all(row.high <= 0 for row in early) else None


def _lag(name: str, against: str, one: Order, course: Course) -> Row:
    what = {"against": against, "verdict": one.verdict}
    return Row(name, 2.0**one.lag, 2.0**one.low, 2.0**one.high, len(course.values[name]), what)
