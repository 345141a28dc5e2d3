"""What does each setting by itself change? Networks whose recipes cross two or more settings, asked the same mazes.

Two published models differed in positions and in heads at once, so neither could be held responsible. Here the runs
must cover every combination; what one setting changes is told beside what the seed does, by networks that differ in it
alone, and where there are none, nothing can be told of settings. All are asked the same mazes, none of which any of
them read in training, at home and under shifts, and how many mazes each had read when it walked half of those it was
validated on.

Predictions: settings change when a network learns and where it fails rather than how well it walks at home. Of learned
positions, with 4 heads as with 8: they cost several times as many mazes, and worlds whose prompts have another length;
of heads: they change nothing. The former was seen in one network of each kind before, the fourth is its test.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import isnan, nan
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from maze_interp import mazes, models, recipes, seeds, training
from maze_interp.behaviour import shifts
from maze_interp.behaviour.shifts import AT_HOME, ShiftedSet
from maze_interp.experiments import factors_page as page
from maze_interp.experiments import several
from maze_interp.experiments.factors_design import Design, crossed
from maze_interp.experiments.findings import Findings, Progress, counter
from maze_interp.recipes import Refusal
from maze_interp.tables import Row, Z, mean, proportion
from maze_interp.training import TrainingRecipe, TrainingRun

SEED = "seed"
DRAWN = 2  # mazes for each that is asked: some may have been read
Walked = Bool[np.ndarray, "network maze"]


@dataclass(frozen=True)
class Settings:
    """The runs, separated by commas; the test mazes of each world; and the shifts they are asked under besides home."""

    run: str = ""
    mazes: int = 300
    only: str = "branch_cut_off, one_wall_in_ten_opened, wilson, shuffled, foreign_edge"
    seed: int = 0


@dataclass(frozen=True)
class Measure:
    """A number of each network, and how precisely it is known."""

    name: str
    value: Float[np.ndarray, " network"]
    error: float
    share: bool = True


def run(settings: Settings, progress: Progress | None = None) -> Findings:
    """What each setting changes, beside what seeds do. `progress` counts networks by worlds.

    Raises ValueError for an unknown shift, runs of different worlds, and settings that are not crossed.
    """
    named = several.named(settings.run)
    runs = {name: training.open_run(folder) for name, folder in named.items()}
    design = design_of([one.recipe for one in runs.values()])
    asked = [AT_HOME, *(name for name in (part.strip() for part in settings.only.split(",")) if name)]
    for name in asked[1:]:
        if name not in shifts.SHIFTS:
            raise recipes.unknown("shift", name, shifts.SHIFTS)
    told = counter(progress, len(asked) * len(runs))
    walked, refused = _walked(runs, asked, settings, told)
    measures = [_share(world, found) for world, found in walked.items()]
    learned = _learned(list(runs.values()))
    effects = told_apart(design, [*measures, *([] if learned is None else [learned])])
    return Findings(
        heading=f"What each setting changes: {page.crossing(design)}",
        sentences=[
            page.PREDICTION,
            page.asked(runs, design),
            *page.sentences(effects, design),
            *page.refused(refused),
        ],
        tables={
            "effects": effects,
            "these_networks": _by_mazes(design, walked, settings.seed),
            "networks": _networks(runs, walked, learned, design),
        },
        figures=page.pictures(runs, effects, _networks(runs, walked, None, design), design),
        numbers={
            "networks": float(len(runs)),
            "degrees": float(design.degrees),
            **{f"{row.measure}: {row.what['of']}": row.value for row in effects},
            **{f"between seeds, {row.measure}": row.what["between seeds"] for row in effects},
        },
    )


def design_of(asked: Sequence[TrainingRecipe]) -> Design:
    """The settings that recipes cross. Raises ValueError where they do not, or are of two worlds."""
    factors = [name for name in training.varied(asked) if name != SEED]
    if worlds := [name for name in factors if name.startswith("world")]:
        raise ValueError(f"the runs differ in {', '.join(worlds)}: worlds are compared by `shifts`, settings in one")
    return crossed([recipes.flat(one) for one in asked], factors)


def told_apart(design: Design, measures: Sequence[Measure]) -> list[Row]:
    """A row a measure and effect, with an interval over networks; those of one measure hold together 95 times in 100.

    Beside it stand the measure's standard deviation between seeds, which is taken for no less than the error of the
    measure, and whether the interval leaves 0 out.
    """
    level = 1 - 0.05 / len(design.effects)  # Bonferroni
    rows = []
    for measure in measures:
        spread = max(design.spread(measure.value), measure.error) if design.degrees else nan
        for effect in design.effects:
            change = float(design.weights(effect) @ measure.value)
            half = design.half(effect, spread, level)
            most = 2.0 ** (len(effect) - 1) if measure.share else np.inf  # what shares can differ by
            low, high = np.clip([change - half, change + half], -most, most).tolist()
            first, second = design.at(effect[0], measure.value) if len(effect) == 1 else (nan, nan)
            what = {"of": page.name(effect), "first": first, "second": second, "between seeds": spread}
            verdict = "cannot be told" if isnan(half) else "surely" if low > 0 or high < 0 else "not told apart"
            what |= {"verdict": verdict, "share": measure.share}
            rows.append(Row(measure.name, change, low, high, len(measure.value), what))
    return rows


def _walked(
    runs: dict[str, TrainingRun], asked: Sequence[str], settings: Settings, told: Callable[[], None]
) -> tuple[dict[str, Walked], dict[str, str]]:
    """Which mazes of each world each network walks by a shortest path; of worlds that one cannot be asked in, why."""
    seed, walked, refused = seeds.derive(settings.seed, "factors"), {}, {}
    read = np.unique(np.concatenate([training.mazes_seen(one).hashes for one in runs.values()]))
    loaded = {name: one.model() for name, one in runs.items()}
    for world in asked:
        sets: dict[str, ShiftedSet] = {}
        try:
            for name, one in runs.items():
                make = shifts.unshifted if world == AT_HOME else partial(shifts.shifted, world)
                sets[name] = make(shifts.home_of(one.recipe), DRAWN * settings.mazes, seed=seed)
        except Refusal as refusal:
            refused[world] = str(refusal)
            for _ in runs:
                told()
            continue
        first, *others = (made.mazes for made in sets.values())
        if any(not np.array_equal(first.passages, other.passages) for other in others):
            raise ValueError(f"the runs cannot be asked the same mazes under {world}")
        unread = np.flatnonzero(~np.isin(mazes.passage_hash(first.passages), read))[: settings.mazes]
        right = []
        for name, made in sets.items():
            mine = made[unread]
            paths = models.rollout(loaded[name], mine.mazes, prompts=mine.prompts)
            right.append(mazes.paths.optimal(mine.mazes, paths))
            told()
        walked[world] = np.stack(right)
    return walked, refused


def _share(world: str, walked: Walked) -> Measure:
    """The shares walked; their error is that of the share in the middle of Wilson's interval."""
    value = walked.mean(axis=1)
    width = [row.high - row.low for row in (proportion("", one) for one in walked)]
    return Measure(f"walked {world}".replace("_", " "), value, float(np.median(width)) / (2 * Z))


