"""Training: a recipe becomes a run, a folder on disk that explains itself and can be resumed."""

from maze_interp.training.batches import batches
from maze_interp.training.loop import Status, resume, train, validate
from maze_interp.training.recipe import Lesson, TrainingRecipe, Validation, find, names
from maze_interp.training.run import TrainingRun, open_run
from maze_interp.training.schedule import Optimiser
from maze_interp.training.seen import MazesSeen, mazes_read, mazes_seen

__all__ = [
    "Lesson",
    "MazesSeen",
    "Optimiser",
    "Status",
    "TrainingRecipe",
    "TrainingRun",
    "Validation",
    "batches",
    "find",
    "mazes_read",
    "mazes_seen",
    "names",
    "open_run",
    "resume",
    "train",
    "validate",
]
