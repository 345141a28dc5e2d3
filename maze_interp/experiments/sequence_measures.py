"""What the policies of a study do on test histories: outcomes, estimates, other worlds, self-evaluation, positions.

The recurrence answers every act in every history once (`Ground.table`), by the same draw whatever the act; all
policies are measured on that table, so they differ by their acts alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from maze_interp import optimisation, seeds, sequences
from maze_interp.experiments.findings import Progress
from maze_interp.experiments.sequence_world import environment
from maze_interp.optimisation import Estimate
from maze_interp.sequences import GOALS, Ensemble, Study
from maze_interp.tables import Row

K, ACTS, CONTEXT = 8, 16, 20
NOTHING = 0  # the act that multiplies the product by one; at odd positions it is an illegal token
WORLDS = ("split history", "do nothing", "random act", "untrained", "pretrained", "the sequence")
UTILITY = np.array([3.0, 1.0, 2.0, 0.0, 3.0, 1.0, 2.0, 0.0])  # of an outcome: how many of the three goals it serves


@dataclass(frozen=True)
class Actor:
    """One network as a policy: its size, the goal it was reinforced towards (0: none), which of its kind, its acts."""

    size: str
    goal: int
    member: int
    acts: Int[np.ndarray, " history"]

    @property
    def what(self) -> dict[str, object]:
        return {"size": self.size, "goal": self.goal, "member": self.member}


@dataclass(frozen=True)
class Ground:
    """Test histories, and what follows each under each act; `own` are the acts of the sequence itself."""

    contexts: Int[np.ndarray, "history position"]
    table: Int[np.ndarray, "act history"]
    own: Int[np.ndarray, " history"]
    later: tuple[Int[np.ndarray, "act history"], ...]
    repeats: int

    def __len__(self) -> int:
        return len(self.contexts)


def ground(study: Study, repeats: int, histories: int, distances: int, *, seed: int) -> Ground:
    """`repeats` times `histories` fresh histories at whose end a policy acts.

    later[d] holds, like the table (which is later[0]), the outcome d pairs of elements after the act: the sequence
    goes on by itself in between, so the position intervened on lies 2 d elements further back.
    """
    rule, count, chance = rule_of(study), repeats * histories, seeds.derive(seed, "chance")
    contexts = sequences.histories(count, seed=seeds.derive(seed, "histories"), **rule)
    draws = seeds.uniforms(chance, count, 2 * distances)
    own = sequences.extend(contexts, draws[:, -1:], odd=True, **rule)[:, -1]
    later = tuple(
        np.stack([follows(contexts, np.full(count, act), seed=chance) for act in range(ACTS)])
        for follows in (environment(rule, distance) for distance in range(distances))
    )
    return Ground(contexts, later[0], own, later, repeats)


def rule_of(study: Study) -> dict[str, Any]:
    """The kind of recurrence that policies acted in, and its noise."""
    return {"kind": study.scale.reinforcement.kind, "noise": study.scale.reinforcement.noise}


def actors(ensembles: Mapping[tuple[str, int], Ensemble], contexts: Int[np.ndarray, "history position"]) -> list[Actor]:
    """Every network of the ensembles, by (size, goal), with its acts at temperature 0."""
    return [
        Actor(size, goal, member, acts)
        for (size, goal), ensemble in ensembles.items()
        for member, acts in enumerate(sequences.act(ensemble, contexts, legal=False))
    ]


def estimate(ground: Ground, acts: Int[np.ndarray, " history"], good: Sequence[int]) -> Estimate:
    """The article's measurement: the mean of repeats, each on histories of its own, without their bias."""
    blocks = np.array_split(np.arange(len(ground)), ground.repeats)
    return optimisation.repeated([
        optimisation.split_history(optimisation.of_acts(ground.table[:, block], acts[block], K), good=good)
        for block in blocks
    ])  # fmt: skip


def pooled(ground: Ground, acts: Int[np.ndarray, " history"], good: Sequence[int], distance: int = 0) -> Estimate:
    """The measurement on all histories at once, `distance` pairs of elements after the act."""
    return optimisation.split_history(optimisation.of_acts(ground.later[distance], acts, K), good=good)


def worlds(ground: Ground, actor: Actor, others: Mapping[str, Int[np.ndarray, " history"]]) -> dict[str, Estimate]:
    """The actor against each comparison world; `others` are the acts of the untrained and the pretrained network."""
    good, place = GOALS[actor.goal], np.arange(len(ground))
    factual = ground.table[actor.acts, place]
    fixed = {"do nothing": np.full(len(ground), NOTHING), **others, "the sequence": ground.own}
    found = {"split history": pooled(ground, actor.acts, good)}
    for name, acts in fixed.items():
        found[name] = optimisation.compared(factual, ground.table[acts, place], outcomes=K, good=good)
    legal = np.eye(K)[ground.table[K:]].mean(axis=0)
    found["random act"] = optimisation.compared(np.eye(K)[factual], legal, good=good)
    return {name: found[name] for name in WORLDS}


