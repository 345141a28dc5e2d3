"""What is said and drawn of the heads that the walk needs."""

from collections.abc import Mapping, Sequence

import numpy as np

from maze_interp import figures
from maze_interp.experiments import heads_needed_most as most
from maze_interp.experiments.heads_needed_bench import CORRIDORS, FORKS, GOALS, PLACES, WALKED
from maze_interp.experiments.name_heads_page import head_of
from maze_interp.tables import Row

PREDICTION = (
    "Predicted: at forks no single head costs much (15 points at most) and some whole layer more; told another open "
    "way, no single head is followed in half of the mazes and all heads of some layer behind the third are; heads with "
    "a name are needed more at forks than those without."
)
LOST = {WALKED: "lost", FORKS: "lost at forks", CORRIDORS: "lost in corridors", GOALS: "lost at the goal"}
TAKEN, MORE, ANOTHER = "goes the other way", "goes the other way more than told the cell", "another open way"
CLEAR, LISTED = 0.05, 5
MUCH = 0.15  # of the steps at forks
TURNS = 0.5  # of the mazes, more of which make a layer one that says the way
BEHIND = 3  # the layers behind the third
HELD = {True: "as predicted", False: "not as predicted"}
ALL = "all"


def called(row: Row) -> str:
    """A head, a layer or all heads, by its address."""
    if row.what["layer"] == ALL:
        return "all heads"
    return f"layer {row.what['layer']}" if row.what["head"] == ALL else head_of(row)


def _with_names(row: Row) -> str:
    return f"{called(row)} ({row.what['names'] or 'no name'})"


def _split(rows: Sequence[Row], measure: str) -> tuple[list[Row], list[Row]]:
    """The rows of that measure about single heads, and about whole layers."""
    mine = [row for row in rows if row.measure == measure and row.what["layer"] != ALL and row.n > 0]
    return [row for row in mine if row.what["head"] != ALL], [row for row in mine if row.what["head"] == ALL]


def _strongest(rows: Sequence[Row], count: int = LISTED) -> list[Row]:
    return sorted(rows, key=lambda row: -row.value)[:count]


def needed(rows: Sequence[Row]) -> list[str]:
    """Which heads and which layers cost most, of mazes and at each place."""
    singles, layers = _split(rows, LOST[WALKED])
    sure = [row for row in singles if row.low > 0]
    listed = "; ".join(f"{_with_names(row)} {row:.1%}" for row in _strongest(singles))
    said = [
        f"Mazes lost for want of what one head read of the maze: {listed}. {len(sure)} of {len(singles)} heads surely "
        f"lose any, {sum(not row.what['names'] for row in sure)} of them without a name. For want of all heads of a "
        f"layer: {', '.join(f'{called(row)} {row:.1%}' for row in layers)}."
    ]
    by_place = []
    for place in PLACES[1:]:
        singles, layers = _split(rows, LOST[place])
        if singles:
            by_place.append(f"{place}: {_two(singles)}; {_two(layers)}")
    if by_place:
        said.append(f"Of the steps at each place, a head and a layer that cost most: {' | '.join(by_place)}.")
    singles, layers = _split(rows, LOST[FORKS])
    if singles:
        head, layer = _strongest(singles, 1)[0], _strongest(layers, 1)[0]
        said.append(
            f"So at forks one head costs {head:.1%} at most ({_verdict(head, MUCH, below=True)}), a layer {layer:.1%} "
            f"({_verdict(layer, MUCH)})."
        )
    return said


def _two(rows: Sequence[Row]) -> str:
    return ", ".join(f"{called(row)} {row:.1%}" for row in _strongest(rows, 2))


def _verdict(row: Row, bound: float, *, below: bool = False) -> str:
    """Whether the value was predicted to lie on that side of the bound, as far as its interval tells."""
    if np.isnan(row.low):
        return HELD[(row.value < bound) == below]
    if row.low <= bound <= row.high:
        return "which is not told"
    return HELD[(row.high < bound) == below]


