"""Training: a recipe becomes a run, a folder on disk that explains itself and can be resumed."""

from maze_interp.training import plateaus, ranks
from maze_interp.training.adopted import adopt, recipe_of, trained_elsewhere
from maze_interp.training.batches import batches
from maze_interp.training.change_points import Change, Order, change_point, order
from maze_interp.training.costs import H100, Cost, cost
from maze_interp.training.loop import Status, resume, train, validate
from maze_interp.training.recipe import Lesson, TrainingRecipe, Validation, find, names, varied
from maze_interp.training.run import TrainingRun, open_run
from maze_interp.training.schedule import Optimiser
from maze_interp.training.seen import MazesSeen, mazes_read, mazes_seen

__all__ = [
    "H100",
    "Change",
    "Cost",
    "Lesson",
    "MazesSeen",
    "Optimiser",
    "Order",
    "Status",
    "TrainingRecipe",
    "TrainingRun",
    "Validation",
    "adopt",
    "batches",
    "change_point",
    "cost",
    "find",
    "mazes_read",
    "mazes_seen",
    "names",
    "open_run",
    "order",
    "plateaus",
    "ranks",
    "recipe_of",
    "resume",
    "train",
    "trained_elsewhere",
    "validate",
    "varied",
]
