"""What tracing a choice comes to, in words and pictures made from its rows."""

from collections.abc import Mapping, Sequence

import numpy as np

from maze_interp import figures
from maze_interp.figures import Figure
from maze_interp.patching import MEANINGS
from maze_interp.tables import Row

HERE, JOINED = "here", "; of the changed edge"
HALF = 0.5
LISTED = 6
MEASURES = {"recovered": "brings back", "control": "moves in controls"}


def name(row: Row) -> str:
    """A row's flat name."""
    head = f".{row.what['head']}" if "head" in row.what else ""
    return f"{row.what['site']} {row.what['layer']}{head}, {row.what['meaning']}: {row.measure}"


def sentences(rows: Sequence[Row], numbers: Mapping[str, float], change: str, nearest: int) -> list[str]:
    """What was asked, what was found, and what became of the predictions."""
    asked = (
        f"In {numbers['pairs']:.0f} pairs of {numbers['mazes']:.0f} test mazes a {change} was moved, {nearest} steps "
        f"or more from the fork, so that another step is right. The model prefers the right step in "
        f"{numbers['prefers_right_in_clean']:.0%} of pairs before the change and turns with it in "
        f"{numbers['turns_with_the_change']:.0%}; the logit difference of the two steps moves by "
        f"{numbers['moves_by_nats']:.1f} nats on average, and shares are of that. {numbers['controls']:.0f} pairs have "
        "a control, an edit as far away (and of a passage, about as large) that leaves the right step what it was."
    )
    if not rows:
        return [asked, "The model may not react to the change at all, so there is nothing to trace."]
    return [asked, _carried(rows), *([_joined(rows)] if change == "passage" else []), _arrives(rows), _heads(rows)]


def maps(rows: Sequence[Row]) -> dict[str, Figure]:
    """Heat maps over layer or head and meaning of position; none without rows."""
    if not rows:
        return {}
    stream = [row for row in rows if row.what["site"].startswith("resid")]
    heads = [row for row in rows if row.what["site"] == "z"]
    arrived, above = _arrived(rows), _above(heads)
    gathers = (
        f"The choice has gathered at the fork's token {arrived}"
        if arrived
        else ("Before the last layer's end, half of the choice is not surely at the fork's token")
    )
    carries = (
        f"Of single heads {_head(above[0])} carries most beyond its controls: {above[0].value:.0%} at "
        f"{above[0].what['meaning']}"
        if above
        else "No single head surely carries more than its controls"
    )
    drawn = {"stream": (stream, "recovered", gathers), "heads": (heads, "recovered", carries)}
    drawn["stream_controls"] = (stream, "control", "Where the right step stays: what the same patches move")
    drawn["heads_controls"] = (heads, "control", "Where the right step stays: what the same heads move")
    return {name: _map(*one) for name, one in drawn.items() if any(row.measure == one[1] for row in one[0])}


def _carried(rows: Sequence[Row]) -> str:
    """The meaning of position that recovers most before each layer but the first, by point estimate."""
    said = []
    for where, own in _layers(rows, "recovered").items():
        if where.startswith("before") and where != "before layer 0":
            top = sorted(own, key=lambda row: -row.value)[:2]
            said.append(f"{where} " + " and ".join(f"{row.what['meaning']} {row:.0%}" for row in top))
    return f"Patched alone, these positions bring back most of the choice, by point estimate: {'; '.join(said)}."


def _joined(rows: Sequence[Row]) -> str:
    through = [row for row in _inner(rows) if row.what["meaning"] == JOINED]
    if not through:
        return "Whether the choice passes through the `;` of the changed edge could not be asked."
    top = max(through, key=lambda row: row.value)
    verdict = "not told"
    if any(row.low >= HALF for row in through):
        verdict = "held"
    elif all(row.high < HALF for row in through):
        verdict = "not held"
    return (
        f"Predicted: it passes through the `;` of the changed edge, half of it or more at some layer. Beyond its "
        f"controls that position brings back {top:.0%} at most, before layer {top.what['layer']}: {verdict}."
    )


def _arrives(rows: Sequence[Row]) -> str:
    here = [row for row in _inner(rows) if row.what["meaning"] == HERE]
    arrived = _arrived(rows)
    last = max(here, key=lambda row: row.what["layer"], default=None)
    if last is None:
        return "Whether the choice is at the fork's token before the last layer could not be asked."
    verdict = "held" if last.low >= HALF else "not held" if last.high < HALF else "not told"
    first = f"; half of it is surely there {arrived} for the first time" if arrived else ""
    return (
        f"Predicted: half of it or more is at the token of the fork before the last layer. There it brings back "
        f"{last:.0%} beyond its controls: {verdict}{first}."
    )


def _heads(rows: Sequence[Row]) -> str:
    """Heads that surely recover more than in their controls, at some meaning of position."""
    heads = [row for row in rows if row.what["site"] == "z"]
    above, count = _above(heads), len({_head(row) for row in heads})
    if not above:
        return f"None of {count} heads surely recovers more than in its controls, at any meaning of position."
    listed = "; ".join(f"{_head(row)} at {row.what['meaning']} {row:.0%}" for row in above[:LISTED])
    return (
        f"{len({_head(row) for row in above})} of {count} heads surely recover more than in their controls at some "
        f"meaning of position, corrected for all: {listed}{'; ...' if len(above) > LISTED else ''}."
    )


def _above(heads: Sequence[Row]) -> list[Row]:
    return sorted((row for row in heads if row.measure == "beyond control" and row.low > 0), key=lambda row: -row.value)


def _inner(rows: Sequence[Row]) -> list[Row]:
    """Beyond controls, the stream before each layer but the first: where nothing holds by construction."""
    inner = (row for row in rows if row.what["site"] == "resid_pre" and row.what["layer"] > 0)
    return [row for row in inner if row.measure == "beyond control"]


def _arrived(rows: Sequence[Row]) -> str | None:
    """The first layer before which half of the choice is surely at the token of the fork, beyond controls."""
    sure = [row.what["layer"] for row in _inner(rows) if row.what["meaning"] == HERE and row.low >= HALF]
    return f"before layer {min(sure)}" if sure else None


def _layers(rows: Sequence[Row], measure: str) -> dict[str, list[Row]]:
    names: dict[str, list[Row]] = {}
    for row in rows:
        if row.measure != measure or row.what["site"] not in ("resid_pre", "resid_post", "z"):
            continue
        where = {"resid_pre": f"before layer {row.what['layer']}", "resid_post": "after the last layer"}
        names.setdefault(where.get(row.what["site"]) or _head(row), []).append(row)
    return names


def _head(row: Row) -> str:
    return f"{row.what['layer']}.{row.what['head']}"


def _map(rows: Sequence[Row], measure: str, title: str) -> Figure:
    groups = _layers(rows, measure)
    columns = [one for one in MEANINGS if any(row.what["meaning"] == one for row in rows)]
    found = [{row.what["meaning"]: row.value for row in own} for own in groups.values()]
    values = np.array([[one.get(column, np.nan) for column in columns] for one in found]).round(2) + 0.0
    x, value = "what was patched: all positions of one meaning", f"share of the choice that a patch {MEASURES[measure]}"
    return figures.heat_map(values, list(groups), columns, title=title, x=x, y="where", value=value, centre=0.0)
