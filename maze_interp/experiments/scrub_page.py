"""What scrubbing comes to, in words and pictures made from its rows."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from maze_interp import figures
from maze_interp.experiments.findings import Findings
from maze_interp.figures import Figure, Series
from maze_interp.tables import Row

RECOVERED, BEYOND, RIGHT = "loss recovered", "recovered beyond a guess", "right step most likely"
KEPT, HALF = 0.9, 0.5
PREDICTED = {  # at least (True) or less than (False) this share is recovered
    "`;` carries its edge, after layer 0": (True, KEPT),
    "`;` carries its edge and the rest of edges nothing, after layer 0": (True, KEPT),
    "edges are not joined, after layer 0": (False, HALF),
    "the goal stays at its token, after layer 0": (True, KEPT),
}


def findings(rows: Sequence[Row], ladders: Sequence[Row], numbers: Mapping[str, float]) -> Findings:
    """The page of all hypotheses."""
    named: dict[str, dict[str, Row]] = {}
    for row in rows:
        named.setdefault(row.what["hypothesis"], {})[row.measure] = row
    far = [row for row in ladders if row.what["right step"] == "farther"]
    drawn = {"hypotheses": _hypotheses(rows)} if rows else {}
    drawn |= {"reach": _reach([row for row in far if row.measure == RIGHT])} if far else {}
    more = {f"{row.what['hypothesis']}: {row.measure}": row.value for row in rows}
    more |= {
        f"{row.what['law']}, before layer {row.what['layer']}, {row.what['right step']}: {row.measure}": row.value
        for row in ladders
    }
    return Findings(
        heading="What activations may carry and nothing else",
        sentences=[_asked(numbers), *_checks(named), *_judged(named), *_laws(far, numbers["right"])],
        tables={"hypotheses": list(rows), "reach": list(ladders)},
        figures=drawn,
        numbers=dict(numbers) | more,
    )


def _asked(numbers: Mapping[str, float]) -> str:
    return (
        f"At {numbers['forks']:.0f} forks of test mazes the loss of the right step is {numbers['loss']:.2f} nats "
        f"and it is the most likely token at {numbers['right']:.0%}. With another maze's prediction the loss is "
        f"{numbers['loss_of_another_maze']:.2f} and the token right at {numbers['right_by_another_maze']:.0%}; a guess "
        f"among the ways on has {numbers['loss_of_a_guess']:.2f}. Shares are of the way from the other maze's loss to "
        "the model's."
    )


def _checks(named: Mapping[str, Mapping[str, Row]]) -> list[str]:
    said = [f"{name}: {_all(own)}" for name, own in named.items() if name not in PREDICTED]
    return ["By construction or nearly: " + "; ".join(said) + "."] if said else []


def _judged(named: Mapping[str, Mapping[str, Row]]) -> list[str]:
    said = []
    for name, (least, share) in PREDICTED.items():
        if RECOVERED not in named.get(name, {}):
            continue
        row = named[name][RECOVERED]
        above, below = row.low >= share, row.high < share
        verdict = "held" if (above if least else below) else "refuted" if (below if least else above) else "not told"
        bound = "at least" if least else "less than"
        said.append(f"Predicted for {name}: {bound} {share:.0%} recovered: {verdict}. {_all(named[name])}.")
    return said or ["Of no prediction did enough forks find donors."]


def _laws(far: Sequence[Row], right: float) -> list[str]:
    """What each law's limit on the fork's token leaves of the choice, layer by layer."""
    said = []
    for law in dict.fromkeys(row.what["law"] for row in far):
        mine = [row for row in far if row.what["law"] == law]
        shares = [row for row in mine if row.measure == RECOVERED]
        broken = [row for row in shares if row.high < KEPT]
        verdict = f"refuted before layer {broken[0].what['layer']}" if broken else "not told"
        if shares and all(row.low >= KEPT for row in shares):
            verdict = "held wherever it could be asked"
        layers = dict.fromkeys(row.what["layer"] for row in mine)
        listed = "; ".join(f"layer {one}: {_all(_measures(mine, one))}" for one in layers)
        said.append(
            f"If the network is {law}, forks whose right step is farther lose nothing ({KEPT:.0%} or more recovered): "
            f"{verdict}. Before {listed}. All forks unscrubbed: right at {right:.0%}."
        )
    return said


def _measures(rows: Sequence[Row], layer: int) -> dict[str, Row]:
    return {row.measure: row for row in rows if row.what["layer"] == layer}


def _all(own: Mapping[str, Row]) -> str:
    """A hypothesis by all measures that there are."""
    said = [f"{_percent(own[RECOVERED])} recovered"] if RECOVERED in own else []
    said += [f"{_percent(own[BEYOND])} beyond a guess"] if BEYOND in own else []
    return ", ".join([*said, f"right at {own[RIGHT].value:.0%} of {own[RIGHT].n} forks"])


def _hypotheses(rows: Sequence[Row]) -> Figure:
    shown = [row for row in rows if row.measure in (RECOVERED, RIGHT)]
    recovered = [row for row in rows if row.measure == RECOVERED]
    held = sum(row.low >= KEPT for row in recovered)
    title = f"{held} of {len(recovered)} hypotheses surely keep {KEPT:.0%} of what another maze's prediction loses"
    grouped = [replace(row, what={**row.what, "share of": row.measure}) for row in shown]
    return figures.intervals(grouped, title=title, x="share", by="hypothesis", group="share of")


def _reach(far: Sequence[Row]) -> Figure:
    lines = []
    for law in dict.fromkeys(row.what["law"] for row in far):
        mine = [row for row in far if row.what["law"] == law]
        x, y, low, high = (
            np.array(one, float) for one in zip(*((r.what["layer"], r.value, r.low, r.high) for r in mine), strict=True)
        )
        lines.append(Series(law, x, y, low, high))
    title = "How often the right step survives what each law lets the fork's token carry"
    return figures.curves(lines, title=title, x="before layer", y="right step most likely, forks farther away")


def _percent(row: Row) -> str:
    return f"{row.value:.0%} ({row.low:.0%} to {row.high:.0%})"
