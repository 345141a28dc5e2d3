"""Numbers over time and numbers side by side, each with its interval.

`series` picks a curve out of the lines of a training log, `curves` draws several as lines with bands, and `intervals`
draws one dot with its 95 % interval for each row of a table: what most comparisons should be read from.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float
from plotly.subplots import make_subplots

from maze_interp.figures.style import INK, OKABE_ITO, finish, plain
from maze_interp.tables import Row

DASHES = ("solid", "dash", "dot", "dashdot")
SYMBOLS = ("circle", "square", "diamond", "triangle-up")
LINE, HEAD = 26, 130  # pixels: one row of `intervals`, and what surrounds them


@dataclass(frozen=True)
class Series:
    """One curve, and the band around it where `low` and `high` are given."""

    name: str
    x: Float[np.ndarray, " point"]
    y: Float[np.ndarray, " point"]
    low: Float[np.ndarray, " point"] | None = None
    high: Float[np.ndarray, " point"] | None = None


def series(
    metrics: Sequence[Mapping[str, Any]], name: str, y: str, *, x: str, low: str | None = None, high: str | None = None
) -> Series:
    """The curve of key `y` over key `x`, from those entries of a training log that hold it.

    `low` and `high` are the keys of its interval. Raises ValueError where no entry holds all the keys.
    """
    keys = [key for key in (x, y, low, high) if key is not None]
    rows = [entry for entry in metrics if all(entry.get(key) is not None for key in keys)]
    if not rows:
        known = sorted({key for entry in metrics for key in entry})
        raise ValueError(f"no entry of the log has {', '.join(keys)} together; keys: {', '.join(known)}")
    column = {key: np.array([float(entry[key]) for entry in rows]) for key in keys}
    return Series(name, column[x], column[y], *(column[key] if key else None for key in (low, high)))


def curves(
    lines: Sequence[Series], *, title: str, x: str, y: str, log_x: bool = False, log_y: bool = False
) -> go.Figure:
    """Several series in one panel, told apart by colour and dash."""
    figure = go.Figure([trace for place, line in enumerate(lines) for trace in _traces(line, place)])
    figure.update_layout(height=380, hovermode="x unified", **_legend_above())
    return finish(_log(figure, log_x, log_y), title, x, y)


def training_curves(
    losses: Sequence[Series],
    rates: Sequence[Series],
    *,
    title: str,
    x: str = "mazes seen",
    share: str = "share of mazes",
    log_x: bool = False,
) -> go.Figure:
    """Loss (nats per token) above, shares (0 to 1, with their bands) of what `share` names below, over one x axis."""
    figure = make_subplots(2, 1, shared_xaxes=True, vertical_spacing=0.08)
    for row, lines in enumerate((losses, rates), start=1):
        for place, line in enumerate(lines, start=(row - 1) * len(losses)):
            figure.add_traces(_traces(line, place), rows=row, cols=1)
    figure.update_yaxes(title_text="loss (nats per token)", row=1, col=1)
    figure.update_yaxes(title_text=plain(share), range=[-0.03, 1.03], tickformat=".0%", row=2, col=1)
    figure.update_xaxes(title_text=plain(x), row=2, col=1)
    figure.update_layout(height=560, hovermode="x unified", **_legend_above())
    return finish(_log(figure, log_x, False), title)


def intervals(
    rows: Sequence[Row],
    *,
    title: str,
    x: str,
    by: str = "measure",
    group: str | None = None,
    references: Mapping[str, float] | None = None,
    share: bool = False,
    log_x: bool = False,
) -> go.Figure:
    """A dot and its interval for each row, the first on top; rows with one name share a line.

    `by` names the lines and `group` the colours: "measure" or one of the rows' conditions. `references` are named
    vertical lines, such as chance or a control. `share` fixes the axis to 0..1 and writes percent.
    """
    names = [_condition(row, by) for row in rows]
    kinds = [_condition(row, group) if group else "" for row in rows]
    places, groups = {name: i for i, name in enumerate(dict.fromkeys(names))}, list(dict.fromkeys(kinds))
    figure, span = go.Figure(), [len(places) - 0.4, -0.6]
    for number, kind in enumerate(groups):
        shift = (number - (len(groups) - 1) / 2) * 0.6 / len(groups)
        mine = [i for i in range(len(rows)) if kinds[i] == kind]
        height = [places[names[i]] + shift for i in mine]
        figure.add_trace(_dots([rows[i] for i in mine], height, [names[i] for i in mine], kind, number))
    figure.add_traces(_reference_lines(references or {}, span))
    ticks = {"tickmode": "array", "tickvals": list(places.values()), "ticktext": [plain(name) for name in places]}
    figure.update_yaxes(range=span, showgrid=False, zeroline=False, ticks="", **ticks)
    if share:
        figure.update_xaxes(range=[-0.02, 1.02], tickformat=".0%")
    figure.update_layout(height=HEAD + (LINE + 8 * (len(groups) - 1)) * len(places))
    if group or references:
        figure.update_layout(showlegend=True, **_legend_above())
    if log_x:
        figure.update_xaxes(type="log")
    return finish(figure, title, x)


def _traces(line: Series, place: int) -> list[go.Scatter]:
    """The line on top of its band; both leave together when the legend is clicked."""
    colour = OKABE_ITO[place % len(OKABE_ITO)]
    look = {"color": colour, "width": 2, "dash": DASHES[place % len(DASHES)]}
    name, group = plain(line.name), {"legendgroup": f"{place} {line.name}"}
    mode = "lines" if len(line.x) > 1 else "markers"
    drawn = go.Scatter(x=line.x, y=line.y, mode=mode, name=name, line=look, marker={"color": colour}, **group)
    if line.low is None or line.high is None:
        return [drawn]
    x, y = np.concatenate([line.x, line.x[::-1]]), np.concatenate([line.high, line.low[::-1]])
    band = {"fill": "toself", "fillcolor": colour, "opacity": 0.22, "line": {"width": 0}, "mode": "lines"}
    return [go.Scatter(x=x, y=y, showlegend=False, hoverinfo="skip", **band, **group), drawn]


def _reference_lines(references: Mapping[str, float], span: list[float]) -> list[go.Scatter]:
    """Vertical lines with legend entries, told apart by their dashes."""
    looks = [{"color": INK, "width": 1.5, "dash": dash} for dash in DASHES[::-1]]
    return [
        go.Scatter(
            x=[value] * 2, y=span, mode="lines", name=plain(name), line=look, showlegend=True, hoverinfo="name+x"
        )
        for look, (name, value) in zip(cycle(looks), references.items(), strict=False)
    ]


def _condition(row: Row, name: str) -> str:
    if name != "measure" and name not in row.what:
        raise ValueError(f"a row of {row.measure!r} has no condition {name!r}; it has: {', '.join(row.what) or 'none'}")
    return row.measure if name == "measure" else str(row.what[name])


def _dots(rows: Sequence[Row], height: list[float], names: list[str], kind: str, number: int) -> go.Scatter:
    value, low, high = (np.array([getattr(row, key) for row in rows], float) for key in ("value", "low", "high"))
    colour, symbol = OKABE_ITO[number % len(OKABE_ITO)], SYMBOLS[number % len(SYMBOLS)]
    bars = {"type": "data", "symmetric": False, "array": high - value, "arrayminus": value - low}
    text = [
        f"{plain(name)}: {row.value:.4g}<br>95% interval {row.low:.4g} to {row.high:.4g}<br>n = {row.n:,}"
        for name, row in zip(names, rows, strict=True)
    ]
    return go.Scatter(
        x=value,
        y=height,
        mode="markers",
        name=plain(kind),
        showlegend=bool(kind),
        marker={"color": colour, "size": 9, "symbol": symbol, "opacity": 1},
        error_x={**bars, "color": colour, "thickness": 2, "width": 0},
        text=text,
        hoverinfo="text",
    )


def _log(figure: go.Figure, log_x: bool, log_y: bool) -> go.Figure:
    if log_x:
        figure.update_xaxes(type="log", dtick=1)
    if log_y:
        figure.update_yaxes(type="log")
    return figure


def _legend_above() -> dict:
    place = {"orientation": "h", "x": 0, "xanchor": "left", "y": 1.0, "yanchor": "bottom"}
    return {"legend": place, "margin": {"t": 44}}
