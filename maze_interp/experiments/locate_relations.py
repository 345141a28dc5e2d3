"""What optimisation goes with: effects of patches, the other reading, names of heads, a layer's sum over its parts.

Every relation is over columns (parts at places), its interval over mazes: of the population, and of the pairs where
patches are concerned. Its null is the same relation with the columns shuffled.
"""

from collections.abc import Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from maze_interp import seeds
from maze_interp.experiments.locate_effects import Effects
from maze_interp.experiments.locate_ranks import (
    by_chance,
    errors,
    means,
    middle,
    rank_correlation,
    resampled,
    with_interval,
)
from maze_interp.experiments.locate_readings import Column, Reading
from maze_interp.tables import Row, Z

DRAWS = 80  # of mazes: an interval is as wide as they vary, which takes fewer than quantiles do
PARTS = ("z", "mlp_out")  # what is not a sum of others
MEASURES = ("op", "size of op", "imp")
Values = Float[np.ndarray, " column"]


def measure(name: str, op: Float[np.ndarray, "..."], imp: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """One of MEASURES."""
    return {"op": op, "size of op": np.abs(op), "imp": imp}[name]


def rows_of(reading: Reading, model: str) -> list[Row]:
    """Op and Imp of each column with 95% intervals over mazes; `sure` where 0 is outside, corrected for all columns."""
    rows, wide = [], NormalDist().inv_cdf(1 - 0.025 / max(len(reading.columns), 1))
    for name, values in (("op", reading.op), ("imp", reading.imp)):
        known = (~np.isnan(values)).sum(axis=1).tolist()
        each = zip(reading.columns, means(values).tolist(), errors(values).tolist(), known, strict=True)
        for column, mean, own, count in each:
            what = {"model": model, "part": column.part, "place": column.place, "sure": abs(mean) > wide * own + 1e-9}
            rows.append(Row(name, mean, mean - Z * own, mean + Z * own, count, what))
    return rows


def medians_of(reading: Reading, past: str) -> list[Row]:
    """The median of each column over mazes, and how many values are infinite; no row where the past never comes by."""
    rows = []
    for name, values in (("op", reading.op), ("imp", reading.imp)):
        for column, own, value in zip(reading.columns, values, middle(values).tolist(), strict=True):
            known = own[~np.isnan(own)]
            if len(known):
                what = {
                    "past": past,
                    "part": column.part,
                    "place": column.place,
                    "infinite": int(np.isinf(known).sum()),
                }
                finite = value if np.isfinite(value) else float("nan")
                rows.append(Row(f"median {name}", finite, float("nan"), float("nan"), len(known), what))
    return rows


def predicted(split: Reading, small: Reading, effects: Effects, size: Values, *, seed: int) -> list[Row]:
    """How each measure of each reading ranks columns as patching them does; alone, and beyond what their length tells.

    Columns are all parts, or heads alone. `chance` is what shuffled columns stay below, 95% of the time.
    """
    drawn_effects = effects.resampled(seed=seed, draws=DRAWS)
    heads = np.array([column.kind == "z" for column in split.columns])
    rows = []
    for name, reading, infinite in (("split history", split, False), ("small changes", small, True)):
        op, imp = ((middle if infinite else means)(one) for one in (reading.op, reading.imp))
        each = [resampled(one, seed=seed, draws=DRAWS, infinite=infinite) for one in (reading.op, reading.imp)]
        for one in MEASURES:
            values, drawn = measure(one, op, imp), measure(one, *each)
            for among, which in (("all", np.ones_like(heads)), ("heads", heads)):
                for given in (None, size):
                    value, chance = _related(values, effects.shares, given, which, seed)
                    own = [
                        rank_correlation(a[which], b[which], None if given is None else given[which])
                        for a, b in zip(drawn, drawn_effects, strict=True)
                    ]
                    what: dict[str, Any] = {
                        "reading": name,
                        "among": among,
                        "given": "nothing" if given is None else "length",
                    }
                    what |= {"chance": round(chance, 3), "columns": int(which.sum())}
                    rows.append(Row(one, *with_interval(value, np.array(own)), split.op.shape[1], what))
    return rows


def _related(
    values: Values, other: Values, given: Values | None, which: Bool[np.ndarray, " column"], seed: int
) -> tuple[float, float]:
    """The correlation among some columns, and what it stays below where they are shuffled."""
    value = rank_correlation(values[which], other[which], None if given is None else given[which])
    return value, by_chance(values[which], other[which], seed=seed)


def agreement(split: Reading, small: Reading, past: str, *, seed: int) -> list[Row]:
    """The rank correlation of the two readings, for each measure, over the columns that the past comes by."""
    rows = []
    each = [resampled(one, seed=seed, draws=DRAWS) for one in (split.op, split.imp)]
    other = [resampled(one, seed=seed + 1, draws=DRAWS, infinite=True) for one in (small.op, small.imp)]
    middles, plain = [middle(one) for one in (small.op, small.imp)], [means(one) for one in (split.op, split.imp)]
    for name in MEASURES:
        one, two = measure(name, *plain), measure(name, *middles)
        drawn = zip(measure(name, *each), measure(name, *other), strict=True)
        value = rank_correlation(one, two)
        what = {"past": past, "chance": round(by_chance(one, two, seed=seed), 3)}
        what |= {"columns": int((~np.isnan(two)).sum()), "infinite": int(np.isinf(small.op).sum())}
        own = np.array([rank_correlation(*pair) for pair in drawn])
        rows.append(Row(name, *with_interval(value, own), small.op.shape[1], what))
    return rows


def named_heads(reading: Reading, names: dict[tuple[int, int], list[str]], wanted: Sequence[str], *, seed: int) -> Row:
    """The share of all heads' Op (its size, over places) that lies in heads with one of these names.

    `chance` is what as many heads drawn at random stay below, 95% of the time.
    """
    heads = reading.where(lambda column: column.kind == "z")
    every = sorted({(column.layer, column.head or 0) for column in heads.columns})
    of = np.array([every.index((column.layer, column.head or 0)) for column in heads.columns])
    bears = np.array([bool(set(names.get(head, [])) & set(wanted)) for head in every])

    def shares(op: Float[np.ndarray, "*draw column"]) -> Float[np.ndarray, "*draw head"]:
        size = np.stack([np.abs(op[..., of == index]).sum(axis=-1) for index in range(len(every))], axis=-1)
        return size / np.maximum(size.sum(axis=-1, keepdims=True), 1e-12)

    own = shares(means(heads.op))
    drawn = shares(resampled(heads.op, seed=seed, draws=DRAWS))[:, bears].sum(axis=-1)
    value, half = float(own[bears].sum()), Z * float(drawn.std())
    rng, count = seeds.generator(seed, "any heads"), int(bears.sum())
    chance = [own[rng.permutation(len(own))[:count]].sum() for _ in range(1000)]
    what = {
        "names": ", ".join(wanted),
        "heads": count,
        "of": len(every),
        "share of heads": round(count / len(every), 3),
    }
    what["chance"] = round(float(np.quantile(chance, 0.95)), 3)
    return Row("share of op", value, value - half, value + half, heads.op.shape[1], what)


def interactions(reading: Reading) -> list[Row]:
    """Of each layer, at the decision: the Op of its attention less the sum of its heads' Op."""
    rows = []
    for layer in sorted({column.layer for column in reading.columns}):
        own = {kind: _summed(reading, kind, layer) for kind in ("attn_out", "z")}
        lost = own["attn_out"] - own["z"]
        half = Z * float(lost.std(ddof=1)) / len(lost) ** 0.5
        what = {"layer": layer} | {f"op of {name}": round(float(own[kind].mean()), 4)
                                   for name, kind in (("attention", "attn_out"), ("its heads", "z"))}  # fmt: skip
        mean = float(lost.mean())
        rows.append(Row("lost to interaction", mean, mean - half, mean + half, len(lost), what))
    return rows


def _summed(reading: Reading, kind: str, layer: int) -> Float[np.ndarray, " maze"]:
    wanted = (kind, layer, "here")
    return reading.where(lambda column: (column.kind, column.layer, column.place) == wanted).op.sum(axis=0)


def disagreements(split: Reading, small: Reading, count: int = 3) -> list[tuple[Column, float]]:
    """The columns whose Imp the two readings rank most differently, and by how many of 100 places."""
    one, two = means(split.imp), middle(small.imp)
    kept = np.flatnonzero(~np.isnan(one) & ~np.isnan(two))
    places = [values[kept].argsort(kind="stable").argsort(kind="stable") for values in (one, two)]
    gap = 100 * (places[1] - places[0]) / max(len(kept), 1)
    order = np.argsort(-np.abs(gap), kind="stable")[:count]
    return [(split.columns[kept[index]], float(gap[index])) for index in order]
