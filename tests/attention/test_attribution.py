"""Shares of a logit sum to it, and each is what would be missing without its part, the norm's scale held."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from maze_interp import attention, models
from maze_interp.attention.attribution import BIAS, EMBEDDING, OUTSIDE, Part
from maze_interp.models import Site, access
from tests import tiny
from tests.oracles import few

MODEL = tiny.model(layers=2)
TOKENS = tiny.asked(MODEL, 6, 2, seed=0)
ANSWERS = np.roll(TOKENS.ids, -1, axis=1)[TOKENS.graded]


def everything_but(answers, size):
    return np.arange(size) != answers[:, None]


@settings(few, max_examples=12)
@given(tiny.any_models(), st.integers(0, 100))
def test_shares_sum_to_the_difference_of_logits(model, seed):
    tokens = tiny.asked(model, 3, 1, seed=seed)
    answers = np.roll(tokens.ids, -1, axis=1)[tokens.graded]
    rng = np.random.default_rng(seed)
    others = everything_but(answers, model.cfg.d_vocab) & (rng.random((len(answers), model.cfg.d_vocab)) < 0.7)
    others[np.arange(len(answers)), (answers + 1) % model.cfg.d_vocab] = True
    said = attention.written(model, tokens, tokens.graded, batch=2)
    shares = attention.attribute(model, said, answers, others)
    with torch.no_grad():
        logits = model(torch.from_numpy(tokens.ids).long()).numpy()[tokens.graded].astype(float)
    for sample, row in enumerate(logits):
        wanted = row[answers[sample]] - row[others[sample]].mean()
        assert shares[sample].sum() == pytest.approx(wanted, abs=1e-3 * (1 + np.abs(row).max()))
    layers, by_layer = attention.by_layer(said.parts, shares)
    outside = [number for number, part in enumerate(said.parts) if part.layer == OUTSIDE]
    assert layers == tuple(range(model.cfg.n_layers))
    assert np.allclose(by_layer.sum(axis=1) + shares[:, outside].sum(axis=1), shares.sum(axis=1))


def test_a_heads_share_is_what_the_logits_lack_without_it():
    """An oracle: subtract what a head of the last layer writes, hold the norm's scale, read the logits again."""
    ids, marked = torch.from_numpy(TOKENS.ids).long(), torch.from_numpy(TOKENS.graded)
    said = attention.written(MODEL, TOKENS, TOKENS.graded)
    others = everything_but(ANSWERS, MODEL.cfg.d_vocab)
    shares = attention.attribute(MODEL, said, ANSWERS, others)
    with torch.no_grad():
        reading = access.run(MODEL, ids, read=[Site("z", 1, 0), Site("resid_post", 1)])
        stream = reading.values[Site("resid_post", 1)][marked].double()
        head = (reading.values[Site("z", 1, 0)] @ MODEL.blocks[1].attn.W_O[0])[marked].double()
        scale = stream.std(dim=-1, unbiased=False, keepdim=True)

        def logits(x):
            normal = (x - x.mean(dim=-1, keepdim=True)) / scale * MODEL.ln_final.w + MODEL.ln_final.b
            return (normal.double() @ MODEL.unembed.W_U.double() + MODEL.unembed.b_U).numpy()

        lacks = logits(stream) - logits(stream - head)
    sample = np.arange(len(ANSWERS))
    wanted = lacks[sample, ANSWERS] - (lacks * others).sum(axis=1) / others.sum(axis=1)
    assert np.allclose(shares[:, said.parts.index(Part(1, "head 0"))], wanted, atol=1e-3)


def test_a_part_made_to_say_the_answer_is_the_one_that_is_named():
    """A positive control: an MLP bias along the unembedding of one token gives all there is to that token."""
    model = models.build(MODEL.maze_config, seed=1)
    with torch.no_grad():
        model.blocks[1].mlp.b_out += 50 * model.unembed.W_U[:, 7]
    said = attention.written(model, TOKENS, TOKENS.graded)
    answers = np.full(len(ANSWERS), 7)
    shares = attention.attribute(model, said, answers, everything_but(answers, model.cfg.d_vocab)).mean(axis=0)
    named = {part.name: share for part, share in zip(said.parts, shares, strict=True)}
    assert next(iter(named)) == EMBEDDING
    assert list(named)[-1] == BIAS
    assert named.pop("layer 1 MLP") > 4
    assert np.abs(list(named.values())).max() < 0.3


def test_some_of_the_positions_can_be_taken():
    said = attention.written(MODEL, TOKENS, TOKENS.graded)
    few_ = said.take(np.array([3, 1]))
    assert few_.parts == said.parts
    assert torch.equal(few_.values, said.values[:, [3, 1]])


def test_an_answer_needs_others_and_is_none_of_them():
    said = attention.written(MODEL, TOKENS, TOKENS.graded)
    others = everything_but(ANSWERS, MODEL.cfg.d_vocab)
    others[2] = False
    with pytest.raises(ValueError, match="sample 2 has no token"):
        attention.attribute(MODEL, said, ANSWERS, others)
    others[1] = True
    with pytest.raises(ValueError, match="answer of sample 1 is among"):
        attention.attribute(MODEL, said, ANSWERS, others)
    with pytest.raises(ValueError, match="at least one position"):
        attention.written(MODEL, TOKENS, np.zeros_like(TOKENS.graded))
