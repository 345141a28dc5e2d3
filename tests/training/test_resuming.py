"""However a run is stopped, it can be gone on with, and ends as if it had never stopped: bit for bit."""

import errno
import itertools
import os
import shutil
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from maze_interp import models, recipes, storage, training
from maze_interp.models import precision
from maze_interp.training import objective
from maze_interp.training.optimisers import OPTIMISERS
from tests import tiny


class Stop(Exception):
    """A crash, as far as the training loop can tell."""


@pytest.fixture(autouse=True)
def interruptible():
    """Ctrl-C works in these tests also where they run in the background, whose shell has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The run that nothing interrupts."""
    return training.train(tiny.QUICK, tmp_path_factory.mktemp("whole") / "run")


@pytest.mark.parametrize("name", OPTIMISERS)
def test_the_state_of_every_optimiser_survives(name, tmp_path):
    recipe = replace(tiny.QUICK, optimiser=replace(tiny.QUICK.optimiser, name=name))
    undisturbed = training.train(recipe, tmp_path / "undisturbed")
    with pytest.raises(Stop):
        training.train(recipe, tmp_path / "run", progress=at(12, crash))
    assert_same(training.resume(tmp_path / "run"), undisturbed)


def at(step, act):
    """A progress callback that acts once, after the given step."""
    return lambda status: act() if status.step == step else None


def crash():
    raise Stop


def press():
    signal.raise_signal(signal.SIGINT)


def measured(run):
    return [{name: value for name, value in row.items() if name != "seconds"} for row in run.metrics]


def assert_same(run, whole):
    """Weights, measurements and every checkpoint with its optimiser state, all but how long it took."""
    assert run.finished
    assert measured(run) == measured(whole)
    assert list(run.checkpoints) == list(whole.checkpoints)
    for file in ["model/model.safetensors", *(path.relative_to(whole.folder) for path in whole.checkpoints.values())]:
        (mine, told), (theirs, known) = (storage.read_tensors(one.folder / file) for one in (run, whole))
        assert told | {"seconds": 0} == known | {"seconds": 0}, file
        assert mine.keys() == theirs.keys(), file
        assert all(mine[name].tobytes() == theirs[name].tobytes() for name in mine), file


def copied(whole, tmp_path):
    return shutil.copytree(whole.folder, tmp_path / "copy")


@pytest.mark.parametrize("step", [1, 10, 15])
def test_a_crash_changes_nothing(whole, tmp_path, step):
    with pytest.raises(Stop):
        training.train(tiny.QUICK, tmp_path / "run", progress=at(step, crash))
    crashed = training.TrainingRun(tmp_path / "run")
    assert not crashed.finished
    assert max(crashed.checkpoints) <= step
    assert_same(training.resume(tmp_path / "run"), whole)


def test_a_run_that_crashes_again_and_again_still_arrives(whole, tmp_path):
    with pytest.raises(Stop):
        training.train(tiny.QUICK, tmp_path / "run", progress=at(5, crash))
    for step in (9, 12, 21):
        with pytest.raises(Stop):
            training.resume(tmp_path / "run", progress=at(step, crash))
    assert_same(training.resume(tmp_path / "run"), whole)


def test_stopped_at_a_measured_step_it_saves_and_leaves_the_measurement_to_who_goes_on(whole, tmp_path, monkeypatch):
    """Whether asked before it measures or killed while it does; either way somebody is told of every measurement."""
    told = []

    def follow(stop):
        return lambda status: (told.append(status.row) if status.row else None, at(stop, press)(status))

    run = training.train(tiny.QUICK, tmp_path / "run", progress=follow(9))
    assert (max(run.checkpoints), run.metrics) == (10, [])
    with monkeypatch.context() as patch:
        patch.setattr(sys.modules["maze_interp.training.loop"], "validate", lambda *_: crash())
        with pytest.raises(Stop):
            training.resume(run.folder)
    assert not training.resume(run.folder, progress=follow(23)).finished
    assert_same(training.resume(run.folder, progress=follow(0)), whole)
    assert told == run.metrics


