"""One quantity against another, a dot for each thing measured, beside the lines that theory draws.

A dot has a bar where its interval is known. Lines lie below the dots and are told apart by their dashes, so that a dot
on a line, which is what such a picture is looked at for, can be seen.
"""

from collections.abc import Sequence

import plotly.graph_objects as go

from maze_interp.figures.curves import DASHES, SYMBOLS, Series
from maze_interp.figures.style import INK, OKABE_ITO, finish, plain

LEGEND = {"orientation": "h", "x": 0, "xanchor": "left", "y": 1.0, "yanchor": "bottom"}


def scatter(
    dots: Sequence[Series],
    lines: Sequence[Series] = (),
    *,
    title: str,
    x: str,
    y: str,
    log_x: bool = False,
    note: str = "",
) -> go.Figure:
    """Groups of dots, each with its colour and symbol, over lines; a line named like a group takes its colour."""
    colours = {group.name: OKABE_ITO[place % len(OKABE_ITO)] for place, group in enumerate(dots)}
    figure = go.Figure([_line(one, colours.get(one.name, INK), place) for place, one in enumerate(lines)])
    for place, group in enumerate(dots):
        figure.add_trace(_dots(group, colours[group.name], SYMBOLS[place % len(SYMBOLS)]))
    if log_x:
        figure.update_xaxes(type="log")
    figure.update_layout(height=440, legend=LEGEND, margin={"t": 44})
    return finish(figure, title, x, y, note=note)


def _line(line: Series, colour: str, place: int) -> go.Scatter:
    look = {"color": colour, "width": 1.5, "dash": DASHES[::-1][place % len(DASHES)] if colour == INK else "solid"}
    name = plain(line.name)
    return go.Scatter(
        x=line.x,
        y=line.y,
        mode="lines",
        name=name,
        line=look,
        legendgroup=name,
        showlegend=colour == INK,
        hoverinfo="name",
    )


def _dots(group: Series, colour: str, symbol: str) -> go.Scatter:
    name = plain(group.name)
    bars = {}
    if group.low is not None and group.high is not None:
        ends = {"array": group.high - group.y, "arrayminus": group.y - group.low}
        bars = {"error_y": {"type": "data", "symmetric": False, **ends, "color": colour, "thickness": 1.5, "width": 0}}
    marker = {"color": colour, "symbol": symbol, "size": 8, "opacity": 0.8}
    return go.Scatter(x=group.x, y=group.y, mode="markers", name=name, legendgroup=name, marker=marker, **bars)
