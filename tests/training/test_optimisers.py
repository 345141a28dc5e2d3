"""Muon steps matrices orthogonally and leaves the rest to AdamW, of which it changes nothing."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from maze_interp.training import Optimiser
from maze_interp.training.optimisers import MOMENTUM, OPTIMISERS, adamw, build, muon, orthogonal
from tests import oracles, tiny


def gradients(model, seed=0):
    """Give every weight a random gradient."""
    generator = torch.Generator().manual_seed(seed)
    for weight in model.parameters():
        weight.grad = torch.randn(weight.shape, generator=generator)


def stepped(name, settings=None, steps=1, rate=0.01):
    """The weights before and after some steps, by name."""
    model = tiny.model()
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    optimiser = build(model, settings or Optimiser(name=name, weight_decay=0.0))
    for group in optimiser.param_groups:
        group["lr"] = rate
    for step in range(steps):
        gradients(model, step)
        optimiser.step()
    return before, {name: weight.detach() for name, weight in model.named_parameters()}


@oracles.repeatable
@given(rows=st.integers(1, 12), wider=st.integers(0, 12), seed=st.integers(0, 10**6))
def test_orthogonal_keeps_the_singular_vectors_and_evens_out_the_values(rows, wider, seed):
    """Against numpy's singular value decomposition, for values within a factor of 30 of the largest."""
    draw = np.random.default_rng(seed)
    u, _, vt = np.linalg.svd(draw.standard_normal((rows, rows + wider)), full_matrices=False)
    values = draw.uniform(1, 30, rows)
    found = orthogonal(torch.from_numpy(u * values @ vt)[None]).numpy()[0]
    inside = u.T @ found @ vt.T
    assert np.allclose(found, u @ inside @ vt, atol=1e-9)  # nothing outside the matrix's own space
    assert np.allclose(inside, np.diag(np.diag(inside)), atol=1e-9)
    assert (np.diag(inside) > 0.65).all()
    assert (np.diag(inside) < 1.25).all()


def test_orthogonal_does_not_depend_on_scale_and_turns_with_its_input():
    matrices = torch.randn(3, 5, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    turn = torch.linalg.qr(torch.randn(8, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64))[0]
    assert torch.allclose(orthogonal(1e3 * matrices), orthogonal(matrices), atol=1e-6)
    assert torch.allclose(orthogonal(matrices @ turn), orthogonal(matrices) @ turn, atol=1e-9)
    assert (orthogonal(torch.zeros(1, 2, 2)) == 0).all()


def test_muon_moves_every_matrix_of_the_blocks_by_an_orthogonal_one_and_nothing_else_differently():
    before, after = stepped("muon")
    _, expected = stepped("adamw")
    for name, weight in after.items():
        if not (name.startswith("blocks.") and ".W_" in name):
            assert torch.equal(weight, expected[name]), name
            continue
        moved = (before[name] - weight) / 0.01
        wide = moved.permute(1, 0, 2).flatten(1) if name.endswith(("W_Q", "W_K", "W_V")) else moved.flatten(0, -2)
        values = torch.linalg.svdvals(wide) / (max(wide.shape) / min(wide.shape)) ** 0.5
        assert ((values > 0.1) & (values < 1.3)).all(), name
        assert values.median() > 0.65, name


def test_heads_are_stepped_side_by_side():
    """W_Q's step is that of the [d_model, head * d_head] matrix, which no head on its own would give."""
    model = tiny.model()
    gradients(model)
    name, weight = next((n, w) for n, w in model.named_parameters() if n.endswith("W_Q"))
    gradient, before = weight.grad.clone(), weight.detach().clone()
    optimiser = muon(model, Optimiser(name="muon", weight_decay=0.0))
    optimiser.param_groups[0]["lr"] = 1.0
    optimiser.step()
    nesterov = (1 - MOMENTUM) * (1 + MOMENTUM) * gradient  # the first step's momentum, looked at from ahead
    wide = nesterov.permute(1, 0, 2).reshape(32, 32)
    expected = orthogonal(wide[None])[0].reshape(32, 2, 16).permute(1, 0, 2)
    assert torch.allclose(before - weight, expected, atol=1e-5), name


@pytest.mark.parametrize("name", OPTIMISERS)
def test_only_matrices_decay(name):
    before, after = stepped(name, Optimiser(name=name, weight_decay=0.5), rate=0.1)
    _, free = stepped(name, Optimiser(name=name, weight_decay=0.0), rate=0.1)
    for weight in before:
        shrunk = free[weight] - after[weight]
        expected = 0.5 * 0.1 * before[weight] if "W_" in weight else torch.zeros_like(shrunk)
        assert torch.allclose(shrunk, expected, atol=1e-5), weight


@pytest.mark.parametrize("name", OPTIMISERS)
def test_every_weight_is_in_one_group_and_every_group_knows_its_peak(name):
    model = tiny.model()
    groups = build(model, Optimiser(name=name, learning_rate=0.3, muon_rate=0.7)).param_groups
    assert sorted(id(w) for group in groups for w in group["params"]) == sorted(id(w) for w in model.parameters())
    assert [group["peak"] for group in groups] == ([0.7, 0.3, 0.3] if name == "muon" else [0.3, 0.3])


@pytest.mark.parametrize("make", [adamw, muon])
def test_both_find_the_bottom_of_a_bowl(make):
    """Positive control: the squared distance to random weights 0.1 away falls a hundredfold within 300 steps."""
    model = tiny.model()
    draw = torch.Generator().manual_seed(0)
    weights = list(model.parameters())
    goals = [weight.detach() + 0.1 * torch.randn(weight.shape, generator=draw) for weight in weights]
    optimiser = make(model, Optimiser(weight_decay=0.0))

    def distance():
        return sum(float((weight.detach() - goal).square().sum()) for weight, goal in zip(weights, goals, strict=True))

    before = distance()
    for step in range(300):
        for group in optimiser.param_groups:
            group["lr"] = 0.02 * (1 - step / 300)
        for weight, goal in zip(weights, goals, strict=True):
            weight.grad = weight.detach() - goal
        optimiser.step()
    assert distance() < before / 100
