"""Models that others trained, as runs, so that every experiment can be asked of them.

The folder is a run's without what cannot be known: no measurements, no checkpoints. Of its recipe the world says on
which mazes the model is to be tested and the model what it is; the rest describes no training, and `reason` says so.
Which mazes it read is not known either: that a test maze was not among them cannot be claimed.

    found = models.import_zanj("model.final.zanj")
    run = training.adopt(found, training.recipe_of(found, "model.final.zanj"), "runs/theirs", source="model.final.zanj")
"""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

from maze_interp import models, recipes, storage
from maze_interp.mazes import World
from maze_interp.models.imported import Imported
from maze_interp.training import run as runs
from maze_interp.training.recipe import TrainingRecipe
from maze_interp.training.run import TrainingRun

SOURCE = "trained_elsewhere"  # the key of provenance.json


def recipe_of(found: Imported, source: str | Path) -> TrainingRecipe:
    """The recipe of an imported model: the mazes it was trained on, if its file says so, and what it is.

    Where the model's context is shorter than the lattice's longest sequence, the recipe's model has room for that all
    the same, as the model itself was made for mazes with fewer passages.
    """
    config = found.model.maze_config
    size = config.rows
    world = found.world or World("depth_first", rows=size, cols=size)
    told = "" if found.world else " Its file does not say of which kind its mazes were: these are depth-first trees."
    if config.longest < config.tokenizer.max_length(world.rows, world.cols):
        config = replace(config, context=0)
    return TrainingRecipe(
        name=found.name,
        reason=f"Trained by others; read from {Path(source).name}. Only world and model mean something here.{told}",
        steps=1,
        mazes_per_step=1,
        paths_per_maze=1,
        loss="all",
        checkpoints=1,
        world=world,
        model=config,
    )


def adopt(found: Imported, recipe: TrainingRecipe, folder: str | Path, *, source: str | Path) -> TrainingRun:
    """A run's folder, whole or not at all, with an imported model and the hash of the file it is from.

    Raises ValueError if `folder` already holds something, and for a recipe of another model.
    """
    config = found.model.maze_config
    if replace(recipe.model, context=config.context) != config:
        raise ValueError("an imported model is what it is: of its recipe, change the world, the name or the seed")
    digest = hashlib.sha256(Path(source).read_bytes()).hexdigest()
    came = {"file": Path(source).name, "sha256": digest, "vocabulary": found.vocab, "kept_tokens": len(found.theirs)}
    with storage.folder_atomically(folder) as partial:
        models.save(found.model, partial / runs.MODEL)
        storage.write_text_atomically(partial / runs.RECIPE, recipes.to_toml(recipe))
        runs.record(TrainingRun(partial), {**storage.provenance(recipe.seed), SOURCE: came})
    return TrainingRun(Path(folder))


def trained_elsewhere(run: TrainingRun) -> bool:
    """Whether a run is an adopted one, of whose training nothing is known."""
    file = run.folder / runs.PROVENANCE
    return file.exists() and SOURCE in json.loads(file.read_text())
