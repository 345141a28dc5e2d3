"""Sequences: a task whose optimum is known, small encoders that learn it, and what reward makes of them."""

from maze_interp.sequences import stationary
from maze_interp.sequences.ensemble import SIZES, EncoderConfig, Ensemble, act, build, logits
from maze_interp.sequences.goals import GOALS, GRADED, achieved, chance, goal
from maze_interp.sequences.jobs import FAILURES, SCALES, VARIANTS, Job, Scale
from maze_interp.sequences.learning import Trained
from maze_interp.sequences.pretrain import Pretraining, prediction_loss, pretrain
from maze_interp.sequences.recurrence import KINDS, extend, follow, histories, recurrence
from maze_interp.sequences.reinforce import Reinforcement, reinforce
from maze_interp.sequences.study import Study, study

__all__ = [
    "FAILURES",
    "GOALS",
    "GRADED",
    "KINDS",
    "SCALES",
    "SIZES",
    "VARIANTS",
    "EncoderConfig",
    "Ensemble",
    "Job",
    "Pretraining",
    "Reinforcement",
    "Scale",
    "Study",
    "Trained",
    "achieved",
    "act",
    "build",
    "chance",
    "extend",
    "follow",
    "goal",
    "histories",
    "logits",
    "prediction_loss",
    "pretrain",
    "recurrence",
    "reinforce",
    "stationary",
    "study",
]
