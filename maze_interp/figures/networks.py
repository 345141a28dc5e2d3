"""A network of parts and the lines between them: which part writes to which.

Parts stand where the caller puts them, lines are bent a little aside so that those along one column do not hide each
other, and the heavier a line the more it carries; the colour says which way it pushes.
"""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float, Int

from maze_interp.figures.style import BLUE, VERMILLION, finish, plain

PART = "rgb(92, 96, 104)"  # dark enough for white letters, on a light page and on a dark one
WIDTHS = (0.7, 1.6, 3.2)  # pixels: the weakest half of lines, the next four tenths, the strongest tenth
BEND, POINTS, ROW = 0.22, 9, 62


def network(
    names: Sequence[str],
    places: Float[np.ndarray, "part 2"],
    lines: Int[np.ndarray, "line 2"],
    weights: Float[np.ndarray, " line"],
    *,
    title: str,
    up: str = "pushes towards",
    down: str = "pushes against",
    note: str = "",
) -> go.Figure:
    """Parts at (x, y) and a line from the first to the second part of each pair, by weight and sign.

    `up` and `down` name what lines of positive and of negative weight do. Parts without a line are drawn faint.
    """
    size = np.abs(weights)
    cuts = np.quantile(size, [0.5, 0.9]) if len(size) else np.zeros(2)
    strength = (size[:, None] > cuts).sum(axis=1)
    traces = []
    for sign, colour, label in ((True, BLUE, up), (False, VERMILLION, down)):
        chosen = (weights >= 0) == sign
        for grade in np.unique(strength[chosen])[::-1].tolist():
            look = {"color": colour, "width": WIDTHS[grade]}
            traces.append(_curves(places, lines[chosen & (strength == grade)], look, label))
            traces[-1].showlegend = bool(grade == strength[chosen].max())
    used = np.isin(np.arange(len(names)), lines)
    text = [plain(name) for name in names]
    marker = {"size": 34, "color": PART, "opacity": np.where(used, 0.95, 0.2).tolist(), "symbol": "square"}
    font = {"size": 10, "color": "white"}
    dots = {"mode": "markers+text", "text": text, "textfont": font, "hoverinfo": "text", "showlegend": False}
    traces.append(go.Scatter(x=places[:, 0], y=places[:, 1], marker=marker, **dots))
    rows = len(np.unique(places[:, 1]))
    figure = go.Figure(traces).update_xaxes(visible=False).update_yaxes(visible=False)
    legend = {"orientation": "h", "x": 0, "xanchor": "left", "y": 1.0, "yanchor": "bottom"}
    figure.update_layout(height=ROW * rows + 80, margin={"t": 44, "l": 12, "r": 12, "b": 12}, legend=legend)
    return finish(figure, title, note=note)


def _curves(places: np.ndarray, lines: np.ndarray, look: dict, label: str) -> go.Scatter:
    """Lines of one look as one trace, each bent aside."""
    start, end = places[lines[:, 0]], places[lines[:, 1]]
    along = end - start
    aside = np.stack([along[:, 1], -along[:, 0]], axis=1) * BEND * np.linspace(-1, 1, len(lines))[:, None]
    t = np.linspace(0, 1, POINTS)[None, :, None]
    points = start[:, None] + t * along[:, None] + 2 * t * (1 - t) * aside[:, None]
    gap = np.full((len(lines), 1, 2), np.nan)
    x, y = np.concatenate([points, gap], axis=1).reshape(-1, 2).T
    name = plain(label)
    return go.Scatter(x=x, y=y, mode="lines", line=look, opacity=0.75, name=name, legendgroup=name, hoverinfo="skip")
