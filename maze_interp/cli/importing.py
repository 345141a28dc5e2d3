"""Models from elsewhere become runs: maze-interp import FILE.zanj --out runs/theirs."""

from typing import Any

from maze_interp import recipes, storage


def adopt(source: str, out: str, settings: dict[str, str]) -> list[str]:
    """Import a file's model into a folder that experiments take; returns what to tell.

    `settings` change keys of the run's recipe, `world.rows` say. Raises ValueError for a file that is refused and for
    a folder that holds something, and then writes nothing.
    """
    from maze_interp import mazes, models, training

    storage.check_free(out)
    found = models.import_zanj(source)
    recipe = recipes.override(training.recipe_of(found, source), settings)
    run = training.adopt(found, recipe, out, source=source)
    return [*described(found, mazes.describe(recipe.world)), f"\n{run.folder}"]


def described(found: Any, world: str) -> list[str]:
    """What an imported model is, a line a fact."""
    config = found.model.maze_config
    weights = sum(weight.numel() for weight in found.model.parameters())
    kept = f"{len(found.theirs):,} of its {found.vocab:,} tokens"
    return [
        f"name        {found.name}",
        f"model       {config.layers} layers, d_model {config.d_model}, {config.heads} heads, {weights:,} parameters",
        f"language    {config.scheme}, {config.order}, {config.rows} x {config.cols}; {kept}",
        f"tested on   {world}{'' if found.world else ' (its file names no kind of maze that is known here)'}",
    ]