@pytest.mark.parametrize("step", [2, 13, 24])
def test_interrupted_it_finishes_the_next_step_saves_and_returns(whole, tmp_path, step):
    ordinary = signal.getsignal(signal.SIGINT)
    run = training.train(tiny.QUICK, tmp_path / "run", progress=at(step, press))
    assert run.finished == (step == 24)
    assert max(run.checkpoints) == min(step + 1, 24)
    assert signal.getsignal(signal.SIGINT) is ordinary
    assert_same(training.resume(tmp_path / "run"), whole)


def test_interrupted_while_it_computes_it_saves_that_step(whole, tmp_path, monkeypatch):
    plain = objective.OBJECTIVES["path"]
    steps = iter(range(1, 25))

    def pressed(*given):
        if next(steps) == 13:
            press()
        return plain(*given)

    monkeypatch.setitem(objective.OBJECTIVES, "path", pressed)
    run = training.train(tiny.QUICK, tmp_path / "run")
    assert max(run.checkpoints) == 13
    assert_same(training.resume(tmp_path / "run"), whole)


def test_a_second_interruption_stops_at_once_and_loses_little(whole, tmp_path):
    ordinary = signal.getsignal(signal.SIGINT)

    def twice():
        press()
        press()

    with pytest.raises(KeyboardInterrupt):
        training.train(tiny.QUICK, tmp_path / "run", progress=at(13, twice))
    assert signal.getsignal(signal.SIGINT) is ordinary
    assert_same(training.resume(tmp_path / "run"), whole)


def test_another_thread_trains_too(whole, tmp_path):
    made = []
    worker = threading.Thread(target=lambda: made.append(training.train(tiny.QUICK, tmp_path / "run")))
    worker.start()
    worker.join()
    assert_same(made[0], whole)


def test_threads_that_share_a_step_change_nothing_either(tmp_path):
    recipe = replace(tiny.QUICK, threads=3)  # which share four mazes unevenly
    whole = training.train(recipe, tmp_path / "whole")
    with pytest.raises(Stop):
        training.train(recipe, tmp_path / "run", progress=at(15, crash))
    assert_same(training.resume(tmp_path / "run"), whole)


def test_another_process_gets_the_same_weights(whole, tmp_path):
    """The one that was killed by a signal it could not catch, and another that went on: three processes agree."""
    (tmp_path / "quick.toml").write_text(recipes.to_toml(tiny.QUICK))
    kill = "lambda status: os.kill(os.getpid(), signal.SIGKILL) if status.step == 15 else None"
    code = f"import os, signal, torch; torch.set_num_threads({torch.get_num_threads()}); "
    code += "from maze_interp import training; folder, recipe = 'run', training.find('quick.toml'); "
    code += f"training.train(recipe, folder, progress={kill})"
    died = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True)
    assert died.returncode == -signal.SIGKILL
    assert_same(training.resume(tmp_path / "run"), whole)


@pytest.mark.parametrize("step", [0, 8])
def test_from_an_earlier_checkpoint_it_comes_to_the_same_end(whole, tmp_path, step):
    folder = copied(whole, tmp_path)
    assert_same(training.resume(folder, step=step), whole)


def test_going_on_from_earlier_a_run_is_not_finished_until_it_is(whole, tmp_path):
    folder = copied(whole, tmp_path)
    assert not training.resume(folder, step=3, progress=at(4, press)).finished
    with pytest.raises(ValueError, match="is not finished; resume it first"):
        training.open_run(folder)
    assert measured(training.TrainingRun(folder)) == []
    assert_same(training.resume(folder), whole)


def test_a_finished_run_stays_as_it_is(whole, tmp_path):
    folder = copied(whole, tmp_path)
    before = (folder / "metrics.jsonl").read_bytes()
    assert_same(training.resume(folder), whole)
    assert (folder / "metrics.jsonl").read_bytes() == before


