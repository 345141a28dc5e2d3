"""A sweep gives what hooks give one patch at a time, transformer_lens's own sweeps among them."""

import numpy as np
import pytest
import torch
from transformer_lens import patching as reference

from maze_interp import mazes, patching
from maze_interp.mazes import World
from maze_interp.models import Site, access
from maze_interp.patching.changes import CHANGES
from tests import tiny

LAYERS = 3
THEIRS = {
    "resid_pre": reference.get_act_patch_resid_pre,
    "attn_out": reference.get_act_patch_attn_out,
    "mlp_out": reference.get_act_patch_mlp_out,
    "z": reference.get_act_patch_attn_head_out_by_pos,
    "q": reference.get_act_patch_attn_head_q_by_pos,
    "k": reference.get_act_patch_attn_head_k_by_pos,
    "v": reference.get_act_patch_attn_head_v_by_pos,
}
every_kind = pytest.mark.parametrize("kind", CHANGES)


@pytest.fixture(scope="module", params=["learned", "rotary"])
def model(request):
    return tiny.model(1, layers=LAYERS, positions=request.param)


@pytest.fixture(scope="module")
def pairs(model):
    batch = mazes.draw(World("wilson", 3, 3), 60, seed=3)
    forks = mazes.decisions(batch, mazes.solve(batch))
    found = patching.FAMILIES["moved_passage"](batch, forks, model.maze_tokenizer, seed=0)
    _, one_each = np.unique(found.decision, return_index=True)
    chosen = found[np.append(one_each[::-1], np.arange(5))[:5]]
    assert len(np.unique(chosen.decision)) >= 2  # ragged, and not sorted as sweeps sort them
    return chosen


def runs(pairs):
    length = int(pairs.decision.max()) + 1
    return [torch.from_numpy(one.ids[:, :length]).long() for one in (pairs.clean, pairs.corrupted)]


def difference(logits, pairs):
    rows, at = torch.arange(len(pairs)), torch.from_numpy(pairs.decision)
    right, wrong = torch.from_numpy(pairs.right), torch.from_numpy(pairs.wrong)
    return (logits[rows, at, right] - logits[rows, at, wrong]).detach().numpy()


@every_kind
@pytest.mark.parametrize("direction", ["denoise", "noise"])
def test_each_patch_is_that_edit(model, pairs, kind, direction):
    places = patching.everywhere(pairs)[::23]
    found = patching.sweep(model, pairs, kind, places, layers=[0, 2], direction=direction)
    clean, corrupted = runs(pairs)
    into, out_of = (corrupted, clean) if direction == "denoise" else (clean, corrupted)
    for index, site in enumerate(found.sites):
        other = access.run(model, out_of, read=[site]).values[site]
        for place, mask in enumerate(torch.from_numpy(places)):

            def put(value, other=other, mask=mask):
                return torch.where(mask.view(*mask.shape, *[1] * (value.ndim - 2)), other, value)

            whole = difference(access.run(model, into, edits={site: put}).logits, pairs)
            np.testing.assert_allclose(found.values["logit_difference"][index, place], whole, atol=1e-4)


@pytest.mark.parametrize(
    "kind", [kind if kind in ("resid_pre", "z") else pytest.param(kind, marks=pytest.mark.long) for kind in THEIRS]
)
def test_transformer_lens_finds_the_same(model, pairs, kind):
    """On a pair of one length, whose sum over pairs is their metric; theirs is indexed [layer, position, head]."""
    same = pairs[pairs.decision == pairs.decision[0]]
    places = patching.everywhere(same)
    found = patching.sweep(model, same, kind, places)
    clean, corrupted = runs(same)
    with torch.no_grad():
        _, cache = model.run_with_cache(clean)
        theirs = THEIRS[kind](model, corrupted, cache, lambda logits: torch.tensor(difference(logits, same).sum()))
    ours = found.values["logit_difference"].sum(axis=-1)
    heads = theirs.shape[2] if theirs.ndim == 3 else 1
    theirs = theirs.reshape(LAYERS, places.shape[0], heads).permute(0, 2, 1).reshape(ours.shape)
    np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-4)


@every_kind
def test_clean_into_clean_changes_nothing_and_is_counted(model, pairs, kind):
    same = patching.PromptPairs(**{**vars(pairs), "corrupted": pairs.clean})
    found = patching.sweep(model, same, kind, patching.by_meaning(same))
    assert (found.idle == len(patching.MEANINGS) * len(same)).all()
    assert (found.values["logit_difference"] == found.begin["logit_difference"]).all()


@pytest.mark.parametrize("kind", ["resid_pre", "resid_mid", "resid_post"])
@pytest.mark.parametrize("direction", ["denoise", "noise"])
def test_patching_everything_gives_the_other_run(model, pairs, kind, direction):
    everything = np.ones_like(patching.everywhere(pairs)[:1])
    found = patching.sweep(model, pairs, kind, everything, direction=direction, effects=list(patching.EFFECTS))
    for name, values in found.values.items():
        np.testing.assert_allclose(values[:, 0], np.broadcast_to(found.end[name], values[:, 0].shape), atol=1e-4)


@every_kind
def test_batches_memory_and_threads_do_not_matter(model, pairs, kind):
    places = patching.by_meaning(pairs)
    once = patching.sweep(model, pairs, kind, places, threads=1)
    parts = patching.sweep(model, pairs, kind, places, batch=2, memory=0.01, threads=2)
    np.testing.assert_allclose(once.values["logit_difference"], parts.values["logit_difference"], atol=1e-4)


@pytest.mark.parametrize("batch", [1, 3, 8])
def test_nothing_that_a_patch_cannot_reach_is_run_again(model, pairs, batch):
    """Before the first token that differs, both runs are the same; in the first layer only what differs can matter."""
    places = patching.everywhere(pairs)
    found = patching.sweep(model, pairs, "resid_pre", places, layers=[0, 1], batch=batch)
    within = np.arange(places.shape[-1]) <= pairs.decision[:, None]
    differs = (pairs.clean.ids != pairs.corrupted.ids)[:, : places.shape[-1]] & within
    assert found.idle[0] == places.shape[0] * len(pairs) - differs.sum()
    after = (differs.cumsum(axis=1) > 0) & within
    assert found.idle[1] == places.shape[0] * len(pairs) - after.sum()
    assert (found.values["logit_difference"][:, 0] == found.begin["logit_difference"]).all()  # <ADJLIST_START>


def test_bad_input_is_refused(model, pairs):
    places = patching.everywhere(pairs)
    with pytest.raises(ValueError, match="did you mean 'resid_pre'"):
        patching.sweep(model, pairs, "resid_prr", places)
    with pytest.raises(ValueError, match="unknown effect"):
        patching.sweep(model, pairs, "z", places, effects=["logit"])
    with pytest.raises(ValueError, match="unknown direction"):
        patching.sweep(model, pairs, "z", places, direction="both")
    with pytest.raises(ValueError, match=r"has layers 0\.\.2"):
        patching.sweep(model, pairs, "z", places, layers=[3])
    with pytest.raises(ValueError, match="no heads"):
        patching.sweep(model, pairs, "resid_pre", places, heads=[0])
    with pytest.raises(ValueError, match="positions"):
        patching.sweep(model, pairs, "z", places[..., :-1])
    assert Site("z", 0, 0) in patching.sweep(model, pairs, "z", places[:1], layers=[0]).sites
