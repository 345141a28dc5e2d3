"""Cells where a map puts them, joined as they are joined on the lattice: folds and tears show at a glance."""

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float, Int

from maze_interp.figures.panels import pieces
from maze_interp.figures.style import FAINT, INK, SEQUENTIAL, colour_bar, finish

VISIBLE = ((0.0, "rgba(230, 159, 0, 0.45)"), (1.0, SEQUENTIAL[-1][1]))  # no cell is the page itself
MOST_NAMES = 64  # cells are named beside their points on lattices up to this size


def draw_lattice(places: Float[np.ndarray, "cell 2"], rows: int, cols: int, *, title: str, x: str, y: str) -> go.Figure:
    """Each cell as a point at its place, coloured by row + column; lines join cells that are next door."""
    if len(places) != rows * cols:
        raise ValueError(f"{len(places)} places for a lattice of {rows} x {cols} cells")
    names = [f"({cell // cols}, {cell % cols})" for cell in range(rows * cols)]
    lines = pieces(places[_next_door(rows, cols)]).T
    edges = go.Scatter(x=lines[0], y=lines[1], mode="lines", line={"color": FAINT, "width": 1.5}, hoverinfo="skip")
    colour = np.add(*np.divmod(np.arange(rows * cols), cols))
    bar = colour_bar("row + column")
    dots = go.Scatter(
        x=places[:, 0],
        y=places[:, 1],
        mode="markers+text" if rows * cols <= MOST_NAMES else "markers",
        marker={
            "color": colour,
            "cmin": 0,
            "cmax": colour.max(),
            "colorscale": VISIBLE,
            "size": 11,
            "colorbar": bar,
        },
        text=names,
        textposition="top center",
        textfont={"size": 10, "color": INK},
        hoverinfo="text",
    )
    figure = go.Figure([edges, dots]).update_layout(showlegend=False, height=480)
    return finish(figure.update_yaxes(scaleanchor="x"), title, x, y)


def _next_door(rows: int, cols: int) -> Int[np.ndarray, "edge 2"]:
    """The pairs of neighbouring cells."""
    cell = np.arange(rows * cols).reshape(rows, cols)
    across = np.stack([cell[:, :-1].ravel(), cell[:, 1:].ravel()], axis=1)
    down = np.stack([cell[:-1].ravel(), cell[1:].ravel()], axis=1)
    return np.concatenate([across, down])
