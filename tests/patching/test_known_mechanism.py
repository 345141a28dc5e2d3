"""Models whose answer takes a known way: patching finds that way, the experiment names it, and nothing else.

In `copier` one head reads the goal off as the next step. In `relay` the answer passes through <TARGET_END>, where one
head of the first layer puts it and one of the second finds it.
"""

import numpy as np
import pytest
import torch

from maze_interp import patching
from maze_interp.experiments import trace_decision
from maze_interp.experiments.trace_decision import Settings
from maze_interp.patching import MEANINGS
from tests import handset
from tests.handset import COPIES


@pytest.fixture(scope="module")
def known():
    """The model, and pairs of mazes whose goals lie beside the fork, so that to copy the goal is to step there."""
    return handset.copier(), handset.goals_beside_forks()


@pytest.fixture(scope="module")
def relayed():
    return handset.relay(), handset.goals_beside_forks()


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


@pytest.mark.parametrize("direction", ["denoise", "noise"])
@pytest.mark.parametrize(
    ("kind", "places"),
    [
        ("resid_pre", {0: "goal", 1: "<TARGET_END>"}),
        ("resid_post", {0: "<TARGET_END>", 1: "here"}),
        ("attn_out", {0: "<TARGET_END>", 1: "here"}),
        ("mlp_out", {}),
        ("z", {0: "<TARGET_END>", 4: "here"}),
        ("v", {0: "goal", 4: "<TARGET_END>"}),
    ],
)
def test_an_answer_that_passes_through_a_position_is_found_on_its_way(relayed, kind, places, direction):
    """By layer, or for heads by layer and head, three to a layer; nothing else recovers anything."""
    sites = 6 if kind in ("z", "v") else 2
    expected = sum((only(site, sites, meaning) for site, meaning in places.items()), np.zeros((sites, len(MEANINGS))))
    np.testing.assert_allclose(recovered(relayed, kind, direction), expected, atol=1e-4)


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
    deaf = handset.copier()
    with torch.no_grad():
        deaf.blocks[0].attn.W_O.zero_()
    found = told(deaf, pairs)
    assert found.sentences[-1] == "The model may not react to the change at all, so there is nothing to trace."
    assert not found.figures
    assert not found.tables["shares"]


def test_the_experiment_asks_of_one_change(trained):
    with pytest.raises(ValueError, match="passage or the goal"):
        trace_decision.run(Settings(run=str(trained.folder), change="start"))
