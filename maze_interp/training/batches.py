"""What each training step reads, as a function of the recipe and the step's number alone.

Nothing is carried from step to step, so a run resumes anywhere without replaying anything. Steps come in pools of
eight: a pool's mazes are drawn together and dealt out by length, so that the rows of one step are about equally long
and little of it is padding; the order of the steps within a pool is shuffled.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Int

from maze_interp import mazes, recipes, seeds
from maze_interp.mazes import MazeBatch, Mixture, World
from maze_interp.tokens import TokenBatch
from maze_interp.training.recipe import TrainingRecipe

POOL = 8


def batches(recipe: TrainingRecipe, first_step: int = 0) -> Iterator[TokenBatch]:
    """The sequences of step `first_step` and of each after it, until the recipe's last.

    A batch has mazes_per_step * paths_per_maze rows; paths through one maze are neighbours and share their edge order.
    """
    held = held_mazes(recipe)
    for pool in range(first_step // POOL, -(-recipe.steps // POOL)):
        asked = asked_mazes(recipe, pool, held)
        for step, batch in enumerate(_deal(recipe, asked, pool), start=pool * POOL):
            if first_step <= step < recipe.steps:
                yield batch


def held_mazes(recipe: TrainingRecipe) -> MazeBatch | None:
    """What is passed over epoch by epoch: a baked set, or the stream's first mazes; None for an endless stream.

    Each maze comes `paths_per_maze` times in a row with endpoints that stay its own in every epoch. Raises ValueError
    if a set was baked from another world than the recipe names, or has no training mazes.
    """
    if recipe.only_first:
        return _fresh(recipe, recipe.world, recipe.only_first, "only first")
    if not recipe.dataset:
        return None
    world = recipes.load(mazes.DatasetRecipe, Path(recipe.dataset) / "recipe.toml").world
    if world != recipe.world:
        raise ValueError(f"{recipe.dataset} was baked from {world}, but the recipe's world is {recipe.world}")
    baked = mazes.load_baked(recipe.dataset, mazes.TRAIN)
    if not len(baked):
        raise ValueError(f"{recipe.dataset} has no training mazes")
    return baked


def pool_mazes(recipe: TrainingRecipe, pool: int, held: MazeBatch | None = None) -> MazeBatch:
    """The POOL * mazes_per_step mazes of a pool: the stream's next ones, or their share of the epochs over `held`."""
    count = POOL * recipe.mazes_per_step
    if held is None:
        world = recipe.world_at(pool * POOL)
        return mazes.take(world, count, seed=seeds.derive(recipe.seed, "pool", pool), split=mazes.TRAIN)[0]
    return held[_places(recipe, pool, held) * recipe.paths_per_maze]


def _places(recipe: TrainingRecipe, pool: int, held: MazeBatch) -> Int[np.ndarray, " maze"]:
    """The places, among the different mazes of `held`, of those that a pool reads."""
    count, size = POOL * recipe.mazes_per_step, len(held) // recipe.paths_per_maze
    epochs, within = np.divmod(np.arange(pool * count, (pool + 1) * count), size)
    orders = {epoch: seeds.generator(recipe.seed, "epoch", epoch).permutation(size) for epoch in set(epochs.tolist())}
    return np.array([orders[epoch][place] for epoch, place in zip(epochs.tolist(), within, strict=True)])


def asked_mazes(recipe: TrainingRecipe, pool: int, held: MazeBatch | None) -> MazeBatch:
    """Each maze of a pool `paths_per_maze` times in a row, with endpoints of their own; one path keeps the maze's."""
    group = recipe.paths_per_maze
    if held is not None:
        return held[(_places(recipe, pool, held)[:, None] * group + np.arange(group)).ravel()]
    return _fresh(recipe, recipe.world_at(pool * POOL), POOL * recipe.mazes_per_step, "pool", pool)


def _fresh(recipe: TrainingRecipe, world: World | Mixture, count: int, *names: str | int) -> MazeBatch:
    """The first `count` mazes of the stream of this name, each `paths_per_maze` times in a row."""
    seed, paths_seed = seeds.derive(recipe.seed, *names), seeds.derive(recipe.seed, *names, "paths")
    if recipe.paths_per_maze == 1:
        return mazes.take(world, count, seed=seed, split=mazes.TRAIN)[0]
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
