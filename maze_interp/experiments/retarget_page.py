"""What moving the goal comes to, in words and pictures made from its rows."""

from collections.abc import Sequence

import numpy as np

from maze_interp import figures
from maze_interp.figures import Figure, Series
from maze_interp.tables import Row

SOLVES, NEW, OLD = "solves for the new goal", "ends at the new goal", "ends at the old goal"
PROMPT, UNTOUCHED, RANDOM = "really moved", "untouched", "random direction"
RANDOM_AWAY = "random direction, as far as taken away"
ASYMMETRY = "taking away leaves, less adding brings"
STEEPER = "change a step of distance, both less really moved"
BOTH, ADD, SUBTRACT = "vector, both", "vector added", "vector taken away"
TOKEN, TOKENS, OWN = "token of another maze, one depth", "token of another maze", "token of its own maze"
SHOWN = (PROMPT, BOTH, TOKENS, RANDOM)
SEVERAL = 10  # mazes at a distance, for it to be drawn
PLACES = {
    "goal": "the goal's token",
    "behind": "the words behind it",
    "both": "the goal's token and the words behind it",
}


def sentences(rows: Sequence[Row], differences: Sequence[Row], heads: Sequence[Row], best: Row) -> list[str]:
    """What was asked, what was found, and what became of the predictions."""
    find = {(row.what["way"], row.measure): row for row in rows}
    apart = {row.measure: row for row in differences}
    leaves, away = apart[ASYMMETRY], apart[STEEPER]
    top = max((row for row in heads if row.what["head"] >= 0), key=lambda row: row.value)
    together = max((row for row in heads if row.what["head"] < 0), key=lambda row: row.value)
    return [
        f"In {rows[0].n} test mazes another goal was wished for. With the goal really moved in the prompt the model "
        f"walks to it by a shortest path in {find[PROMPT, SOLVES]:.0%}, untouched in "
        f"{find[UNTOUCHED, SOLVES]:.0%}.",
        f"Chosen on validation mazes: {best.what['strength']:g} times the vector, at {PLACES[best.what['place']]}, "
        f"after layer {best.what['layer']} (there {best:.0%}). The new goal's vector added and the old one's "
        f"taken away, it solves for the new goal in {find[BOTH, SOLVES]:.0%}; changes as large in random "
        f"directions do in {find[RANDOM, SOLVES]:.0%}.",
        f"The goal's token as another maze's prompt holds it, at all depths behind the first layer, does it in "
        f"{find[TOKENS, SOLVES]:.0%}, at the chosen depth alone in {find[TOKEN, SOLVES]:.0%}; as its own "
        f"maze's prompt with the new goal holds it, in {find[OWN, SOLVES]:.0%}.",
        f"Predicted: taking the old goal's vector away keeps from it more often than adding the new one's brings "
        f"there. With the one taken away {find[SUBTRACT, OLD]:.0%} of paths still end at the old goal (untouched "
        f"{find[UNTOUCHED, OLD]:.0%}, moved as far at random {find[RANDOM_AWAY, OLD]:.0%}); with the other "
        f"added {find[ADD, NEW]:.0%} end at the new one ({find[ADD, OLD]:.0%} at the old): "
        f"{_points(leaves)}, {_verdict(leaves.low > 0, leaves.high < 0)}.",
        f"Predicted: success falls with the distance of the new goal from the old way, more than that of goals really "
        f"moved. A step of distance changes it by {_points(apart[f'change a step of distance, {BOTH}'])}, of goals "
        f"really moved by {_points(apart[f'change a step of distance, {PROMPT}'])}; difference {_points(away)}, "
        f"{_verdict(away.high < 0, away.low > 0)}.",
        f"What single heads write of goals succeeds in {top:.0%} at most (head {top.what['layer']}."
        f"{top.what['head']}; the most of {len(heads)} tried), all heads of layer {together.what['layer']} together "
        f"in {together:.0%}.",
    ]


def pictures(by_distance: Sequence[Row], heads: Sequence[Row], chosen: Sequence[Row], best: Row) -> dict[str, Figure]:
    """Success by distance, by head, and by depth and place on validation mazes."""
    lines = [_line(way, [row for row in by_distance if row.what["way"] == way and row.n]) for way in SHOWN]
    both = sorted((row for row in by_distance if row.what["way"] == BOTH), key=lambda row: row.what["distance"])
    near, far = both[0], both[-1]
    layers = sorted({row.what["layer"] for row in heads})
    columns = sorted({row.what["head"] for row in heads})
    of_heads = {(row.what["layer"], row.what["head"]): row.value for row in heads}
    mine = [row for row in chosen if row.what["strength"] == best.what["strength"]]
    depths, places = (sorted({row.what[key] for row in mine}) for key in ("layer", "place"))
    of_places = {(row.what["place"], row.what["layer"]): row.value for row in mine}
    return {
        "distance": figures.curves(
            lines,
            title=f"Goals moved by their vectors: {near.value:.0%} {near.what['distance']} steps from the old way, "
            f"{far.value:.0%} {far.what['distance']} steps from it",
            x="steps from the old way to the new goal",
            y="share of mazes solved for the new goal",
        ),
        "where": figures.heat_map(
            np.array([[of_places[place, layer] for layer in depths] for place in places]),
            places,
            [str(layer) for layer in depths],
            title=f"The goal is best moved at {PLACES[best.what['place']]}, after layer {best.what['layer']}",
            x="after layer",
            y="place",
            value="share of validation mazes solved for the new goal",
        ),
        "heads": figures.heat_map(
            np.array([[of_heads[layer, head] for head in columns] for layer in layers]),
            [str(layer) for layer in layers],
            ["all" if head < 0 else str(head) for head in columns],
            title=f"What heads write of the goal: {max(of_heads.values()):.0%} at most",
            x="head",
            y="layer",
            value="share of mazes solved for the new goal",
        ),
    }


def _line(way: str, rows: Sequence[Row]) -> Series:
    x = np.array([row.what["distance"] for row in rows], float)
    y, low, high = (np.array([getattr(row, end) for row in rows]) for end in ("value", "low", "high"))
    return Series(way, x, y, low, high)


def _verdict(held: bool, refuted: bool) -> str:
    return "held" if held else "refuted" if refuted else "not told"


def _points(row: Row) -> str:
    return f"{100 * row.value:+.0f} points ({100 * row.low:+.0f} to {100 * row.high:+.0f})"
