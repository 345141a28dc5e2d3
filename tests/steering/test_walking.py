"""A steered walk is the plainest loop over access.run with the same edits, and without changes a rollout."""

import numpy as np
import pytest
import torch

from maze_interp import mazes, models, steering
from maze_interp.mazes import World
from maze_interp.models import Site
from maze_interp.steering import Change
from maze_interp.tokens import NOT_WRITTEN
from tests import tiny


def plainly(model, prompts, drawn, changes, limit):
    """Every step reads the whole sequence again with the edits in place, one maze at a time."""
    out = np.full((len(drawn), limit), NOT_WRITTEN)
    for maze, length in enumerate(prompts.length):
        ids = prompts.ids[maze, :length].tolist()

        def at(change, maze=maze):
            def edit(value):
                row = np.flatnonzero(change.where[maze])
                new = change.edit(value[0, row].numpy(), np.full(len(row), maze))
                value[0, row] = torch.from_numpy(new).float()
                return value

            return edit

        for step in range(limit):
            edits = {change.site: at(change) for change in changes}
            with torch.inference_mode():
                logits = models.access.run(model, torch.tensor(ids)[None], edits=edits).logits
            ids.append(int(logits[0, -1].argmax()))
            out[maze, step] = ids[-1]
            if not model.maze_tokenizer.path_tokens[ids[-1]] or len(ids) > model.cfg.n_ctx:
                break
    return model.maze_tokenizer.paths(out, drawn)


@pytest.mark.parametrize(("positions", "context"), [("learned", 0), ("rotary", 0), ("learned", 75)])
def test_a_steered_walk_is_the_plainest_loop(positions, context):
    model = tiny.talkative(positions=positions, context=context)
    drawn = mazes.draw(tiny.RAGGED, 7, seed=1)
    prompts = model.maze_tokenizer.encode_prompts(drawn, seed=5)
    if context:
        drawn, prompts = drawn[prompts.length <= context], prompts[prompts.length <= context]
    rng = np.random.default_rng(0)
    inside = np.arange(prompts.ids.shape[1]) < prompts.length[:, None]
    where = inside & (rng.random(prompts.ids.shape) < 0.3)
    last = np.arange(prompts.ids.shape[1]) == prompts.length[:, None] - 1
    changes = [
        Change(Site("resid_pre", 0), where, steering.pushed(rng.normal(size=(len(drawn), 32)))),
        Change(Site("resid_post", 1), last, steering.pushed(3 * rng.normal(size=(len(drawn), 32)))),
    ]
    expected = plainly(model, prompts, drawn, changes, 5)
    for batch in (1, 5, 64):
        found = steering.walk(model, drawn, prompts, changes, limit=5, batch=batch)
        np.testing.assert_array_equal(found.paths.cells, expected.cells)
        np.testing.assert_array_equal(found.paths.ended, expected.ended)
        assert (found.moved > 0).all()
    plain = steering.walk(model, drawn, prompts, limit=5)
    rolled = models.rollout(model, drawn, prompts=prompts, limit=5)
    np.testing.assert_array_equal(plain.paths.cells, rolled.cells)
    np.testing.assert_array_equal(plain.paths.ended, rolled.ended)
    assert (plain.moved == 0).all()
    assert (plain.paths.cells != expected.cells).any()


def test_how_far_a_prompt_was_moved_is_counted_and_its_control_is_moved_as_far():
    model, drawn = tiny.talkative(), mazes.draw(World(rows=4, cols=4), 6, seed=1)
    prompts = model.maze_tokenizer.encode_prompts(drawn, seed=5)
    direction = np.eye(6, 32)
    direction[2] = 0.0
    where = np.zeros(prompts.ids.shape, bool)
    where[:, 3:5] = True
    edit = steering.pushed(direction, 2.0)
    for one in (edit, steering.astray(edit, seed=0)):
        moved = steering.walk(model, drawn, prompts, [Change(Site("resid_post", 0), where, one)], limit=2).moved
        np.testing.assert_allclose(moved, [8**0.5, 8**0.5, 0, 8**0.5, 8**0.5, 8**0.5], rtol=1e-5)
    values = np.zeros((4, 32))
    strayed = steering.astray(edit, seed=0)(values, np.array([0, 0, 1, 2]))
    np.testing.assert_array_equal(strayed[0], strayed[1])
    assert abs(strayed[0] @ strayed[2]) < 0.9 * 4
    assert (strayed[3] == 0).all()


def test_what_cannot_be_changed_is_refused():
    model, drawn = tiny.talkative(), mazes.draw(World(rows=4, cols=4), 3, seed=1)
    prompts = model.maze_tokenizer.encode_prompts(drawn, seed=5)
    where, edit = np.ones(prompts.ids.shape, bool), steering.pushed(np.zeros((3, 32)))
    for change, message in [
        (Change(Site("resid_post", 2), where, edit), "layers 0..1"),
        (Change(Site("mlp_out", 0), where, edit), "unknown part of the residual stream"),
        (Change(Site("resid_post", 0), ~where, edit), "happens nowhere"),
        (Change(Site("resid_post", 0), where[:, 1:], edit), "prompts of shape"),
    ]:
        with pytest.raises(ValueError, match=message):
            steering.walk(model, drawn, prompts, [change])
