"""A path carries what a hook at its receiver would add, and nothing else; the graph of all paths agrees with it."""

import copy

import numpy as np
import pytest
import torch

from maze_interp import mazes, patching
from maze_interp.mazes import World
from maze_interp.models import Site, access
from maze_interp.patching import circuit, graph
from tests import tiny

LAYERS, HEADS = 3, 2
GRAPH = graph.Graph(LAYERS, HEADS)
LOGITS = Site("resid_post", LAYERS - 1)
DIFFERENCE = "logit_difference"


@pytest.fixture(scope="module", params=["learned", "rotary"])
def model(request):
    return tiny.model(1, layers=LAYERS, heads=HEADS, positions=request.param)


@pytest.fixture(scope="module")
def pairs(model):
    batch = mazes.draw(World("wilson", 3, 3), 60, seed=3)
    forks = mazes.decisions(batch, mazes.solve(batch))
    found = patching.FAMILIES["moved_passage"](batch, forks, model.maze_tokenizer, seed=0)
    _, one_each = np.unique(found.decision, return_index=True)
    return found[np.append(one_each[::-1], np.arange(5))[:5]]


def runs(pairs):
    length = int(pairs.decision.max()) + 1
    return [torch.from_numpy(one.ids[:, :length]).long() for one in (pairs.clean, pairs.corrupted)]


def difference(logits, pairs):
    rows, at = torch.arange(len(pairs)), torch.from_numpy(pairs.decision)
    return (logits[rows, at, pairs.right] - logits[rows, at, pairs.wrong]).detach().numpy()


def everywhere(pairs):
    return np.ones_like(patching.everywhere(pairs)[:1])


def written(model, ids, sender):
    value = access.run(model, ids, read=[sender]).values[sender]
    return value @ model.blocks[sender.layer].attn.W_O[sender.head] if sender.kind == "z" else value


def by_hooks(model, pairs, sender, receiver, mask):
    """The clean prompts into the corrupted run along one path, with transformer_lens's own hooks."""
    split = copy.deepcopy(model)
    split.set_use_split_qkv_input(True)
    split.set_use_hook_mlp_in(True)
    clean, corrupted = runs(pairs)
    gap = (written(model, clean, sender) - written(model, corrupted, sender)) * mask[..., None]

    def add(value, hook):
        if value.ndim == 3:
            return value + gap
        value = value.clone()
        value[:, :, receiver.head] += gap
        return value

    names = {"mlp_out": "hook_mlp_in", "resid_post": "hook_resid_post"}
    where = f"blocks.{receiver.layer}.{names.get(receiver.kind, f'hook_{receiver.kind}_input')}"
    return difference(split.run_with_hooks(corrupted, fwd_hooks=[(where, add)]), pairs)


@pytest.mark.parametrize("receiver", [Site("q", 2, 1), Site("k", 1, 0), Site("v", 2, 0), Site("mlp_out", 1), LOGITS])
def test_a_path_is_what_a_hook_at_its_receiver_adds(model, pairs, receiver):
    senders = [Site("embed"), Site("z", 0, 1), Site("attn_out", 0), Site("mlp_out", 0), Site("resid_pre", 1)]
    places = patching.everywhere(pairs)[::9]
    places = np.concatenate([places, everywhere(pairs)])
    found = patching.paths(model, pairs, senders, [receiver], places).values[DIFFERENCE][0]
    for index, sender in enumerate(senders):
        for place in (3, len(places) - 1):
            expected = by_hooks(model, pairs, sender, receiver, torch.from_numpy(places[place]))
            np.testing.assert_allclose(found[index, place], expected, atol=1e-4)


def test_all_paths_from_the_last_writer_are_the_patch_of_it(model, pairs):
    """The last MLP is read by the logits alone; a head of the last layer by them and by that MLP."""
    last = Site("mlp_out", LAYERS - 1)
    places = everywhere(pairs)
    one = patching.paths(model, pairs, [last], [LOGITS], places).values[DIFFERENCE][0, 0]
    whole = patching.sweep(model, pairs, "mlp_out", places, layers=[LAYERS - 1]).values[DIFFERENCE][0]
    np.testing.assert_allclose(one, whole, atol=1e-4)


@pytest.mark.parametrize("direction", ["denoise", "noise"])
def test_clean_into_clean_changes_nothing_and_is_counted(model, pairs, direction):
    same = patching.PromptPairs(**{**vars(pairs), "corrupted": pairs.clean})
    found = patching.paths(model, same, GRAPH.senders, GRAPH.receivers, everywhere(same), direction=direction)
    assert found.idle == len(GRAPH.senders) * len(GRAPH.receivers) * len(same)
    assert (found.values[DIFFERENCE] == found.begin[DIFFERENCE]).all()


def test_batches_memory_and_threads_do_not_matter(model, pairs):
    senders, receivers, places = GRAPH.senders[:2], GRAPH.receivers[-4:], patching.by_meaning(pairs)[::4]
    once = patching.paths(model, pairs, senders, receivers, places, threads=1)
    parts = patching.paths(model, pairs, senders, receivers, places, batch=2, memory=0.05, threads=2)
    np.testing.assert_allclose(once.values[DIFFERENCE], parts.values[DIFFERENCE], atol=1e-4)


def test_a_wire_cut_in_a_run_of_wires_is_that_path_patched(model, pairs):
    """Every wire of the graph by itself, and where there is no wire there is no path."""
    on = circuit.bench(model, pairs, batch=3)
    found = patching.paths(model, pairs, GRAPH.senders, GRAPH.receivers, everywhere(pairs), direction="noise")
    for receiver, sender in np.ndindex(GRAPH.possible.shape):
        patched = found.values[DIFFERENCE][receiver, sender, 0]
        if not GRAPH.possible[receiver, sender]:
            assert (patched == found.begin[DIFFERENCE]).all()
        elif (receiver + sender) % 3 == 0:
            cut = GRAPH.possible.copy()
            cut[receiver, sender] = False
            np.testing.assert_allclose(circuit.kept(on, cut) + on.begin, patched, atol=1e-4)


def test_all_wires_are_the_clean_run_and_none_the_corrupted_one(model, pairs):
    on = circuit.bench(model, pairs, batch=2)
    clean, corrupted = (difference(model(ids), pairs) for ids in runs(pairs))
    np.testing.assert_allclose(on.begin, corrupted, atol=1e-4)
    np.testing.assert_allclose(on.end, clean, atol=1e-4)
    np.testing.assert_allclose(circuit.kept(on, ~GRAPH.possible), 0.0, atol=1e-4)


def test_bad_input_is_refused(model, pairs):
    places = everywhere(pairs)
    for sender, receiver, wrong in [
        (Site("pattern", 0, 0), LOGITS, "end of a path"),
        (Site("embed"), Site("z", 1, 0), "end of a path"),
        (Site("z", 0), LOGITS, "name the head"),
        (Site("embed"), Site("q", 1, 2), r"heads 0\.\.1"),
        (Site("embed"), Site("resid_post", 0), r"Site\('resid_post', 2\)"),
    ]:
        with pytest.raises(ValueError, match=wrong):
            patching.paths(model, pairs, [sender], [receiver], places)
