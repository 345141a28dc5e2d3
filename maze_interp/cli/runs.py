"""A training run from the command line: with a bar, a tracker and, started by torchrun, other processes beside it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from maze_interp import storage, training
from maze_interp.cli.progress import training_bar
from maze_interp.cli.tracking import tracker
from maze_interp.training import Status, ranks


def train(recipe: training.TrainingRecipe, folder: Path, track: str = "none") -> None:
    """Train by a recipe into a folder and tell what came of it."""
    _follow(partial(training.train, recipe, folder), recipe, folder, track, fresh=True)


def resume(folder: Path, track: str = "none") -> None:
    """Go on with the run in a folder and tell what came of it."""
    _follow(partial(training.resume, folder), training.TrainingRun(folder).recipe, folder, track)


def _follow(
    work: Callable[..., Any], recipe: training.TrainingRecipe, folder: Path, track: str, *, fresh: bool = False
) -> None:
    with ranks.joined(recipe.device):
        if fresh:
            ranks.once(storage.check_free, folder)  # before a tracker hears of it
        if ranks.rank() > 0:  # the first one tells
            work(progress=None)
            return
        with tracker(track, recipe, folder) as record, _alone(folder), training_bar() as draw:

            def progress(status: Status) -> None:
                draw(status)
                record(status)

            made = work(progress=progress)
    if made.finished:
        print(f"trained: {made.folder}")
    else:
        print(f"stopped and saved; go on with: maze-interp train --resume {made.folder}")


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """While it lasts, nobody else trains in the folder. ValueError if somebody does; that is not known where there are
    no locks of files, or none may be made beside it."""
    with ExitStack() as stack:
        if folder.absolute().parent.is_dir():
            with suppress(ImportError, OSError):
                stack.enter_context(storage.turn(folder, wait=False))
        yield
