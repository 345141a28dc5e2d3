"""Replacing parts of one run by parts of another: which places carry the choice at a fork."""

from maze_interp.patching import behind, circuit, distances, scrubbing, usual
from maze_interp.patching.ablation import ABLATIONS, ablate
from maze_interp.patching.attribution import Attribution, agreement, at_places, attribution
from maze_interp.patching.edge_scores import EdgeScores, edge_scores
from maze_interp.patching.effects import EFFECTS, Choice, apart, effect, recovered, shares
from maze_interp.patching.graph import Edge, Graph
from maze_interp.patching.knockout import knockout
from maze_interp.patching.meanings import MEANINGS
from maze_interp.patching.pairs import FAMILIES, PromptPairs, controls, prompts
from maze_interp.patching.paths import Paths, paths
from maze_interp.patching.rollouts import Rollouts, flips, rollouts
from maze_interp.patching.stacked import Sweep
from maze_interp.patching.sweep import by_meaning, everywhere, sweep

__all__ = [
    "ABLATIONS",
    "EFFECTS",
    "FAMILIES",
    "MEANINGS",
    "Attribution",
    "Choice",
    "Edge",
    "EdgeScores",
    "Graph",
    "Paths",
    "PromptPairs",
    "Rollouts",
    "Sweep",
    "ablate",
    "agreement",
    "apart",
    "at_places",
    "attribution",
    "behind",
    "by_meaning",
    "circuit",
    "controls",
    "distances",
    "edge_scores",
    "effect",
    "everywhere",
    "flips",
    "knockout",
    "paths",
    "prompts",
    "recovered",
    "rollouts",
    "scrubbing",
    "shares",
    "sweep",
    "usual",
]
