"""What a model has learned survives a larger vocabulary, word for word."""

from dataclasses import replace

import pytest
import torch

from maze_interp import mazes, models
from maze_interp.models import ModelConfig

SMALL = ModelConfig(layers=2, d_model=16, heads=2, rows=3, cols=3, positions="rotary")
LARGE = replace(SMALL, rows=4, cols=4)


def shared_ids(one, other):
    names = [token for token in one.tokenizer.vocabulary.tokens if token in other.tokenizer.vocabulary.tokens]
    return [[config.tokenizer.vocabulary.tokens.index(name) for name in names] for config in (one, other)]


@pytest.mark.parametrize("positions", ["rotary", "learned"])
def test_in_its_own_language_the_model_is_the_same(positions):
    source = models.build(replace(SMALL, positions=positions), seed=0)
    carried = models.carry_over(source, source.maze_config, seed=1)
    assert models.fingerprint(carried) == models.fingerprint(source)


@pytest.mark.parametrize("positions", ["rotary", "learned"])
def test_a_small_maze_is_read_as_before_in_the_larger_language(positions):
    """Both are given the same words; what they say of words that both know is the same to the last bits."""
    small, large = replace(SMALL, positions=positions), replace(LARGE, positions=positions)
    source = models.build(small, seed=0)
    carried = models.carry_over(source, large, seed=1)
    batch, _ = mazes.take(mazes.World(rows=3, cols=3), 5, seed=0, split=mazes.TEST)
    texts = small.tokenizer.text(small.tokenizer.encode_prompts(batch, seed=0))
    rows = [[config.tokenizer.vocabulary.tokens.index(word) for word in texts[0].split()] for config in (small, large)]
    here, there = shared_ids(small, large)
    said = [model(torch.tensor([ids]))[0] for model, ids in zip((source, carried), rows, strict=True)]
    torch.testing.assert_close(said[1][:, there], said[0][:, here], atol=1e-5, rtol=1e-5)


def test_new_words_begin_as_in_an_untrained_model():
    source, fresh = models.build(SMALL, seed=0), models.build(LARGE, seed=1)
    carried = models.carry_over(source, LARGE, seed=1)
    new = sorted(set(range(LARGE.tokenizer.vocabulary.size)) - set(shared_ids(SMALL, LARGE)[1]))
    assert len(new) == 16 - 9
    torch.testing.assert_close(carried.embed.W_E[new], fresh.embed.W_E[new], atol=0, rtol=0)
    torch.testing.assert_close(carried.unembed.W_U[:, new], fresh.unembed.W_U[:, new], atol=0, rtol=0)


@pytest.mark.parametrize(("key", "value"), [("layers", 3), ("d_mlp", 32), ("positions", "learned"), ("heads", 4)])
def test_another_shape_is_refused(key, value):
    named = {"d_mlp": "hidden"}.get(key, key)
    with pytest.raises(ValueError, match=f"{named} is"):
        models.carry_over(models.build(SMALL, seed=0), replace(LARGE, **{key: value}), seed=0)
