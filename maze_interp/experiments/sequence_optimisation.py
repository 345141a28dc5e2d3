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
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from maze_interp import recipes, seeds, sequences
from maze_interp.experiments import sequence_beyond as beyond
from maze_interp.experiments import sequence_failures as failures
from maze_interp.experiments import sequence_figures as drawn
from maze_interp.experiments import sequence_identity as identity
from maze_interp.experiments import sequence_measures as measures
from maze_interp.experiments import sequence_page as page
from maze_interp.experiments import sequence_predictions as predictions
from maze_interp.experiments.findings import Findings, Progress
from maze_interp.experiments.sequence_across import across
from maze_interp.experiments.sequence_claims import Claim, beside, holm, tally
from maze_interp.experiments.sequence_claims import sentence as said
from maze_interp.experiments.sequence_measured import Measured, missing
from maze_interp.experiments.sequence_measures import Ground
from maze_interp.experiments.sequence_results import BEFORE, Judged, Results, measured
from maze_interp.optimisation import CORRECTIONS
from maze_interp.sequences import GOALS, KINDS, SCALES, Scale, stationary
from maze_interp.tables import Row

SHOWN = ("p", "q", "op", "excess_op", "imp", "excess_imp", "impact_ratio", "selectivity", "unflatness")


@dataclass(frozen=True)
class Settings:
    """The study ("small" or "full") and the folder of its networks (one of its own, if not given); `repeats` times
    `histories` test histories, as in the article; how many of them networks evaluate themselves on; after how many
    pairs of elements an outcome may stand; and `counted` sequences of which statistics are taken."""

    scale: str = "small"
    folder: str = ""
    repeats: int = 10
    histories: int = 200
    imagined: int = 400
    distances: int = 9
    counted: int = stationary.COUNT
    kind: str = "product"
    legal: bool = False
    correction: str = "plug_in"
    pseudo_count: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.repeats, self.distances, self.counted) < 1 or self.histories < 2:
            raise ValueError("repeats, distances and counted must be at least 1, and histories at least 2")
        if not 2 <= self.imagined <= (most := self.repeats * self.histories - 2):
            raise ValueError(f"imagined histories are 2 to {most}, lest none be left, not {self.imagined}")
        if self.scale not in SCALES:
            raise recipes.unknown("scale", self.scale, SCALES)
        if self.kind not in KINDS:
            raise recipes.unknown("kind of recurrence", self.kind, KINDS)
        if self.correction not in CORRECTIONS:
            raise recipes.unknown("correction", self.correction, CORRECTIONS)
        if not self.pseudo_count >= 0:
            raise ValueError(f"a pseudo-count is not negative, as {self.pseudo_count} is")


def run(settings: Settings, progress: Progress | None = None, executor: Executor | None = None) -> Findings:
    """Train what is missing, here or on an executor's workers, and measure everything.

    `progress` counts the training, then the policies measured.
    """
    study = sequences.study(scale_of(settings), folder_of(settings), executor=executor, progress=progress)
    seed = seeds.derive(settings.seed, "sequence optimisation")
    how = {"correction": settings.correction, "pseudo_count": settings.pseudo_count}
    ground = measures.ground(study, settings.repeats, settings.histories, settings.distances, seed=seed, **how)
    results = measured(study, ground, imagined=settings.imagined, legal=settings.legal, seed=seed, progress=progress)
    claims, tables = claims_of(results), tables_of(results, settings.counted, seed)
    tables = {"claims": [claim.row for claim in claims], **tables}
    return Findings(
        heading="Measuring learned optimisation",
        sentences=[
            sentence
            for sentence in (
                page.learned(results.ended, results.judged.found, tables),
                page.predicted(results.judged.found)[1],
                page.brackets(results.judged.found),
                page.named(tables["identification"], tables["identification_with_few"]),
                tally(claims),
                *map(said, claims),
                failures.sentence(tables["failures"]),
                page.beyond(tables["worlds"]),
                page.rewarded(results.graded, tables["graded_utility"]),
                page.later(results.largest, results.far, results.aimless),
            )
            if sentence
        ],
        tables=tables,
        figures=figures_of(results, tables),
        numbers=numbers(results, claims, tables),
    )


def folder_of(settings: Settings) -> Path:
    """Where the study's networks are kept: each scale, recurrence and seed has a folder of its own."""
    kind = "" if settings.kind == "product" else f"-{settings.kind}"
    seed = f"-seed-{settings.seed}" if settings.seed else ""
    return Path(settings.folder or f"runs/sequences-{settings.scale}{kind}{seed}")


