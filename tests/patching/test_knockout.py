"""A cut edge is a masked score; where the answer travels along one edge, it ends with that edge and with no other."""

import numpy as np
import pytest
import torch

from maze_interp import mazes, patching
from maze_interp.mazes import World
from maze_interp.models import Site, access
from maze_interp.patching import MEANINGS
from tests import handset, tiny

HERE, GOAL, END = (MEANINGS.index(name) for name in ("here", "goal", "<TARGET_END>"))


@pytest.mark.parametrize("positions", ["learned", "rotary"])
@pytest.mark.parametrize("head", [1, None])
def test_a_cut_is_a_score_of_minus_infinity(positions, head):
    model = tiny.model(1, layers=2, positions=positions)
    batch = mazes.draw(World("wilson", 3, 3), 20, seed=3)
    pairs = patching.FAMILIES["moved_goal"](
        batch, mazes.decisions(batch, mazes.solve(batch)), model.maze_tokenizer, seed=0
    )[:6]
    places = patching.by_meaning(pairs)
    everyone = np.broadcast_to(places.any(axis=0), places.shape)
    looking, seen = (
        np.concatenate([everyone[:3], places[[HERE]]]),
        np.concatenate([places[[GOAL, 8, HERE]], everyone[:1]]),
    )
    found = patching.knockout(model, pairs, looking, seen, heads=[head], memory=0.2)
    ids, row = torch.from_numpy(pairs.clean.ids[:, : places.shape[2]]).long(), torch.arange(len(pairs))
    for layer in range(2):
        for cut in range(len(looking)):
            hidden = torch.from_numpy(looking[cut][:, :, None] & seen[cut][:, None, :])
            hide = lambda scores, hidden=hidden: scores.masked_fill(  # noqa: E731
                hidden if head is not None else hidden[:, None], -torch.inf
            )
            edits = {Site("scores", layer, head): hide}
            logits = access.run(model, ids, edits=edits).logits[row, pairs.decision].detach().numpy()
            difference = logits[row, pairs.right] - logits[row, pairs.wrong]
            np.testing.assert_allclose(found.values["logit_difference"][layer, cut], difference, atol=1e-4)


def test_the_edge_that_the_answer_travels_is_the_one_that_is_missed():
    """In the relay <TARGET_END> looks at the goal, and then the fork at <TARGET_END>: every pair of meanings is cut."""
    model, pairs = handset.relay(), handset.goals_beside_forks(6)
    places = patching.by_meaning(pairs)
    looks, sees = (grid.ravel() for grid in np.indices((len(MEANINGS), len(MEANINGS))))
    found = patching.knockout(model, pairs, places[looks], places[sees])
    change = abs(found.values["logit_difference"] - found.begin["logit_difference"]).max(axis=-1)
    missed = {
        (int(site), MEANINGS[looks[cut]], MEANINGS[sees[cut]]) for site, cut in np.argwhere(change > 0.2)
    }  # of 17 nats
    assert missed == {(0, "<TARGET_END>", "goal"), (4, "here", "<TARGET_END>")}
    zero = patching.ablate(model, pairs, "z", "zero", places[[END]], layers=[0], heads=[0])
    cut = (looks == END) & (sees == GOAL)
    np.testing.assert_allclose(  # what it looks at next says nothing
        found.values["logit_difference"][0, cut], zero.values["logit_difference"][0], atol=1e-4
    )
    assert (found.idle > 0).all()


def test_bad_input_is_refused():
    model, pairs = handset.copier(), handset.goals_beside_forks(4)
    places = patching.by_meaning(pairs)
    with pytest.raises(ValueError, match="not 2 and 3"):
        patching.knockout(model, pairs, places[:2], places[:3])
    with pytest.raises(ValueError, match=r"heads 0\.\.2"):
        patching.knockout(model, pairs, places[:2], places[:2], heads=[3])
