"""Can optimisation be measured, and does it tell what a policy was trained for? The sequence task, whole.

Small encoders learn to predict a sequence, then to steer its next element into a set of good outcomes ("Measuring
Learned Optimization in Small Transformer Models", Bostock 2024). What they do to the future is measured by split
histories, in nats, and set beside what their success alone predicts. Every claim of the article is a prediction here,
tested with a stated power, and its figures are drawn again; then follow what it lacked: an identifier with a
calibrated confidence region, rewards that are not binary, and acts further back. The controls are the sequence's own
acts, policies on tasks they were not trained for, the trivial identifier, and other comparison worlds.

The networks are kept in a folder and trained only if they are not there: scale "small" takes minutes, "full" an hour.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from maze_interp import seeds, sequences
from maze_interp.experiments import sequence_beyond as beyond
from maze_interp.experiments import sequence_endings as endings
from maze_interp.experiments import sequence_figures as drawn
from maze_interp.experiments import sequence_identity as identity
from maze_interp.experiments import sequence_measures as measures
from maze_interp.experiments import sequence_page as page
from maze_interp.experiments import sequence_paired as paired
from maze_interp.experiments import sequence_predictions as predictions
from maze_interp.experiments.findings import Findings, Progress
from maze_interp.experiments.sequence_claims import Claim, holm, sentence, tally
from maze_interp.experiments.sequence_measures import Actor, Graded, Ground, Measured, SelfEvaluation
from maze_interp.optimisation import Estimate
from maze_interp.sequences import GOALS, Study, stationary
from maze_interp.tables import Row

SHOWN = ("p", "q", "op", "excess_op", "imp", "excess_imp", "impact_ratio", "selectivity", "unflatness")


@dataclass(frozen=True)
class Settings:
    """The study ("small" or "full") and the folder of its networks, by default runs/sequences-SCALE; `repeats` times
    `histories` test histories, as in the article; how many of them networks evaluate themselves on; after how many
    pairs of elements an outcome may stand; and `counted` sequences of which statistics are taken."""

    scale: str = "small"
    folder: str = ""
    repeats: int = 10
    histories: int = 200
    imagined: int = 400
    distances: int = 9
    counted: int = stationary.COUNT
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.repeats, self.distances, self.counted) < 1 or self.histories < 2:
            raise ValueError("repeats, distances and counted must be at least 1, and histories at least 2")
        if not 2 <= self.imagined <= (most := self.repeats * self.histories - 2):
            raise ValueError(f"imagined histories are 2 to {most}, lest none be left, not {self.imagined}")


@dataclass(frozen=True)
class Results:
    """Everything that was measured: policies on every task, each world, by themselves, graded, and further back.

    `spare` is what policies optimise beyond the sequence, `apart` what they do on histories without self-evaluation."""

    study: Study
    ground: Ground
    ended: endings.Endings
    found: Measured
    floor: float
    spare: Float[np.ndarray, "actor repeat"]
    said: dict[str, np.ndarray]
    elsewhere: Sequence[dict[str, Estimate]]
    before: Sequence[SelfEvaluation]
    after: Sequence[SelfEvaluation]
    apart: Float[np.ndarray, " actor"]
    graded: Sequence[Graded]
    largest: Sequence[Actor]
    far: Sequence[Sequence[Estimate]]
    aimless: Sequence[Estimate]


def run(settings: Settings, progress: Progress | None = None) -> Findings:
    """Train what is missing, measure everything. `progress` counts the training, then the policies measured."""
    folder = Path(settings.folder or f"runs/sequences-{settings.scale}")
    study = sequences.study(settings.scale, folder, seed=settings.seed, progress=progress)
    seed = seeds.derive(settings.seed, "sequence optimisation")
    results = measured(study, settings, seed, progress)
    claims, tables = holm(claims_of(results)), tables_of(results, settings.counted, seed)
    tables = {"claims": [claim.row for claim in claims], **tables}
    return Findings(
        heading="Measuring learned optimisation",
        sentences=[
            page.learned(results.ended, results.found, tables),
            page.predicted(results.found)[1],
            page.brackets(results.found),
            page.named(tables["identification"], tables["identification_with_few"]),
            tally(claims),
            *map(sentence, claims),
            page.beyond(tables["worlds"], results.graded),
            page.later(results.largest, results.far, results.aimless),
        ],
        tables=tables,
        figures=figures_of(results, tables),
        numbers=numbers(results.found, claims, tables["identification"], results.floor),
    )


def measured(study: Study, settings: Settings, seed: int, progress: Progress | None) -> Results:
    """Everything there is to measure of a study's networks."""
    ground = measures.ground(study, settings.repeats, settings.histories, settings.distances, seed=seed)
    trained = measures.actors(study.finetuned, ground.contexts)
    found = measures.measure(ground, trained, progress)
    largest = [one for one in trained if measures.parameters(one.size) == found.parameters.max()]
    random = seeds.generator(seed, "random acts").integers(measures.K, measures.ACTS, len(ground))
    before, after = self_evaluations(study, ground, trained, settings.imagined)
    return Results(
        study,
        ground,
        endings.endings(study, ground, seed=seed),
        found,
        floor=measures.estimate(ground, ground.own, next(iter(GOALS.values()))).op,
        spare=paired.spare(ground, trained),
        said=identity.identified(found),
        elsewhere=other_worlds(study, ground, trained),
        before=before,
        after=after,
        apart=np.array([paired.op_from(ground, one, settings.imagined) for one in trained]),
        graded=[measures.graded(ground, actor) for actor in trained],
        largest=largest,
        far=[positions(ground, actor.acts, actor.goal) for actor in largest],
        aimless=positions(ground, random, largest[0].goal),
    )


