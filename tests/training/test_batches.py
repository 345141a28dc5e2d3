"""What a step reads is a function of its number: however it is asked for, and never a held-out maze."""

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maze_interp import mazes, seeds, training
from maze_interp.mazes import DatasetRecipe, Mixture, World
from maze_interp.tokens import EDGE
from maze_interp.training.batches import POOL, held_mazes, pool_mazes
from tests import oracles, tiny

RAGGED = replace(
    tiny.QUICK,
    steps=20,
    mazes_per_step=3,
    world=tiny.RAGGED,
    model=replace(tiny.SHAPE, rows=4, cols=4),
    paths_per_maze=3,
)
LARGER_VOCABULARY = replace(tiny.QUICK, model=replace(tiny.SHAPE, rows=5, cols=4, order="corner_first"))
SIZES = Mixture(
    {"small": World(rows=2, cols=2), "sparse": World("percolation", 3, 3, {"p": 0.5}, filters={"path_forks": (0, 1)})},
    {"small": 0.25, "sparse": 0.75},
    rows=4,
    cols=4,
    place="random",
)
RECIPES = {
    "quick": tiny.QUICK,
    "ragged": RAGGED,
    "larger vocabulary": LARGER_VOCABULARY,
    "mixture": replace(RAGGED, world=SIZES),
    "only the first": replace(RAGGED, only_first=10),
}
every_recipe = pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES.keys())


def read(recipe, tokens):
    """The mazes and paths that a batch wrote, by way of its text."""
    tokenizer = recipe.model.tokenizer
    return tokenizer.parse(tokenizer.text(tokens), recipe.world.rows, recipe.world.cols)


def hashes(recipe, tokens):
    return mazes.passage_hash(read(recipe, tokens)[0].passages)[:: recipe.paths_per_maze].tolist()


@pytest.fixture(scope="module")
def baked(tmp_path_factory):
    """A folder of 21 baked mazes, and those mazes."""
    folder = tmp_path_factory.mktemp("baked") / "set"
    mazes.bake(DatasetRecipe("set", World(rows=3, cols=3), 21, 1, 1, "a test"), folder)
    return str(folder), mazes.load_baked(folder)


@every_recipe
@settings(oracles.repeatable, max_examples=10)
@given(first=st.integers(0, 20))
def test_a_batch_depends_on_its_step_alone(recipe, first):
    whole, later = list(training.batches(recipe)), list(training.batches(recipe, first))
    assert len(whole) == recipe.steps
    assert len(later) == recipe.steps - first
    for one, two in zip(whole[first:], later, strict=True):
        assert np.array_equal(one.ids, two.ids)
        assert np.array_equal(one.graded, two.graded)


@every_recipe
def test_a_longer_run_begins_like_a_shorter_one_and_another_seed_does_not(recipe):
    whole = list(training.batches(recipe))
    shorter = list(training.batches(replace(recipe, steps=11)))
    assert all(np.array_equal(one.ids, two.ids) for one, two in zip(shorter, whole, strict=False))
    other = list(training.batches(replace(recipe, seed=1)))
    assert not any(np.array_equal(one.ids, two.ids) for one, two in zip(whole, other, strict=True))


@every_recipe
def test_every_sequence_is_a_shortest_path_and_its_neighbours_share_their_prompt(recipe):
    for tokens in training.batches(replace(recipe, steps=8)):
        assert len(tokens) == recipe.mazes_per_step * recipe.paths_per_maze
        batch, paths = read(recipe, tokens)
        assert mazes.paths.optimal(batch, paths).all()
        prompts = np.where(tokens.part == EDGE, tokens.ids, -1).reshape(-1, recipe.paths_per_maze, tokens.ids.shape[1])
        assert (prompts == prompts[:, :1]).all()


