"""Sequences: a task whose optimum is known, small encoders that learn it, and what reward makes of them."""

from maze_interp.sequences.ensemble import SIZES, EncoderConfig, Ensemble, act, build, logits
from maze_interp.sequences.goals import GOALS, achieved, chance, goal
from maze_interp.sequences.recurrence import KINDS, extend, follow, histories, recurrence

__all__ = [
    "GOALS",
    "KINDS",
    "SIZES",
    "EncoderConfig",
    "Ensemble",
    "achieved",
    "act",
    "build",
    "chance",
    "extend",
    "follow",
    "goal",
    "histories",
    "logits",
    "recurrence",
]
