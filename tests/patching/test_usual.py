"""What is usual at a cell is a mean over other mazes, and a head is made to write it there and nowhere else."""

import numpy as np
import pytest
import torch

from maze_interp import mazes, patching
from maze_interp.models import Site, access
from maze_interp.tokens import PATH
from tests import tiny

MODEL = tiny.model(seed=3)


@pytest.fixture(scope="module")
def tokens():
    drawn = mazes.draw(tiny.RAGGED, 30, seed=4)
    drawn = drawn[mazes.solve(drawn, seed=0).length > 1]
    return MODEL.maze_tokenizer.encode(drawn, mazes.solve(drawn, seed=0), seed=0)


def written(tokens):
    """[layer][maze, position, head, d_head] by TransformerLens."""
    names = [f"blocks.{layer}.attn.hook_z" for layer in range(MODEL.cfg.n_layers)]
    with torch.inference_mode():
        _, cache = MODEL.run_with_cache(torch.from_numpy(tokens.ids).long(), names_filter=names)
    return [cache[name].numpy() for name in names]


def along(tokens):
    return np.cumsum(tokens.part == PATH, axis=1) * (np.arange(tokens.ids.shape[1]) < tokens.length[:, None]) > 0


def only(*chosen):
    heads = np.zeros((MODEL.cfg.n_layers, MODEL.cfg.n_heads), dtype=bool)
    for layer, head in chosen:
        heads[layer, head] = True
    return heads


def test_the_usual_is_the_mean_at_a_cell_over_one_half_of_the_mazes(tokens):
    said = patching.usual.usual(MODEL, tokens)
    every = written(tokens)
    seen = 0
    for half in (0, 1):
        for cell in range(said.written.shape[1]):
            at = (tokens.part == PATH) & (tokens.cell == cell) & (said.half == half)[:, None]
            if not at.any():
                assert np.isnan(said.written[half, cell]).all()
                continue
            for layer, z in enumerate(every):
                np.testing.assert_allclose(said.written[half, cell, layer], z[at].mean(axis=0), atol=1e-5)
            seen += 1
    assert seen > 20


def test_a_head_is_made_to_write_it_at_the_cells_of_the_path_alone(tokens):
    """As a hook of TransformerLens does position by position, in the first layer and in the second."""
    said, ids = patching.usual.usual(MODEL, tokens), torch.from_numpy(tokens.ids).long()
    for layer, head in ((0, 1), (1, 0)):

        def change(z, hook, layer=layer, head=head):
            for maze, position in np.argwhere(tokens.part == PATH):
                cell = tokens.cell[maze, position]
                if 0 <= cell < said.written.shape[1]:
                    value = said.written[1 - said.half[maze], cell, layer, head]
                    if not np.isnan(value).any():
                        z[maze, position, head] = torch.from_numpy(value)
            return z

        with torch.inference_mode():
            slow = MODEL.run_with_hooks(ids, fwd_hooks=[(f"blocks.{layer}.attn.hook_z", change)]).numpy()
            plain = access.run(MODEL, ids).logits.numpy()
        fast = patching.usual.forced(patching.behind.behind(MODEL, tokens), only((layer, head)), said)
        path = along(tokens)
        np.testing.assert_allclose(fast[path], slow[path], atol=1e-4)
        assert np.abs(fast[path] - plain[path]).max() > 0.01


@pytest.mark.parametrize("positions", ["rotary", "learned"])
def test_in_several_parts_and_of_several_heads_at_once(monkeypatch, tokens, positions):
    """Parts of seven sequences whose paths begin at different positions, and heads of both layers."""
    model, ids = tiny.model(seed=5, positions=positions), torch.from_numpy(tokens.ids).long()
    said, heads = patching.usual.usual(model, tokens), only((0, 0), (0, 1), (1, 1))
    monkeypatch.setattr(patching.behind, "BATCH", 7)
    read = patching.behind.behind(model, tokens)
    assert len(read.batches) > 3
    assert len({batch.at.start for batch in read.batches}) > 1
    edits = {
        Site("z", layer, head): (
            lambda z, layer=layer, head=head: torch.where(
                torch.from_numpy(said.known)[..., None],
                torch.from_numpy(said.written[1 - said.half[:, None], np.maximum(said.kind, 0), layer, head]),
                z,
            )
        )
        for layer, head in np.argwhere(heads).tolist()
    }
    with torch.inference_mode():
        slow = access.run(model, ids, edits=edits).logits.numpy()
    path = along(tokens)
    np.testing.assert_allclose(patching.usual.forced(read, heads, said)[path], slow[path], atol=1e-4)


