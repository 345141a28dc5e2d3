"""Which heads does the walk need, and does a head's name tell?

A name (`name_heads`) says where a head looks, not that anything comes of it. Here what a head writes at the cells of
the path is replaced by what it writes at that cell in other mazes: it goes on saying where the path is, and no longer
what it read of this maze. What is lost of the mazes walked is what the walk needs of it; then of all heads of a layer.

Of the head needed most it is asked whether what it had read is the next step: it is told its mean over visits of the
cell that take the same step, and, as a control, over visits to which steps were dealt at random.

Predictions: heads with a name are needed more than those without; the first layer, which sees nothing but single
tokens, is needed least; and the head needed most says the next step and little else, so that telling it that gives back
more than two thirds. A first look at three networks of 5 x 5 saw the third layer needed most; others are its test.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import nan
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from maze_interp import attention, figures, mazes, seeds, tables, training
from maze_interp.behaviour import forced
from maze_interp.experiments.behaviour import held_out_mazes
from maze_interp.experiments.findings import Findings, Progress, counter
from maze_interp.patching import usual
from maze_interp.patching.usual import Usual
from maze_interp.recipes import Refusal
from maze_interp.tables import Row, mean, proportion

PREDICTION = (
    "Predicted: heads with a name are needed more than those without, those of the first layer, which sees single "
    "tokens only, less than those of any other, and what the head needed most had read is the next step."
)
AT_EDGES = ("connectivity",)  # names of heads that are asked elsewhere than along the path
THE_CELL, THE_STEP, ANY_STEP = "the cell", "the cell and the next step", "the cell and a step dealt at random"
BACK = 2 / 3  # of what is lost
PERMUTED, CLEAR = 10_000, 0.05
LISTED = 5
Names = Mapping[tuple[int, int], Sequence[str]]


@dataclass(frozen=True)
class Settings:
    """The run, and on how many test mazes."""

    run: str = ""
    mazes: int = 300
    seed: int = 0


def run(settings: Settings, progress: Progress | None = None) -> Findings:
    """Mazes lost for want of each head and of each layer, and whether names tell. `progress` counts readings.

    Raises a Refusal for a world without mazes that have one shortest path.
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
    told = counter(progress, layers * (heads + 1) + 1 + 2)
    tokens = model.maze_tokenizer.encode(asked, solutions, seed=seed)
    at_cell = usual.usual(model, tokens)

    def walks(chosen: Bool[np.ndarray, "layer head"], said: Usual = at_cell) -> Float[np.ndarray, " maze"]:
        made = forced.predictions(usual.forced(model, tokens, chosen, said), tokens)
        told()
        return forced.every_token(made, asked, model.maze_tokenizer).astype(float)

    none = np.zeros((layers, heads), dtype=bool)
    whole = walks(none)
    each = [(layer, head) for layer in range(layers) for head in range(heads)]
    lost = np.stack([whole - walks(_only(none, layer, head)) for layer, head in each], axis=1)
    by_layer = np.stack([whole - walks(_only(none, layer)) for layer in range(layers)], axis=1)
    singles = _rows(
        lost,
        [{"layer": layer, "head": head, "names": ", ".join(names.get((layer, head), []))} for layer, head in each],
        seed,
    )
    together = _rows(by_layer, [{"layer": layer} for layer in range(layers)], seed)
    most = each[int(lost.mean(axis=0).argmax())]
    kinds = {THE_STEP: usual.steps(tokens)}
    kinds[ANY_STEP] = usual.dealt(tokens, kinds[THE_STEP], seed=seed)
    told_it = {
        said: whole - walks(_only(none, *most), usual.usual(model, tokens, kind)) for said, kind in kinds.items()
    }
    about = [
        mean("lost", found, seed=seed, layer=most[0], head=most[1], told=said)
        for said, found in {THE_CELL: lost[:, each.index(most)], **told_it}.items()
    ]
    by_name, p = _named(lost, np.array([one in names for one in each]), seed)
    return Findings(
        heading="Which heads the walk needs",
        sentences=[
            PREDICTION,
            f"Of {len(asked)} test mazes with one shortest path, read with it, {proportion('', whole > 0):.1%} are "
            f"walked.",
            _most(singles),
            _layers(together),
            _about(about),
            _told(by_name, p, len(names), len(each)),
        ],
        tables={"heads": singles, "layers": together, "needed_most": about, "named": [by_name] if by_name else []},
        figures={"heads": _drawn(singles, together)},
        numbers={
            "walked": float(whole.mean()),
            **{f"{_head(row)}: lost": row.value for row in singles},
            **{f"layer {row.what['layer']}: lost": row.value for row in together},
            **{f"needed most, told {row.what['told']}: lost": row.value for row in about},
            **({"named less nameless": by_name.value, "p": p} if by_name else {}),
        },
    )


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


def _head(row: Row) -> str:
    return f"{row.what['layer']}.{row.what['head']}"


def _called(row: Row) -> str:
    return f"{_head(row)} ({row.what['names'] or 'no name'})"


def _most(singles: Sequence[Row]) -> str:
    ordered = sorted(singles, key=lambda row: -row.value)
    sure = [row for row in ordered if row.low > 0]
    listed = "; ".join(f"{_called(row)} {row:.1%}" for row in ordered[:LISTED])
    return (
        f"Lost for want of what one head read of the maze: {listed}. {len(sure)} of {len(singles)} heads surely lose "
        f"any, {sum(not row.what['names'] for row in sure)} of them without a name."
    )


def _layers(together: Sequence[Row]) -> str:
    listed = ", ".join(f"layer {row.what['layer']} {row:.1%}" for row in together)
    first, *others = together
    least = min(others, key=lambda row: row.value, default=None)
    held = "" if least is None else f" ({'as' if first.value < least.value else 'not as'} predicted of the first)"
    return f"For want of all heads of a layer: {listed}{held}."


def _about(about: Sequence[Row]) -> str:
    """Whether the head needed most had read the next step, and nothing else that the walk needs."""
    cell, step, dealt = about
    held = "as predicted" if step.value < (1 - BACK) * cell.value else "not as predicted"
    return (
        f"Told what is usual of {THE_CELL}, head {_head(cell)} costs {cell:.1%} of mazes; of {THE_STEP}, {step:.1%}, "
        f"{held}; of {ANY_STEP}, {dealt:.1%}."
    )


def _told(by_name: Row | None, p: float, named: int, heads: int) -> str:
    if by_name is None:
        return f"{named} of {heads} heads bear a name, so names tell nothing apart."
    held = (
        "as predicted" if p < CLEAR and by_name.value > 0 else "not as predicted" if p < CLEAR else "which is not told"
    )
    return (
        f"The {named} heads with a name along the path lose {100 * by_name.value:+.1f} points more each than the "
        f"{heads - named} without (p = {p:.3f} by dealing names out at random): {held}."
    )


def _drawn(singles: Sequence[Row], together: Sequence[Row]) -> figures.Figure:
    """A map of layers by heads, with a column for all of a layer."""
    layers, heads = len(together), len(singles) // len(together)
    values = np.array([row.value for row in singles]).reshape(layers, heads)
    most = max(singles, key=lambda row: row.value)
    return figures.heat_map(
        np.column_stack([values, [row.value for row in together]]),
        [str(layer) for layer in range(layers)],
        [*(str(head) for head in range(heads)), "all"],
        title=f"Head {_called(most)} is needed most: {most.value:.0%} of mazes are lost without what it read",
        x="head",
        y="layer",
        value="share of mazes lost",
        centre=0.0,
    )
