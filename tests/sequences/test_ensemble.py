"""An ensemble computes what its members do, each alone, as HookedTransformers."""

import numpy as np
import pytest
import torch

from maze_interp import sequences
from maze_interp.sequences import EncoderConfig, ensemble

SHAPES = [EncoderConfig(d_model=16, heads=2), EncoderConfig(layers=3, d_model=24, heads=4, d_mlp=40)]
every_shape = pytest.mark.parametrize("config", SHAPES, ids=["one layer", "three layers"])
CONTEXTS = sequences.histories(30, seed=0)


def rough(config, members=3, seed=0):
    """Networks whose weights, biases and layer norms are all far from where they begin."""
    built, generator = sequences.build(config, members, seed=seed), torch.Generator().manual_seed(seed)
    moved = {n: w + 0.3 * torch.randn(w.shape, generator=generator) for n, w in built.weights.items()}
    return sequences.Ensemble(config, moved)


@every_shape
def test_it_computes_what_each_hooked_transformer_does(config):
    networks = rough(config)
    together = sequences.logits(networks, CONTEXTS)
    assert together.shape == (3, 30, 16)
    for index in range(3):
        model = networks.member(index)
        assert model.cfg.attention_dir == "bidirectional"
        alone = model(torch.from_numpy(CONTEXTS))[:, -1]
        assert (alone - together[index]).abs().max() < 1e-5


@every_shape
def test_a_member_learns_what_it_would_alone(config):
    """The gradients of the stack are those of the members."""
    networks = rough(config)
    ids = torch.from_numpy(CONTEXTS).expand(3, -1, -1)
    weights = {name: weight.clone().requires_grad_() for name, weight in networks.weights.items()}
    ensemble.forward(weights, config, ids).square().sum().backward()
    model = networks.member(1)
    model(torch.from_numpy(CONTEXTS))[:, -1].square().sum().backward()
    largest = max(weight.grad.abs().max() for weight in model.parameters())
    for name, weight in model.named_parameters():
        assert (weight.grad - weights[name].grad[1]).abs().max() < 1e-6 * largest


def test_earlier_layers_see_in_both_directions():
    """With two layers or more, what a causal network cannot do: the last element changes what is read at the first."""
    model = rough(SHAPES[1]).member(0)
    one, two = torch.from_numpy(CONTEXTS[:1]), torch.from_numpy(CONTEXTS[:1].copy())
    two[0, -1] = (two[0, -1] + 1) % 8
    assert (model(one)[0, 0] - model(two)[0, 0]).abs().max() > 1e-3


def test_the_sizes_span_what_the_article_spans_evenly():
    counts = np.array([config.parameters for config in sequences.SIZES.values()])
    assert abs(counts[0] - 18_000) < 100
    assert abs(counts[-1] - 402_000) < 2_000
    assert np.ptp(np.diff(np.log(counts))) < 0.15
    for name, config in sequences.SIZES.items():
        assert f"{config.parameters // 1000}k" in (name, f"{int(name[:-1]) - 1}k")
    member = sequences.build(SHAPES[0], 1, seed=0).member(0)
    assert sum(weight.numel() for weight in member.parameters()) == SHAPES[0].parameters


def test_member_i_is_a_function_of_the_seed_and_i():
    three, two = (sequences.build(SHAPES[0], members, seed=4) for members in (3, 2))
    other = sequences.build(SHAPES[0], 2, seed=5)
    assert all((three.weights[name][:2] == two.weights[name]).all() for name in two.weights)
    assert (other.weights["embed.W_E"] != two.weights["embed.W_E"]).all()
    assert (two.weights["embed.W_E"][0] != two.weights["embed.W_E"][1]).all()


def test_acts_are_the_likeliest_or_drawn_as_often_as_they_are_likely():
    """3,000 draws at temperature 1 against the softmax, 5 sigma each way; a temperature near 0 is temperature 0."""
    networks = rough(SHAPES[0])
    repeated = np.repeat(CONTEXTS[:1], 3000, axis=0)
    for legal in (True, False):
        allowed = sequences.logits(networks, CONTEXTS[:1])[:, 0, 8 * legal :]
        shares = allowed.softmax(dim=-1).numpy()
        drawn = sequences.act(networks, repeated, temperature=1.0, legal=legal)
        for member in range(3):
            counted = np.bincount(drawn[member] - 8 * legal, minlength=shares.shape[1]) / 3000
            assert (np.abs(counted - shares[member]) < 5 * np.sqrt(shares[member] / 3000) + 1e-3).all()
        best = sequences.act(networks, CONTEXTS, legal=legal)
        assert (best[:, 0] == allowed.argmax(dim=-1).numpy() + 8 * legal).all()
        assert (best == sequences.act(networks, CONTEXTS, temperature=1e-4, legal=legal)).all()
    assert (sequences.act(networks, CONTEXTS, temperature=9.0) >= 8).all()
    assert (sequences.act(networks, CONTEXTS, temperature=9.0, legal=False) < 8).any()


def test_an_act_drawn_belongs_to_the_seed_the_network_and_the_history():
    networks = rough(SHAPES[0])
    drawn = sequences.act(networks, CONTEXTS, temperature=2.0, seed=1)
    assert (sequences.act(networks, CONTEXTS[:10], temperature=2.0, seed=1) == drawn[:, :10]).all()
    assert (sequences.act(networks, CONTEXTS, temperature=2.0, seed=2) != drawn).any()


def test_what_does_not_fit_is_named():
    with pytest.raises(ValueError, match="d_model 10 is not a multiple of heads 4"):
        EncoderConfig(d_model=10)
    with pytest.raises(ValueError, match="layers must be at least 1, not 0"):
        EncoderConfig(layers=0)
    with pytest.raises(ValueError, match="temperature cannot be negative"):
        sequences.act(rough(SHAPES[0]), CONTEXTS, temperature=-1.0)
