"""A training run is a folder that explains itself.

    recipe.toml                     everything that decided it
    provenance.json                 versions, machine, commit, seed
    metrics.jsonl                   one line a measurement
    checkpoints/step_*.safetensors  weights and optimiser state: a run resumes from any of them
    model/                          the finished model (config.json, model.safetensors)

Checkpoints are spaced evenly in the logarithm of the step, because that is how a network changes; the newest one is
kept besides. A published model (`models.published`) is read as a finished run, its model beside the recipe and its
checkpoints weights alone: there is nothing to resume.
"""

import json
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from maze_interp import models, recipes, storage
from maze_interp.models.hooked import HookedTransformer
from maze_interp.training.recipe import TrainingRecipe

RECIPE, METRICS, PROVENANCE, CHECKPOINTS, MODEL = (
    "recipe.toml",
    "metrics.jsonl",
    "provenance.json",
    "checkpoints",
    "model",
)
MOMENTS = ("exp_avg", "exp_avg_sq")


@dataclass(frozen=True)
class TrainingRun:
    """A run's folder, read on demand."""

    folder: Path

    @cached_property
    def recipe(self) -> TrainingRecipe:
        """The recipe it follows. Raises ValueError if the folder holds no run."""
        if not (self.folder / RECIPE).exists():
            raise ValueError(f"{self.folder} holds no training run: it has no {RECIPE}")
        return recipes.load(TrainingRecipe, self.folder / RECIPE)

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """The measurements so far, in order of step. A last line cut short by a crash is left out."""
        path = self.folder / METRICS
        lines = path.read_text().splitlines() if path.exists() else []
        return [json.loads(line) for line in lines if line.endswith("}")]

    @property
    def checkpoints(self) -> dict[int, Path]:
        """Checkpoint files by step, in order; of a published run the last is its model."""
        files = (self.folder / CHECKPOINTS).glob("step_*.safetensors")
        found = {int(file.stem.removeprefix("step_")): file for file in files}
        if self.published:
            found[self.recipe.steps] = self.folder / "model.safetensors"
        return dict(sorted(found.items()))

    @property
    def published(self) -> bool:
        return (self.folder / "config.json").exists()

    @property
    def finished(self) -> bool:
        return self.published or (self.folder / MODEL / "config.json").exists()

    def model(self, step: int | None = None, *, device: str = "cpu") -> HookedTransformer:
        """The model at a checkpoint, or (None) the finished one. Raises ValueError if there is no such thing.

        The untrained model, that of step 0, is drawn again where a published run leaves it out.
        """
        if step is None:
            if self.published:
                models.manifest.verify(self.folder, ["config.json", "recipe.toml"])
            return models.load(self.folder if self.published else self.folder / MODEL, device=device)
        if step == 0 and self.published and 0 not in self.checkpoints and not self.recipe.begins_from:
            return models.build(self.recipe.model, seed=self.recipe.seed, device=device)
        if step not in self.checkpoints:
            raise ValueError(f"{self.folder} has no checkpoint of step {step}; it has {list(self.checkpoints)}")
        file = self.checkpoints[step]
        if self.published:
            models.manifest.verify(self.folder, [file.relative_to(self.folder).as_posix()])
        return models.from_weights(self.recipe.model, file, device=device)


def open_run(given: str | Path) -> TrainingRun:
    """The run in a folder, or the zoo's by name. Raises ValueError if there is none or it has no finished model."""
    if not str(given):
        raise ValueError(
            "which run? give the folder of a training run or a model of the zoo, for example --set run=runs/quickstart "
            "or --set run=rdfs-5x5"
        )
    run = TrainingRun(models.locate(given))
    name = run.recipe.name
    if not run.finished:
        raise ValueError(f"the run of {name} in {given} is not finished; resume it first")
    return run


def begin(recipe: TrainingRecipe, folder: str | Path) -> TrainingRun:
    """Claim an empty folder for a new run. Raises ValueError if it already holds something."""
    run = TrainingRun(storage.claim_folder(folder))
    storage.write_text_atomically(run.folder / RECIPE, recipes.to_toml(recipe))
    record(run, storage.provenance(recipe.seed))
    return run


def record(run: TrainingRun, provenance: dict[str, Any]) -> None:
    """Write where the run comes from."""
    storage.write_text_atomically(run.folder / PROVENANCE, json.dumps(provenance, indent=2) + "\n")


def append(run: TrainingRun, row: dict[str, Any]) -> None:
    """Add one line of measurements, on the disk before a later checkpoint says that it was made."""
    with open(run.folder / METRICS, "a") as file:
        file.write(json.dumps(row) + "\n")
        file.flush()
        os.fsync(file.fileno())


def forget_after(run: TrainingRun, step: int) -> None:
    """Drop measurements, checkpoints and a model later than `step`: what is resumed from there makes them again."""
    if step < run.recipe.steps:
        (run.folder / MODEL / "config.json").unlink(missing_ok=True)  # from now on the run is not finished
    for later, file in reversed(run.checkpoints.items()):  # killed in between, the newest that is left has its rows
        if later > step:
            file.unlink()
    rows = [row for row in run.metrics if row["step"] <= step]
    storage.write_text_atomically(run.folder / METRICS, "".join(json.dumps(row) + "\n" for row in rows))


def milestones(recipe: TrainingRecipe) -> set[int]:
    """The steps whose checkpoints are kept: 0, the last, and `checkpoints` more spaced evenly in the logarithm."""
    spaced = np.geomspace(1, recipe.steps, recipe.checkpoints + 1).round().astype(int)
    return {0, recipe.steps, *spaced.tolist()}


def checkpoint(
    run: TrainingRun,
    model: HookedTransformer,
    optimiser: torch.optim.Optimizer,
    step: int,
    losses: list[float],
    seconds: float,
) -> None:
    """Write the state after `step` steps and `seconds`, whole or not at all, then drop the previous one if it is no
    milestone.

    `losses` are those since the last measurement; one that is due is made after this, so that nothing waits for it.
    """
    tensors = models.weights_of(model)
    for name, weight in model.named_parameters():
        state = optimiser.state.get(weight, {})
        tensors |= {f"{moment}.{name}": state[moment] for moment in MOMENTS if moment in state}
    file = run.folder / CHECKPOINTS / f"step_{step:08d}.safetensors"
    storage.write_tensors_atomically(file, tensors, {"step": step, "losses": losses, "seconds": seconds})
    for earlier, path in run.checkpoints.items():
        if earlier < step and earlier not in milestones(run.recipe):
            path.unlink()


def restore(optimiser: torch.optim.Optimizer, model: HookedTransformer, file: Path) -> tuple[list[float], float]:
    """Load the optimiser state of a checkpoint; returns the losses it holds for the next measurement and the seconds
    that the run had taken."""
    tensors, metadata = storage.read_tensors(file)
    if not {"step", "losses"} <= metadata.keys():
        raise ValueError(f"{file} is not a training checkpoint: it names no step and losses")
    for name, weight in model.named_parameters():
        if f"{MOMENTS[0]}.{name}" in tensors:
            held = {moment: tensors[f"{moment}.{name}"] for moment in MOMENTS if f"{moment}.{name}" in tensors}
            moments = {moment: torch.from_numpy(value.copy()).to(weight.device) for moment, value in held.items()}
            steps = torch.tensor(float(metadata["step"]), device=weight.device)
            optimiser.state[weight] = {"step": steps, **moments}
    return metadata["losses"], float(metadata.get("seconds", 0.0))
