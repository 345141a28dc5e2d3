import numpy as np
import pytest
import torch

from maze_interp import mazes, models
from maze_interp.behaviour import POLICIES, neighbours, of_model, of_policy
from maze_interp.mazes import NO_CELL, World
from tests import tiny

TREES = World("wilson", 4, 4)


def some(count=6, seed=0, world=TREES):
    drawn = mazes.draw(world, count, seed=seed)
    return drawn, mazes.solve(drawn, seed=seed)


@pytest.mark.parametrize("scheme", ["adjacency_list", "directions"])
def test_a_model_chooses_as_its_plain_logits_say(scheme):
    """Against a slow reading of HookedTransformer itself, one step of one maze at a time."""
    built = tiny.model(rows=5, cols=5, scheme=scheme)
    held_out, paths = some()
    tokenizer = built.maze_tokenizer
    ways = of_model(built, seed=3).choose(held_out, paths)
    assert ways.shape == (*paths.cells.shape, 4)
    around = neighbours.adjacent(4, 4)
    compass = ["SOUTH", "EAST", "NORTH", "WEST"]
    for maze, text in enumerate(tokenizer.text(tokenizer.encode(held_out, paths, seed=3))):
        words = text.split()
        start = words.index("<PATH_START>")
        names = list(tokenizer.vocabulary.tokens)
        p = built(torch.tensor([[names.index(word) for word in words]]))[0].softmax(dim=-1).detach()
        for step in range(paths.length[maze]):
            here = int(paths.cells[maze, step])
            at = start + step + (scheme == "adjacency_list")
            for way, there in enumerate(around[here]):
                name = f"({there // 4},{there % 4})" if scheme == "adjacency_list" else compass[way]
                expected = 0.0 if there == NO_CELL else float(p[at, names.index(name)])
                assert ways[maze, step, way] == pytest.approx(expected, abs=1e-5)
        assert np.isnan(ways[maze, paths.length[maze] :]).all()


def test_a_model_reads_the_edges_in_the_order_it_is_given():
    built = tiny.model(rows=4, cols=4)
    walker = of_model(built, seed=3)
    held_out, paths = some()
    order = built.maze_tokenizer.draw_edge_order(held_out.passages, seed=3)
    assert np.allclose(walker.choose(held_out, paths, order), walker.choose(held_out, paths), equal_nan=True)
    other = built.maze_tokenizer.draw_edge_order(held_out.passages, seed=4)
    assert np.nanmax(abs(walker.choose(held_out, paths, other) - walker.choose(held_out, paths))) > 1e-3


def test_a_model_may_be_led_along_a_path_that_does_not_end():
    """What it expects depends on the steps before alone, so a path cut short gives the same beginning."""
    walker = of_model(tiny.model(rows=4, cols=4), seed=0)
    held_out, paths = some()
    kept = np.minimum(paths.length, 2)
    short = mazes.PathBatch(paths.cells[:, :2], kept, np.full(len(paths), mazes.CUT))
    assert np.allclose(walker.choose(held_out, short), walker.choose(held_out, paths)[:, :2], atol=1e-6)


def test_a_model_walks_as_it_rolls_out():
    built = tiny.talkative(rows=4, cols=4)
    held_out, _ = some(20)
    walked, rolled = of_model(built, seed=5).walk(held_out), models.rollout(built, held_out, seed=5)
    assert np.array_equal(walked.cells, rolled.cells)
    assert np.array_equal(walked.ended, rolled.ended)


def test_a_scheme_without_a_token_a_move_names_no_ways():
    with pytest.raises(ValueError, match="does not write a move as one token"):
        of_model(tiny.model(rows=4, cols=4, scheme="coordinates"), seed=0)


@pytest.mark.parametrize("name", POLICIES)
def test_a_solver_walks_where_it_says_it_would(name):
    """Each step of its walks has a probability of its own choosing, and the probabilities of a step sum to 1."""
    held_out, _ = some(50)
    walker = of_policy(POLICIES[name], seed=1, name=name)
    walked = walker.walk(held_out)
    assert np.array_equal(walked.cells, walker.walk(held_out).cells)
    ways = walker.choose(held_out, walked)
    goes_on = np.arange(walked.cells.shape[1]) < walked.length[:, None] - 1
    assert np.allclose(ways[goes_on].sum(axis=-1), 1.0)
    around = neighbours.adjacent(4, 4)[walked.cells[:, :-1]]
    taken = around == walked.cells[:, 1:, None]
    assert (ways[:, :-1][taken & goes_on[:, :-1, None]] > 0).all()


def test_a_solver_knows_where_it_came_from():
    held_out, paths = some()
    ways = of_policy(POLICIES["baseline"], seed=0, name="baseline").choose(held_out, paths)
    back = neighbours.adjacent(4, 4)[paths.cells[:, 1:]] == paths.cells[:, :-1, None]
    more = (mazes.degrees(held_out.passages)[np.arange(6)[:, None], paths.cells[:, 1:]] > 1)[..., None]
    led = (np.arange(1, paths.cells.shape[1]) < paths.length[:, None])[..., None]
    assert (ways[:, 1:][back & more & led] == 0).all()
