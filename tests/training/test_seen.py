"""The mazes a run has seen are those that were fed to it: known afterwards, without having been written down."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from maze_interp import mazes, recipes, storage, training
from maze_interp.experiments.behaviour import held_out_mazes
from maze_interp.mazes import DatasetRecipe, World
from maze_interp.training import seen
from maze_interp.training.batches import POOL
from maze_interp.training.objective import OBJECTIVES
from tests import tiny


def fed_to(recipe, folder, monkeypatch):
    """The run, and the passage hash of every maze that reached its objective, read back from the tokens."""
    plain, fed = OBJECTIVES[recipe.loss], []

    def watched(model, tokens, branches):
        batch, _ = recipe.model.tokenizer.parse(recipe.model.tokenizer.text(tokens[::branches]), 3, 3)
        fed.extend(mazes.passage_hash(batch.passages).tolist())
        return plain(model, tokens, branches)

    monkeypatch.setitem(OBJECTIVES, recipe.loss, watched)
    return training.train(recipe, folder), fed


@pytest.mark.parametrize("paths", [1, 2])
def test_the_mazes_seen_are_those_that_were_fed(tmp_path, monkeypatch, paths):
    run, fed = fed_to(replace(tiny.QUICK, paths_per_maze=paths), tmp_path / "run", monkeypatch)
    seen = training.mazes_seen(run)
    assert seen.read == len(fed) == 96
    assert seen.hashes.tolist() == sorted(set(fed))
    assert seen.distinct == len(set(fed)) < 96  # so small a world repeats itself


def test_a_pool_that_was_begun_counts_whole(tmp_path, monkeypatch):
    run, fed = fed_to(replace(tiny.QUICK, steps=POOL + 1), tmp_path / "run", monkeypatch)
    seen = training.mazes_seen(run)
    assert (seen.read, len(fed)) == (2 * POOL * run.recipe.mazes_per_step, 36)
    assert set(fed) < set(seen.hashes.tolist())


def test_a_baked_set_counts_its_own_mazes(tmp_path, monkeypatch):
    mazes.bake(DatasetRecipe("set", World(rows=3, cols=3), 12, 1, 1, "a test"), tmp_path / "set")
    recipe = replace(tiny.QUICK, dataset=str(tmp_path / "set"), paths_per_maze=1)
    run, fed = fed_to(recipe, tmp_path / "run", monkeypatch)
    seen = training.mazes_seen(run)
    assert seen.read == len(fed) == 96
    held = np.unique(mazes.passage_hash(mazes.load_baked(tmp_path / "set").passages))
    assert seen.hashes.tolist() == held.tolist() == sorted(set(fed))


def test_the_first_mazes_of_a_stream_are_all_that_is_seen(tmp_path, monkeypatch):
    run, fed = fed_to(replace(tiny.QUICK, only_first=7), tmp_path / "run", monkeypatch)
    seen = training.mazes_seen(run)
    assert (seen.read, len(fed)) == (96, 96)
    assert seen.hashes.tolist() == sorted(set(fed))
    assert seen.distinct <= 7


@pytest.mark.parametrize("recipe", [tiny.QUICK, replace(tiny.QUICK, only_first=7)], ids=["stream", "only the first"])
def test_the_mazes_read_are_those_seen_with_a_path_that_was_fed(tmp_path, monkeypatch, recipe):
    run, _ = fed_to(recipe, tmp_path / "run", monkeypatch)
    fed, said = set(), []
    for tokens in training.batches(recipe):
        batch, _ = recipe.model.tokenizer.parse(recipe.model.tokenizer.text(tokens), 3, 3)
        fed |= set(zip(mazes.passage_hash(batch.passages), batch.start, batch.goal, strict=True))
    read = training.mazes_read(run, progress=lambda *given: said.append(given))
    hashes = mazes.passage_hash(read.passages)
    assert sorted(hashes.tolist()) == training.mazes_seen(run).hashes.tolist()
    assert set(zip(hashes, read.start, read.goal, strict=True)) <= fed
    assert said == [(1, 3), (2, 3), (3, 3)]


def test_lessons_are_not_among_the_mazes_read(tmp_path):
    lesson = training.Lesson(0.5, World(rows=2, cols=2))
    run = training.train(replace(tiny.QUICK, steps=2 * POOL, lessons={"small": lesson}), tmp_path / "run")
    read = training.mazes_read(run)
    assert (read.rows, read.cols) == (3, 3)
    assert 0 < len(read) <= POOL * 4
    assert np.isin(mazes.passage_hash(read.passages), training.mazes_seen(run).hashes).all()


def test_before_its_first_step_a_run_has_seen_nothing(trained, tmp_path):
    folder = shutil.copytree(trained.folder, tmp_path / "copy")
    for step, file in training.TrainingRun(folder).checkpoints.items():
        if step:
            file.unlink()
    seen = training.mazes_seen(training.TrainingRun(folder))
    assert (seen.read, seen.distinct, len(seen.hashes)) == (0, 0, 0)
    assert len(training.mazes_read(training.TrainingRun(folder))) == 0


def test_no_maze_seen_is_held_out(trained):
    assert (mazes.split_of(training.mazes_seen(trained).hashes) == mazes.TRAIN).all()


def test_what_those_read_that_it_began_with_is_known_as_far_as_they_are(tmp_path):
    first = training.train(replace(tiny.QUICK, steps=2), tmp_path / "first")
    second = training.train(replace(tiny.QUICK, steps=2, seed=9, begins_from=str(first.folder)), tmp_path / "second")
    third = training.train(replace(tiny.QUICK, steps=1, seed=8, begins_from=str(second.folder)), tmp_path / "third")
    assert [one.folder.name for one in seen.lineage(third)] == ["third", "second", "first"]
    each = [training.mazes_seen(one).hashes for one in (first, second, third)]
    behind = seen.mazes_behind(seen.lineage(third))
    assert behind.tolist() == sorted(set(np.concatenate(each).tolist()))
    assert len(behind) > max(map(len, each))
    assert seen.whole(seen.lineage(third))
    (second.folder / "recipe.toml").unlink()
    assert [one.folder.name for one in seen.lineage(third)] == ["third"]
    assert not seen.whole(seen.lineage(third))


def test_a_line_may_be_named_by_its_model_and_lose_its_data_set(tmp_path, monkeypatch):
    first = training.train(replace(tiny.QUICK, steps=1), tmp_path / "first")
    second = training.train(
        replace(tiny.QUICK, steps=1, seed=9, begins_from=str(first.folder / "model")), tmp_path / "second"
    )
    line = seen.lineage(second)
    assert [one.folder.name for one in line] == ["second", "first"]
    storage.write_text_atomically(
        first.folder / "recipe.toml", recipes.to_toml(replace(first.recipe, dataset="gone", paths_per_maze=1))
    )
    line = seen.lineage(training.TrainingRun(second.folder))
    assert not seen.whole(line)
    assert seen.mazes_behind(line).tolist() == training.mazes_seen(second).hashes.tolist()


def test_models_of_the_zoo_began_from_those_of_the_zoo(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rdfs-5x5").mkdir()
    line = seen.lineage(training.open_run("sizes-4-to-7"))
    assert [one.recipe.name for one in line] == ["sizes-4-to-7", "rdfs-6x6", "rdfs-5x5"]
    assert seen.whole(line)


def test_no_test_of_a_model_is_what_another_had_read_that_it_began_with(tmp_path):
    first = training.train(replace(tiny.QUICK, steps=1), tmp_path / "first")
    second = training.train(replace(tiny.QUICK, steps=1, seed=9, begins_from=str(first.folder)), tmp_path / "second")
    asked = held_out_mazes(second, 30, seed=0)
    some = asked[:10]
    seen.keep_mazes(first.folder, some, len(some))  # as if drawn by another split
    instead = held_out_mazes(second, 30, seed=0)
    assert len(instead) == 30
    read = mazes.passage_hash(some.passages)
    assert np.isin(mazes.passage_hash(asked.passages), read).any()
    assert not np.isin(mazes.passage_hash(instead.passages), read).any()
