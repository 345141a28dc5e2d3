"""What is said and drawn of the heads that the walk needs."""

from collections.abc import Sequence

import numpy as np

from maze_interp import figures
from maze_interp.experiments import heads_needed_most as most
from maze_interp.experiments.heads_needed_bench import FORKS, PLACES, WALKED
from maze_interp.tables import Row

PREDICTION = (
    "Predicted: no single head costs half of what all heads cost at forks, nor turns half of the steps that all turn "
    "when another way becomes right; all heads of some layer do; and heads with a name are needed more at forks than "
    "others of their layer."
)
LOST = {WALKED: "lost", FORKS: "lost at forks", "corridors": "lost in corridors", "goals": "lost at the goal"}
TAKEN, MORE = "turns the step", "turns the step more"
HALF = {LOST[FORKS]: "lost at forks, beyond half of all heads'", MORE: "turns the step, beyond half of all heads'"}
CHANGED, CONTROL = "the change", "its control"
CLEAR, LISTED = 0.05, 5
ALL = "all"
HELD, UNTOLD = {True: "as predicted", False: "not as predicted"}, "which is not told"


def called(row: Row) -> str:
    """A head, a layer or all heads, by its address."""
    if row.what["layer"] == ALL:
        return "all heads"
    return f"layer {row.what['layer']}" if row.what["head"] == ALL else f"{row.what['layer']}.{row.what['head']}"


def walked(found: Sequence[Row]) -> str:
    row = untouched(found)
    return f"Of {row.n} test mazes with one shortest path, read with it, {row:.1%} are walked."


def untouched(found: Sequence[Row]) -> Row:
    """The share of mazes that the network walks by itself."""
    asked = ("right", WALKED, most.UNTOUCHED)
    return next(row for row in found if (row.measure, row.what["place"], row.what["told"]) == asked)


def _with_names(row: Row) -> str:
    return f"{called(row)} ({row.what['names'] or 'no name'})"


def _split(rows: Sequence[Row], measure: str, **what: str) -> tuple[list[Row], list[Row], list[Row]]:
    """The rows of that measure about single heads, about whole layers, and about all heads."""
    mine = [row for row in rows if row.measure == measure and row.n > 0 and what.items() <= row.what.items()]
    layers = [row for row in mine if row.what["head"] == ALL and row.what["layer"] != ALL]
    return [row for row in mine if row.what["head"] != ALL], layers, [row for row in mine if row.what["layer"] == ALL]


def _strongest(rows: Sequence[Row], count: int = LISTED) -> list[Row]:
    return sorted(rows, key=lambda row: -row.value)[:count]


def needed(rows: Sequence[Row]) -> list[str]:
    """Which heads and which layers cost most, of mazes and at each place."""
    singles, layers, every = _split(rows, LOST[WALKED])
    sure = [row for row in singles if row.low > 0]
    listed = "; ".join(f"{_with_names(row)} {row:.1%}" for row in _strongest(singles))
    said = [
        f"Mazes lost for want of what one head read of the maze: {listed}. {len(sure)} of {len(singles)} heads surely "
        f"lose any, {sum(not row.what['names'] for row in sure)} of them without a name. For want of all heads of a "
        f"layer: {', '.join(f'{called(row)} {row:.1%}' for row in layers)}; of all heads, {every[0]:.1%}."
    ]
    places = []
    for place in PLACES[1:]:
        singles, layers, every = _split(rows, LOST[place])
        if singles:
            most_needed = f"; {_two(singles)}; {_two(layers)}" if every[0].low > 0 else ""
            places.append(f"{place}: all heads {every[0].value:.1%}{most_needed}")
    said.append(f"Of the steps at each place, by the two heads and layers that cost most: {' | '.join(places)}.")
    return said + _halves(rows, HALF[LOST[FORKS]], LOST[FORKS], "costs half of what all heads cost at forks")


def _two(rows: Sequence[Row]) -> str:
    return ", ".join(f"{called(row)} {row:.1%}" for row in _strongest(rows, 2))


def _halves(rows: Sequence[Row], measure: str, of: str, what: str) -> list[str]:
    """Whether a head and whether a layer is half of all of them, where all are anything."""
    (singles, layers, _), every = _split(rows, measure), _split(rows, of)[2]
    if not singles:
        return []
    if not every[0].low > 0:
        return [f"Of all heads together it is not sure that they matter here: {every[0]:.1%}."]
    return [f"No single head {what}: {_none_above(singles)}; some layer does: {_some_above(layers)}."]


def _none_above(rows: Sequence[Row]) -> str:
    """Whether all values were rightly predicted to be below 0."""
    if any(row.low > 0 for row in rows):
        return HELD[False]
    return HELD[True] if all(row.high < 0 for row in rows) else UNTOLD


def _some_above(rows: Sequence[Row]) -> str:
    """Whether some value was rightly predicted to be above 0."""
    if any(row.low > 0 for row in rows):
        return HELD[True]
    return HELD[False] if all(row.high < 0 for row in rows) else UNTOLD


