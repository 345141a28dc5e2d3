"""What each training step reads, as a function of the recipe and the step's number alone.

Nothing is carried from step to step, so a run resumes anywhere without replaying anything. Steps come in pools of
eight: a pool's mazes are drawn together and dealt out by length, so that the rows of one step are about equally long
and little of it is padding; the order of the steps within a pool is shuffled.
"""

from collections.abc import Iterator

import numpy as np

from maze_interp import mazes, seeds
from maze_interp.mazes import MazeBatch
from maze_interp.tokens import TokenBatch
from maze_interp.training.recipe import TrainingRecipe

POOL = 8


def batches(recipe: TrainingRecipe, first_step: int = 0) -> Iterator[TokenBatch]:
    """The sequences of step `first_step` and of each after it, until the recipe's last.

    A batch has mazes_per_step * paths_per_maze rows; paths through one maze are neighbours and share their edge order.
    """
    baked = mazes.load_baked(recipe.dataset, mazes.TRAIN) if recipe.dataset else None
    for pool in range(first_step // POOL, -(-recipe.steps // POOL)):
        fresh = _stream_pool(recipe, pool) if baked is None else _epoch_pool(recipe, baked, pool)
        for step, batch in enumerate(_deal(recipe, fresh, pool), start=pool * POOL):
            if first_step <= step < recipe.steps:
                yield batch


def _stream_pool(recipe: TrainingRecipe, pool: int) -> MazeBatch:
    """Fresh training mazes, each repeated with `paths_per_maze` draws of its endpoints."""
    seed = seeds.derive(recipe.seed, "pool", pool)
    count = POOL * recipe.mazes_per_step
    fresh, _ = mazes.take(recipe.world, count, seed=seed, split=mazes.TRAIN)
    passages = np.repeat(fresh.passages, recipe.paths_per_maze, axis=0)
    start, goal = mazes.draw_endpoints(passages, seed=seeds.derive(seed, "paths"), min_length=recipe.world.min_length)
    return MazeBatch(passages, start, goal)


def _epoch_pool(recipe: TrainingRecipe, baked: MazeBatch, pool: int) -> MazeBatch:
    """The pool's share of an endless row of epochs, each a fresh permutation of the baked mazes."""
    count = POOL * recipe.mazes_per_step
    places = np.arange(pool * count, (pool + 1) * count)
    epochs = places // len(baked)
    orders = {epoch: seeds.generator(recipe.seed, "epoch", int(epoch)).permutation(len(baked)) for epoch in set(epochs)}
    return baked[np.array([orders[epoch][place % len(baked)] for epoch, place in zip(epochs, places, strict=True)])]


def _deal(recipe: TrainingRecipe, fresh: MazeBatch, pool: int) -> Iterator[TokenBatch]:
    """A pool's mazes as one batch of sequences for each of its steps."""
    tokenizer, group = recipe.model.tokenizer, recipe.paths_per_maze
    seed = seeds.derive(recipe.seed, "pool", pool)
    order = tokenizer.draw_edge_order(fresh.passages[::group], seed=seeds.derive(seed, "edge order"))
    paths = mazes.solve(fresh, seed=seeds.derive(seed, "ties"))
    tokens = tokenizer.encode(fresh, paths, edge_order=np.repeat(order, group, axis=0))
    by_length = np.argsort(tokens.length.reshape(-1, group).sum(axis=1), kind="stable")
    for step in seeds.generator(seed, "order of steps").permutation(POOL):
        chosen = by_length[step * recipe.mazes_per_step : (step + 1) * recipe.mazes_per_step]
        yield tokens[(chosen[:, None] * group + np.arange(group)).ravel()]
