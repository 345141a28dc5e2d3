"""Experiments: one question a file. Each has Settings and a `run(settings, progress)` that returns Findings."""

from types import ModuleType

from maze_interp.experiments import attention, behaviour, misgeneralisation, shifts
from maze_interp.experiments.findings import Findings, read, section, write

EXPERIMENTS: dict[str, ModuleType] = {
    "behaviour": behaviour,
    "attention": attention,
    "misgeneralisation": misgeneralisation,
    "shifts": shifts,
}

__all__ = [
    "EXPERIMENTS",
    "Findings",
    "attention",
    "behaviour",
    "misgeneralisation",
    "read",
    "section",
    "shifts",
    "write",
]
