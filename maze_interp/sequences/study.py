"""The whole study: networks of every size pretrained, then reinforced towards every goal, in a folder that remembers.

    study = sequences.study("small", "runs/study")
    study.finetuned["401k", 4]                          # an Ensemble of five
    study.curves                                        # rows: who, which measure, after which step, how much

A study that was interrupted goes on with the jobs that left no file. On one machine its networks are bit-identical to
those of a study that was not: each job is computed on one core, however many there are.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from maze_interp import recipes, storage
from maze_interp.models import cores
from maze_interp.sequences.ensemble import SIZES, Ensemble, build
from maze_interp.sequences.jobs import SCALES, Job, Scale, do, jobs, load, seed_of
from maze_interp.sequences.learning import Progress, Trained

SCALE = "scale.toml"


@dataclass(frozen=True)
class Study:
    """A finished study's folder, read on demand."""

    folder: Path
    scale: Scale

    @cached_property
    def trained(self) -> dict[Job, Trained]:
        """What each job left: networks and their curves."""
        return {job: load(self.folder / job.file, job) for job in jobs(self.scale)}

    @property
    def untrained(self) -> dict[str, Ensemble]:
        """The networks before pretraining, by size."""
        return {
            size: build(SIZES[size], self.scale.members, seed=seed_of(Job(size, "pretrained"), self.scale))
            for size in self.scale.sizes
        }

    @property
    def pretrained(self) -> dict[str, Ensemble]:
        """Networks that predict the sequence, by size."""
        return {job.size: trained.ensemble for job, trained in self.trained.items() if job.phase == "pretrained"}

    @property
    def finetuned(self) -> dict[tuple[str, int], Ensemble]:
        """Networks that were reinforced, by size and goal."""
        found = self.trained.items()
        return {(job.size, job.goal): trained.ensemble for job, trained in found if job.phase == "finetuned"}

    @property
    def curves(self) -> list[dict[str, Any]]:
        """A row for each measurement of each network: size, phase, goal (0: none), member, step, measure and value."""
        return [
            {**vars(job), "member": member, "step": int(step), "measure": measure, "value": float(value)}
            for job, trained in self.trained.items()
            for measure, values in trained.curves.items()
            for step, row in zip(trained.steps, values, strict=True)
            for member, value in enumerate(row)
        ]


def study(
    scale: str | Scale,
    folder: str | Path,
    *,
    seed: int | None = None,
    threads: int = 0,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> Study:
    """Train what the scale ("small", "full" or one of your own) asks for, but for what the folder already holds.

    `seed`, if given, takes the place of the scale's own; `threads` jobs run at a time, 0 for one a core. An `executor`
    of other processes (a ProcessPoolExecutor, Dask's client.get_executor(pure=False)) does them instead, where they
    see the same folder. Progress counts steps times parameters, in thousands, of what was left to do, of an executor's
    jobs when they end. Whoever asks for a study that another process is training waits until it ends and does what is
    then left. Raises ValueError for another study's folder.
    """
    scale, folder = _scale(scale, seed), Path(folder)
    if _missing(folder, scale):
        with storage.turn(folder):
            _train(_missing(folder, scale), scale, folder, threads, executor, progress)
    return Study(folder, scale)


def _train(
    missing: list[Job],
    scale: Scale,
    folder: Path,
    threads: int,
    executor: Executor | None,
    progress: Progress | None,
) -> None:
    if not (folder / SCALE).exists():
        storage.claim_folder(folder)
        storage.write_text_atomically(folder / SCALE, recipes.to_toml(scale))
    threads = cores.settle(threads, "cpu", max(len(missing), 1))
    with cores.workers(max(threads, 2)) as pool, _Meter(missing, scale, progress) as meter:
        if executor is None:
            _schedule(missing, threads, lambda job: pool.submit(do, job, scale, folder, meter.of(job)))
        else:
            there = folder.absolute()
            _schedule(missing, len(missing), lambda job: executor.submit(do_alone, job, scale, there), meter.ended)


def do_alone(job: Job, scale: Scale, folder: Path) -> None:
    """Do a job on one core of a process that may be anywhere."""
    with cores.limited(1):
        do(job, scale, folder)


def _schedule(
    missing: Sequence[Job],
    at_once: int,
    submit: Callable[[Job], Future[None]],
    ended: Callable[[Job], None] = lambda _: None,
) -> None:
    """Have the jobs done, each after the one it begins from. The first that fails calls those that wait off."""
    waiting, running = list(missing), dict[Future[None], Job]()
    try:
        while waiting or running:
            ready = [job for job in waiting if job.begins_from not in {*waiting, *running.values()}]
            for job in ready[: at_once - len(running)]:
                running[submit(job)] = job
                waiting.remove(job)
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                future.result()
                ended(running.pop(future))
    finally:
        for future in running:
            future.cancel()


def _scale(scale: str | Scale, seed: int | None) -> Scale:
    if isinstance(scale, str):
        if scale not in SCALES:
            raise recipes.unknown("scale", scale, SCALES)
        scale = SCALES[scale]
    return scale if seed is None else replace(scale, seed=seed)


def _missing(folder: Path, scale: Scale) -> list[Job]:
    """The jobs that left no file in the folder yet. Raises ValueError if it holds anything but this study."""
    if not (folder / SCALE).exists():
        storage.check_free(folder)
    elif recipes.load(Scale, folder / SCALE) != scale:
        raise ValueError(f"{folder} holds another study: its {SCALE} differs; choose another folder")
    return [job for job in jobs(scale) if not (folder / job.file).exists()]


class _Meter:
    """Counts the work of all jobs (steps times parameters, in thousands), and stops them when the study stops."""

    def __init__(self, missing: list[Job], scale: Scale, progress: Progress | None) -> None:
        self.done = dict.fromkeys(missing, 0)
        self.scale, self.progress = scale, progress
        self.lock, self.stopped = threading.Lock(), threading.Event()
        self.total = sum(self._work(job, self._steps(job)) for job in missing)

    def __enter__(self) -> "_Meter":
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()

    def of(self, job: Job) -> Progress:
        """What a job calls after each step."""

        def step(done: int, steps: int) -> None:
            if self.stopped.is_set():
                raise InterruptedError(f"{job.file} was stopped after {done} of {steps} steps")
            with self.lock:
                self.done[job] = self._work(job, done)
                if self.progress is not None:
                    self.progress(sum(self.done.values()), self.total)

        return step

    def ended(self, job: Job) -> None:
        """What is called of a job that ended elsewhere."""
        self.of(job)(self._steps(job), self._steps(job))

    def _steps(self, job: Job) -> int:
        return (self.scale.reinforcement if job.goal else self.scale.pretraining).steps

    def _work(self, job: Job, steps: int) -> int:
        return steps * SIZES[job.size].parameters // 1000