@dataclass(frozen=True)
class SelfEvaluation:
    """What the recurrence says of a policy and what its own predictions say, on the same histories."""

    actor: Actor
    measured: Estimate
    imagined: Estimate
    illegal: float


def self_evaluations(
    ground: Ground, ensemble: Ensemble, mine: Sequence[Actor], histories: int, good: Sequence[int]
) -> Iterator[SelfEvaluation]:
    """Each network's estimate with its own predictive distribution in place of the recurrence.

    What it puts on elements that cannot stand at an even position, `illegal`, is left out and the rest scaled to 1.
    """
    contexts = ground.contexts[:histories, 1:]
    acted = np.concatenate([np.tile(contexts, (ACTS, 1)), np.repeat(np.arange(ACTS), len(contexts))[:, None]], axis=1)
    for actor, raw in zip(mine, sequences.logits(ensemble, acted), strict=True):
        share = raw.double().softmax(dim=1).unflatten(0, (ACTS, len(contexts))).numpy()
        legal = share[..., :K].sum(axis=2, keepdims=True)
        imagined = optimisation.of_acts(share[..., :K] / legal, actor.acts[: len(contexts)])
        real = optimisation.of_acts(ground.table[:, : len(contexts)], actor.acts[: len(contexts)], K)
        measured, by_itself = (optimisation.split_history(world, good=good) for world in (real, imagined))
        yield SelfEvaluation(actor, measured, by_itself, float(1 - legal.mean()))


@dataclass(frozen=True)
class Graded:
    """A policy under a graded utility: its mean, the mean in the split world, impact, and the least that would do."""

    actor: Actor
    utility: float
    split_utility: float
    imp: float
    least: float


def graded(ground: Ground, actor: Actor) -> Graded:
    """The impact of a policy beside the least impact that reaches its mean utility from the mean of its split rows.

    Both as the sample has them: so the bound holds exactly, and both are high by what a sample adds.
    """
    n = np.bincount(actor.acts, minlength=ACTS) / len(ground)
    rows = np.stack([np.bincount(row, minlength=K) for row in ground.table]) / len(ground)
    factual = np.bincount(ground.table[actor.acts, np.arange(len(ground))], minlength=K) / len(ground)
    baseline = n @ rows
    mean = float(factual @ UTILITY)
    least = optimisation.least_impact(baseline, UTILITY, mean).divergence
    imp = pooled(ground, actor.acts, GOALS[actor.goal]).plug_in["imp"]
    return Graded(actor, mean, float(baseline @ UTILITY), imp, least)


@dataclass(frozen=True)
class Measured:
    """All policies of one kind, each on every task; columns are in the order of GOALS."""

    actors: Sequence[Actor]
    estimates: Sequence[Sequence[Estimate]]

    def array(self, measure: str) -> Float[np.ndarray, "actor task"]:
        """A measure of each policy on each task; what is infinite is missing (nan)."""
        found = np.array([[getattr(on_task, measure) for on_task in row] for row in self.estimates])
        return np.where(np.isfinite(found), found, np.nan)

    def own(self, measure: str) -> Float[np.ndarray, " actor"]:
        """A measure on the task the policy was reinforced for."""
        return self.array(measure)[np.arange(len(self.actors)), self.task]

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
    """Every policy on every task."""
    rows = []
    for done, actor in enumerate(policies, start=1):
        rows.append([estimate(ground, actor.acts, good) for good in GOALS.values()])
        if progress is not None:
            progress(done, len(policies))
    return Measured(policies, rows)


def missing(found: Measured) -> list[Row]:
    """Every measure without a value, of which policy on which task, and why; their value is nan."""
    gone = float("nan")
    return [
        Row(measure, gone, gone, gone, one.n, {**actor.what, "task": goal, "reason": reason})
        for actor, row in zip(found.actors, found.estimates, strict=True)
        for goal, one in zip(GOALS, row, strict=True)
        for measure, reason in one.missing.items()
    ]


def losses(study: Study, phase: str, measure: str, goal: int = 0) -> dict[str, Float[np.ndarray, " member"]]:
    """The last value of a curve, network by network, of each size that went through that phase."""
    return {
        job.size: trained.curves[measure][-1]
        for job, trained in study.trained.items()
        if (job.phase, job.goal) == (phase, goal)
    }


def parameters(size: str) -> int:
    """How many numbers a network of that size has."""
    return sequences.SIZES[size].parameters
