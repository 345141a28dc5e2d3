"""A path is what the model would write with the plainest loop, whatever the batch it is written in."""

import numpy as np
import pytest
import torch

from maze_interp import mazes, models
from maze_interp.mazes import CUT, END, INVALID, World
from maze_interp.tokens import NOT_WRITTEN
from tests import tiny


def plainly(model, drawn, *, seed, limit):
    """The ids written for each maze by the plainest loop, filled up with NOT_WRITTEN."""
    prompts = model.maze_tokenizer.encode_prompts(drawn, seed=seed)
    written = [tiny.greedy(model, row[:length], limit) for row, length in zip(prompts.ids, prompts.length, strict=True)]
    return np.array([row + [NOT_WRITTEN] * (limit - len(row)) for row in written])


def same(one, two):
    return all(np.array_equal(getattr(one, name), getattr(two, name)) for name in ("cells", "length", "ended"))


@pytest.mark.parametrize(
    ("positions", "world"),
    [("learned", tiny.RAGGED), ("rotary", tiny.RAGGED), ("rotary", World(rows=3, cols=3))],
    ids=["ragged learned", "ragged rotary", "smaller than the vocabulary"],
)
def test_a_rollout_is_the_plainest_loop_in_batches_of_any_size(positions, world):
    model = tiny.talkative(positions=positions)
    drawn = mazes.draw(world, 20, seed=1)
    limit = world.rows * world.cols + 1
    expected = plainly(model, drawn, seed=5, limit=limit)
    for batch in (1, 7, 100):
        paths = models.rollout(model, drawn, seed=5, batch=batch)
        assert same(paths, model.maze_tokenizer.paths(expected, drawn))
    assert len(np.unique(paths.length)) > (
        1 if world.rows < 4 else 4
    )  # so that mazes do leave the batch at different steps


def test_every_way_to_end_occurs():
    paths = models.rollout(tiny.talkative(), mazes.draw(tiny.RAGGED, 200, seed=1), seed=5)
    assert set(paths.ended.tolist()) == {END, INVALID, CUT}


def test_where_the_context_ends_each_row_ends_by_itself():
    model = tiny.talkative(positions="learned", context=70)
    drawn = mazes.draw(tiny.RAGGED, 40, seed=2)
    prompts = model.maze_tokenizer.encode_prompts(drawn, seed=5)
    drawn = drawn[(prompts.length <= 70) & (prompts.length > 50)]
    expected = plainly(model, drawn, seed=5, limit=17)
    for batch in (1, 100):
        prompts = model.maze_tokenizer.encode_prompts(drawn, seed=5)
        assert np.array_equal(models.decode(model, prompts, 17, batch=batch), expected)
    full = prompts.length + (expected != NOT_WRITTEN).sum(axis=1) == model.cfg.n_ctx + 1
    assert full.any()
    assert len(np.unique(prompts.length[full])) > 1
    ended = model.maze_tokenizer.paths(expected, drawn).ended
    cells = model.maze_tokenizer.vocabulary.cell_ids
    out_of_room = full & np.isin(expected[np.arange(len(expected)), (expected != NOT_WRITTEN).sum(axis=1) - 1], cells)
    assert (ended[out_of_room] == CUT).all()  # the context ended, not the path
    assert out_of_room.any()


def test_a_path_that_uses_all_its_tokens_is_cut():
    model, drawn = tiny.talkative(), mazes.draw(tiny.RAGGED, 50, seed=1)
    whole, short = models.rollout(model, drawn), models.rollout(model, drawn, limit=3)
    assert (short.ended[whole.length >= 3] == CUT).all()
    assert (short.length[whole.length >= 3] == 3).all()
    quick = whole.length < 3
    assert 0 < quick.sum() < 50
    assert np.array_equal(short.ended[quick], whole.ended[quick])
    assert np.array_equal(short.cells[:, :3], whole.cells[:, :3])


