"""Which heads does the walk need, and does a head's name tell?

A name (`name_heads`) says where a head looks, not that anything comes of it. Here what a head writes at the cells of
the path is replaced by what it writes at that cell in other mazes: it goes on saying where the path is, and no longer
what it read of this maze. What is lost of the mazes walked is what the walk needs of it; then of all heads of a layer.

So it is at forks, in corridors and at the goal, where the walk is to stop (`heads_needed_bench`). Which heads turn the
walk when another way becomes right is asked by exchange (`heads_needed_way`). Of the two heads without which most mazes
and most steps at forks are lost, chosen on validation mazes, it is asked what they had read (`heads_needed_most`).

Predictions, made when it was known of four networks that the head needed most says when to stop, and of eight what each
head costs: no head alone is half of what all heads are at forks, nor turns half of what they turn; some layer does; and
heads with a name are needed more at forks than others of their layer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from maze_interp import attention, mazes, seeds, tables, training
from maze_interp.experiments import heads_needed_bench as benches
from maze_interp.experiments import heads_needed_most as most
from maze_interp.experiments import heads_needed_page as page
from maze_interp.experiments import heads_needed_rows as many
from maze_interp.experiments import heads_needed_way as way
from maze_interp.experiments.behaviour import held_out_mazes
from maze_interp.experiments.findings import Findings, Progress, counter
from maze_interp.experiments.heads_needed_bench import FORKS, PLACES, WALKED, Bench, Part
from maze_interp.experiments.heads_needed_page import HALF, LOST, MORE, TAKEN
from maze_interp.mazes import MazeBatch
from maze_interp.patching import usual
from maze_interp.recipes import Refusal
from maze_interp.tables import Row, mean

AT_EDGES = ("connectivity",)  # names of heads that are asked elsewhere than along the path
PERMUTED = 10_000
CHOSEN_BY = (WALKED, FORKS)  # what the heads that are asked what they read cost most of


@dataclass(frozen=True)
class Settings:
    """The run, on how many test mazes, and on how many validation mazes the heads needed most are chosen."""

    run: str = ""
    mazes: int = 300
    validation: int = 100
    seed: int = 0


def run(settings: Settings, progress: Progress | None = None) -> Findings:
    """Mazes lost for want of each head and of each layer, and whether names tell. `progress` counts readings.

    Raises a Refusal for a world without mazes that have one shortest path, and ValueError for a language that has no
    token for each cell.
    """
    trained = training.open_run(settings.run)
    model, seed = trained.model(), seeds.derive(settings.seed, "heads_needed")
    asked = _one_way(held_out_mazes(trained, settings.mazes, seed=seed), "test")
    unasked = mazes.take(trained.recipe.world, settings.validation, seed=seed, split=mazes.VALIDATION)[0]
    unasked = _one_way(unasked, "validation")
    bench, choosing = (benches.bench(model, some, seed) for some in (asked, unasked))
    drawn = {change: way.exchange(bench, change, seed) for change in way.CHANGES}
    exchanges = {change: made for change, made in drawn.items() if made is not None}
    heads, parts = len(choosing.each()), len(bench.parts())
    chosen_by = [place for place in CHOSEN_BY if place == WALKED or choosing.at[place].any()]
    total = (1 + 2 * len(exchanges)) * parts + 2 + heads + len(chosen_by) * (2 + 2 * len(most.HINTS))
    tick = counter(progress, total)
    bench, choosing = (replace(one, tick=tick) for one in (bench, choosing))
    names = _names(bench, seed)
    lost = bench.lost(bench.parts(), usual.usual(model, bench.tokens))
    rows = _losses(bench, lost, names, seed)
    ways = [row for change, made in exchanges.items() for row in _ways(bench, change, made, names, seed)]
    told_most = _most(bench, _chosen(choosing, chosen_by), seed)
    named = _by_name(
        lost[:, :heads],
        np.array([part in names for part in bench.each()]).reshape(model.cfg.n_layers, -1),
        seed,
    )
    return Findings(
        heading="Which heads the walk needs",
        sentences=[
            page.PREDICTION,
            page.walked(told_most),
            *page.needed(rows),
            *page.told(told_most),
            *page.ways(ways),
            page.names(named, len(names), heads),
        ],
        tables={"parts": rows, "turned": ways, "told": told_most, "named": named},
        figures=page.drawn(rows, ways),
        numbers={
            "walked": page.untouched(told_most).value,
            **{f"{page.called(row)}: {row.measure}": row.value for row in rows if row.n},
            **{
                f"{row.what['change']}, {page.called(row)}: {row.measure}": row.value
                for row in ways
                if row.measure == MORE
            },
            **{f"named less others: {row.measure}": row.value for row in named},
        },
    )


def _one_way(drawn: MazeBatch, split: str) -> MazeBatch:
    """Those with a step to take and one shortest path."""
    asked = drawn[(mazes.shortest_path_counts(drawn) == 1) & (drawn.start != drawn.goal)]
    if len(asked) < 2:
        raise Refusal(f"the world has no two {split} mazes with one shortest path")
    return asked


def _names(bench: Bench, seed: int) -> dict[Part, list[str]]:
    """The names of heads that are told along the path."""
    found = attention.head_names(attention.score_heads(bench.model, bench.mazes, bench.paths, seed=seed))
    kept: dict[Part, list[str]] = {head: [name for name in own if name not in AT_EDGES] for head, own in found.items()}
    return {head: own for head, own in kept.items() if own}


def _called(part: Part, names: Mapping[Part, Sequence[str]]) -> dict[str, Any]:
    layer, head = ("all" if one is None else one for one in part)
    return {"layer": layer, "head": head, "names": ", ".join(names.get(part, []))}


def _losses(
    bench: Bench, lost: Float[np.ndarray, "maze part place"], names: Mapping[Part, list[str]], seed: int
) -> list[Row]:
    """What each part costs at each place, and at forks how much more than half of what all heads cost."""
    what = [_called(part, names) for part in bench.parts()]
    rows = [row for i, place in enumerate(PLACES) for row in many.rows(LOST[place], lost[..., i], what, seed)]
    forks = lost[..., PLACES.index(FORKS)]
    return rows + many.rows(HALF[LOST[FORKS]], forks[:, :-1] - forks[:, -1:] / 2, what[:-1], seed)


def _ways(bench: Bench, change: str, drawn: way.Exchange, names: Mapping[Part, list[str]], seed: int) -> list[Row]:
    """How often each part turns the step, after the change and after its control; how much more often after the one
    than after the other; and how much more than half of what all heads do."""
    what = [{"change": change, **_called(part, names)} for part in bench.parts()]
    turned = np.stack([way.turned(bench, drawn, bench.heads(part)) for part in bench.parts()], axis=1).astype(float)
    more = turned[..., 0] - turned[..., 1]
    return [
        *many.rows(TAKEN, turned[..., 0], [{**part, "told": page.CHANGED} for part in what], seed, 0.0),
        *many.rows(TAKEN, turned[..., 1], [{**part, "told": page.CONTROL} for part in what], seed, 0.0),
        *many.rows(MORE, more, what, seed),
        *many.rows(HALF[MORE], more[:, :-1] - more[:, -1:] / 2, what[:-1], seed),
    ]


def _chosen(bench: Bench, places: Sequence[str]) -> dict[str, Part]:
    """The head without which most is lost of each: of mazes, or of steps at a place."""
    lost = bench.lost(bench.each(), usual.usual(bench.model, bench.tokens))
    return {place: bench.each()[int(np.nanmean(lost[..., PLACES.index(place)], axis=0).argmax())] for place in places}


def _most(bench: Bench, chosen: Mapping[str, Part], seed: int) -> list[Row]:
    """What those heads had read."""
    told, found = most.tellings(bench, seed), []
    for place, part in chosen.items():
        rows = most.rows(most.right(bench, bench.heads(part), told), "{}.{}".format(*part), seed)
        found += [replace(row, what={"most": place, **row.what}) for row in rows]
    return found


def _by_name(lost: Float[np.ndarray, "maze part place"], named: Bool[np.ndarray, "layer head"], seed: int) -> list[Row]:
    """What named heads lose more than others of their layer at each place, with intervals over mazes, and its p-value,
    also corrected for how many places there are."""
    found = [_named(LOST[place], lost[..., i], named, seed) for i, place in enumerate(PLACES)]
    rows = [row for row in found if row is not None]
    holm = tables.holm(np.array([row.what["p"] for row in rows]))
    return [replace(row, what={**row.what, "holm": float(p)}) for row, p in zip(rows, holm, strict=True)]


def _named(
    measure: str, lost: Float[np.ndarray, "maze part"], named: Bool[np.ndarray, "layer head"], seed: int
) -> Row | None:
    """What named heads lose more than others of their layer, with an interval over mazes, and as `p` how often names
    dealt out within each layer make as large a difference; nothing where no layer has both, or no maze such a place.

    Layers are needed unlike, and some bear no name, so names dealt over all heads would tell of layers too.
    """
    lost = lost[~np.isnan(lost).any(axis=1)].reshape(-1, *named.shape)
    both = named.any(axis=1) & ~named.all(axis=1)
    if not both.any() or len(lost) == 0:
        return None
    named, lost = named[both], lost[:, both]
    apart, per_head = _apart(lost, named).mean(axis=1), lost.mean(axis=0)
    rng = seeds.generator(seed, "names")
    dealt = _apart(per_head, rng.permuted(np.broadcast_to(named, (PERMUTED, *named.shape)), axis=2)).mean(axis=1)
    p = (1 + np.sum(np.abs(dealt) >= abs(apart.mean()) - 1e-12)) / (1 + PERMUTED)
    return mean(measure, apart, seed=seed, p=float(p))


def _apart(
    lost: Float[np.ndarray, "*maze layer head"], named: Bool[np.ndarray, "*deal layer head"]
) -> Float[np.ndarray, "every layer"]:
    """What named heads of a layer lose more than its others, on average: for each maze, or for each deal of names."""
    of_named = (lost * named).sum(axis=-1) / named.sum(axis=-1)
    return of_named - (lost * ~named).sum(axis=-1) / (~named).sum(axis=-1)
