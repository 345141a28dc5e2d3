"""A number for each passage, drawn on that passage: what an edge of the prompt does, where it lies in the maze.

A panel a case (a layer, say), all on one scale around zero. The stronger the effect, the broader the line; a passage
without a value is not drawn, and one that is only pointed at is dashed.
"""

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float, Int
from plotly.colors import sample_colorscale

from maze_interp.figures.mazes import maze_traces
from maze_interp.figures.panels import BAR, centres, fill_panels, lattice_panels, panel_size, pieces
from maze_interp.figures.style import DIVERGING, INK, colour_bar, finish, plain
from maze_interp.mazes import lattice
from maze_interp.mazes.batch import MazeBatch

WIDTHS = 8  # strengths told apart by breadth, to either side of zero
FEWEST = 0.02  # of the strongest: what is weaker is not drawn


def edges_on_maze(
    mazes: MazeBatch,
    index: int,
    values: Float[np.ndarray, "panel edge"],
    names: list[str],
    *,
    title: str,
    value: str,
    ring: int | None = None,
    dashed: Int[np.ndarray, " other"] | None = None,
    note: str = "",
) -> go.Figure:
    """One maze, once for each row of `values`, whose edges are numbered like its flattened passages; NaN draws nothing.

    `value` names the number with its unit, `ring` a cell to be ringed, `dashed` edges to be pointed at. Raises
    ValueError unless there is a name for each row and a value for each edge.
    """
    edges = 2 * mazes.rows * mazes.cols
    if values.shape != (len(names), edges):
        raise ValueError(f"values has shape {values.shape} for {len(names)} names and {edges} edges")
    top = float(np.nanmax(np.abs(values), initial=0.0)) or 1.0
    columns = min(len(names), 4)
    panel = panel_size(columns, BAR)
    unit = panel / max(mazes.rows, mazes.cols)
    ends = centres(lattice.edge_ends(mazes.rows, mazes.cols), mazes.cols)
    drawings = [
        [
            *maze_traces(mazes, index, path=None, solution=None, unit=unit),
            *_pointed_at(ends, dashed),
            *_lines(ends, one, top, unit, value),
            *_ring(ring, mazes.cols, unit),
        ]
        for one in values
    ]
    figure = fill_panels(
        lattice_panels(mazes.rows, mazes.cols, [plain(name) for name in names], columns, panel), drawings
    )
    scale = {"cmin": -top, "cmax": top, "colorscale": DIVERGING, "colorbar": colour_bar(value)}
    figure.update_layout(coloraxis=scale, width=max(figure.layout.width + BAR, 420))
    return finish(figure, title, note=note)


def _lines(
    ends: Float[np.ndarray, "edge 2 2"], values: Float[np.ndarray, " edge"], top: float, unit: float, value: str
) -> list[go.Scatter]:
    """Lines in 2 * WIDTHS strengths, as plotly gives a trace one width, and a point to hover over on each edge."""
    known = np.flatnonzero(~np.isnan(values))
    level = np.zeros(len(values), int)
    level[known] = np.round(values[known] / top * WIDTHS).astype(int)
    level[known] += ((level[known] == 0) & (abs(values[known]) > FEWEST * top)) * np.sign(values[known]).astype(int)
    traces = []
    for step in np.unique(level[level != 0]).tolist():
        x, y = pieces(ends[level == step]).T
        (colour,) = sample_colorscale([list(stop) for stop in DIVERGING], [0.5 + step / WIDTHS / 2])
        line = {"color": colour, "width": 1.5 + abs(step) / WIDTHS * float(np.clip(unit * 0.28, 3, 10))}
        traces.append(go.Scatter(x=x, y=y, mode="lines", line=line, hoverinfo="skip", showlegend=False))
    x, y = ends[known].mean(axis=1).T
    marker = {"color": values[known], "coloraxis": "coloraxis", "size": 8, "opacity": 0}
    text = [f"{number:.3g} {plain(value)}" for number in values[known]]
    look = {"marker": marker, "text": text, "hoverinfo": "text", "showlegend": False}
    return [*traces, go.Scatter(x=x, y=y, mode="markers", **look)]


def _pointed_at(ends: Float[np.ndarray, "edge 2 2"], dashed: Int[np.ndarray, " other"] | None) -> list[go.Scatter]:
    if dashed is None or not len(dashed):
        return []
    x, y = pieces(ends[dashed]).T
    line = {"color": INK, "width": 2, "dash": "dot"}
    return [go.Scatter(x=x, y=y, mode="lines", line=line, name="only in the other maze", hoverinfo="name")]


def _ring(cell: int | None, cols: int, unit: float) -> list[go.Scatter]:
    if cell is None:
        return []
    x, y = centres(np.array([cell]), cols).T
    line = {"width": 2.5}
    marker = {"symbol": "circle-open", "size": float(np.clip(unit * 0.5, 9, 22)), "color": INK, "line": line}
    return [go.Scatter(x=x, y=y, mode="markers", name="fork", marker=marker, hoverinfo="name")]
