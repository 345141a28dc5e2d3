"""A model comes from its seed alone, survives the disk bit for bit, and says what is wrong with what it cannot load."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from maze_interp import models, storage
from maze_interp.models import HookedTransformer, ModelConfig
from tests import tiny

SMALL = ModelConfig(layers=2, d_model=16, heads=2, rows=3, cols=3)


def same_weights(one, two):
    one, two = models.weights_of(one), models.weights_of(two)
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


def saved(tmp_path, config=SMALL):
    models.save(models.build(config, seed=0), tmp_path / "m")
    return tmp_path / "m"


def test_what_is_built_is_a_hooked_transformer_that_knows_its_language():
    model = models.build(SMALL, seed=0)
    assert isinstance(model, HookedTransformer)
    assert model.maze_config == SMALL
    assert model.maze_tokenizer == SMALL.tokenizer
    assert model.cfg.d_vocab == 20
    assert model.cfg.n_ctx == SMALL.tokenizer.max_length()
    assert model.cfg.d_mlp == 64
    assert model.cfg.normalization_type == "LN"  # nothing is folded


@pytest.mark.parametrize("positions", ["learned", "rotary"])
def test_weights_come_from_the_seed_alone(positions):
    config, before = replace(SMALL, positions=positions), torch.get_rng_state()
    one = models.build(config, seed=3)
    torch.rand(5)
    assert same_weights(one, models.build(config, seed=3))
    other = models.weights_of(models.build(config, seed=4))
    drawn = [name for name in other if name.rsplit(".", 1)[-1].startswith("W_")]
    assert not any(torch.equal(models.weights_of(one)[name], other[name]) for name in drawn)
    torch.set_rng_state(before)
    models.build(config, seed=3)
    assert torch.equal(torch.get_rng_state(), before)


def test_initial_weights_have_the_stated_spread():
    """The deviations of 16,384 normal numbers each have standard errors of 0.6%; five are allowed."""
    model = models.build(replace(SMALL, d_model=64), seed=0)
    for name, weight in models.weights_of(model).items():
        leaf = name.rsplit(".", 1)[-1]
        if leaf.startswith("b"):
            assert not weight.any()
        elif leaf == "w":
            assert (weight == 1).all()
        elif weight.numel() >= 16_384:
            assert abs(weight.std() / (0.8 / 8) - 1) < 0.03


@pytest.mark.parametrize("positions", ["learned", "rotary"])
def test_a_model_survives_the_disk_bit_for_bit(tmp_path, positions):
    model = tiny.model(positions=positions, order="corner_first")
    models.save(model, tmp_path / "m")
    back = models.load(tmp_path / "m")
    assert same_weights(model, back)
    assert back.maze_config == model.maze_config
    ids = torch.from_numpy(tiny.asked(model, 3, 1, seed=0).ids).long()
    assert torch.equal(model(ids), back(ids))
    models.save(back, tmp_path / "m")  # in place: the file is mapped no longer
    assert same_weights(model, models.load(tmp_path / "m"))


def test_the_disk_holds_no_pickle_and_nothing_else(tmp_path):
    folder = saved(tmp_path)
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors"]
    content = (folder / "model.safetensors").read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    assert header.keys() - {"__metadata__"} == models.weights_of(models.build(SMALL, seed=0)).keys()
    assert not content.startswith((b"\x80", b"PK"))
    assert json.loads((folder / "config.json").read_text())["rows"] == 3


def test_a_folder_of_a_run_gives_its_finished_model(tmp_path):
    models.save(models.build(SMALL, seed=0), tmp_path / "run" / "model")
    assert same_weights(models.load(tmp_path / "run"), models.build(SMALL, seed=0))


def test_loaded_weights_can_be_trained(tmp_path):
    back = models.load(saved(tmp_path))
    back(torch.zeros(1, 3, dtype=torch.long)).sum().backward()
    assert all(weight.requires_grad for weight in back.parameters())


def spoil(folder, name, content):
    (folder / name).write_bytes(content(folder / name) if callable(content) else content)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("config.json", b"{", r"config\.json is not JSON"),
        ("config.json", b"[1]", r"config\.json is not a JSON object"),
        ("config.json", b'{"layrs": 2}', r"config\.json: unknown key 'layrs'; did you mean 'layers'"),
        ("config.json", b'{"layers": "2"}', r"config\.json: .*layers"),
        ("model.safetensors", lambda path: path.read_bytes()[:-1], r"model\.safetensors is truncated"),
        ("model.safetensors", lambda path: path.read_bytes()[:50], r"model\.safetensors is truncated"),
        ("model.safetensors", b"", r"model\.safetensors is truncated"),
        (
            "model.safetensors",
            b"\x80\x04" + b"pickle" * 9,
            r"model\.safetensors is truncated or not a safetensors file",
        ),
    ],
)
def test_a_damaged_file_is_named(tmp_path, name, content, message):
    folder = saved(tmp_path)
    spoil(folder, name, content)
    with pytest.raises(ValueError, match=message):
        models.load(folder)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"no model in .*nowhere: it has no config\.json"):
        models.load(tmp_path / "nowhere")
    folder = saved(tmp_path)
    (folder / "model.safetensors").unlink()
    with pytest.raises(ValueError, match=r"no model in .*: it has no model\.safetensors"):
        models.load(folder)


def test_weights_of_another_model_are_refused_by_tensor(tmp_path):
    folder = saved(tmp_path)
    weights = folder / "model.safetensors"
    with pytest.raises(
        ValueError,
        match=r"does not fit: embed\.W_E is \(20, 16\) there and \(27, 16\) in a model with a 4 x 4 vocabulary",
    ):
        models.from_weights(replace(SMALL, rows=4, cols=4), weights)
    with pytest.raises(ValueError, match=r"is not a model of this shape: it lacks blocks\.2"):
        models.from_weights(replace(SMALL, layers=3), weights)
    with pytest.raises(ValueError, match=r"it has blocks\.1\..* which this model lacks"):
        models.from_weights(replace(SMALL, layers=1), weights)
    with pytest.raises(ValueError, match=r"it lacks pos_embed\.W_pos"):
        models.from_weights(replace(SMALL, positions="learned"), weights)
    storage.write_tensors_atomically(tmp_path / "foreign.safetensors", {"weight": np.zeros((3, 3))})
    with pytest.raises(ValueError, match=r"foreign\.safetensors is not a model of this shape: it lacks embed\.W_E"):
        models.from_weights(SMALL, tmp_path / "foreign.safetensors")


@pytest.mark.parametrize("positions", ["learned", "rotary"])
def test_folding_keeps_the_predictions_and_the_original(positions):
    model = tiny.model(positions=positions)
    before = {name: weight.clone() for name, weight in models.weights_of(model).items()}
    ids = torch.from_numpy(tiny.asked(model, 3, 1, seed=0).ids).long()
    folded = models.fold(model)
    assert torch.allclose(folded(ids).log_softmax(-1), model(ids).log_softmax(-1), rtol=1e-4, atol=1e-4)
    assert folded.maze_tokenizer == model.maze_tokenizer
    assert "ln_final.w" not in models.weights_of(folded)
    assert torch.allclose(folded.blocks[0].attn.W_O.mean(-1), torch.zeros(()), atol=1e-5)  # writes are centred
    assert all(torch.equal(weight, before[name]) for name, weight in models.weights_of(model).items())
    assert same_weights(folded, models.fold(model))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layers": 0}, "layers must be at least 1, not 0"),
        ({"heads": 0}, "heads must be at least 1, not 0"),
        ({"d_model": -4}, "d_model must be at least 1, not -4"),
        ({"heads": 3}, "d_model 16 is not a multiple of heads 3"),
        ({"heads": 16}, "d_head 1 must be even"),
        ({"context": -1}, "cannot be negative: 0, -1"),
        ({"d_mlp": -5}, "cannot be negative: -5, 0"),
        ({"positions": "rotery"}, "unknown positions 'rotery'; did you mean 'rotary'"),
        ({"rows": 0}, "at least 1 row and 1 column, not 0 x 3"),
        ({"order": "corner_frist"}, "unknown cell order 'corner_frist'; did you mean 'corner_first'"),
        ({"scheme": "adjacency"}, "unknown token scheme 'adjacency'; did you mean 'adjacency_list'"),
    ],
)
def test_a_shape_that_cannot_be_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        replace(SMALL, **changes)