def test_what_heads_write_at_one_position_is_what_hooks_read(monkeypatch, tokens):
    monkeypatch.setattr(patching.behind, "BATCH", 7)
    at = tokens.length - 1 - np.arange(len(tokens)) % 3
    made, every = patching.behind.written(MODEL, tokens, at), written(tokens)
    for layer, z in enumerate(every):
        np.testing.assert_allclose(made[:, layer], z[np.arange(len(tokens)), at], atol=1e-5)


def test_visits_on_the_way_to_the_same_goal_and_those_that_end_have_kinds_of_their_own(tokens):
    at, goal, end = patching.usual.cells(tokens), patching.usual.goals(tokens), patching.usual.ends(tokens)
    seen = {"goal": {}, "end": {}}
    for maze in range(len(tokens)):
        path = np.flatnonzero(at[maze] >= 0)
        for position in path:
            seen["goal"].setdefault(goal[maze, position], set()).add((at[maze, position], at[maze, path[-1]]))
            seen["end"].setdefault(end[maze, position], set()).add((at[maze, position], position == path[-1]))
    for kinds in seen.values():
        assert {len(pairs) for pairs in kinds.values()} == {1}
        assert len({next(iter(pairs)) for pairs in kinds.values()}) == len(kinds) > 10


def test_visits_that_take_the_same_step_have_one_mean_and_dealt_ones_are_as_many(tokens):
    kind, at = patching.usual.steps(tokens), patching.usual.cells(tokens)
    following = {}
    for maze, position in np.argwhere(at >= 0):
        goes = at[maze, position + 1] if position + 1 < at.shape[1] else -1
        following.setdefault(kind[maze, position], set()).add((at[maze, position], goes))
    assert {len(pairs) for pairs in following.values()} == {1}
    assert len({next(iter(pairs)) for pairs in following.values()}) == len(following) > 20
    dealt = patching.usual.dealt(tokens, kind, seed=0)
    for cell in range(at.max() + 1):
        assert sorted(dealt[at == cell]) == sorted(kind[at == cell])
    assert (dealt != kind).any()
    assert (dealt[at < 0] == kind[at < 0]).all()
    said = patching.usual.usual(MODEL, tokens, kind)
    busiest = np.bincount(kind[kind >= 0]).argmax()
    z = written(tokens)[1]
    for half in (0, 1):
        here = (kind == busiest) & (said.half == half)[:, None]
        np.testing.assert_allclose(said.written[half, busiest, 1], z[here].mean(axis=0), atol=1e-5)


def test_without_a_head_and_with_one_that_nobody_hears_nothing_changes(tokens):
    deaf = tiny.model(seed=3)
    with torch.no_grad():
        deaf.blocks[1].attn.W_O[0] = 0
    said, ids = patching.usual.usual(deaf, tokens), torch.from_numpy(tokens.ids).long()
    with torch.inference_mode():
        plain = access.run(deaf, ids).logits.numpy()
    read, path = patching.behind.behind(deaf, tokens), along(tokens)
    np.testing.assert_allclose(patching.usual.forced(read, only(), said)[path], plain[path], atol=1e-4)
    np.testing.assert_allclose(patching.usual.forced(read, only((1, 0)), said)[path], plain[path], atol=1e-4)


def test_one_maze_has_no_others(tokens):
    with pytest.raises(ValueError, match="needs two, not 1"):
        patching.usual.usual(MODEL, tokens[:1])
    two = patching.usual.usual(MODEL, tokens[:2])  # the other's cells, as far as both go there
    assert two.half.tolist() == [0, 1]