def _learned(runs: Sequence[TrainingRun]) -> Measure | None:
    """How many thousand mazes each had read when it first walked half of its validation mazes; None if one never did.

    Read off between two validations, which leaves an error of their distance over the square root of 12.
    """
    read = [halfway(one.metrics) * one.recipe.mazes_per_step for one in runs]
    if any(map(isnan, read)):
        return None
    apart = [one.recipe.validation.every * one.recipe.mazes_per_step for one in runs]
    return Measure(page.LEARNED, np.array(read) / 1000, float(np.mean(apart)) / 12**0.5 / 1000, share=False)


def halfway(metrics: Sequence[Mapping[str, Any]]) -> float:
    """The step at which half of the validation mazes were first walked, between validations in proportion; nan if
    they never were."""
    step = np.array([0.0, *(row["step"] for row in metrics)])
    share = np.array([0.0, *(row["exact"] for row in metrics)])
    over = np.flatnonzero(share >= page.HALF)
    if len(over) == 0:
        return nan
    last, here = over[0] - 1, over[0]
    return float(step[last] + (step[here] - step[last]) * (page.HALF - share[last]) / (share[here] - share[last]))


def _by_mazes(design: Design, walked: dict[str, Walked], seed: int) -> list[Row]:
    """The same effects of these very networks, with intervals over mazes: what other mazes would show of them."""
    return [
        mean(f"walked {world}".replace("_", " "), design.weights(effect) @ found, seed=seed, of=page.name(effect))
        for world, found in walked.items()
        for effect in design.effects
    ]


def _networks(
    runs: dict[str, TrainingRun], walked: dict[str, Walked], learned: Measure | None, design: Design
) -> list[Row]:
    """Each network by itself."""
    rows = []
    for place, name in enumerate(runs):
        told = {"network": name, "settings": page.combination(design, place)}
        rows += [
            proportion(f"walked {world}".replace("_", " "), found[place], **told) for world, found in walked.items()
        ]
        if learned is not None:
            rows.append(Row(learned.name, float(learned.value[place]), nan, nan, 1, told))
    return rows
