"""Positive controls: with these steps a model of this size learns, from mazes, from few of them, from all tokens."""

from dataclasses import replace

import numpy as np
import pytest

from maze_interp import mazes, training
from maze_interp.mazes import DatasetRecipe, World
from maze_interp.training import Optimiser, Validation
from tests import tiny


def test_it_learns_to_walk_mazes_it_never_saw(trained):
    losses = [row["loss"] for row in trained.metrics]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 0.5  # a guess among the 2.6 neighbours and the end token costs about 1.2 nats
    assert trained.metrics[-1]["exact"] > 0.3
    assert trained.metrics[0]["exact"] < 0.3


def test_it_learns_a_handful_of_mazes_by_heart(tmp_path):
    mazes.bake(DatasetRecipe("few", World(rows=3, cols=3, min_length=4), 8, 1, 1, "a test"), tmp_path / "few")
    recipe = replace(
        tiny.QUICK,
        world=World(rows=3, cols=3, min_length=4),
        dataset=str(tmp_path / "few"),
        paths_per_maze=1,
        mazes_per_step=16,
        steps=120,
        optimiser=Optimiser(learning_rate=1e-2, warmup=10),
        validation=Validation(every=40, mazes=8),
    )
    run = training.train(recipe, tmp_path / "run")
    assert run.metrics[0]["loss"] > 0.2
    assert run.metrics[-1]["loss"] < 0.05


def test_counting_all_tokens_it_learns_to_write_mazes(tmp_path):
    recipe = replace(
        tiny.QUICK,
        loss="all",
        paths_per_maze=1,
        mazes_per_step=16,
        steps=60,
        optimiser=Optimiser(learning_rate=5e-3, warmup=5),
    )
    losses = [row["loss"] for row in training.train(recipe, tmp_path / "run").metrics]
    assert losses[0] > 1.5
    assert losses[-1] < 0.8 * losses[0]
    assert losses[-1] < np.log(20) / 2  # half of what guessing among 20 tokens costs


def test_without_a_learning_rate_nothing_is_learned(tmp_path):
    """A negative control for the loop: the loss of fresh mazes moves by sampling alone."""
    run = training.train(replace(tiny.QUICK, steps=16, optimiser=Optimiser(learning_rate=0.0)), tmp_path / "run")
    first, last = run.model(0), run.model()
    assert all((one == two).all() for one, two in zip(first.parameters(), last.parameters(), strict=True))
    assert run.metrics[-1]["loss"] == pytest.approx(np.log(20), abs=1.0)
