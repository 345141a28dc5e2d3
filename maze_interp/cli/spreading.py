"""Work spread over workers, as the command line asks for it and tells of it."""

import argparse
import inspect
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from maze_interp import experiments, tables
from maze_interp.cli import jobs, ranges
from maze_interp.cli.progress import bar


def sweep(options: argparse.Namespace, settings: Mapping[str, str]) -> None:
    """Do a sweep's jobs and tell what they came to. Raises ValueError in the end if some failed, each told with why."""
    from maze_interp.cli.sweep import sweep as spread

    over, out = ranges.parse(options.over), options.out or f"runs/sweep-{Path(options.name).stem}"
    where: dict[str, Any] = {"scheduler": options.dask, "workers": options.workers}
    with bar("sweep", "job") as progress:
        swept = spread(options.name, over, out, settings=settings, progress=progress, **where)
    if swept.rows:
        print(tables.to_markdown(jobs.headlines(swept.rows)))
        print(f"{out}/sweep.csv")
    for name, reason in swept.failed.items():
        print(f"{name} failed: {reason}", file=sys.stderr)
    if swept.failed:
        raise ValueError(f"{len(swept.failed)} jobs failed; the same sweep started again does only these")


@contextmanager
def workers(scheduler: str, experiment: str) -> Iterator[dict[str, Any]]:
    """What an experiment is to be told of a scheduler's workers: nothing, unless one is asked for.

    Raises ValueError for an experiment that has no parts to spread and for a scheduler that does not answer.
    """
    if not scheduler:
        yield {}
        return
    if "executor" not in inspect.signature(experiments.EXPERIMENTS[experiment].run).parameters:
        raise ValueError(f"{experiment} has no parts to spread; `maze-interp sweep` spreads whole experiments")
    from maze_interp.cli import sweep as dask_door

    with dask_door.executor(scheduler) as executor:
        yield {"executor": executor}
