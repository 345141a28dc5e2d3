"""What a model knows and where: facts about a maze read from activations, each beside its controls."""

from maze_interp.probing import bilinear
from maze_interp.probing.bench import Bench, bench, fit, per_maze, score, target_of
from maze_interp.probing.compared import BOTH, CONTROLS, EARLIER, INPUTS, NEARER, TASK, compare, controls_of
from maze_interp.probing.control_task import control_task
from maze_interp.probing.features import BAGS, read, sites_of, stream
from maze_interp.probing.growth import Growth
from maze_interp.probing.linear import Fit, Moments, moments, ridge
from maze_interp.probing.positions import POSITIONS, Asked, ask
from maze_interp.probing.probe import probe, refusals, split
from maze_interp.probing.recipe import BILINEAR, Probe, ProbeRecipe, ProbeResult, Published, name_of, sign
from maze_interp.probing.targets import TARGETS, Labels, Target, labels
from maze_interp.probing.trained import TrainedProbes, apply, decoded, load, predicted, save
from maze_interp.probing.watching import Watched, watch

__all__ = [
    "BAGS",
    "BILINEAR",
    "BOTH",
    "CONTROLS",
    "EARLIER",
    "INPUTS",
    "NEARER",
    "POSITIONS",
    "TARGETS",
    "TASK",
    "Asked",
    "Bench",
    "Fit",
    "Growth",
    "Labels",
    "Moments",
    "Probe",
    "ProbeRecipe",
    "ProbeResult",
    "Published",
    "Target",
    "TrainedProbes",
    "Watched",
    "apply",
    "ask",
    "bench",
    "bilinear",
    "compare",
    "control_task",
    "controls_of",
    "decoded",
    "fit",
    "labels",
    "load",
    "moments",
    "name_of",
    "per_maze",
    "predicted",
    "probe",
    "read",
    "refusals",
    "ridge",
    "save",
    "score",
    "sign",
    "sites_of",
    "split",
    "stream",
    "target_of",
    "watch",
]