@pytest.mark.parametrize(  # the next step is a milestone, a measured one, the last
    ("fault", "step"), [("os.fsync", 7), ("os.fsync", 9), ("os.replace", 9), ("os.replace", 23)]
)
def test_a_full_disk_leaves_the_checkpoint_before(whole, tmp_path, monkeypatch, fault, step):
    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space left"):
        training.train(tiny.QUICK, tmp_path / "run", progress=at(step, lambda: patch.setattr(fault, fail)))
    run = training.TrainingRun(tmp_path / "run")
    assert max(run.checkpoints) <= step
    assert run.model(max(run.checkpoints)).cfg.n_layers == 2
    assert not [path for path in run.folder.rglob("*") if "partial" in path.name]
    assert_same(training.resume(run.folder), whole)


def test_a_measurement_cut_short_by_a_full_disk_is_made_again(whole, tmp_path):
    with pytest.raises(Stop):
        training.train(tiny.QUICK, tmp_path / "run", progress=at(20, crash))
    metrics = tmp_path / "run" / "metrics.jsonl"
    metrics.write_text(metrics.read_text()[:-20])
    run = training.TrainingRun(tmp_path / "run")
    assert [row["step"] for row in run.metrics] == [10]
    assert max(run.checkpoints) == 20
    assert_same(training.resume(run.folder), whole)


def test_a_checkpoint_cut_short_is_named_and_an_earlier_one_serves(whole, tmp_path):
    folder = copied(whole, tmp_path)
    newest = training.TrainingRun(folder).checkpoints[24]
    newest.write_bytes(newest.read_bytes()[:-1000])
    with pytest.raises(ValueError, match=r"step_00000024\.safetensors is truncated"):
        training.resume(folder)
    assert_same(training.resume(folder, step=8), whole)


def spoiled(value):
    """The path objective, from step 13 on with a loss that is `value` of it."""
    plain, steps = objective.OBJECTIVES["path"], iter(range(1, 25))
    return lambda *given: value(plain(*given)) if next(steps) >= 13 else plain(*given)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (lambda loss: loss * torch.nan, "step 13: loss nan, gradient norm nan"),
        (lambda loss: loss / 0, "step 13: loss inf"),
        (lambda loss: loss + (loss - loss).sqrt(), r"step 13: loss \d.*, gradient norm nan"),
    ],
)
def test_what_is_not_finite_stops_the_run_before_it_harms_the_weights(whole, tmp_path, monkeypatch, value, message):
    with monkeypatch.context() as patch:
        patch.setitem(objective.OBJECTIVES, "path", spoiled(value))
        with pytest.raises(FloatingPointError, match=message + r".* the last good checkpoint is (.*)$") as error:
            training.train(tiny.QUICK, tmp_path / "run")
    good = str(error.value).rsplit(" is ", 1)[1]
    assert good == str(tmp_path / "run" / "checkpoints" / "step_00000010.safetensors")
    model = models.from_weights(tiny.SHAPE, good)
    assert all(weight.isfinite().all() for weight in model.parameters())
    assert_same(training.resume(tmp_path / "run"), whole)


def test_there_must_be_something_to_go_on_with(whole, tmp_path):
    with pytest.raises(ValueError, match=r"nowhere holds no training run: it has no recipe\.toml"):
        training.resume(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"has no checkpoint of step 9; it has \[0, 1, 3, 8, 24\]"):
        training.resume(whole.folder, step=9)
    folder = copied(whole, tmp_path)
    shutil.rmtree(folder / "checkpoints")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(ValueError, match="is finished, and has no checkpoint to go on from"):
        training.resume(folder)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    shutil.rmtree(folder / "model")
    (folder / "metrics.jsonl").unlink()
    again = training.resume(folder)  # stopped before its first checkpoint, a run begins at its beginning
    assert again.finished
    assert measured(again) == measured(whole)
    shutil.rmtree(folder / "checkpoints")
    shutil.copyfile(folder / "model" / "model.safetensors", _made(folder / "checkpoints") / "step_00000005.safetensors")
    with pytest.raises(ValueError, match=r"step_00000005\.safetensors is not a training checkpoint"):
        training.resume(folder)


def test_a_published_model_has_no_beginning_to_go_on_from():
    published = training.open_run("rdfs-4x4")
    assert published.model(0) is not None
    with pytest.raises(ValueError, match=r"has no checkpoint of step 0; it has \["):
        training.resume(published.folder, step=0)


