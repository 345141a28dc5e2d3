"""What the length of a prompt comes to, in words and pictures made from its rows."""

from collections.abc import Sequence

import numpy as np

from maze_interp import figures
from maze_interp.experiments.findings import Findings
from maze_interp.figures import Figure, Series
from maze_interp.tables import Row

WALKED, LOST, RESTS = "walked", "lost", "look at the first token"
AS_IT_IS, HIDDEN, INSTEAD = "as it is", "passage hidden in its place", "passage out, another said twice"
LEFT_OUT, TWICE, LATER = "passage left out", "passage said twice", "first token an edge farther away"
SAME = (HIDDEN, INSTEAD)  # as many tokens as ever before the path, as far from the first
OTHER = (LEFT_OUT, TWICE, LATER)
NOBODY, THE_HEAD, ALL_OTHERS = "nobody", "the head", "all other heads"
NOTHING, THE_USUAL = "nothing", "its mean"
WORDS = {"edges": "the edges", "start": "the start", "goal": "the goal", "path": "the path"}


def said_again(more: int) -> str:
    return f"{more} passage{'s' if more > 1 else ''} said twice"


def findings(
    told: Sequence[Row],
    heads: Sequence[Row] = (),
    sections: Sequence[Row] = (),
    depends: Row | None = None,
    around: Sequence[Row] = (),
    undone: Sequence[Row] = (),
    fixed: Sequence[Row] = (),
) -> Findings:
    """All of it; without `depends` no head was looked for, because the positions are learned."""
    tables = {"told": told, "heads": heads, "sections": sections, "around": around, "undone": undone, "fixed": fixed}
    numbers = {row.what["change"]: row.value for row in told}
    sentences, drawn = [_told(told)], {"told": _changes(told)}
    if depends is None:
        sentences.append("Positions are learned: no distance can be changed by itself, so no head was looked for.")
    else:
        tables["depends"] = [depends]
        numbers |= {"lost": depends.value, "layer": depends.what["layer"], "head": depends.what["head"]}
        numbers |= {f"{row.what['shift']}, {row.what['as_ever_to']}": row.value for row in undone}
        numbers |= {f"{row.what['change']}, writes {row.what['writes']}": row.value for row in fixed}
        sentences += [_located(heads, sections, depends), *_rests(depends, around, undone, fixed)]
        drawn |= {
            "heads": _heads(heads, depends),
            "around": _around(around, depends),
            "undone": _undone(undone, depends),
        }
    return Findings(
        heading="The length of the prompt",
        sentences=sentences,
        tables={name: rows for name, rows in tables.items() if rows},
        figures=drawn,
        numbers=numbers,
    )


def _told(told: Sequence[Row]) -> str:
    find = {row.what["change"]: row for row in told}
    home, least = find[AS_IT_IS], min((find[name] for name in OTHER), key=lambda row: row.value)
    kept = min((find[name] for name in SAME), key=lambda row: row.value)
    verdict = (
        "the number of words matters, against the prediction"
        if least.high < min(home.low, kept.low)
        else "that the number of words matters is not told"
    )
    each = ", ".join(f"{name} {_percent(find[name])}" for name in (*SAME, *OTHER))
    return (
        f"Predicted: what is told of passages off the way matters, the number of words does not. Of {home.n} test "
        f"mazes {_percent(home)} are walked as they are; with one change: {each}. The first two leave the length of "
        f"the prompt as it was, the others do not: {verdict}."
    )


def _located(heads: Sequence[Row], sections: Sequence[Row], depends: Row) -> str:
    first, second = sorted(heads, key=lambda row: -row.value)[:2]
    of_section = {row.what["section"]: row for row in sections}
    where = depends.what["section"]
    others = max((row.value for name, row in of_section.items() if name != where), default=0.0)
    verdict = "this head depends on the distance" if depends.low > 0 else "no head surely depends on the distance"
    return (
        f"The first token made to seem an edge farther or nearer to one head loses most in head {_name(first)}: "
        f"{first.value:.0%} of {first.n} validation mazes, in the next ({_name(second)}) {second.value:.0%}; looking "
        f"from {WORDS[where]} {of_section[where].value:.0%}, from any other section at most {others:.0%}. Of "
        f"{depends.n} test mazes, which chose nothing, it loses {_percent(depends)} there: {verdict}."
    )


