"""What a hypothesis keeps survives and what it throws away does not; donors agree in what is kept and are others."""

import numpy as np
import pytest
import torch

from maze_interp import mazes
from maze_interp.mazes import World
from maze_interp.models import Site, access, fused
from maze_interp.patching import hypotheses, scrubbing
from maze_interp.patching.hypotheses import HYPOTHESES
from maze_interp.patching.scrubbing import NO_DONOR, NOT_ASKED, Claim
from tests import handset, tiny


def drawn(tokenizer, count, seed):
    batch = mazes.draw(World("wilson", 3, 3), count, seed=seed)
    return scrubbing.asked(batch, mazes.decisions(batch, mazes.solve(batch)), tokenizer, seed=seed)


@pytest.fixture(scope="module")
def known():
    """The model that copies the goal, forks beside which the goal lies, and many others."""
    model = handset.copier()
    some = drawn(model.maze_tokenizer, 90, 0)
    return model, some[some.onward.length == 2], drawn(model.maze_tokenizer, 120, 1)


BEFORE = Site("resid_pre", 0)


def goal_matters(where, keeps, site=BEFORE):
    return (Claim(site, where, keeps),)


TRUE = {
    "the goal at its token": goal_matters(hypotheses.goal_token, hypotheses.goal),
    "nothing of edges": goal_matters(hypotheses.other_edge_tokens, hypotheses.nothing),
    "what it writes at the fork is the goal": goal_matters(hypotheses.here, hypotheses.goal, Site("attn_out", 0)),
    "what its MLP writes is nothing": goal_matters(hypotheses.here, hypotheses.nothing, Site("mlp_out", 0)),
    "all tokens": HYPOTHESES["tokens are all, before layer 0"](1),
}
FALSE = {
    "nothing at the goal's token": goal_matters(hypotheses.goal_token, hypotheses.nothing),
    "nothing at the end": HYPOTHESES["nothing matters, after the last layer"](1),
}


def test_of_a_known_mechanism_what_is_true_recovers_all_and_what_is_false_nothing(known):
    model, own, pool = known
    found = scrubbing.scrub(model, own, pool, TRUE | FALSE | {"as it is": ()}, seed=0)
    plain, lost = found["as it is"].loss, found["nothing at the end"]
    line = (lost.loss - plain)[lost.known].mean()
    assert line > 0.5
    for name in TRUE:
        kept = found[name].known
        assert kept.sum() >= 10
        np.testing.assert_allclose(found[name].loss[kept], plain[kept], atol=1e-4, err_msg=name)
    gap = (found["nothing at the goal's token"].loss - plain).mean() / line
    assert 0.7 < gap < 1.3  # another draw of another goal


def test_nothing_claimed_is_the_plain_run_and_batches_do_not_matter():
    model = tiny.model(1, layers=3)
    own, pool = drawn(model.maze_tokenizer, 12, 0), drawn(model.maze_tokenizer, 80, 1)
    told = []
    some = {name: made(3) for name, made in HYPOTHESES.items()} | {"plain": ()}
    once = scrubbing.scrub(model, own, pool, some, seed=0, progress=lambda *given: told.append(given))
    parts = scrubbing.scrub(model, own, pool, some, seed=0, batch=3)
    for name, one in once.items():
        assert (one.known == parts[name].known).all()
        np.testing.assert_allclose(one.loss[one.known], parts[name].loss[one.known], atol=1e-4)
    ids = torch.from_numpy(own.tokens.ids).long()
    with torch.no_grad():
        logits = model(ids)[torch.arange(len(own)), torch.from_numpy(own.decision)]
    wanted = torch.from_numpy(own.right).long()
    loss = torch.nn.functional.cross_entropy(logits, wanted, reduction="none").numpy()
    np.testing.assert_allclose(once["plain"].loss, loss, atol=1e-4)
    kept = once["tokens are all, before layer 0"].known
    np.testing.assert_allclose(once["tokens are all, before layer 0"].loss[kept], loss[kept], atol=1e-4)
    assert (np.abs(once["edges are not joined, after layer 0"].loss - loss)[kept] > 1e-3).any()
    assert told[-1][0] == told[-1][1]


