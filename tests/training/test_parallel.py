"""However many threads share a step, its gradient is the plain one."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from maze_interp import mazes, training
from maze_interp.models import ModelConfig, cores
from maze_interp.training import parallel
from maze_interp.training.objective import OBJECTIVES, count_tokens
from tests import tiny

BRANCHES = {"path": 3, "all": 1}


def batch(loss, count=5):
    model = tiny.model()
    return model, tiny.asked(model, count, BRANCHES[loss], seed=0)


def recipe(loss, threads):
    world, shape = tiny.RAGGED, ModelConfig(layers=2, d_model=32, heads=2, rows=4, cols=4)
    return replace(
        tiny.QUICK,
        loss=loss,
        paths_per_maze=BRANCHES[loss],
        mazes_per_step=5,
        world=world,
        model=shape,
        threads=threads,
    )


@pytest.mark.parametrize("loss", OBJECTIVES)
@pytest.mark.parametrize("threads", [1, 3, 5])
def test_shared_out_the_gradient_is_the_plain_one(loss, threads):
    model, tokens = batch(loss)
    plain = OBJECTIVES[loss](model, tokens, BRANCHES[loss])
    plain.backward()
    expected = [weight.grad.clone() for weight in model.parameters()]
    model.zero_grad()
    with cores.workers(threads) as pool:
        got = parallel.gradient(model, tokens, recipe(loss, threads), pool)
    assert got == pytest.approx(plain.item(), rel=1e-5)
    largest = max(grad.abs().max() for grad in expected)
    for weight, grad in zip(model.parameters(), expected, strict=True):
        assert (weight.grad - grad).norm() <= 1e-4 * grad.norm() + 1e-5 * largest


def test_threads_repeat_themselves_exactly():
    model, tokens = batch("path")
    gradients = []
    for _ in range(3):
        with cores.workers(3) as pool:
            parallel.gradient(model, tokens, recipe("path", 3), pool)
        gradients.append([weight.grad.clone() for weight in model.parameters()])
    for again in gradients[1:]:
        assert all(torch.equal(one, two) for one, two in zip(gradients[0], again, strict=True))


@pytest.mark.parametrize("branches", [1, 3])
@pytest.mark.parametrize("shares", [1, 2, 4, 7])
def test_every_maze_is_in_one_share_with_all_its_paths(branches, shares):
    model = tiny.model()
    tokens = tiny.asked(model, 7, branches, seed=1)
    parts = parallel.split(tokens, branches, shares)
    assert len(parts) == shares
    assert max(map(len, parts)) - min(map(len, parts)) <= branches
    assert sorted(row.tobytes() for part in parts for row in part.ids) == sorted(row.tobytes() for row in tokens.ids)
    for part in parts:
        read, _ = model.maze_tokenizer.parse(model.maze_tokenizer.text(part))
        hashes = mazes.passage_hash(read.passages).reshape(-1, branches)
        assert (hashes == hashes[:, :1]).all()


@pytest.mark.parametrize("loss", OBJECTIVES)
def test_a_loss_counts_the_tokens_it_says(loss):
    _, tokens = batch(loss)
    rows = zip(tokens.graded, tokens.length, strict=True)
    assert count_tokens(loss, tokens) == sum(graded.sum() if loss == "path" else length - 1 for graded, length in rows)


def test_negative_threads_are_refused():
    with pytest.raises(ValueError, match="threads must be at least 1, or 0 for one a core, not -1"):
        replace(tiny.QUICK, threads=-1)


def test_more_threads_learn_the_same_up_to_rounding(tmp_path):
    one, two = (training.train(replace(tiny.QUICK, threads=n), tmp_path / str(n)).metrics for n in (1, 2))
    assert np.allclose([row["loss"] for row in one], [row["loss"] for row in two], rtol=1e-3)
