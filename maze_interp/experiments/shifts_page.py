"""The matrix of shifts in words and pictures: what is worse than at home, which rules break, what length has to do."""

from collections.abc import Iterator
from math import isnan, nan

import numpy as np

from maze_interp import figures
from maze_interp.behaviour.shifts import (
    AS_TRAINED,
    AT_HOME,
    CONSTRAINTS,
    SAME_LENGTH,
    SHIFTS,
    TRAINED,
    WALKERS,
    Measured,
    Shift,
)
from maze_interp.figures import Figure
from maze_interp.tables import Row, ends

WORST = 5  # shifts named in a sentence
PAGES = {  # families that are drawn together
    "places_and_generators": ("size and place", "generator"),
    "mazes": ("cycles", "complexity", "endpoints", "path length", "edges"),
    "prompts": ("order of edges", "scheme"),
}


def _shifts(one: Measured, measure: str, walker: str = TRAINED) -> dict[str, Row]:
    """The measure under each shift where there is one and something changed."""
    rows = (row for row in one.rows if row.measure == measure and row.what["walker"] == walker)
    return {row.what["shift"]: row for row in rows if row.what.get("note") != AS_TRAINED and not isnan(row.value)}


def _broken(one: Measured) -> list[Row]:
    """The constraints broken more often under a shift than at home, by intervals that do not touch."""
    usual = {name: one.row(AT_HOME, name) for name in CONSTRAINTS}
    return [
        row
        for name, home in usual.items()
        for row in _shifts(one, name).values()
        if home is not None and row.low > home.high
    ]


def sentences(one: Measured) -> Iterator[str]:
    """What a run does at home and under shift, sentence by sentence."""
    home = one.row(AT_HOME)
    assert home is not None
    under = _shifts(one, "optimal")
    worse = sorted((row for row in under.values() if row.high < home.low), key=lambda row: row.value)
    names = ", ".join(f"{row.what['shift']} ({row.value:.1%})" for row in worse[:WORST])
    yield (
        f"{one.run}, at home: {home.value:.1%} of {home.n} unseen mazes walked along a shortest path (95% interval "
        f"{home.low:.1%} to {home.high:.1%}). Of {len(under)} shifts that apply and leave a way, {len(worse)} do it "
        f"tellably worse (intervals that do not touch){'; the worst: ' + names if worse else ''}."
    )
    broken = sorted(_broken(one), key=lambda row: -row.value)
    most = ", ".join(f"{row.measure} under {row.what['shift']} ({row.value:.1%})" for row in broken[:WORST])
    yield (
        f"{one.run} breaks a constraint more often than at home in {len(broken)} of "
        f"{sum(len(_shifts(one, name)) for name in CONSTRAINTS)} cells of shift and constraint"
        f"{', most often: ' + most if broken else ''}."
    )
    yield from _on_length(one)
    yield from _on_edges(one)
    if one.refused:
        yield f"{one.run}: not applicable, for reasons given in the matrix: {', '.join(one.refused)}."


def _on_length(one: Measured) -> Iterator[str]:
    lost, to_length = (_shifts(one, f"lost_{how}_length", SAME_LENGTH) for how in ("at", "to"))
    if not lost:
        return
    most = max(lost.values(), key=lambda row: row.value)
    alone = to_length[most.what["shift"]]
    low, high = ends(alone, -1.0, 1.0)
    if low > 0:
        verdict = "that much can be put down to the length, and no more"
    elif high < 0:
        verdict = "so no loss can be put down to the length"
    else:
        verdict = "which may be nothing, so no loss can be put down to the length"
    picked = f", the worst of {len(lost)}, picked after the fact and not corrected for that" if len(lost) > 1 else ""
    yield (
        f"{one.run}: {len(lost)} shifts change the length of prompts. At the length of {most.what['shift']}{picked}, "
        f"{most.n} home mazes {_change(most)}. Against the very same mazes at the usual length, edges said again where "
        f"some were closed, they {_change(alone)}: {verdict}."
    )


def _change(lost: Row) -> str:
    """A loss, or what its sign makes of it, in points of a hundred."""
    (low, high), value = ends(lost, -1.0, 1.0), lost.value
    word = "lose" if value >= 0 else "gain"
    low, high = (low, high) if value >= 0 else (-high, -low)
    return f"{word} {100 * abs(value):.1f} points (95% interval {100 * low:.1f} to {100 * high:.1f})"


