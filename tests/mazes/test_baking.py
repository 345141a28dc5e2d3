"""A baked set is what its recipe says, without repetition, without leaks between splits, and whole or absent."""

import json
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from maze_interp import mazes, recipes, storage
from maze_interp.mazes import TEST, TRAIN, VALIDATION, DatasetRecipe, Endpoints, Mixture, World, baking

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


def test_the_summary_says_what_share_of_draws_the_world_accepts(baked, tmp_path):
    assert baked[1]["acceptance"] == 1
    picky = World("wilson", 4, 4, endpoints=Endpoints("dead_ends", "dead_ends"), filters={"fork_count": (4, 9)})
    summary = mazes.bake(replace(SMALL, world=picky, count=300), tmp_path / "picky")
    accepted = mazes.acceptance(picky, seed=SMALL.seed)
    assert 0 < summary["acceptance_low"] < summary["acceptance"] == accepted.value < summary["acceptance_high"] < 1
    loaded = mazes.load_baked(tmp_path / "picky")
    assert (mazes.forks(loaded.passages).sum(axis=1) >= 4).all()
    assert mazes.dead_ends(loaded.passages)[np.arange(300), loaded.goal].all()


def test_a_world_that_accepts_nothing_is_refused_before_any_work(tmp_path, monkeypatch):
    monkeypatch.setattr(baking, "take", None)
    never = World(filters={"component_count": (2, 9)})
    with pytest.raises(ValueError, match=r"small asks for .* component_count from 2 to 9, .* of 20000 .* accepts none"):
        mazes.bake(replace(SMALL, world=never), tmp_path / "never")
    assert list(tmp_path.iterdir()) == []


def test_a_mixture_bakes_and_mazes_that_were_only_moved_stay_apart(tmp_path):
    small = Mixture({"pair": World(rows=1, cols=2), "tree": World(rows=2, cols=3)}, {"pair": 0.5, "tree": 0.5}, 4, 4)
    train = replace(SMALL, world=replace(small, place="random"), count=48, validation=0, test=0)
    homes = mazes.split_of(mazes.passage_hash(mazes.draw(World(rows=1, cols=2), 1, seed=0).passages))
    summary = mazes.bake(train, tmp_path / "set")
    loaded = mazes.load_baked(tmp_path / "set")
    assert len(triples(loaded)) == 48
    pairs = mazes.edge_count(loaded.passages) == 1
    assert homes[0] == TRAIN
    assert pairs.sum() > len(np.unique(mazes.passage_hash(loaded.passages[pairs]))) == 1
    assert summary["train_distinct_passages"] == len(np.unique(mazes.passage_hash(loaded.passages)))


def test_up_to_symmetry_no_image_occurs_twice_or_in_two_splits(tmp_path, baked):
    """Without it they do, so the test would notice."""

    def orbits(batch):
        return [frozenset(t) for t in zip(*(sorted_triples(image) for image in mazes.images(batch)), strict=True)]

    def sorted_triples(batch):
        ends = zip(batch.start.tolist(), batch.goal.tolist(), strict=True)
        return [(maze.tobytes(), *pair) for maze, pair in zip(batch.passages, ends, strict=True)]

    world = World("wilson", 3, 4, min_length=8)
    plain = replace(SMALL, world=world, count=900, validation=20, test=60)
    unique = replace(plain, count=300, validation=5, test=30, up_to_symmetry=True)
    for recipe in (plain, unique):
        summary = mazes.bake(recipe, tmp_path / str(recipe.up_to_symmetry))
        splits = [mazes.load_baked(tmp_path / str(recipe.up_to_symmetry), split) for split in (TRAIN, VALIDATION, TEST)]
        found = [orbits(batch) for batch in splits]
        classes = [{frozenset(orbit) for orbit in one} for one in found]
        mazes_only = [{frozenset(maze for maze, *_ in orbit) for orbit in one} for one in classes]
        shared = sum(len(a & b) for a, b in combinations(mazes_only, 2))
        assert summary["shared_up_to_symmetry"] == shared
        assert [summary[f"{n}_distinct_up_to_symmetry"] for n in mazes.SPLITS] == [len(one) for one in mazes_only]
        assert (shared == 0) == recipe.up_to_symmetry
        assert (len(classes[0]) == len(splits[0])) == recipe.up_to_symmetry
        hashes = [mazes.split_of(mazes.passage_hash(batch.passages)) for batch in splits]
        assert all((one == split).all() for split, one in enumerate(hashes))  # each in the split it always has


@pytest.mark.parametrize("path", DATASETS, ids=lambda path: path.stem)
def test_the_recipes_of_the_repository_can_be_baked(path, tmp_path):
    recipe = recipes.load(DatasetRecipe, path)
    assert recipe.name == path.stem
    assert recipe.reason
    few = {"count": min(200, recipe.count), "validation": min(20, recipe.validation), "test": min(40, recipe.test)}
    summary = mazes.bake(replace(recipe, **few), tmp_path / "set")
    assert summary["passages_shared_between_splits"] == 0
    assert summary["acceptance"] > 0.01


def test_there_are_recipes_in_the_repository():
    assert len(DATASETS) >= 6


def test_a_negative_count_is_refused():
    with pytest.raises(ValueError, match="test must be at least 0, not -1"):
        replace(SMALL, test=-1)
