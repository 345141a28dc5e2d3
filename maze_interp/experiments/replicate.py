"""Does what one network shows hold in others? One experiment is asked of several networks, and they are compared.

An interval over mazes is about one network. Each network is asked about mazes of its own, and with a seed of its own;
the control asks the first one with all these seeds, so that there nothing differs but what a seed draws. A measure in
which the control may differ too (p < 0.05) decides nothing: its interval may leave something out that is drawn, such as
the fit of a probe; and where the control's measures differ more than mazes explain on the whole, so much is allowed to
all. What no draw changes, such as a measure of weights alone, is left out, but for shares that are 0 or 1
whatever is drawn. Intervals that an experiment widened for the
number of its questions count as if they were not, which hides differences.

Prediction: networks that were trained alike but for their seed surely differ in something by more than mazes explain.
"""

from dataclasses import dataclass, field, fields, replace
from math import nan
from pathlib import Path
from typing import Any

import numpy as np

from maze_interp import recipes, seeds, training
from maze_interp.experiments import replicate_page as page
from maze_interp.experiments import several
from maze_interp.experiments.findings import Findings, Progress
from maze_interp.experiments.replicate_spread import (
    ITSELF,
    differing,
    gather,
    held,
    inflation,
    inflation_range,
    label,
    measured,
    rows,
)
from maze_interp.tables import Row

PREDICTION = (
    "Predicted: networks that were trained alike but for their seed surely differ in something by more than the mazes "
    "they were asked about explain."
)
FINE = 1000  # parts of one asking, as progress counts them
SEVERAL = ("replicate", "factors")  # experiments that compare runs themselves
NETWORKS, CONTROL = "several networks", "one network, other mazes"


@dataclass(frozen=True)
class Settings:
    """The runs to compare, separated by commas; the experiment they are asked, and its settings.

    Those are `given.mazes=200`, or all at once, nested ones too: `given={"mazes"="200", "probe.steps"="3"}`. `control`
    asks the first run again, about the mazes of each of the others.
    """

    run: str = ""
    experiment: str = "behaviour"
    given: dict[str, str] = field(default_factory=dict)
    control: bool = True
    seed: int = 0


def run(settings: Settings, progress: Progress | None = None) -> Findings:
    """What the networks agree on and what not, beside the control. `progress` counts thousandths of askings.

    Raises ValueError for an unknown experiment, one that asks no run or compares runs itself, and a setting it lacks.
    """
    named = several.named(settings.run)
    names, folders = list(named), list(named.values())
    runs = [training.open_run(folder) for folder in folders]
    known = {name: one.recipe for name, one in zip(names, runs, strict=True) if not training.trained_elsewhere(one)}
    module, asked = _experiment(settings)
    again = len(runs) - 1 if settings.control else 0
    plan = [(folder, number) for number, folder in enumerate(folders)]
    plan += [(folders[0], number) for number in range(1, again + 1)]
    found: list[Findings] = []
    for place, (folder, mazes) in enumerate(plan):
        own = recipes.override(asked, {"run": folder, "seed": str(seeds.derive(settings.seed, f"mazes {mazes}"))})
        found.append(_unnamed(module.run(own, _part(progress, place, len(plan))), folder))
        gather(found[:1])  # what tells nothing that can be compared is not asked of everyone first
    everyone = gather(found)
    same = [0, *range(len(runs), len(found))]
    anything = np.ones(len(everyone.keys), dtype=bool)
    kept, drawn = measured(everyone.of(same, anything)) if again else (anything, anything)
    factor = inflation(everyone.of(same, drawn)) if again else 1.0
    about = inflation_range(everyone.of(same, drawn)) if again else (nan, nan)
    control = replace(everyone.of(same, kept), inflation=factor) if again else None
    spread = replace(everyone.of(range(len(runs)), kept), inflation=factor)
    shares = [held(spread, NETWORKS), *([held(control, CONTROL)] if control else [])]
    compared, by_chance = rows(spread, names, control), differing(rows(control)) if control else None
    apart = differing(compared)
    return Findings(
        heading=f"The same asked of {page.count(names)}",
        sentences=[
            PREDICTION,
            page.asked(names, training.varied(list(known.values())) if len(known) == len(names) else None),
            *several.computed(known),
            *several.elsewhere([name for name in names if name not in known]),
            page.apart(settings.experiment, names, compared, by_chance, (factor, *about)),
            *page.unallowed(differing(rows(replace(spread, inflation=1.0), names, control)), apart),
            *page.left_out(int((~kept).sum())),
            *([page.held(shares)] if len(runs) > 1 else []),
            *page.surest(apart),
        ],
        tables={"held": shares, "differing": apart, "measures": compared},
        figures={
            "networks": page.networks(spread, names, compared),
            **({"held": page.shares(shares)} if control else {}),
        },
        numbers={
            "held": shares[0].value,
            "held_in_control": shares[1].value if control else nan,
            "networks": len(runs),
            "measures": len(compared),
            "differing": len(apart),
            "inflation": factor,
            "inflation_low": about[0],
            "inflation_high": about[1],
            "differing_in_control": nan if by_chance is None else len(by_chance),
            **{f"mean: {label(row)}": row.value for row in compared},
        },
    )


def _unnamed(findings: Findings, folder: str) -> Findings:
    """The findings with the run's own name, where a condition is that, told as ITSELF."""
    known = (folder, Path(folder).name)

    def alike(row: Row) -> Row:
        return replace(row, what={key: ITSELF if value in known else value for key, value in row.what.items()})

    return replace(findings, tables={name: [alike(row) for row in table] for name, table in findings.tables.items()})


def _experiment(settings: Settings) -> tuple[Any, Any]:
    """The experiment and its settings."""
    from maze_interp.experiments import EXPERIMENTS

    known = {name: one for name, one in EXPERIMENTS.items() if _asks_a_run(one) and name not in SEVERAL}
    if settings.experiment not in known:
        raise recipes.unknown("experiment that asks one run", settings.experiment, known)
    if taken := {"run", "seed"} & settings.given.keys():
        raise ValueError(f"given.{min(taken)} is not for the experiment: say {min(taken)} by itself")
    if "save" in settings.given:
        raise ValueError("given.save: several networks would save into one folder")
    module = known[settings.experiment]
    return module, recipes.override(module.Settings(), settings.given)


def _asks_a_run(module: Any) -> bool:
    return {"run", "seed"} <= {key.name for key in fields(module.Settings)}


def _part(progress: Progress | None, place: int, count: int) -> Progress:
    def report(done: int, whole: int) -> None:
        if progress is not None:
            progress(place * FINE + round(FINE * done / max(1, whole)), count * FINE)

    return report
