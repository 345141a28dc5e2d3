"""Reading sees what transformer_lens caches; an edit changes what it says it changes, and nothing else before it."""

import pytest
import torch

from maze_interp.models import Site, access, sites
from tests import tiny

MODEL = tiny.model(layers=3)
TOKENS = tiny.asked(MODEL, 4, 1, seed=0)
IDS, OTHER = torch.from_numpy(TOKENS.ids[:2]).long(), torch.from_numpy(TOKENS.ids[2:]).long()
PER_HEAD = list(sites.PER_HEAD)


def nothing(value):
    return value


def read(site, ids=IDS, **edits):
    return access.run(MODEL, ids, read=[site], **edits).values[site]


@pytest.fixture(autouse=True)
def no_gradients():
    with torch.inference_mode():
        yield


@pytest.mark.parametrize("positions", ["learned", "rotary"])
def test_what_is_read_is_what_transformer_lens_caches(positions):
    model = tiny.model(positions=positions)
    logits, cache = model.run_with_cache(IDS)
    every = [Site(kind, layer) for kind in sites.KINDS for layer in range(2) if kind != "embed" or layer == 0]
    heads = [Site(kind, layer, head) for kind in PER_HEAD for layer in range(2) for head in range(2)]
    reading = access.run(model, IDS, read=every + heads)
    assert torch.equal(reading.logits, logits)
    for site in every:
        assert torch.equal(reading.values[site], cache[site.hook_name])
    for site in heads:
        whole = cache[site.hook_name]
        one = whole[:, site.head] if site.kind in ("pattern", "scores") else whole[:, :, site.head]
        assert torch.equal(reading.values[site], one)
    assert len(reading.values) == len(every) + len(heads)


@pytest.mark.parametrize("kind", PER_HEAD)
def test_an_edit_of_a_head_changes_that_head_alone(kind):
    reading = access.run(MODEL, IDS, edits={Site(kind, 1, head=0): lambda x: x * 0.5}, read=[Site(kind, 1)])
    before, after, axis = read(Site(kind, 1)), reading.values[Site(kind, 1)], Site(kind, 1).head_axis
    assert torch.equal(after.select(axis, 0), before.select(axis, 0) * 0.5)
    assert torch.equal(after.select(axis, 1), before.select(axis, 1))
    assert not torch.allclose(reading.logits, MODEL(IDS))
    assert reading.unchanged == 0


def test_without_its_heads_attention_writes_its_bias():
    bias = MODEL.blocks[1].attn.b_O
    silent = access.run(MODEL, IDS, edits={Site("z", 1): torch.zeros_like}, read=[Site("attn_out", 1)])
    assert torch.equal(silent.values[Site("attn_out", 1)], bias.expand(*IDS.shape, -1))
    by_head = access.run(MODEL, IDS, edits={Site("z", 1, head): torch.zeros_like for head in range(2)})
    by_bias = access.run(MODEL, IDS, edits={Site("attn_out", 1): lambda x: bias.expand_as(x)})
    assert torch.equal(silent.logits, by_head.logits)
    assert torch.equal(silent.logits, by_bias.logits)


def test_attention_is_the_sum_of_its_heads():
    z, weights = read(Site("z", 1)), MODEL.blocks[1].attn
    written = sum(z[:, :, head] @ weights.W_O[head] for head in range(2)) + weights.b_O
    assert torch.allclose(written, read(Site("attn_out", 1)), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "site", [Site("resid_post", 2), Site("resid_pre", 2), Site("resid_post", 0), Site("embed")], ids=str
)
def test_the_whole_stream_of_another_run_makes_it_that_run(site):
    theirs = read(site, OTHER)
    patched = access.run(MODEL, IDS, edits={site: lambda _: theirs})
    assert torch.equal(patched.logits, MODEL(OTHER))
    assert not torch.equal(patched.logits, MODEL(IDS))


def test_a_patch_at_one_position_does_not_reach_the_past():
    theirs = read(Site("resid_mid", 1), OTHER)

    def patch(value):
        return torch.cat([value[:, :7], theirs[:, 7:8], value[:, 8:]], dim=1)

    patched, plain = access.run(MODEL, IDS, edits={Site("resid_mid", 1): patch}).logits, MODEL(IDS)
    assert torch.equal(patched[:, :7], plain[:, :7])
    for moved in (patched[:, 7] - plain[:, 7], patched[:, 8:] - plain[:, 8:]):
        assert moved.abs().max() > 0.01


