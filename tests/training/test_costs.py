"""What a run would cost is what it does cost: counted by hand, by torch's own counter and in what a step keeps."""

import gc
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from torch.utils.flop_counter import FlopCounterMode

from maze_interp import models, training
from maze_interp.cli.commands import main
from maze_interp.mazes import World
from maze_interp.models import ModelConfig, cores, fused, precision
from maze_interp.tokens.batch import EDGE
from maze_interp.training import Lesson, Optimiser, TrainingRecipe, costs, optimisers, parallel
from maze_interp.training.objective import OBJECTIVES
from tests import tiny

WIDE = ModelConfig(layers=3, d_model=48, heads=4, d_mlp=80, rows=4, cols=4)
PATHS = TrainingRecipe(steps=8, mazes_per_step=4, paths_per_maze=3, world=World(rows=4, cols=4), model=WIDE)
KINDS = [
    PATHS,
    replace(PATHS, paths_per_maze=1),
    replace(PATHS, paths_per_maze=1, loss="all"),
    replace(PATHS, model=replace(WIDE, positions="learned")),
]


def even(recipe):
    """The sequences of the first step whose mazes' paths fill their row, so that nothing is padding."""
    batch = next(training.batches(replace(recipe, mazes_per_step=40)))
    group = recipe.paths_per_maze
    own = batch.length.reshape(-1, group).sum(axis=1)
    rows = np.flatnonzero(own == np.bincount(own).argmax())
    assert len(rows) > 1
    return batch[(rows[:, None] * group + np.arange(group)).ravel()]


@settings(max_examples=15)
@given(tiny.any_models())
def test_parameters_are_those_of_the_model(model):
    assert model.maze_config.parameters == sum(weight.numel() for weight in model.parameters())


@pytest.mark.parametrize("recipe", KINDS)
def test_operations_are_those_that_torch_counts(recipe):
    batch, model = even(recipe), models.build(recipe.model, seed=0)
    with FlopCounterMode(display=False) as counter:
        OBJECTIVES[recipe.loss](model, batch, recipe.paths_per_maze).backward()
    counted = {str(kind).removeprefix("aten."): value for kind, value in counter.get_flop_counts()["Global"].items()}
    one = costs.reading(recipe, batch)
    of_weights = replace(one, pairs=0.0, asked_pairs=0.0)
    assert counted["mm"] + counted["addmm"] == costs.step_flops(recipe.model, of_weights)
    # what is asked is multiplied with whole rows, and masked: the counter sees those; the prompt's kernel it cannot see
    of_rows = replace(of_weights, tokens=0.0, asked=0.0, pairs=one.patterns, asked_pairs=one.patterns)
    assert counted.get("bmm", 0) == costs.step_flops(recipe.model, of_rows)


@pytest.mark.parametrize("recipe", KINDS)
def test_pairs_are_those_of_tokens_that_see_each_other(recipe):
    batch = next(training.batches(recipe))
    seen = asked_seen = tokens = asked = 0
    for row, (parts, length) in enumerate(zip(batch.part, batch.length, strict=True)):
        first = recipe.loss == "all" or row % recipe.paths_per_maze == 0  # who reads the prompt
        for position in range(length):
            mine = recipe.loss == "all" or parts[position] != EDGE
            tokens, asked = tokens + (mine or first), asked + mine
            seen, asked_seen = seen + (mine or first) * (position + 1), asked_seen + mine * (position + 1)
    one = costs.reading(recipe, batch)
    assert (one.tokens, one.pairs, one.asked, one.asked_pairs) == (tokens, seen, asked, asked_seen)


def test_a_forward_pass_counted_by_hand():
    config, one = (
        ModelConfig(layers=2, d_model=4, heads=2, d_mlp=6, rows=2, cols=2),
        costs.Reading(3.0, 6.0, 1.0, 3.0, 0.0, 0.0),
    )
    first = 3 * (2 * 4 * 12 + 2 * 4 * 4 + 2 * 4 * 6 + 2 * 6 * 4) + 6 * 2 * (2 * 4)
    last = 3 * 2 * 4 * 8 + 1 * (2 * 4 * 4 + 2 * 4 * 4 + 2 * 4 * 6 + 2 * 6 * 4) + 3 * 2 * (2 * 4)
    assert costs.forward_flops(config, one) == first + last + 1 * 2 * 4 * config.tokenizer.vocabulary.size