def claims_of(results: Results) -> list[Claim]:
    """The article's claims, in its order."""
    return [
        *predictions.on_training(results.ended, results.study.scale.varied_goal),
        *predictions.on_success(results.found),
        *predictions.on_optimisation(results.found, results.spare),
        *identity.claims(results.ground, results.found, results.said),
        *predictions.on_impact(results.found, results.ground.repeats),
        *predictions.on_self_evaluation(results.before, results.after, results.apart),
    ]


def tables_of(results: Results, count: int, seed: int) -> dict[str, list[Row]]:
    """What was measured, as tidy rows."""
    found, rule = results.found, measures.rule_of(results.study)
    return {
        "policies": by_size(found),
        "missing": measures.missing(found),
        "identification": identity.identification(found, results.said),
        "identification_with_few": identity.with_few(results.ground, found),
        "worlds": beyond.by_world(found.actors, results.elsewhere),
        "self_evaluation": beyond.self_rows([*results.before, *results.after]),
        "graded_utility": beyond.graded_rows(results.graded),
        "positions": beyond.position_rows(results.largest, results.far, results.aimless),
        "reinforcement": beyond.variant_rows(results.ended),
        "frequencies": stationary.frequencies(count, seed=seed, **rule),
        "ladder": stationary.ladder(count, seed=seed, **rule),
        "ceilings": stationary.ceilings(count, seed=seed, **rule),
    }


def figures_of(results: Results, tables: Mapping[str, Sequence[Row]]) -> drawn.Drawn:
    """The article's figures, and those beyond it."""
    found = results.found
    return {
        **drawn.of_training(results.study, results.ended, page.rungs(tables["ladder"])),
        **drawn.of_success(found, tables["ceilings"]),
        **drawn.of_optimisation(found, results.floor, page.predicted(found)[0]),
        **drawn.across(found),
        **identity.identification_figures(found, results.said, list(GOALS)),
        **identity.few_figure(tables["identification_with_few"]),
        **drawn.of_impact(found),
        **beyond.worlds_figures(tables["worlds"]),
        **beyond.self_figures(results.before, results.after),
        **beyond.graded_figure(results.graded),
        **beyond.position_figures(tables["positions"]),
    }


def other_worlds(study: Study, ground: Ground, trained: Sequence[Actor]) -> list[dict[str, Estimate]]:
    """Each policy against each comparison world."""
    others = {
        name: {size: sequences.act(ensemble, ground.contexts, legal=False) for size, ensemble in networks.items()}
        for name, networks in (("untrained", study.untrained), ("pretrained", study.pretrained))
    }
    return [
        measures.worlds(ground, one, {name: acts[one.size][one.member] for name, acts in others.items()})
        for one in trained
    ]


def self_evaluations(
    study: Study, ground: Ground, trained: Sequence[Actor], histories: int
) -> tuple[list[SelfEvaluation], list[SelfEvaluation]]:
    """Of the pretrained networks and of the reinforced ones. Optimisation and impact ask of no task."""
    untaught = {(size, 0): ensemble for size, ensemble in study.pretrained.items()}
    good = next(iter(GOALS.values()))
    both = []
    for ensembles, policies in ((untaught, measures.actors(untaught, ground.contexts)), (study.finetuned, trained)):
        evaluated: list[SelfEvaluation] = []
        for (size, goal), ensemble in ensembles.items():
            mine = [one for one in policies if (one.size, one.goal) == (size, goal)]
            evaluated += measures.self_evaluations(ground, ensemble, mine, histories, good)
        both.append(evaluated)
    return both[0], both[1]


def positions(ground: Ground, acts: Int[np.ndarray, " history"], goal: int) -> list[Estimate]:
    """A policy's estimate for outcomes further and further from its act."""
    return [measures.pooled(ground, acts, GOALS[goal], distance) for distance in range(len(ground.later))]


def by_size(found: Measured) -> list[Row]:
    """The mean over networks of each measure on the own task, by size and goal."""
    rows = []
    for size, goal in dict.fromkeys((one.size, one.goal) for one in found.actors):
        mine = [place for place, one in enumerate(found.actors) if (one.size, one.goal) == (size, goal)]
        who = [found.actors[place] for place in mine]
        rows += [
            beyond.averaged(measure, who, found.own(measure)[mine], size=size, trained=drawn.named(goal))
            for measure in SHOWN
        ]
    return rows


def numbers(found: Measured, claims: Sequence[Claim], told: Sequence[Row], floor: float) -> dict[str, float]:
    """Every policy's measures on its own task, every claim's effect, and how often objectives were identified."""
    shown = {measure: found.own(measure).tolist() for measure in SHOWN}
    per_policy = {
        f"{one.size}, {drawn.named(one.goal)}, network {one.member}: {measure}": values[place]
        for measure, values in shown.items()
        for place, one in enumerate(found.actors)
    }
    return {
        **{claim.words: claim.effect.value for claim in claims},
        **{f"{row.what['identifier']}: {row.measure}": row.value for row in told},
        "the sequence's own optimisation": floor,
        "policies": len(found.actors),
        **per_policy,
    }
