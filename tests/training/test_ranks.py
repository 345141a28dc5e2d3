"""Two processes train as one, stop as one and fail as one, and what two began one goes on with and two finish.

The test's own process is the first rank; the second runs this file. They find each other through a file, not a port.
"""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import torch

from maze_interp import recipes, training
from maze_interp.training import objective, ranks

ROOT = Path(__file__).parents[2]
STOPPED, LATER, SPOILED = 10, 17, 13  # the first is a step that is measured, by whoever goes on


def ranked(rank, ranks=2):
    """What torchrun tells a process."""
    told = {"RANK": rank, "WORLD_SIZE": ranks, "LOCAL_RANK": rank, "LOCAL_WORLD_SIZE": ranks}
    return mock.patch.dict(os.environ, {name: str(value) for name, value in told.items()})


@contextmanager
def together(rank, folder, name):
    """Both processes in one group, which lasts as long as the block."""
    with (
        ranked(rank),
        mock.patch.object(ranks, "PATIENCE", timedelta(seconds=60)),
        ranks.joined("cpu", meeting=f"file://{folder}/{name}"),
    ):
        yield


@contextmanager
def watched(act=None, at=0):
    """The (sequences read, model) of each of this process's shares; at step `at`, `act` changes its loss."""
    plain, seen = objective.OBJECTIVES["path"], []

    def spy(model, part, branches):
        seen.append((len(part), model))
        loss = plain(model, part, branches)
        return act(loss) if len(seen) == at else loss

    with mock.patch.dict(objective.OBJECTIVES, path=spy):
        yield seen


def terminate(loss):
    signal.raise_signal(signal.SIGTERM)
    return loss


def refusal(*given, **named):
    with pytest.raises((ValueError, FloatingPointError)) as error:
        training.train(*given, **named)
    return str(error.value)


def story(rank, folder, recipe, alone):
    """What both processes do; returns what this one saw. `alone` is what the first does while no other trains."""
    second = rank == 1
    only_the_first = crash if second else None
    with together(rank, folder, "one meeting"):
        with watched() as seen:
            training.train(recipe, folder / "two", progress=only_the_first)
        with watched(terminate if second else None, STOPPED if second else 0):
            training.train(recipe, folder / "broken")
    alone()
    with together(rank, folder, "another meeting"):
        training.resume(folder / "broken")
        told = [refusal(recipe, folder / "two"), refusal(replace(recipe, mazes_per_step=1), folder / "none")]
        with watched(lambda loss: loss * torch.nan, SPOILED if second else 0):
            told.append(refusal(recipe, folder / "bad"))
    weights = {name: weight.sum().item() for name, weight in seen[-1][1].named_parameters()}
    return {"read": [length for length, _ in seen], "weights": weights, "told": told}


def crash(status):
    raise AssertionError("progress is the first rank's")


def press(status):
    if status.step == LATER - 1:
        signal.raise_signal(signal.SIGINT)


def assert_alike(run, whole):
    """Losses and weights agree up to rounding; it alone moves the biases of keys, to which softmax is blind."""
    assert run.finished
    assert [row["step"] for row in run.metrics] == [row["step"] for row in whole.metrics]
    assert np.allclose([row["loss"] for row in run.metrics], [row["loss"] for row in whole.metrics], rtol=1e-5)
    assert list(run.checkpoints) == list(whole.checkpoints)
    one, two = (made.model().state_dict() for made in (run, whole))
    for name in one.keys() - {name for name in one if name.endswith("attn.b_K")}:
        assert torch.allclose(one[name], two[name], atol=1e-5), name


