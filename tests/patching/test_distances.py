"""Distances are changed as TransformerLens would turn them, hidden tokens are masked scores, and nothing else moves."""

import numpy as np
import pytest
import torch

from maze_interp import mazes, models
from maze_interp.models import Site, access
from maze_interp.patching import distances
from maze_interp.patching.distances import Farther
from tests import tiny

KINDS = ("learned", "rotary")
every_kind = pytest.mark.parametrize("positions", KINDS)


def written(model, count=10):
    batch = mazes.draw(tiny.RAGGED, count, seed=2)
    return model.maze_tokenizer.encode(batch, mazes.solve(batch), seed=5)


def heads(*chosen):
    found = np.zeros((2, 2), bool)
    for one in chosen:
        found[one] = True
    return found


@every_kind
def test_left_as_it_is_it_is_the_model(positions):
    model = tiny.model(3, positions=positions)
    tokens = written(model)
    found = distances.forced(model, tokens, batch=3)
    patterns = [Site("pattern", layer) for layer in range(2)]
    run = access.run(model, torch.from_numpy(tokens.ids).long(), read=patterns)
    inside = np.arange(tokens.ids.shape[1]) < tokens.length[:, None]
    np.testing.assert_allclose(found.logits[inside], run.logits.detach().numpy()[inside], atol=2e-4)
    for layer, site in enumerate(patterns):
        looks = run.values[site][..., 0].detach().numpy()
        np.testing.assert_allclose(
            found.at_first[:, layer].swapaxes(1, 2)[inside], looks.swapaxes(1, 2)[inside], atol=1e-5
        )


@pytest.mark.parametrize("by", [0, 5])
def test_farther_for_all_is_every_other_token_later(by):
    model = tiny.model(3, positions="rotary")
    tokens = written(model)
    everyone = Farther(np.full(len(tokens), by), np.ones((2, 2), bool), np.ones(tokens.ids.shape, bool))
    seems, moved = distances.forced(model, tokens, farther=everyone), distances.forced(model, tokens, moved=by)
    np.testing.assert_allclose(seems.logits, moved.logits, atol=2e-4)
    np.testing.assert_allclose(seems.at_first, moved.at_first, atol=1e-5)
    assert (by == 0) == np.allclose(distances.forced(model, tokens).logits, moved.logits, atol=1e-2)


def test_learned_positions_are_those_of_later_tokens():
    model = tiny.model(3, positions="learned")
    tokens = written(model)
    later = tiny.model(3, positions="learned")
    with torch.no_grad():
        later.pos_embed.W_pos[1:-4] = model.pos_embed.W_pos[5:]
    moved = distances.forced(model, tokens, moved=4).logits
    np.testing.assert_allclose(moved, models.forced_logits(later, tokens), atol=2e-4)


@pytest.mark.parametrize("by", [3, -6])
@pytest.mark.parametrize("layer", [0, 1])
def test_one_heads_distance_is_turned_as_transformer_lens_turns(by, layer):
    model, head = tiny.model(4, positions="rotary"), 1
    tokens = written(model)
    looking = np.random.default_rng(0).random(tokens.ids.shape) < 0.5
    ids = torch.from_numpy(tokens.ids).long()
    values = access.run(model, ids, read=[Site("q", layer), Site("k", layer)]).values
    attention = model.blocks[layer].attn
    q = attention.apply_rotary(values[Site("q", layer)], max(by, 0))[:, :, head]
    k = attention.apply_rotary(values[Site("k", layer)], max(-by, 0))[:, 0, head]
    column = torch.einsum("bte,be->bt", q, k) / attention.attn_scale
    changed = torch.from_numpy(looking) & (torch.arange(ids.shape[1]) > 0)

    def edit(scores):
        scores[:, :, 0] = torch.where(changed, column, scores[:, :, 0])
        return scores

    want = access.run(model, ids, edits={Site("scores", layer, head): edit}).logits.detach().numpy()
    farther = Farther(np.full(len(tokens), by), heads((layer, head)), looking)
    found, plain = distances.forced(model, tokens, farther=farther).logits, distances.forced(model, tokens).logits
    inside = np.arange(tokens.ids.shape[1]) < tokens.length[:, None]
    np.testing.assert_allclose(found[inside], want[inside], atol=2e-4)
    assert abs(found - plain)[inside].max() > 1e-2


@every_kind
def test_hidden_tokens_are_masked_scores(positions):
    model = tiny.model(3, positions=positions)
    tokens = written(model)
    hidden = np.random.default_rng(1).random(tokens.ids.shape) < 0.3
    mask = torch.from_numpy(hidden)[:, None, None] & ~torch.eye(tokens.ids.shape[1], dtype=torch.bool)
    edits = {Site("scores", layer): lambda scores: scores.masked_fill(mask, -torch.inf) for layer in range(2)}
    want = access.run(model, torch.from_numpy(tokens.ids).long(), edits=edits).logits.detach().numpy()
    found = distances.forced(model, tokens, hidden=hidden).logits
    np.testing.assert_allclose(found, want, atol=2e-4)


def test_what_cannot_be_is_refused():
    learned, rotary = (tiny.model(positions=positions) for positions in KINDS)
    tokens = written(learned)
    farther = Farther(np.ones(len(tokens), int), heads((0, 0)), np.ones(tokens.ids.shape, bool))
    with pytest.raises(ValueError, match="positions are learned"):
        distances.forced(learned, tokens, farther=farther)
    for moved in (-1, learned.cfg.n_ctx):
        with pytest.raises(ValueError, match="do not fit a context"):
            distances.forced(rotary, tokens, moved=moved)
    too_far = Farther(np.full(len(tokens), 10_000), farther.heads, farther.looking)
    with pytest.raises(ValueError, match="less than the context"):
        distances.forced(rotary, tokens, farther=too_far)
