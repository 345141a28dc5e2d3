"""Training: a recipe becomes a run, a folder on disk that explains itself and can be resumed."""

from maze_interp.training.batches import batches
from maze_interp.training.loop import Status, resume, train, validate
from maze_interp.training.recipe import TrainingRecipe, Validation, find, names
from maze_interp.training.run import TrainingRun
from maze_interp.training.schedule import Optimiser

__all__ = [
    "Optimiser",
    "Status",
    "TrainingRecipe",
    "TrainingRun",
    "Validation",
    "batches",
    "find",
    "names",
    "resume",
    "train",
    "validate",
]
