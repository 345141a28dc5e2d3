"""A number on each passage of a maze: what of the maze matters, drawn where it is."""

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float, Int

from maze_interp.figures.mazes import maze_traces
from maze_interp.figures.panels import BAR, centres, fill_panels, lattice_panels
from maze_interp.figures.style import DIVERGING, SEQUENTIAL, colour_bar, finish, plain
from maze_interp.mazes.batch import MazeBatch, PathBatch


def draw_edges(
    mazes: MazeBatch,
    index: int,
    edges: Int[np.ndarray, "edge 2"],
    values: Float[np.ndarray, " edge"],
    *,
    title: str,
    value: str,
    solution: PathBatch | None = None,
    panel: int = 420,
) -> go.Figure:
    """One maze with a square on each edge, given by its two cells, coloured by what `value` names, with its unit.

    Values of either sign are drawn around zero; nan leaves an edge without a square.
    """
    known = np.isfinite(values)
    signed = bool(np.nanmin(values[known], initial=0.0) < 0)
    limit = float(np.abs(values[known]).max(initial=0.0)) or 1.0
    x, y = centres(edges[known], mazes.cols).mean(axis=1).T
    unit = panel / max(mazes.rows, mazes.cols)
    look = {"colorscale": DIVERGING if signed else SEQUENTIAL, "cmin": -limit if signed else 0.0, "cmax": limit}
    marker = {"color": values[known], "symbol": "square", "size": 0.42 * unit, "opacity": 1, "line": {"width": 0}}
    text = [f"{a} to {b}: {one:.3g} {plain(value)}" for (a, b), one in zip(edges[known], values[known], strict=True)]
    dots = go.Scatter(
        x=x, y=y, mode="markers", marker=marker | look | {"colorbar": colour_bar(value)}, text=text, hoverinfo="text",
        showlegend=False,
    )  # fmt: skip
    traces = [dots, *maze_traces(mazes, index, path=None, solution=solution, unit=unit)]
    figure = fill_panels(lattice_panels(mazes.rows, mazes.cols, [""], 1, panel), [traces])
    figure.update_layout(width=figure.layout.width + BAR)
    return finish(figure, title)