def test_reads_see_edits_and_edits_build_on_one_another():
    site = Site("resid_pre", 1)
    assert torch.equal(read(site, edits={site: lambda x: x + 1}), read(site) + 1)
    both = {Site("pattern", 1): lambda x: x * 2, Site("pattern", 1, head=1): lambda x: x + 3}
    assert torch.equal(read(Site("pattern", 1), edits=both)[:, 0], read(Site("pattern", 1))[:, 0] * 2)
    assert torch.equal(read(Site("pattern", 1), edits=both)[:, 1], read(Site("pattern", 1))[:, 1] * 2 + 3)


def test_an_edit_that_changes_nothing_is_counted_and_changes_nothing():
    edits = {Site("z", 0, head=1): nothing, Site("resid_mid", 1): torch.clone, Site("mlp_out", 0): lambda x: x + 1}
    assert access.run(MODEL, IDS, edits=edits).unchanged == 2
    still = access.run(MODEL, IDS, edits={Site(kind, 1): nothing for kind in sites.KINDS if kind != "embed"})
    assert still.unchanged == len(sites.KINDS) - 1
    assert torch.equal(still.logits, MODEL(IDS))


@pytest.mark.parametrize("site", [Site("resid_pre", 1), Site("z", 1, head=1)], ids=str)
def test_an_edit_may_write_into_its_argument(site):
    in_place = access.run(MODEL, IDS, edits={site: lambda x: x.zero_()})
    assert in_place.unchanged == 0
    assert torch.equal(in_place.logits, access.run(MODEL, IDS, edits={site: torch.zeros_like}).logits)


def test_the_model_is_as_before_even_after_a_failure():
    def fail(_):
        raise ZeroDivisionError

    before = MODEL(IDS)
    access.run(MODEL, IDS, edits={Site("resid_pre", 1): torch.zeros_like})
    with pytest.raises(ZeroDivisionError):
        access.run(MODEL, IDS, edits={Site("resid_pre", 1): fail})
    assert torch.equal(MODEL(IDS), before)


def test_gradients_reach_what_was_read():
    with torch.inference_mode(False), torch.enable_grad():
        ids = torch.from_numpy(TOKENS.ids[:2]).long()
        site = Site("resid_mid", 1)
        reading = access.run(MODEL, ids, read=[site])
        (gradient,) = torch.autograd.grad(reading.logits[:, -1].sum(), reading.values[site])
        nudge = torch.randn(gradient.shape, generator=torch.Generator().manual_seed(0)) * 1e-3
        moved = access.run(MODEL, ids, edits={site: lambda x: x + nudge}).logits[:, -1].sum()
        assert torch.isclose(moved - reading.logits[:, -1].sum(), (gradient * nudge).sum(), rtol=0.05)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Site("resid"), "unknown kind of site 'resid'; did you mean 'resid_"),
        (lambda: Site("mlp_out", 0, head=1), "mlp_out has no heads; kinds that do: q, k, v, z"),
        (lambda: read(Site("z", 3)), r"layer=3.*does not exist: the model has layers 0\.\.2"),
        (lambda: read(Site("z", -1)), r"layer=-1.*does not exist: the model has layers 0\.\.2"),
        (lambda: read(Site("z", 0, head=2)), r"head=2.*does not exist: the model has heads 0\.\.1"),
        (lambda: access.run(MODEL, IDS, edits={Site("z", 0, head=-1): nothing}), r"head=-1.*does not exist"),
        (
            lambda: access.run(MODEL, IDS, edits={Site("z", 0, head=1): lambda x: x[:1]}),
            r"head=1\) returned shape \(1, \d+, 16\) for \(2, \d+, 16\)",
        ),
        (
            lambda: access.run(MODEL, IDS, edits={Site("resid_pre", 0): lambda x: x[:, 0]}),
            r"the edit at .*resid_pre.* returned shape \(2, 32\) for \(2, \d+, 32\)",
        ),
    ],
)
def test_what_cannot_be_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("how", [{"edits": {Site("z", 0): nothing}}, {"read": [Site("z", 0)]}], ids=["edit", "read"])
def test_a_site_that_is_never_computed_is_an_error(monkeypatch, how):
    monkeypatch.setitem(sites.KINDS, "z", "blocks.{layer}.attn.hook_result")  # which this model leaves out
    with pytest.raises(ValueError, match=r"kind='z'.* never fired: this model does not compute blocks\.0\.attn"):
        access.run(MODEL, IDS, **how)
