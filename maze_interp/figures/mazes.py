"""Mazes drawn as mazes: walls, the true path, and what a model wrote.

The solution is a broad dashed green line, the model's path a thin unbroken blue one on top, so the two are told apart
by shape as well as by colour. A move that no passage allows (through a wall, or to a cell that is no neighbour) is red
with a warning triangle at its middle, and a path that stopped at a token which is no cell ends in an open square.
"""

from typing import Any

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float, Int, Shaped

from maze_interp.figures.panels import BAR, centres, fill_panels, lattice_panels, panel_size, pieces, walls
from maze_interp.figures.style import (
    BLUE,
    DIVERGING,
    GREEN,
    INK,
    SEQUENTIAL,
    VERMILLION,
    colour_bar,
    finish,
    plain,
)
from maze_interp.mazes.batch import CUT, INVALID, MazeBatch, PathBatch
from maze_interp.mazes.paths import JUMP, WALL, moves

ENDINGS = {INVALID: "stopped at a token that is no cell", CUT: "cut at the length limit"}


def draw_maze(
    mazes: MazeBatch,
    index: int = 0,
    *,
    path: PathBatch | None = None,
    solution: PathBatch | None = None,
    heat: Float[np.ndarray, " cell"] | None = None,
    arrows: Float[np.ndarray, "cell 2"] | None = None,
    title: str = "",
    value: str = "value",
    panel: int = 420,
) -> go.Figure:
    """One maze of a batch, with what is known about it.

    `path` (the model's) and `solution` are batches as long as `mazes`. `heat` gives each cell a value, named
    `value` with its unit; NaN leaves a cell empty, and a heat with negative values is drawn around zero.
    `arrows` gives each cell a step (down, right), of length 1 for one cell; a zero draws none. `panel` is in pixels.
    """
    traces = [] if heat is None else [_heat(mazes, heat, value)]
    traces += maze_traces(mazes, index, path=path, solution=solution, unit=panel / max(mazes.rows, mazes.cols))
    if arrows is not None:
        traces.append(_arrows(mazes, arrows))
    figure = fill_panels(lattice_panels(mazes.rows, mazes.cols, [""], 1, panel), [traces])
    if heat is not None:
        figure.update_layout(width=figure.layout.width + BAR)
    return finish(figure, title)


def gallery(
    mazes: MazeBatch,
    paths: PathBatch | None = None,
    solutions: PathBatch | None = None,
    titles: list[str] | None = None,
    *,
    title: str = "",
    columns: int = 4,
    panel: int | None = None,
) -> go.Figure:
    """Every maze of the batch in one figure, `columns` side by side; `titles` names each of them (plain text).

    `panel` is a maze's longer side in pixels; left out, the figure fits a page.
    """
    if not len(mazes):
        raise ValueError("a gallery needs at least one maze")
    if titles is not None and len(titles) != len(mazes):
        raise ValueError(f"{len(titles)} titles for {len(mazes)} mazes: give one title for each maze")
    names = [plain(name) for name in titles] if titles else [""] * len(mazes)
    panel = panel or panel_size(min(columns, len(mazes)))
    unit = panel / max(mazes.rows, mazes.cols)
    drawings = [maze_traces(mazes, i, path=paths, solution=solutions, unit=unit) for i in range(len(mazes))]
    return finish(fill_panels(lattice_panels(mazes.rows, mazes.cols, names, columns, panel), drawings), title)


def maze_traces(
    mazes: MazeBatch, index: int, *, path: PathBatch | None, solution: PathBatch | None, unit: float
) -> list[go.Scatter]:
    """The traces that draw one maze, bottom to top; `unit` is a cell's length in pixels and sets every thickness."""
    for name, batch in (("path", path), ("solution", solution)):
        if batch is not None and len(batch) != len(mazes):
            raise ValueError(f"{name} has {len(batch)} paths for {len(mazes)} mazes: give one path for each maze")
    traces = [wall_trace(mazes, index, unit)]
    if solution is not None:
        dash = f"{unit * 0.3:.1f}px,{unit * 0.2:.1f}px"
        look = {"color": GREEN, "width": float(np.clip(unit * 0.24, 3, 10)), "dash": dash}
        traces.append(_walk(_cells(solution, index), mazes.cols, "solution", look).update(opacity=0.7))
    if path is not None:
        traces += _model_path(mazes, index, path, unit)
    return [*traces, *_ends(mazes, index, unit)]


def wall_trace(mazes: MazeBatch, index: int, unit: float = 40.0) -> go.Scatter:
    """The walls of one maze and its outer border as one trace."""
    x, y = pieces(walls(mazes.passages[index])).T
    line = {"color": INK, "width": float(np.clip(unit * 0.06, 1, 2.5))}
    return go.Scatter(x=x, y=y, mode="lines", line=line, hoverinfo="skip", showlegend=False)


def wrong_moves(mazes: MazeBatch, index: int, path: PathBatch) -> Int[np.ndarray, "move 2"]:
    """The moves (from cell, to cell) of one path that no passage allows: through a wall, or to no neighbour."""
    one = np.array([index])
    step = np.flatnonzero(np.isin(moves(mazes[one], path[one])[0], (WALL, JUMP)))
    return path.cells[index][np.stack([step, step + 1], axis=1)]


