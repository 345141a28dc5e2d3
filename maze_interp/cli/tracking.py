"""Where a run's measurements go besides its metrics.jsonl, while it trains: one function and one line in TRACKERS each.

A tracker that cannot begin stops the run before it begins. One that fails later is told of once and gets nothing more,
while training goes on: the measurements are in the run's folder in any case. What is resumed is tracked as a new part
of the same group.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maze_interp import recipes

if TYPE_CHECKING:
    from maze_interp.training import Status, TrainingRecipe

Log = Callable[[int, dict[str, Any]], None]
Finish = Callable[[], None]


@contextmanager
def tracker(name: str, recipe: "TrainingRecipe", folder: Path) -> Iterator[Callable[["Status"], None]]:
    """A progress callback for training that hands every measurement and the pace to the tracker of that name.

    Raises ValueError if there is none of that name, or if it cannot begin.
    """
    if name not in TRACKERS:
        raise recipes.unknown("tracker", name, TRACKERS)
    log, finish = TRACKERS[name](recipe, folder)
    failed = False

    def attempt(work: Callable[..., None], *given: Any) -> None:
        nonlocal failed
        try:
            if not failed:
                work(*given)
        except Exception as error:  # whatever it is, hours of training are worth more
            failed = True
            print(f"maze-interp: {name} failed and gets no more of this run, which goes on: {error}", file=sys.stderr)

    def follow(status: "Status") -> None:
        if status.row:
            attempt(log, status.step, {**status.row, "mazes_per_second": status.mazes_per_second})

    try:
        yield follow
    finally:
        attempt(finish)


def nothing(recipe: "TrainingRecipe", folder: Path) -> tuple[Log, Finish]:
    """No tracker."""
    return lambda step, row: None, lambda: None


def wandb(recipe: "TrainingRecipe", folder: Path) -> tuple[Log, Finish]:
    """Weights & Biases, offline unless WANDB_MODE says otherwise (`wandb sync` uploads later).

    What it is told otherwise (WANDB_PROJECT, WANDB_NAME, WANDB_RUN_GROUP, WANDB_CONSOLE, WANDB_SILENT) is as told.
    """
    try:
        import wandb as library
    except ImportError:
        raise ValueError("--track wandb needs the package: pip install wandb") from None

    mode = os.environ.get("WANDB_MODE", "offline")
    if mode == "offline":  # else it still reports on itself
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    about = _unless_told(run_group=str(folder.resolve()), console="off", silent=mode == "offline")
    named = {"mode": mode} | _unless_told(project="maze_interp", name=folder.name)
    try:
        run = library.init(**named, config=recipes.to_dict(recipe), settings=library.Settings(**about))
    except library.Error as error:
        raise ValueError(f"wandb cannot begin: {error}") from error
    return lambda step, row: run.log(row, step=step), run.finish


def _unless_told(**given: Any) -> dict[str, Any]:
    """What wandb's variable of that name does not say, which what is given to it would overrule."""
    return {name: value for name, value in given.items() if not os.environ.get(f"WANDB_{name.upper()}")}


TRACKERS: dict[str, Callable[["TrainingRecipe", Path], tuple[Log, Finish]]] = {"none": nothing, "wandb": wandb}
