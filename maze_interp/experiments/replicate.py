"""Does what one network shows hold in others? One experiment is asked of several networks, and they are compared.

An interval over mazes is about one network. Each network is asked about mazes of its own; the control asks the first
one about all of these mazes, so that there nothing but mazes differs.

Predictions: networks that were trained alike but for their seed differ by more than mazes explain, so that the interval
of one holds the values of another less often than it holds the control's.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from math import nan
from pathlib import Path
from typing import Any

from maze_interp import recipes, seeds, training
from maze_interp.experiments import replicate_page as page
from maze_interp.experiments.findings import Findings, Progress
from maze_interp.experiments.replicate_spread import differing, gather, held, label, rows
from maze_interp.training import TrainingRun

PREDICTION = (
    "Predicted: networks that were trained alike but for their seed differ by more than the mazes they were asked "
    "about explain, so that one network's 95% intervals hold another's values less often than its own about other "
    "mazes."
)
FINE = 1000  # parts of one asking, as progress counts them
NETWORKS, CONTROL = "several networks", "one network, other mazes"


@dataclass(frozen=True)
class Settings:
    """The runs to compare, separated by commas; the experiment they are asked, and its settings (`given.mazes=200`).

    `control` asks the first run again, about the mazes of each of the others.
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
    folders = [folder.strip() for folder in settings.run.split(",")]
    runs = [training.open_run(folder) for folder in folders]
    names = [Path(folder).name for folder in folders]
    module, asked = _experiment(settings)
    again = len(runs) - 1 if settings.control else 0
    plan = [(folder, number) for number, folder in enumerate(folders)]
    plan += [(folders[0], number) for number in range(1, again + 1)]
    found: list[Findings] = []
    for place, (folder, mazes) in enumerate(plan):
        own = recipes.override(asked, {"run": folder, "seed": str(seeds.derive(settings.seed, f"mazes {mazes}"))})
        found.append(module.run(own, _part(progress, place, len(plan))))
    spread = gather(found[: len(runs)])
    control = gather([found[0], *found[len(runs) :]]) if again else None
    shares = [held(spread, NETWORKS), *([held(control, CONTROL)] if control else [])]
    compared, by_chance = rows(spread), differing(rows(control)) if control else None
    apart = differing(compared)
    return Findings(
        heading=f"The same asked of {page.count(names)}",
        sentences=[
            PREDICTION,
            page.asked(names, _varied(runs)),
            page.apart(settings.experiment, names, compared, apart, by_chance),
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
            "differing_in_control": nan if by_chance is None else len(by_chance),
            **{f"mean: {label(row)}": row.value for row in compared},
        },
    )


def _experiment(settings: Settings) -> tuple[Any, Any]:
    """The experiment and its settings."""
    from maze_interp.experiments import EXPERIMENTS

    known = {name: module for name, module in EXPERIMENTS.items() if _asks_a_run(module) and name != "replicate"}
    if settings.experiment not in known:
        raise recipes.unknown("experiment that asks one run", settings.experiment, known)
    if taken := {"run", "seed"} & settings.given.keys():
        raise ValueError(f"given.{min(taken)} is not for the experiment: say {min(taken)} by itself")
    module = known[settings.experiment]
    return module, recipes.override(module.Settings(), settings.given)


def _asks_a_run(module: Any) -> bool:
    return {"run", "seed"} <= {key.name for key in fields(module.Settings)}


def _part(progress: Progress | None, place: int, count: int) -> Progress:
    def report(done: int, whole: int) -> None:
        if progress is not None:
            progress(place * FINE + round(FINE * done / max(1, whole)), count * FINE)

    return report


def _varied(runs: Sequence[TrainingRun]) -> list[str]:
    """The keys in which the runs' recipes differ, besides what they are called and where they were trained."""
    told = {"name", "reason", "device", "threads", "dtype", "checkpoints"}
    flat = [recipes.flat(run.recipe) for run in runs]
    keys = dict.fromkeys(key for one in flat for key in one if key.partition(".")[0] not in told)
    return [key for key in keys if any(one.get(key) != flat[0].get(key) for one in flat)]
