"""Lessons come first, in their order and for their shares; what is judged is the world itself."""

from dataclasses import replace

import numpy as np
import pytest

from maze_interp import mazes, recipes, training
from maze_interp.mazes import Mixture, World
from maze_interp.training import Lesson
from maze_interp.training.batches import POOL, pool_mazes
from tests import tiny

SMALL = Mixture({"small": World(rows=2, cols=2)}, {"small": 1.0}, 3, 3, place="random")
FIELD = World("percolation", 3, 3, {"p": 0.9})
TAUGHT = replace(tiny.QUICK, steps=64, lessons={"small": Lesson(0.25, SMALL), "field": Lesson(0.5, FIELD)})


def test_each_step_reads_the_world_of_its_lesson():
    worlds = [TAUGHT.world_at(step) for step in range(64)]
    assert worlds == [SMALL] * 16 + [FIELD] * 32 + [TAUGHT.world] * 16
    for pool in range(64 // POOL):
        drawn = pool_mazes(TAUGHT, pool)
        cycles = mazes.MEASURES["cycle_count"](drawn)
        isolated = mazes.MEASURES["isolated_count"](drawn)
        assert ((isolated == 5).all(), (cycles > 0).any()) == (pool < 2, 2 <= pool < 6)


def test_a_recipe_without_lessons_reads_what_it_always_did():
    for with_lessons, without in zip(
        training.batches(TAUGHT, 48), training.batches(replace(TAUGHT, lessons={}), 48), strict=True
    ):
        assert np.array_equal(with_lessons.ids, without.ids)


def test_the_mazes_of_lessons_count_as_seen_and_none_is_a_test_maze(tmp_path):
    run = training.train(TAUGHT, tmp_path / "run")
    seen = training.mazes_seen(run)
    drawn = [mazes.passage_hash(pool_mazes(TAUGHT, pool).passages) for pool in range(64 // POOL)]
    assert np.array_equal(seen.hashes, np.unique(np.concatenate(drawn)))
    assert (mazes.split_of(seen.hashes) == mazes.TRAIN).all()


def test_validation_is_of_the_world_alone():
    model = tiny.model(rows=3, cols=3)
    assert training.validate(model, TAUGHT) == training.validate(model, replace(TAUGHT, lessons={}))


def test_lessons_survive_the_way_through_a_file(tmp_path):
    (tmp_path / "taught.toml").write_text(recipes.to_toml(TAUGHT))
    assert training.find(str(tmp_path / "taught.toml")) == TAUGHT


def test_lessons_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="between 0 and 1, not 0"):
        Lesson(0.0, SMALL)
    with pytest.raises(ValueError, match="must leave some steps to the world itself"):
        replace(TAUGHT, lessons={"one": Lesson(0.5, SMALL), "two": Lesson(0.5, SMALL)})
    with pytest.raises(ValueError, match="exclude each other"):
        replace(TAUGHT, dataset="some/folder", paths_per_maze=1)
    with pytest.raises(ValueError, match="exclude each other"):
        replace(TAUGHT, only_first=10)
    with pytest.raises(ValueError, match="do not fit"):
        replace(TAUGHT, lessons={"large": Lesson(0.5, World(rows=9, cols=9))})
