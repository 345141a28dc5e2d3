"""Which heads does the walk need, and does a head's name tell?

A name (`name_heads`) says where a head looks, not that anything comes of it. Here what a head writes at the cells of
the path is replaced by what it writes at that cell in other mazes: it goes on saying where the path is, and no longer
what it read of this maze. What is lost of the mazes walked is what the walk needs of it; then of all heads of a layer.

So it is at forks, in corridors and at the goal, where the walk is to stop (`heads_needed_bench`). Which heads say the
way that is taken is asked by telling them another (`heads_needed_way`); of the head needed most it is asked what it had
read (`heads_needed_most`).

Predictions, made when it was known of four networks that the head needed most says when to stop and not which way to
take: at forks no head alone carries much, a whole layer does; told another open way no head alone is followed, all
heads of one layer behind the third are; and heads with a name are needed more at forks than those without.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import nan
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from maze_interp import attention, mazes, seeds, tables, training
from maze_interp.experiments import heads_needed_most as most
from maze_interp.experiments import heads_needed_page as page
from maze_interp.experiments import heads_needed_way as way
from maze_interp.experiments.behaviour import held_out_mazes
from maze_interp.experiments.findings import Findings, Progress, counter
from maze_interp.experiments.heads_needed_bench import PLACES, WALKED, Bench
from maze_interp.experiments.heads_needed_page import LOST, MORE
from maze_interp.patching import behind, usual
from maze_interp.recipes import Refusal
from maze_interp.tables import Row, mean, proportion

AT_EDGES = ("connectivity",)  # names of heads that are asked elsewhere than along the path
PERMUTED = 10_000
Part = tuple[int, int | None]  # a head of a layer, or all of them


@dataclass(frozen=True)
class Settings:
    """The run, and on how many test mazes."""

    run: str = ""
    mazes: int = 300
    seed: int = 0


def run(settings: Settings, progress: Progress | None = None) -> Findings:
    """Mazes lost for want of each head and of each layer, and whether names tell. `progress` counts readings.

    Raises a Refusal for a world without mazes that have one shortest path, and ValueError for a language that has no
    token for each cell.
    """
    trained = training.open_run(settings.run)
    model, seed = trained.model(), seeds.derive(settings.seed, "heads_needed")
    drawn = held_out_mazes(trained, settings.mazes, seed=seed)
    asked = drawn[mazes.shortest_path_counts(drawn) == 1]
    if len(asked) < 2:
        raise Refusal("the world has no two test mazes with one shortest path")
    solutions = mazes.solve(asked, seed=seed)
    scores = attention.score_heads(model, asked, solutions, seed=seed)
    names: dict[Part, list[str]] = {
        head: kept
        for head, own in attention.head_names(scores).items()
        if (kept := [name for name in own if name not in AT_EDGES])
    }
    layers, heads = model.cfg.n_layers, model.cfg.n_heads
    each: list[Part] = [(layer, head) for layer in range(layers) for head in range(heads)]
    parts = [*each, *((layer, None) for layer in range(layers))]
    told = counter(progress, 3 * len(parts) + 6)
    bench = Bench(model, asked, behind.behind(model, model.maze_tokenizer.encode(asked, solutions, seed=seed)), told)
    at_cell = usual.usual(model, bench.tokens)
    none = np.zeros((layers, heads), dtype=bool)
    made = bench.reads(none, at_cell)
    right = bench.right(made)
    lost = np.stack([right - bench.right(bench.reads(_only(none, part), at_cell)) for part in parts], axis=1)
    called = [_called(part, names.get(part, [])) for part in parts]
    rows = [row for place in PLACES for row in _rows(LOST[place], lost[..., PLACES.index(place)], called, seed)]
    fork = way.first_forks(bench, made, at_cell, seed)
    turned = np.stack([way.turned(bench, fork, _only(none, part)) for part in parts], axis=1)
    ways = _ways(fork.goes(made), turned, way.turned(bench, fork, ~none), called, seed)
    whole = lost[:, : len(each), PLACES.index(WALKED)]
    top = int(whole.mean(axis=0).argmax())
    about = most.about(bench, _only(none, each[top]), right, at_cell, seed)
    named = _by_name(lost[:, : len(each)], np.array([one in names for one in each]), seed)
    return Findings(
        heading="Which heads the walk needs",
        sentences=[
            page.PREDICTION,
            f"Of {len(asked)} test mazes with one shortest path, read with it, {proportion('', right[:, 0] > 0):.1%} "
            f"are walked.",
            *page.needed(rows),
            *page.about(about, rows[top]),
            *page.ways(ways),
            page.names(named, len(names), len(each)),
        ],
        tables={"parts": rows, "another_way": ways, **about, "named": named},
        figures=page.drawn(rows, ways),
        numbers={
            "walked": float(right[:, 0].mean()),
            **{f"{page.called(row)}: {row.measure}": row.value for row in rows if not np.isnan(row.value)},
            **{f"{page.called(row)}: {row.measure}": row.value for row in ways if row.measure == MORE and row.n},
            **{f"named less nameless: {row.measure}": row.value for row in named},
        },
    )


def _called(part: Part, names: Sequence[str]) -> dict[str, Any]:
    layer, head = part
    return {"layer": layer, "head": "all" if head is None else head, "names": ", ".join(names)}


def _only(none: Bool[np.ndarray, "layer head"], part: Part) -> Bool[np.ndarray, "layer head"]:
    """One head, or all of a layer."""
    layer, head = part
    one = none.copy()
    one[layer, slice(None) if head is None else head] = True
    return one


def _rows(
    measure: str, values: Float[np.ndarray, "maze part"], what: Sequence[Mapping[str, Any]], seed: int
) -> list[Row]:
    """A row a part, the intervals widened for how many there are; one that is the same in all mazes has none."""
    low, high = tables.bootstrap_means(values, seed=seed, level=1 - 0.05 / values.shape[1])
    known = ~np.isnan(values)
    sums = np.where(known, values, 0).sum(axis=0)
    return [
        Row(measure, float(sums[i] / count) if count else nan, float(low[i]), float(high[i]), int(count), told)
        for i, (told, count) in enumerate(zip(what, known.sum(axis=0), strict=True))
    ]


def _ways(
    before: Bool[np.ndarray, " fork"],
    turned: Bool[np.ndarray, "fork part 2"],
    every: Bool[np.ndarray, "fork 2"],
    called: Sequence[Mapping[str, Any]],
    seed: int,
) -> list[Row]:
    """How often the walk goes the other way untouched and, for each part and all heads at once, told so and told the
    cell alone; and how much more often told so."""
    after = np.concatenate([turned, every[:, None]], axis=1).astype(float)
    what = [*called, {"layer": "all", "head": "all", "names": ""}]
    rows = [proportion(page.TAKEN, before, **what[-1], told=most.UNTOUCHED)]
    for i, told in enumerate((page.ANOTHER, most.THE_CELL) if len(before) else ()):
        rows += _rows(page.TAKEN, after[..., i], [{**part, "told": told} for part in what], seed)
    return rows + (_rows(MORE, after[..., 0] - after[..., 1], what, seed) if len(before) else [])


def _by_name(lost: Float[np.ndarray, "maze head place"], named: Bool[np.ndarray, " head"], seed: int) -> list[Row]:
    """What named heads lose more than nameless ones at each place, with intervals over mazes, and the p-value of it,
    also corrected for how many places there are."""
    found = [_named(LOST[place], lost[..., i], named, seed) for i, place in enumerate(PLACES)]
    rows = [row for row in found if row is not None]
    holm = tables.holm(np.array([row.what["p"] for row in rows]))
    return [replace(row, what={**row.what, "holm": float(p)}) for row, p in zip(rows, holm, strict=True)]


def _named(
    measure: str, lost: Float[np.ndarray, "maze head"], named: Bool[np.ndarray, " head"], seed: int
) -> Row | None:
    """What named heads lose more than nameless ones, with an interval over mazes, and as `p` how often names dealt out
    at random make as large a difference; nothing where all or none have a name, or no maze has such a place."""
    lost = lost[~np.isnan(lost).any(axis=1)]
    if named.all() or not named.any() or len(lost) == 0:
        return None
    per_head = lost.mean(axis=0)
    found = per_head[named].mean() - per_head[~named].mean()
    rng = seeds.generator(seed, "names")
    dealt = np.array([rng.permutation(named) for _ in range(PERMUTED)])
    chance = dealt @ per_head / named.sum() - ~dealt @ per_head / (~named).sum()
    p = (1 + np.sum(np.abs(chance) >= abs(found) - 1e-12)) / (1 + PERMUTED)
    apart = lost[:, named].mean(axis=1) - lost[:, ~named].mean(axis=1)
    return mean(measure, apart, seed=seed, p=float(p))
