"""A model can be trained, walked and judged in every language that mazes are written in."""

from dataclasses import replace

import numpy as np
import pytest

from maze_interp import behaviour, mazes, models, training
from maze_interp.tokens import NOT_WRITTEN, SCHEMES
from tests import tiny


def recipe(scheme: str) -> training.TrainingRecipe:
    """Two steps; several paths a maze where the scheme can share the reading of one."""
    several = 2 if SCHEMES[scheme].shares_prompts else 1
    return replace(
        tiny.QUICK,
        steps=2,
        checkpoints=1,
        paths_per_maze=several,
        model=replace(tiny.SHAPE, scheme=scheme),
        validation=replace(tiny.QUICK.validation, every=2, mazes=4),
    )


@pytest.mark.parametrize("scheme", SCHEMES)
def test_two_steps_a_walk_and_a_judgement(scheme, tmp_path):
    run = training.train(recipe(scheme), tmp_path / "run")
    model = models.load(run.folder)
    assert model.cfg.d_vocab == model.maze_tokenizer.vocabulary.size
    assert model.cfg.n_ctx == model.maze_tokenizer.max_length()
    assert np.isfinite(run.metrics[-1]["loss"])
    drawn = mazes.draw(run.recipe.world, 12, seed=1)
    solutions = mazes.solve(drawn)
    walked = models.rollout(model, drawn)
    rows = behaviour.evaluate(drawn, walked, solutions, seed=0)
    assert {row.measure for row in rows} == set(behaviour.METRICS)
    tokens = model.maze_tokenizer.encode(drawn, solutions, seed=0)
    logits = models.forced_logits(model, tokens)
    forced = behaviour.score_forced(behaviour.predictions(logits, tokens), drawn, model.maze_tokenizer, seed=0)
    assert {"every_token", "token_accuracy", "loss"} <= {row.measure for row in forced}
    assert {"path_start", "path_end"} <= {row.measure for row in behaviour.score_tasks(logits, tokens, seed=0)}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_rollout_is_the_plainest_loop(scheme):
    drawn = mazes.draw(mazes.World("wilson", 3, 3), 6, seed=1)
    seen = set()
    for seed in range(4):
        model = tiny.talkative(seed, scheme=scheme, rows=3, cols=3)
        tokenizer = model.maze_tokenizer
        limit, prompts = tokenizer.longest_path(), tokenizer.encode_prompts(drawn, seed=5)
        rows = zip(prompts.ids, prompts.length, strict=True)
        written = [tiny.greedy(model, row[:length], limit) for row, length in rows]
        expected = tokenizer.paths(np.array([row + [NOT_WRITTEN] * (limit - len(row)) for row in written]), drawn)
        paths = models.rollout(model, drawn, seed=5, batch=4)
        steps = paths.length.max()
        assert (paths.ended == expected.ended).all()
        assert (paths.length == expected.length).all()
        assert (paths.cells[:, :steps] == expected.cells[:, :steps]).all()
        seen |= {tuple(row) for row in written}
    assert len(seen) > 4