def _on_edges(one: Measured) -> Iterator[str]:
    if one.gaps:
        said = ", ".join(f"{row.measure.replace('_', ' ')} {row.value:.1%}" for row in one.gaps)
        yield f"{one.run}, where one passage of the path is gone and the goal out of reach ({one.gaps[0].n}): {said}."
    cut, branch = (one.row(shift, "breaks_a_rule") for shift in ("goal_cut_off", "branch_cut_off"))
    if cut is not None and branch is not None:
        apart = "tellably more often" if cut.low > branch.high else "not tellably more often"
        yield (
            f"{one.run} breaks a rule (starts elsewhere, jumps or goes through a wall) in {cut:.1%} of {cut.n} "
            f"mazes whose goal is cut off and in {branch:.1%} of {branch.n} with one passage off the path closed "
            f"instead: {apart} (by intervals)."
        )
    for shift in ("foreign_edge", "foreign_shortcut"):
        crossed, right = one.row(shift, "crosses_the_edge"), one.row(shift)
        if crossed is not None and right is not None:
            yield (
                f"{one.run}, {SHIFTS[shift].does}: it steps along it in {crossed.value:.1%} of {crossed.n} mazes and "
                f"walks a shortest path through passages in {right.value:.1%}."
            )


def pictures(found: list[Measured], asked: dict[str, Shift]) -> Iterator[tuple[str, Figure]]:
    """The matrix and each run's broken constraints, a page for the families that go together."""
    for page, families in PAGES.items():
        names = [AT_HOME, *(name for name, shift in asked.items() if shift.family in families)]
        if len(names) == 1:
            continue
        yield f"matrix_{page}", _matrix(found, names)
        for one in found:
            yield f"constraints_{page}_{one.run}", _constraints(one, names)
    for one in found:
        rows = _broken(one)
        if rows:
            yield (
                f"broken_{one.run}",
                figures.intervals(
                    rows,
                    title=f"{one.run}: what breaks under shift and more often than at home",
                    x="share of mazes, 95% interval",
                    by="shift",
                    group="measure",
                    share=True,
                ),
            )


def _matrix(found: list[Measured], names: list[str]) -> Figure:
    every = [(one, walker) for one in found for walker in WALKERS]
    columns = [each for each in every if any(each[0].row(name, "optimal", each[1]) for name in names)]
    rows = [[one.row(name, "optimal", walker) for one, walker in columns] for name in names]
    return figures.heat_map(
        _values(rows),
        names,
        [f"{one.run}: {walker}" for one, walker in columns],
        title=f"{_least_walked(found, names)} (empty: not applicable, or no way to walk)",
        x="walker",
        y="shift",
        value="share of mazes",
        limit=1.0,
    )


def _constraints(one: Measured, names: list[str]) -> Figure:
    return figures.heat_map(
        _values([[one.row(name, constraint) for constraint in CONSTRAINTS] for name in names]),
        names,
        list(CONSTRAINTS),
        title=_most_broken(one, names),
        x="constraint",
        y="shift",
        value="share of mazes",
        limit=1.0,
    )


def _least_walked(found: list[Measured], names: list[str]) -> str:
    known = [row for one in found for name in names if (row := one.row(name)) is not None and row.n]
    if not known:
        return "Nowhere is there a way to walk"
    least = min(known, key=lambda row: row.value)
    return f"Shortest paths are rarest ({least.value:.0%}) from {least.what['run']}, {_where(least)}"


def _most_broken(one: Measured, names: list[str]) -> str:
    known = [row for name in names for rule in CONSTRAINTS if (row := one.row(name, rule)) is not None and row.n]
    most = max(known, key=lambda row: row.value)
    return f"{one.run}: of all rules, {most.measure} is broken most often ({most.value:.0%}), {_where(most)}"


def _where(row: Row) -> str:
    return AT_HOME if row.what["shift"] == AT_HOME else f"under {row.what['shift']}"


def _values(rows: list[list[Row | None]]) -> np.ndarray:
    return np.array([[nan if row is None else row.value for row in line] for line in rows])
