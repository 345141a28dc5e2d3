"""Which heads does the walk need, and does a head's name tell?

A name (`name_heads`) says where a head looks, not that anything comes of it. Here what a head writes at the cells of
the path is replaced by what it writes at that cell in other mazes: it goes on saying where the path is, and no longer
what it read of this maze. What is lost of the mazes walked is what the walk needs of it; then of all heads of a layer.

Of the head needed most it is asked what it had read (`heads_needed_most`).

Predictions: heads with a name are needed more than those without; the first layer, which sees nothing but single
tokens, is needed least; and what the head needed most had read is the way to take. A first look at three networks of
5 x 5 saw the third layer needed most, and at first forks of three that another way told is not gone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import nan
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from maze_interp import attention, mazes, seeds, tables, training
from maze_interp.experiments import heads_needed_most as most
from maze_interp.experiments import heads_needed_page as page
from maze_interp.experiments.behaviour import held_out_mazes
from maze_interp.experiments.findings import Findings, Progress, counter
from maze_interp.experiments.heads_needed_most import Bench
from maze_interp.patching import usual
from maze_interp.recipes import Refusal
from maze_interp.tables import Row, mean, proportion

PREDICTION = (
    "Predicted: heads with a name are needed more than those without, those of the first layer, which sees single "
    "tokens only, less than those of any other, and what the head needed most had read is the way to take."
)
AT_EDGES = ("connectivity",)  # names of heads that are asked elsewhere than along the path
PERMUTED = 10_000


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
    names = {
        head: kept
        for head, own in attention.head_names(scores).items()
        if (kept := [name for name in own if name not in AT_EDGES])
    }
    layers, heads = model.cfg.n_layers, model.cfg.n_heads
    told = counter(progress, layers * (heads + 1) + 1 + 4)
    bench = Bench(model, asked, model.maze_tokenizer.encode(asked, solutions, seed=seed), told)
    at_cell = usual.usual(model, bench.tokens)
    none = np.zeros((layers, heads), dtype=bool)
    untouched = bench.reads(none, at_cell)
    whole = bench.walks(untouched)
    each = [(layer, head) for layer in range(layers) for head in range(heads)]
    lost, by_layer = (
        np.stack([whole - bench.walks(bench.reads(_only(none, *one), at_cell)) for one in parts], axis=1)
        for parts in (each, [(layer,) for layer in range(layers)])
    )
    singles = _rows(lost, [_called(*one, names.get(one, [])) for one in each], seed)
    together = _rows(by_layer, [{"layer": layer} for layer in range(layers)], seed)
    top = int(lost.mean(axis=0).argmax())
    about = most.about(bench, _only(none, *each[top]), untouched, at_cell, seed)
    by_name, p = _named(lost, np.array([one in names for one in each]), seed)
    return Findings(
        heading="Which heads the walk needs",
        sentences=[
            PREDICTION,
            f"Of {len(asked)} test mazes with one shortest path, read with it, {proportion('', whole > 0):.1%} are "
            f"walked.",
            page.singled_out(singles),
            page.layers(together),
            *page.about(about, singles[top]),
            page.names(by_name, p, len(names), len(each)),
        ],
        tables={"heads": singles, "layers": together, **about, "named": [by_name] if by_name else []},
        figures={"heads": page.drawn(singles, together)},
        numbers={
            "walked": float(whole.mean()),
            **{f"{row.what['layer']}.{row.what['head']}: lost": row.value for row in singles},
            **{f"layer {row.what['layer']}: lost": row.value for row in together},
            **{f"{row.measure}, told {row.what['told']}": row.value for rows in about.values() for row in rows},
            **({"named less nameless": by_name.value, "p": p} if by_name else {}),
        },
    )


def _called(layer: int, head: int, names: Sequence[str]) -> dict[str, Any]:
    return {"layer": layer, "head": head, "names": ", ".join(names)}


def _only(none: Bool[np.ndarray, "layer head"], layer: int, head: int | None = None) -> Bool[np.ndarray, "layer head"]:
    """One head, or all of a layer."""
    one = none.copy()
    one[layer, slice(None) if head is None else head] = True
    return one


def _rows(lost: Float[np.ndarray, "maze part"], what: Sequence[Mapping[str, Any]], seed: int) -> list[Row]:
    """A row a part, the intervals widened for how many there are; a part that loses nothing has none."""
    low, high = tables.bootstrap_means(lost, seed=seed, level=1 - 0.05 / lost.shape[1])
    return [
        Row("lost", float(lost[:, i].mean()), float(low[i]), float(high[i]), len(lost), told)
        for i, told in enumerate(what)
    ]


def _named(
    lost: Float[np.ndarray, "maze head"], named: Bool[np.ndarray, " head"], seed: int
) -> tuple[Row | None, float]:
    """What named heads lose more than nameless ones, with an interval over mazes, and how often names dealt out at
    random make as large a difference; nothing where all or none have a name."""
    if named.all() or not named.any():
        return None, nan
    per_head = lost.mean(axis=0)
    found = per_head[named].mean() - per_head[~named].mean()
    rng = seeds.generator(seed, "names")
    dealt = np.array([rng.permutation(named) for _ in range(PERMUTED)])
    chance = dealt @ per_head / named.sum() - ~dealt @ per_head / (~named).sum()
    p = (1 + np.sum(np.abs(chance) >= abs(found) - 1e-12)) / (1 + PERMUTED)
    apart = lost[:, named].mean(axis=1) - lost[:, ~named].mean(axis=1)
    return mean("lost, named less nameless", apart, seed=seed), float(p)
