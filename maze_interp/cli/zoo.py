"""The zoo at the command line: what models there are, and how a run becomes one."""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from maze_interp import mazes, models, recipes, training
from maze_interp.cli.progress import bar
from maze_interp.experiments import release
from maze_interp.training import TrainingRecipe
from maze_interp.training.recipe import alike


def home(settings: Any) -> Path:
    """Where an experiment's findings are kept; what is asked of no run goes beside the runs."""
    return models.kept_at(settings.run) if hasattr(settings, "run") else models.named.RUNS


def publish(run: str, out: str | None, settings: release.Settings) -> None:
    """Publish a run into the folder `out`, and tell what was measured. Raises ValueError without a folder."""
    if not out:
        raise ValueError("where to? say it with --out FOLDER, whose last part names the model")
    with bar("publish", "stage") as progress:
        card = release.publish(run, out, settings, progress)
    exact = card.row("exact")
    if exact is not None:
        print(f"walks {exact:.1%} of {exact.n:,} mazes exactly")
    print(f"weights in {card.format}; in float16 {card.agreement.paths:.2%} of paths would be the same")
    print(f"\n{out}")


def zoo(options: argparse.Namespace) -> None:
    """Tell the models of the zoo, then the packaged recipes that no model of it was trained by."""
    if options.settings or options.seed is not None or options.out:
        raise ValueError("a list takes no --set, --seed or --out")
    for line in [*trained(), "", "Recipes that stand ready, untrained:", *untrained()]:
        print(line)


def trained() -> Iterator[str]:
    """A line a model: name, parameters, exact rate with its interval, size, world."""
    yield f"{'model':24} {'weights':>10}  {'walked exactly (95% interval)':30} {'MB':>5}  trained on"
    for name in models.names():
        folder = models.named.of_the_zoo(name)
        found = json.loads((folder / "behaviour.json").read_text())
        size = sum(file["bytes"] for file in json.loads((folder / models.manifest.MANIFEST).read_text()).values())
        row = next(row for row in found["rows"] if row["measure"] == "exact" and row["what"]["walker"] == "trained")
        share = f"{row['value']:.1%} ({row['low']:.1%} to {row['high']:.1%})"
        yield f"{name:24} {found['parameters']:10,}  {share:30} {size / 1e6:5.1f}  {_read(_recipe(folder))}"


def untrained() -> Iterator[str]:
    """A line a recipe: name, parameters, world, and the recipe it is a variant of with what it sets."""
    made = [_recipe(models.named.of_the_zoo(name)) for name in models.names()]
    variants = training.recipe.variants()
    for name in training.names():
        recipe = training.find(name)
        if any(alike(recipe, one) for one in made):
            continue
        settings = (
            " ".join(f"{key}={value}" for key, value in variants[name].settings.items()) if name in variants else ""
        )
        origin = f" ({variants[name].recipe}, {settings})" if settings else ""
        yield f"{name:24} {recipe.model.parameters:10,}  {_read(recipe)}{origin}"


def _recipe(folder: Path) -> TrainingRecipe:
    return recipes.load(TrainingRecipe, folder / "recipe.toml")


def _read(recipe: TrainingRecipe) -> str:
    only = f", {recipe.only_first:,} mazes" if recipe.only_first else ""
    return f"{mazes.describe(recipe.world)}{only}"
