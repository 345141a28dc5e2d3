"""Mazes as geometry: where the walls are, and empty panels of equal aspect to draw them in.

The cell (row, col) is the point x = col, y = row, with row 0 on top; its walls run half a cell away from it. A wall
stands where two neighbouring cells are not connected, and all around the lattice.
"""

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Bool, Float, Int
from plotly.subplots import make_subplots

from maze_interp.figures.style import INK
from maze_interp.mazes.batch import DOWN, RIGHT

GAP, TITLE_LINE, SIDE = 26, 17, 12  # pixels
PAGE, BAR = 960, 110  # pixels: the width of a page, and what a colour bar takes of it


def walls(passages: Bool[np.ndarray, "2 row col"]) -> Float[np.ndarray, "wall 2 2"]:
    """The walls of one maze, each of length 1: [wall, end, (x, y)]."""
    _, rows, cols = passages.shape
    flat, upright = np.ones((rows + 1, cols), bool), np.ones((rows, cols + 1), bool)
    flat[1:-1] = ~passages[DOWN, :-1]
    upright[:, 1:-1] = ~passages[RIGHT, :, :-1]
    above, left = np.argwhere(flat), np.argwhere(upright)
    corners = np.concatenate([above, left])[:, ::-1] - 0.5
    along = np.repeat([[1.0, 0.0], [0.0, 1.0]], [len(above), len(left)], axis=0)
    return np.stack([corners, corners + along], axis=1)


def centres(cells: Int[np.ndarray, "*any"], cols: int) -> Float[np.ndarray, "*any 2"]:
    """The points (x, y) at which cells lie."""
    return np.stack([cells % cols, cells // cols], axis=-1).astype(float)


def pieces(segments: Float[np.ndarray, "wall 2 2"]) -> Float[np.ndarray, "point 2"]:
    """Segments as one polyline with a gap (NaN) after each, which is how plotly draws many lines in one trace."""
    gap = np.full((len(segments), 1, 2), np.nan)
    return np.concatenate([segments, gap], axis=1).reshape(-1, 2)


def panel_size(columns: int, beside: int = 0) -> int:
    """The largest panel, in pixels, that lets `columns` of them and `beside` more pixels fit the width of a page."""
    room = PAGE - 2 * SIDE - beside - (columns - 1) * GAP
    return int(np.clip(room // columns, 110, 240))


def lattice_panels(rows: int, cols: int, titles: list[str], columns: int, panel: int, foot: int = 60) -> go.Figure:
    """An empty figure with one panel of equal aspect for each title, each wide enough for a rows x cols lattice.

    `panel` is the length in pixels of a panel's longer side, `foot` the room kept below for a legend. The axes
    of panel i are x{i+1} and y{i+1}, hidden, with row 0 on top. A title may hold `<br>`; escape what it quotes.
    """
    columns = max(1, min(columns, len(titles)))
    lines = -(-len(titles) // columns)
    wide, high = panel * min(1.0, cols / rows), panel * min(1.0, rows / cols)
    head = TITLE_LINE * max(title.count("<br>") + 1 for title in titles) + 8 if any(titles) else 0
    inner_width = columns * wide + (columns - 1) * GAP
    inner_height = lines * high + (lines - 1) * (GAP / 2 + head)
    figure = make_subplots(
        lines,
        columns,
        subplot_titles=titles,
        horizontal_spacing=GAP / inner_width,
        vertical_spacing=(GAP / 2 + head) / inner_height,
    )
    figure.update_annotations(font={"size": 12, "color": INK}, yshift=4)
    figure.update_xaxes(visible=False, range=[-0.62, cols - 0.38], constrain="domain")
    figure.update_yaxes(visible=False, range=[rows - 0.38, -0.62], constrain="domain")
    for number in range(1, lines * columns + 1):
        figure.layout[f"yaxis{number}"].update(scaleanchor=f"x{number}", scaleratio=1)
    margin = {"l": SIDE, "r": SIDE, "t": head + 8, "b": foot}
    return figure.update_layout(
        template="maze_interp",
        width=round(inner_width) + 2 * SIDE,
        height=round(inner_height) + margin["t"] + foot,
        margin=margin,
        legend={"orientation": "h", "x": 0, "xanchor": "left", "y": 0, "yanchor": "top", "yref": "paper"},
    )


def fill_panels(panels: go.Figure, drawings: list[list]) -> go.Figure:
    """A copy of `panels` in which panel i holds the traces `drawings[i]`.

    A name enters the legend once, and clicking it there switches all traces of that name.
    """
    figure, named = go.Figure(panels), set()
    for number, traces in enumerate(drawings, start=1):
        for trace in traces:
            placed: dict[str, object] = {"xaxis": f"x{number}", "yaxis": f"y{number}"}
            if trace.name and trace.type == "scatter":
                placed |= {"legendgroup": trace.name, "showlegend": trace.name not in named}
                named.add(trace.name)
            figure.add_trace(trace).data[-1].update(placed)
    return figure
