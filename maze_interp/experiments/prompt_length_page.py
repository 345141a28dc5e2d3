"""What the length of a prompt comes to, in words and pictures made from its rows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from maze_interp import figures
from maze_interp.experiments.findings import Findings
from maze_interp.figures import Figure, Series
from maze_interp.tables import Row

WALKED, LOST, RESTS = "walked", "lost", "look at the first token"
AS_IT_IS, HIDDEN, INSTEAD = "as it is", "passage hidden in its place", "passage out, another said twice"
LEFT_OUT, TWICE, LATER = "passage left out", "passage said twice", "all but the first token an edge later"
NOBODY, THE_HEAD, ALL_OTHERS, AN_EDGE_OFF = "nobody", "the head", "all other heads", "the head, an edge off"
NOTHING, THE_USUAL = "nothing", "its mean"
SECTION = {"edges": "the edges", "start": "the start", "goal": "the goal", "path": "the path"}


@dataclass(frozen=True)
class Located:
    """What is lost on validation mazes by head, of one head by section, and of those on test mazes."""

    heads: Sequence[Row]
    sections: Sequence[Row]
    depends: Row

    @property
    def name(self) -> str:
        """The head."""
        return _name(self.depends)


@dataclass(frozen=True)
class Does:
    """What that head does: by distance, in prompts of other lengths, and held to what it writes; tokens of an edge."""

    around: Sequence[Row]
    undone: Sequence[Row]
    fixed: Sequence[Row]
    width: int


def said_again(more: int) -> str:
    return f"{more} passage{'s' if more > 1 else ''} said twice"


def findings(told: Sequence[Row], located: Located | None = None, does: Does | None = None) -> Findings:
    """All of it. Nothing is `located` if positions are learned; what a head `does` is not asked where none matters."""
    tables: dict[str, Sequence[Row]] = {"told": told}
    sentences, drawn = [*_told(told)], {"told": _changes(told)}
    numbers = {row.what["change"]: row.value for row in told}
    if located is None:
        sentences.append("Positions are learned: no distance can be changed by itself, so no head was looked for.")
    else:
        tables |= {"heads": located.heads, "sections": located.sections, "depends": [located.depends]}
        sentences.append(_located(located))
        drawn["heads"] = _heads(located)
        numbers["lost"] = located.depends.value
    if located is not None and does is not None:
        tables |= {"around": does.around, "undone": does.undone, "fixed": does.fixed}
        sentences += [_rests(does), *_undone(does, told)]
        drawn["around"] = _around(does, located)
        if does.undone:
            drawn["undone"] = _picture(does, located)
        numbers |= {f"{row.what['shift']}, {row.what['as_ever_to']}": row.value for row in does.undone}
        numbers |= {f"{row.what['change']}, writes {row.what['writes']}": row.value for row in does.fixed}
    return Findings(
        heading="The length of the prompt",
        sentences=sentences,
        tables={name: rows for name, rows in tables.items() if rows},
        figures=drawn,
        numbers=numbers,
    )


def _told(told: Sequence[Row]) -> list[str]:
    find = {row.what["change"]: row for row in told}
    home, same = find[AS_IT_IS], min(find[HIDDEN].low, find[INSTEAD].low)
    said = min(find[HIDDEN], find[INSTEAD], key=lambda row: row.value)
    length = min(find[LEFT_OUT], find[TWICE], key=lambda row: row.value)
    return [
        f"Predicted: what is told of passages off the way matters, the number of words does not. Of {home.n} test "
        f"mazes {_percent(home)} are walked as they are. Where the prompt stays as long, with a passage off the way "
        f"hidden {_percent(find[HIDDEN])}, with another said in its place {_percent(find[INSTEAD])}: that what is told "
        f"matters {'held' if said.high < home.low else 'is not told'}.",
        f"Where its length changes, with that passage left out {_percent(find[LEFT_OUT])}, with one said twice "
        f"{_percent(find[TWICE])}: that the number of words matters "
        f"{'is seen, against the prediction' if length.high < min(home.low, same) else 'is not told'}. With the same "
        f"words, all but the first an edge later, {_percent(find[LATER])}.",
    ]


def _located(located: Located) -> str:
    first, *others = sorted(located.heads, key=lambda row: -row.value)
    depends, where = located.depends, located.depends.what["section"]
    of = {row.what["section"]: row.value for row in located.sections}
    beside = f", in the next ({_name(others[0])}) {_whole(others[0].value)}" if others else ""
    verdict = "it depends on that distance" if depends.low > 0 else "that it depends on that distance is not told"
    return (
        f"The first token made to seem an edge farther or nearer to one head loses most in head {_name(first)}: "
        f"{_whole(first.value)} of {first.n} validation mazes{beside}; looking from {SECTION[where]} "
        f"{_whole(of[where])}, from any other section {_whole(max(of[name] for name in of if name != where))} at most. "
        f"Of {depends.n} test mazes, which chose nothing, that head loses {_percent(depends)} there: {verdict}."
    )


def _rests(does: Does) -> str:
    rest = {row.what["farther"]: row.value for row in does.around if row.measure == RESTS}
    find = {(row.what["change"], row.what["writes"]): row for row in does.fixed}
    return (
        f"Looking from there, at the word where it does so most, it gives the first token {_whole(rest[0])} of its "
        f"look where that is as far as ever, {_whole(rest[does.width])} an edge farther and "
        f"{_whole(rest[-does.width])} an edge nearer. Made to write what it writes there on average, the model walks "
        f"{_percent(find[AS_IT_IS, THE_USUAL])}, and {_percent(find[LEFT_OUT, THE_USUAL])} with a passage left out; "
        f"made to write nothing, {_percent(find[AS_IT_IS, NOTHING])} and {_percent(find[LEFT_OUT, NOTHING])}."
    )


def _undone(does: Does, told: Sequence[Row]) -> list[str]:
    if not does.undone:
        return []
    home = next(row for row in told if row.what["change"] == AS_IT_IS)
    find = {(row.what["shift"], row.what["as_ever_to"]): row for row in does.undone}
    names = list(dict.fromkeys(row.what["shift"] for row in does.undone))
    harmed = [name for name in names if find[name, NOBODY].high < home.low]
    undone = [name for name in harmed if find[name, THE_HEAD].low > find[name, NOBODY].high]
    ways = (NOBODY, THE_HEAD, ALL_OTHERS, AN_EDGE_OFF)
    each = "; ".join(f"{_plain(name)} {', '.join(_whole(find[name, to].value) for to in ways)}" for name in names)
    return [
        f"In prompts of other lengths the first token was made to seem as far as ever from there: to nobody, to that "
        f"head, to all heads but it, and to that head but for an edge. {each}. Of {len(harmed)} that surely harm, that "
        f"one distance in one head surely makes {len(undone)} less so."
    ]


def _changes(told: Sequence[Row]) -> Figure:
    home = next(row for row in told if row.what["change"] == AS_IT_IS)
    worst = min((row for row in told if row is not home), key=lambda row: row.value)
    return figures.intervals(
        told,
        title=f"{home.value:.0%} walked as they are, {worst.value:.0%} where: {worst.what['change']}",
        x="share of mazes walked by the shortest path, 95% interval",
        by="change",
        share=True,
    )


def _heads(located: Located) -> Figure:
    layers, columns = (sorted({row.what[key] for row in located.heads}) for key in ("layer", "head"))
    lost = {(row.what["layer"], row.what["head"]): row.value for row in located.heads}
    return figures.heat_map(
        np.array([[lost[layer, head] for head in columns] for layer in layers]),
        [str(layer) for layer in layers],
        [str(head) for head in columns],
        title=f"An edge off for head {located.name} alone, {_whole(located.depends.value)} of test mazes are lost",
        x="head",
        y="layer",
        value="share of validation mazes lost",
        centre=0.0,
    )


def _around(does: Does, located: Located) -> Figure:
    lines = [
        _line(name, [row for row in does.around if row.measure == measure])
        for name, measure in (("mazes walked", WALKED), ("look at the first token", RESTS))
    ]
    least = lines[0].y.min()
    return figures.curves(
        lines,
        title=f"{least:.0%} to {lines[0].y.max():.0%} walked, as the first token seems farther to head {located.name}",
        x="tokens farther away than it is",
        y="share",
    )


def _line(name: str, rows: Sequence[Row]) -> Series:
    x = np.array([row.what["farther"] for row in rows], float)
    y, low, high = (np.array([getattr(row, end) for row in rows]) for end in ("value", "low", "high"))
    return Series(name, x, y, low, high)


def _picture(does: Does, located: Located) -> Figure:
    rows = [replace(row, what={**row.what, "shift": _plain(row.what["shift"])}) for row in does.undone]
    value = {(row.what["shift"], row.what["as_ever_to"]): row.value for row in rows}
    gain = [value[name, THE_HEAD] - value[name, NOBODY] for name in dict.fromkeys(row.what["shift"] for row in rows)]
    return figures.intervals(
        rows,
        title=f"The first token as far as ever to head {located.name} alone: {100 * min(gain):+.0f} to "
        f"{100 * max(gain):+.0f} points",
        x="share of mazes walked by the shortest path, 95% interval",
        by="shift",
        group="as_ever_to",
        share=True,
    )


def _plain(name: str) -> str:
    return name.replace("_", " ")


def _name(row: Row) -> str:
    return f"{row.what['layer']}.{row.what['head']}"


def _percent(row: Row) -> str:
    return f"{_whole(row.value)} ({_whole(row.low)} to {_whole(row.high)})"


def _whole(share: float) -> str:
    return f"{round(100 * share)}%"
