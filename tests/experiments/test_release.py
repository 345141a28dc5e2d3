"""A published run is a run to look at; its card says what was measured of it, and its sentences follow the numbers."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from maze_interp import mazes, models, recipes, storage, training
from maze_interp.experiments import behaviour, model_card, release
from maze_interp.experiments.release import Settings
from maze_interp.mazes import Endpoints, World
from maze_interp.models import manifest
from maze_interp.tables import Row
from maze_interp.training import seen
from tests import tiny

FEW = Settings(mazes=30, checkpoints=3)


@pytest.fixture(scope="module")
def made(trained, tmp_path_factory):
    """A published form of the small trained run, and its card."""
    folder = tmp_path_factory.mktemp("published") / "small"
    return release.publish(trained.folder, folder, FEW), folder


def test_the_folder_has_the_hub_s_layout_and_every_file_a_checksum(made, trained):
    card, folder = made
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    plain = {"README.md", "behaviour.json", "config.json", "metrics.jsonl", "model.safetensors", "provenance.json"}
    weights = {f"checkpoints/step_{step:08d}.safetensors" for step in card.steps[:-1]}
    assert files == plain | weights | {"recipe.toml", "manifest.json"}
    assert json.loads((folder / "manifest.json").read_text()).keys() == files - {"manifest.json"}
    manifest.verify(folder)
    assert "command" not in json.loads((folder / "provenance.json").read_text())
    assert str(trained.folder.parent) not in "".join(path.read_text() for path in folder.glob("*.[jmt]*"))
    assert recipes.load(training.TrainingRecipe, folder / "recipe.toml") == replace(tiny.LEARNS, name="small")


def test_it_is_a_finished_run_whose_checkpoints_are_the_original_s_in_float16(made, trained):
    card, folder = made
    run = training.open_run(folder)
    assert run.finished
    assert run.metrics == trained.metrics
    assert tuple(run.checkpoints) == card.steps == (6, 40, 256)
    for step, file in run.checkpoints.items():
        before, after = storage.read_tensors(trained.checkpoints[step])[0], storage.read_tensors(file)[0]
        assert after.keys() == models.weights_of(run.model()).keys()
        assert all((after[name] == before[name].astype(np.float16)).all() for name in after)
    assert models.weights_of(run.model(40))["embed.W_E"].dtype == torch.float32
    for one, two in zip(run.model(0).parameters(), trained.model(0).parameters(), strict=True):
        assert (one == two).all()
    assert training.mazes_seen(run).hashes.tolist() == training.mazes_seen(trained).hashes.tolist()


def test_it_cannot_be_gone_on_with_nor_published_again(made, tmp_path):
    before = {path: path.read_bytes() for path in made[1].rglob("*") if path.is_file()}
    with pytest.raises(ValueError, match=r"is not a training checkpoint: it names no step and losses"):
        training.resume(made[1])
    with pytest.raises(ValueError, match=r"is a published model: publish the run that it was made from"):
        release.publish(made[1], tmp_path / "again", FEW)
    told = (made[1] / "README.md").read_text()
    assert "maze-interp publish runs/mine --out published/small --set mazes=30 --set checkpoints=3 " in told
    assert {path: path.read_bytes() for path in made[1].rglob("*") if path.is_file()} == before


def test_a_checkpoint_that_changed_is_refused(made, tmp_path):
    folder = shutil.copytree(made[1], tmp_path / "small")
    file = folder / "checkpoints" / "step_00000040.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"\x00\x00")
    with pytest.raises(ValueError, match=r"step_00000040\.safetensors is damaged"):
        training.open_run(folder).model(40)
    (folder / "manifest.json").unlink()
    with pytest.raises(ValueError, match=r"it has no manifest\.json"):
        training.open_run(folder).model()


def test_the_numbers_are_those_of_the_published_files(made):
    card, folder = made
    found = behaviour.run(behaviour.Settings(str(folder), FEW.mazes, 0, FEW.seed))
    told = json.loads((folder / "behaviour.json").read_text())
    assert told["numbers"] == dict(found.numbers)
    assert told["numbers"]["test_mazes_seen_in_training"] == 0
    rows = {(row.measure, row.what["walker"]): row.value for row in found.tables["rollouts"]}
    for row in told["rows"]:
        if (key := (row["measure"], row["what"].get("walker"))) in rows:
            assert row["value"] == pytest.approx(rows[key], nan_ok=True) or row["value"] is None
    assert card.row("exact", model_card.READ).n == FEW.mazes // 2
    assert told["parameters"] == tiny.SHAPE.parameters


def test_decisions_are_compared_one_by_one(trained):
    """A model and itself agree in everything; a model and its untrained self in next to nothing."""
    asked = behaviour.held_out_mazes(trained, 20, seed=0)
    same = release.decisions_kept(trained.model(), trained.model(), asked)
    assert (same.paths, same.decisions, same.furthest) == (1, 1, 0)
    other = release.decisions_kept(trained.model(), trained.model(0), asked)
    assert other.paths < 0.1
    assert other.decisions < 0.5
    assert other.furthest > 1
    assert other.exact[1] < other.exact[0]


def test_checkpoints_before_the_step_asked_for_stay_behind(trained, tmp_path):
    few = Settings(mazes=4, checkpoints=3, since=30)
    release.publish(trained.folder, tmp_path / "later", few)
    kept = tuple(training.open_run(tmp_path / "later").checkpoints)
    assert kept == release.spaced([step for step in trained.checkpoints if step >= 30], 3) == (40, 256)
    assert "--set checkpoints=3 --set since=30 " in (tmp_path / "later" / "README.md").read_text()


def test_checkpoints_are_spaced_over_the_last_two_decades():
    steps = [0, 1, 2, 4, 8, 15, 30, 59, 116, 230, 457, 907, 1800, 3600]
    assert release.spaced(steps, 6) == (30, 116, 230, 457, 1800, 3600)
    assert release.spaced(steps, 1) == (3600,)
    assert release.spaced(steps, 0) == release.spaced([0], 3) == ()


def test_a_run_that_read_other_mazes_is_refused_unless_it_keeps_them(trained, made, tmp_path, monkeypatch):
    """Its seed changed afterwards, the recipe draws other mazes; kept in the folder, what it read is known again.

    In the same go: weights that would decide otherwise in float16 stay in float32.
    """
    assert seen.first_step_again(trained) == pytest.approx(1)
    folder = shutil.copytree(trained.folder, tmp_path / "run")
    (folder / "recipe.toml").write_text(recipes.to_toml(replace(tiny.LEARNS, seed=5)))
    with pytest.raises(ValueError, match=r"read other mazes than this version draws for its recipe"):
        release.publish(folder, tmp_path / "m", replace(FEW, mazes=4))
    assert not (tmp_path / "m").exists()
    read = training.mazes_read(trained)
    seen.keep_mazes(folder, read, training.mazes_seen(trained).read)
    agreement = replace(made[0].agreement, paths=0.99)
    monkeypatch.setattr(release, "decisions_kept", lambda *_: agreement)
    card = release.publish(folder, tmp_path / "m", Settings(mazes=4))
    assert card.kept
    assert (made[0].format, card.format) == ("float16", "float32")
    assert storage.read_tensors(tmp_path / "m" / "model.safetensors")[0]["embed.W_E"].dtype == np.float32
    assert "in float32, as in float16 it would not be the same walker" in (tmp_path / "m" / "README.md").read_text()
    assert (training.mazes_read(training.open_run(tmp_path / "m")).passages == read.passages).all()
    assert "trained under an earlier split" in (tmp_path / "m" / "README.md").read_text()


def test_mazes_that_were_read_are_no_test(trained, tmp_path):
    """A run that keeps half of the test mazes is asked about the other half, and one that keeps all about none."""
    folder = shutil.copytree(trained.folder, tmp_path / "run")
    run, pool = training.TrainingRun(folder), behaviour.held_out_mazes(trained, 60, seed=1)
    _, first = np.unique(mazes.passage_hash(pool.passages), return_index=True)
    read = pool[np.sort(first)[: len(first) // 2]]
    seen.keep_mazes(folder, read, len(read))
    asked = behaviour.held_out_mazes(run, 60, seed=1)
    assert len(asked) == 60
    assert not np.isin(mazes.passage_hash(asked.passages), mazes.passage_hash(read.passages)).any()
    assert training.mazes_seen(run).distinct == len(read)
    every = behaviour.held_out_mazes(trained, 2000, seed=2)
    seen.keep_mazes(folder, every, len(every))
    with pytest.raises(ValueError, match="has read every test maze"):
        behaviour.held_out_mazes(run, 20, seed=2)


def changed(card, **rows):
    """The card with other values of `exact`, by walker: (value, low, high)."""
    kept = [row for row in card.rows if not (row.measure == "exact" and row.what.get("walker") in rows)]
    return replace(card, rows=[*(Row("exact", *v, 2000, {"walker": who}) for who, v in rows.items()), *kept])


def test_a_card_says_what_its_numbers_say(made):
    card, read = made[0], model_card.READ
    weak, strong = (changed(card, trained=(v, v - 0.01, v + 0.005)) for v in (0.8, 0.99))
    assert "it fails in 20.0% of them" in model_card.write(weak)
    assert "it fails" not in model_card.write(strong)
    assert "80.0% (79.0% to 80.5%) exactly" in model_card.write(weak)
    assert "it knows some by heart" in model_card.write(changed(weak, **{read: (0.95, 0.94, 0.96)}))
    assert "read less unread, +0.0 points (-2.5 to 2.5): no sign of memory" in model_card.write(
        changed(weak, **{read: (0.8, 0.78, 0.82)})
    )
    assert "it does worse there" in model_card.write(changed(weak, **{read: (0.7, 0.68, 0.72)}))
    assert "None of the test mazes is among them" in model_card.write(card)
    leaked = replace(card, numbers={**card.numbers, "test_mazes_seen_in_training": 7})
    assert "7 of the test mazes' passages are among them" in model_card.write(leaked)
    assert "maze-interp train recipe.toml" in model_card.write(card)
    assert "maze-interp train rdfs-5x5" in model_card.write(replace(card, packaged="rdfs-5x5"))
    few = replace(card, recipe=replace(card.recipe, only_first=200))
    assert "it read the same 200 again and again" in model_card.write(few)


@pytest.mark.parametrize(
    ("scheme", "listed"),
    [("adjacency_list", "passages"), ("walls", "walls"), ("passages_and_walls", "passages and walls")],
)
def test_a_card_says_what_is_read(made, scheme, listed):
    recipe = replace(made[0].recipe, model=replace(made[0].recipe.model, scheme=scheme))
    assert f"reads a maze as a list of {listed} and writes" in model_card.opening(replace(made[0], recipe=recipe))[0]


def test_a_card_says_what_goals_it_was_not_trained_on(made):
    bound = World(rows=3, cols=3, endpoints=Endpoints(goal_block=1))
    card = replace(made[0], recipe=replace(made[0].recipe, world=bound))
    assert "ends anywhere" not in model_card.write(card)
    told = model_card.write(changed(card, **{model_card.ANYWHERE: (0.25, 0.2, 0.3)}))
    assert "it walks 25.0% (20.0% to 30.0%) of 2,000 mazes exactly" in told
    assert "with ends anywhere 75.0% of its paths are wrong" in told


@pytest.mark.parametrize("changes", [{"mazes": 0}, {"checkpoints": -1}, {"since": 0}])
def test_settings_that_ask_nothing_are_refused(changes):
    with pytest.raises(ValueError, match="mazes must be at least 1, checkpoints 0 or more and since 1 or more"):
        Settings(**changes)


def test_the_same_weights_are_promised_only_where_a_run_begins_from_nothing(made):
    card, _ = made
    begun = replace(card, recipe=replace(card.recipe, begins_from="rdfs-5x5"))
    assert "the same weights" in model_card.write(card)
    assert "Before the first they come from the seed." in model_card.write(card)
    assert "Before the first they are those of rdfs-5x5, as far as it has them." in model_card.write(begun)
    assert "the same weights" not in model_card.write(begun)
