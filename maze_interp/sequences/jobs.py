"""What a study consists of: jobs, each of which trains the networks of one size in one phase and leaves one file.

A job is a function of its settings and its seed, and its file is written whole or not at all.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from maze_interp import recipes, seeds, storage
from maze_interp.sequences.ensemble import SIZES, Ensemble
from maze_interp.sequences.goals import GOALS, GRADED
from maze_interp.sequences.learning import Progress, Trained
from maze_interp.sequences.pretrain import Pretraining, pretrain
from maze_interp.sequences.reinforce import Reinforcement, reinforce
from maze_interp.training.schedule import Optimiser

FAILURES: Mapping[float, str] = {0.01: "failures-0.01", 0.1: "failures", 0.3: "failures-0.3", 1.0: "failures-1"}
VARIANTS: Mapping[str, dict[str, Any]] = {  # what reinforcement is compared with
    **{phase: {"failures": rate} for rate, phase in FAILURES.items()},
    "graded": {"utility": tuple(value / max(GRADED) for value in GRADED)},
    "legal": {"legal": True},
    "own": {"maintained": "own"},
    "unmaintained": {"maintenance": 0.0},
}


@dataclass(frozen=True)
class Scale:
    """How much of the study: `members` networks of each size, reinforced towards each goal.

    Sizes that are `repeated` are pretrained on a fixed training set too, of `fixed` sequences; `varied` are reinforced
    towards `varied_goal` in each of the VARIANTS. Either may be empty.
    """

    sizes: tuple[str, ...] = tuple(SIZES)
    goals: tuple[int, ...] = tuple(GOALS)
    members: int = 5
    pretraining: Pretraining = field(default_factory=Pretraining)
    reinforcement: Reinforcement = field(default_factory=Reinforcement)
    repeated: tuple[str, ...] = tuple(SIZES)
    fixed: int = 4096
    varied: tuple[str, ...] = ("53k",)
    varied_goal: int = 4
    seed: int = 0

    def __post_init__(self) -> None:
        for size in (*self.sizes, *self.repeated, *self.varied):
            if size not in SIZES:
                raise recipes.unknown("size", size, SIZES)
        for goal in (*self.goals, self.varied_goal):
            if goal not in GOALS:
                raise recipes.unknown("goal", goal, GOALS)
        if missing := set(self.varied) - set(self.sizes):
            raise ValueError(f"varied sizes must be among the sizes: {min(missing)} is not")


SCALES: Mapping[str, Scale] = {
    "small": Scale(
        pretraining=Pretraining(steps=340, every=34, optimiser=Optimiser(learning_rate=3e-3, warmup=50)),
        reinforcement=Reinforcement(steps=180, every=18),
        repeated=("18k", "53k"),
        varied=("18k",),
    ),
    "full": Scale(
        pretraining=Pretraining(steps=6000), reinforcement=Reinforcement(steps=4000, every=200), fixed=32_768
    ),
}


@dataclass(frozen=True)
class Job:
    """One size in one phase: "pretrained", "repeated" (a fixed training set), "finetuned" or one of the VARIANTS."""

    size: str
    phase: str
    goal: int = 0

    @property
    def file(self) -> str:
        return "-".join(str(part) for part in (self.size, self.phase, self.goal) if part) + ".safetensors"

    @property
    def begins_from(self) -> "Job | None":
        """The job whose networks this one goes on with."""
        return Job(self.size, "pretrained") if self.goal else None


def jobs(scale: Scale) -> list[Job]:
    """What the scale asks for, the longest first."""
    found = [Job(size, "pretrained") for size in scale.sizes] + [Job(size, "repeated") for size in scale.repeated]
    found += [Job(size, "finetuned", goal) for size in scale.sizes for goal in scale.goals]
    found += [Job(size, variant, scale.varied_goal) for size in scale.varied for variant in VARIANTS]
    return sorted(found, key=lambda job: (job.begins_from is not None, -SIZES[job.size].parameters))


def seed_of(job: Job, scale: Scale) -> int:
    """The seed of a job in a study: of its networks' first weights and of all they are trained on."""
    return seeds.derive(scale.seed, job.size, job.phase, job.goal)


def do(job: Job, scale: Scale, folder: Path, progress: Progress | None = None) -> None:
    """Train what a job names and leave its file. What is measured on the way is the same for all jobs."""
    own: dict[str, Any] = {"seed": seed_of(job, scale), "measured": scale.seed, "progress": progress}
    if job.begins_from is None:
        fixed = scale.fixed if job.phase == "repeated" else 0
        recipe = replace(scale.pretraining, sequences=fixed)
        trained = pretrain(SIZES[job.size], scale.members, recipe, **own)
    else:
        start = load(folder / job.begins_from.file, job.begins_from).ensemble
        changes = VARIANTS.get(job.phase, {})
        trained = reinforce(start, job.goal, replace(scale.reinforcement, **changes), **own)
    tensors = {f"weight.{name}": weight.numpy() for name, weight in trained.ensemble.weights.items()}
    tensors |= {f"curve.{name}": values for name, values in trained.curves.items()} | {"steps": trained.steps}
    storage.write_tensors_atomically(folder / job.file, tensors, vars(job))


def load(path: Path, job: Job) -> Trained:
    """What a job left. Raises ValueError if it left nothing, or the file is another's."""
    if not path.exists():
        raise ValueError(f"{path.parent} holds no finished study: it has no {path.name}")
    tensors, header = storage.read_tensors(path)
    if header != vars(job):
        raise ValueError(f"{path} was not left by a study: it says {header}")
    parts: dict[str, dict[str, np.ndarray]] = {"weight": {}, "curve": {}}
    for name, values in tensors.items():
        kind, _, rest = name.partition(".")
        parts.get(kind, {})[rest] = values
    weights = {name: torch.from_numpy(values.copy()) for name, values in parts["weight"].items()}
    return Trained(Ensemble(SIZES[job.size], weights), tensors["steps"], parts["curve"])
