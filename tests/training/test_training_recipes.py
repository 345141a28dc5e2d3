"""A recipe says everything, fits itself, and names what it does not know."""

from dataclasses import fields, replace
from itertools import combinations

import pytest
import torch

from maze_interp import models, recipes, training
from maze_interp.mazes import World
from maze_interp.training import TrainingRecipe, optimisers
from maze_interp.training.objective import OBJECTIVES
from maze_interp.training.recipe import alike
from tests import tiny

PACKAGED = {name: training.find(name) for name in training.names()}
MODELS = {recipe.model: recipe for recipe in PACKAGED.values()}  # a recipe of each
STEPPED = 1_000_000  # larger models are only counted


def test_a_recipe_survives_its_file(tmp_path):
    (tmp_path / "quick.toml").write_text(recipes.to_toml(tiny.LEARNS))
    assert training.find(str(tmp_path / "quick.toml")) == tiny.LEARNS


@pytest.mark.parametrize("name", PACKAGED)
def test_a_packaged_recipe_is_found_fits_itself_and_says_why(name):
    recipe = PACKAGED[name]
    assert recipe.name == name
    assert recipe.reason
    assert not recipe.dataset  # what comes with the package needs nothing beside it
    longest = recipe.model.tokenizer.max_length(recipe.world.rows, recipe.world.cols)
    assert longest <= recipe.model.longest
    assert recipe.steps >= recipe.optimiser.warmup
    tokens = next(training.batches(replace(recipe, steps=1)))
    assert len(tokens) == recipe.mazes_per_step * recipe.paths_per_maze


@pytest.mark.parametrize("config", MODELS, ids=lambda config: f"{config.rows}x{config.cols}-{config.scheme}")
def test_a_packaged_model_is_as_large_as_its_shape_says_and_takes_a_step(config):
    model = models.build(config, seed=0)
    assert sum(weight.numel() for weight in model.parameters()) == config.parameters
    if config.parameters < STEPPED:
        recipe, before = MODELS[config], model.unembed.W_U.detach().clone()
        tokens = next(training.batches(replace(recipe, mazes_per_step=1, paths_per_maze=1, only_first=0)))
        loss = OBJECTIVES[recipe.loss](model, tokens, 1)
        loss.backward()
        optimisers.build(model, recipe.optimiser).step()
        assert 1 < loss.item() < 8  # nats per token; the logarithm of forty tokens is 3.7
        assert not torch.equal(model.unembed.W_U, before)


def test_a_variant_is_another_recipe_but_for_what_it_says():
    learned, plain = PACKAGED["rdfs-5x5-learned"], PACKAGED["rdfs-5x5"]
    assert replace(learned, name=plain.name, reason=plain.reason, model=plain.model) == plain
    assert learned.model == replace(plain.model, positions="learned")
    assert not alike(learned, plain)
    assert alike(plain, replace(plain, name="mine", threads=2, dtype="float32", checkpoints=3))
    assert not alike(plain, replace(plain, seed=1))


def test_every_variant_changes_something_or_renames_the_quickstart():
    """Two packaged recipes that ask for the same training are one too many, but for the two that the zoo renames."""
    same = {(one, two) for one, two in combinations(PACKAGED, 2) if alike(PACKAGED[one], PACKAGED[two])}
    assert same == {("quickstart", "wilson-4x4"), ("corner-4x4-k2", "goal-corner-4x4")}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("stepz = 3", r"bad\.toml: unknown key 'stepz'; did you mean 'steps'"),
        ("[model]\nlayrs = 3", r"bad\.toml: unknown key 'model\.layrs'; did you mean 'model\.layers'"),
        ("[optimiser]\nwarm_up = 3", r"unknown key 'optimiser\.warm_up'; did you mean 'optimiser\.warmup'"),
        ("[validation]\nmaze = 3", r"unknown key 'validation\.maze'; did you mean 'validation\.mazes'"),
        ('steps = "many"', r"bad\.toml: .*steps"),
        ('loss = "paths"', r"bad\.toml: .*loss"),
        ("steps = ", r"bad\.toml: not a TOML file"),
        ('[world]\ngenerator = "wilsonn"', r"unknown generator 'wilsonn'; did you mean 'wilson'"),
        ("[validation]\nevery = 0", r"bad\.toml: every must be at least 1, not 0"),
        ("[validation]\nmazes = 0", r"bad\.toml: mazes must be at least 1, not 0"),
        ("[model]\nheads = 3", r"bad\.toml: d_model 128 is not a multiple of heads 3"),
    ],
)
def test_what_a_file_gets_wrong_is_named(tmp_path, text, message):
    (tmp_path / "bad.toml").write_text(text)
    with pytest.raises(ValueError, match=message):
        training.find(str(tmp_path / "bad.toml"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": 0}, "steps must be at least 1, not 0"),
        ({"mazes_per_step": 0}, "mazes_per_step must be at least 1, not 0"),
        ({"paths_per_maze": 0}, "paths_per_maze must be at least 1, not 0"),
        ({"only_first": -1}, "only_first must be at least 1, or 0 for an endless stream, not -1"),
        ({"checkpoints": 0}, "checkpoints must be at least 1, not 0"),
        ({"loss": "all"}, "a loss on all tokens needs paths_per_maze = 1, not 2"),
        (
            {"model": replace(tiny.SHAPE, scheme="edges_last")},
            "sequences of scheme 'edges_last' do not begin with the maze; it needs paths_per_maze = 1, not 2",
        ),
        (
            {"model": replace(tiny.SHAPE, scheme="forks"), "world": World("percolation", 3, 3)},
            "a path written as its forks needs mazes without cycles; percolation with these knobs does not promise",
        ),
        ({"dataset": "baked"}, "a baked data set, .* needs paths_per_maze = 1, not 2"),
        (
            {"model": replace(tiny.SHAPE, context=50)},
            "mazes of 3 x 3 cells can take 67 tokens, more than the model's context of 50",
        ),
        ({"world": replace(tiny.QUICK.world, rows=4)}, "mazes of 4 x 3 cells do not fit a vocabulary of 3 x 3"),
    ],
)
def test_settings_that_do_not_fit_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        replace(tiny.QUICK, **changes)


def test_an_unknown_recipe_is_an_error_that_lists_the_known():
    with pytest.raises(
        ValueError, match=r"unknown training recipe \(or TOML file\) 'nonesuch';.* allowed: " + ", ".join(PACKAGED)
    ):
        training.find("nonesuch")


def test_every_setting_can_be_changed_from_text():
    keys = {field.name for field in fields(TrainingRecipe)}
    assert {"model", "world", "optimiser", "validation"} < keys
    changed = recipes.override(
        tiny.QUICK,
        {"model.heads": "4", "optimiser.floor": "0.5", "world.knobs.p": "0.3"} | {"world.generator": "percolation"},
    )
    assert (changed.model.heads, changed.optimiser.floor, changed.world.knobs) == (4, 0.5, {"p": 0.3})
