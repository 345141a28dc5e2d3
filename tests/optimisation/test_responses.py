"""What passes through an activation: against freezing it by hand, on sketches, and where everything passes."""

import numpy as np
import pytest
import torch

from maze_interp import optimisation
from maze_interp.models import Site, fused, reruns
from maze_interp.optimisation import responses
from tests import tiny

LENGTH, AT = 9, 7


def ask(logits: torch.Tensor) -> torch.Tensor:
    return logits[:2] - logits[2:4].exp()


@pytest.fixture(scope="module", params=["learned", "rotary"])
def known(request):
    """A rough model in double precision, a sequence, and its record, asked at its last position but one."""
    model = tiny.model(3, positions=request.param, layers=2).double()
    model.cfg.dtype = torch.float64  # layer norms round to it
    ids = torch.randint(0, model.cfg.d_vocab, (1, LENGTH), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        return model, ids, reruns.record(fused.weights(model), ids, torch.tensor([AT]))


def jacobian(model, ids, positions, *, frozen: Site | None = None, position: int = 0, layer: int = 0) -> np.ndarray:
    """dF/dP by autograd through HookedTransformer's hooks, [future, past], one activation detached where asked."""
    leaves = []

    def leaf(value, hook):
        leaves.append(value.detach().clone().requires_grad_())
        return leaves[0]

    def hold(value, hook):
        kept = value.clone()
        part = (slice(None), position) if frozen.head is None else (slice(None), position, frozen.head)
        kept[part] = value[part].detach()
        return kept

    hooks = [(f"blocks.{layer}.hook_resid_pre", leaf)] + ([(frozen.hook_name, hold)] if frozen else [])
    logits = model.run_with_hooks(ids, fwd_hooks=hooks)[0, AT]
    rows = [torch.autograd.grad(one, leaves[0], retain_graph=True)[0][0, positions].flatten() for one in ask(logits)]
    return torch.stack(rows).numpy()


def found_of(known, positions, begin, layer=0):
    model, _, kept = known
    changes = responses.basis(positions, begin, LENGTH, kept.stream[0])
    return responses.responses(fused.weights(model), kept, begin, changes, ask, layer=layer)


@pytest.mark.parametrize(
    ("site", "position"),
    [
        (Site("z", 0, head=1), 4),
        (Site("z", 1, head=0), 7),
        (Site("attn_out", 0), 5),
        (Site("resid_mid", 1), 3),
        (Site("mlp_out", 0), 3),
        (Site("mlp_out", 1), 7),
        (Site("resid_post", 0), 6),
        (Site("resid_pre", 1), 7),
    ],
)
def test_holding_takes_away_what_freezing_by_hand_does(known, site, position):
    model, ids, _ = known
    positions = [3, 4]
    found = found_of(known, positions, 3)
    j, held = jacobian(model, ids, positions), jacobian(model, ids, positions, frozen=site, position=position)
    where = (site.layer, position - 3, site.head or 0)
    np.testing.assert_allclose(found.responding, j @ j.T, rtol=1e-9)
    np.testing.assert_allclose(found.held[site.kind][where], held @ held.T, rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(found.crossed[site.kind][where], j @ held.T, rtol=1e-8, atol=1e-12)
    op, imp = (one[where] for one in found.differential(site.kind))
    np.testing.assert_allclose((op, imp), optimisation.differential(j, held), rtol=1e-6, atol=1e-9)


def test_the_past_may_be_the_stream_before_a_later_layer(known):
    model, ids, _ = known
    found = found_of(known, [5], 5, layer=1)
    j = jacobian(model, ids, [5], layer=1)
    held = jacobian(model, ids, [5], layer=1, frozen=Site("z", 1, head=1), position=7)
    np.testing.assert_allclose(found.responding, j @ j.T, rtol=1e-9)
    np.testing.assert_allclose(found.held["z"][0, 2, 1], held @ held.T, rtol=1e-8)


def test_where_everything_passes_optimisation_is_minus_infinity(known):
    """The past itself, and the stream at the decision after the last layer; what the past does not reach is nothing."""
    found = found_of(known, [4], 4)
    assert found.differential("resid_pre").op[0, 0, 0] == -np.inf
    assert found.differential("resid_post").op[1, AT - 4, 0] == -np.inf
    op, imp = (one[1, : AT - 4, 0] for one in found.differential("resid_post"))
    np.testing.assert_allclose([op, imp], 0.0, atol=1e-9)


def test_a_sketch_of_a_prompt_is_right_on_average(known):
    """200 sketches of 8 directions: the mean within 5 standard errors of what is exact; one is off as stated."""
    model, _, kept = known

    def some(found) -> np.ndarray:
        return np.stack([found.responding, found.held["z"][1, 5, 1], found.crossed["mlp_out"][0, 5, 0]])[:, 0, 0]

    draws = []
    for seed in range(200):
        changes = responses.sketch(range(AT + 1), 0, LENGTH, kept.stream[0], count=8, seed=seed)
        draws.append(some(responses.responses(fused.weights(model), kept, 0, changes, ask)))
    expected, spread = some(found_of(known, range(AT + 1), 0)), np.std(draws, axis=0)
    assert (np.abs(np.mean(draws, axis=0) - expected) < 5 * spread / 200**0.5).all()
    np.testing.assert_allclose(spread[:2] / expected[:2], (2 / 8) ** 0.5, rtol=0.3)


def test_what_does_not_lie_upstream_is_refused(known):
    model, _, kept = known
    w, changes = fused.weights(model), responses.basis([8], 8, LENGTH, kept.stream[0])
    with pytest.raises(ValueError, match="from position 8 on does not reach the decision at 7"):
        responses.responses(w, kept, 8, changes, ask)
    with pytest.raises(ValueError, match="a future of 2 numbers cannot follow from 1 directions"):
        responses.responses(w, kept, 8 - 2, changes[:1, :1].expand(1, 3, -1), ask)
