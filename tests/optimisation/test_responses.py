"""What passes through an activation: against freezing it by hand, on sketches, and where everything passes."""

from math import erf

import numpy as np
import pytest
import torch

from maze_interp import optimisation
from maze_interp.models import Site, fused, reruns
from maze_interp.optimisation import responses, reverse
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
    return responses.respond(fused.weights(model), kept, begin, changes, ask, layer=layer)


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
    """80 sketches of 8 directions: the mean within 5 standard errors of what is exact; one is off as stated."""
    model, _, kept = known

    def some(found) -> np.ndarray:
        return np.stack([found.responding, found.held["z"][1, 5, 1], found.crossed["mlp_out"][0, 5, 0]])[:, 0, 0]

    draws = []
    for seed in range(80):
        changes = responses.sketch(range(AT + 1), 0, LENGTH, kept.stream[0], count=8, seed=seed)
        draws.append(some(responses.respond(fused.weights(model), kept, 0, changes, ask)))
    expected, spread = some(found_of(known, range(AT + 1), 0)), np.std(draws, axis=0)
    assert (np.abs(np.mean(draws, axis=0) - expected) < 5 * spread / 80**0.5).all()
    np.testing.assert_allclose(spread[:2] / expected[:2], (2 / 8) ** 0.5, rtol=0.3)


def test_what_does_not_lie_upstream_is_refused(known):
    model, _, kept = known
    w, changes = fused.weights(model), responses.basis([8], 8, LENGTH, kept.stream[0])
    with pytest.raises(ValueError, match="from position 8 on does not reach the decision at 7"):
        responses.respond(w, kept, 8, changes, ask)
    with pytest.raises(ValueError, match="a future of 2 numbers cannot follow from 1 directions"):
        responses.respond(w, kept, 8 - 2, changes[:1, :1].expand(1, 3, -1), ask)


def test_held_at_several_positions_together(known):
    """What passes through a place is what passes through its positions: nothing in one layer feeds its own kind."""
    model, _, kept = known
    changes = responses.basis([2, 3], 2, LENGTH, kept.stream[0])
    places = np.zeros((2, LENGTH), bool)
    places[0, [3, 5, AT]], places[1, [4, 6]] = True, True
    found = responses.respond(fused.weights(model), kept, 2, changes, ask, places=places)
    named = [
        (Site(*site), np.flatnonzero(place).tolist()) for site in SITES for place in places if site[1] == 0 or place[AT]
    ]
    exact = reverse.products(fused.weights(model), kept, [2, 3], ask, named)
    for index, (site, positions) in enumerate(named):
        where = (site.layer, 0 if AT in positions else 1, site.head or 0)
        np.testing.assert_allclose(found.held[site.kind][where], exact.held[index], rtol=1e-8, atol=1e-12)
        np.testing.assert_allclose(found.crossed[site.kind][where], exact.crossed[index], rtol=1e-8, atol=1e-12)


SITES = [("z", 0, 1), ("attn_out", 1), ("resid_mid", 0), ("mlp_out", 0), ("mlp_out", 1), ("resid_post", 0)]