def told(found: Sequence[Row]) -> list[str]:
    """What the head needed most had read, where it loses most; and the one needed most at forks."""
    said = []
    for which, needed_ in ((WALKED, "Of all mazes"), (FORKS, "At forks")):
        mine = [row for row in found if row.what["most"] == which]
        right = {(row.what["place"], row.what["told"]): row for row in mine if row.measure == "right" and row.n}
        costs = {
            place: right[place, most.UNTOUCHED].value - right[place, most.THE_CELL].value
            for place in ([FORKS] if which == FORKS else PLACES[1:])
            if (place, most.UNTOUCHED) in right
        }
        place = max(costs, key=lambda at: costs[at], default=None)
        if place is None:
            continue
        hints = [name for pair in most.HINTS.items() for name in pair]
        listed = ", ".join(f"{name} {right[place, name]:.1%}" for name in (most.THE_CELL, *hints))
        regained = [row for row in mine if row.measure == most.REGAINED and row.what["place"] == place and row.low > 0]
        said.append(
            f"{needed_}, head {mine[0].what['head']} is needed most (chosen on validation mazes). Steps right at "
            f"{place}, where these mazes lose most by it, of those known to all tellings: untouched "
            f"{right[place, most.UNTOUCHED]:.1%}; told what is usual of {listed}. "
            f"More than half of what is lost to the hint dealt at random is surely regained by "
            f"{' and '.join(row.what['told'] for row in regained) or 'none of these'}."
        )
    return said


def ways(rows: Sequence[Row]) -> list[str]:
    """Which heads turn the step when they write what they write where another way is right."""
    said = []
    for change in dict.fromkeys(row.what["change"] for row in rows):
        mine = [row for row in rows if row.what["change"] == change]
        singles, layers, every = _split(mine, MORE)
        turned, kept = (
            {called(row): row for row in mine if row.measure == TAKEN and row.what["told"] == told}
            for told in (CHANGED, CONTROL)
        )
        listed = "; ".join(
            f"{_with_names(row) if row in singles else called(row)} {turned[called(row)]:.1%} "
            f"({kept[called(row)].value:.1%})"
            for row in [*every, *layers, *_strongest(singles, 3)]
        )
        said += [
            f"At one fork in each of {every[0].n} mazes heads write what they write where the {change} lies so that "
            f"another way is right (in brackets: after a control that changes no way). The likeliest step is then that "
            f"way in: {listed}.",
            *_halves(mine, HALF[MORE], MORE, f"turns half of what all heads turn with the {change}"),
        ]
    return said


def names(found: Sequence[Row], named: int, heads: int) -> str:
    if not found:
        return f"{named} of {heads} heads bear a name, and no layer has heads with and without."
    listed = "; ".join(f"{row.measure} {_points(row)}, p {_p(row.what['p'])}" for row in found)
    forks = next((row for row in found if row.measure == LOST[FORKS]), None)
    held = UNTOLD if forks is None or forks.what["holm"] >= CLEAR else HELD[forks.value > 0]
    return (
        f"{named} of {heads} heads bear a name along the path. What each loses beyond others of its layer, in points "
        f"(intervals over mazes; p over heads, by dealing names out within layers): {listed}. That they are needed "
        f"more at forks, corrected for how many places there are: {held}."
    )


def _points(row: Row) -> str:
    between = "" if np.isnan(row.low) else f" ({100 * row.low:+.1f} to {100 * row.high:+.1f})"
    return f"{100 * row.value:+.1f}{between}"


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"= {value:.3f}"


def drawn(rows: Sequence[Row], turned: Sequence[Row]) -> dict[str, figures.Figure]:
    """Maps of layers by heads, with a column for all of a layer."""
    maps = {
        "heads": _map(rows, LOST[WALKED], "{value:.0%} of mazes are lost without head {head}", "share of mazes lost"),
        "forks": _map(
            rows, LOST[FORKS], "{value:.0%} of steps at forks are lost without head {head}", "share of steps"
        ),
    }
    for change in dict.fromkeys(row.what["change"] for row in turned):
        mine = [row for row in turned if row.what["change"] == change]
        title = f"Head {{head}} alone turns {{value:.0%}} of steps when the {change} moves"
        maps[f"moved_{change}"] = _map(mine, MORE, title, "share of steps, less the control's")
    return {name: drawn_ for name, drawn_ in maps.items() if drawn_ is not None}


def _map(rows: Sequence[Row], measure: str, title: str, value: str) -> figures.Figure | None:
    singles, together, _ = _split(rows, measure)
    if not singles:
        return None
    layers, heads = len(together), len(singles) // len(together)
    top = _strongest(singles, 1)[0]
    return figures.heat_map(
        np.column_stack(
            [np.array([row.value for row in singles]).reshape(layers, heads), [row.value for row in together]]
        ),
        [str(layer) for layer in range(layers)],
        [*(str(head) for head in range(heads)), ALL],
        title=title.format(head=_with_names(top), value=top.value),
        x="head",
        y="layer",
        value=value,
        centre=0.0,
    )