def _rests(depends: Row, around: Sequence[Row], undone: Sequence[Row], fixed: Sequence[Row]) -> list[str]:
    """What the head does there; nothing where it surely loses nothing."""
    if not depends.low > 0:
        return []
    rest = {row.what["farther"]: row.value for row in around if row.measure == RESTS}
    farther, nearer = (rest[by] for by in (4, -4))
    find = {(row.what["change"], row.what["writes"]): row for row in fixed}
    shares = {(row.what["shift"], row.what["as_ever_to"]): row for row in undone}
    names = list(dict.fromkeys(row.what["shift"] for row in undone))
    each = "; ".join(
        f"{_plain(name)} {shares[name, NOBODY].value:.0%}, the head {shares[name, THE_HEAD].value:.0%}, all others "
        f"{shares[name, ALL_OTHERS].value:.0%}"
        for name in names
    )
    undoes = [name for name in names if shares[name, THE_HEAD].low > shares[name, NOBODY].high]
    return [
        f"From there the first token gets {rest[0]:.0%} of the head's look where it is as far as ever, {farther:.0%} "
        f"four tokens farther and {nearer:.0%} four nearer. Made to write what it writes there on average, whatever it "
        f"looks at, the model walks {_percent(find[AS_IT_IS, THE_USUAL])}, with nothing written "
        f"{_percent(find[AS_IT_IS, NOTHING])}; with a passage left out {_percent(find[LEFT_OUT, THE_USUAL])}.",
        f"Made to seem as far as ever in prompts of other lengths, to nobody and to that head alone, beside all heads "
        f"but it: {each}. One distance in one head surely undoes harm in {len(undoes)} of {len(names)}.",
    ]


def _changes(told: Sequence[Row]) -> Figure:
    find = {row.what["change"]: row for row in told}
    worst = min(told, key=lambda row: row.value)
    return figures.intervals(
        told,
        title=f"{find[AS_IT_IS].value:.0%} walked as they are, {worst.value:.0%} with the {worst.what['change']}"
        if worst is find[LATER]
        else f"{find[AS_IT_IS].value:.0%} walked as they are, {worst.value:.0%} with a {worst.what['change']}",
        x="share of mazes walked by the shortest path, 95% interval",
        by="change",
        share=True,
    )


def _heads(heads: Sequence[Row], depends: Row) -> Figure:
    layers, columns = (sorted({row.what[key] for row in heads}) for key in ("layer", "head"))
    lost = {(row.what["layer"], row.what["head"]): row.value for row in heads}
    return figures.heat_map(
        np.array([[lost[layer, head] for head in columns] for layer in layers]),
        [str(layer) for layer in layers],
        [str(head) for head in columns],
        title=f"A distance that changes for head {_name(depends)} alone loses {max(lost.values()):.0%}",
        x="head",
        y="layer",
        value="share of validation mazes lost",
        centre=0.0,
    )


def _around(around: Sequence[Row], depends: Row) -> Figure:
    lines = []
    for measure in (WALKED, RESTS):
        rows = [row for row in around if row.measure == measure]
        x, y, low, high = (
            np.array([row.what["farther"] if key == "x" else getattr(row, key) for row in rows], float)
            for key in ("x", "value", "low", "high")
        )
        lines.append(Series("mazes walked" if measure == WALKED else "look at the first token", x, y, low, high))
    walked = lines[0].y
    return figures.curves(
        lines,
        title=f"The first token seems farther away to head {_name(depends)}: {walked.min():.0%} to {walked.max():.0%}",
        x="tokens farther away than it is",
        y="share",
    )


def _undone(undone: Sequence[Row], depends: Row) -> Figure:
    rows = [
        Row(row.measure, row.value, row.low, row.high, row.n, {**row.what, "shift": _plain(row.what["shift"])})
        for row in undone
    ]
    gain = [
        two.value - one.value
        for one, two in zip(
            (row for row in undone if row.what["as_ever_to"] == NOBODY),
            (row for row in undone if row.what["as_ever_to"] == THE_HEAD),
            strict=True,
        )
    ]
    return figures.intervals(
        rows,
        title=f"As far as ever to head {_name(depends)} alone: {100 * min(gain):+.0f} to {100 * max(gain):+.0f} points",
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
    return f"{row.value:.0%} ({row.low:.0%} to {row.high:.0%})"
