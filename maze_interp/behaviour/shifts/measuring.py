"""A trained run under shifts: what is walked, by the model and beside it by its controls.

The Baseline Solver knows passages and nothing of the goal. The untrained network knows neither. Where a shift makes
prompts longer or shorter, the model walks home mazes at that length, and the same mazes at the usual one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from math import nan
from typing import Any, TypeVar

import numpy as np
from jaxtyping import UInt64

from maze_interp import mazes, models, tables, training
from maze_interp.behaviour.shifts.constraints import arrival, outcomes, reachable
from maze_interp.behaviour.shifts.control import length_matched
from maze_interp.behaviour.shifts.declaration import AS_TRAINED, Home, Shift, ShiftedSet, home_of, unshifted
from maze_interp.behaviour.shifts.passages import crosses
from maze_interp.behaviour.solvers import SOLVERS
from maze_interp.mazes import PathBatch
from maze_interp.models import HookedTransformer
from maze_interp.recipes import Refusal
from maze_interp.tables import Row
from maze_interp.training import TrainingRun

AT_HOME = "at home"
TRAINED, SAME_LENGTH, BASELINE, UNTRAINED = "trained", "home mazes, that length", "baseline", "untrained"
WALKERS = (TRAINED, SAME_LENGTH, BASELINE, UNTRAINED)
FEW = 30  # mazes for the untrained network, which solves none and writes until it is stopped
Made = TypeVar("Made")


@dataclass(frozen=True)
class Measured:
    """A run at home and under shifts.

    `rows` have the conditions run, shift, family and walker; the model's say also how long prompts are, how many of
    the mazes it had read and how much is `lost`, the share walked at home less that under the shift (as if of other
    mazes, so with wide bounds where they are the same). `gaps` say what is written where the goal is cut off,
    `refused` why a shift was not made.
    """

    run: str
    rows: list[Row] = field(default_factory=list)
    gaps: list[Row] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)

    def row(self, shift: str, measure: str = "optimal", walker: str = TRAINED) -> Row | None:
        """The measurement, where it was made."""
        wanted = {"shift": shift, "walker": walker}.items()
        return next((row for row in self.rows if row.measure == measure and wanted <= row.what.items()), None)


@dataclass(frozen=True)
class _Bench:
    """What all shifts of a run are measured with."""

    model: HookedTransformer
    untrained: HookedTransformer
    home: Home
    seen: UInt64[np.ndarray, " maze"]
    plain: ShiftedSet
    at_home: PathBatch
    seed: int
    at_length: dict[bytes, list[Row]] = field(default_factory=dict)  # by the lengths: many shifts share them


def measure(
    run: TrainingRun,
    asked: Mapping[str, Shift],
    count: int,
    *,
    seed: int,
    name: str,
    progress: Callable[[int, int], None] | None = None,
) -> Measured:
    """The run's model and its controls on `count` mazes at home and under each shift. `progress` counts the shifts."""
    model, home = run.model(), home_of(run.recipe)
    plain = unshifted(home, count, seed=seed)
    untrained, seen = (
        models.build(run.recipe.model, seed=run.recipe.seed),
        training.seen.mazes_behind(training.seen.lineage(run)),
    )
    at_home = models.rollout(model, plain.mazes, prompts=plain.prompts)
    bench = _Bench(model, untrained, home, seen, plain, at_home, seed)
    found = Measured(name)
    every = {AT_HOME: Shift("home", AS_TRAINED, lambda *_, **__: plain), **asked}
    for done, (title, shift) in enumerate(every.items(), start=1):
        made = attempt(partial(shift.make, home, count, seed=seed))
        if isinstance(made, str):
            found.refused[title] = made
        else:
            what: dict[str, Any] = {"run": name, "shift": title, "family": shift.family}
            _measure(bench, made, what, found)
        if progress is not None:
            progress(done, len(every))
    return found


def attempt(make: Callable[[], Made]) -> Made | str:
    """What is made, or the reason of a refusal; any other error is an error."""
    try:
        return make()
    except Refusal as refusal:
        return str(refusal)


def _measure(bench: _Bench, made: ShiftedSet, what: dict[str, Any], found: Measured) -> None:
    """Add what the model and its controls do under one shift."""
    paths = models.rollout(bench.model, made.mazes, prompts=made.prompts)
    trained = what | {"walker": TRAINED} | ({"note": made.note} if made.note else {})
    found.rows.extend(arrival(made, paths, **trained))
    asked = reachable(made.mazes)
    if what["shift"] != AT_HOME and asked.any():
        home = mazes.paths.optimal(bench.plain.mazes, bench.at_home)
        found.rows.append(tables.difference("lost", home, mazes.paths.optimal(made.mazes, paths)[asked], **trained))
    if made.edge is not None:
        found.rows.append(tables.proportion("crosses_the_edge", crosses(paths, made.edge), **trained))
        found.rows.append(tables.proportion("breaks_a_rule", ~mazes.paths.valid(made.mazes, paths), **trained))
    found.rows.append(tables.mean("prompt_tokens", made.prompts.length, **trained))
    known = np.isin(mazes.passage_hash(made.mazes.passages), bench.seen)
    found.rows.append(tables.proportion("read_in_training", known, **trained))
    lengths = made.prompts.length.tobytes()
    if lengths not in bench.at_length:
        bench.at_length[lengths] = _at_that_length(bench, made)
    found.rows.extend(replace(row, what={**what, **row.what}) for row in bench.at_length[lengths])
    baseline = SOLVERS["baseline"](made.mazes, seed=bench.seed)
    found.rows.extend(arrival(made, baseline, **what, walker=BASELINE))
    few = made[:FEW]
    ignorant = models.rollout(bench.untrained, few.mazes, prompts=few.prompts)
    found.rows.extend(arrival(few, ignorant, **what, walker=UNTRAINED))
    if not asked.any():
        found.gaps.extend(outcomes(made, paths, **what))


def _at_that_length(bench: _Bench, made: ShiftedSet) -> list[Row]:
    """What the model does in home mazes at the length of the shifted prompts.

    `lost_at_length` is what these mazes lose against the untouched home mazes, `lost_to_length` what they lose against
    themselves at the usual length. A nan where no home maze can be told at that length, nothing where it is the usual.
    """
    what: dict[str, Any] = {"walker": SAME_LENGTH}
    control = attempt(partial(length_matched, bench.home, made, bench.plain, seed=bench.seed))
    if control is None:
        return []
    if isinstance(control, str):
        return [Row("optimal", nan, nan, nan, 0, what | {"note": f"not applicable: {control}"})]
    matched = control.made
    there, usual = (
        models.rollout(bench.model, matched.mazes, prompts=told) for told in (matched.prompts, control.usual)
    )
    at_home = mazes.paths.optimal(bench.plain.mazes, bench.at_home)[control.chosen]
    after, before = (mazes.paths.optimal(matched.mazes, paths) for paths in (there, usual))
    return [
        *arrival(matched, there, **what),
        tables.mean("prompt_tokens", matched.prompts.length, **what),
        tables.paired_difference("lost_at_length", at_home, after, seed=bench.seed, **what),
        tables.paired_difference("lost_to_length", before, after, seed=bench.seed, **what),
    ]
