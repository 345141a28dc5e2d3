"""The matrix of training worlds by test worlds: how well each run walks each world, and which rules break there.

A line is a run, a column the world that one of the runs was trained on. The mazes of a column are the same for every
run, and none of them was read by any.
"""

from collections.abc import Iterator
from math import isnan, nan

import numpy as np

from maze_interp import figures
from maze_interp.behaviour import shifts
from maze_interp.behaviour.shifts import AS_TRAINED, AT_HOME, CONSTRAINTS, UNTRAINED, Measured, Shift
from maze_interp.figures import Figure
from maze_interp.tables import Row
from maze_interp.training import TrainingRun

FAMILY = "world"
OF = "world of "
MOST = 3  # constraints named in a sentence


def worlds(runs: dict[str, TrainingRun]) -> dict[str, Shift]:
    """The shift to the world of each run; of runs that share a world, to that of the first."""
    homes = {name: shifts.home_of(one.recipe).world for name, one in runs.items()}
    first = {repr(world): name for name, world in reversed(homes.items())}
    return {OF + name: shifts.to_world(world) for name, world in homes.items() if first[repr(world)] == name}


def rows(found: list[Measured]) -> list[Row]:
    """The cells: the share of mazes walked, what is lost against home, and what breaks."""
    wanted = ("optimal", "lost", *CONSTRAINTS)
    return [
        row
        for one in found
        for row in one.rows
        if row.what["family"] == FAMILY and row.what["walker"] == shifts.TRAINED and row.measure in wanted
    ]


def sentences(found: list[Measured]) -> Iterator[str]:
    """What each run does in the worlds of the others."""
    for one in found:
        own = _worlds(one)
        away = [row for row in own.values() if not _at_home(row)]
        unheard = [shift for shift in one.refused if shift.startswith(OF)]
        for row in away:
            yield _cell(one, row)
        if unheard:
            yield f"{one.run} cannot be asked in the {', the '.join(unheard)}: {one.refused[unheard[0]]}."


def _cell(one: Measured, row: Row) -> str:
    shift = row.what["shift"]
    lost = one.row(shift, "lost")
    assert lost is not None
    verdict = "worse" if lost.low > 0 else "better" if lost.high < 0 else "not tellably other"
    broken = sorted(broken_more(one, shift), key=lambda pair: pair[1].value - pair[0].value, reverse=True)
    said = ", ".join(f"{there.measure} {there.value:.1%} (at home {home.value:.1%})" for home, there in broken[:MOST])
    breaks = f"breaks tellably more often: {said}" if broken else "breaks no rule tellably more often"
    return (
        f"{one.run} in the {shift} walks {row:.1%} of {row.n} mazes, which is "
        f"{verdict} than at home ({100 * lost.value:+.1f} points lost, {100 * lost.low:+.1f} to "
        f"{100 * lost.high:+.1f}), and {breaks}."
    )


def broken_more(one: Measured, shift: str) -> list[tuple[Row, Row]]:
    """(at home, there) of the constraints broken more often than at home, by intervals that do not touch."""
    pairs = [(one.row(AT_HOME, name), one.row(shift, name)) for name in CONSTRAINTS]
    return [(home, there) for home, there in pairs if home is not None and there is not None and there.low > home.high]


def pictures(found: list[Measured], asked: dict[str, Shift]) -> Iterator[tuple[str, Figure]]:
    """The matrix, its cells with their intervals beside an untrained network, and the rules broken in each cell."""
    names = [name for name, shift in asked.items() if shift.family == FAMILY]
    cells = [(one, name) for one in found for name in names if name in _worlds(one)]
    away = [row for one, name in cells if not _at_home(row := _worlds(one)[name])]
    yield (
        "worlds",
        figures.heat_map(
            np.array([[_value(one.row(name)) for name in names] for one in found]),
            [one.run for one in found],
            names,
            title=f"{_span(away)} (empty: not applicable)",
            x="test world",
            y="run",
            value="share of mazes walked along a shortest path",
            limit=1.0,
        ),
    )
    every = [
        Row(name, cell.value, cell.low, cell.high, cell.n, {"run": f"{one.run}{_who(walker)}"})
        for name in names
        for one in found
        for walker in (shifts.TRAINED, UNTRAINED)
        if (cell := one.row(name, walker=walker)) is not None and cell.n
    ]
    yield "worlds_with_intervals", figures.intervals(every, title=_span(away), x=SHARE, group="run", share=True)
    yield (
        "worlds_broken",
        figures.heat_map(
            np.array([[_value(one.row(name, rule)) for rule in CONSTRAINTS] for one, name in cells]),
            [f"{one.run} in the {name}" for one, name in cells],
            list(CONSTRAINTS),
            title=_most_broken(cells),
            x="constraint",
            y="run and test world",
            value="share of mazes",
            limit=1.0,
        ),
    )


SHARE = "share of mazes walked along a shortest path, 95% interval"


def _span(away: list[Row]) -> str:
    if not away:
        return "No run can be asked in the world of another"
    low, high = (pick(away, key=lambda row: row.value) for pick in (min, max))
    if low is high:
        return f"In the other's world {low.value:.0%} of mazes are walked"
    return f"In worlds of others {low.value:.0%} to {high.value:.0%} of mazes are walked"


def _most_broken(cells: list[tuple[Measured, str]]) -> str:
    more = [(there.value - home.value, there) for one, name in cells for home, there in broken_more(one, name)]
    if not more:
        return "No rule is tellably broken more often than at home in any world"
    most = max(more, key=lambda pair: pair[0])[1]
    return f"What gives way most, against home: {most.measure}, of {most.what['run']} in the {most.what['shift']}"


def _worlds(one: Measured) -> dict[str, Row]:
    """The share walked in each world in which the run can be asked."""
    mine = (row for row in one.rows if row.measure == "optimal" and row.what["walker"] == shifts.TRAINED)
    return {row.what["shift"]: row for row in mine if row.what["family"] == FAMILY and row.n}


def _at_home(row: Row) -> bool:
    return str(row.what.get("note", "")).startswith(AS_TRAINED)


def _who(walker: str) -> str:
    return "" if walker == shifts.TRAINED else f", {walker}"


def _value(row: Row | None) -> float:
    return nan if row is None or isnan(row.value) else row.value
