"""Experiments: one question a file. Each has Settings and a `run(settings, progress)` that returns Findings."""

from types import ModuleType

from maze_interp.experiments import attention, behaviour
from maze_interp.experiments.findings import Findings, read, section, write

EXPERIMENTS: dict[str, ModuleType] = {"behaviour": behaviour, "attention": attention}

__all__ = ["EXPERIMENTS", "Findings", "attention", "behaviour", "read", "section", "write"]
