"""A patched prompt is written on as a hook that holds the patch has it, and everything patched is the other run."""

import importlib

import numpy as np
import pytest
import torch

from maze_interp import mazes, patching
from maze_interp.mazes import World
from maze_interp.models import access
from maze_interp.patching.changes import CHANGES
from tests import tiny

rollouts = importlib.import_module("maze_interp.patching.rollouts")  # the room's `rollouts` is its function


@pytest.fixture(scope="module", params=["learned", "rotary"])
def talks(request):
    model = tiny.talkative(1, layers=2, positions=request.param)
    batch = mazes.draw(World("wilson", 3, 3), 12, seed=3)
    pairs = patching.FAMILIES["moved_passage"](
        batch, mazes.decisions(batch, mazes.solve(batch)), model.maze_tokenizer, seed=0
    )
    return model, pairs[:4]


@pytest.mark.parametrize("kind", CHANGES)
def test_what_is_written_is_what_a_held_patch_writes(talks, kind, monkeypatch):
    model, pairs = talks
    written = []
    took = rollouts._took
    monkeypatch.setattr(rollouts, "_took", lambda ids, ways: written.append(ids) or took(ids, ways))
    places = patching.everywhere(pairs)[[12, 35]]
    pairs = pairs[pairs.decision == pairs.decision[0]][:2]
    places = places[:, : len(pairs), : int(pairs.decision[0]) + 1]
    places[:, :, -1] |= kind == "z"
    found = patching.rollouts(
        model, pairs, kind, places, layers=[1], heads=[1] if kind in "zqkv" or kind == "pattern" else None
    )
    (site,), length = found.sites, places.shape[2]
    clean, corrupted = (torch.from_numpy(one.ids[:, :length]).long() for one in (pairs.clean, pairs.corrupted))
    other = access.run(model, clean, read=[site]).values[site]
    for place, mask in enumerate(torch.from_numpy(places)):
        ours = written[2:][place]

        def hold(value, mask=mask):
            mask = mask.view(*mask.shape, *[1] * (value.ndim - 2))
            if value.shape[-1] == value.shape[-2] and kind == "pattern":
                new = value[:, :length, :length].clone()
                put = torch.where(mask, other, new)
                value = value.clone()
                value[:, :length, :length] = put
                return value
            return torch.cat([torch.where(mask, other, value[:, :length]), value[:, length:]], dim=1)

        ids = corrupted
        for _ in range(min(4, ours.shape[1])):
            logits = access.run(model, ids, edits={site: hold}).logits[:, -1]
            ids = torch.cat([ids, logits.argmax(dim=-1)[:, None]], dim=1)
        assert (ours[:, : ids.shape[1] - length] == ids[:, length:].numpy()).all()


@pytest.mark.parametrize("direction", ["denoise", "noise"])
def test_everything_patched_is_the_other_run_and_clean_into_clean_is_nothing(trained, direction):
    model = trained.model()
    batch = mazes.draw(World("wilson", 3, 3), 120, seed=5)
    pairs = patching.FAMILIES["moved_passage"](
        batch, mazes.decisions(batch, mazes.solve(batch)), model.maze_tokenizer, seed=0
    )
    everything = np.ones_like(patching.everywhere(pairs)[:1])
    found = patching.rollouts(model, pairs, "resid_pre", everything, layers=[0], direction=direction)
    assert (found.took == found.end).all()
    flips = patching.flips(found)
    asked = ~np.isnan(flips[0, 0])
    assert asked.sum() >= 3
    assert (flips[..., asked] == 1).all()
    same = patching.PromptPairs(**{**vars(pairs), "corrupted": pairs.clean})
    still = patching.rollouts(model, same, "resid_pre", everything, layers=[0], direction=direction)
    assert (still.took == still.begin).all()
    nothing = patching.rollouts(model, pairs, "resid_pre", ~everything, layers=[0], direction=direction)
    assert (nothing.took == nothing.begin).all()
    assert (patching.flips(nothing)[..., asked] == 0).all()


def test_who_goes_whose_way():
    ways = np.array([[[3, 7, -1], [3, 4, 7]], [[5, 4, 7], [5, 7, -1]]])
    written = np.array([[3, 7, 9], [3, 4, 4]])
    assert rollouts._took(written, ways).tolist() == [rollouts.CLEAN, rollouts.NEITHER]
    assert rollouts._took(np.array([[5, 4, 7], [5, 7, 0]]), ways).tolist() == [rollouts.CORRUPTED] * 2


def test_a_path_that_cannot_turn_is_refused(talks):
    model, _ = talks
    batch = mazes.draw(World("wilson", 3, 3), 12, seed=3)
    pairs = patching.FAMILIES["noise"](batch, mazes.decisions(batch, mazes.solve(batch)), model.maze_tokenizer, seed=0)
    with pytest.raises(ValueError, match="no path can turn"):
        patching.rollouts(model, pairs, "z", patching.by_meaning(pairs))
