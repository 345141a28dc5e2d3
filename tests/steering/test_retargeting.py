"""On a model that copies its goal, the goal is moved by its vector, by a transplant and by the head that writes it."""

import numpy as np
import pytest

from maze_interp import mazes, steering, tokens
from maze_interp.mazes import World
from maze_interp.steering import retargeting
from tests import handset


@pytest.fixture(scope="module")
def known():
    """The copier says its goal, again and again; wishes of 30 mazes, and the vectors of goals."""
    model = handset.copier()
    batch = mazes.draw(World("wilson", 3, 3), 30, seed=0)
    wish = retargeting.goal_wishes(batch, model.maze_tokenizer, seed=0)
    return model, wish, retargeting.goal_vectors(model, batch[:4], seed=1), batch


def says(model, wish, changes=()):
    """Which walks are of the new goal alone, and which of the old."""
    cells = steering.walk(model, wish.told, wish.prompts, changes, limit=3).paths.cells
    return [(cells == goal[:, None]).all(axis=1).mean() for goal in (wish.wished.goal, wish.told.goal)]


def test_the_goal_is_moved_along_its_vector_and_not_along_a_random_one(known):
    model, wish, vectors, _ = known
    assert says(model, wish) == [0.0, 1.0]
    changes = retargeting.toward(wish, vectors[0], retargeting.site_of(0), "goal")
    assert says(model, wish, changes) == [1.0, 0.0]
    strayed = [steering.Change(c.site, c.where, steering.astray(c.edit, seed=0)) for c in changes]
    assert says(model, wish, strayed)[0] == 0.0
    assert says(model, wish, retargeting.toward(wish, vectors[0], retargeting.site_of(0), "behind")) == [0.0, 1.0]


def test_taking_away_and_adding_are_told_apart(known):
    model, wish, vectors, _ = known
    away = retargeting.toward(wish, vectors[0], retargeting.site_of(0), "goal", add=0.0, subtract=2.0)
    assert says(model, wish, away)[1] < 0.1
    nothing = retargeting.toward(wish, vectors[0], retargeting.site_of(0), "goal", add=0.0, subtract=0.0)
    assert says(model, wish, nothing) == [0.0, 1.0]


def test_a_transplanted_goal_is_the_goal_before_the_layer_that_reads_it_and_nothing_after(known):
    model, wish, _, _ = known
    for own in (True, False):
        assert says(model, wish, retargeting.transplanted(model, wish, [0], seed=2, own=own)) == [1.0, 0.0]
        assert says(model, wish, retargeting.transplanted(model, wish, [1], seed=2, own=own)) == [0.0, 1.0]


def test_only_the_head_that_copies_writes_goals(known):
    model, _, _, batch = known
    sizes = [abs(one).max() for one in retargeting.head_vectors(model, batch[:4], 0, seed=1)]
    assert sizes[handset.COPIES] > 0.1
    assert max(np.delete(sizes, handset.COPIES)) < 1e-6


def test_new_goals_are_as_far_from_the_old_path_as_is_said(known):
    _, wish, _, batch = known
    assert ((wish.wished.goal != batch.goal) & (wish.wished.goal != batch.start)).all()
    paths = mazes.solve(batch)
    away = mazes.distances(batch.passages, wish.wished.goal)
    for row in range(len(wish)):
        assert away[row, paths.cells[row, : paths.length[row]]].min() == wish.distance[row]
    assert len(np.unique(wish.distance)) >= 3
    differ = wish.prompts.ids != wish.rewritten.ids
    assert (differ.sum(axis=1) == 1).all()
    assert differ[:, handset.GOAL_AT].all()


def test_what_cannot_be_retargeted_is_refused(known):
    _, wish, vectors, batch = known
    with pytest.raises(ValueError, match="not scheme 'no_target'"):
        retargeting.goal_wishes(batch, tokens.Tokenizer("no_target", 3, 3), seed=0)
    with pytest.raises(ValueError, match="did you mean 'goal'"):
        retargeting.toward(wish, vectors[0], retargeting.site_of(0), "goals")
