"""Jobs: the independent parts of a sweep, each a training run or an experiment in a folder of its own.

A job carries a recipe (or an experiment's name and settings) and paths, never a live model, so any process that sees
the same files can do it. Its folder is named after what varies and remembers what it holds: one that is finished is
not done again, a training run that was cut short goes on from its newest checkpoint, and a folder that holds anything
else is refused. Whoever does a job holds a lock beside its folder, because a worker that was given up for lost may
still be at it.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import nan, prod
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from maze_interp import experiments, recipes, storage, tables, training
from maze_interp.cli.ranges import MOST
from maze_interp.models import cores
from maze_interp.tables import Row

NUMBERS, SETTINGS, RECIPE = "numbers.json", "settings.toml", "recipe.toml"
SHOWN = 8  # measures told of experiments, of which some have a thousand
LONGEST = 200  # characters in a folder's name: file systems allow 255, and names of files are made from it


@dataclass(frozen=True)
class Job:
    """What to do (train by a recipe, or ask an experiment), what varies in it, and the folder that will hold it.

    Relative paths in `asked` are read from `home`. `experiment` is the name of one, or "" for a training run.
    """

    folder: Path
    what: Mapping[str, Any]
    asked: Any
    experiment: str = ""
    home: Path = Path()

    @property
    def name(self) -> str:
        return self.folder.name


def plan(
    name: str, over: Mapping[str, Sequence[Any]], out: str | Path, settings: Mapping[str, str] | None = None
) -> list[Job]:
    """The jobs of a training recipe (packaged, or a TOML file) or an experiment, one for each combination of values.

    Raises ValueError for an unknown name or key, a value that does not fit, nothing to vary, and two jobs alike.
    """
    experiment, recipe = _named(name)
    settings, out = settings or {}, Path(out).absolute()
    if not over or not all(map(len, over.values())):
        raise ValueError("what varies? give at least one --over key=first..last or key=value,value")
    if twice := over.keys() & settings.keys():
        raise ValueError(f"{min(twice)} is both set and to be varied: give it once")
    if (count := prod(map(len, over.values()))) > MOST:
        raise ValueError(f"{count:,} jobs are more than the {MOST:,} that a sweep may have")
    jobs = {}
    for values in product(*over.values()):
        asked = recipes.override(recipe, {**settings, **dict(zip(over, map(str, values), strict=True))})
        what = {key: _at(asked, key) for key in over}
        folder = out / _folder_name(what)
        if folder in jobs:
            raise ValueError(f"two jobs would be the same one: {folder.name}")
        jobs[folder] = Job(folder, what, asked, experiment, Path.cwd())
    return list(jobs.values())


def finished(job: Job) -> bool:
    """Whether the job's folder holds all of it. Raises ValueError, saying what differs, if it holds something else."""
    kept = job.folder / (SETTINGS if job.experiment else RECIPE)
    if not kept.exists():
        foreign = job.folder.exists() and not all(map(storage.partial_of, job.folder.iterdir()))
        if foreign and not kept.exists():  # asked again: a worker may have begun since
            raise ValueError(f"{job.folder} holds something that is no part of a sweep; choose another --out")
        return False
    there = recipes.load(type(job.asked), kept)
    if differing := _differences(job.asked if job.experiment else _settled(job.asked, there), there):
        raise ValueError(f"{job.folder} holds another run: {'; '.join(differing)}; choose another --out")
    return (job.folder / NUMBERS).exists() if job.experiment else training.TrainingRun(job.folder).finished


def do(job: Job) -> None:
    """Do a job, or what is left of it, on one core (or as many as its recipe asks for by number)."""
    os.chdir(job.home)
    with storage.turn(job.folder), cores.limited(1):
        if finished(job):
            return
        storage.remove_partial(job.folder)
        if job.experiment:
            found = experiments.EXPERIMENTS[job.experiment].run(job.asked)
            experiments.write(found, job.folder, job.asked)
        elif (job.folder / RECIPE).exists():
            training.resume(job.folder)
        else:
            training.train(job.asked, job.folder)


def rows(job: Job) -> list[Row]:
    """What a finished job measured, beside what varied.

    Of a run, the share of held-out mazes walked exactly at its end, with steps, seconds and the last loss (nats a
    token). Of an experiment, its numbers: n is 1, and intervals are in its tables.
    """
    if job.experiment:
        known = json.loads((job.folder / NUMBERS).read_text())
        measured = {name: nan if value is None else float(value) for name, value in known.items()}
        return [Row(name, value, nan, nan, 1, job.what) for name, value in measured.items()]
    last = training.open_run(job.folder).metrics[-1]
    count = last["validation_mazes"]
    walked = np.arange(count) < round(last["exact"] * count)
    what = {**job.what, "steps": last["step"], "seconds": last["seconds"], "final_loss": last["loss"]}
    return [tables.proportion("exact", walked, **what)]


def headlines(found: Sequence[Row]) -> list[Row]:
    """The rows of the first SHOWN measures, which each experiment begins with what matters most; jobs side by side."""
    shown = list(dict.fromkeys(row.measure for row in found))[:SHOWN]
    return [row for measure in shown for row in found if row.measure == measure]


def joined(jobs: Sequence[Job]) -> dict[str, list[Row]]:
    """The tables of finished experiments, each one table of all jobs; a condition also varied is called table.key."""
    found: dict[str, list[Row]] = {}
    for job in jobs:
        for file in sorted((job.folder / "tables").glob("*.csv")):
            for row in tables.from_csv(file):
                own = {key if key not in job.what else f"{file.stem}.{key}": value for key, value in row.what.items()}
                found.setdefault(file.stem, []).append(replace(row, what={**job.what, **own}))
    return found


def _named(name: str) -> tuple[str, Any]:
    """An experiment's name and its settings as they are by themselves, or "" and a training recipe."""
    if name in experiments.EXPERIMENTS and not Path(name).is_file():
        return name, experiments.EXPERIMENTS[name].Settings()
    if not Path(name).is_file() and name not in training.names():
        known = [*training.names(), *experiments.EXPERIMENTS]
        raise recipes.unknown("training recipe (or TOML file) or experiment", name, known)
    return "", training.find(name)


def _at(recipe: Any, key: str) -> Any:
    value: Any = recipes.to_dict(recipe)
    for part in key.split("."):
        value = value[part]
    return value


def _folder_name(what: Mapping[str, Any]) -> str:
    """For example `seed=0,model.heads=4`. Raises ValueError if no file system would take it."""
    words = {key: value if isinstance(value, str) else json.dumps(value) for key, value in what.items()}
    name = ",".join(f"{quote(key, safe=' ')}={quote(value, safe=' []+')}" for key, value in words.items())
    if len(name) > LONGEST:
        raise ValueError(f"a job's folder is named after what varies, and {name!r} is longer than {LONGEST} characters")
    return name


def _settled(asked: training.TrainingRecipe, there: training.TrainingRecipe) -> training.TrainingRecipe:
    """The recipe as a run writes it down: what it left to the machine is what the machine made of it."""
    threads = asked.threads and cores.settle(asked.threads, asked.device, asked.mazes_per_step)
    dtype = there.dtype if asked.dtype == "auto" else asked.dtype
    return replace(asked, threads=threads or there.threads, dtype=dtype)


def _differences(asked: Any, there: Any) -> list[str]:
    one, two = recipes.flat(asked), recipes.flat(there)
    return [
        f"{key} is {two.get(key)!r} there and {one.get(key)!r} here"
        for key in {**one, **two}
        if one.get(key) != two.get(key)
    ]
