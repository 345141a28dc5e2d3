"""What heads look at, as sentences and maps: every name beside chance, and of many heads the strongest."""

from collections import Counter
from collections.abc import Mapping

import numpy as np

from maze_interp import attention, figures
from maze_interp.attention import HeadScores
from maze_interp.figures import Figure
from maze_interp.models import HookedTransformer
from maze_interp.tables import Row

AXES = {
    "OV": ("logit of cell", "attended cell", "effect on the logit (up to the last layer norm's scale)"),
    "QK": ("attended cell", "cell that attends", "attention score beyond its mean over cells"),
}


def head_of(row: Row) -> str:
    return f"{row.what['layer']}.{row.what['head']}"


def census(
    names: Mapping[tuple[int, int], list[str]], before: Mapping[tuple[int, int], list[str]], scores: HeadScores, n: int
) -> str:
    heads = scores.share.shape[2] * scores.share.shape[3]
    kinds = {
        score: [f"{layer}.{head}" for (layer, head), own in names.items() if score in own] for score in scores.names
    }
    said = "; ".join(f"{score}: {', '.join(which)}" for score, which in kinds.items() if which)
    none = ", ".join(score for score, which in kinds.items() if not which)
    first = sum("connectivity" in own for (layer, _), own in names.items() if layer == 0)
    late = sum("adjacency" in own or "edges_here" in own for (layer, _), own in names.items() if layer)
    held = {True: "as predicted", False: "not as predicted"}
    every = scores.share.shape[3]
    joined = "of which the prediction says all" if 0 < first < every else held[first > 0]
    return (
        f"On the shortest paths of {n} test mazes {len(names)} of {heads} heads bear a name (layer.head"
        f"{'; ' + said if said else ''}); before training {len(before)} of them did, {held[not before]}. Connectivity "
        f"heads of the first layer are {first} of {every}, {joined}, adjacency or edges_here "
        f"heads of later ones {late}, {held[late > 0]}. Names that no head bears: {none or 'none'}."
    )


def strongest(tops: Mapping[str, Row], heads: int) -> list[str]:
    """A sentence for each score some head is named by: its strongest head, chosen among all."""
    named = [row for row in tops.values() if row.what["named"]]
    said = [
        f"The strongest {row.measure} head is {head_of(row)}: {row.what['share']:.1%} of its attention, "
        f"{row.what['chance']:.1%} by chance (difference {row.value:.1%}, {row.low:.1%} to {row.high:.1%}; with "
        f"positions permuted the furthest of all heads is below {row.what['permuted']:.1%})."
        for row in named
    ]
    how = f"These are chosen of {heads} heads each: intervals are widened for that, and bounds hold 95% of the time."
    return [*said, how] if said else []


def reached(profile: list[Row], looks: Row, heads: int) -> str:
    return (
        f"The nearest to an adjacency head of {heads} is {head_of(looks)}, {looks.value:+.1%} beyond chance "
        f"({looks.low:+.1%} to {looks.high:+.1%}; permuted, the furthest is below {looks.what['permuted']:+.1%}). "
        f"{_next_door(profile)}"
    )


def one_head(head: tuple[int, int], names: list[str], circuits: list[Row], profile: list[Row]) -> str:
    """What the head asked for is called, what its circuits do, and where it looks."""
    return (
        f"Head {head[0]}.{head[1]}, as asked, bears {'the name ' + ', '.join(names) if names else 'no name'}. Between "
        f"the embeddings of cells: {'; '.join(_stands_out(circuits, head))}. {_next_door(profile)}"
    )


def _stands_out(circuits: list[Row], head: tuple[int, int], circuit: str = "") -> list[str]:
    return [
        f"{row.measure} {row.value:+.2f} ({'beyond' if row.what['beyond'] else 'not beyond'} renamed cells)"
        for row in circuits
        if (row.what["layer"], row.what["head"]) == head and row.measure.startswith(circuit)
    ]


def _next_door(profile: list[Row]) -> str:
    near = {row.what["step"]: row for row in profile if row.what["distance"] == 1}
    said = [
        f"{row.value:.2%} before {step} steps ({_span(row)}; {row.what['chance']:.2%} on any cell's)"
        for step, row in near.items()
        if row.n
    ]
    return (
        f"On each listed token of a cell at distance 1 it puts, on the model's own paths, "
        f"{'; '.join(said) or 'nothing, as the model makes no step'}."
    )


def _span(row: Row) -> str:
    return "one maze" if row.n == 1 else f"{row.low:.2%} to {row.high:.2%}, {row.n} mazes"


