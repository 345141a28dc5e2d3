"""What the policies of a study do on test histories: outcomes, estimates, other worlds, self-evaluation, positions.

The recurrence answers every act in every history once (`Ground.table`), by the same draw whatever the act; all
policies are measured on that table, so they differ by their acts alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from jaxtyping import Int

from maze_interp import optimisation, seeds, sequences
from maze_interp.experiments.sequence_world import environment
from maze_interp.optimisation import Estimate
from maze_interp.sequences import GOALS, Ensemble, Study

K, ACTS, CONTEXT = 8, 16, 20
NOTHING = 0  # the act that multiplies the product by one; at odd positions it is an illegal token
GRADED_REWARD = "the graded reward"
WORLDS = ("split history", "do nothing", "random act", "untrained", "pretrained", "the sequence")
POOLED = ("imp", "p", "q", "excess_imp", "impact_ratio")  # of all histories at once
UTILITY = np.array(sequences.GRADED)  # of an outcome


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
    """Test histories, and what follows each under each act; `own` are the acts of the sequence itself.

    `asked` is how optimisation and impact are estimated (correction, pseudo_count), of all policies alike.
    """

    contexts: Int[np.ndarray, "history position"]
    table: Int[np.ndarray, "act history"]
    own: Int[np.ndarray, " history"]
    later: tuple[Int[np.ndarray, "act history"], ...]
    repeats: int
    asked: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.contexts)


def ground(study: Study, repeats: int, histories: int, distances: int, *, seed: int, **asked: Any) -> Ground:
    """`repeats` times `histories` fresh histories at whose end a policy acts.

    later[d] holds, like the table (which is later[0]), the outcome d pairs of elements after the act: the sequence
    goes on by itself in between, so the position intervened on lies 2 d elements further back. `asked` is how
    optimisation and impact are estimated (`optimisation.split_history`).
    """
    rule, count, chance = rule_of(study), repeats * histories, seeds.derive(seed, "chance")
    contexts = sequences.histories(count, seed=seeds.derive(seed, "histories"), **rule)
    draws = seeds.uniforms(chance, count, 2 * distances)
    own = sequences.extend(contexts, draws[:, -1:], odd=True, **rule)[:, -1]
    later = tuple(
        np.stack([follows(contexts, np.full(count, act), seed=chance) for act in range(ACTS)])
        for follows in (environment(rule, distance) for distance in range(distances))
    )
    return Ground(contexts, later[0], own, later, repeats, asked)


def rule_of(study: Study) -> dict[str, Any]:
    """The kind of recurrence that policies acted in, and its noise."""
    return {"kind": study.scale.reinforcement.kind, "noise": study.scale.reinforcement.noise}


def actors(
    ensembles: Mapping[tuple[str, int], Ensemble], contexts: Int[np.ndarray, "history position"], *, legal: bool = False
) -> list[Actor]:
    """Every network of the ensembles, by (size, goal), with its acts at temperature 0; `legal` restricts these."""
    return [
        Actor(size, goal, member, acts)
        for (size, goal), ensemble in ensembles.items()
        for member, acts in enumerate(sequences.act(ensemble, contexts, legal=legal))
    ]


def estimate(ground: Ground, acts: Int[np.ndarray, " history"], good: Sequence[int]) -> Estimate:
    """The article's measurement of optimisation: the mean of repeats, each on histories of its own.

    Impact and what is made of it are of all histories at once (`pooled`): its bias is of the order of the number of
    outcomes over that of histories, and the second order of it, which the jackknife leaves, is averaged by no repeat.
    """
    blocks = np.array_split(np.arange(len(ground)), ground.repeats)
    averaged = optimisation.repeated([
        optimisation.split_history(
            optimisation.of_acts(ground.table[:, block], acts[block], K), good=good, **ground.asked
        )
        for block in blocks
    ])  # fmt: skip
    whole = pooled(ground, acts, good)
    taken = {name: getattr(whole, name) for name in POOLED}
    for part in ("intervals", "plug_in", "missing"):
        kept = {name: value for name, value in getattr(averaged, part).items() if name not in POOLED}
        taken[part] = kept | {name: value for name, value in getattr(whole, part).items() if name in POOLED}
    return replace(averaged, **taken)


def pooled(ground: Ground, acts: Int[np.ndarray, " history"], good: Sequence[int], distance: int = 0) -> Estimate:
    """The measurement on all histories at once, `distance` pairs of elements after the act."""
    world = optimisation.of_acts(ground.later[distance], acts, K)
    return optimisation.split_history(world, good=good, **ground.asked)


def worlds(ground: Ground, actor: Actor, others: Mapping[str, Int[np.ndarray, " history"]]) -> dict[str, Estimate]:
    """The actor against each comparison world; `others` are the acts of the untrained and the pretrained network."""
    good, place = GOALS[actor.goal], np.arange(len(ground))
    factual = ground.table[actor.acts, place]
    fixed = {"do nothing": np.full(len(ground), NOTHING), **others, "the sequence": ground.own}
    found = {"split history": pooled(ground, actor.acts, good)}
    for name, acts in fixed.items():
        found[name] = optimisation.compared(factual, ground.table[acts, place], outcomes=K, good=good, **ground.asked)
    legal = np.eye(K)[ground.table[K:]].mean(axis=0)
    found["random act"] = optimisation.compared(np.eye(K)[factual], legal, good=good, **uncounted(ground.asked))
    return {name: found[name] for name in WORLDS}


def uncounted(asked: Mapping[str, Any]) -> dict[str, Any]:
    """The same of distributions, whose entropies need no correction as those of counts do."""
    return {name: value for name, value in asked.items() if name != "correction"}


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
        measured = optimisation.split_history(real, good=good, **ground.asked)
        by_itself = optimisation.split_history(imagined, good=good, **uncounted(ground.asked))
        yield SelfEvaluation(actor, measured, by_itself, float(1 - legal.mean()))


@dataclass(frozen=True)
class Graded:
    """A policy under a graded utility: its mean, the mean in the split world, impact, and the least that would do.

    `plain` is impact as the sample has it, which is never below the least; `imp` is without its bias.
    """

    actor: Actor
    trained: str
    utility: float
    split_utility: float
    imp: float
    plain: float
    least: float


def graded(ground: Ground, actor: Actor, trained: str) -> Graded:
    """The impact of a policy beside the least impact that reaches its mean utility from the mean of its split rows;
    `trained` says on what it was."""
    share = np.bincount(actor.acts, minlength=ACTS) / len(ground)
    rows = np.stack([np.bincount(row, minlength=K) for row in ground.table]) + ground.asked.get("pseudo_count", 0.0)
    factual = np.bincount(ground.table[actor.acts, np.arange(len(ground))], minlength=K) / len(ground)
    baseline = share @ (rows / rows.sum(axis=1, keepdims=True))
    mean = float(factual @ UTILITY)
    least = optimisation.least_impact(baseline, UTILITY, mean).divergence
    found = pooled(ground, actor.acts, next(iter(GOALS.values())))
    return Graded(actor, trained, mean, float(baseline @ UTILITY), found.imp, found.plug_in["imp"], least)


def parameters(size: str) -> int:
    """How many numbers a network of that size has."""
    return sequences.SIZES[size].parameters
