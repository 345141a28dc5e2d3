"""What does each setting by itself change? Networks whose recipes cross two or more settings, asked the same mazes.

Two published models differed in positions and in heads at once, so neither could be held responsible. Here the runs
must cover every combination; what one setting changes is told beside what the seed does, by networks that differ in it
alone, and where there are none, nothing can be told of settings. All are asked the same mazes, none of which any of
them read in training, at home and under shifts, and how many mazes each had read when it walked half of those it was
validated on.

Prediction: settings change how much a network must read to learn, and not how well it walks at home in the end. For
positions and heads: learned positions cost several times as many mazes, with 4 heads as with 8, and all worlds whose
prompts have another length; heads change nothing. The former was seen in one network of each kind; the fourth, with
both, is its test.
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
from maze_interp.behaviour.shifts import AS_TRAINED, AT_HOME, Home, ShiftedSet
from maze_interp.experiments import factors_page as page
from maze_interp.experiments import several
from maze_interp.experiments.factors_design import Design, crossed
from maze_interp.experiments.findings import Findings, Progress, counter
from maze_interp.recipes import Refusal
from maze_interp.tables import Row, Z, mean, proportion
from maze_interp.training import TrainingRecipe, TrainingRun

NO_SETTINGS = ("seed", "validation")  # keys of a recipe that change nothing of what is learned, or are what is varied
DRAWN = 2  # mazes for each that is asked: some may have been read
FEWEST = 20  # unread mazes that a share is worth telling of
REDRAWN = 400  # times that the mazes of validations are drawn again
Walked = Bool[np.ndarray, "network maze"]


@dataclass(frozen=True)
class Settings:
    """The runs, separated by commas; the test mazes of each world; and the shifts they are asked under besides home."""

    run: str = ""
    mazes: int = 300
    only: str = "branch_cut_off, one_wall_in_ten_opened, wilson, row_by_row, foreign_edge"
    seed: int = 0


@dataclass(frozen=True)
class Measure:
    """A number of each network, and its standard error by mazes. A `share`, or else the logarithm of a number."""

    name: str
    value: Float[np.ndarray, " network"]
    error: Float[np.ndarray, " network"]
    share: bool = True


def run(settings: Settings, progress: Progress | None = None) -> Findings:
    """What each setting changes, beside what seeds do. `progress` counts networks by worlds.

    Raises ValueError for an unknown shift, runs of different worlds, runs that began with the weights of others or were
    trained elsewhere (nobody knows here what those read), and settings that are not crossed.
    """
    runs = {name: training.open_run(folder) for name, folder in several.named(settings.run).items()}
    for name, one in runs.items():
        if one.recipe.begins_from or training.trained_elsewhere(one):
            raise ValueError(
                f"{name} began with weights of another run or was trained elsewhere: what it read is unknown"
            )
    design = design_of([one.recipe for one in runs.values()])
    asked, refused = _asked(list(runs.values()), settings)
    told = counter(progress, len(asked) * len(runs))
    walked = _walked(runs, asked, told)
    measures = [_share(world, found) for world, found in walked.items()]
    halfway = {name: np.log(half(one.metrics) * one.recipe.mazes_per_step) for name, one in runs.items()}
    unlearned = [name for name, value in halfway.items() if isnan(value)]
    if not unlearned:
        error = [half_error(one.metrics, seed=settings.seed) for one in runs.values()]
        measures.append(Measure(page.LEARNED, np.array(list(halfway.values())), np.array(error), share=False))
    effects = told_apart(design, measures)
    networks = _networks(list(runs), walked, design)
    return Findings(
        heading=f"What each setting changes: {page.crossing(design)}",
        sentences=[
            page.PREDICTION,
            page.asked(list(runs), design, next((found.shape[1] for found in walked.values()), 0)),
            *several.computed({name: one.recipe for name, one in runs.items()}),
            *page.sentences(effects, design),
            *page.verdict(effects, design, unlearned),
            *page.refused(refused),
        ],
        tables={
            "effects": effects,
            "these_networks": _by_mazes(design, walked, settings.seed),
            "networks": networks,
            "learning": [
                Row(page.HALF_READ, float(np.exp(value)), nan, nan, 1, {"network": name})
                for name, value in halfway.items()
            ],
        },
        figures=page.pictures(runs, effects, networks, design),
        numbers={
            "networks": float(len(runs)),
            "degrees": float(design.degrees),
            **{f"{row.measure}: {row.what['of']}": row.value for row in effects},
            **{f"between seeds, {measure.name}": design.spread(measure.value) for measure in measures},
        },
    )


def design_of(asked: Sequence[TrainingRecipe]) -> Design:
    """The settings that recipes cross. Raises ValueError where they do not, or are of two worlds."""
    factors = [name for name in training.varied(asked) if name.partition(".")[0] not in NO_SETTINGS]
    if worlds := [name for name in factors if name.startswith("world")]:
        raise ValueError(f"the runs differ in {', '.join(worlds)}: worlds are compared by `shifts`, settings in one")
    return crossed([recipes.flat(one) for one in asked], factors, [one.seed for one in asked])


def told_apart(design: Design, measures: Sequence[Measure]) -> list[Row]:
    """A row a measure and effect, with a 95% interval over networks.

    What seeds change is taken for no less than the error of the measure. The verdict says whether 0 is left out.
    """
    rows = []
    for measure in measures:
        spread = max(design.spread(measure.value), float(np.mean(measure.error**2) ** 0.5)) if design.degrees else nan
        for effect in design.effects:
            change = float(design.weights(effect) @ measure.value)
            half = design.half(effect, spread)
            most = 2.0 ** (len(effect) - 1) if measure.share else np.inf  # what shares can differ by
            low, high = np.clip([change - half, change + half], -most, most).tolist()
            verdict = page.UNKNOWN if isnan(half) else page.APART if low > 0 or high < 0 else page.UNTOLD
            what = {"of": page.name(effect), "share": measure.share, "verdict": verdict}
            if len(effect) == 1:
                what |= dict(zip(("first", "second"), design.at(effect[0], measure.value), strict=True))
            rows.append(Row(measure.name, change, low, high, len(measure.value), what))
    return rows


def half(metrics: Sequence[Mapping[str, Any]]) -> float:
    """The step at which half of the validation mazes were walked, between validations in proportion.

    Shares go up and down: it is the geometric mean of the first time that half is reached and the last. nan where it
    never is, or not for good, or was at the first validation.
    """
    step, share = (np.array([row[key] for row in metrics], float) for key in ("step", "exact"))
    over = share >= page.HALF
    if len(over) == 0 or over[0] or not over[-1]:
        return nan
    reached = [
        step[i] + (step[i + 1] - step[i]) * (page.HALF - share[i]) / (share[i + 1] - share[i])
        for i in (over.argmax() - 1, np.flatnonzero(~over)[-1])
    ]
    return float(np.exp(np.mean(np.log(reached))))


def half_error(metrics: Sequence[Mapping[str, Any]], *, seed: int) -> float:
    """The standard deviation of the logarithm of `half`, had other mazes been drawn for the validations; no less than
    that of a time between two of them of which nothing more is known."""
    step, share = (np.array([row[key] for row in metrics], float) for key in ("step", "exact"))
    many = np.array([row["validation_mazes"] for row in metrics])
    drawn = seeds.generator(seed, "validations").binomial(many, share, size=(REDRAWN, len(many))) / many
    again = [half([{"step": at, "exact": one} for at, one in zip(step, draw, strict=True)]) for draw in drawn]
    last = np.searchsorted(step, half(metrics))
    return float(max(np.nanstd(np.log(again)), np.log(step[last] / step[last - 1]) / 12**0.5))


def _asked(runs: Sequence[TrainingRun], settings: Settings) -> tuple[dict[str, list[ShiftedSet]], dict[str, str]]:
    """The unread mazes of each world as each network is told them, and of worlds that cannot be asked, why."""
    named = [part.strip() for part in settings.only.split(",") if part.strip()]
    for name in named:
        if name not in shifts.SHIFTS:
            raise recipes.unknown("shift", name, shifts.SHIFTS)
    seed, asked, refused = seeds.derive(settings.seed, "factors"), {}, {}
    read = np.unique(np.concatenate([training.mazes_seen(one).hashes for one in runs]))
    for world in (AT_HOME, *named):
        make = shifts.unshifted if world == AT_HOME else partial(shifts.shifted, world)
        try:
            asked[world] = _unread(make, [shifts.home_of(one.recipe) for one in runs], settings.mazes, seed, read)
            if world != AT_HOME and any(made.note.startswith(AS_TRAINED) for made in asked[world]):
                del asked[world]
                refused[world] = "it is how they were trained"
        except Refusal as refusal:
            refused[world] = str(refusal)
    return asked, refused


def _unread(
    make: Callable[..., ShiftedSet], homes: Sequence[Home], count: int, seed: int, read: np.ndarray
) -> list[ShiftedSet]:
    """The same mazes, with a way to the goal and read by nobody, as each home tells them.

    Raises a Refusal where they are not the same or too few.
    """
    sets = [make(home, DRAWN * count, seed=seed) for home in homes]
    first = sets[0].mazes
    for other in (made.mazes for made in sets[1:]):
        same = (np.array_equal(getattr(first, key), getattr(other, key)) for key in ("passages", "start", "goal"))
        if not all(same):
            raise Refusal("they cannot be asked the same mazes")
    fit = ~np.isin(mazes.passage_hash(first.passages), read) & shifts.reachable(first)
    chosen = np.flatnonzero(fit)[:count]
    if len(chosen) < min(count, FEWEST):
        raise Refusal(
            f"{len(chosen)} of its mazes were read by none of them and have a way to the goal, too few to tell"
        )
    return [made[chosen] for made in sets]


def _walked(
    runs: dict[str, TrainingRun], asked: dict[str, list[ShiftedSet]], told: Callable[[], None]
) -> dict[str, Walked]:
    """Which mazes of each world each network walks by a shortest path."""
    loaded, walked = [one.model() for one in runs.values()], {}
    for world, sets in asked.items():
        right = []
        for model, made in zip(loaded, sets, strict=True):
            paths = models.rollout(model, made.mazes, prompts=made.prompts)
            right.append(mazes.paths.optimal(made.mazes, paths))
            told()
        walked[world] = np.stack(right)
    return walked


def _share(world: str, walked: Walked) -> Measure:
    """The shares walked; their errors are those of Wilson's intervals."""
    rows = [proportion("", one) for one in walked]
    error = np.array([(row.high - row.low) / (2 * Z) for row in rows])
    return Measure(page.walked(world), walked.mean(axis=1), error)


def _by_mazes(design: Design, walked: dict[str, Walked], seed: int) -> list[Row]:
    """The same effects of these very networks, with intervals over mazes: what other mazes would show of them."""
    return [
        mean(page.walked(world), design.weights(effect) @ found, seed=seed, of=page.name(effect))
        for world, found in walked.items()
        for effect in design.effects
    ]


def _networks(names: Sequence[str], walked: dict[str, Walked], design: Design) -> list[Row]:
    """Each network by itself."""
    return [
        proportion(page.walked(world), found[place], network=name, settings=page.combination(design, place))
        for place, name in enumerate(names)
        for world, found in walked.items()
    ]
