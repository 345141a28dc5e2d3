"""Wishes are what they say, and movers move what samples speak of."""

import numpy as np
import pytest
import torch

from maze_interp import mazes, steering, tokens
from maze_interp.mazes import World
from maze_interp.models import Site, access
from maze_interp.steering import NO_EDGE, passages
from tests import tiny

TOKENIZER = tokens.Tokenizer(rows=4, cols=4)


@pytest.fixture(scope="module")
def pairs():
    batch = mazes.draw(World(rows=4, cols=4), 60, seed=0)
    return mazes.move_passage(batch, mazes.decisions(batch, mazes.solve(batch)), seed=0)


@pytest.fixture(scope="module")
def wishes(pairs):
    return steering.wishes(pairs, TOKENIZER, seed=0)


def test_prompts_tell_of_the_mazes_and_differ_by_the_passage(wishes):
    for wish in wishes.values():
        for batch, prompts in ((wish.told, wish.prompts), (wish.wished, wish.rewritten)):
            read, _ = TOKENIZER.parse(TOKENIZER.text(prompts))
            np.testing.assert_array_equal(read.passages, batch.passages)
        told, wished = (one.passages.reshape(len(wish), -1).copy() for one in (wish.told, wish.wished))
        for row in range(len(wish)):
            told[row, wish.removed[row : row + 1][wish.removed[row : row + 1] != NO_EDGE]] = False
            told[row, wish.added[row : row + 1][wish.added[row : row + 1] != NO_EDGE]] = True
        np.testing.assert_array_equal(told, wished)


def test_to_add_is_to_remove_backwards_and_both_ways_to_the_goal_are_unique(wishes):
    add, remove = wishes["add"], wishes["remove"]
    np.testing.assert_array_equal(add.prompts.ids, remove.rewritten.ids)
    np.testing.assert_array_equal(add.rewritten.ids, remove.prompts.ids)
    np.testing.assert_array_equal(add.added, remove.removed)
    assert (mazes.solve(add.told).length > mazes.solve(add.wished).length).all()
    for wish in wishes.values():
        assert (mazes.shortest_path_counts(wish.told) == 1).all()
        told, wished = mazes.solve(wish.told), mazes.solve(wish.wished)
        assert not mazes.paths.exact(told, wished).any()


def test_the_separator_ends_the_edge_to_be_removed(wishes):
    wish = wishes["move"]
    ends = mazes.edge_ends(4, 4)[wish.removed]
    row = np.arange(len(wish))
    assert (wish.prompts.ids[row, wish.separator] == TOKENIZER.vocabulary.tokens.index(";")).all()
    named = np.sort([wish.prompts.cell[row, wish.separator - back] for back in (1, 3)], axis=0).T
    np.testing.assert_array_equal(named, ends)
    differ = wish.prompts.ids != wish.rewritten.ids
    near = np.arange(differ.shape[1]) - wish.separator[:, None]
    assert not differ[(near < -3) | (near >= 0)].any()


def test_what_is_read_is_what_the_network_holds_there():
    model, batch = tiny.model(), mazes.draw(World(rows=4, cols=4), 5, seed=1)
    read = steering.spoken(model, batch, 1, seed=3, at_once=2)
    order = TOKENIZER.draw_edge_order(batch.passages, seed=3)
    prompts = TOKENIZER.encode_prompts(batch, edge_order=order)

    site = Site("resid_post", 0)
    values = access.run(model, torch.from_numpy(prompts.ids).long(), read=[site]).values[site].detach().numpy()
    separators, *at_words = read[1]
    np.testing.assert_allclose(separators.values, values[passages.separators(prompts)], atol=1e-4)
    np.testing.assert_array_equal(separators.has.argmax(axis=1), (order[order >= 0] >> 1))
    assert len(at_words) == 8
    for word, one in enumerate(at_words):
        np.testing.assert_allclose(one.values, values[:, prompts.ids.shape[1] - 8 + word], atol=1e-4)
        np.testing.assert_array_equal(one.has, batch.passages.reshape(5, -1))


def planted(count=3000, *, seed=0):
    """Values that are the sum of a direction for each of six edges that are open, more often together, and noise."""
    rng = np.random.default_rng(seed)
    has = rng.random((count, 7)) < 0.5
    has[:, 1] |= has[:, 0] & (rng.random(count) < 0.8)
    has[:, 6] = True
    ways = rng.normal(size=(7, 20))
    return has @ ways + 0.1 * rng.normal(size=(count, 20)), has, ways


@pytest.mark.parametrize("method", ["means", "regression", "erase"])
def test_a_mover_says_that_an_edge_is_open_as_the_planted_values_would(method):
    """To within a tenth of the planted direction, in what tells edges apart; an edge always there is left alone."""
    x, has, ways = planted()
    has[:, 1] = np.random.default_rng(1).random(len(has)) < 0.5  # independent, so that means are effects
    x = has @ ways + 0.1 * np.random.default_rng(2).normal(size=x.shape)
    move = steering.mover(method, x, has)
    rows = np.array([0, 1, 2])
    removed, added = np.array([NO_EDGE, 2, 6]), np.array([3, NO_EDGE, NO_EDGE])
    start = x[rows] - has[rows][:, [2, 3]] @ ways[[2, 3]] + np.array([[0, 0], [1, 0], [1, 1]]) @ ways[[2, 3]]
    change = move(start, removed, added, 1.0) - start
    decode = np.linalg.lstsq(ways.T, change.T, rcond=None)[0]
    expected = np.zeros((7, 3))
    expected[3, 0], expected[2, 1] = 1.0, -0.5 if method == "erase" else -1.0
    np.testing.assert_allclose(decode, expected, atol=0.12)


def test_probes_scores_come_to_where_they_lie_for_such_edges():
    x, has, _ = planted()
    design = np.c_[x, np.ones(len(x))]
    probes = np.linalg.lstsq(design, has, rcond=None)[0]
    rows, removed, added = np.array([0, 1]), np.array([2, NO_EDGE]), np.array([3, 0])
    move = steering.mover("probe", x, has)
    scores = np.c_[move(x[rows], removed, added, 1.0), np.ones(2)] @ probes
    np.testing.assert_allclose([scores[0, 2], scores[0, 3], scores[1, 0]], [0.0, 1.0, 1.0], atol=0.05)
    np.testing.assert_array_equal(move(x[rows], removed, added, 0.0), x[rows])


def test_regression_is_not_fooled_by_edges_that_come_together_as_means_are():
    x, has, ways = planted()
    rows, none = np.zeros(1, int), np.full(1, NO_EDGE)
    pushes = {
        name: steering.mover(name, x, has)(x[rows], none, rows, 1.0) - x[rows] for name in ("means", "regression")
    }
    error = {name: np.linalg.norm(push - ways[0]) for name, push in pushes.items()}
    assert error["regression"] < 0.1 < 0.3 < error["means"]


def test_what_cannot_be_steered_is_refused(pairs):
    with pytest.raises(ValueError, match="not scheme 'directions'"):
        steering.wishes(pairs, tokens.Tokenizer("directions", 4, 4), seed=0)
    with pytest.raises(ValueError, match="differ in length"):
        steering.wishes(pairs[:0], TOKENIZER, seed=0)
    with pytest.raises(ValueError, match="did you mean 'means'"):
        steering.mover("mean", np.zeros((2, 3)), np.zeros((2, 3), bool))
