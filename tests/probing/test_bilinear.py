"""A bilinear probe finds a cell that query and keys name in a common language, and nothing in noise."""

import numpy as np
import pytest

from maze_interp import mazes, probing
from maze_interp.mazes import World
from maze_interp.models import Site
from maze_interp.probing import bilinear
from tests import tiny

WORLD = World("wilson", 3, 3, min_length=3)
RNG = np.random.default_rng(0)


def planted(count, shuffle=False):
    """Queries that hold a random code of one of nine cells, keys that hold the same cells' codes turned round."""
    codes, turn = np.random.default_rng(1).normal(size=(9, 16)), np.random.default_rng(2).normal(size=(16, 16)) / 4
    right = RNG.integers(0, 9, size=count)
    query = codes[right] + 0.3 * RNG.normal(size=(count, 16))
    place = np.argsort(RNG.random((count, 9)), axis=1)  # which code each cell has differs from maze to maze
    keys = codes[place] @ turn + 0.3 * RNG.normal(size=(count, 9, 16))
    answer = (place == right[:, None]).argmax(axis=1)
    given = bilinear.Read(query.astype(np.float32), keys.astype(np.float32), np.arange(count))
    return given, RNG.permutation(answer) if shuffle else answer


@pytest.mark.parametrize("shuffle", [False, True])
def test_a_planted_cell_is_found_and_a_shuffled_one_is_not(shuffle):
    """Right by chance: 1/9 of 300, whose standard deviation is 0.018."""
    probe = bilinear.fit(planted(600, shuffle), planted(200, shuffle), seed=0, rank=8, epochs=12, rate=1e-2)
    given, answer = planted(300, shuffle)
    right = (probe.predict(given).argmax(axis=1) == answer).mean()
    assert right < 0.2 if shuffle else right > 0.9
    again = bilinear.fit(planted(600, shuffle), planted(200, shuffle), seed=0, rank=8, epochs=0)
    assert again.left.shape == (16, 8)


def test_keys_are_read_where_a_cell_was_named_last():
    model = tiny.model(1, rows=3, cols=3)
    batch = mazes.draw(WORLD, 30, seed=1)
    asked = probing.ask(model.maze_tokenizer, batch, "current", seed=2)
    named = bilinear.named_last(asked)
    assert len(named) == 30 * 9
    assert np.array_equal(asked.tokens.cell[named.maze, named.position], np.tile(np.arange(9), 30))
    goal = named.position.reshape(30, 9)[np.arange(30), batch.goal]
    assert np.array_equal(goal, probing.ask(model.maze_tokenizer, batch, "goal", seed=2).position)
    given = bilinear.read_both(model, asked, Site("resid_post", 1))
    assert given.query.shape == (30, 32)
    assert given.keys.shape == (30, 9, 32)
    site, at_goal = Site("resid_post", 1), probing.ask(model.maze_tokenizer, batch, "goal", seed=2)
    read = probing.read(model, at_goal, [site])[site]
    assert np.allclose(given.keys[np.arange(30), batch.goal], read, rtol=1e-4, atol=1e-4)


def test_answers_are_cells_and_some_samples_have_none():
    model = tiny.model(1, rows=3, cols=3)
    asked = probing.ask(model.maze_tokenizer, mazes.draw(WORLD, 30, seed=1), "path", seed=2)
    truth = probing.labels(asked, ["ahead_2"]).values["ahead_2"][:, 0]
    answer = bilinear.answers(asked, "ahead_2")
    assert np.array_equal(answer < 0, np.isnan(truth))
    assert (answer[answer >= 0] == truth[answer >= 0]).all()


def test_what_it_cannot_answer_is_refused():
    model = tiny.model(1, rows=3, cols=3)
    batch = mazes.draw(WORLD, 30, seed=1)
    asked = probing.ask(model.maze_tokenizer, batch, "current", seed=2)
    with pytest.raises(ValueError, match="answers with a cell, so 'next_step' is none of its targets: current, goal"):
        bilinear.answers(asked, "next_step")
    with pytest.raises(ValueError, match="a bilinear probe of 16 features needs as many mazes, not 10"):
        bilinear.fit(planted(10), planted(10), seed=0)
    closed = mazes.MazeBatch(batch.passages[:2].copy(), np.array([0, 0]), np.array([1, 1]))
    closed.passages[:] = False
    closed.passages[:, 1, 0, 0] = True
    lonely = probing.ask(model.maze_tokenizer, closed, "current", seed=2)
    with pytest.raises(ValueError, match="the prompt of maze 0 never names cell 2"):
        bilinear.named_last(lonely)
