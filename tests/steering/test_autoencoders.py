"""Sparse autoencoders find planted features and none in noise, are reproducible, and read their own model only."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from maze_interp import models, steering
from maze_interp.models import Site, access
from maze_interp.steering import AutoencoderRecipe, autoencoders, features
from maze_interp.tokens import PAD
from tests import tiny

RECIPE = AutoencoderRecipe(features=24, active=2, steps=250, batch=128, learning_rate=1e-2, sparsity=0.3)


def planted(count=2000, ways=12, width=16, *, seed=0):
    """Sums of two of twelve directions each, and the directions."""
    rng = np.random.default_rng(seed)
    held = np.linalg.qr(rng.normal(size=(width, width)))[0][:ways]
    which = rng.random((count, ways)).argsort(axis=1) < 2
    return ((which * rng.uniform(1, 2, which.shape)) @ held).astype(np.float32), held, which


def found(autoencoder, held):
    """How like the likest decoder direction each planted one is."""
    return (held @ autoencoder.decode_weight.T).max(axis=1)


@pytest.mark.parametrize(("kind", "most"), [("topk", 2.0), ("gated", 4.0)])
def test_planted_features_are_found(kind, most):
    """Nearly all directions, with few features active; from noise hardly any, and more features explain less of it."""
    x, held, _ = planted()
    autoencoder = autoencoders.train(x, replace(RECIPE, kind=kind))
    told = autoencoders.quality(autoencoder, x)
    assert (found(autoencoder, held) > 0.9).sum() >= 11
    assert told["explained"] > 0.8
    assert told["L0"] <= most
    noise = np.random.default_rng(1).normal(size=x.shape).astype(np.float32)
    null = autoencoders.train(noise, replace(RECIPE, kind=kind))
    assert (found(null, held) > 0.9).sum() <= 1
    of_noise = autoencoders.quality(null, noise)
    assert of_noise["explained"] < told["explained"] - 0.05
    assert of_noise["L0"] >= told["L0"]


def test_topk_keeps_exactly_k_and_the_seed_decides_all():
    x, _, _ = planted(300)
    one, two, other = (autoencoders.train(x, replace(RECIPE, steps=20, active=3, seed=seed)) for seed in (0, 0, 1))
    assert ((one.encode(x) != 0).sum(axis=1) == 3).all()
    np.testing.assert_array_equal(one.decode_weight, two.decode_weight)
    assert (one.decode_weight != other.decode_weight).any()
    np.testing.assert_allclose(np.linalg.norm(one.decode_weight, axis=1), 1.0, rtol=1e-5)


def test_dead_features_are_revived(monkeypatch):
    """With revivals more of them are alive than without."""
    rng = np.random.default_rng(0)
    ways = rng.normal(size=(64, 16))
    x = ((rng.random((2000, 64)).argsort(axis=1) < 2) @ ways).astype(np.float32)
    dead = []
    for until in (0.7, 0.0):
        monkeypatch.setattr(autoencoders, "REVIVE_UNTIL", until)
        few = autoencoders.train(x, replace(RECIPE, features=96, steps=150))
        dead.append(autoencoders.quality(few, x)["dead"])
    assert dead[0] < 0.75 * dead[1]


def test_an_autoencoder_of_another_model_is_refused(tmp_path):
    model, other = tiny.model(0), tiny.model(1)
    x = np.random.default_rng(0).normal(size=(50, 32)).astype(np.float32)
    own = autoencoders.train(x, replace(RECIPE, steps=2), model=models.fingerprint(model), site="resid_post:0")
    autoencoders.save(own, tmp_path / "own.safetensors")
    again = autoencoders.load(tmp_path / "own.safetensors", model)
    np.testing.assert_array_equal(again.encode(x), own.encode(x))
    with pytest.raises(ValueError, match="another model"):
        autoencoders.load(tmp_path / "own.safetensors", other)
    with pytest.raises(ValueError, match="did you mean 'topk'"):
        AutoencoderRecipe(kind="top")
    with pytest.raises(ValueError, match="not 9"):
        AutoencoderRecipe(features=8, active=9)
    with pytest.raises(ValueError, match="are alike"):
        autoencoders.train(np.ones((5, 4), np.float32), RECIPE)


def test_loss_recovered_is_1_for_what_is_rebuilt_and_0_for_the_mean(trained):
    model = trained.model()
    tokens = tiny.asked(model, 20, 1, seed=0, p=1.0)
    where = tokens.part != PAD
    site, mark = Site("resid_post", 0), models.fingerprint(model)
    x = np.random.default_rng(0).normal(size=(50, 32)).astype(np.float32)
    whole = autoencoders.train(x, replace(RECIPE, features=32, active=32, steps=1), model=mark)
    eye = np.eye(32, dtype=np.float32)
    none = np.zeros(32, np.float32)
    exact = replace(whole, encode_weight=eye, decode_weight=eye, gate_bias=none)
    assert features.loss_recovered(model, exact, site, tokens, where) == pytest.approx(1.0, abs=1e-3)
    values = access.run(model, torch.from_numpy(tokens.ids).long(), read=[site]).values[site].detach().numpy()
    mean = replace(exact, centre=values[where].mean(axis=0), decode_weight=0 * eye)
    assert features.loss_recovered(model, mean, site, tokens, where) == pytest.approx(0.0, abs=1e-3)
    with pytest.raises(ValueError, match="another model"):
        features.loss_recovered(tiny.model(3), exact, site, tokens, where)


def test_passage_features_are_found_and_set():
    """To add is to bring the planted direction to its mean, to remove to take it out."""
    x, held, which = planted()
    autoencoder = autoencoders.train(x, RECIPE)
    told = features.find(autoencoder.encode(x), which)
    assert np.mean(list(told.accuracy.values())) > 0.95
    move = features.by_features(autoencoder, told)
    rows = np.arange(200)
    lacks = rows[~which[rows, 0]]
    has = rows[which[rows, 0]]
    none = np.full(200, steering.NO_EDGE)
    added = move(x[lacks], none[: len(lacks)], none[: len(lacks)] * 0, 1.0) @ held[0]
    removed = move(x[has], none[: len(has)] * 0, none[: len(has)], 1.0) @ held[0]
    assert added.mean() == pytest.approx(1.5, abs=0.3)
    assert removed.mean() == pytest.approx(0.0, abs=0.3)
    np.testing.assert_allclose(move(x[:5], none[:5], none[:5], 1.0), x[:5])
