"""Does it hurt to make failures less likely, and at which rate?

The article could not "even with a tiny negative learning rate". Here networks of one start are reinforced with and
without, at rates from far below to as much as successes, and compared network by network on the same histories.
"""

from collections.abc import Sequence

import numpy as np

from maze_interp import figures
from maze_interp.experiments.sequence_endings import Endings
from maze_interp.experiments.sequence_figures import Drawn
from maze_interp.experiments.sequence_fits import Fit, mean
from maze_interp.figures import Series
from maze_interp.sequences import FAILURES
from maze_interp.tables import Row

RATE, P = "rate of failures", "p (Bonferroni)"
MEASURES = {"success": "success less the usual", "maintenance": "prediction loss less the usual (nats)"}


def rows(ended: Endings, goal: int) -> list[Row]:
    """What each rate changes in success and in the loss of prediction, with p-values corrected for their number."""
    found: list[tuple[str, float, Fit]] = []
    for measure, name in MEASURES.items():
        usual = ended.of("finetuned", measure, goal)
        for rate, phase in FAILURES.items():
            changed = ended.of(phase, measure, goal)
            gaps = [changed[size] - usual[size] for size in changed if size in usual]
            if gaps:
                found.append((name, rate, mean(np.concatenate(gaps), np.arange(sum(map(len, gaps))))))
    table = []
    for name, rate, fitted in found:
        row, p = fitted.row(0, name), min(fitted.p_above(0.0, 0), fitted.p_below(0.0, 0))
        table.append(Row(name, row.value, row.low, row.high, row.n, {RATE: rate, P: min(1.0, p * len(found))}))
    return table


def sentence(table: Sequence[Row]) -> str:
    """At which rates failures surely hurt or help, after the correction; empty where none were tried."""
    said = []
    for name in MEASURES.values():
        mine = [row for row in table if row.measure == name]
        surely = [row for row in mine if row.what[P] < 0.05]
        told = ", ".join(f"{row:+.3f} at {row.what[RATE]:g}" for row in mine)
        verdict = f"surely at {', '.join(f'{row.what[RATE]:g}' for row in surely)}" if surely else "at no rate surely"
        said.append(f"{name} {told}: {verdict}")
    if not table:
        return ""
    return f"With failures made less likely, network by network: {'; '.join(said)} (Bonferroni over all of them)."


def figure(table: Sequence[Row]) -> Drawn:
    """Both against the rate."""
    drawn: Drawn = {}
    for measure, name in MEASURES.items():
        mine = [row for row in table if row.measure == name]
        if mine:
            x = np.array([float(row.what[RATE]) for row in mine])
            y, low, high = (np.array([getattr(row, key) for row in mine]) for key in ("value", "low", "high"))
            title = f"{name}: {y[0]:+.3f} at a rate of {x[0]:g}, {y[-1]:+.3f} at {x[-1]:g}"
            line = Series("reinforced with failures", x, y, low, high)
            drawn[f"failures_{measure}"] = figures.curves([line], title=title, x=RATE, y=name, log_x=True)
    return drawn
