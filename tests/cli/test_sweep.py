"""Sweeps over Dask: a worker that is killed costs nothing but its time, a job that fails stops no other, and what is
done is not done again."""

import os
import signal
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from distributed import KilledWorker, LocalCluster

from maze_interp import recipes, sequences, tables, training
from maze_interp.cli import jobs
from maze_interp.cli import sweep as sweeping
from maze_interp.cli.commands import main
from maze_interp.cli.sweep import sweep
from maze_interp.sequences import Pretraining, Reinforcement, Scale
from tests import tiny

NOWHERE = "tcp://127.0.0.1:9"
LONG, FIRST, SECOND = 200, 1, 6  # steps, and the first two that leave a checkpoint for good


@pytest.fixture(autouse=True)
def somewhere_else(tmp_path, monkeypatch):
    (tmp_path / "short.toml").write_text(recipes.to_toml(replace(tiny.QUICK, steps=6)))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sweeping, "CONNECT", 0.5)


@pytest.fixture(scope="module")
def scheduler():
    """The address of a scheduler with one worker, in this process."""
    with LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None) as cluster:
        yield cluster.scheduler_address


def kill_in(job, killed):
    """Kill whoever does the job once it has its second checkpoint; tells who it was and when."""
    run = training.TrainingRun(job.folder)
    while max(run.checkpoints, default=0) < SECOND:
        time.sleep(0.02)
    killed += [whose(job), time.time_ns()]
    os.kill(killed[0], signal.SIGKILL)
    killed.append(run.finished)


def whose(job):
    """The process that does a job, or did it last."""
    return int((job.folder.parent / f".{job.name}.lock").read_text().split()[0])


def test_a_worker_killed_in_the_middle_of_a_job_changes_nothing(monkeypatch):
    """Two processes, three runs, the longest of which loses its worker: it goes on and ends bit for bit as it would."""
    monkeypatch.setattr(sweeping, "CONNECT", 60)
    over, killed, said = {"steps": (LONG, 6, 7)}, [], []
    job = jobs.plan("short.toml", over, "out")[0]
    killer = threading.Thread(target=kill_in, args=[job, killed], daemon=True)
    killer.start()
    swept = sweep("short.toml", over, "out", workers=2, progress=lambda *given: said.append(given))
    assert swept.failed == {}
    killer.join(60)
    assert len(killed) == 3
    assert [row.what["steps"] for row in swept.rows] == [LONG, 6, 7]
    assert said == [(0, 3), (1, 3), (2, 3), (3, 3)]
    process, when, was_finished = killed
    assert not was_finished
    assert whose(job) != process
    checkpoints = training.open_run(job.folder).checkpoints
    assert checkpoints[FIRST].stat().st_mtime_ns < when < checkpoints[LONG].stat().st_mtime_ns
    undisturbed = jobs.plan("short.toml", over, "undisturbed")[0]
    jobs.do(undisturbed)
    one, two = (training.open_run(folder).model().state_dict() for folder in (job.folder, undisturbed.folder))
    assert all((one[name] == two[name]).all() for name in one)

    before = {path: path.stat().st_mtime_ns for path in job.folder.parent.glob("*/**/*")}
    again = sweep("short.toml", over, "out", scheduler=NOWHERE)  # which is never asked
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert again == swept
    assert tables.from_csv("out/sweep.csv") == list(swept.rows)


def test_a_job_that_fails_is_told_while_the_others_finish(scheduler, capsys):
    """The middle one of three diverges; more values join the sweep later, and only they (and it) are done."""
    command = ["sweep", "short.toml", "--out", "here", "--set", "steps=5", "--dask", scheduler]
    mine, stale = (Path("here", "tables", name) for name in ("mine.csv", "stale.csv"))
    mine.parent.mkdir(parents=True)
    mine.touch()
    rates = "optimiser.learning_rate=1e-3,1e30,2e-3"
    assert main([*command, "--over", rates]) == 2
    told = capsys.readouterr()
    assert "optimiser.learning_rate=1e+30 failed: FloatingPointError: step" in told.err.replace("%2B", "+")
    assert "maze-interp: 1 jobs failed; the same sweep started again does only these" in told.err
    assert [line.split(" | ")[0] for line in told.out.splitlines()[2:4]] == ["| 0.001", "| 0.002"]
    kept = [
        training.open_run(f"here/optimiser.learning_rate={rate}").folder / "metrics.jsonl" for rate in (0.001, 0.002)
    ]
    assert mine.exists()  # there was no sweep here before
    mine.rename(stale)
    before = [path.stat().st_mtime_ns for path in (*kept, Path("here/sweep.csv"))]
    assert main([*command, "--over", "optimiser.learning_rate=1e30"]) == 2
    assert [path.stat().st_mtime_ns for path in (*kept, Path("here/sweep.csv"))] == before
    assert stale.exists()
    assert "sweep.csv" not in capsys.readouterr().out
    assert main([*command, "--over", rates.replace("1e30", "3e-3")]) == 0
    assert not stale.exists()
    assert [path.stat().st_mtime_ns for path in kept] == before[:2]
    rows = tables.from_csv("here/sweep.csv")
    assert [row.what["optimiser.learning_rate"] for row in rows] == [0.001, 0.003, 0.002]
    assert "here/sweep.csv" in capsys.readouterr().out


