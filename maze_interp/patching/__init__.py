"""Replacing parts of one run by parts of another: which places carry the choice at a fork."""

from maze_interp.patching.effects import EFFECTS, Choice, apart, effect, recovered, shares
from maze_interp.patching.meanings import MEANINGS
from maze_interp.patching.pairs import FAMILIES, PromptPairs, controls, prompts
from maze_interp.patching.stacked import Sweep
from maze_interp.patching.sweep import by_meaning, everywhere, sweep

__all__ = [
    "EFFECTS",
    "FAMILIES",
    "MEANINGS",
    "Choice",
    "PromptPairs",
    "Sweep",
    "apart",
    "by_meaning",
    "controls",
    "effect",
    "everywhere",
    "prompts",
    "recovered",
    "shares",
    "sweep",
]