def test_named_activations_from_a_whole_prompt_are_what_a_basis_gives(known):
    model, _, kept = known
    prompt = range(AT + 1)
    found = found_of(known, prompt, 0)
    named = [(Site("z", 1, head=0), [AT]), (Site("mlp_out", 0), [3]), (Site("resid_pre", 1), [5])]
    exact = optimisation.products(fused.weights(model), kept, prompt, ask, named)
    np.testing.assert_allclose(exact.responding, found.responding, rtol=1e-9)
    op, imp = exact.differential()
    for index, (site, (position,)) in enumerate(named):
        expected = [one[site.layer, position, site.head or 0] for one in found.differential(site.kind)]
        np.testing.assert_allclose([op[index], imp[index]], expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(
    ("site", "position", "why"),
    [
        (Site("mlp_out", 0), 2, "the past begins at position 3"),
        (Site("mlp_out", 0), 8, "the future is asked at position 7"),
        (Site("mlp_out", 1), 5, "of what the last layer writes the future reads position 7 alone"),
        (Site("resid_pre", 0), 4, "no change of the past has reached another position"),
    ],
)
def test_what_is_not_between_past_and_future_is_refused(known, site, position, why):
    """And rightly: there holding it changes nothing."""
    model, _, kept = known
    with pytest.raises(ValueError, match=f"is not between the past and the future: {why}"):
        optimisation.products(fused.weights(model), kept, [3], ask, [(site, [position])])
    found = found_of(known, [3], 0)
    if position <= AT:
        where = (site.layer, position, 0)
        np.testing.assert_allclose(found.held[site.kind][where], found.responding, rtol=1e-9)


def test_a_past_of_a_later_layer_refuses_what_lies_before(known):
    model, _, kept = known
    with pytest.raises(ValueError, match="it lies before layer 1"):
        optimisation.products(fused.weights(model), kept, [3], ask, [(Site("mlp_out", 0), [5])], layer=1)
    exact = optimisation.products(fused.weights(model), kept, [5], ask, [(Site("z", 1, head=1), [AT])], layer=1)
    np.testing.assert_allclose(exact.held[0], found_of(known, [5], 5, layer=1).held["z"][0, 2, 1], rtol=1e-8)


def test_a_covariance_of_the_past_is_a_root_of_it_as_directions(known):
    model, ids, kept = known
    root = torch.randn(40, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    changes = responses.basis([3, 4], 3, LENGTH, kept.stream[0], root=root)
    found = responses.respond(fused.weights(model), kept, 3, changes, ask)
    covariance = np.kron(np.eye(2), (root.T @ root).numpy())
    j, held = jacobian(model, ids, [3, 4]), jacobian(model, ids, [3, 4], frozen=Site("mlp_out", 0), position=4)
    expected = optimisation.differential(j, held, covariance=covariance)
    got = [one[0, 1, 0] for one in found.differential("mlp_out")]
    np.testing.assert_allclose(got, expected, rtol=1e-6)


def test_an_mlp_with_known_weights():
    """One layer whose heads write nothing: J' is what the final layer norm lets by, J has the MLP's slope besides."""
    model = tiny.model(5, layers=1).double()
    model.cfg.dtype = torch.float64
    with torch.no_grad():
        model.blocks[0].attn.W_O.zero_()
        w = fused.weights(model)
        kept = reruns.record(w, torch.tensor([[4, 5, 6]]), torch.tensor([2]))
    found = responses.respond(w, kept, 2, responses.basis([2], 2, 3, kept.stream[0]), lambda logits: logits[:2])
    one = w.layers[0]
    x, after = (kept.stream[depth][0, 2].numpy() for depth in (1, 2))
    (scale, shift), (into, bias), out = (
        [part.detach().numpy() for part in parts] for parts in (one.ln2, one.mlp_in, one.mlp_out[:1])
    )
    flat = x - x.mean()
    inner = (flat / (flat.var() + fused.LN_EPS) ** 0.5 * scale + shift) @ into + bias
    cdf = np.array([0.5 * (1 + erf(value / 2**0.5)) for value in inner])
    slope = cdf + inner * np.exp(-(inner**2) / 2) / (2 * np.pi) ** 0.5
    mlp = out[0].T @ np.diag(slope) @ into.T @ norm_slope(x, scale)
    reads = w.unembed[0].detach().numpy()[:, :2].T @ norm_slope(after, w.ln_final[0].detach().numpy())
    expected = optimisation.differential(reads @ (np.eye(32) + mlp), reads)
    np.testing.assert_allclose([each[0, 0, 0] for each in found.differential("mlp_out")], expected, rtol=1e-7)


def norm_slope(x: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """The Jacobian of a layer norm, written out."""
    size, flat = len(x), x - x.mean()
    length = (flat.var() + fused.LN_EPS) ** 0.5
    return np.diag(scale) @ (np.eye(size) - 1 / size - np.outer(flat, flat) / (size * length**2)) / length


def test_futures_have_the_dimensions_they_promise():
    logits, ways = torch.arange(20.0), optimisation.futures.Open(13, (11, 17))
    found = {name: optimisation.future(name, ways)(logits).tolist() for name in ("legal", "verdict")}
    assert found == {"legal": [2.0, -4.0], "verdict": [-1.0]}
    assert optimisation.future("projection", ways)(logits).shape == (3,)
    assert set(optimisation.FUTURES) == {"legal", "verdict", "projection"}
    with pytest.raises(ValueError, match="future"):
        optimisation.future("verdicts", ways)
    with pytest.raises(ValueError, match="no other to be told from"):
        optimisation.future("legal", optimisation.futures.Open(3, ()))


def test_a_future_with_more_dimensions_than_the_past_is_refused(known):
    model, _, kept = known
    changes = responses.basis([3], 3, LENGTH, kept.stream[0])[:24]
    with pytest.raises(ValueError, match="a future of 27 numbers cannot follow from 24 directions"):
        responses.respond(fused.weights(model), kept, 3, changes, lambda logits: logits[:27])
