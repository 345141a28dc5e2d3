"""What scrubbing comes to, in words and pictures made from its rows."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from maze_interp import figures
from maze_interp.experiments.findings import Findings
from maze_interp.figures import Figure, Series
from maze_interp.tables import Row

RECOVERED, BEYOND, RIGHT = "loss recovered", "recovered beyond a guess", "right step most likely"
UNSCRUBBED, LOST = "right step most likely, unscrubbed", "right step lost to scrubbing"
CONTROL = "its own cell alone"
KEPT, HALF = 0.9, 0.5
NOT_APART = "not told apart from a token that has not looked"
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
    drawn |= {f"reach_{law.replace(' ', '_')}": _reach(law, mine) for law, mine in _by_law(far).items()}
    more = {f"{row.what['hypothesis']}: {row.measure}": row.value for row in rows}
    for row in ladders:
        law, layer, step, carries = (row.what[key] for key in ("law", "layer", "right step", "carries"))
        more[f"{law}, before layer {layer}, {step}, carrying {carries}: {row.measure}"] = row.value
    return Findings(
        heading="What activations may carry and nothing else",
        sentences=[_asked(numbers), *_checks(named), *_judged(named), *_laws(far)],
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
        own = named.get(name, {})
        if RECOVERED not in own:
            continue
        kept, below = _kept(own, share), own[RECOVERED].high < share
        verdict = _verdict(kept if least else below, below if least else kept)
        bound = f"at least {share:.0%} recovered, beyond a guess too" if least else f"less than {share:.0%} recovered"
        said.append(f"Predicted for {name}: {bound}: {verdict}. {_all(own)}.")
    return said or ["Of no prediction did enough forks find donors."]


def _laws(far: Sequence[Row]) -> list[str]:
    """What each law's limit on the fork's token leaves of the choice, layer by layer."""
    said = []
    for law, mine in _by_law(far).items():
        judged, listed = {}, []
        for layer in dict.fromkeys(row.what["layer"] for row in mine):
            own, control = (_measures(mine, layer, unseeing) for unseeing in (False, True))
            judged[layer] = law_verdict(own, control)
            listed.append(f"layer {layer}, {judged[layer]}: {_all(own)}; carrying {CONTROL}: {_all(control)}")
        said.append(
            f"If the network is {law}, forks whose right step is farther lose nothing ({KEPT:.0%} or more recovered, "
            f"beyond a guess too, and less by a token that carries {CONTROL}; intervals corrected for all layers): "
            f"{_overall(judged)}. Before {'; before '.join(listed)}."
        )
    return said


def law_verdict(own: Mapping[str, Row], control: Mapping[str, Row]) -> str:
    """What becomes of a law before one layer, by the rows of each measure, and its control's at the same forks."""
    if RECOVERED not in own:
        return "not told"
    if own[RECOVERED].high < KEPT:
        return "refuted"
    if not _kept(own, KEPT):
        return "not told"
    return "held" if RECOVERED in control and control[RECOVERED].high < KEPT else NOT_APART


def _kept(own: Mapping[str, Row], share: float) -> bool:
    """Whether surely that much is recovered, by both measures."""
    return all(name in own and own[name].low >= share for name in (RECOVERED, BEYOND))


def _overall(judged: Mapping[int, str]) -> str:
    """One verdict of all layers: refuted by any, held only by all."""
    refuted = [layer for layer, verdict in judged.items() if verdict == "refuted"]
    if refuted:
        return f"refuted before layer {refuted[0]}"
    if all(verdict == "held" for verdict in judged.values()):
        return "held wherever it could be asked"
    return NOT_APART if NOT_APART in judged.values() else "not told"


def _verdict(held: bool, refuted: bool) -> str:
    return "held" if held else "refuted" if refuted else "not told"


def _by_law(far: Sequence[Row]) -> dict[str, list[Row]]:
    return {law: [row for row in far if row.what["law"] == law] for law in dict.fromkeys(r.what["law"] for r in far)}


def _measures(rows: Sequence[Row], layer: int, unseeing: bool) -> dict[str, Row]:
    """The rows before a layer by measure: of the control, or of the law itself."""
    here = [row for row in rows if row.what["layer"] == layer]
    return {row.measure: row for row in here if (row.what["carries"] == CONTROL) == unseeing}


def _all(own: Mapping[str, Row]) -> str:
    """A hypothesis by all measures that there are."""
    said = [f"{own[RECOVERED]:.0%} recovered"] if RECOVERED in own else []
    said += [f"{own[BEYOND]:.0%} beyond a guess"] if BEYOND in own else []
    right = f"right at {own[RIGHT].value:.0%} of {own[RIGHT].n} forks, {own[LOST]:.0%} lost"
    return ", ".join([*said, f"{right} of the plain model's {own[UNSCRUBBED].value:.0%} there"])


def _hypotheses(rows: Sequence[Row]) -> Figure:
    shown = [row for row in rows if row.measure in (RECOVERED, RIGHT, UNSCRUBBED)]
    names = dict.fromkeys(row.what["hypothesis"] for row in rows)
    named = [{row.measure: row for row in rows if row.what["hypothesis"] == name} for name in names]
    held = sum(_kept(own, KEPT) for own in named)
    title = f"{held} of {len(named)} hypotheses surely recover {KEPT:.0%} of the loss, beyond a guess too"
    grouped = [replace(row, what={**row.what, "share of": row.measure}) for row in shown]
    return figures.intervals(grouped, title=title, x="share", by="hypothesis", group="share of")


def _reach(law: str, far: Sequence[Row]) -> Figure:
    """The law, its control and the plain model at the same forks."""
    lines, names = [], list(dict.fromkeys(row.what["carries"] for row in far))
    drawn = {name: [r for r in far if r.measure == RIGHT and r.what["carries"] == name] for name in names}
    drawn["unscrubbed"] = [row for row in far if row.measure == UNSCRUBBED and row.what["carries"] == names[0]]
    for name, rows in drawn.items():
        columns = zip(*((row.what["layer"], row.value, row.low, row.high) for row in rows), strict=True)
        lines.append(Series(name, *(np.array(one, float) for one in columns)))
    title = f"Up to {_lost(far)} of right steps are lost where the fork's token carries what {law} needs and no more"
    return figures.curves(lines, title=title, x="before layer", y="right step most likely, forks farther away")


def _lost(far: Sequence[Row]) -> str:
    """The most that a law loses before any layer."""
    return f"{max(row.value for row in far if row.measure == LOST and row.what['carries'] != CONTROL):.0%}"
