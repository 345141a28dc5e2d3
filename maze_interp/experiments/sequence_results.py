"""Everything that is measured of a study, before anything is said of it: policies, and what they are held against.

Two kinds of policies without purpose stand in the place of those that were reinforced, and go through the same tests:
acts at random, and the networks as they were before. A claim that agrees of them as well tells nothing of learning.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from maze_interp import seeds, sequences
from maze_interp.experiments import sequence_endings as endings
from maze_interp.experiments import sequence_identity as identity
from maze_interp.experiments import sequence_measures as measures
from maze_interp.experiments import sequence_paired as paired
from maze_interp.experiments.findings import Progress
from maze_interp.experiments.sequence_figures import named
from maze_interp.experiments.sequence_measured import Measured, measure
from maze_interp.experiments.sequence_measures import GRADED_REWARD, Actor, Graded, Ground, SelfEvaluation
from maze_interp.optimisation import Estimate
from maze_interp.sequences import GOALS, Ensemble, Study

AT_RANDOM, BEFORE = "acts at random", "networks before reinforcement"


@dataclass(frozen=True)
class Judged:
    """Policies on every task, what each optimises beyond the sequence on each repeat, and what they are taken for."""

    found: Measured
    spare: Float[np.ndarray, "actor repeat"]
    said: dict[str, np.ndarray]


@dataclass(frozen=True)
class Results:
    """Everything that was measured: policies on every task, each world, by themselves, graded, and further back.

    `nulls` are policies without purpose in the place of those that were `judged`; `apart` is what policies optimise on
    histories without self-evaluation.
    """

    study: Study
    ground: Ground
    ended: endings.Endings
    judged: Judged
    nulls: Mapping[str, Judged]
    floor: float
    elsewhere: Sequence[dict[str, Estimate]]
    before: Sequence[SelfEvaluation]
    after: Sequence[SelfEvaluation]
    apart: Float[np.ndarray, " actor"]
    graded: Sequence[Graded]
    largest: Sequence[Actor]
    far: Sequence[Sequence[Estimate]]
    aimless: Sequence[Estimate]


def measured(
    study: Study, ground: Ground, *, imagined: int, legal: bool, seed: int, progress: Progress | None = None
) -> Results:
    """Everything there is to measure of a study's networks; they evaluate themselves on `imagined` histories."""
    trained = measures.actors(study.finetuned, ground.contexts, legal=legal)
    untaught = {(size, 0): ensemble for size, ensemble in study.pretrained.items()}
    pretrained = measures.actors(untaught, ground.contexts, legal=legal)
    policies = {"": trained, **without_purpose(trained, pretrained, ground, seed=seed)}
    judged = {}
    for place, (name, actors) in enumerate(policies.items()):
        judged[name] = judge(ground, actors, meter(progress, place, len(policies)))
    found = judged[""].found
    largest = [one for one in trained if measures.parameters(one.size) == found.parameters.max()]
    return Results(
        study,
        ground,
        endings.endings(study, ground, seed=seed),
        judged.pop(""),
        judged,
        floor=measures.estimate(ground, ground.own, next(iter(GOALS.values()))).op,
        elsewhere=other_worlds(study, ground, trained, legal=legal),
        before=self_evaluations(untaught, ground, pretrained, imagined),
        after=self_evaluations(study.finetuned, ground, trained, imagined),
        apart=np.array([paired.op_from(ground, one, imagined) for one in trained]),
        graded=graded(study, ground, [*trained, *pretrained], legal=legal),
        largest=largest,
        far=[positions(ground, actor.acts, actor.goal) for actor in largest],
        aimless=positions(ground, at_random(ground, seed, 0), largest[0].goal),
    )


def judge(ground: Ground, policies: Sequence[Actor], progress: Progress | None = None) -> Judged:
    """Policies as claims are made of them."""
    found = measure(ground, policies, progress)
    return Judged(found, paired.spare(ground, policies), identity.identified(found))


def without_purpose(
    trained: Sequence[Actor], pretrained: Sequence[Actor], ground: Ground, *, seed: int
) -> dict[str, list[Actor]]:
    """In the place of each policy, acts at random and the network it was before: what claims are held against."""
    before = {(one.size, one.member): one.acts for one in pretrained}
    return {
        AT_RANDOM: [replace(one, acts=at_random(ground, seed, place)) for place, one in enumerate(trained)],
        BEFORE: [replace(one, acts=before[one.size, one.member]) for one in trained],
    }


def at_random(ground: Ground, seed: int, place: int) -> Int[np.ndarray, " history"]:
    """Legal acts, each as likely as any other."""
    return seeds.generator(seed, "random acts", place).integers(measures.K, measures.ACTS, len(ground))


def graded(study: Study, ground: Ground, others: Sequence[Actor], *, legal: bool) -> list[Graded]:
    """Policies under a graded utility: those reinforced by it, and all others."""
    found = []
    for job, trained in study.trained.items():
        if job.phase == "graded":
            pursuing = measures.actors({(job.size, 0): trained.ensemble}, ground.contexts, legal=legal)
            found += [measures.graded(ground, actor, GRADED_REWARD) for actor in pursuing]
    return found + [measures.graded(ground, actor, named(actor.goal)) for actor in others]


def meter(progress: Progress | None, part: int, parts: int) -> Progress | None:
    """A progress that goes on from one part of the same work to the next."""
    if progress is None:
        return None
    return lambda done, total: progress(part * total + done, parts * total)


def other_worlds(study: Study, ground: Ground, trained: Sequence[Actor], *, legal: bool) -> list[dict[str, Estimate]]:
    """Each policy against each comparison world."""
    others = {
        name: {size: sequences.act(ensemble, ground.contexts, legal=legal) for size, ensemble in networks.items()}
        for name, networks in (("untrained", study.untrained), ("pretrained", study.pretrained))
    }
    return [
        measures.worlds(ground, one, {name: acts[one.size][one.member] for name, acts in others.items()})
        for one in trained
    ]


def self_evaluations(
    ensembles: Mapping[tuple[str, int], Ensemble], ground: Ground, policies: Sequence[Actor], histories: int
) -> list[SelfEvaluation]:
    """Of each network of the ensembles. Optimisation and impact ask of no task."""
    evaluated: list[SelfEvaluation] = []
    for (size, goal), ensemble in ensembles.items():
        mine = [one for one in policies if (one.size, one.goal) == (size, goal)]
        evaluated += measures.self_evaluations(ground, ensemble, mine, histories, next(iter(GOALS.values())))
    return evaluated


def positions(ground: Ground, acts: Int[np.ndarray, " history"], goal: int) -> list[Estimate]:
    """A policy's estimate for outcomes further and further from its act."""
    return [measures.pooled(ground, acts, GOALS[goal], distance) for distance in range(len(ground.later))]
