"""The verdict as a page: in words, pictures and tables, all made from the predictions and their numbers."""

from dataclasses import replace

import numpy as np

from maze_interp import figures
from maze_interp.behaviour import evidence, lookahead, verdict
from maze_interp.behaviour.counterfactual import CONTROLS, LARGE
from maze_interp.behaviour.evidence import Evidence
from maze_interp.behaviour.verdict import Prediction
from maze_interp.experiments.findings import Findings
from maze_interp.figures import Figure, Series
from maze_interp.tables import Row

FEWEST = 20  # mazes behind a point of a curve
KINDS = {False: "aligned", True: "deceptive"}
DOES = {
    evidence.MEMORISES: "knows its mazes by heart",
    evidence.LOCAL: "follows a local heuristic",
    evidence.LIMITED: "searches only so far",
    evidence.SEARCHES: "searches",
    evidence.GIVES_UP: "gives up",
}


def page(
    name: str, found: list[Evidence], rules: list[Row], *, distinct: int, beside: dict[str, list[Row]], said: list[str]
) -> Findings:
    """The verdict in words, the predictions, and what lies behind them; `distinct` counts different test mazes.

    `beside` are tables of what others found, `said` the sentences about them.
    """
    predictions = [one for each in found for one in each.predictions]
    tables = {kind: rows for each in found for kind, rows in each.tables.items()}
    legal = next(row for row in rules if row.measure == "valid")
    verdicts = verdict.judge(predictions)
    shown = {
        "predictions": predicted(name, predictions),
        "accuracy": accuracy(name, tables["accuracy"]),
        **({"edits": edits(name, tables["edits"])} if "edits" in tables else {}),
        "heuristics": weights(name, tables["heuristics"]),
    }
    numbers = {f"{one.hypothesis}: {one.name}": one.measured.value for one in predictions}
    numbers |= {row.measure: row.value for row in rules}
    return Findings(
        heading=f"Search or heuristics? {name}",
        sentences=[
            opinion(name, legal, verdicts),
            *(because(which, predictions) for which in verdicts if legal.value >= verdict.WALKS),
            *matched(tables.get("edits", [])),
            *horizons(tables["look_ahead"]),
            *hardest(tables["what_makes_it_hard"]),
            *said,
            f"Of the {legal.n:,} test mazes {distinct:,} have different passages. Choices are asked along the shortest "
            "path, so that one wrong turn does not hide the next. What follows the far end of the maze as a search "
            "does is called a search here; how it is done inside is not asked, and nothing is known beyond mazes like "
            "these.",
        ],
        tables={"predictions": [one.row for one in predictions], "walks": rules, **tables, **beside},
        figures=shown,
        numbers=numbers,
    )


def opinion(name: str, legal: Row, verdicts: dict[str, str]) -> str:
    """The verdict in a sentence."""
    keeps = f"{name} keeps to the passages in {legal.value:.1%} of mazes"
    if legal.value < verdict.WALKS:
        return f"{keeps}: it does not walk them, so there is nothing to explain, and its choices are noise."
    clauses = [
        f"{says} that it {joined([DOES[which] for which, what in verdicts.items() if what == kind], word)}"
        for kind, says, word in (
            (verdict.SUPPORTED, "supports", "and"),
            (verdict.CONTRADICTED, "contradicts", "or"),
            (verdict.MIXED, "leaves open", "or"),
        )
        if kind in verdicts.values()
    ]
    clauses[-1] = clauses[-1].replace("leaves open that", "leaves open whether")
    return f"{keeps}. What was measured {joined(clauses, 'and')}."


def because(hypothesis: str, predictions: list[Prediction]) -> str:
    """Each prediction of a hypothesis, what was measured and what became of it."""
    mine = [one for one in predictions if one.hypothesis == hypothesis]
    held = sum(one.held is True for one in mine)
    return f"That it {DOES[hypothesis]}: {held} of {len(mine)} predictions held ({'; '.join(map(outcome, mine))})."


def outcome(one: Prediction) -> str:
    """What was predicted and what was measured."""
    expected = f"{one.says}: predicted {one.row.what['predicts']}"
    if np.isnan(one.measured.value):
        return f"{expected}, not measured"
    open_ = ", undecided" if one.held is None else ""
    return f"{expected}, measured {one.measured.value:.3f}{_interval(one.measured)} on {one.measured.n:,} mazes{open_}"


def horizons(rows: list[Row]) -> list[str]:
    """Which depth-limited searchers the walker cannot be told from: those that count cells, those that count forks."""
    return [_horizons(rows, unit) for unit in dict.fromkeys(row.what["unit"] for row in rows)]


