"""A matrix as a picture: layer x head, layer x position, intervention x outcome.

A heat map compares many numbers at a glance, and only if its colours mean the same thing everywhere: the scale starts
at zero (transparent, the page itself), or lies evenly around a named centre where values go both ways.
"""

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float, Shaped

from maze_interp.figures.style import DIVERGING, SEQUENTIAL, WIDTH, colour_bar, finish, plain

MOST_NUMBERS = 160  # print the values into the cells of a matrix up to this size
MOST_NAMES = 40  # along an axis
ROW, SMALLEST, LETTER = 26, 240, 7  # pixels


def heat_map(
    values: Shaped[np.ndarray, "row col"],
    row_names: list[str],
    col_names: list[str],
    *,
    title: str,
    x: str,
    y: str,
    value: str,
    centre: float | None = None,
    limit: float | None = None,
) -> go.Figure:
    """A heat map with row 0 on top; `value` names what a colour is, with its unit. NaN leaves a cell empty.

    Without `centre` the colours run from 0 to `limit` and values must not be negative; with it they run from
    centre - limit to centre + limit. `limit` defaults to the largest distance there is.
    """
    if values.shape != (len(row_names), len(col_names)):
        raise ValueError(f"values has shape {values.shape} for {len(row_names)} row and {len(col_names)} column names")
    height, turned = _height(len(row_names), col_names)
    rows, cols = ([plain(name) for name in names] for names in (row_names, col_names))
    hover = f"{plain(y)} %{{y}}, {plain(x)} %{{x}}<br>%{{z:.4g}} {plain(value)}<extra></extra>"
    look = {"hovertemplate": hover, "hoverongaps": False, "xgap": 1, "ygap": 1, "colorbar": colour_bar(value)}
    if values.size <= MOST_NUMBERS:
        look |= {"texttemplate": "%{z:.2g}", "textfont": {"size": 11}}
    figure = go.Figure(go.Heatmap(z=values.astype(float), **_scale(values.astype(float), centre, limit), **look))
    bare = {"showgrid": False, "ticks": "", "zeroline": False}
    figure.update_xaxes(tickangle=-90 if turned else 0, **bare, **_names(cols))
    figure.update_yaxes(autorange="reversed", **bare, **_names(rows))
    figure.update_layout(height=height + (LETTER * max(map(len, col_names)) if turned else 0))
    return finish(figure, title, x, y)


def _scale(values: Float[np.ndarray, "row col"], centre: float | None, limit: float | None) -> dict:
    if centre is None and np.nanmin(values, initial=0.0) < 0:
        raise ValueError("values go below zero: name the centre of the scale (centre=0.0)")
    middle = centre or 0.0
    reach = limit or float(np.nanmax(np.abs(values - middle), initial=0.0)) or 1.0
    low, colours = (0.0, SEQUENTIAL) if centre is None else (middle - reach, DIVERGING)
    return {"colorscale": colours, "zmin": low, "zmax": middle + reach}


def _height(rows: int, col_names: list[str]) -> tuple[int, bool]:
    """The height of the matrix with its axis in pixels, and whether its column names only fit when turned."""
    widest = max(map(len, col_names), default=0)
    return max(SMALLEST, ROW * rows + 130), LETTER * (widest + 2) * min(len(col_names), MOST_NAMES) > WIDTH


def _names(names: list[str]) -> dict:
    """Tick labels by place, so that equal names stay apart; of many, some, evenly spaced."""
    every = -(-len(names) // MOST_NAMES)
    return {"tickmode": "array", "tickvals": list(range(0, len(names), every)), "ticktext": names[::every]}
