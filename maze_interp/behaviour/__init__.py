"""How well, and how badly, a maze is walked; and what that says about how: shifts, edits, evidence, a verdict."""

from maze_interp.behaviour import evidence, shifts, verdict
from maze_interp.behaviour.choosing import accuracy_by, policy_responses, responses, silent
from maze_interp.behaviour.counterfactual import Reactions, flip_rate, flip_rows, react
from maze_interp.behaviour.evaluate import Solver, behave, evaluate
from maze_interp.behaviour.fitting import fit_mixture
from maze_interp.behaviour.forced import FORCED, Predictions, predictions, score_forced, step_accuracy
from maze_interp.behaviour.forks import decision_points
from maze_interp.behaviour.lookahead import decisions_needed, effective_look_ahead, horizons_left
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
    "Reactions",
    "Solver",
    "Walker",
    "accuracy_by",
    "behave",
    "decision_points",
    "decisions_needed",
    "effective_look_ahead",
    "evaluate",
    "evidence",
    "fit_mixture",
    "flip_rate",
    "flip_rows",
    "follow",
    "horizons_left",
    "memoriser",
    "of_model",
    "of_policy",
    "oracle",
    "policy_responses",
    "predictions",
    "random_walk",
    "react",
    "responses",
    "score_forced",
    "score_tasks",
    "searcher",
    "shifts",
    "silent",
    "step_accuracy",
    "verdict",
]
