"""How far the model sees, in words, tables and pictures: radii after each layer, and the law of their growth."""

import numpy as np
from jaxtyping import Float

from maze_interp.experiments.findings import Findings
from maze_interp.experiments.wavefront_charts import curves, farthest, growths, key, radii, reach, scores, shown
from maze_interp.experiments.wavefront_judged import Judged, judge, span
from maze_interp.probing import Watched
from maze_interp.probing.glances import NAMING
from maze_interp.probing.growth import DOUBLING, NAMED, NOTHING, ONE, STEADY, UNTOLD
from maze_interp.probing.watching import INPUT, level
from maze_interp.probing.wavefront import PASSAGES

PREDICTION = (
    "Predicted: backward chaining lets the radius around the goal grow by one step a layer, the merging of paths "
    "doubles it, and a model without search knows no more than its controls, whatever the distance."
)
FROM = "goal"  # where the prediction lets the radius begin


def findings(seen: list[Watched], fitted: int, scored: int, threshold: float) -> Findings:
    """The page: what is known how far away, how that grows with depth, and what the next step alone would tell."""
    judged = [judge(one, threshold, level(len(seen))) for one in seen]
    return Findings(
        heading="How far the model sees",
        sentences=[
            _asked(judged, fitted, scored, threshold),
            PREDICTION,
            _found(judged),
            *_passages(judged),
            _laws(judged),
            *_outcomes(judged, threshold),
            *_answers(judged),
        ],
        tables={
            "radii": [row for one in judged for row in radii(one)],
            "growth": [row for one in judged for row in growths(one)],
            "scores": [row for one in judged for row in scores(one)],
        },
        figures={"radius": reach(judged), **{key(one): curves(one) for one in shown(judged)}},
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
    far = farthest(mine)
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


def _outcomes(judged: list[Judged], threshold: float) -> list[str]:
    """Which of the predictions held of the radius around the goal, which did not, and of what that is not told."""
    mine = [one for one in judged if one.seen.source == FROM]
    if not mine:
        return []
    verdicts = [one.verdict for one in mine]
    outcomes = {
        f"{ONE} (backward chaining)": [None if one == UNTOLD else one == ONE for one in verdicts],
        f"{DOUBLING} (merging of paths)": [None if one == UNTOLD else one == DOUBLING for one in verdicts],
    }
    said = "; ".join(
        f"{name} held for {each.count(True)}, did not for {each.count(False)} and is not told for {each.count(None)}"
        for name, each in outcomes.items()
    )
    return [
        f"Judged by the {len(mine)} questions whose source is the {FROM}: {said}. {_without_search(mine, threshold)}"
    ]


def _without_search(mine: list[Judged], threshold: float) -> str:
    """Of how many questions the model is told apart from its controls, and what would not have been seen."""
    apart = sum(one.found for one in mine)
    near = [one for one in mine if one.verdict == NOTHING and not one.found]
    open_ = len(mine) - apart - len(near)
    most = max((span(one.radii[:, one.best], one.level)[2] for one in near), default=0.0)
    limits = (
        f": by their intervals their radii are at most {most:.1f} steps, and gains below {threshold:.0%} of what "
        "controls leave are not seen"
        if near
        else ""
    )
    return (
        f"A search is told apart from the controls for {apart} of them; for {len(near)} it is not told apart{limits}; "
        f"for {open_} the interval holds both."
    )


def _answers(judged: list[Judged]) -> list[str]:
    """What is left of the radii found when the next step is told to the controls too."""
    some = [one for one in judged if one.found]
    if not some:
        return []
    left = [one for one in some if span(one.told[:, one.best], one.level)[1] >= 1]
    rest = [one for one in some if all(one is not other for other in left)]
    said = "; ".join(f"{one.name} at {one.seen.place} {_told(one, one.told)}" for one in left)
    lost = f"; {len(rest)}, of {_facts(rest)}, not told apart from what the next step tells by itself" if rest else ""
    return [
        f"Beside a control that is told the right next step, {len(left)} of these {len(some)} radii are still surely a "
        f"step or more{': ' + said if said else ''}{lost}."
    ]


def _facts(some: list[Judged]) -> str:
    names = dict.fromkeys(one.seen.fact for one in some)
    return " and ".join({"branch": "branches", "distance": "distances"}.get(name, name) for name in names)
