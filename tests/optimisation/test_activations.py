"""Activations exchanged between mazes: against a hook, one pair at a time; and where the whole choice passes."""

import numpy as np
import pytest
import torch

from maze_interp import mazes, optimisation
from maze_interp.mazes import World
from maze_interp.models import Site
from maze_interp.optimisation import activations, populations
from maze_interp.tokens.vocabulary import SPECIALS
from tests import tiny


def held_out(count: int = 120):
    return mazes.draw(World("wilson", 3, 3), count, seed=5)


@pytest.fixture(scope="module", params=populations.POPULATIONS)
def known(request):
    """A rough model, a population, its record."""
    model = tiny.talkative(1, rows=3, cols=3)
    some = populations.population(request.param, held_out(), model.maze_tokenizer, count=12, seed=0)
    return model, some, *activations.recorded(model, some)


def test_prompts_mean_the_same_position_by_position(known):
    model, some, _, _ = known
    ids, vocabulary = some.tokens.ids, model.maze_tokenizer.vocabulary
    assert (some.tokens.length == ids.shape[1]).all()
    for word, (at, *rest) in some.places.items():
        if word in SPECIALS:
            assert (ids[:, at] == vocabulary.tokens.index(word)).all()
            assert not rest
    cell = vocabulary.cell_ids.reshape(-1)
    np.testing.assert_array_equal(ids[:, some.places["goal"][0]], cell[some.mazes.goal])
    for where in ("start", "here"):
        np.testing.assert_array_equal(ids[:, some.places[where][0]], cell[some.mazes.start])
    assert (some.open.sum(axis=1) == 3).all()
    assert (some.right.sum(axis=1) == 1).all()
    assert not (some.right & ~some.open).any()
    solved = mazes.solve(some.mazes).cells[:, 1]
    np.testing.assert_array_equal(some.steps[some.right], cell[solved])


def test_where_the_fork_is_the_same_its_edges_are_in_the_same_slots():
    model = tiny.model(0, rows=3, cols=3)
    some = populations.population("same_fork", held_out(), model.maze_tokenizer, count=12, seed=0)
    ids = some.tokens.ids[:, 1 : 1 + 4 * 8].reshape(len(some), 8, 4)
    here = model.maze_tokenizer.vocabulary.cell_ids.reshape(-1)[some.mazes.start[0]]
    assert len(np.unique(some.mazes.start)) == 1
    touches = (ids == here).any(axis=2)
    assert (touches == touches[0]).all()
    assert (ids[:, touches[0]] == ids[0, touches[0]]).all()
    assert not (ids[:, ~touches[0]] == ids[0, ~touches[0]]).all()


@pytest.mark.parametrize(
    ("site", "place"),
    [
        (Site("resid_pre", 1), "goal"),
        (Site("resid_mid", 0), "here"),
        (Site("attn_out", 0), "<PATH_START>"),
        (Site("mlp_out", 1), "here"),
        (Site("mlp_out", 0), "edge list"),
        (Site("z", 0, head=1), "goal"),
        (Site("resid_post", 1), "here"),
    ],
)
@pytest.mark.parametrize("coding", populations.CODINGS)
def test_it_is_what_a_hook_would_do(known, site, place, coding):
    model, some, w, kept = known
    positions = list(some.places[place])
    out = activations.exchanged(w, kept, some, site, positions, coding=coding)
    ids = torch.from_numpy(some.tokens.ids).long()
    _, cache = model.run_with_cache(ids, names_filter=site.hook_name)
    for donor, maze in [(0, 0), (0, 3), (5, 2)]:

        def write(value, hook, donor=donor):
            part = (slice(None), positions) if site.head is None else (slice(None), positions, site.head)
            value[part] = cache[site.hook_name][donor][part[1:]]
            return value

        with torch.no_grad():
            logits = model.run_with_hooks(ids[[maze]], fwd_hooks=[(site.hook_name, write)])[0, -1]
        alone = logits.expand(len(some), -1)[None]
        expected = some.outcomes(alone, coding)[0, maze]
        np.testing.assert_allclose(out[donor, maze], expected, atol=1e-5)


def test_the_diagonal_is_the_network_as_it_is(known):
    _, some, w, kept = known
    own = some.outcomes(kept.logits[None], "verdict")[0]
    for site in (Site("z", 1, head=0), Site("resid_pre", 0), Site("mlp_out", 0)):
        out = activations.exchanged(w, kept, some, site, some.places["here"])
        np.testing.assert_allclose(out[np.arange(len(some)), np.arange(len(some))], own, atol=1e-6)


