"""Circuits say what the model does when a head is made to do it, and which of them copy or know the lattice."""

import numpy as np
import pytest
import torch

from maze_interp import attention, models
from maze_interp.attention import circuits
from maze_interp.models import ModelConfig, Site
from tests import tiny


def cell_ids(model: models.HookedTransformer) -> torch.Tensor:
    return torch.from_numpy(model.maze_tokenizer.vocabulary.cell_ids.flatten()).long()


def without_positions(**changes: object) -> models.HookedTransformer:
    """One layer whose stream is its token's embedding and what its heads write."""
    model = tiny.model(layers=1, **changes)
    with torch.no_grad():
        model.blocks[0].mlp.W_out.zero_()
        if model.cfg.positional_embedding_type == "standard":
            model.pos_embed.W_pos.zero_()
    return model


def test_the_ov_circuit_is_what_attention_on_a_cell_does_to_the_logits():
    model = without_positions(positions="learned", rows=3, cols=2)
    ids, head, end = cell_ids(model), 1, Site("resid_post", 0)
    matrix = attention.ov_circuit(model, 0, head)
    effects = []
    for key in range(len(ids)):
        row = torch.eye(len(ids))[key]
        edits = {Site("pattern", 0, head): lambda pattern, row=row: row.expand_as(pattern)}
        stream = models.access.run(model, ids[None], edits=edits, read=[end]).values[end][0, -1]
        logits = ((stream - stream.mean()) * model.ln_final.w @ model.unembed.W_U)[ids]
        effects.append((logits - logits.mean()).detach().numpy())
    gaps = np.array(effects) - effects[0]
    assert np.abs(gaps).max() > 1
    assert np.allclose(matrix - matrix[0], gaps, atol=1e-3)
    assert np.allclose(matrix.mean(axis=1), 0, atol=1e-5)


@pytest.mark.parametrize(("positions", "back"), [("learned", 0), ("rotary", 0), ("rotary", 1), ("rotary", 3)])
def test_the_qk_circuit_is_the_score_of_two_cells_so_many_tokens_apart(positions, back):
    model = without_positions(positions=positions, rows=3, cols=2)
    ids, head, site = cell_ids(model), 0, Site("scores", 0, 0)
    matrix = attention.qk_circuit(model, 0, head, back=back)
    scores = np.empty(matrix.shape)
    for here, there in np.ndindex(scores.shape):
        apart = back or 1  # learned positions are 0 everywhere, so any distance will do
        row = ids[[there] + [0] * (apart - 1) + [here]]
        at = (-1, -1) if back == 0 and positions == "rotary" else (-1, 0)
        if at == (-1, -1) and here != there:
            scores[here, there] = np.nan  # a token is 0 tokens from itself alone
            continue
        read = models.access.run(model, row[None], read=[site]).values[site][0]
        scores[here, there] = float(read[at].detach())
    if back == 0 and positions == "rotary":
        x = model.blocks[0].ln1(model.embed.W_E[ids][:, None])[:, 0]
        attn = model.blocks[0].attn
        q, k = x @ attn.W_Q[0] + attn.b_Q[0], x @ attn.W_K[0] + attn.b_K[0]
        direct = (q @ k.T / attn.attn_scale).detach().numpy()
        assert np.allclose(np.diag(direct), np.diag(scores), rtol=1e-4)
        scores = direct
    assert np.abs(scores).max() > 1
    assert np.allclose(matrix, scores - scores.mean(axis=1, keepdims=True), atol=2e-3)


def test_planted_circuits_stand_out_and_others_do_not():
    """Head 0 copies, head 1 writes a cell's neighbours, heads 2 and 3 write nothing and noise; none asks for cells."""
    config = ModelConfig(layers=1, d_model=128, heads=4, rows=5, cols=5)
    model, size = models.build(config, seed=0), 25
    ids = cell_ids(model)
    near = torch.from_numpy(circuits.next_to(5, 5)).float()
    noise = torch.randn(size, size, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        model.embed.W_E.zero_()
        model.unembed.W_U.zero_()
        model.embed.W_E[ids, :size] = torch.eye(size)
        model.unembed.W_U[:size, ids] = torch.eye(size)
        attn = model.blocks[0].attn
        for weight in (attn.W_V, attn.W_O, attn.W_Q, attn.W_K):
            weight.zero_()
        for head, writes in enumerate((torch.eye(size), near, torch.zeros(size, size), noise)):
            attn.W_V[head, :size, :size] = torch.eye(size)
            attn.W_O[head, :size, :size] = writes
    rows = {(row.what["head"], row.measure): row for row in attention.circuit_rows(model, seed=0, walker="planted")}
    assert len(rows) == 4 * 4
    assert {key for key, row in rows.items() if row.what["beyond"]} == {(0, "OV own"), (1, "OV neighbours")}
    assert rows[0, "OV own"].value > 3
    assert rows[1, "OV neighbours"].value > 1.5
    assert rows[0, "OV own"].what["walker"] == "planted"


def test_an_untrained_network_has_no_circuits():
    """64 patterns at a joint 5%; the seed is one of the 19 of 20."""
    model = models.build(ModelConfig(layers=4, d_model=64, heads=4, rows=5, cols=5), seed=0)
    assert sum(row.what["beyond"] for row in attention.circuit_rows(model, seed=0)) == 0


def test_what_stands_out_by_hand():
    matrix = np.array([[3.0, 1.0, 2.0], [0.0, 5.0, 1.0], [1.0, 1.0, 1.0]])
    expected = np.array([3 - 1.5, 5 - 0.5, 0.0]) / matrix.std()
    assert np.allclose(circuits.stands_out(matrix, np.eye(3, dtype=bool)), expected)
    line = circuits.next_to(1, 3)
    assert line.tolist() == [[False, True, False], [True, False, True], [False, True, False]]
    gaps = [1 - 2, 1 - 1]  # the middle has no others
    assert np.allclose(circuits.stands_out(matrix, line), np.array(gaps) / matrix.std())


@pytest.mark.parametrize("pattern", attention.PATTERNS)
def test_the_spread_is_that_of_renamed_columns(pattern):
    """1000 renamings: their standard deviation is within 10% of the exact one, which is 4.5 of its standard errors."""
    rng = np.random.default_rng(0)
    matrix, pairs = rng.normal(size=(12, 12)) + np.eye(12), attention.PATTERNS[pattern](3, 4)
    renamed = [circuits.stands_out(matrix[:, rng.permutation(12)], pairs).mean() for _ in range(1000)]
    spread = circuits.renamed_spread(matrix, pairs)
    assert np.std(renamed) == pytest.approx(spread, rel=0.1)
    assert abs(np.mean(renamed)) < 5 * spread / 1000**0.5


def test_heads_that_do_not_exist_are_refused():
    model = tiny.model()
    for layer, head in ((2, 0), (0, 2), (-1, 0)):
        for circuit in (attention.ov_circuit, attention.qk_circuit):
            with pytest.raises(ValueError, match=rf"head {head} of layer {layer} does not exist"):
                circuit(model, layer, head)
