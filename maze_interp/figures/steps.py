"""Attention along a path: all heads on the maze, and a slider that walks it.

As in `attention`, every token before the query belongs to an edge, to a cell or to neither. Here an edge is the square
between its two cells, so that a head is one picture and a step changes only its colours.
"""

from typing import Any

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float, Int

from maze_interp.figures.attention import AttentionMass, attention_mass
from maze_interp.figures.mazes import wall_trace
from maze_interp.figures.panels import BAR, centres, fill_panels, lattice_panels, panel_size
from maze_interp.figures.style import BLUE, INK, SEQUENTIAL, colour_bar, finish
from maze_interp.mazes.batch import DOWN, NO_CELL, RIGHT, MazeBatch
from maze_interp.tokens.batch import TokenBatch

MOVING = 3  # traces of a panel that a step changes: attention, the way so far, where the query is; walls stand behind
SLIDER = 90  # pixels
AT_ONCE = {"mode": "immediate", "frame": {"duration": 0, "redraw": True}, "transition": {"duration": 0}}


def attention_over_steps(
    mazes: MazeBatch,
    index: int,
    tokens: TokenBatch,
    pattern: Float[np.ndarray, "layer head query key"],
    queries: Int[np.ndarray, " step"],
    *,
    title: str = "",
    panel: int | None = None,
) -> go.Figure:
    """One panel for each head (a row a layer), drawn on maze `index`, with a slider over the query positions.

    Small squares are the mass on a cell's tokens and on an edge's, on one scale for all heads and steps; the line is
    the way through the cells that the queries named so far, the ring the last of them. Raises ValueError without a
    query and for one outside the sequence.
    """
    if not len(queries):
        raise ValueError("a slider needs at least one step to stand at")
    steps = [attention_mass(mazes, index, tokens, pattern, int(query)) for query in queries]
    layers, heads = steps[0].special.shape
    top = float(max(max(step.cell.max(), step.edge.max()) for step in steps)) or 1.0
    panel = panel or panel_size(heads, BAR)
    unit = panel / max(mazes.rows, mazes.cols)
    every = list(np.ndindex(layers, heads))
    titles = [f"layer {layer}, head {head}" for layer, head in every]
    panels = lattice_panels(mazes.rows, mazes.cols, titles, heads, panel, foot=SLIDER)
    walls = wall_trace(mazes, index, unit)
    moving = []
    for number, step in enumerate(steps, start=1):
        named = tokens.cell[index, queries[:number]]
        moving.append([trace for head in every for trace in _moving(mazes, step, head, named, unit)])
    first = np.array(moving[0], object).reshape(-1, MOVING)
    figure = fill_panels(panels, [[*traces, walls] for traces in first])
    changing = [trace for trace in range(len(figure.data)) if trace % (MOVING + 1) != MOVING]
    figure.frames = [go.Frame(data=step, traces=changing, name=str(n)) for n, step in enumerate(moving, start=1)]
    bar = colour_bar("share of attention") | {"tickformat": ".0%"}
    figure.update_layout(coloraxis={"cmin": 0, "cmax": top, "colorscale": SEQUENTIAL, "colorbar": bar})
    figure.update_layout(width=max(figure.layout.width + BAR, 420), sliders=[_slider(len(steps))])
    note = "squares: tokens of a cell, or of the edge between two; ring: where the query is; line: the way so far"
    return finish(figure, title or f"What each head attends to along the path of maze {index}", note=note)


def _moving(
    mazes: MazeBatch, step: AttentionMass, head: tuple[int, ...], named: Int[np.ndarray, " query"], unit: float
) -> list[Any]:
    """The traces of one head at one step."""
    x, y = centres(named[named != NO_CELL], mazes.cols).T
    place = {"coloraxis": "coloraxis", "x0": 0, "dx": 0.5, "y0": 0, "dy": 0.5}
    hover = "(%{y}, %{x}): %{z:.1%} of the attention<extra></extra>"
    ring = {"symbol": "circle-open", "size": float(np.clip(unit * 0.55, 9, 22)), "color": INK, "line": {"width": 2.5}}
    still: dict[str, Any] = {"hoverinfo": "skip", "showlegend": False}
    return [
        go.Heatmap(z=_squares(mazes, step.cell[head], step.edge[head]), hovertemplate=hover, **place),
        go.Scatter(x=x, y=y, mode="lines", line={"color": BLUE, "width": 2}, **still),
        go.Scatter(x=x[-1:], y=y[-1:], mode="markers", marker=ring, **still),
    ]


def _squares(
    mazes: MazeBatch, cell: Float[np.ndarray, " cell"], edge: Float[np.ndarray, " edge"]
) -> Float[np.ndarray, "high wide"]:
    """Cells at even places and, between two cells, their edge; nothing where four cells meet."""
    rows, cols = mazes.rows, mazes.cols
    out = np.full((2 * rows - 1, 2 * cols - 1), np.nan)
    between = edge.reshape(2, rows, cols)
    out[::2, ::2] = cell.reshape(rows, cols)
    out[1::2, ::2] = between[DOWN, :-1]
    out[::2, 1::2] = between[RIGHT, :, :-1]
    return np.round(out, 4)


def _slider(steps: int) -> dict[str, Any]:
    names = [str(number) for number in range(1, steps + 1)]
    stops = [{"label": name, "method": "animate", "args": [[name], AT_ONCE]} for name in names]
    place = {"x": 0, "y": 0, "xanchor": "left", "yanchor": "top", "pad": {"t": 12, "b": 8}}
    return {"active": 0, "steps": stops, "currentvalue": {"prefix": "step of the path: "}, **place}