def test_a_sweep_that_was_stopped_goes_on(scheduler):
    def press(done, total):
        if done == 1:
            raise KeyboardInterrupt

    over = {"steps": (1, 2, 3)}
    with pytest.raises(InterruptedError, match="stopped; the same sweep started again goes on where it was"):
        sweep("short.toml", over, "out", scheduler=scheduler, progress=press)
    swept = sweep("short.toml", over, "out", scheduler=scheduler)
    assert ([row.what["steps"] for row in swept.rows], swept.failed) == ([1, 2, 3], {})


def test_a_study_is_spread_over_the_same_workers(scheduler, tmp_path):
    scale = Scale(
        sizes=("18k",), goals=(4,), members=1, repeated=(), varied=(),
        pretraining=Pretraining(steps=2, batch=4, held_out=10, every=2),
        reinforcement=Reinforcement(steps=2, batch=4, held_out=10, every=2),
    )  # fmt: skip
    with sweeping.executor(scheduler) as executor:
        spread = sequences.study(scale, "spread", executor=executor)
    here = sequences.study(scale, "here")
    for file in here.folder.iterdir():
        assert (spread.folder / file.name).read_bytes() == file.read_bytes()


@pytest.mark.parametrize(("workers", "processes"), [(0, 1), (3, 3)])
def test_a_gpu_is_no_core(workers, processes, monkeypatch):
    """Jobs of another device than the CPU have one process by default, and as many as are asked for."""
    asked = []

    @contextmanager
    def client(address, count):
        asked.append(count)
        raise ValueError("enough")
        yield

    monkeypatch.setattr(sweeping, "_client", client)
    for device in ("cuda", "cpu"):
        with pytest.raises(ValueError, match="enough"):
            sweep("short.toml", {"seed": range(3)}, "out", settings={"device": device}, workers=workers)
    assert asked[0] == processes
    assert asked[1] == (workers or min(3, len(os.sched_getaffinity(0))))


@pytest.mark.parametrize(
    ("work", "told"),
    [
        (lambda executor: executor.submit(exec, "raise RuntimeError('no memory')").result(), "RuntimeError: no memory"),
        (lambda executor: cancelled(executor.submit(time.sleep, 0)).result(), "CancelledError"),
        (lambda _: die(), "KilledWorker: .* all those workers died"),
    ],
)
def test_what_goes_wrong_on_workers_is_told_as_input_is(scheduler, work, told):
    with (
        pytest.raises(ValueError, match=f"the workers of {scheduler} did not do it: {told}"),
        sweeping.executor(scheduler) as executor,
    ):
        work(executor)


def cancelled(future):
    future.cancel()
    return future


def die():
    raise KilledWorker("part", SimpleNamespace(address="tcp://far"), 3)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["sweep", "short.toml"], "what varies? give at least one --over"),
        (["sweep", "short.toml", "--over", "seed=3..1"], "--over seed=3..1: 3..1 is empty"),
        (["sweep", "short.toml", "--over", "sed=0..1"], "unknown key 'sed'; did you mean 'seed'?"),
        (["sweep", "short.toml", "--over", "seed=0..1", "--seed", "1"], "seed is both set and to be varied"),
        (["sweep", "shot.toml", "--over", "seed=0..1"], "unknown training recipe (or TOML file) or experiment"),
        (["sweep", "short.toml", "--over", "seed=0..1", "--dask", NOWHERE], f"no Dask scheduler answers at {NOWHERE}"),
        (["sweep", "short.toml", "--over", "seed=0..1", "--dask", "no:such"], "no Dask scheduler answers at no:such"),
        (["sweep", "short.toml", "--over", "seed=0", "--dask", NOWHERE, "--workers", "2"], "a scheduler has its own"),
        (["sweep", "short.toml", "--over", "seed=0", "--workers", "-1"], "workers are at least 1"),
        (
            ["run", "lens", "--set", "run=a", "--out", "b", "--dask", NOWHERE],
            "lens has no parts to spread; `maze-interp sweep`",
        ),
        (["run", "sequence_optimisation", "--dask", NOWHERE], f"no Dask scheduler answers at {NOWHERE}"),
    ],
)
def test_a_mistake_is_told_before_work_begins(arguments, told, tmp_path, capsys):
    assert main(arguments) == 2
    assert told in capsys.readouterr().err.splitlines()[-1]
    assert [path.name for path in tmp_path.iterdir()] == ["short.toml"]
