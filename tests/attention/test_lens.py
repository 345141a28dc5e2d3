"""A lens reads the last depth as the model does, and a tuned one learns what was turned away from the unembedding."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from maze_interp import attention, models
from maze_interp.attention import lens
from maze_interp.models import Site, access
from tests import tiny

MODEL = tiny.model(layers=3)
TOKENS = tiny.asked(MODEL, 24, 2, seed=0)
READ = attention.streams(MODEL, TOKENS, TOKENS.graded)
HELD_OUT = tiny.asked(MODEL, 24, 2, seed=1)
CHECK = attention.streams(MODEL, HELD_OUT, HELD_OUT.graded)


@pytest.mark.parametrize("positions", ["learned", "rotary"])
def test_streams_are_what_transformer_lens_computes(positions):
    model = tiny.model(layers=3, positions=positions)
    given = attention.streams(model, TOKENS, TOKENS.graded, batch=7)
    sites = [Site("resid_pre", 0), *(Site("resid_post", layer) for layer in range(3))]
    marked = torch.from_numpy(TOKENS.graded)
    with torch.no_grad():
        reading = access.run(model, torch.from_numpy(TOKENS.ids).long(), read=sites)
    for depth, site in enumerate(sites):
        assert torch.allclose(given.values[depth], reading.values[site][marked], atol=1e-4)
    assert torch.allclose(given.answers, reading.logits[marked].log_softmax(dim=-1), atol=1e-4)


def test_the_last_depth_is_the_output_and_the_first_knows_its_own_token_alone():
    rotary = tiny.model(layers=3, positions="rotary")
    given = attention.streams(rotary, TOKENS, TOKENS.graded)
    read = attention.logit_lens(rotary, given.values)
    assert torch.equal(read[-1], given.answers)
    ids = TOKENS.ids[TOKENS.graded]
    for token in np.unique(ids):
        same = read[0][torch.from_numpy(ids == token)]
        assert torch.allclose(same, same[:1].expand_as(same), atol=1e-6)
    assert not torch.allclose(read[1], read[0], atol=0.1)


def test_a_tuned_lens_is_never_worse_than_the_logit_lens_where_it_was_chosen():
    for steps in (0, 1, 30):
        tuned = attention.tune(MODEL, READ, CHECK, steps=steps, batch=128)
        assert (tuned.divergence[1] <= tuned.divergence[0]).all()
    read = attention.tuned_lens(MODEL, tuned, CHECK.values)
    assert torch.allclose(lens.divergence(CHECK.answers, read).mean(dim=-1), tuned.divergence[1], atol=1e-5)
    assert torch.equal(read[-1], attention.logit_lens(MODEL, CHECK.values)[-1])
    assert (tuned.divergence[1, :-1] < tuned.divergence[0, :-1] - 0.05).all()
    assert tuned.divergence[1, -1] == pytest.approx(0, abs=1e-6)


def test_divergence_is_zero_between_equals_and_known_by_hand():
    one, other = torch.tensor([[0.5, 0.5]]).log(), torch.tensor([[[0.25, 0.75]]]).log()
    assert lens.divergence(one, one[None]).abs().max() < 1e-7
    assert lens.divergence(one, other).item() == pytest.approx(0.5 * np.log(2) + 0.5 * np.log(2 / 3), abs=1e-6)


def test_a_turned_stream_is_turned_back_and_noise_is_not():
    """A positive and a negative control: the output's stream in another basis, and one of another sequence."""
    generator = torch.Generator().manual_seed(0)
    turn = torch.linalg.qr(torch.randn(32, 32, generator=generator))[0]
    last = [given.values[-1] for given in (READ, CHECK)]
    mixed = [given[torch.randperm(len(given), generator=generator)] for given in last]
    planted = [torch.stack([one @ turn, other]) for one, other in zip(last, mixed, strict=True)]
    learn, check = replace(READ, values=planted[0]), replace(CHECK, values=planted[1])
    tuned = attention.tune(MODEL, learn, check, steps=300, rate=2e-2)
    before, after = tuned.divergence
    assert after[0] < 0.1 * before[0]
    common = lens.divergence(CHECK.answers, READ.answers.exp().mean(dim=0).log().expand_as(CHECK.answers)).mean()
    assert after[1] > 0.7 * common


def test_tuning_repeats_itself_changes_no_model_and_counts_its_steps():
    before = {name: weight.clone() for name, weight in models.weights_of(MODEL).items()}
    said = []
    tuned = [attention.tune(MODEL, READ, CHECK, steps=4, progress=lambda *given: said.append(given)) for _ in range(2)]
    assert torch.equal(tuned[0].weight, tuned[1].weight)
    assert said == [(step, 4) for step in range(1, 5)] * 2
    assert all(torch.equal(before[name], weight) for name, weight in models.weights_of(MODEL).items())
    assert all(weight.grad is None for weight in MODEL.parameters())
    attention.streams(MODEL, TOKENS, TOKENS.graded, batch=20, progress=lambda *given: said.append(given))
    assert said[-3:] == [(20, 48), (40, 48), (48, 48)]


def test_positions_that_do_not_exist_are_refused():
    with pytest.raises(ValueError, match="at least one position"):
        attention.streams(MODEL, TOKENS, np.zeros_like(TOKENS.graded))
    padding = np.arange(TOKENS.ids.shape[1]) >= TOKENS.length[:, None]
    assert padding.any()
    with pytest.raises(ValueError, match="none that is padding"):
        attention.streams(MODEL, TOKENS, padding)
    with pytest.raises(ValueError, match="marked in"):
        attention.streams(MODEL, TOKENS, TOKENS.graded[:, 1:])
