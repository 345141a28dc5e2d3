"""A sweep: independent jobs spread over the workers of Dask, which is met here and nowhere else.

    from maze_interp.cli.sweep import sweep
    swept = sweep("rdfs-5x5", {"seed": range(5), "model.heads": (4, 8)}, "runs/heads")
    swept.rows, swept.failed

By default the workers are processes of this machine, one a core, or a single one where a recipe's device is not "cpu",
for which they would contend; a script that starts them needs the usual `if __name__ == "__main__":`. Those of a given
scheduler must see the same files under the same names (a shared file system) and have this package installed. The job
of a worker that dies is given to another, which goes on from the newest checkpoint; a job that kills four workers, or
fails by itself, is told with its reason while the others go on.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Executor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dask
from distributed import Client, Future, KilledWorker, LocalCluster, as_completed
from distributed.utils import get_mp_context

from maze_interp import tables
from maze_interp.cli import jobs
from maze_interp.cli.jobs import Job
from maze_interp.models import cores
from maze_interp.tables import Row

Progress = Callable[[int, int], None]
CONNECT = 10  # seconds in which a scheduler answers
PRELOADED = ["distributed", "maze_interp.cli.jobs"]


@dataclass(frozen=True)
class Swept:
    """Rows of the jobs that are finished, in order, and why the others are not, by the job's name."""

    rows: Sequence[Row]
    failed: Mapping[str, str] = field(default_factory=dict)


def sweep(
    name: str,
    over: Mapping[str, Sequence[Any]],
    out: str | Path,
    *,
    settings: Mapping[str, str] | None = None,
    scheduler: str = "",
    workers: int = 0,
    progress: Progress | None = None,
) -> Swept:
    """Do what was not done yet of a recipe's (or an experiment's) jobs; write `out`/sweep.csv and return its rows.

    It and the joined tables are of this sweep's finished jobs alone; those of an earlier sweep into the same folder
    give way, unless nothing is finished. `over` says which values a key takes, `settings` what else differs from the
    recipe. `workers` is how many processes (0: one a core, on a GPU one), `scheduler` the address of one that has its
    own. `progress` counts jobs. Raises ValueError, before work begins, for what `jobs.plan` and `jobs.finished` refuse
    and for a scheduler that does not answer; on Ctrl-C InterruptedError (a given scheduler's workers finish what they
    have begun).
    """
    planned = jobs.plan(name, over, out, settings)
    if workers < 0 or (workers and scheduler):
        raise ValueError(f"workers are at least 1, or 0 for one a core, and a scheduler has its own: not {workers}")
    missing = [job for job in planned if not jobs.finished(job)]
    report = (lambda done: progress(len(planned) - len(missing) + done, len(planned))) if progress else lambda _: None
    report(0)
    failed = _spread(missing, scheduler, workers, report) if missing else {}
    done = [job for job in planned if job.name not in failed]
    rows = [row for job in done for row in jobs.rows(job)]
    if rows:
        _write(rows, jobs.joined(done), Path(out))
    return Swept(rows, {job.name: failed[job.name] for job in planned if job.name in failed})


@contextmanager
def executor(scheduler: str) -> Iterator[Executor]:
    """The workers of a scheduler as an executor of Python's own kind.

    Raises ValueError if none answers or if they do not do what they are given, InterruptedError on Ctrl-C.
    """
    with _client(scheduler, 0) as client:
        try:
            yield client.get_executor(pure=False)
        except KeyboardInterrupt:
            raise InterruptedError("stopped; the same command given again goes on where it was") from None
        except (RuntimeError, KilledWorker, CancelledError) as error:
            raise ValueError(f"the workers of {scheduler} did not do it: {_told(error)}") from error


@contextmanager
def _client(address: str, workers: int) -> Iterator[Client]:
    """A client of the scheduler at an address, or of new processes of this machine, which end with it."""
    with ExitStack() as stack:
        address = address or stack.enter_context(_cluster(workers)).scheduler_address
        try:
            client = Client(address, timeout=CONNECT, set_as_default=False)
        except (OSError, ValueError) as error:
            raise ValueError(f"no Dask scheduler answers at {address}: {error}") from None
        yield stack.enter_context(client)


@contextmanager
def _cluster(workers: int) -> Iterator[LocalCluster]:
    """Processes that compute with one thread each.

    They are forked from one that has imported all they need, once; and what they return is nothing, so that Dask need
    not watch their memory.
    """
    with dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"}):
        get_mp_context().set_forkserver_preload(PRELOADED)
        quiet = {"dashboard_address": None, "silence_logs": logging.ERROR, "memory_limit": None}
        with LocalCluster(n_workers=workers, threads_per_worker=1, processes=True, **quiet) as cluster:
            yield cluster


def _spread(missing: Sequence[Job], scheduler: str, workers: int, report: Callable[[int], None]) -> dict[str, str]:
    """Do the jobs; returns why some were not done."""
    failed = {}
    try:
        with _client(scheduler, cores.settle(workers, _device(missing), len(missing))) as client:
            told = {client.submit(jobs.do, job, pure=False): job for job in missing}
            for done, future in enumerate(as_completed(told, loop=client.loop), start=1):
                if reason := _why_not(future, told[future]):
                    failed[told[future].name] = reason
                report(done)
    except KeyboardInterrupt:
        raise InterruptedError("stopped; the same sweep started again goes on where it was") from None
    return failed


def _why_not(future: Future, job: Job) -> str:
    """Why the job was not done, or nothing."""
    if future.status == "error":
        return _told(future.exception())
    if future.status != "finished":
        return f"{future.status}: the scheduler was lost or dropped it"
    return "" if jobs.finished(job) else f"its worker left nothing in {job.folder}: workers must see the same files"


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def _device(planned: Sequence[Job]) -> str:
    """What the jobs compute on; recipes of a sweep may differ in it, and one that is not "cpu" decides."""
    devices = {getattr(job.asked, "device", "cpu") for job in planned}
    return max(devices - {"cpu"}, default="cpu")


def _write(rows: Sequence[Row], joined: Mapping[str, Sequence[Row]], out: Path) -> None:
    """Write a sweep's tables in place of an earlier sweep's."""
    if (out / "sweep.csv").exists():  # else tables that are there are nobody's to remove
        for stale in set((out / "tables").glob("*.csv")) - {out / "tables" / f"{table}.csv" for table in joined}:
            stale.unlink()
    tables.to_csv(rows, out / "sweep.csv")
    for table, its_rows in joined.items():
        tables.to_csv(its_rows, out / "tables" / f"{table}.csv")