def _cells(paths: PathBatch, index: int) -> Int[np.ndarray, " step"]:
    return paths.cells[index, : paths.length[index]]


def _walk(cells: Int[np.ndarray, " step"], cols: int, name: str, line: dict) -> go.Scatter:
    x, y = centres(cells, cols).T
    where = [f"{name}, step {step}: ({cell // cols}, {cell % cols})" for step, cell in enumerate(cells)]
    return go.Scatter(x=x, y=y, mode="lines", name=name, line=line, text=where, hoverinfo="text")


def _model_path(mazes: MazeBatch, index: int, path: PathBatch, unit: float) -> list[go.Scatter]:
    """The model's path, its wrong moves on top, and how it ended where that was not by an end token."""
    cells, width, size = _cells(path, index), float(np.clip(unit * 0.1, 1.8, 4)), float(np.clip(unit * 0.4, 9, 16))
    traces = [_walk(cells, mazes.cols, "model", {"color": BLUE, "width": width})]
    wrong = wrong_moves(mazes, index, path)
    if len(wrong):
        ends = centres(wrong, mazes.cols)
        marked = np.stack([ends[:, 0], ends.mean(axis=1), ends[:, 1], np.full((len(wrong), 2), np.nan)], axis=1)
        x, y = marked.reshape(-1, 2).T
        sizes, text = [0, size, 0, 0] * len(wrong), [f"wrong move: {a} to {b}" for a, b in _names(wrong, mazes.cols)]
        marker: dict[str, Any] = {"symbol": "triangle-up", "size": sizes, "color": VERMILLION, "opacity": 1}
        look = {"marker": marker | {"line": {"width": 0}}, "line": {"color": VERMILLION, "width": width + 1}}
        hover = {"text": np.repeat(text, 4), "hoverinfo": "text"}
        traces.append(go.Scatter(x=x, y=y, mode="lines+markers", name="wrong move", **look, **hover))
    if int(path.ended[index]) in ENDINGS and len(cells):
        x, y = centres(cells[-1:], mazes.cols).T
        marker = {"symbol": "square-open", "size": size * 1.3, "color": VERMILLION, "line": {"width": 2}}
        name = ENDINGS[int(path.ended[index])]
        traces.append(go.Scatter(x=x, y=y, mode="markers", name=name, marker=marker, hoverinfo="name"))
    return traces


def _names(cells: Int[np.ndarray, "move 2"], cols: int) -> list[list[str]]:
    return [[f"({cell // cols}, {cell % cols})" for cell in move] for move in cells]


def _ends(mazes: MazeBatch, index: int, unit: float) -> list[go.Scatter]:
    traces = []
    for name, cell, symbol in (("start", mazes.start[index], "circle"), ("goal", mazes.goal[index], "x")):
        if cell >= 0:
            x, y = centres(np.array([cell]), mazes.cols).T
            marker = {"symbol": symbol, "size": float(np.clip(unit * 0.32, 6, 14)), "color": INK, "opacity": 1}
            look = {"marker": marker, "hovertext": f"{name}: ({cell // mazes.cols}, {cell % mazes.cols})"}
            traces.append(go.Scatter(x=x, y=y, mode="markers", name=name, hoverinfo="text", **look))
    return traces


def _heat(mazes: MazeBatch, heat: Shaped[np.ndarray, " cell"], value: str) -> go.Heatmap:
    if heat.shape != (mazes.rows * mazes.cols,):
        raise ValueError(f"heat has shape {heat.shape}: a {mazes.rows}x{mazes.cols} maze needs one value for each cell")
    signed = bool(np.nanmin(heat, initial=0.0) < 0)
    limit = float(np.nanmax(np.abs(heat), initial=0.0)) or 1.0
    look = {"colorscale": DIVERGING if signed else SEQUENTIAL, "zmin": -limit if signed else 0.0, "zmax": limit}
    hover = f"(%{{y}}, %{{x}}): %{{z:.3g}} {plain(value)}<extra></extra>"
    z = heat.reshape(mazes.rows, mazes.cols)
    return go.Heatmap(z=z, colorbar=colour_bar(value), hovertemplate=hover, hoverongaps=False, **look)


def _arrows(mazes: MazeBatch, arrows: Shaped[np.ndarray, "cell 2"]) -> go.Scatter:
    cells = mazes.rows * mazes.cols
    if arrows.shape != (cells, 2):
        raise ValueError(f"arrows has shape {arrows.shape}: give (down, right) for each of {cells} cells")
    drawn = np.flatnonzero(np.abs(arrows).sum(axis=1))
    middle, step = centres(drawn, mazes.cols), arrows[drawn][:, ::-1]
    x, y = pieces(np.stack([middle - step * 0.35, middle + step * 0.35], axis=1)).T
    marker: dict[str, Any] = {"symbol": "arrow", "angleref": "previous", "size": [0, 9, 0] * len(drawn)}
    marker |= {"color": INK, "opacity": 1, "line": {"width": 0}}
    look = {"marker": marker, "line": {"color": INK, "width": 1.5}, "hoverinfo": "skip"}
    return go.Scatter(x=x, y=y, mode="lines+markers", name="arrows", **look)
