"""How far the model sees, in tables and pictures."""

import numpy as np

from maze_interp import figures
from maze_interp.experiments.wavefront_judged import Judged, span
from maze_interp.figures import Figure, Series
from maze_interp.probing.glances import ANSWER
from maze_interp.probing.growth import NAMED, NONE, NOTHING
from maze_interp.probing.watching import MODEL
from maze_interp.tables import Row


def _what(one: Judged) -> dict[str, str]:
    return {"place": one.seen.place, "fact": one.seen.fact, "source": one.seen.source}


def radii(one: Judged) -> list[Row]:
    """How far is told after each layer, beyond the controls and beyond those that know the next step, in steps."""
    n = one.seen.mazes
    return [
        Row("radius", *span(far[:, layer], one.level), n, {**_what(one), "beyond": beyond, "layer": layer})
        for beyond, far in (("input", one.radii), ("input and next step", one.told))
        for layer in range(one.seen.layers)
    ]


def growths(one: Judged) -> list[Row]:
    """By how much the radius rises, and where it does how far each law misses it, in steps."""
    what, found, n = {**_what(one), "verdict": one.verdict}, one.growth, one.seen.mazes
    rows = [Row("rise", *found.rise, n, what)]
    if one.verdict in (NOTHING, NONE):
        return rows
    return [*rows, *(Row(f"misfit: {law}", *each, n, what) for law, each in found.misfit.items())]


def scores(one: Judged) -> list[Row]:
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


def reach(judged: list[Judged]) -> Figure:
    """The radius of each question after each layer."""
    far = farthest(judged)
    surely = "The farthest seen" if far.found else "Nothing is surely seen a step far; the farthest"
    title = f"{surely} is {far.name} at {far.seen.place}: {far.farthest:.1f} steps after layer {far.best}"
    return figures.heat_map(
        np.stack([one.radii[0] for one in judged]),
        [f"{one.seen.place}: {one.name}" for one in judged],
        [str(layer) for layer in range(judged[0].seen.layers)],
        title=title,
        x="after layer",
        y="place: fact from source",
        value="radius (steps)",
    )


def farthest(judged: list[Judged]) -> Judged:
    """The one that reaches farthest of those found, or if there are none of all."""
    return max(judged, key=lambda one: (one.found, one.farthest))


def shown(judged: list[Judged]) -> list[Judged]:
    """Those found; if there are none, the one that reaches farthest."""
    return [one for one in judged if one.found] or [farthest(judged)]


def key(one: Judged) -> str:
    """The name of its picture."""
    return "_".join([*one.seen.place.lower().split(), one.seen.fact, one.seen.source])


def curves(one: Judged) -> Figure:
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
    surely = "" if one.found else ", not surely one"
    title = f"{one.name} at {one.seen.place} is told {one.farthest:.1f} steps far{surely}{ending}"
    y = "right place ranked first (share of pairs), 95% interval"
    return figures.curves(lines, title=title, x=f"distance from {one.seen.source} through the maze (steps)", y=y)