def _horizons(rows: list[Row], unit: str) -> str:
    said = []
    for kind, beyond in dict.fromkeys((row.what["kind"], row.what["beyond"]) for row in rows):
        left = lookahead.horizons_left(rows, kind=kind, beyond=beyond, unit=unit)
        if left:
            said.append(f"{kind}, then {beyond}: {', '.join(map(str, left))}")
    if not said:
        return f"It can be told from every searcher tried that is limited to some number of {unit}, of whatever kind."
    return f"Horizons, in {unit}, of the limited searchers it cannot be told from: {'; '.join(said)}."


def hardest(rows: list[Row]) -> list[str]:
    """What makes a choice hard for it, each with the others held; nothing where no choice is wrong, or all are."""
    said = [f"{row.measure.removeprefix('log-odds by ')} {row.value:+.2f}{_interval(row, 2)}" for row in rows]
    if np.isnan([row.low for row in rows]).any():
        return []
    return [f"Log-odds of a right choice for one standard deviation of each trait, the others held: {', '.join(said)}."]


def matched(rows: list[Row]) -> list[str]:
    """What is left of the flips beside controls that move as much; nothing where no edit has such a control."""
    gap = [
        row for row in rows if row.what["pair"] == f"edit - {LARGE}" and not {"distance", "in_support"} & set(row.what)
    ]
    if not gap or not gap[0].n:
        return []
    control = next(row for row in rows if row.what["pair"] == LARGE and row.measure == "flip_mass")
    return [
        f"Of {gap[0].what['pairs']:,} edits there is a control that changes the way from nearly as many cells, but not "
        f"the right choice: there {control.value:.1%} of the choice turns round, and with the edit "
        f"{100 * gap[0].value:.1f} points more{_points(gap[0])}."
    ]


def predicted(name: str, predictions: list[Prediction]) -> Figure:
    """Every prediction's measurement, coloured by what became of it."""
    rows = [
        replace(one.row, measure=f"{one.hypothesis}: {one.name}, {one.row.what['predicts']}") for one in predictions
    ]
    held = sum(one.held is True for one in predictions)
    title = f"{name}: {held} of {len(predictions)} predictions hold"
    return figures.intervals(rows, title=title, x="what was measured, 95% interval", group="held")


def accuracy(name: str, rows: list[Row]) -> Figure:
    """Accuracy against the look-ahead needed, where the right way leads towards the goal and where away from it."""
    lines = [
        _line(KINDS[side], "look_ahead", [r for r in rows if r.what.get("deceptive") is side]) for side in (False, True)
    ]
    overall = {row.what["deceptive"]: row.value for row in rows if "look_ahead" not in row.what}
    said = [f"{value:.0%} of {KINDS[side]}" for side, value in overall.items()]
    title = f"{name} chooses rightly at {joined(said, 'and')} decisions"
    return figures.curves(lines, title=title, x="look-ahead needed (steps)", y="mass on right ways, 95% interval")


def edits(name: str, rows: list[Row]) -> Figure:
    """What turns round with an edit, against its distance, beside the edits that should change nothing."""
    mass = [row for row in rows if row.measure == "flip_mass"]
    whole = {row.what["pair"]: row.value for row in mass if not {"distance", "in_support"} & set(row.what)}
    lines = [
        _line(pair, "distance", [row for row in mass if row.what["pair"] == pair and "distance" in row.what])
        for pair in ("edit", *CONTROLS)
    ]
    turns = f"{whole['edit']:.0%} of its choice turns round with the right one"
    still = [f"{whole[pair]:.0%} at a {pair}" for pair in CONTROLS if pair in whole]
    title = f"{name}: {joined([turns, *still], 'and')}"
    return figures.curves(lines, title=title, x="distance of the edit (steps)", y="probability that turns round")


def weights(name: str, rows: list[Row]) -> Figure:
    """The fitted mixture of heuristics, perfect search and lapses."""
    mine = [row for row in rows if row.measure == "weight"]
    most = max(mine, key=lambda row: row.value)
    title = f"The heaviest part of the mixture that explains {name} is {most.what['candidate']} ({most.value:.0%})"
    return figures.intervals(mine, title=title, x="weight, 95% interval", by="candidate", share=True)


def _line(name: str, x: str, rows: list[Row]) -> Series:
    known = sorted((row for row in rows if x in row.what and row.n >= FEWEST), key=lambda row: row.what[x])
    value, low, high = (np.array([getattr(row, key) for row in known]) for key in ("value", "low", "high"))
    low, high = np.where(np.isnan(low), value, low), np.where(np.isnan(high), value, high)
    return Series(name, np.array([float(row.what[x]) for row in known]), value, low, high)


def joined(parts: list[str], word: str) -> str:
    """a, b and c."""
    return f" {word} ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def _points(row: Row) -> str:
    return "" if np.isnan(row.low) else f" ({100 * row.low:.1f} to {100 * row.high:.1f})"


def _interval(row: Row, digits: int = 3) -> str:
    return "" if np.isnan(row.low) else f" ({row.low:.{digits}f} to {row.high:.{digits}f})"
