"""Scores of wires add up and agree with true effects; a known circuit is found, whole and alone."""

import numpy as np
import pytest
import torch

from maze_interp import mazes, patching
from maze_interp.mazes import World
from maze_interp.models import Site
from maze_interp.patching import circuit
from maze_interp.patching.graph import Graph
from tests import handset, tiny

SMALL = Graph(2, 2)


def some_pairs(model, count=6):
    batch = mazes.draw(World("wilson", 3, 3), 60, seed=3)
    forks = mazes.decisions(batch, mazes.solve(batch))
    return patching.FAMILIES["moved_passage"](batch, forks, model.maze_tokenizer, seed=0)[:count]


def true_effects(model, pairs):
    """What each wire's path alone takes from the clean run: [pair, receiver, sender]."""
    everywhere = np.ones_like(patching.everywhere(pairs)[:1])
    found = patching.paths(model, pairs, SMALL.senders, SMALL.receivers, everywhere, direction="noise")
    lost = found.begin["logit_difference"] - found.values["logit_difference"][:, :, 0]
    return lost.transpose(2, 0, 1)


def test_scores_out_of_the_embedding_add_up_to_the_whole_effect():
    """Integrated gradients are complete (Sundararajan et al. 2017), up to the number of steps."""
    model = tiny.model(1)
    pairs = some_pairs(model)
    scores = patching.edge_scores(model, pairs, steps=64, batch=4)
    np.testing.assert_allclose(scores.values[:, :, 0].sum(axis=1), scores.end - scores.begin, atol=0.05)
    assert np.abs(scores.end - scores.begin).max() > 0.5
    assert (scores.values[:, ~scores.graph.possible] == 0).all()


def test_scores_of_small_differences_are_the_true_effects():
    """Where the two runs hardly differ the network is linear: each score is what its path does, to first order."""
    model = tiny.model(1, positions="learned").double()
    with torch.no_grad():
        model.embed.W_E *= 1e-4
    pairs = some_pairs(model)
    scores, true = patching.edge_scores(model, pairs, steps=1), true_effects(model, pairs)
    largest = np.abs(true).max()
    assert largest > 1e-6
    np.testing.assert_allclose(scores.values, true, atol=2e-2 * largest)


def test_scores_of_true_differences_rank_the_wires():
    model = tiny.model(3)
    pairs = some_pairs(model, 20)
    scores, true = patching.edge_scores(model, pairs).values.mean(axis=0), true_effects(model, pairs).mean(axis=0)
    ranks = [np.abs(one[SMALL.possible]).argsort().argsort() for one in (scores, true)]
    assert np.corrcoef(*ranks)[0, 1] > 0.5


def test_scores_do_not_depend_on_the_batch_and_leave_the_weights_alone():
    model = tiny.model(1)
    pairs, told = some_pairs(model), []
    once = patching.edge_scores(model, pairs, progress=lambda *given: told.append(given))
    parts = patching.edge_scores(model, pairs, batch=2)
    np.testing.assert_allclose(once.values, parts.values, atol=1e-4)
    assert all(weight.grad is None for weight in model.parameters())
    assert told[-1] == (6, 6)
    with pytest.raises(ValueError, match="at least 1 step"):
        patching.edge_scores(model, pairs, steps=0)


KNOWN = {
    "copier": (handset.copier, ["embed -> 0.1 v", "0.1 -> logits"]),
    "relay": (handset.relay, ["embed -> 0.0 v", "0.0 -> 1.1 v", "1.1 -> logits"]),
}


@pytest.mark.parametrize("name", KNOWN)
def test_of_a_known_mechanism_exactly_its_wires_are_found(name):
    made, wires = KNOWN[name]
    model, pairs = made(), handset.goals_beside_forks()
    on = circuit.bench(model, pairs)
    found = circuit.search(on, patching.edge_scores(model, pairs).values.mean(axis=0))
    assert [one.name for one in on.graph.edges(found)] == wires
    assert circuit.faithfulness(on, found) == pytest.approx(1.0, abs=1e-4)
    assert circuit.faithfulness(on, circuit.with_other_heads(on.graph, found, seed=0)) == pytest.approx(0.0, abs=1e-4)


