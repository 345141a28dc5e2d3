"""What steering passages comes to, in words and pictures made from its rows."""

from collections.abc import Mapping, Sequence

import numpy as np

from maze_interp import figures
from maze_interp.figures import Figure, Series
from maze_interp.tables import Row

SUCCESS, ASYMMETRY, BEYOND = "walks the maze wished for", "adding less removing", "beyond another passage"
STEERED, RANDOM, ANOTHER, UNTOUCHED, PROMPT = "steered", "random direction", "another passage", "untouched", "prompt"
WISHES = {"move": "moved", "add": "added", "remove": "removed"}
PLACES = {
    "separator": "the `;` of the edge",
    "words": "the words behind the list of edges",
    "both": "the `;` of the edge and the words behind the list",
}


def name(row: Row) -> str:
    """A row's flat name."""
    return ", ".join([*(str(value) for value in row.what.values() if value not in ("", 0.0)), row.measure])


def sentences(
    rows: Sequence[Row],
    chosen: Sequence[Row],
    best: Row,
    strength: Mapping[str, float],
    apart: Sequence[Row],
    beyond: Sequence[Row],
) -> list[str]:
    """What was asked, what was found, and what became of the predictions."""
    find = {(row.what["wish"], row.what["method"], row.what["strength"], row.what["as"]): row for row in rows}
    asked = (
        f"In {rows[0].n} test mazes a passage was moved, added or removed, so that another way is the only shortest "
        f"one. Told so in the prompt, the model walks it in {_list(find, '', 0.0, PROMPT)}; not told, in "
        f"{_list(find, '', 0.0, UNTOUCHED)}."
    )
    return [
        asked,
        _where(chosen, best),
        *_ways(find, strength),
        _controls(find, strength, beyond),
        _apart(apart, beyond),
    ]


def _where(chosen: Sequence[Row], best: Row) -> str:
    after = best.what["layer"]
    rival = [row for row in chosen if row.what["place"] == "separator"]
    alone = max(rival, key=lambda row: row.value, default=None)
    beside = ""
    if alone is not None and alone is not best:
        verdict = "refuted" if alone.high < best.low else "not told"
        beside = (
            f" Predicted: to push at the `;` alone is as good; it is {alone:.0%} at best, after layer "
            f"{alone.what['layer']}: {verdict}."
        )
    how = "Chosen on" if len(chosen) > 1 else "As asked, on"
    return (
        f"{how} validation mazes: {PLACES[best.what['place']]}, after layer {after}, where a passage is moved in "
        f"{best:.0%}.{beside}"
    )


def _ways(find: Mapping[tuple[str, str, float, str], Row], strength: Mapping[str, float]) -> list[str]:
    return [
        f"By {method}, at {times:g} times its strength (chosen on validation mazes), it walks it in "
        f"{_list(find, method, times, STEERED)}."
        for method, times in strength.items()
    ]


def _list(find: Mapping[tuple[str, str, float, str], Row], method: str, strength: float, as_: str) -> str:
    return ", ".join(f"{find[kind, method, strength, as_]:.0%} if {done}" for kind, done in WISHES.items())


def _controls(
    find: Mapping[tuple[str, str, float, str], Row], strength: Mapping[str, float], beyond: Sequence[Row]
) -> str:
    most = {
        as_: max(find[kind, method, times, as_].value for kind in WISHES for method, times in strength.items())
        for as_ in (RANDOM, ANOTHER)
    }
    sure = sum(row.low > 0 for row in beyond)
    return (
        f"Changes as large in random directions succeed in {most[RANDOM]:.0%} at most, wishes for another passage in "
        f"{most[ANOTHER]:.0%}; {sure} of {len(beyond)} ways and wishes surely succeed more often than the latter."
    )


def _apart(apart: Sequence[Row], beyond: Sequence[Row]) -> str:
    """Which of the two is easier, of ways that surely do one of them at all."""
    works = {row.what["method"] for row in beyond if row.what["wish"] in ("add", "remove") and row.low > 0}
    told = []
    for row in apart:
        easier = "adding is easier" if row.low > 0 else "removing is easier" if row.high < 0 else "neither surely"
        if row.what["among"] != "all":
            said = easier if row.what["method"] in works else "but neither is surely done at all"
            told.append(f"by {row.what['method']} {_points(row)}, {said}")
    count = max((row.n for row in apart if row.what["among"] != "all"), default=0)
    return (
        f"Predicted: adding is easier than removing. In the {count} mazes both of whose prompts the model walks, "
        f"adding less removing is {'; '.join(told)}."
    )


def of_features(sparse: Mapping[str, Mapping[str, float]]) -> list[str]:
    """How good the autoencoders were."""
    return [
        f"The {kind} autoencoder explains {told['explained']:.1%} of the variance with {told['L0']:.1f} features a "
        f"position; {told['dead']:.0%} of its features are dead, {told['loss recovered']:.0%} of the loss is "
        f"recovered, and its trees tell open passages from closed ones in {told['passages told by trees']:.0%} (half "
        "is chance)."
        for kind, told in sparse.items()
    ]


def pictures(rows: Sequence[Row], chosen: Sequence[Row], best: Row) -> dict[str, Figure]:
    """Success over strength for each wish, and over depth and place on validation mazes."""
    drawn = {kind: _curves(kind, done, rows) for kind, done in WISHES.items()}
    places, layers = (list(dict.fromkeys(row.what[key] for row in chosen)) for key in ("place", "layer"))
    values = np.array([row.value for row in chosen]).reshape(len(places), len(layers))
    drawn["where"] = figures.heat_map(
        values,
        places,
        [str(layer) for layer in layers],
        title=f"Passages are best moved at {PLACES[best.what['place']]}, after layer {best.what['layer']}",
        x="after layer",
        y="place",
        value="share of validation mazes walked as wished",
    )
    return drawn


def _curves(kind: str, done: str, rows: Sequence[Row]) -> Figure:
    mine = [row for row in rows if row.what["wish"] == kind]
    steered = [row for row in mine if row.what["as"] in (STEERED, RANDOM, ANOTHER)]
    strengths = np.array(sorted({row.what["strength"] for row in steered}))
    lines = [
        _line(method, [row for row in steered if (row.what["method"], row.what["as"]) == (method, STEERED)])
        for method in dict.fromkeys(row.what["method"] for row in steered)
    ]
    for as_ in (RANDOM, ANOTHER):
        strays = [[r for r in steered if (r.what["as"], r.what["strength"]) == (as_, one)] for one in strengths]
        lines.append(_line(f"{as_}, most of all ways", [max(own, key=lambda row: row.value) for own in strays]))
    for row in mine:
        if row.what["as"] in (UNTOUCHED, PROMPT):
            flat = np.full(len(strengths), row.value)
            lines.append(Series(row.what["as"], strengths, flat))
    top = max((row for row in steered if row.what["as"] == STEERED), key=lambda row: row.value)
    title = f"A passage is {done} in up to {top.value:.0%} of mazes, by {top.what['method']}"
    return figures.curves(lines, title=title, x="strength", y="share of mazes walked as wished")


def _line(label: str, rows: Sequence[Row]) -> Series:
    ordered = sorted(rows, key=lambda row: row.what["strength"])
    x = np.array([row.what["strength"] for row in ordered])
    y, low, high = (np.array([getattr(row, end) for row in ordered]) for end in ("value", "low", "high"))
    return Series(label, x, y, low, high)


def _points(row: Row) -> str:
    return f"{100 * row.value:+.0f} points ({100 * row.low:+.0f} to {100 * row.high:+.0f})"