def test_its_device_must_be_there_to_go_on(whole, tmp_path):
    folder = copied(whole, tmp_path)
    recipe = recipes.to_toml(replace(whole.recipe, device="tpu"))
    (folder / "recipe.toml").write_text(recipe)
    with pytest.raises(ValueError, match="device 'tpu' is not to be had here"):
        training.resume(folder)


def test_the_seconds_of_a_stopped_run_count_those_before(tmp_path, monkeypatch):
    """A clock that goes on by a second whenever it is asked, and by a thousand where the run is stopped."""
    clock = itertools.count()
    ours = SimpleNamespace(monotonic=lambda: next(clock))
    monkeypatch.setattr(sys.modules["maze_interp.training.loop"], "time", ours)
    undisturbed = training.train(tiny.QUICK, tmp_path / "undisturbed")
    run = training.train(tiny.QUICK, tmp_path / "run", progress=at(6, press))
    for _ in range(1000):
        next(clock)
    run = training.resume(run.folder)
    assert [row["seconds"] for row in run.metrics] == [row["seconds"] for row in undisturbed.metrics]


def test_a_checkpoint_that_does_not_tell_its_seconds_goes_on_from_the_last_measurement(whole, tmp_path):
    run = training.train(tiny.QUICK, tmp_path / "run", progress=at(12, press))
    before, newest = run.metrics[-1]["seconds"], max(run.checkpoints.items())[1]
    tensors, told = storage.read_tensors(newest)
    without = {name: value for name, value in told.items() if name != "seconds"}
    storage.write_tensors_atomically(newest, {name: one.copy() for name, one in tensors.items()}, without)
    run = training.resume(run.folder)
    assert_same(run, whole)
    assert run.metrics[-1]["seconds"] > before


def test_in_bf16_by_two_threads_it_goes_on_to_the_same_bits(tmp_path):
    recipe = replace(tiny.QUICK, steps=6, dtype="bfloat16", threads=2)
    undisturbed = training.train(recipe, tmp_path / "undisturbed")
    training.train(recipe, tmp_path / "run", progress=at(2, press))
    assert_same(training.resume(tmp_path / "run"), undisturbed)


@pytest.mark.parametrize(("ordinary", "stops"), [(signal.SIG_DFL, True), (signal.SIG_IGN, False)])
def test_a_terminal_that_goes_stops_a_run_unless_it_is_told_not_to_mind(tmp_path, ordinary, stops):
    before = signal.signal(signal.SIGHUP, ordinary)
    try:
        run = training.train(tiny.QUICK, tmp_path / "run", progress=at(5, lambda: signal.raise_signal(signal.SIGHUP)))
        assert signal.getsignal(signal.SIGHUP) == ordinary
    finally:
        signal.signal(signal.SIGHUP, before)
    assert run.finished is not stops


def _made(folder):
    folder.mkdir()
    return folder


def test_a_run_settles_its_number_format_and_threads_once(tmp_path, monkeypatch):
    monkeypatch.setattr(precision, "fastest", lambda device: "bfloat16")
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1, 2})
    recipe = replace(tiny.QUICK, steps=2, dtype="auto", threads=0)
    run = training.train(recipe, tmp_path / "run", progress=at(1, press))
    assert (run.recipe.dtype, run.recipe.threads) == ("bfloat16", 3)


def test_a_run_can_begin_where_another_model_ended(tmp_path):
    """Its first checkpoint is the other model carried over, and so it is where it was stopped before it had one."""
    source = models.build(replace(tiny.SHAPE, rows=2, cols=2), seed=5)
    models.save(source, tmp_path / "source")
    recipe = replace(tiny.QUICK, steps=2, begins_from=str(tmp_path / "source"))
    run = training.train(recipe, tmp_path / "run")
    expected = models.fingerprint(models.carry_over(source, recipe.model, seed=recipe.seed))
    assert models.fingerprint(run.model(0)) == expected
    assert models.fingerprint(run.model()) != expected
    for part in ("checkpoints", "model"):
        shutil.rmtree(run.folder / part)
    assert models.fingerprint(training.resume(run.folder).model(0)) == expected
