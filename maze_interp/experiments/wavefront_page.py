"""How far the model sees, in words, tables and pictures: radii after each layer, and the law of their growth."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from maze_interp import figures
from maze_interp.experiments.findings import Findings
from maze_interp.figures import Figure, Series
from maze_interp.probing import Growth, Watched
from maze_interp.probing.growth import DOUBLING, NAMED, NONE, NOTHING, ONE, STEADY, UNTOLD, growth
from maze_interp.probing.watching import ANSWER, INPUT, MODEL, NAMING, level
from maze_interp.probing.wavefront import PASSAGES
from maze_interp.tables import Row

PREDICTION = (
    "Predicted: backward chaining lets the radius around the goal grow by one step a layer, the merging of paths "
    "doubles it, and a model without search knows no more than its controls, whatever the distance."
)
FROM = "goal"  # where the prediction lets the radius begin


@dataclass(frozen=True)
class Judged:
    """One fact from one source at one place: its radii after each layer (row 0, then resampled) and their growth.

    `told` are the radii beyond the controls that know the next step as well. `best` is the layer after which other
    mazes' radius is largest. `level` is that of all intervals, widened for the number of questions.
    """

    seen: Watched
    radii: Float[np.ndarray, "draw layer"]
    told: Float[np.ndarray, "draw layer"]
    growth: Growth
    best: int
    level: float

    @property
    def name(self) -> str:
        return f"{self.seen.fact} from {self.seen.source}"

    @property
    def found(self) -> bool:
        """Whether the radius is surely a step or more after the best layer."""
        return span(self.radii[:, self.best], self.level)[1] >= 1

    @property
    def farthest(self) -> float:
        return float(self.radii[0, self.best])

    @property
    def verdict(self) -> str:
        """How the radius grows; of one that may be less than a step no law is told."""
        return self.growth.verdict if self.found or self.growth.verdict not in NAMED else UNTOLD


def findings(seen: list[Watched], fitted: int, scored: int, threshold: float) -> Findings:
    """The page: what is known how far away, how that grows with depth, and what the next step alone would tell."""
    judged = [_judged(one, threshold, level(len(seen))) for one in seen]
    return Findings(
        heading="How far the model sees",
        sentences=[
            _asked(judged, fitted, scored, threshold),
            PREDICTION,
            _found(judged),
            *_passages(judged),
            _laws(judged),
            *_outcomes(judged),
            *_answers(judged),
        ],
        tables={
            "radii": [row for one in judged for row in _radii(one)],
            "growth": [row for one in judged for row in _growth(one)],
            "scores": [row for one in judged for row in _scores(one)],
        },
        figures={"radius": _map(judged), **{_key(one): _curves(one) for one in _shown(judged)}},
        numbers={
            **{
                f"{one.seen.place}: {one.name}, radius after layer {layer}": float(radius)
                for one in judged
                for layer, radius in enumerate(one.radii[0])
            },
            "questions": len(judged),
            "questions_found": sum(one.found for one in judged),
        },
    )


def _judged(one: Watched, threshold: float, at: float) -> Judged:
    radii, best = one.radii(threshold), one.top(threshold)
    return Judged(one, radii, one.radii(threshold, (ANSWER,)), growth(radii, best, level=at), best, at)


def span(draws: Float[np.ndarray, " draw"], level: float) -> tuple[float, float, float]:
    """(what was measured, its interval's ends) of a value in row 0 and the same on resampled mazes."""
    low, high = np.quantile(draws[1:], [(1 - level) / 2, (1 + level) / 2])
    return float(draws[0]), float(low), float(high)


def _asked(judged: list[Judged], fitted: int, scored: int, threshold: float) -> str:
    fits, ends = sum(one.seen.fits for one in judged), sum(one.seen.ends for one in judged)
    return (
        f"Probes fitted to {fitted:,} mazes read the residual stream after each of {judged[0].seen.layers} layers; on "
        f"{scored:,} test mazes it was scored how often they rank, of two places equally far away, the right one "
        f"first. The radius is the distance up to which they tell {threshold:.0%} or more of what the strongest "
        f"control leaves to know; controls are {'; '.join(INPUT)}, but for passages not {' nor '.join(NAMING)}, which "
        f"state them. Of {fits:,} fits, {ends / max(fits, 1):.0%} took the weakest or the strongest penalty offered. "
        f"Intervals are corrected for {len(judged)} questions, each asked after the layer that validation mazes "
        "choose; they are over mazes, for these probes of this run. What is held by place relative to the "
        "walker, rather than by cell, linear probes of cells miss."
    )


def _told(one: Judged, radii: Float[np.ndarray, "draw layer"]) -> str:
    value, low, high = span(radii[:, one.best], one.level)
    return f"{value:.1f} steps ({low:.1f} to {high:.1f})"


def _found(judged: list[Judged]) -> str:
    some = sorted((one for one in judged if one.found), key=lambda one: -one.farthest)
    have = "has" if len(some) == 1 else "have"
    said = "; ".join(f"{one.name} at {one.seen.place} {_told(one, one.radii)} after layer {one.best}" for one in some)
    return (
        f"Of {len(judged)} questions (a fact, a source, a place), {len(some)} {have} a radius that is surely a step or "
        f"more after the layer chosen{': ' + said if said else ''}."
    )


def _passages(judged: list[Judged]) -> list[str]:
    """What the published probe asks for, a map of the passages."""
    mine = [one for one in judged if one.seen.fact == PASSAGES]
    if not mine:
        return []
    far = max(mine, key=lambda one: one.farthest)
    tells = "farthest" if far.found else "nowhere surely a step far; farthest"
    return [
        f"Passages are read beyond the controls {tells} from {far.seen.source} at {far.seen.place}, "
        f"{_told(far, far.radii)}."
    ]


def _laws(judged: list[Judged]) -> str:
    verdicts = [one.verdict for one in judged]
    count = "; ".join(f"{name}: {verdicts.count(name)}" for name in dict.fromkeys(verdicts) if name not in NAMED)
    named = [
        f"{one.name} at {one.seen.place} grows {one.verdict}{_slope(one)} (misfit "
        f"{one.growth.misfit[one.growth.law][0]:.2f} steps, the next law's larger by {one.growth.margin[0]:.2f}, "
        f"{one.growth.margin[1]:.2f} to {one.growth.margin[2]:.2f})"
        for one in judged
        if one.verdict in NAMED
    ]
    return (
        f"A law of growth ({', '.join(NAMED)}) is told from the others for {len(named)} of {len(judged)} questions"
        f"{': ' + '; '.join(named) if named else ''}. Of the rest, {count or 'there are none'}."
    )


def _slope(one: Judged) -> str:
    if one.growth.law != STEADY:
        return ""
    value, low, high = one.growth.slope
    return f", {value:.1f} steps a layer ({low:.1f} to {high:.1f})"


def _outcomes(judged: list[Judged]) -> list[str]:
    """Which of the predictions held of the radius around the goal, which did not, and of what that is not told."""
    mine = [one for one in judged if one.seen.source == FROM]
    if not mine:
        return []
    verdicts = [one.verdict for one in mine]
    nothing = [one.verdict == NOTHING if one.found or one.verdict == NOTHING else None for one in mine]
    outcomes = {
        f"{ONE} (backward chaining)": [None if one == UNTOLD else one == ONE for one in verdicts],
        f"{DOUBLING} (merging of paths)": [None if one == UNTOLD else one == DOUBLING for one in verdicts],
        "no more than the controls (no search)": nothing,
    }
    said = "; ".join(
        f"{name} held for {each.count(True)}, did not for {each.count(False)} and is not told for {each.count(None)}"
        for name, each in outcomes.items()
    )
    return [f"Judged by the {len(mine)} questions whose source is the {FROM}: {said}."]


def _answers(judged: list[Judged]) -> list[str]:
    """What is left of the radii found when the next step is told to the controls too."""
    some = [one for one in judged if one.found]
    if not some:
        return []
    left = [one for one in some if span(one.told[:, one.best], one.level)[1] >= 1]
    said = "; ".join(f"{one.name} at {one.seen.place} {_told(one, one.told)}" for one in left)
    return [
        f"Whoever knows the next step and where cells lie knows something of {_facts(some)} far away too: beside a "
        f"control that is told the right next step, {len(left)} of these {len(some)} radii are still surely a step or "
        f"more{': ' + said if said else ''}."
    ]


def _facts(some: list[Judged]) -> str:
    names = dict.fromkeys(one.seen.fact for one in some)
    return " and ".join({"branch": "branches", "distance": "distances"}.get(name, name) for name in names)


def _what(one: Judged) -> dict[str, str]:
    return {"place": one.seen.place, "fact": one.seen.fact, "source": one.seen.source}


def _radii(one: Judged) -> list[Row]:
    n = one.seen.mazes
    return [
        Row("radius", *span(radii[:, layer], one.level), n, {**_what(one), "beyond": beyond, "layer": layer})
        for beyond, radii in (("input", one.radii), ("input and next step", one.told))
        for layer in range(one.seen.layers)
    ]


def _growth(one: Judged) -> list[Row]:
    what, found, n = {**_what(one), "verdict": one.verdict}, one.growth, one.seen.mazes
    rows = [Row("rise", *found.rise, n, what)]
    if one.verdict in (NOTHING, NONE):
        return rows
    return [*rows, *(Row(f"misfit: {law}", *each, n, what) for law, each in found.misfit.items())]


def _scores(one: Judged) -> list[Row]:
    """The model's score after each layer at each distance, with its strongest control."""
    rows, n = [], one.seen.mazes
    for layer in range(one.seen.layers):
        controls = {name: one.seen.control(name, layer)[0] for name in one.seen.controls}
        for place, draws in enumerate(one.seen.scores[MODEL][layer].T):
            name = max(controls, key=lambda name: controls[name][place])
            beside = {"control": name, "its_score": round(float(controls[name][place]), 3)}
            what = {**_what(one), "layer": layer, "steps": place + 1, **beside}
            rows.append(Row("score", *span(draws, 0.95), n, what))
    return rows


def _map(judged: list[Judged]) -> Figure:
    far = max(judged, key=lambda one: one.farthest)
    title = f"The farthest seen is {far.name} at {far.seen.place}: {far.farthest:.1f} steps after layer {far.best}"
    return figures.heat_map(
        np.stack([one.radii[0] for one in judged]),
        [f"{one.seen.place}: {one.name}" for one in judged],
        [str(layer) for layer in range(judged[0].seen.layers)],
        title=title,
        x="after layer",
        y="place: fact from source",
        value="radius (steps)",
    )


def _shown(judged: list[Judged]) -> list[Judged]:
    """Those found; if there are none, the one that reaches farthest."""
    return [one for one in judged if one.found] or [max(judged, key=lambda one: one.farthest)]


def _key(one: Judged) -> str:
    return "_".join([*one.seen.place.lower().split(), one.seen.fact, one.seen.source])


def _curves(one: Judged) -> Figure:
    """Scores against distance after each layer, beside the strongest control of the best one."""
    steps = np.arange(1.0, one.seen.scores[MODEL].shape[2] + 1)
    lines = []
    for layer, draws in enumerate(one.seen.scores[MODEL]):
        low, high = np.quantile(draws[1:], [0.025, 0.975], axis=0)
        lines.append(Series(f"after layer {layer}", steps, draws[0], low, high))
    strongest = np.max([one.seen.control(name, one.best)[0] for name in one.seen.controls], axis=0)
    told = np.maximum(one.seen.control(ANSWER, one.best)[0], strongest)
    lines += [Series("strongest control", steps, strongest), Series("told the next step", steps, told)]
    ending = f", growing {one.verdict}" if one.verdict in NAMED else ""
    title = f"{one.name} at {one.seen.place} is told {one.farthest:.1f} steps far{ending}"
    y = "right place ranked first (share of pairs), 95% interval"
    return figures.curves(lines, title=title, x=f"distance from {one.seen.source} through the maze (steps)", y=y)
