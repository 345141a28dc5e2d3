"""A tracker hears every measurement, offline; one that fails spoils nothing but itself."""

import os
from dataclasses import replace

import pytest
import wandb

from maze_interp import training
from maze_interp.cli import tracking
from maze_interp.cli.runs import resume, train
from tests import tiny

FEW = replace(tiny.QUICK, name="few", steps=4, validation=training.Validation(every=2, mazes=4))


def test_wandb_is_told_offline(tmp_path, monkeypatch):
    """The real library: it writes the recipe and every measurement into its own folder."""
    for name in ("WANDB_DIR", "WANDB_CACHE_DIR"):
        monkeypatch.setenv(name, str(tmp_path))
    for name in ("WANDB_MODE", "WANDB_ERROR_REPORTING"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WANDB_PROJECT", "walkers")
    train(FEW, tmp_path / "run", "wandb")
    wandb.teardown()
    assert os.environ["WANDB_ERROR_REPORTING"] == "false"  # or it would look its host up when the process ends
    (log,) = (tmp_path / "wandb").glob("offline-run-*/*.wandb")
    written = log.read_bytes()
    assert b"walkers" in written
    assert str(tmp_path / "run").encode() in written  # its group, which nothing said otherwise
    assert all(said in written for said in (b"mazes_per_step", b"mazes_per_second", b"target_reached", b"depth_first"))
    for row in training.open_run(tmp_path / "run").metrics:
        assert repr(row["loss"]).encode() in written


@pytest.fixture
def told(monkeypatch):
    """What a tracker called "list" was told, in order; it fails at step 4 if its list holds "fail" by then."""
    heard = []

    def begin(recipe, folder):
        heard.append((recipe.name, folder.name))

        def log(step, row):
            if "fail" in heard:
                raise ConnectionError("no route to host")
            heard.append((step, row))

        return log, lambda: heard.append("finished")

    monkeypatch.setitem(tracking.TRACKERS, "list", begin)
    return heard


def test_every_measurement_comes_with_its_pace(told, tmp_path):
    train(FEW, tmp_path / "run", "list")
    begun, *measured, finished = told
    assert (begun, finished) == (("few", "run"), "finished")
    for (step, heard), row in zip(measured, training.open_run(tmp_path / "run").metrics, strict=True):
        assert heard.pop("mazes_per_second") > 0
        assert (step, heard) == (row["step"], row)
    resume(tmp_path / "run", "list")  # nothing is left to do
    assert told[-2:] == [("few", "run"), "finished"]


def test_a_folder_in_use_is_refused_before_a_tracker_hears_of_it(told, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match="already holds something"):
        train(FEW, tmp_path, "list")
    assert told == []


def test_a_tracker_that_fails_is_told_of_once_and_training_goes_on(told, tmp_path, capsys):
    told.append("fail")
    train(FEW, tmp_path / "run", "list")
    assert training.open_run(tmp_path / "run").finished
    assert capsys.readouterr().err.count("list failed and gets no more of this run, which goes on: no route") == 1
    assert told == ["fail", ("few", "run")]


def test_a_tracker_that_cannot_begin_stops_the_run_before_it_begins(tmp_path, monkeypatch):
    def refuse(**_):
        raise wandb.Error("no key")

    with pytest.raises(ValueError, match="unknown tracker 'wnadb'; did you mean 'wandb'"):
        train(FEW, tmp_path / "run", "wnadb")
    monkeypatch.setattr(wandb, "init", refuse)
    with pytest.raises(ValueError, match="wandb cannot begin: no key"):
        train(FEW, tmp_path / "run", "wandb")
    assert list(tmp_path.iterdir()) == []