def scale_of(settings: Settings) -> Scale:
    """The study's scale, in the recurrence that is asked for."""
    scale = replace(SCALES[settings.scale], seed=settings.seed)
    pretraining, reinforcement = scale.pretraining, scale.reinforcement
    return replace(
        scale,
        pretraining=replace(pretraining, kind=settings.kind),
        reinforcement=replace(reinforcement, kind=settings.kind),
    )


def claims_of(results: Results) -> list[Claim]:
    """The article's claims, in its order, corrected for their number, beside the same of policies without purpose."""
    claims = [
        *predictions.on_training(results.ended, results.study.scale.varied_goal),
        *of_policies(results.ground, results.judged),
        *predictions.on_self_evaluation(results.before, results.after, results.apart),
    ]
    nulls = {name: of_policies(results.ground, judged) for name, judged in results.nulls.items()}
    nulls[BEFORE].append(predictions.on_worse(results.before))
    return holm(beside(claims, nulls))


def of_policies(ground: Ground, judged: Judged) -> list[Claim]:
    """The claims that are of policies alone, whoever they are."""
    return [
        *predictions.on_success(judged.found),
        *predictions.on_optimisation(judged.found, judged.spare),
        *identity.claims(ground, judged.found, judged.said),
        *predictions.on_impact(judged.found),
    ]


def tables_of(results: Results, count: int, seed: int) -> dict[str, list[Row]]:
    """What was measured, as tidy rows."""
    found, rule = results.judged.found, measures.rule_of(results.study)
    return {
        "policies": by_size(found),
        "missing": missing(found),
        "identification": identity.identification(found, results.judged.said),
        "identification_with_few": identity.with_few(results.ground, found),
        "worlds": beyond.by_world(found.actors, results.elsewhere),
        "self_evaluation": beyond.self_rows([*results.before, *results.after]),
        "graded_utility": beyond.graded_rows(results.graded),
        "positions": beyond.position_rows(results.largest, results.far, results.aimless),
        "headline": page.headline_rows(found),
        "reinforcement": beyond.variant_rows(results.ended),
        "failures": failures.rows(results.ended, results.study.scale.varied_goal),
        "frequencies": stationary.frequencies(count, seed=seed, **rule),
        "ladder": stationary.ladder(count, seed=seed, **rule),
        "ceilings": stationary.ceilings(count, seed=seed, **rule),
    }


def figures_of(results: Results, tables: Mapping[str, Sequence[Row]]) -> drawn.Drawn:
    """The article's figures, and those beyond it."""
    found = results.judged.found
    return {
        **drawn.of_training(results.study, results.ended, page.rungs(tables["ladder"])),
        **drawn.of_success(found, tables["ceilings"]),
        **drawn.of_optimisation(found, results.floor, page.predicted(found)[0]),
        **across(found),
        **identity.identification_figures(found, results.judged.said, list(GOALS)),
        **identity.few_figure(tables["identification_with_few"]),
        **drawn.of_impact(found),
        **beyond.worlds_figures(tables["worlds"]),
        **beyond.self_figures(results.before, results.after),
        **beyond.graded_figure(results.graded),
        **failures.figure(tables["failures"]),
        **beyond.position_figures(tables["positions"]),
    }


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


def numbers(results: Results, claims: Sequence[Claim], tables: Mapping[str, Sequence[Row]]) -> dict[str, float]:
    """Every policy's measures on its own task, claims' effects, and the headline; intervals as "low" and "high"."""
    found = results.judged.found
    shown = {measure: found.own(measure).tolist() for measure in SHOWN}
    per_policy = {
        f"{one.size}, {drawn.named(one.goal)}, network {one.member}: {measure}": values[place]
        for measure, values in shown.items()
        for place, one in enumerate(found.actors)
    }
    rows = {claim.words: claim.effect for claim in claims} | {f"headline: {r.measure}": r for r in tables["headline"]}
    rows |= {f"{row.what['identifier']}: {row.measure}": row for row in tables["identification"]}
    rows |= {f"failures at {row.what[failures.RATE]:g}: {row.measure}": row for row in tables["failures"]}
    ends = {f"{name}, {end}": getattr(row, end) for name, row in rows.items() for end in ("low", "high")}
    return {
        **{name: row.value for name, row in rows.items()},
        **{name: value for name, value in ends.items() if np.isfinite(value)},
        "the sequence's own optimisation": results.floor,
        "policies": len(found.actors),
        **per_policy,
    }
