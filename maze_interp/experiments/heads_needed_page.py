"""What is said and drawn of the heads that the walk needs."""

from collections.abc import Mapping, Sequence

import numpy as np

from maze_interp import figures
from maze_interp.experiments import heads_needed_most as most
from maze_interp.experiments.name_heads_page import head_of
from maze_interp.tables import Row

CLEAR, LISTED = 0.05, 5
TURNS = 0.5  # of the mazes, more or less of which make a verdict


def _called(row: Row) -> str:
    return f"{head_of(row)} ({row.what['names'] or 'no name'})"


def singled_out(singles: Sequence[Row]) -> str:
    ordered = sorted(singles, key=lambda row: -row.value)
    sure = [row for row in ordered if row.low > 0]
    listed = "; ".join(f"{_called(row)} {row:.1%}" for row in ordered[:LISTED])
    return (
        f"Lost for want of what one head read of the maze: {listed}. {len(sure)} of {len(singles)} heads surely lose "
        f"any, {sum(not row.what['names'] for row in sure)} of them without a name."
    )


def layers(together: Sequence[Row]) -> str:
    listed = ", ".join(f"layer {row.what['layer']} {row:.1%}" for row in together)
    first, *others = together
    least = min(others, key=lambda row: row.value, default=None)
    held = "" if least is None else f" ({'as' if first.value < least.value else 'not as'} predicted of the first)"
    return f"For want of all heads of a layer: {listed}{held}."


def about(found: Mapping[str, Sequence[Row]], head: Row) -> list[str]:
    """What the head needed most had read: what each telling costs, where, and whether another way is gone when told."""
    cell, step, dealt = found["told"]
    where = {(row.measure, row.what["told"]): row for row in found["where"]}
    plain, turned = found["another_way"]
    held = "as predicted" if turned.low > TURNS else "not as predicted" if turned.high < TURNS else "which is not told"
    if plain.n == 0:
        return []
    places = "; ".join(
        f"{place} {where[place, most.THE_CELL]:.1%}, {where[place, most.UNTOUCHED]:.1%}"
        for place in (most.GOALS, most.FORKS, most.CORRIDORS)
    )
    return [
        f"Told what is usual of {most.THE_CELL}, head {head_of(head)} costs {cell:.1%} of mazes; of {most.THE_STEP}, "
        f"{step:.1%}; of {most.ANY_STEP}, {dealt:.1%}. Where that is (told the cell, untouched): {places}.",
        f"Told at the first fork that another open way is taken, the walk goes there in {turned:.1%} of {turned.n} "
        f"mazes (untouched {plain:.1%}): what it had read being the way to take, {held}.",
    ]


def names(by_name: Row | None, p: float, named: int, heads: int) -> str:
    if by_name is None:
        return f"{named} of {heads} heads bear a name, so names tell nothing apart."
    held = (
        "as predicted" if p < CLEAR and by_name.value > 0 else "not as predicted" if p < CLEAR else "which is not told"
    )
    return (
        f"The {named} heads with a name along the path lose {100 * by_name.value:+.1f} points more each than the "
        f"{heads - named} without (p = {p:.3f} by dealing names out at random): {held}."
    )


def drawn(singles: Sequence[Row], together: Sequence[Row]) -> figures.Figure:
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
