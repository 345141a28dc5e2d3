"""How well, and how badly, a maze is walked: metrics of written paths, teacher-forced predictions, published tasks."""

from maze_interp.behaviour.evaluate import Solver, behave, evaluate
from maze_interp.behaviour.forced import FORCED, Predictions, predictions, score_forced, step_accuracy
from maze_interp.behaviour.forks import decision_points
from maze_interp.behaviour.metrics import AMOUNTS, METRICS, SHARES
from maze_interp.behaviour.solvers import POLICIES, SOLVERS, Policy, follow, memoriser, oracle, random_walk, searcher
from maze_interp.behaviour.tasks import TASKS, score_tasks
from maze_interp.behaviour.walkers import Walker, of_model, of_policy

__all__ = [
    "AMOUNTS",
    "FORCED",
    "METRICS",
    "POLICIES",
    "SHARES",
    "SOLVERS",
    "TASKS",
    "Policy",
    "Predictions",
    "Solver",
    "Walker",
    "behave",
    "decision_points",
    "evaluate",
    "follow",
    "memoriser",
    "of_model",
    "of_policy",
    "oracle",
    "predictions",
    "random_walk",
    "score_forced",
    "score_tasks",
    "searcher",
    "step_accuracy",
]
