"""Optimisation as pictures: which head in which layer, which part at which place, on the maze, and over training."""

from collections.abc import Callable, Mapping

import numpy as np

from maze_interp import figures
from maze_interp.experiments.locate_effects import Effects
from maze_interp.experiments.locate_ranks import means, rank_correlation
from maze_interp.experiments.locate_readings import Column, Reading
from maze_interp.figures import Figure, Series
from maze_interp.mazes import MazeBatch

MAPS = {  # what is shown of which kind
    "stream": ("resid_pre", "stream before layer"),
    "attention": ("attn_out", "attention of layer"),
    "mlps": ("mlp_out", "MLP of layer"),
}


def figures_of(
    whole: Reading, moved: Effects | None, course: tuple[np.ndarray, Mapping[str, np.ndarray]], edges: tuple
) -> dict[str, Figure]:
    """All pictures."""
    return {
        "heads": _heads(whole),
        **{f"{name}_by_place": _map(whole, *one) for name, one in MAPS.items()},
        **({} if moved is None else {"effects": _effects(whole, moved)}),
        "course": _course(*course),
        **_edges(*edges),
    }


def _top(reading: Reading) -> tuple[Column, float]:
    middles = means(reading.op)
    index = int(np.nanargmax(np.abs(middles)))
    return reading.columns[index], float(middles[index])


def _grid(
    reading: Reading, row: Callable[[Column], str], col: Callable[[Column], str], title: str, x: str, y: str
) -> Figure:
    """Mean Op by two names of its columns."""
    rows, cols = (list(dict.fromkeys(of(column) for column in reading.columns)) for of in (row, col))
    values = np.full((len(rows), len(cols)), np.nan)
    for column, mean in zip(reading.columns, means(reading.op), strict=True):
        values[rows.index(row(column)), cols.index(col(column))] = mean
    return figures.heat_map(values.round(4) + 0.0, rows, cols, title=title, x=x, y=y, value="Op (nats)", centre=0.0)


def _heads(whole: Reading) -> Figure:
    here = whole.where(lambda column: column.kind == "z" and column.place == "here")
    top, value = _top(here)
    title = f"At the decision, of heads {top.part} has most Op: {value:+.3f} nats"
    return _grid(here, lambda column: str(column.layer), lambda column: str(column.head), title, "head", "layer")


def _map(whole: Reading, kind: str, words: str) -> Figure:
    own = whole.where(lambda column: column.kind == kind)
    top, value = _top(own)
    title = f"{words[0].upper()}{words[1:]} {top.layer} has most Op, {value:+.3f} nats at {top.place}"
    return _grid(own, lambda column: str(column.layer), lambda column: column.place, title, "place", words)


def _effects(whole: Reading, moved: Effects) -> Figure:
    dots = []
    groups = {"stream": ("resid_pre", "resid_post"), "attention, MLP": ("attn_out", "mlp_out"), "head": ("z",)}
    for name, kinds in groups.items():
        which = np.array([column.kind in kinds for column in whole.columns])
        dots.append(Series(name, means(whole.op)[which], moved.shares[which]))
    alike = rank_correlation(np.abs(means(whole.op)), moved.shares)
    title = f"The size of Op ranks parts as patching pairs of other mazes does: rank correlation {alike:.2f}"
    if not alike > 0:
        title = "The size of Op does not rank parts as patching pairs of other mazes does"
    x, y = "Op by split histories (nats)", "effect of the patch (share of the change)"
    return figures.scatter(dots, title=title, x=x, y=y)


def _course(read: np.ndarray, values: Mapping[str, np.ndarray]) -> Figure:
    lines = [Series(name, read[read > 0].astype(float), one.mean(axis=0)[read > 0]) for name, one in values.items()]
    last = {name: float(one.mean(axis=0)[-1]) for name, one in values.items()}
    title = (
        f"At the end {last['exact paths']:.0%} exact paths; size of Op of heads {last['size of op of heads']:.3f} nats"
    )
    return figures.curves(lines, title=title, x="mazes read", y="share of mazes; nats", log_x=True)


def _edges(batch: MazeBatch, cells: np.ndarray, values: np.ndarray, top: Column) -> dict[str, Figure]:
    known = np.isfinite(values)
    if not known.any():
        return {}
    most = int(np.where(known, np.abs(values), -1).argmax())
    title = f"Small changes of each edge's tokens: {top.part} has Op {values[most]:+.3f} nats with the strongest"
    return {"edges": figures.draw_edges(batch, 0, cells, values, title=title, value="Op (nats)")}
