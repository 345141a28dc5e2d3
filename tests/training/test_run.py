"""A run's folder says what was done, keeps what it promises to keep, and is never overwritten."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maze_interp import mazes, models, storage, training
from maze_interp.mazes import Mixture, World
from maze_interp.training import TrainingRun
from maze_interp.training.run import milestones
from tests import oracles, tiny


def test_the_folder_explains_itself(trained):
    names = {path.name for path in trained.folder.iterdir()}
    assert names == {"recipe.toml", "provenance.json", "metrics.jsonl", "checkpoints", "model"}
    assert TrainingRun(trained.folder).recipe == tiny.LEARNS
    provenance = json.loads((trained.folder / "provenance.json").read_text())
    assert provenance["seed"] == tiny.LEARNS.seed
    assert provenance["packages"]["torch"]
    assert not [path for path in trained.folder.rglob("*") if "partial" in path.name or path.suffix in (".pt", ".pkl")]


def test_measurements_come_when_they_were_asked_for(trained):
    assert [row["step"] for row in trained.metrics] == [64, 128, 192, 256]
    for row in trained.metrics:
        assert row.keys() == {"step", "seconds", "loss", "exact", "optimal", "target_reached", "validation_mazes"}
        assert 0 <= row["exact"] <= row["optimal"] <= row["target_reached"] <= 1
        assert row["validation_mazes"] == 64
    assert (np.diff([row["seconds"] for row in trained.metrics]) >= 0).all()


def test_the_finished_model_is_the_last_checkpoint(trained):
    finished, last = trained.model(), trained.model(256)
    for (name, one), (_, two) in zip(finished.named_parameters(), last.named_parameters(), strict=True):
        assert (one == two).all(), name
    assert training.open_run(trained.folder) == trained
    assert models.load(trained.folder).maze_config == tiny.SHAPE


def test_checkpoint_0_is_the_model_before_training(trained):
    built = models.build(tiny.SHAPE, seed=tiny.LEARNS.seed)
    for one, two in zip(trained.model(0).parameters(), built.parameters(), strict=True):
        assert (one == two).all()


def test_what_validation_measures_is_measured_again_from_the_model(trained):
    assert training.validate(trained.model(), trained.recipe).items() <= trained.metrics[-1].items()
    assert training.validate(trained.model(0), trained.recipe)["exact"] < 0.1


def test_validation_mazes_are_held_out(trained, monkeypatch):
    drawn = []
    plain = models.rollout
    monkeypatch.setattr(
        models, "rollout", lambda model, batch, **more: drawn.append(batch) or plain(model, batch, **more)
    )
    training.validate(trained.model(), trained.recipe)
    assert (mazes.split_of(mazes.passage_hash(drawn[0].passages)) == mazes.VALIDATION).all()


@oracles.repeatable
@given(st.integers(1, 10**6), st.integers(1, 40))
def test_milestones_are_spaced_evenly_in_the_logarithm(steps, count):
    kept = sorted(milestones(replace(tiny.QUICK, steps=steps, checkpoints=count)))
    assert kept[0] == 0
    assert kept[-1] == steps
    assert kept[1] == 1
    assert len(kept) <= count + 2
    spaced = np.geomspace(1, steps, count + 1)
    assert all(np.abs(spaced - step).min() <= 0.5 for step in kept[1:])


def test_milestones_are_kept_and_others_make_room(trained):
    assert set(trained.checkpoints) == milestones(tiny.LEARNS) == {0, 1, 6, 40, 256}


def test_a_folder_that_holds_something_is_left_alone(trained, tmp_path):
    before = {path: path.stat().st_mtime_ns for path in trained.folder.rglob("*")}
    with pytest.raises(ValueError, match="learns already holds something; choose another folder"):
        training.train(tiny.QUICK, trained.folder)
    assert {path: path.stat().st_mtime_ns for path in trained.folder.rglob("*")} == before
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match="already holds something"):
        training.train(tiny.QUICK, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(
    ("folder", "message"),
    [
        ("", "which run"),
        ("nowhere", r"unknown model \(of the zoo, or a folder\) 'nowhere'"),
        ("runs/nowhere", r"nowhere holds no training run: it has no recipe\.toml"),
    ],
)
def test_a_folder_without_a_run_is_refused(tmp_path, monkeypatch, folder, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=message):
        training.open_run(folder)


def test_a_step_without_a_checkpoint_is_refused(trained):
    with pytest.raises(ValueError, match=r"has no checkpoint of step 7; it has \[0, 1, 6, 40, 256\]"):
        trained.model(7)


def test_progress_is_told_after_every_step(tmp_path):
    said = []
    run = training.train(replace(tiny.QUICK, steps=21), tmp_path / "run", progress=said.append)
    assert [status.step for status in said] == list(range(1, 22))
    assert all(status.steps == 21 and status.loss > 0 and status.mazes_per_second > 0 for status in said)
    assert said[-1].seconds_left == 0
    assert np.isnan(said[8].exact)
    assert said[9].exact == run.metrics[0]["exact"]
    assert (
        said[9].loss == run.metrics[0]["loss"] == pytest.approx(np.mean([status.loss for status in said[:9]]), rel=0.1)
    )


def test_a_checkpoint_holds_weights_and_both_moments(trained):
    tensors, metadata = storage.read_tensors(trained.checkpoints[40])
    names = models.weights_of(trained.model()).keys()
    assert tensors.keys() == {*names, *(f"exp_avg.{n}" for n in names), *(f"exp_avg_sq.{n}" for n in names)}
    assert metadata["step"] == 40
    assert len(metadata["losses"]) == 40
    last = storage.read_tensors(trained.checkpoints[256])[1]["losses"]  # saved before it was measured
    assert sum(last) / len(last) == trained.metrics[-1]["loss"]


def test_a_run_can_learn_a_mixture_of_sizes(tmp_path):
    worlds = {"small": World(rows=2, cols=2), "large": World("wilson", 3, 3, filters={"fork_count": (1, 2)})}
    mixture = Mixture(worlds, {"small": 0.25, "large": 0.75}, rows=4, cols=4, place="random")
    recipe = replace(tiny.QUICK, world=mixture, model=replace(tiny.SHAPE, rows=4, cols=4))
    run = training.train(recipe, tmp_path / "run")
    assert run.finished
    assert run.recipe == recipe
    seen = training.mazes_seen(run)
    assert seen.read == 24 * recipe.mazes_per_step
    assert (mazes.split_of(seen.hashes) == mazes.TRAIN).all()