@pytest.fixture
def interruptible():
    """Signals stop this process between steps also where it runs in the background, whose shell has Ctrl-C ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_two_processes_train_as_one(tmp_path):
    from tests import tiny

    (tmp_path / "quick.toml").write_text(recipes.to_toml(tiny.QUICK))
    one = training.train(tiny.QUICK, tmp_path / "one")
    two, broken = (training.TrainingRun(tmp_path / name) for name in ("two", "broken"))

    def alone():
        assert max(broken.checkpoints) == STOPPED
        assert not training.resume(broken.folder, progress=press).finished
        assert max(broken.checkpoints) == LATER

    second = subprocess.Popen([sys.executable, __file__, tmp_path], env={**os.environ, "PYTHONPATH": str(ROOT)})
    try:
        ours = story(0, tmp_path, tiny.QUICK, alone)
        assert second.wait(60) == 0
    finally:
        second.kill()

    theirs = json.loads((tmp_path / "second.json").read_text())
    assert ours == theirs  # the same weights, to the bit, and the same words
    assert set(ours["read"]) == {4}  # half of a step's eight sequences
    for run in (two, broken):
        assert_alike(run, one)
    held, few, bad = ours["told"]
    assert "two already holds something" in held
    assert few == "2 ranks cannot share 1 mazes a step: start at most that many"
    assert "step 13: loss nan" in bad
    assert "step_00000010.safetensors" in bad


def test_alone_everything_is_the_obvious():
    values = [torch.arange(3.0), torch.ones(2, 2)]
    assert all(map(torch.equal, ranks.summed(values), values))
    assert (ranks.count(), ranks.count_here(), ranks.rank()) == (1, 1, 0)
    assert (ranks.total(2.5), ranks.anywhere(True), ranks.anywhere(False)) == (2.5, True, False)
    assert ranks.once(divmod, 7, 2) == (3, 1)
    with ranked(0, ranks=1), ranks.joined("cuda"):  # torchrun with one process
        assert ranks.count() == 1


def test_what_went_wrong_between_ranks_is_told_with_what_to_do():
    def broken(*_):
        raise RuntimeError("Connection closed by peer [127.0.0.1]:29500")

    told = r"another rank has stopped.* newest checkpoint, if there is one: Connection closed by peer \[127"
    with (
        mock.patch.object(ranks, "_together", return_value=True),
        mock.patch.object(ranks.dist, "all_reduce", broken),
        pytest.raises(ConnectionError, match=told),
    ):
        ranks.total(1.0)


@pytest.mark.parametrize(
    ("device", "told"),
    [
        ("cuda", "2 ranks need a GPU each, and this machine has 1: start at most that many"),
        ("cuda:1", "ranks compute on one of cpu, cuda, not on 'cuda:1'"),
        ("mps", "ranks compute on one of cpu, cuda, not on 'mps'"),
    ],
)
def test_every_rank_needs_a_device_of_its_own(device, told, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with ranked(0), pytest.raises(ValueError, match=told), ranks.joined(device):
        pass


def test_ranks_that_nobody_started_are_refused(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.delenv("RANK", raising=False)
    with pytest.raises(ValueError, match="WORLD_SIZE is set, but not RANK, "), ranks.joined("cpu"):
        pass


def test_ranks_share_a_run_of_train_and_nothing_else(capsys):
    from maze_interp.cli.commands import main

    with ranked(1):
        assert main(["report", "runs/quickstart"]) == 2
    assert capsys.readouterr().err.startswith("maze-interp: rank 1: torchrun starts several processes, which share a ")


@contextmanager
def torchrun(folder, recipe, out):
    """A command line as users give it, under way; what it started ends with the block."""
    (folder / "recipe.toml").write_text(recipes.to_toml(recipe))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command += ["-m", "maze_interp", "train", "recipe.toml", "--out", out]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=folder, env=environment, start_new_session=True, **pipes) as process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def begun(folder, process):
    """Wait until a run has steps behind it."""
    late = time.monotonic() + 120
    while not (folder / "metrics.jsonl").exists():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < late
        time.sleep(0.1)


def children(process):
    return [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]


@pytest.mark.long
@pytest.mark.usefixtures("interruptible")
def test_torchrun_trains_saves_when_told_to_stop_and_ends_all_when_one_dies(tmp_path):
    from tests import tiny

    with torchrun(tmp_path, tiny.QUICK, "whole") as done:
        told, complaints = done.communicate(timeout=120)
    assert done.returncode == 0, complaints
    assert told == "trained: whole\n"
    assert_alike(training.TrainingRun(tmp_path / "whole"), training.train(tiny.QUICK, tmp_path / "one"))
    with torchrun(tmp_path, tiny.QUICK, "whole") as refused:
        complaints = refused.communicate(timeout=120)[1]
    assert all(f"maze-interp: rank {rank}: whole already holds something" in complaints for rank in (0, 1))

    endless = replace(tiny.QUICK, steps=10_000)
    with torchrun(tmp_path, endless, "stopped") as stopped:
        begun(tmp_path / "stopped", stopped)
        stopped.send_signal(signal.SIGINT)
        assert "go on with: maze-interp train --resume stopped" in stopped.communicate(timeout=60)[0]
    assert max(training.TrainingRun(tmp_path / "stopped").checkpoints) >= 10

    with torchrun(tmp_path, endless, "orphaned") as orphaned:
        begun(tmp_path / "orphaned", orphaned)
        ranks_of_it = children(orphaned)
        os.kill(ranks_of_it[-1], signal.SIGKILL)
        orphaned.communicate(timeout=60)
    assert orphaned.returncode != 0
    assert not any(Path(f"/proc/{pid}").exists() for pid in ranks_of_it)


def main(folder):
    recipe = recipes.load(training.TrainingRecipe, folder / "quick.toml")
    (folder / "second.json").write_text(json.dumps(story(1, folder, recipe, lambda: None)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
