"""Under which shifts does a model stop walking its mazes, and stop obeying what it always obeyed in training?

Every shift changes one thing of the world or the language that a run was trained on; several runs give the matrix of
training worlds by test worlds. A shift that the language or the context cannot express is listed with the reason and
scored as nothing.

Predictions: a walker that reads passages and searches is as good in every world that its vocabulary has words for, and
where it fails it still obeys the passages; one that knows its training mazes by their looks loses both.
"""

from dataclasses import dataclass
from functools import partial
from math import nan

from maze_interp import recipes, seeds, training
from maze_interp.behaviour import shifts
from maze_interp.behaviour.shifts import CONSTRAINTS, SHIFTS, TRAINED, Measured, Shift
from maze_interp.experiments import several, shifts_page, shifts_worlds
from maze_interp.experiments.findings import Findings, Progress
from maze_interp.tables import Row

PREDICTION = (
    "Predicted: a walker that reads passages and searches is as good in every world that its vocabulary has words for, "
    "and where it fails it still obeys the passages; one that knows its training mazes by their looks loses both."
)
PROMPTS = (
    "lost",
    "prompt_tokens",
    "lost_at_length",
    "lost_to_length",
    "crosses_the_edge",
    "breaks_a_rule",
    "read_in_training",
)


@dataclass(frozen=True)
class Settings:
    """The runs to test, separated by commas; the mazes of each shift; which shifts, or families of shifts, separated
    by commas ("": all)."""

    run: str = ""
    mazes: int = 200
    only: str = ""
    family: str = ""
    seed: int = 0


def run(settings: Settings, progress: Progress | None = None) -> Findings:
    """The matrix of runs by shifts with its controls. `progress` counts its cells."""
    runs = {name: training.open_run(folder) for name, folder in several.named(settings.run).items()}
    asked = _asked(settings.only, settings.family)
    if len(runs) > 1:
        asked |= shifts_worlds.worlds(runs)
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
        sentences=[
            PREDICTION,
            *(shifts_worlds.sentences(found) if len(runs) > 1 else ()),
            *several.computed({name: one.recipe for name, one in runs.items()}),
            *(sentence for one in found for sentence in shifts_page.sentences(one)),
        ],
        tables={
            **({"worlds": shifts_worlds.rows(found)} if len(runs) > 1 else {}),
            "matrix": [row for one in found for row in [*_of(one, ("optimal", "exact")), *_refusals(one)]],
            "constraints": [row for one in found for row in _of(one, tuple(CONSTRAINTS))],
            "prompts": [row for one in found for row in _of(one, PROMPTS)],
            "goal_cut_off": [row for one in found for row in one.gaps],
        },
        figures={
            **dict(shifts_worlds.pictures(found, asked) if len(runs) > 1 else ()),
            **dict(shifts_page.pictures(found, asked)),
        },
        numbers={
            f"{one.run}.{row.what['shift']}.{row.measure}": row.value
            for one in found
            for row in [*one.rows, *one.gaps, *_refusals(one)]
            if row.what.get("walker", TRAINED) == TRAINED
        },
    )


def _asked(only: str, family: str) -> dict[str, Shift]:
    """The shifts of these names and families. Raises ValueError for an unknown one, and where none is both."""
    families = list(dict.fromkeys(shift.family for shift in SHIFTS.values()))
    names, kept = _listed(only, list(SHIFTS), "shift"), _listed(family, families, "family of shifts")
    asked = {name: SHIFTS[name] for name in names if SHIFTS[name].family in kept}
    if not asked:
        raise ValueError(f"none of the shifts {only} is of the family {family}")
    return asked


def _listed(text: str, known: list[str], kind: str) -> list[str]:
    """The names in a text, separated by commas; all that are known if it is empty."""
    names = [name.strip() for name in text.split(",")] if text else known
    for name in names:
        if name not in known:
            raise recipes.unknown(kind, name, known)
    return names


def _of(one: Measured, measures: tuple[str, ...]) -> list[Row]:
    return [row for row in one.rows if row.measure in measures]


def _refusals(one: Measured) -> list[Row]:
    """The cells of the matrix that were not measured, each with the reason."""
    return [
        Row("optimal", nan, nan, nan, 0, {"run": one.run, "shift": shift, "note": f"not applicable: {reason}"})
        for shift, reason in one.refused.items()
    ]
