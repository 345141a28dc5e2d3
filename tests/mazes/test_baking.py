"""A baked set is what its recipe says, without repetition, without leaks between splits, and whole or absent."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from maze_interp import mazes, recipes, storage
from maze_interp.mazes import TEST, TRAIN, VALIDATION, DatasetRecipe, World

SMALL = DatasetRecipe("small", World(rows=4, cols=4), count=400, validation=30, test=60, reason="a test", seed=3)
DATASETS = sorted((Path(__file__).parents[2] / "datasets").glob("*.toml"))


def triples(batch):
    return {
        (p.tobytes(), s, g) for p, s, g in zip(batch.passages, batch.start.tolist(), batch.goal.tolist(), strict=True)
    }


@pytest.fixture(scope="module")
def baked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sets") / "small"
    return folder, mazes.bake(SMALL, folder)


def test_a_baked_set_is_what_the_recipe_says(baked):
    folder, summary = baked
    loaded = [mazes.load_baked(folder, split) for split in (TRAIN, VALIDATION, TEST)]
    assert [len(batch) for batch in loaded] == [400, 30, 60]
    assert recipes.load(DatasetRecipe, folder / "recipe.toml") == SMALL
    assert json.loads((folder / "summary.json").read_text()) == summary
    assert json.loads((folder / "provenance.json").read_text())["seed"] == 3
    for name, batch in zip(mazes.SPLITS, loaded, strict=True):
        assert summary[f"{name}_mazes"] == len(batch)
        assert summary[f"{name}_distinct_passages"] == len({maze.tobytes() for maze in batch.passages})


def test_no_maze_occurs_twice_or_in_two_splits(baked):
    folder, summary = baked
    loaded = [mazes.load_baked(folder, split) for split in (TRAIN, VALIDATION, TEST)]
    assert all(len(triples(batch)) == len(batch) for batch in loaded)
    passages = [{maze.tobytes() for maze in batch.passages} for batch in loaded]
    assert len(set.union(*passages)) == sum(map(len, passages))
    assert summary["passages_shared_between_splits"] == 0


def test_it_is_the_stream_of_its_world_with_repetitions_dropped(baked):
    folder, _ = baked
    stream, _ = mazes.take(SMALL.world, 450, seed=3, split=TRAIN)
    seen, kept = set(), []
    for i in range(len(stream)):
        (triple,) = triples(stream[i : i + 1])
        kept += [i] if triple not in seen else []
        seen.add(triple)
    assert len(kept) < 450  # so the test would notice if nothing were dropped
    assert triples(mazes.load_baked(folder, TRAIN)) == triples(stream[np.array(kept[:400])])


def test_loading_maps_the_file_and_the_mazes_can_be_used(baked):
    batch = mazes.load_baked(baked[0], TRAIN)
    assert not batch.passages.flags.owndata
    assert not batch.passages.flags.writeable
    assert (mazes.solve(batch).length >= 2).all()
    with pytest.raises(ValueError, match="split must be"):
        mazes.load_baked(baked[0], -1)


def test_baking_again_gives_the_same_bytes_and_more_threads_change_nothing(baked, tmp_path):
    mazes.bake(SMALL, tmp_path / "again", threads=2)
    for name in ("train", "validation", "test"):
        assert (tmp_path / "again" / f"{name}.safetensors").read_bytes() == (
            baked[0] / f"{name}.safetensors"
        ).read_bytes()


def test_progress_counts_every_maze_once(tmp_path):
    seen = []
    mazes.bake(SMALL, tmp_path / "small", progress=lambda done, total: seen.append((done, total)))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1] == (490, 490)


def test_a_world_with_too_few_mazes_says_how_many_it_has(tmp_path):
    tiny = World(rows=2, cols=2, min_length=4)  # four trees, each a path of four cells with two ends
    trees = np.unique(mazes.passage_hash(mazes.generate("wilson", 1000, 2, 2, seed=0)))
    home = np.bincount(mazes.split_of(trees), minlength=3)
    assert home.sum() == 4
    with pytest.raises(ValueError, match=rf"asks for 400 different train mazes .* to have only {2 * home[TRAIN]}:"):
        mazes.bake(replace(SMALL, world=tiny), tmp_path / "tiny")
    assert home[TEST] == 0
    with pytest.raises(ValueError, match="no test maze among 20000 in a row"):
        mazes.bake(replace(SMALL, world=tiny, count=2, validation=0), tmp_path / "tiny")
    assert list(tmp_path.iterdir()) == []


def test_a_failure_halfway_leaves_nothing_and_a_taken_folder_is_left_alone(baked, tmp_path, monkeypatch):
    def full(*_):
        raise OSError("No space left on device")

    with pytest.raises(ValueError, match="already holds something"):
        mazes.bake(SMALL, baked[0])
    monkeypatch.setattr(storage, "write_text_atomically", full)
    with pytest.raises(OSError, match="No space"):
        mazes.bake(SMALL, tmp_path / "small")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", DATASETS, ids=lambda path: path.stem)
def test_the_recipes_of_the_repository_can_be_baked(path, tmp_path):
    recipe = recipes.load(DatasetRecipe, path)
    assert recipe.name == path.stem
    assert recipe.reason
    summary = mazes.bake(replace(recipe, count=200, validation=20, test=40), tmp_path / "set")
    assert summary["passages_shared_between_splits"] == 0


def test_there_are_recipes_in_the_repository():
    assert len(DATASETS) >= 6


def test_a_negative_count_is_refused():
    with pytest.raises(ValueError, match="test must be at least 0, not -1"):
        replace(SMALL, test=-1)
