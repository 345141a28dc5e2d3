"""Experiments: one question a file. Each has Settings and a `run(settings, progress)` that returns Findings."""

from types import ModuleType

from maze_interp.experiments import (
    attention,
    behaviour,
    embeddings,
    emergence,
    find_circuit,
    lens,
    misgeneralisation,
    name_heads,
    read_maze,
    s_curves,
    scrub,
    search_or_heuristic,
    sequence_optimisation,
    shifts,
    trace_decision,
    wavefront,
)
from maze_interp.experiments.findings import Findings, read, section, write

EXPERIMENTS: dict[str, ModuleType] = {
    "behaviour": behaviour,
    "attention": attention,
    "read_maze": read_maze,
    "name_heads": name_heads,
    "misgeneralisation": misgeneralisation,
    "search_or_heuristic": search_or_heuristic,
    "shifts": shifts,
    "lens": lens,
    "embeddings": embeddings,
    "emergence": emergence,
    "wavefront": wavefront,
    "s_curves": s_curves,
    "trace_decision": trace_decision,
    "find_circuit": find_circuit,
    "scrub": scrub,
    "sequence_optimisation": sequence_optimisation,
}

__all__ = [
    "EXPERIMENTS",
    "Findings",
    "attention",
    "behaviour",
    "embeddings",
    "emergence",
    "find_circuit",
    "lens",
    "misgeneralisation",
    "name_heads",
    "read",
    "read_maze",
    "s_curves",
    "scrub",
    "search_or_heuristic",
    "section",
    "sequence_optimisation",
    "shifts",
    "trace_decision",
    "wavefront",
    "write",
]