def test_a_rollout_depends_on_seed_and_index_alone():
    model, drawn = tiny.talkative(), mazes.draw(World(rows=4, cols=4), 30, seed=1)
    whole = models.rollout(model, drawn, seed=3)
    assert same(models.rollout(model, drawn[10:], seed=3, first=10), whole[10:])
    assert not same(models.rollout(model, drawn, seed=4), whole)


def test_given_prompts_are_read_in_place_of_its_own():
    model, drawn = tiny.talkative(), mazes.draw(tiny.RAGGED, 30, seed=1)
    own, others = (model.maze_tokenizer.encode_prompts(drawn, seed=seed) for seed in (3, 4))
    assert same(models.rollout(model, drawn, prompts=own), models.rollout(model, drawn, seed=3))
    assert not same(models.rollout(model, drawn, seed=3, prompts=others), models.rollout(model, drawn, seed=3))
    with pytest.raises(ValueError, match="29 prompts for 30 mazes"):
        models.rollout(model, drawn, prompts=own[1:])


def test_progress_counts_every_maze():
    said = []
    drawn = mazes.draw(World(rows=4, cols=4), 10, seed=1)
    models.rollout(tiny.model(), drawn, batch=4, progress=lambda done, total: said.append((done, total)))
    assert said == [(4, 10), (8, 10), (10, 10)]


def test_a_prompt_that_does_not_fit_names_both_numbers():
    model, drawn = tiny.model(context=40), mazes.generate("open_field", 1, 4, 4, seed=0)
    everything = mazes.MazeBatch(drawn, np.array([0]), np.array([5]))
    with pytest.raises(ValueError, match="a sequence of 105 tokens does not fit the model's context of 40"):
        models.rollout(model, everything)
    tokens = model.maze_tokenizer.encode(everything, mazes.solve(everything), seed=0)
    with pytest.raises(ValueError, match="a sequence of 109 tokens does not fit the model's context of 40"):
        models.forced_logits(model, tokens)


def test_a_maze_larger_than_the_vocabulary_is_refused():
    with pytest.raises(ValueError, match="mazes of 5 x 5 cells do not fit a vocabulary of 4 x 4"):
        models.rollout(tiny.model(), mazes.draw(World(rows=5, cols=5), 1, seed=0))


def test_no_mazes_give_no_paths():
    paths = models.rollout(tiny.model(), mazes.draw(World(rows=4, cols=4), 0, seed=0))
    assert len(paths) == 0


@pytest.mark.parametrize("batch", [2, 100])
def test_forced_logits_are_hooked_transformers(batch):
    model = tiny.model()
    tokens = tiny.asked(model, 5, 1, seed=0)
    got = models.forced_logits(model, tokens, batch=batch)
    assert got.dtype == np.float32
    for row, expected in zip(got, tiny.plain_logits(model, tokens), strict=True):
        assert np.allclose(row[: len(expected)], expected.detach().numpy(), rtol=1e-4, atol=1e-4)


def test_bfloat16_is_close_to_float32():
    """bfloat16 keeps 8 bits: relative errors of about 0.4% an operation, a few percent after two layers."""
    model = tiny.model()
    tokens = tiny.asked(model, 5, 1, seed=0)
    exact, coarse = (models.forced_logits(model, tokens, dtype=dtype) for dtype in ("float32", "bfloat16"))
    wrong = np.abs(exact - coarse)[tokens.part != 4]
    assert wrong.max() > 0
    assert wrong.mean() < 0.05 * exact.std()


def test_inference_leaves_no_trace_on_the_model():
    model = tiny.model()
    before = {name: weight.clone() for name, weight in models.weights_of(model).items()}
    models.rollout(model, mazes.draw(World(rows=4, cols=4), 5, seed=1))
    assert all(torch.equal(weight, before[name]) for name, weight in models.weights_of(model).items())
    assert all(weight.grad is None and weight.requires_grad for weight in model.parameters())