def test_where_the_whole_choice_passes_the_coding_decides_the_sign(known):
    """The last stream at the decision. As steps Op = -I(A;F) exactly; as verdicts of the likeliest, E h(q_i) - h(p)."""
    _, some, w, kept = known
    last = Site("resid_post", 1)
    steps = activations.exchanged(w, kept, some, last, some.places["here"], coding="step")
    if some.kind == "same_fork":
        np.testing.assert_allclose(steps, steps[:, :1].repeat(len(some), axis=1), atol=1e-6)
        chosen = optimisation.split_history(steps.argmax(axis=-1), outcomes=5)
        assert chosen.plug_in["op"] == pytest.approx(-chosen.plug_in["entropy_factual"])
    verdict = activations.exchanged(w, kept, some, last, some.places["here"])
    success = (verdict.argmax(axis=-1) == 0).astype(int)
    found = optimisation.split_history(success, outcomes=2)
    p, q = np.diag(success).mean(), success.mean(axis=1)
    expected = optimisation.binary_entropy(q).mean() - optimisation.binary_entropy(p)
    assert found.plug_in["op"] == pytest.approx(float(expected))


def test_what_is_not_there_is_refused(known):
    model, some, w, kept = known
    with pytest.raises(ValueError, match="kind of site to exchange"):
        activations.exchanged(w, kept, some, Site("q", 0, head=0), [3])
    with pytest.raises(ValueError, match="which one"):
        activations.exchanged(w, kept, some, Site("z", 0), [3])
    with pytest.raises(ValueError, match="does not exist"):
        activations.exchanged(w, kept, some, Site("mlp_out", 2), [3])
    with pytest.raises(ValueError, match="positions must be in"):
        activations.exchanged(w, kept, some, Site("mlp_out", 0), [400])
    with pytest.raises(ValueError, match="coding of outcomes"):
        activations.exchanged(w, kept, some, Site("mlp_out", 0), [3], coding="steps")
    with pytest.raises(ValueError, match="needs 8 mazes or more"):
        populations.population("same_fork", held_out(3), model.maze_tokenizer, count=12, seed=0)
    woven = mazes.draw(World("percolation", 3, 3, {"p": 0.9}), 20, seed=0)
    with pytest.raises(ValueError, match="trees of one size"):
        populations.population("any_fork", woven, model.maze_tokenizer, count=12, seed=0)
    with pytest.raises(ValueError, match="population"):
        populations.population("same", held_out(), model.maze_tokenizer, count=12, seed=0)


def test_behind_the_first_step_one_way_leads_back():
    model = tiny.model(0, rows=3, cols=3)
    some = optimisation.population("any_fork", held_out(), model.maze_tokenizer, count=20, seed=0, before=1)
    cell, row = model.maze_tokenizer.vocabulary.cell_ids.reshape(-1), np.arange(len(some))
    np.testing.assert_array_equal(some.tokens.ids[row, some.places["earlier path"]], cell[some.mazes.start])
    np.testing.assert_array_equal(some.tokens.ids[row, some.places["here"]], cell[some.here])
    solved = mazes.solve(some.mazes).cells
    np.testing.assert_array_equal(solved[:, 1], some.here)
    np.testing.assert_array_equal(some.steps[some.right], cell[solved[:, 2]])
    back = (some.steps == cell[some.mazes.start][:, None]) & some.open & ~some.right
    assert (back.sum(axis=1) == 1).all()
    ways = some.ways(3)
    assert ways.right == cell[solved[3, 2]]
    assert len(ways.others) == 2
    assert cell[some.mazes.start[3]] in ways.others


def test_some_of_a_population_are_a_population():
    model = tiny.talkative(1, rows=3, cols=3)
    some = optimisation.population("same_fork", held_out(), model.maze_tokenizer, count=12, seed=0)
    fewer = some[2:11]
    assert len(fewer) == 9
    logits = torch.randn(9, model.cfg.d_vocab, generator=torch.Generator().manual_seed(0))
    whole = torch.cat([torch.zeros(2, logits.shape[1]), logits, torch.zeros(1, logits.shape[1])])
    np.testing.assert_array_equal(fewer.outcomes(logits[None], "step"), some.outcomes(whole[None], "step")[:, 2:11])