@every_recipe
def test_no_held_out_maze_is_ever_read(recipe):
    fed = [h for tokens in training.batches(replace(recipe, steps=64)) for h in hashes(recipe, tokens)]
    assert (mazes.split_of(np.array(fed, np.uint64)) == mazes.TRAIN).all()
    world = mazes.draw(recipe.world, 500, seed=0)  # while the world does hold others
    assert len(np.unique(mazes.split_of(mazes.passage_hash(world.passages)))) == 3


@every_recipe
def test_a_pool_deals_each_of_its_mazes_once_and_by_length(recipe):
    steps = list(training.batches(replace(recipe, steps=2 * POOL)))
    for pool in range(2):
        dealt = steps[pool * POOL : (pool + 1) * POOL]
        drawn = mazes.passage_hash(pool_mazes(recipe, pool, held_mazes(recipe)).passages)
        assert Counter(drawn.tolist()) == Counter(h for tokens in dealt for h in hashes(recipe, tokens))
        sums = [tokens.length.reshape(-1, recipe.paths_per_maze).sum(axis=1) for tokens in dealt]
        ordered = sorted(sums, key=lambda lengths: (lengths.min(), lengths.max()))
        assert all(one.max() <= two.min() for one, two in pairwise(ordered))


def test_pools_differ():
    one, two = (mazes.passage_hash(pool_mazes(RAGGED, pool).passages) for pool in (0, 1))
    assert not np.array_equal(np.sort(one), np.sort(two))


def test_an_epoch_visits_each_baked_maze_once_with_its_own_endpoints(baked):
    folder, held = baked
    recipe = replace(tiny.QUICK, dataset=folder, paths_per_maze=1, mazes_per_step=5, steps=5 * POOL)
    dealt = [key for pool in range(5) for key in keys(pool_mazes(recipe, pool, held))]
    epochs = [dealt[at : at + 21] for at in range(0, 9 * 21, 21)]  # none ends where a pool does
    assert all(sorted(epoch) == sorted(keys(held)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 9  # each in an order of its own
    assert Counter(dealt) == Counter(
        key for tokens in training.batches(recipe) for key in keys(read(recipe, tokens)[0])
    )


def test_an_epoch_visits_each_of_the_first_mazes_once_with_the_same_paths_again():
    recipe = replace(RAGGED, only_first=8, mazes_per_step=2, steps=4 * POOL)  # a pool is two epochs
    held = held_mazes(recipe)
    first, _ = mazes.take(recipe.world, 8, seed=seeds.derive(recipe.seed, "only first"), split=mazes.TRAIN)
    assert np.array_equal(held.passages, np.repeat(first.passages, 3, axis=0))
    wanted = Counter(keys(held))
    assert len(wanted) > 16  # several paths through each
    texts = Counter()
    for pool in range(4):
        dealt = list(training.batches(replace(recipe, steps=(pool + 1) * POOL), pool * POOL))
        fed = Counter(key for tokens in dealt for key in keys(read(recipe, tokens)[0]))
        assert fed == Counter({key: 2 * count for key, count in wanted.items()})
        texts += Counter(text for tokens in dealt for text in recipe.model.tokenizer.text(tokens))
    assert len(texts) > 4 * len(wanted)  # written anew each time


def keys(batch):
    return [(p.tobytes(), s, g) for p, s, g in zip(batch.passages, batch.start, batch.goal, strict=True)]


def test_an_epoch_writes_a_maze_in_a_new_order(baked):
    folder, _ = baked
    recipe = replace(tiny.QUICK, dataset=folder, paths_per_maze=1, mazes_per_step=21, steps=16)
    texts = Counter(text for tokens in training.batches(recipe) for text in recipe.model.tokenizer.text(tokens))
    assert max(texts.values()) == 1


def test_a_missing_data_set_is_named():
    recipe = replace(tiny.QUICK, dataset="nowhere", paths_per_maze=1)
    with pytest.raises((ValueError, OSError), match="nowhere"):
        next(training.batches(recipe))
