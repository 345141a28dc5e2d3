"""A model whose answer is copied from one position by one head: patching finds that position, that head, nothing else.

One layer, three heads, trees of 3 x 3. Head 1 looks at the goal's token wherever it stands and writes what it says into
the stream, from which it is read off as the next step; the others look somewhere and write nothing.
"""

import numpy as np
import pytest
import torch

from maze_interp import mazes, models, patching
from maze_interp.experiments import trace_decision
from maze_interp.experiments.trace_decision import Settings
from maze_interp.mazes import World
from maze_interp.models import ModelConfig
from maze_interp.patching import MEANINGS

COPIES, GOAL_AT = 1, 1 + 4 * 8 + 5  # of a tree with 8 edges


def copier() -> models.HookedTransformer:
    config = ModelConfig(layers=1, d_model=288, heads=3, rows=3, cols=3, positions="learned")
    model = models.build(config, seed=0)
    context, vocab, width = config.longest, config.tokenizer.vocabulary.size, 288
    word = slice(context, context + vocab)
    with torch.no_grad():
        for weight in model.parameters():
            weight.zero_()
        attn = model.blocks[0].attn
        model.pos_embed.W_pos[:, :context] = torch.eye(context)
        model.embed.W_E[:, word] = torch.eye(vocab)
        model.unembed.W_U[word] = torch.eye(vocab)
        for norm in (model.blocks[0].ln1, model.ln_final):
            norm.w.fill_(1.0)
        spread = (2 / width - (2 / width) ** 2) ** 0.5
        model.blocks[0].ln1.b.fill_(2 / width / spread)  # what is not hot is 0
        attn.W_K[:, :context, :context] = torch.eye(context)
        attn.b_Q[0, 5], attn.b_Q[COPIES, GOAL_AT], attn.b_Q[2, 2] = 40.0, 40.0, 40.0
        attn.W_V[COPIES, word, :vocab] = torch.eye(vocab)
        attn.W_O[COPIES, :vocab, word] = torch.eye(vocab)
    return model


@pytest.fixture(scope="module")
def known():
    """The model, and pairs of mazes whose goals lie beside the fork, so that to copy the goal is to step there."""
    model = copier()
    batch = mazes.draw(World("wilson", 3, 3), 200, seed=0)
    forks = mazes.decisions(batch, mazes.solve(batch))
    pairs = patching.FAMILIES["moved_goal"](batch, forks, model.maze_tokenizer, seed=0)
    row = np.arange(len(pairs))
    beside = (pairs.clean.ids[row, GOAL_AT] == pairs.right) & (pairs.corrupted.ids[row, GOAL_AT] == pairs.wrong)
    assert beside.sum() >= 10
    return model, pairs[np.flatnonzero(beside)[:12]]


def recovered(known, kind: str, direction: str = "denoise") -> np.ndarray:
    """[site, meaning], where every pair agrees."""
    model, pairs = known
    found = patching.sweep(model, pairs, kind, patching.by_meaning(pairs), direction=direction)
    begin, end = found.begin["logit_difference"], found.end["logit_difference"]
    assert patching.apart(begin, end).all()
    shares = patching.recovered(found.values["logit_difference"], begin, end)
    np.testing.assert_allclose(shares, shares[..., :1].repeat(shares.shape[-1], axis=-1), atol=1e-4)
    return shares[..., 0]


def only(site: int, sites: int, meaning: str) -> np.ndarray:
    expected = np.zeros((sites, len(MEANINGS)))
    expected[site, MEANINGS.index(meaning)] = 1.0
    return expected


@pytest.mark.parametrize("direction", ["denoise", "noise"])
@pytest.mark.parametrize(
    ("kind", "site", "sites", "meaning"),
    [
        ("resid_pre", 0, 1, "goal"),
        ("resid_mid", 0, 1, "here"),
        ("attn_out", 0, 1, "here"),
        ("z", COPIES, 3, "here"),
        ("v", COPIES, 3, "goal"),
    ],
)
def test_what_carries_the_choice_is_found_and_nothing_else(known, kind, site, sites, meaning, direction):
    np.testing.assert_allclose(recovered(known, kind, direction), only(site, sites, meaning), atol=1e-4)


@pytest.mark.parametrize("kind", ["q", "k", "pattern", "mlp_out"])
def test_what_is_the_same_in_both_runs_carries_nothing(known, kind):
    """The head looks at the same place whatever stands there, and the MLP writes nothing."""
    np.testing.assert_allclose(recovered(known, kind), 0.0, atol=1e-4)


def told(model, pairs, other=None):
    """The experiment's findings of pairs beside controls in which nothing changes."""
    edit = trace_decision._swept(model, pairs, "denoise")
    same = other or patching.PromptPairs(**{**vars(pairs), "corrupted": pairs.clean})
    null = trace_decision._swept(model, same, "denoise")
    return trace_decision.findings(edit, null, np.arange(len(pairs)), Settings(change="goal"))


def test_the_experiment_names_the_head_and_no_other(known):
    found = told(*known)
    beyond = {(row.what["head"], row.what["meaning"]): row for row in found.tables["shares"] if row.what["site"] == "z"}
    assert [at for at, row in beyond.items() if row.low > 0] == [(COPIES, "here")]
    assert "1 of 3 heads surely recover more than in their controls at some meaning of position" in found.sentences[-1]
    assert f"0.{COPIES} at here 100% (100% to 100%)" in found.sentences[-1]
    assert found.numbers["turns_with_the_change"] == 1.0


def test_beside_controls_that_move_as_much_nothing_is_named(known):
    model, pairs = known
    found = told(model, pairs, pairs)
    assert "None of 3 heads surely recovers more than in its controls" in found.sentences[-1]


def test_of_a_model_that_does_not_react_nothing_is_traced(known):
    _, pairs = known
    deaf = copier()
    with torch.no_grad():
        deaf.blocks[0].attn.W_O.zero_()
    found = told(deaf, pairs)
    assert found.sentences[-1] == "The model may not react to the change at all, so there is nothing to trace."
    assert not found.figures
    assert not found.tables["shares"]


def test_the_experiment_asks_of_one_change(trained):
    with pytest.raises(ValueError, match="passage or the goal"):
        trace_decision.run(Settings(run=str(trained.folder), change="start"))