def about(found: Mapping[str, Sequence[Row]], head: Row) -> list[str]:
    """What each telling costs of the head needed most, and where."""
    cell, step, dealt = found["told"]
    where = {(row.measure, row.what["told"]): row for row in found["where"]}
    places = "; ".join(
        f"{place} {there:.1%}, {where[f'right: {place}', most.UNTOUCHED]:.1%}"
        for place in (GOALS, FORKS, CORRIDORS)
        if (there := where[f"right: {place}", most.THE_CELL]).n
    )
    return [
        f"Told what is usual of {most.THE_CELL}, head {called(head)}, which is needed most, costs {cell:.1%} of mazes; "
        f"of {most.THE_STEP}, {step:.1%}; of {most.ANY_STEP}, {dealt:.1%}. Steps right (told the cell, untouched): "
        f"{places}."
    ]


def ways(rows: Sequence[Row]) -> list[str]:
    """Whom the walk follows the other way."""
    singles, layers = _split(_told(rows, ANOTHER), TAKEN)
    if not singles:
        return []
    cell = {called(row): row for row in _told(rows, most.THE_CELL)}
    untouched = _told(rows, most.UNTOUCHED)[0]
    every = next(row for row in _told(rows, ANOTHER) if row.what["layer"] == ALL)
    said = [
        f"{_with_names(row) if row in singles else called(row)} {row:.1%} ({cell[called(row)].value:.1%})"
        for row in [every, *layers, *_strongest(singles, 3)]
    ]
    head, late = _strongest(singles, 1)[0], [row for row in layers if row.what["layer"] >= BEHIND]
    best = _strongest(late, 1)
    verdicts = [f"no single head is followed in half of the mazes: {_verdict(head, TURNS, below=True)}"]
    if best:
        verdicts.append(f"a layer behind the third is: {_verdict(best[0], TURNS)}")
    return [
        f"Told at the first fork that another open way is taken (told the cell alone), the walk goes there in: "
        f"{'; '.join(said)}; untouched {untouched:.1%} of {untouched.n} mazes. {'; '.join(verdicts).capitalize()}."
    ]


def _told(rows: Sequence[Row], told: str) -> list[Row]:
    return [row for row in rows if row.what.get("told") == told]


def names(found: Sequence[Row], named: int, heads: int) -> str:
    if not found:
        return f"{named} of {heads} heads bear a name, so names tell nothing apart."
    listed = "; ".join(f"{row.measure} {_points(row)} (p = {row.what['p']:.3f})" for row in found)
    forks = next((row for row in found if row.measure == LOST[FORKS]), None)
    if forks is None:
        held = "which says nothing of forks"
    else:
        held = HELD[forks.value > 0] if forks.what["holm"] < CLEAR else "which is not told"
    return (
        f"The {named} heads with a name along the path lose more than the {heads - named} without by, in points each, "
        f"{listed}; p by dealing names out at random. At forks, corrected for how many places there are: {held}."
    )


def _points(row: Row) -> str:
    return f"{100 * row.value:+.1f} ({100 * row.low:+.1f} to {100 * row.high:+.1f})"


def drawn(rows: Sequence[Row], turned: Sequence[Row]) -> dict[str, figures.Figure]:
    """Maps of layers by heads, with a column for all of a layer."""
    maps = {"heads": _map(rows, LOST[WALKED], "{head} is needed most: {value:.0%} of mazes are lost without it")}
    if _split(rows, LOST[FORKS])[0]:
        maps["forks"] = _map(rows, LOST[FORKS], "At forks no head is needed more than {head}: {value:.0%} of steps")
    told = [row for row in turned if row.measure == MORE]
    if _split(told, MORE)[0]:
        maps["another_way"] = _map(told, MORE, "Told another open way, {head} is followed most: {value:+.0%} of mazes")
    return maps


def _map(rows: Sequence[Row], measure: str, title: str) -> figures.Figure:
    singles, together = _split(rows, measure)
    layers, heads = len(together), len(singles) // len(together)
    values = np.array([row.value for row in singles]).reshape(layers, heads)
    top = _strongest(singles, 1)[0]
    return figures.heat_map(
        np.column_stack([values, [row.value for row in together]]),
        [str(layer) for layer in range(layers)],
        [*(str(head) for head in range(heads)), ALL],
        title=title.format(
            head=f"Head {_with_names(top)}" if title.startswith("{head}") else f"head {called(top)}", value=top.value
        ),
        x="head",
        y="layer",
        value=measure.replace("lost", "share lost") if measure != MORE else "share of mazes",
        centre=0.0,
    )