@pytest.mark.parametrize("recipe", [*KINDS, *(replace(recipe, dtype="bfloat16") for recipe in KINDS)])
def test_activations_are_about_what_a_step_keeps(recipe):
    shape = replace(recipe.model, d_model=64, d_mlp=0)
    recipe = replace(recipe, model=shape)
    batch, model = even(recipe)[: 2 * recipe.paths_per_maze], models.build(shape, seed=0)
    weights = {weight.untyped_storage().data_ptr() for weight in model.parameters()}
    kept = {}

    def keep(tensor):
        kept[tensor.untyped_storage().data_ptr()] = tensor  # held, lest its place be used again
        return tensor

    with (
        torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
        torch.autocast("cpu", torch.bfloat16, enabled=recipe.dtype == "bfloat16"),
    ):
        OBJECTIVES[recipe.loss](model, batch, recipe.paths_per_maze)
    copies = [shape.d_model * 3 * shape.d_model, shape.d_model**2, shape.d_model * shape.hidden]  # of weights
    held = [tensor for place, tensor in kept.items() if place not in weights and tensor.numel() not in copies]
    spent = sum(tensor.untyped_storage().nbytes() for tensor in held)
    assert 0.9 < costs.activations(recipe, costs.reading(recipe, batch)) / spent < 1.1


@pytest.mark.parametrize("name", optimisers.OPTIMISERS)
def test_moments_are_those_of_the_optimiser(name):
    recipe = replace(PATHS, optimiser=Optimiser(name=name))
    model = models.build(recipe.model, seed=0)
    optimiser = optimisers.build(model, recipe.optimiser)
    for weight in model.parameters():
        weight.grad = torch.ones_like(weight)
    optimiser.step()
    state = [value for each in optimiser.state.values() for key, value in each.items() if key != "step"]
    assert training.cost(recipe).moments == sum(value.numel() * value.element_size() for value in state)


@pytest.mark.parametrize("threads", [1, 2])
def test_gradients_are_those_that_a_later_step_holds(threads, monkeypatch):
    """Counted where the shares have been summed, by a shape that nothing but one matrix of each layer has."""
    recipe = replace(PATHS, threads=threads, dtype="float32")
    model, batch = models.build(WIDE, seed=0), next(training.batches(recipe))
    shape, alive = (WIDE.d_model, WIDE.hidden), []

    def summed(gradients):
        here = [thing for thing in gc.get_objects() if type(thing) is torch.Tensor and thing.shape == shape]
        alive.append(len({tensor.untyped_storage().data_ptr() for tensor in here}))
        return gradients

    monkeypatch.setattr(parallel.ranks, "summed", summed)
    monkeypatch.setattr(parallel.ranks, "total", float)
    with cores.workers(threads) as pool:
        for _ in range(2):
            parallel.gradient(model, batch, recipe, pool)
    found = training.cost(recipe)
    assert alive == 2 * [WIDE.layers * found.gradients // found.weights]


def test_blocks_keep_what_attention_in_blocks_of_queries_keeps(monkeypatch):
    monkeypatch.setattr(fused, "BLOCK", 3)
    length = np.array([1, 3, 7, 12])
    kept = []
    for one in length:  # as models.fused.attend_causal splits them
        ends = np.cumsum([len(part) for part in np.array_split(np.arange(one), -(-one // 3))])
        kept.append(sum((end - begin) * end for begin, end in zip([0, *ends[:-1]], ends, strict=True)))
    counted = costs._blocks(replace(PATHS, dtype="bfloat16"), length.astype(float))
    assert counted == pytest.approx(sum(kept), rel=0.02)
    assert costs._blocks(PATHS, length.astype(float)) == 0


def test_a_run_costs_what_its_steps_cost():
    """Four pools of steps are drawn: all there are here. An easier world at first is cheaper, and counted as such."""
    lessons = {"small": Lesson(0.5, World(rows=2, cols=2))}
    recipe = replace(PATHS, steps=32, lessons=lessons, threads=2)
    readings = [costs.reading(recipe, batch) for batch in training.batches(recipe)]
    found = training.cost(recipe)
    assert found.paths == 32 * 4 * 3
    assert found.tokens == pytest.approx(sum(one.tokens for one in readings))
    assert found.flops == pytest.approx(sum(costs.step_flops(recipe.model, one) for one in readings))
    assert found.weights == 4 * found.parameters
    assert found.gradients == 3 * found.weights
    assert found.memory == found.weights + found.gradients + found.moments + found.activations
    assert found.hours(found.flops / 3600, 1.0) == pytest.approx(1.0)
    assert found.flops < training.cost(replace(recipe, lessons={})).flops


def test_the_command_tells_the_cost_and_trains_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["train", "quickstart", "--cost", "--set", "steps=100"]) == 0
    said = capsys.readouterr().out
    assert f"{training.find('quickstart').model.parameters:,}" in said
    assert "hours here" in said
    assert "hours on one H100" in said
    monkeypatch.setattr(precision, "here", lambda device: device == "cpu")
    assert main(["train", "quickstart", "--cost", "--set", "steps=100", "--set", "device=cuda"]) == 0
    assert "hours here" not in capsys.readouterr().out
    assert not list(tmp_path.iterdir())
    assert main(["train", "--cost"]) == 2