@pytest.mark.parametrize("name", HYPOTHESES)
def test_donors_agree_in_what_is_kept_and_are_of_other_mazes(name):
    tokenizer = tiny.SHAPE.tokenizer
    own, pool = drawn(tokenizer, 12, 0), drawn(tokenizer, 80, 1)
    for claim in HYPOTHESES[name](2):
        chosen, where = scrubbing.donors(own, pool, claim, seed=0), claim.where(own)
        assert ((chosen == NOT_ASKED) == ~where).all()
        rows, at = np.nonzero(chosen >= 0)
        assert len(rows)
        of = chosen[rows, at]
        assert (claim.keeps(own)[rows, at] == claim.keeps(pool)[of, at]).all()
        assert claim.where(pool)[of, at].all()
        assert (own.hash[rows] != pool.hash[of]).all()
        assert len(np.unique(of)) > 3


def test_a_prompt_without_a_donor_is_left_out_and_no_maze_is_its_own():
    tokenizer = tiny.SHAPE.tokenizer
    own = drawn(tokenizer, 12, 0)
    claim = Claim(Site("resid_pre", 1), hypotheses.here, hypotheses.last_cells(8))
    chosen = scrubbing.donors(own, own, claim, seed=0)
    assert (chosen[claim.where(own)] == NO_DONOR).any()
    found = scrubbing.scrub(tiny.model(1, rows=3, cols=3), own, own, {"all": (claim,)}, seed=0)["all"]
    assert found.known.sum() == (chosen != NO_DONOR).all(axis=1).sum() < len(own)


def test_features_read_from_the_prompt_what_its_text_says():
    tokenizer = tiny.SHAPE.tokenizer
    own = drawn(tokenizer, 5, 0)
    words = [text.split() for text in tokenizer.text(own.tokens)]
    cells, edges = tokenizer.vocabulary.cell_ids.reshape(-1), hypotheses.edge(own)
    for row, text in enumerate(words):
        target = text[text.index("<TARGET_START>") + 1]
        assert tokenizer.vocabulary.tokens[cells[hypotheses.goal(own)[row, 0]]] == target
        at = [i for i, word in enumerate(text) if word == ";"]
        assert np.flatnonzero(hypotheses.semicolons(own)[row]).tolist() == at
        named = [
            (tokenizer.vocabulary.tokens[key // hypotheses.BASE], tokenizer.vocabulary.tokens[key % hypotheses.BASE])
            for key in edges[row, at]
        ]
        assert named == [(text[i - 3], text[i - 1]) for i in at]
        assert hypotheses.here(own)[row].argmax() == len([w for w in text if w != "<PADDING>"]) - 1


def test_claims_are_about_sites_that_exist():
    with pytest.raises(ValueError, match="claims are about resid_pre"):
        Claim(Site("z", 0, 0), hypotheses.here, hypotheses.nothing)
    model = tiny.model(1, rows=3, cols=3)
    own = drawn(model.maze_tokenizer, 4, 0)
    with pytest.raises(ValueError, match=r"layers 0\.\.1"):
        scrubbing.scrub(model, own, own, {"deep": hypotheses.reach(2, 1)}, seed=0)


def test_only_what_a_claim_speaks_of_is_held():
    model = tiny.model(1, layers=2)
    own, pool = drawn(model.maze_tokenizer, 6, 0), drawn(model.maze_tokenizer, 40, 1)
    (claim,) = hypotheses.reach(1, 0)
    chosen = scrubbing.donors(own, pool, claim, seed=0)
    with torch.no_grad():
        (put,) = scrubbing._puts(fused.weights(model), pool, [claim.site], [chosen], 7)
    assert len(put.value) == len(put.at) == (chosen >= 0).sum() <= len(own)
    assert (put.at == own.decision[put.prompt]).all()
    of = chosen[put.prompt, put.at]
    with torch.no_grad():
        plain = access.run(model, torch.from_numpy(pool.tokens.ids[of]).long(), read=[claim.site]).values[claim.site]
    there = plain[torch.arange(len(of)), torch.from_numpy(put.at).long()]
    np.testing.assert_allclose(put.value, there, atol=1e-4)