def moved(circuits: list[Row], before: list[Row]) -> str:
    beyond = [row for row in circuits if row.what["beyond"]]
    said = "; ".join(f"{head_of(row)} {row.measure} {row:+.2f}" for row in beyond)
    return (
        f"Between the embeddings of cells, {len(beyond)} of {len(circuits)} circuit patterns stand out beyond renamed "
        f"cells, {sum(row.what['beyond'] for row in before)} before training{': ' + said if said else ''} (in standard "
        f"deviations of the matrix; own: a cell and itself, neighbours: cells next to each other)."
    )


def _map(rows: list[Row], *, title: str, x: str, value: str) -> Figure:
    heads, kinds = list(dict.fromkeys(map(head_of, rows))), list(dict.fromkeys(row.measure for row in rows))
    values = {(head_of(row), row.measure): row.value for row in rows}
    table = np.array([[values[head, kind] for kind in kinds] for head in heads])
    return figures.heat_map(table, heads, kinds, title=title, x=x, y="head (layer.head)", value=value, centre=0.0)


def maps(rows: list[Row], names: Mapping[tuple[int, int], list[str]], circuits: list[Row]) -> dict[str, Figure]:
    """All scores and all circuits of all heads."""
    kinds = Counter(own[0] for own in names.values()).most_common(1)
    said = f", most often {kinds[0][0]} ({kinds[0][1]})" if kinds else ""
    beyond = sum(row.what["beyond"] for row in circuits)
    return {
        "scores": _map(
            rows,
            title=f"{len(names)} of {len(set(map(head_of, rows)))} heads look where a head of some name looks{said}",
            x="score",
            value="share of attention beyond chance",
        ),
        "circuits": _map(
            circuits,
            title=f"{beyond} of {len(circuits)} circuits between cells' embeddings stand out beyond chance",
            x="circuit and pattern",
            value="standard deviations above other cells",
        ),
    }


def by_distance(profile: list[Row], head: str) -> Figure:
    lines = []
    for step in ("right", "wrong"):
        rows = [row for row in profile if row.what["step"] == step and row.n]
        if rows:
            columns = {name: np.array([getattr(row, name) for row in rows], float) for name in ("value", "low", "high")}
            x = np.array([row.what["distance"] for row in rows], float)
            low, high = (np.where(np.isnan(columns[name]), columns["value"], columns[name]) for name in ("low", "high"))
            chance = np.array([row.what["chance"] for row in rows])
            lines.append(figures.Series(f"before {step} steps", x, columns["value"], low, high))
            lines.append(figures.Series(f"any cell, before {step} steps", x, chance))
    near = next((r for r in profile if r.n and (r.what["step"], r.what["distance"]) == ("right", 1)), None)
    said = f"{near.value / near.what['chance']:.1f} times as much on cells one step away as on any" if near else "none"
    return figures.curves(
        lines,
        title=f"Attention of head {head} before right steps: {said}",
        x="distance from the path's cell through the maze (steps)",
        y="attention per listed token, 95% interval",
    )


def copying(model: HookedTransformer, circuits: list[Row]) -> Figure:
    """The OV matrix that copies most, or does so most in reverse."""
    top = max((row for row in circuits if row.measure == "OV own"), key=lambda row: abs(row.value))
    verb = "raises" if top.value > 0 else "lowers"
    title = (
        f"Attention of head {head_of(top)} on a cell {verb} that cell's own logit by {abs(top.value):.2f} standard "
        f"deviations against the others, the most of {len(circuits) // 4} heads"
        f"{'' if top.what['beyond'] else ' and yet not beyond chance'}"
    )
    return _circuit(model, "OV", (top.what["layer"], top.what["head"]), title)


def drawn_head(
    model: HookedTransformer, head: tuple[int, int], circuits: list[Row], profile: list[Row]
) -> dict[str, Figure]:
    """Both circuits of one head in full, and its attention by distance."""
    name = f"{head[0]}.{head[1]}"
    titles = {of: f"{of} of head {name}: {'; '.join(_stands_out(circuits, head, of))}" for of in attention.CIRCUITS}
    return {
        **{f"{of.lower()}_of_head": _circuit(model, of, head, title) for of, title in titles.items()},
        "distance_of_head": by_distance(profile, name),
    }


def _circuit(model: HookedTransformer, circuit: str, head: tuple[int, int], title: str) -> Figure:
    """The full matrix of a head's circuit between the cells of the vocabulary's lattice."""
    vocabulary = model.maze_tokenizer.vocabulary
    cells = [vocabulary.tokens[token] for token in vocabulary.cell_ids.flatten()]
    x, y, value = AXES[circuit]
    matrix = attention.CIRCUITS[circuit](model, *head)
    return figures.heat_map(matrix, cells, cells, title=title, x=x, y=y, value=value, centre=0.0)
