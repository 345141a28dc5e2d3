"""Under which shifts does a model stop walking its mazes, and stop obeying what it always obeyed in training?

Every shift changes one thing of the world or the language that a run was trained on; several runs give the matrix of
training worlds by test worlds. A shift that the language or the context cannot express is listed with the reason and
scored as nothing.

Predictions: a walker that reads passages and searches is as good in every world that its vocabulary has words for, and
where it fails it still obeys the passages; one that knows its training mazes by their looks loses both.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from math import isnan, nan
from pathlib import Path

import numpy as np

from maze_interp import figures, recipes, seeds, training
from maze_interp.behaviour import shifts
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
from maze_interp.experiments.findings import Findings, Progress
from maze_interp.figures import Figure
from maze_interp.tables import Row
from maze_interp.training import TrainingRun

PREDICTION = (
    "Predicted: a walker that reads passages and searches is as good in every world that its vocabulary has words for, "
    "and where it fails it still obeys the passages; one that knows its training mazes by their looks loses both."
)
PROMPTS = ("prompt_tokens", "lost_at_length", "lost_to_length", "crosses_the_edge", "read_in_training")
WORST = 5  # shifts named in a sentence
PAGES = {  # families that are drawn together
    "places_and_generators": ("size and place", "generator", "world"),
    "mazes": ("cycles", "complexity", "endpoints", "path length", "edges"),
    "prompts": ("order of edges", "scheme"),
}


@dataclass(frozen=True)
class Settings:
    """The runs to test, separated by commas; the mazes of each shift; which shifts, separated by commas ("": all)."""

    run: str = ""
    mazes: int = 200
    only: str = ""
    seed: int = 0


def run(settings: Settings, progress: Progress | None = None) -> Findings:
    """The matrix of runs by shifts with its controls. `progress` counts its cells."""
    runs, asked = _open(settings.run), _asked(settings.only)
    if len(runs) > 1:
        asked |= {f"world of {name}": shifts.to_world(one.recipe.world) for name, one in runs.items()}
    seed, cells = seeds.derive(settings.seed, "shifts"), len(asked) + 1

    def report(before: int, done: int, _: int) -> None:
        if progress is not None:
            progress(before + done, len(runs) * cells)

    found = [
        shifts.measure(one, asked, settings.mazes, seed=seed, name=name, progress=partial(report, number * cells))
        for number, (name, one) in enumerate(runs.items())
    ]
    return Findings(
        heading="Under shift",
        sentences=[PREDICTION, *(sentence for one in found for sentence in _sentences(one))],
        tables={
            "matrix": [row for one in found for row in [*_of(one, ("optimal", "exact")), *_refusals(one)]],
            "constraints": [row for one in found for row in _of(one, tuple(CONSTRAINTS))],
            "prompts": [row for one in found for row in _of(one, PROMPTS)],
            "goal_cut_off": [row for one in found for row in one.gaps],
        },
        figures=dict(_figures(found, asked)),
        numbers={
            f"{one.run}.{row.what['shift']}.{row.measure}": row.value
            for one in found
            for row in [*one.rows, *one.gaps, *_refusals(one)]
            if row.what.get("walker", TRAINED) == TRAINED
        },
    )


def _open(folders: str) -> dict[str, TrainingRun]:
    """The runs by name: the folder's own, or where two are alike all of it."""
    asked = [folder.strip() for folder in folders.split(",")]
    names = [Path(folder).name for folder in asked]
    titles = [name if names.count(name) == 1 else folder for name, folder in zip(names, asked, strict=True)]
    return {title: training.open_run(folder) for title, folder in zip(titles, asked, strict=True)}


def _asked(only: str) -> dict[str, Shift]:
    names = [name.strip() for name in only.split(",")] if only else list(SHIFTS)
    for name in names:
        if name not in SHIFTS:
            raise recipes.unknown("shift", name, SHIFTS)
    return {name: SHIFTS[name] for name in names}


def _of(one: Measured, measures: tuple[str, ...]) -> list[Row]:
    return [row for row in one.rows if row.measure in measures]


def _refusals(one: Measured) -> list[Row]:
    """The cells of the matrix that were not measured, each with the reason."""
    return [
        Row("optimal", nan, nan, nan, 0, {"run": one.run, "shift": shift, "note": f"not applicable: {reason}"})
        for shift, reason in one.refused.items()
    ]


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


def _sentences(one: Measured) -> Iterator[str]:
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
    if lost:
        most = max(lost.values(), key=lambda row: row.value)
        alone = to_length[most.what["shift"]]
        yield (
            f"{one.run}: {len(lost)} shifts change the length of the prompt. Home mazes told at that length lose most "
            f"at that of {most.what['shift']}: {most.value:.1%} of {most.n} mazes (interval {most.low:.1%} to "
            f"{most.high:.1%}). Against the very same mazes at the usual length, edges said again where some were "
            f"closed, they lose {alone.value:.1%} ({alone.low:.1%} to {alone.high:.1%}); the rest is not the length's."
        )


def _on_edges(one: Measured) -> Iterator[str]:
    if one.gaps:
        said = ", ".join(f"{row.measure.replace('_', ' ')} {row.value:.1%}" for row in one.gaps)
        yield f"{one.run}, where one passage of the path is gone and the goal out of reach ({one.gaps[0].n}): {said}."
    for shift in ("foreign_edge", "foreign_shortcut"):
        crossed, right = one.row(shift, "crosses_the_edge"), one.row(shift)
        if crossed is not None and right is not None:
            yield (
                f"{one.run}, {SHIFTS[shift].does}: it steps along it in {crossed.value:.1%} of {crossed.n} mazes and "
                f"walks a shortest path through passages in {right.value:.1%}."
            )


def _figures(found: list[Measured], asked: dict[str, Shift]) -> Iterator[tuple[str, Figure]]:
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
                    title=f"{one.run}: what breaks under shift and hardly ever at home",
                    x="share of mazes, 95% interval",
                    by="shift",
                    group="measure",
                    share=True,
                ),
            )


def _matrix(found: list[Measured], names: list[str]) -> Figure:
    columns = [(one, walker) for one in found for walker in WALKERS]
    rows = [[one.row(name, "optimal", walker) for one, walker in columns] for name in names]
    return figures.heat_map(
        _values(rows),
        names,
        [f"{one.run}: {walker}" for one, walker in columns],
        title="Walked along a shortest path (empty: not applicable, or no way to walk)",
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
        title=f"{one.run}: what its paths do wrong at least once",
        x="constraint",
        y="shift",
        value="share of mazes",
        limit=1.0,
    )


def _values(rows: list[list[Row | None]]) -> np.ndarray:
    return np.array([[nan if row is None else row.value for row in line] for line in rows])
