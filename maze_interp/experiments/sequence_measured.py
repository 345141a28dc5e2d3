"""Every policy on every task, and how much of it is the luck of the histories that all policies share.

Policies of different networks are measured on the same histories, so errors of what is made of all of them have two
sources: the networks, and the histories. Of the second each measure carries how it changes without each block of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from maze_interp import optimisation
from maze_interp.experiments.findings import Progress
from maze_interp.experiments.sequence_measures import Actor, Ground, K, estimate, parameters
from maze_interp.optimisation import Estimate
from maze_interp.sequences import GOALS
from maze_interp.tables import Row

BLOCKS = 20  # of histories, one of which is left out at a time


@dataclass(frozen=True)
class Measured:
    """All policies of one kind, each on every task; columns are in the order of GOALS.

    `changes` is how each measure changes without each block of the histories that all policies share.
    """

    actors: Sequence[Actor]
    estimates: Sequence[Sequence[Estimate]]
    changes: Mapping[str, Float[np.ndarray, "block actor task"]]

    def array(self, measure: str) -> Float[np.ndarray, "actor task"]:
        """A measure of each policy on each task; what is infinite is missing (nan)."""
        found = np.array([[getattr(on_task, measure) for on_task in row] for row in self.estimates])
        return np.where(np.isfinite(found), found, np.nan)

    def own(self, measure: str) -> Float[np.ndarray, " actor"]:
        """A measure on the task the policy was reinforced for."""
        return self.array(measure)[np.arange(len(self.actors)), self.task]

    def each(self, measure: str) -> Float[np.ndarray, "replicate actor task"]:
        """A measure as `array` has it, and again without each block of histories."""
        changed = self.changes[measure]
        return np.concatenate([self.array(measure)[None], self.array(measure) + np.nan_to_num(changed)])

    def own_each(self, measure: str) -> Float[np.ndarray, "replicate actor"]:
        """The same on the task the policy was reinforced for."""
        return self.each(measure)[:, np.arange(len(self.actors)), self.task]

    @property
    def task(self) -> Int[np.ndarray, " actor"]:
        """The column of the goal each policy was reinforced towards."""
        return np.array([list(GOALS).index(actor.goal) for actor in self.actors])

    @property
    def goal(self) -> Int[np.ndarray, " actor"]:
        return np.array([actor.goal for actor in self.actors])

    @property
    def parameters(self) -> Int[np.ndarray, " actor"]:
        return np.array([parameters(actor.size) for actor in self.actors])

    @property
    def network(self) -> np.ndarray:
        """The pretrained network each policy comes from: what makes policies dependent."""
        return np.array([f"{actor.size} {actor.member}" for actor in self.actors])

    @property
    def member(self) -> Int[np.ndarray, " actor"]:
        return np.array([actor.member for actor in self.actors])


def measure(ground: Ground, policies: Sequence[Actor], progress: Progress | None = None) -> Measured:
    """Every policy on every task; those that act alike are measured once."""
    rows, changes = [], []
    known: dict[bytes, tuple[list[Estimate], list[dict[str, np.ndarray]]]] = {}
    for done, actor in enumerate(policies, start=1):
        acts = actor.acts.tobytes()
        if acts not in known:
            known[acts] = _on_every_task(ground, actor.acts)
        rows.append(known[acts][0])
        changes.append(known[acts][1])
        if progress is not None:
            progress(done, len(policies))
    return Measured(policies, rows, {
        name: np.array([[on_task[name] for on_task in row] for row in changes]).transpose(2, 0, 1)
        for name in optimisation.MEASURES
    })  # fmt: skip


def _on_every_task(
    ground: Ground, acts: Int[np.ndarray, " history"]
) -> tuple[list[Estimate], list[dict[str, np.ndarray]]]:
    """A policy's estimates, and how each block of histories changes them."""
    blocks, world = min(BLOCKS, len(ground) // 2), optimisation.of_acts(ground.table, acts, K)
    changes = [optimisation.without_blocks(world, blocks, good=good, **ground.asked) for good in GOALS.values()]
    return [estimate(ground, acts, good) for good in GOALS.values()], changes


def missing(found: Measured) -> list[Row]:
    """Every measure without a value, of which policy on which task, and why; their value is nan."""
    gone = float("nan")
    return [
        Row(measure, gone, gone, gone, one.n, {**actor.what, "task": goal, "reason": reason})
        for actor, row in zip(found.actors, found.estimates, strict=True)
        for goal, one in zip(GOALS, row, strict=True)
        for measure, reason in one.missing.items()
    ]
