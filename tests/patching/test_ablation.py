"""An ablation is the edit it says, made by a hook; what the answer rests on is lost and nothing else is missed."""

import numpy as np
import pytest
import torch

from maze_interp import mazes, patching
from maze_interp.mazes import World
from maze_interp.models import access
from maze_interp.patching import ABLATIONS, MEANINGS
from maze_interp.patching.ablation import ABLATED
from tests import handset, tiny

every_way = pytest.mark.parametrize("how", ABLATIONS)
HERE = MEANINGS.index("here")
TURNED = ("q", "k", "v", "resid_mid")  # kinds asked where positions are rotary; the others where they are learned


@pytest.fixture(scope="module")
def two_models():
    return {positions: _with_pairs(positions) for positions in ("learned", "rotary")}


@pytest.fixture(params=["learned", "rotary"])
def asked(request, two_models):
    return two_models[request.param]


def _with_pairs(positions: str):
    """A model and two pairs of two mazes, so that each has one other to ask."""
    model = tiny.model(1, layers=2, positions=positions)
    batch = mazes.draw(World("wilson", 3, 3), 40, seed=3)
    pairs = patching.FAMILIES["moved_passage"](
        batch, mazes.decisions(batch, mazes.solve(batch)), model.maze_tokenizer, seed=0
    )
    second = int((pairs.decision != pairs.decision[0]).argmax())
    return model, pairs[np.array([0, second])]


def expected(how: str, pairs, value: torch.Tensor, pair: int) -> torch.Tensor:
    """What a site's values [pair, position, ...] become in one pair, position by position."""
    other, new = 1 - pair, value[pair].clone()
    length = int(pairs.decision[other]) + 1
    seen: dict[int, int] = {}
    for position in range(int(pairs.decision[pair]) + 1):
        meaning = int(pairs.meaning[pair, position])
        alike = [k for k in range(length) if pairs.meaning[other, k] == meaning]
        rank = seen[meaning] = seen.get(meaning, -1) + 1
        if how == "zero":
            new[position] = 0.0
        elif alike and how == "mean":
            new[position] = value[other, alike].mean(dim=0)
        elif alike:
            new[position] = value[other, alike[rank % len(alike)]]
    return new


@pytest.mark.parametrize("kind", ABLATED)
@every_way
def test_an_ablation_is_that_edit(two_models, kind, how):
    model, pairs = two_models["rotary" if kind in TURNED else "learned"]
    places = patching.by_meaning(pairs)[[0, 9, 14, HERE]]
    found = patching.ablate(model, pairs, kind, how, places, layers=[1])
    ids = torch.from_numpy(pairs.clean.ids[:, : places.shape[2]]).long()
    for index, site in enumerate(found.sites):
        value = access.run(model, ids, read=[site]).values[site].detach()
        made = torch.stack([expected(how, pairs, value, pair) for pair in range(2)])
        for place, mask in enumerate(torch.from_numpy(places)):
            edit = lambda old, made=made, mask=mask: torch.where(mask[..., None], made, old)  # noqa: E731
            logits = access.run(model, ids, edits={site: edit}).logits[torch.arange(2), pairs.decision].detach().numpy()
            difference = logits[[0, 1], pairs.right] - logits[[0, 1], pairs.wrong]
            np.testing.assert_allclose(found.values["logit_difference"][index, place], difference, atol=1e-4)


@pytest.fixture(scope="module")
def known():
    return handset.copier(), handset.goals_beside_forks()


@every_way
def test_without_the_head_that_copies_the_answer_is_lost_and_of_no_other_head(known, how):
    model, pairs = known
    found = patching.ablate(model, pairs, "z", how, patching.by_meaning(pairs))
    change = abs(found.values["logit_difference"] - found.begin["logit_difference"]).mean(axis=-1)
    lost = np.zeros(change.shape, bool)
    lost[handset.COPIES, HERE] = True
    assert (change[~lost] < 1e-4).all()
    assert change[lost].min() > 0.3 * found.begin["logit_difference"].mean()


def test_of_nothing_nothing_is_left_and_one_other_maze_says_what_it_says(known):
    """Without the copy the two steps are alike; with the goal of a maze whose goal is neither of them, they are too."""
    model, pairs = known
    zero = patching.ablate(model, pairs, "v", "zero", patching.by_meaning(pairs))
    at = MEANINGS.index("goal")
    np.testing.assert_allclose(zero.values["logit_difference"][handset.COPIES, at], 0.0, atol=1e-4)
    resampled = patching.ablate(model, pairs, "v", "resample", patching.by_meaning(pairs), seed=1)
    share = resampled.values["logit_difference"][handset.COPIES, at] / resampled.begin["logit_difference"]
    assert (np.abs(share[:, None] - [-1.0, 0.0, 1.0]).min(axis=1) < 1e-3).all()
    again = patching.ablate(model, pairs, "v", "resample", patching.by_meaning(pairs), seed=1, batch=5, memory=0.01)
    np.testing.assert_allclose(again.values["logit_difference"], resampled.values["logit_difference"], atol=1e-5)


@pytest.mark.parametrize("how", ["mean", "resample"])
def test_where_other_mazes_say_the_same_nothing_changes(asked, how):
    """The same pair twice, said to be of two mazes: only one position means "here", and all are alike in order."""
    model, pairs = asked
    twice = pairs[np.array([0, 0])]
    twice = patching.PromptPairs(**{**vars(twice), "maze": np.array([0, 1])})
    places = patching.by_meaning(twice)[[HERE]] if how == "mean" else patching.everywhere(twice)
    found = patching.ablate(model, twice, "z", how, places)
    assert abs(found.values["logit_difference"] - found.begin["logit_difference"]).max() < 1e-4


def test_bad_input_is_refused(two_models):
    model, pairs = two_models["learned"]
    places = patching.by_meaning(pairs)
    with pytest.raises(ValueError, match="did you mean 'resample'"):
        patching.ablate(model, pairs, "z", "resmple", places)
    with pytest.raises(ValueError, match="unknown kind of site"):
        patching.ablate(model, pairs, "pattern", "zero", places)
    with pytest.raises(ValueError, match="all 1 pairs are of one"):
        patching.ablate(model, pairs[:1], "z", "mean", patching.by_meaning(pairs[:1]))
