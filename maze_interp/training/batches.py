"""What each training step reads, as a function of the recipe and the step's number alone.

Nothing is carried from step to step, so a run resumes anywhere without replaying anything. Steps come in pools of
eight: a pool's mazes are drawn together and dealt out by length, so that the rows of one step are about equally long
and little of it is padding; the order of the steps within a pool is shuffled.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from maze_interp import mazes, recipes, seeds
from maze_interp.mazes import MazeBatch
from maze_interp.tokens import TokenBatch
from maze_interp.training.recipe import TrainingRecipe

POOL = 8


def batches(recipe: TrainingRecipe, first_step: int = 0) -> Iterator[TokenBatch]:
    """The sequences of step `first_step` and of each after it, until the recipe's last.

    A batch has mazes_per_step * paths_per_maze rows; paths through one maze are neighbours and share their edge order.
    """
    baked = baked_mazes(recipe)
    for pool in range(first_step // POOL, -(-recipe.steps // POOL)):
        asked = _asked(recipe, pool, baked)
        for step, batch in enumerate(_deal(recipe, asked, pool), start=pool * POOL):
            if first_step <= step < recipe.steps:
                yield batch


def baked_mazes(recipe: TrainingRecipe) -> MazeBatch | None:
    """The training split of the recipe's baked set, or None without one.

    Raises ValueError if the set was baked from another world than the recipe names, or has no training mazes.
    """
    if not recipe.dataset:
        return None
    world = recipes.load(mazes.DatasetRecipe, Path(recipe.dataset) / "recipe.toml").world
    if world != recipe.world:
        raise ValueError(f"{recipe.dataset} was baked from {world}, but the recipe's world is {recipe.world}")
    baked = mazes.load_baked(recipe.dataset, mazes.TRAIN)
    if not len(baked):
        raise ValueError(f"{recipe.dataset} has no training mazes")
    return baked


def pool_mazes(recipe: TrainingRecipe, pool: int, baked: MazeBatch | None = None) -> MazeBatch:
    """The POOL * mazes_per_step mazes of a pool: the stream's next ones, or their share of the epochs over `baked`."""
    count = POOL * recipe.mazes_per_step
    if baked is None:
        world = recipe.world_at(pool * POOL)
        return mazes.take(world, count, seed=seeds.derive(recipe.seed, "pool", pool), split=mazes.TRAIN)[0]
    places = np.arange(pool * count, (pool + 1) * count)
    epochs, within = np.divmod(places, len(baked))
    orders = {
        epoch: seeds.generator(recipe.seed, "epoch", epoch).permutation(len(baked)) for epoch in set(epochs.tolist())
    }
    return baked[np.array([orders[epoch][place] for epoch, place in zip(epochs.tolist(), within, strict=True)])]


def _asked(recipe: TrainingRecipe, pool: int, baked: MazeBatch | None) -> MazeBatch:
    """Each maze of the pool `paths_per_maze` times in a row, with endpoints of their own; one path keeps the maze's."""
    if recipe.paths_per_maze == 1:
        return pool_mazes(recipe, pool, baked)
    count, seed = POOL * recipe.mazes_per_step, seeds.derive(recipe.seed, "pool", pool)
    paths_seed = seeds.derive(recipe.seed, "pool", pool, "paths")
    world = recipe.world_at(pool * POOL)
    return mazes.take_paths(world, count, recipe.paths_per_maze, seed=seed, paths_seed=paths_seed, split=mazes.TRAIN)[0]


def _deal(recipe: TrainingRecipe, asked: MazeBatch, pool: int) -> Iterator[TokenBatch]:
    """A pool's mazes as one batch of sequences for each of its steps."""
    tokenizer, group = recipe.model.tokenizer, recipe.paths_per_maze
    seed = seeds.derive(recipe.seed, "pool", pool)
    order = tokenizer.draw_edge_order(asked.passages[::group], seed=seeds.derive(seed, "edge order"))
    paths = mazes.solve(asked, seed=seeds.derive(seed, "ties"))
    tokens = tokenizer.encode(asked, paths, edge_order=np.repeat(order, group, axis=0))
    by_length = np.argsort(tokens.length.reshape(-1, group).sum(axis=1), kind="stable")
    for step in seeds.generator(seed, "order of steps").permutation(POOL):
        chosen = by_length[step * recipe.mazes_per_step : (step + 1) * recipe.mazes_per_step]
        yield tokens[(chosen[:, None] * group + np.arange(group)).ravel()]
