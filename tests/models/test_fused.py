"""The fast pass computes what HookedTransformer computes, forwards and backwards, whatever the model's shape."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from maze_interp.models import decoding, fused
from maze_interp.tokens.vocabulary import PADDING
from maze_interp.training.objective import path_loss
from maze_interp.training.packing import IGNORE, pack
from tests import oracles, tiny

few = settings(oracles.repeatable, max_examples=15)


def close(one, two, tolerance=1e-4):
    return torch.allclose(one, two, rtol=tolerance, atol=tolerance)


@few
@given(tiny.any_models(), st.integers(0, 99))
def test_logits_are_hooked_transformers(model, seed):
    tokens = tiny.asked(model, 3, 1, seed=seed)
    got = fused.logits(fused.weights(model), torch.from_numpy(tokens.ids).long())
    for row, expected in zip(got, tiny.plain_logits(model, tokens), strict=True):
        assert close(row[: len(expected)], expected)


@few
@given(tiny.any_models(), st.integers(1, 4), st.integers(0, 99))
def test_packed_logits_are_those_of_every_sequence_read_alone(model, branches, seed):
    tokens = tiny.asked(model, 3, branches, seed=seed)
    packed, _ = pack(tokens, branches, padding=PADDING)
    got = fused.packed_logits(fused.weights(model), packed)
    for index, expected in enumerate(tiny.plain_logits(model, tokens)):
        row, branch = divmod(index, branches)
        places = torch.nonzero(packed.branch[row, packed.prompt :] == branch + 1)[:, 0]
        assert torch.equal(packed.position[row, packed.prompt :][places], torch.arange(len(expected))[-len(places) :])
        assert close(got[row, places], expected[-len(places) :])


@few
@given(tiny.any_models(), st.integers(0, 99))
def test_decoding_step_by_step_is_reading_the_whole(model, seed):
    rng, size = np.random.default_rng(seed), model.cfg.d_vocab
    length = torch.from_numpy(rng.integers(2, 12, size=4))
    ids, grown_ids = (torch.from_numpy(rng.integers(0, size, shape)) for shape in [(4, int(length.max())), (4, 4)])
    w, grown = fused.weights(model), []
    prompt = decoding.read_prompt(w, ids, length)
    for step in range(4):
        got, grown = decoding.next_logits(w, prompt, grown, grown_ids[:, step])
        for row in range(4):
            whole = torch.cat([ids[row, : length[row]], grown_ids[row, : step + 1]])
            assert close(got[row], model(whole[None])[0, -1])


def test_prompts_of_one_length_need_no_mask():
    model = tiny.model()
    ids, w = torch.arange(12).reshape(2, 6), fused.weights(model)
    masked, plain = decoding.read_prompt(w, ids, torch.tensor([6, 6])), decoding.read_prompt(w, ids)
    assert plain.mask is None
    token = torch.tensor([3, 4])
    assert close(decoding.next_logits(w, plain, [], token)[0], decoding.next_logits(w, masked, [], token)[0], 1e-6)


@settings(oracles.repeatable, max_examples=10)
@given(tiny.any_models(), st.integers(1, 4), st.integers(0, 99))
def test_gradients_are_those_through_hooked_transformer(model, branches, seed):
    tokens = tiny.asked(model, 2, branches, seed=seed)
    packed, targets = pack(tokens, branches, padding=PADDING)
    logits = fused.packed_logits(fused.weights(model), packed)
    F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORE, reduction="sum").backward()
    fast = {name: weight.grad.clone() for name, weight in model.named_parameters()}
    model.zero_grad()
    for ids, graded, plain in zip(tokens.ids, tokens.graded, tiny.plain_logits(model, tokens), strict=True):
        at = np.flatnonzero(graded)
        F.cross_entropy(plain[at], torch.from_numpy(ids[at + 1]).long(), reduction="sum").backward()
    largest = max(weight.grad.abs().max() for weight in model.parameters())
    for name, weight in model.named_parameters():
        assert (fast[name] - weight.grad).norm() <= 1e-4 * weight.grad.norm() + 1e-5 * largest, name
        assert name.endswith(("b_K", "W_pos")) or weight.grad.any(), name  # what never matters could never be wrong


def far(one, two):
    """How far apart two tensors are, as a share of the second."""
    return float((one.detach().float() - two.detach()).norm() / two.detach().norm())


@pytest.mark.parametrize("length", [1, 4, 5, 6, 11, 16])
def test_attention_in_blocks_is_the_kernels(length, monkeypatch):
    """The same numbers in bf16; its rounding is two parts in a thousand, and an unmasked token would be far above."""
    monkeypatch.setattr(fused, "BLOCK", 5)
    generator = torch.Generator().manual_seed(length)
    q, k, v, back = (torch.randn(2, 3, length, 8, generator=generator).bfloat16() for _ in range(4))
    ours, theirs = ([x.to(dtype).requires_grad_() for x in (q, k, v)] for dtype in (torch.bfloat16, torch.float32))
    with torch.autocast("cpu", torch.bfloat16):
        got = fused.attend_causal(*ours)
    expected = F.scaled_dot_product_attention(*theirs, is_causal=True, scale=1.0)
    assert far(got, expected) < 0.01
    for index, (one, two) in enumerate(
        zip(torch.autograd.grad(got, ours, back), torch.autograd.grad(expected, theirs, back.float()), strict=True)
    ):
        if length > 1 or index == 2:  # a token alone looks at itself whatever its query and key
            assert far(one, two) < 0.02


def test_of_no_positions_attention_is_none():
    nothing = torch.zeros(2, 3, 0, 8)
    with torch.autocast("cpu", torch.bfloat16):
        assert fused.attend_causal(nothing, nothing, nothing).shape == nothing.shape


@pytest.mark.parametrize("branches", [1, 3])
@pytest.mark.parametrize("positions", ["learned", "rotary"])
def test_gradients_in_bf16_are_those_in_float32_up_to_rounding(positions, branches, monkeypatch):
    monkeypatch.setattr(fused, "BLOCK", 20)
    model = tiny.model(positions=positions)
    tokens = tiny.asked(model, 6, branches, seed=0)
    found = []
    for lower in (True, False):
        with torch.autocast("cpu", torch.bfloat16, enabled=lower):
            loss = path_loss(model, tokens, branches)
        found.append(torch.cat([grad.flatten() for grad in torch.autograd.grad(loss, list(model.parameters()))]))
    assert far(*found) < 0.03


@pytest.mark.parametrize("positions", ["learned", "rotary"])
def test_branches_never_see_each_other(positions):
    model = tiny.model(positions=positions)
    packed, _ = pack(tiny.asked(model, 3, 3, seed=0), 3, padding=PADDING)
    before = fused.packed_logits(fused.weights(model), packed)
    changed = fused.Packed(
        torch.where(packed.branch == 2, (packed.ids + 1) % model.cfg.d_vocab, packed.ids),
        packed.position,
        packed.branch,
        packed.prompt,
    )
    after = fused.packed_logits(fused.weights(model), changed)
    own = packed.branch[:, packed.prompt :]
    assert torch.equal(before[(own == 1) | (own == 3)], after[(own == 1) | (own == 3)])
    assert not torch.isclose(before[own == 2], after[own == 2]).all(dim=1).any()
    ids = packed.ids.clone()
    ids[:, 1] = (ids[:, 1] + 1) % model.cfg.d_vocab  # while everyone sees the prompt
    other = fused.packed_logits(fused.weights(model), fused.Packed(ids, packed.position, packed.branch, packed.prompt))
    assert not torch.isclose(before[own > 0], other[own > 0]).all(dim=1).any()


def test_padding_gives_numbers_and_no_gradient():
    model = tiny.model()
    packed, targets = pack(tiny.asked(model, 4, 2, seed=1), 2, padding=PADDING)
    assert (packed.branch == -1).any()
    logits = fused.packed_logits(fused.weights(model), packed)
    assert logits.isfinite().all()
    F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORE).backward()
    assert all(weight.grad.isfinite().all() for weight in model.parameters())
    assert not model.embed.W_E.grad[PADDING].any()
