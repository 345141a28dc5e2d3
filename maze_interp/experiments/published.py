"""What was published of other maze transformers, beside what a walker of ours does in the same worlds.

The numbers stand in `published.toml`, with their source. They are shares of few mazes, and so have intervals of their
own. Only walkers of that lattice are compared; the mazes are ours, of the same kind and length.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from importlib import resources
from math import nan

import numpy as np

from maze_interp import recipes, tables
from maze_interp.behaviour import METRICS, Walker, shifts
from maze_interp.behaviour.shifts.measuring import attempt
from maze_interp.mazes import World
from maze_interp.tables import Row
from maze_interp.training import TrainingRun


@dataclass(frozen=True)
class Published:
    """Shares of `mazes` mazes of a lattice, with paths of `min_length` cells or more, by world, model and measure."""

    source: str
    rows: int
    cols: int
    mazes: int
    min_length: int
    parameters: dict[str, int]
    worlds: dict[str, World]
    shares: dict[str, dict[str, dict[str, float]]]


def published() -> Published:
    """What the package knows of others' models."""
    with resources.as_file(resources.files("maze_interp.experiments") / "published.toml") as path:
        known = recipes.load(Published, path)
    rows, cols, least = known.rows, known.cols, known.min_length
    of_size = {name: replace(world, rows=rows, cols=cols, min_length=least) for name, world in known.worlds.items()}
    return replace(known, worlds=of_size)


def beside(trained: TrainingRun, walker: Walker, *, seed: int) -> list[Row]:
    """Rows by world and walker: the walker of a run, each published model, and the walker less that model.

    A world that the run's language or context cannot express has a row that says so. No rows for another lattice.
    """
    known, home, rows = published(), shifts.home_of(trained.recipe), []
    if (home.world.rows, home.world.cols) != (known.rows, known.cols):
        return []
    for name, world in known.worlds.items():
        made = attempt(partial(shifts.to_world(world).make, home, known.mazes, seed=seed))
        if isinstance(made, str):
            rows.append(Row("exact", nan, nan, nan, 0, {"world": name, "walker": walker.name, "note": made}))
            continue
        paths = walker.walk(made.mazes)
        for measure in next(iter(known.shares[name].values())):
            ours = METRICS[measure](made.mazes, paths, made.solutions).astype(bool)
            rows.append(tables.proportion(measure, ours, world=name, walker=walker.name))
            for model, shares in known.shares[name].items():
                theirs = np.arange(known.mazes) < round(known.mazes * shares[measure])
                gap = {"world": name, "walker": f"{walker.name} - {model}"}
                rows.append(tables.proportion(measure, theirs, world=name, walker=model))
                rows.append(tables.difference(measure, ours, theirs, **gap))
    return rows


def sentences(rows: list[Row], name: str, parameters: int | None) -> Iterator[str]:
    """The exact solutions in each world, beside those published; of nothing, nothing."""
    known, at = published(), {(row.what["world"], row.what["walker"]): row for row in rows if row.measure == "exact"}
    size = "" if parameters is None else f" ({parameters:,} parameters)"
    for world in dict.fromkeys(row.what["world"] for row in rows):
        ours = at[world, name]
        if "note" in ours.what:
            yield f"Published values for {world} stand alone: {ours.what['note']}."
            continue
        others = [
            f"{_theirs(at, world, model, known)}, {_gap(at, world, name, model)}" for model in known.shares[world]
        ]
        yield (
            f"{world}, {known.rows} x {known.cols}, paths of {known.min_length} cells or more, {ours.n} mazes: {name}"
            f"{size} solves {ours.value:.1%} exactly ({ours.low:.1%} to {ours.high:.1%}); published of as many: "
            f"{'; '.join(others)} ({known.source})."
        )


def _theirs(at: dict[tuple[str, str], Row], world: str, model: str, known: Published) -> str:
    return f"{at[world, model].value:.1%} by {model} ({known.parameters[model]:,} parameters)"


def _gap(at: dict[tuple[str, str], Row], world: str, name: str, model: str) -> str:
    gap = at[world, f"{name} - {model}"]
    return f"{100 * gap.value:+.1f} points ({100 * gap.low:+.1f} to {100 * gap.high:+.1f})"
