"""The further parts of tracing a choice, in words and pictures made from their rows."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Int

from maze_interp import figures
from maze_interp.experiments.trace_decision_parts import AHEAD, ESTIMATES, Edges
from maze_interp.figures import Figure, Series
from maze_interp.mazes import MazeBatch, lattice
from maze_interp.patching import PromptPairs
from maze_interp.tables import Row

WORDS, LISTED = "words between the sections", "edges"
LAYER = "before layer"


def name(row: Row) -> str:
    """The flat name of an estimate's rank correlation."""
    return f"{row.what['estimate']}, {row.what['site']}: {row.measure}"


def about_distance(rows: Sequence[Row]) -> list[str]:
    """Whether far changes reach the fork's token later than near ones."""
    parts = list(dict.fromkeys(row.what["steps from the fork"] for row in rows))
    layers = sorted({row.what["layer"] for row in rows}) if len(parts) > 1 else []
    by = {(row.what["layer"], row.what["steps from the fork"]): row for row in rows}
    both = [(by[layer, parts[0]], by[layer, parts[1]]) for layer in layers if all((layer, one) in by for one in parts)]
    if not both:
        return ["Whether a change farther off reaches the fork's token later could not be asked."]
    later = [pair for pair in both if pair[1].high < pair[0].low]
    sooner = [pair for pair in both if pair[0].high < pair[1].low]
    deciding = [max(some, key=_apart) for some in (later, sooner) if some] or [max(both, key=_apart)]
    said = "; ".join(
        f"before layer {near.what['layer']} that token brings back {near:.0%} of changes {parts[0]} steps off and "
        f"{far:.0%} of those {parts[1]}"
        for near, far in deciding
    )
    verdict = _verdict(bool(later), bool(sooner))
    return [f"Predicted: the farther the change, the later its choice is at the fork's token. Found {said}: {verdict}."]


def _apart(pair: tuple[Row, Row]) -> float:
    return abs(pair[0].value - pair[1].value)


def _verdict(so: bool, otherwise: bool) -> str:
    """What becomes of a prediction that is surely so in some layer, or surely the other way round in some."""
    if so and otherwise:
        return "surely so in one layer and the other way round in another"
    return "held" if so else "not held" if otherwise else "not told"


def about_estimates(rows: Sequence[Row]) -> list[str]:
    """How well gradients stand in for patches."""
    heads = {row.what["estimate"]: row for row in rows if row.what["site"] == "z"}
    along, one, size = (heads[name] for name in ESTIMATES)
    if np.isnan([along.value, one.value]).any():
        return ["Whether gradients rank heads as patching does could not be asked."]
    better = "held" if along.low > one.high else "not held" if along.high < one.low else "not told"
    elsewhere = [row for row in rows if row.what["estimate"] == ESTIMATES[0] and row.what["site"] != "z"]
    others = "; ".join(f"{row.what['site']} {row.value:.2f}" for row in elsewhere)
    return [
        f"Gradients rank heads by meaning as patching does with a rank correlation of {along:.2f} along the "
        f"line between the two runs and {one:.2f} at one end of it; the size of the difference alone, "
        f"which knows no gradient, ranks sizes of effects with {size:.2f}. Predicted: the line is better: "
        f"{better}. Along the line, elsewhere: {others}."
    ]


def about_losses(rows: Sequence[Row]) -> list[str]:
    """Which heads are missed, by which ablation."""
    heads = [row for row in rows if row.what["site"] == "z"]
    if not heads:
        return []
    said = []
    for how in dict.fromkeys(row.what["how"] for row in heads):
        own = sorted((row for row in heads if row.what["how"] == how), key=lambda row: -row.value)
        sure = sum(row.low > 0 for row in own)
        said.append(f"{how}: {_head(own[0])} {own[0]:.0%}, {sure} of {len(own)} surely")
    return [f"Ablated at all positions, the head that is missed most, and how many are: {'; '.join(said)}."]


def about_cuts(rows: Sequence[Row]) -> list[str]:
    """Whether the fork's token needs the words between the sections more than the list of edges."""
    by = {(row.measure, row.what["seen"], row.what["layer"]): row for row in rows}
    ahead = [row for row in rows if row.measure == AHEAD and ("lost", WORDS, row.what["layer"]) in by]
    if not ahead:
        return ["Whether the fork's token looks at the words or at the edges could not be asked."]
    so, otherwise = ([row for row in ahead if row.low > 0], [row for row in ahead if row.high < 0])
    deciding = [max(some, key=lambda row: abs(row.value)) for some in (so, otherwise) if some]
    said = []
    for row in deciding or [max(ahead, key=lambda row: abs(row.value))]:
        layer = row.what["layer"]
        words, listed = by["lost", WORDS, layer], by["lost", LISTED, layer]
        chance = by.get(("at random", WORDS, layer))
        beside = f" (as many others drawn at random: {chance.value:.0%})" if chance else ""
        said.append(
            f"in layer {layer} it loses {words.value:.0%} without sight of the words{beside} and {listed.value:.0%} "
            f"without the list, a difference of {row:.0%}"
        )
    return [
        f"Predicted: the fork's token looks the choice up at the words between the sections rather than in the list of "
        f"edges. Pair by pair {'; '.join(said)}: {_verdict(bool(so), bool(otherwise))}."
    ]