def test_scores_that_know_nothing_find_it_too_only_later():
    """The search prunes: with random scores it keeps what is needed and no more."""
    model, pairs = handset.copier(), handset.goals_beside_forks()
    on, tried = circuit.bench(model, pairs), []
    scores = np.random.default_rng(0).random(on.graph.possible.shape)
    assert circuit.search(on, scores, tried=lambda: tried.append(1)).sum() == 2
    assert tried


def test_what_is_found_keeps_enough_and_each_of_its_wires_is_needed():
    model = tiny.model(3)
    pairs = some_pairs(model)
    scores = patching.edge_scores(model, pairs)
    flipped = scores.end.mean() < scores.begin.mean()
    if flipped:
        pairs = patching.PromptPairs(**{**vars(pairs), "right": pairs.wrong, "wrong": pairs.right})
    on = circuit.bench(model, pairs)
    found = circuit.search(on, scores.values.mean(axis=0), keep=0.8)
    assert circuit.faithfulness(on, found) >= 0.8
    for wire in np.flatnonzero(found):
        without = found.copy()
        without.flat[wire] = False
        assert circuit.faithfulness(on, on.graph.live(without)) < 0.8


def test_only_wires_on_a_way_through_are_live():
    table = np.zeros_like(SMALL.possible)

    def place(sender: str, receiver: str) -> tuple[int, int]:
        return next(
            at for at in zip(*np.nonzero(SMALL.possible), strict=True) if named(at) == f"{sender} -> {receiver}"
        )

    def named(at):
        one = np.zeros_like(table)
        one[at] = True
        return SMALL.edges(one)[0].name

    way = [("embed", "0.1 q"), ("0.1", "mlp 1"), ("mlp 1", "logits")]
    for wire in [*way, ("0.0", "1.1 k"), ("embed", "1.0 v")]:  # one hangs in the air, one ends nowhere
        table[place(*wire)] = True
    live = SMALL.live(table)
    assert sorted(one.name for one in SMALL.edges(live)) == sorted(f"{a} -> {b}" for a, b in way)
    assert (SMALL.live(SMALL.possible) == SMALL.possible).all()
    assert SMALL.possible.sum() == 2 * 3 * 1 + 3 + 2 * 3 * 4 + 6 + 7


@pytest.mark.parametrize("count", [1, 5, 20, 46])
def test_random_circuits_are_connected_and_of_the_size_asked(count):
    for seed in range(5):
        table = circuit.random_circuit(SMALL, count, seed=seed)
        assert count <= table.sum()
        assert (SMALL.live(table) == table).all()
        other = circuit.with_other_heads(SMALL, table, seed=seed)
        assert other.sum() == table.sum()
        assert (SMALL.live(other) == other).all()


def test_other_heads_are_drawn_from_all_ways_that_leave_none_in_its_place():
    """Two layers of three heads have four ways, and 60 draws miss one of them with a chance below 1e-6."""
    graph = Graph(2, 3)
    table = np.zeros_like(graph.possible)
    senders = [graph.senders.index(Site("z", 0, 0)), graph.senders.index(Site("z", 1, 0))]
    table[-1, senders] = True
    drawn = [circuit.with_other_heads(graph, table, seed=seed) for seed in range(60)]
    assert len({one.tobytes() for one in drawn}) == 4
    assert not any(one[-1, senders].any() for one in drawn)
    four = Graph(1, 4)
    some = circuit.random_circuit(four, 6, seed=1)
    others = {circuit.with_other_heads(four, some, seed=seed).tobytes() for seed in range(100)}
    assert 3 < len(others) <= 9  # cyclic shifts are 3


def test_without_an_effect_or_another_head_there_is_nothing_to_search():
    model, pairs = handset.copier(), handset.goals_beside_forks()
    with torch.no_grad():
        model.blocks[0].attn.W_O.zero_()
    with pytest.raises(ValueError, match="no effect to keep"):
        circuit.bench(model, pairs)
    lone = Graph(1, 1)
    with pytest.raises(ValueError, match="one head"):
        circuit.with_other_heads(lone, lone.possible, seed=0)