def about_paths(rows: Sequence[Row]) -> list[str]:
    """Whether the path turns with the preference."""
    by = {(row.measure, row.what["layer"], row.what["patched"]): row for row in rows if row.n}
    here = [row for (measure, _, place), row in by.items() if measure == "path turns" and place == "here"]
    if not here:
        return ["No pair's two paths each go its maze's way to the goal, so whether paths turn was not asked."]
    last = max(here, key=lambda row: row.what["layer"])
    preference = by["preference turns", last.what["layer"], "here"]
    return [
        f"Of {last.what['pairs']} pairs whose two paths each go their maze's way, patching the fork's token before "
        f"layer {last.what['layer']} turns the preference in {preference.value:.0%} and the whole path in "
        f"{last:.0%}. What a path reads after the fork is not patched there."
    ]


def edge_maps(found: Edges, pairs: PromptPairs) -> dict[str, Figure]:
    """What each edge of the prompt brings back, drawn in one maze and averaged over all on the open lattice."""
    one = found.pair
    names = [f"{LAYER} {layer}" for layer in found.layers]
    passages, edited = (lattice.flat(batch.passages)[one] for batch in (pairs.mazes, pairs.edited))
    here = int(pairs.clean.cell[one, pairs.decision[one]])
    dashed = np.flatnonzero(edited & ~passages)
    share = "share of the choice that a patch brings back"
    strongest = np.nanmax(found.example, axis=1, initial=-np.inf)
    title = (
        f"In one maze a single edge brings back {strongest[0]:.0%} at most before layer {found.layers[0]} and "
        f"{strongest[-1]:.0%} before layer {found.layers[-1]}"
    )
    drawn = {
        "edges_of_one_maze": figures.edges_on_maze(
            pairs.mazes,
            one,
            found.example,
            names,
            title=title,
            value=share,
            ring=here,
            dashed=dashed,
            note="lines: the four tokens of an edge patched; ring: the fork; dotted: only in the other maze",
        )
    }
    open_lattice = _open(pairs.mazes.rows, pairs.mazes.cols)
    means = np.nanmax(np.abs(found.average), axis=1, initial=0.0)
    drawn["edges_on_average"] = figures.edges_on_maze(
        open_lattice,
        0,
        found.average,
        names,
        value=share,
        title=f"Averaged over mazes no edge of the lattice brings back more than {means.max():.0%}, in either sense",
    )
    return drawn


def pictures(
    losses: Sequence[Row], sights: Sequence[Row], paths: Sequence[Row], heads: Mapping[str, np.ndarray], layers: int
) -> dict[str, Figure]:
    """The scatter of estimates, the map of ablated heads, and the curves of cuts and of turned paths."""
    drawn: dict[str, Figure] = {}
    if len(heads.get("true", ())):
        diagonal = np.array([heads["true"].min(), heads["true"].max()])
        drawn["estimates"] = figures.scatter(
            [Series("head at a meaning", heads["estimate"], heads["true"])],
            [Series("as estimated", diagonal, diagonal)],
            title="What gradients along the line say of heads, and what patching them does",
            x="estimated change of the logit difference (nats)",
            y="true change (nats)",
        )
    missed = [row for row in losses if row.what["site"] == "z" and row.what["how"] == "resample"]
    if missed:
        drawn["ablated_heads"] = _missed_heads(missed, layers)
    drawn |= _curves(
        [row for row in sights if row.measure == "lost"],
        "seen",
        "cuts",
        "What the fork's token loses if it may not look there",
        "share lost",
    )
    turns = [row for row in paths if row.n]
    named = [replace(row, what={**row.what, "line": f"{row.measure}: {row.what['patched']}"}) for row in turns]
    title = "Whole paths beside preferences at the fork"
    return drawn | _curves(named, "line", "turned_paths", title, "share that turns")


def _missed_heads(missed: Sequence[Row], layers: int) -> Figure:
    count = 1 + max(row.what["head"] for row in missed)
    values = np.full((layers, count), np.nan)
    for row in missed:
        values[row.what["layer"], row.what["head"]] = round(row.value, 2) + 0.0
    top = max(missed, key=lambda row: row.value)
    return figures.heat_map(
        values,
        [f"layer {i}" for i in range(layers)],
        [f"head {i}" for i in range(count)],
        title=f"Told of another maze, head {_head(top)} is missed most: {top:.0%}",
        x="head",
        y="layer",
        value="share of the way to the corrupted run",
        centre=0.0,
    )


def _curves(rows: Sequence[Row], by: str, name: str, title: str, y: str) -> dict[str, Figure]:
    if not rows:
        return {}
    lines = []
    for one in dict.fromkeys(row.what[by] for row in rows):
        own = sorted((row for row in rows if row.what[by] == one), key=lambda row: row.what["layer"])
        x, value = (np.array(each, float) for each in ([row.what["layer"] for row in own], [row.value for row in own]))
        lines.append(Series(str(one), x, value))
    return {name: figures.curves(lines, title=title, x="layer", y=y)}


def _open(rows: int, cols: int) -> MazeBatch:
    passages = np.zeros((1, 2 * rows * cols), bool)
    passages[0, lattice.edge_ids(rows, cols)] = True
    nowhere: Int[np.ndarray, "1"] = np.array([-1])
    return MazeBatch(passages.reshape(1, 2, rows, cols), nowhere, nowhere)


def _head(row: Row) -> str:
    return f"{row.what['layer']}.{row.what['head']}"
