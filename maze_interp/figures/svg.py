"""Mazes as a few lines of SVG: for a README, a notebook or a page of many, without plotly.

Colours are the house's mid tones on a transparent ground, so the picture reads on a light and on a dark page.
"""

from html import escape

import numpy as np

from maze_interp.figures.mazes import wrong_moves
from maze_interp.figures.panels import centres, walls
from maze_interp.figures.style import BLUE, GREEN, INK, VERMILLION
from maze_interp.mazes.batch import MazeBatch, PathBatch

CELL, MARGIN = 24, 4  # user units


def static_svg(
    mazes: MazeBatch,
    index: int = 0,
    *,
    path: PathBatch | None = None,
    solution: PathBatch | None = None,
    label: str = "a maze",
) -> str:
    """One maze as an SVG document; `label` is what a screen reader says. Colours and dashes are `draw_maze`'s."""
    width, height = _size(mazes)
    lines = _drawing(mazes, index, path, solution)
    return "\n".join([_opening(width, height, 1.0, label), *lines, "</svg>\n"])


def maze_svg(
    mazes: MazeBatch,
    paths: PathBatch | None = None,
    solutions: PathBatch | None = None,
    *,
    columns: int = 4,
    cell: int = CELL,
    label: str = "mazes",
) -> str:
    """Every maze of the batch in one SVG document, `columns` side by side, a cell `cell` pixels long."""
    if not len(mazes):
        raise ValueError("a drawing needs at least one maze")
    for name, batch in (("paths", paths), ("solutions", solutions)):
        if batch is not None and len(batch) != len(mazes):
            raise ValueError(f"{len(batch)} {name} for {len(mazes)} mazes: give one for each maze")
    columns = max(1, min(columns, len(mazes)))
    width, height = _size(mazes)
    across, down = width + CELL - 2 * MARGIN, height + CELL - 2 * MARGIN  # a cell's length lies between two mazes
    lines = []
    for i in range(len(mazes)):
        row, col = divmod(i, columns)
        lines += [f'<g transform="translate({col * across} {row * down})">', *_drawing(mazes, i, paths, solutions)]
        lines.append("</g>")
    rows = -(-len(mazes) // columns)
    size = (columns - 1) * across + width, (rows - 1) * down + height
    return "\n".join([_opening(*size, cell / CELL, label), *lines, "</svg>\n"])


def _size(mazes: MazeBatch) -> tuple[int, int]:
    return CELL * mazes.cols + 2 * MARGIN, CELL * mazes.rows + 2 * MARGIN


def _opening(width: int, height: int, scale: float, label: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width * scale:g}" height="{height * scale:g}" '
        f'viewBox="0 0 {width} {height}" role="img" aria-label="{escape(label)}" fill="none" stroke-linecap="round">'
    )


def _drawing(mazes: MazeBatch, index: int, path: PathBatch | None, solution: PathBatch | None) -> list[str]:
    """The elements that draw one maze, bottom to top."""
    lines = [f'<path class="walls" stroke="{INK}" stroke-width="2" d="{_moves(walls(mazes.passages[index]))}"/>']
    if solution is not None:
        style = f'stroke="{GREEN}" stroke-width="7" stroke-opacity="0.7" stroke-linecap="butt" stroke-dasharray="7 5"'
        lines.append(f'<path class="solution" {style} d="{_walk(solution, index, mazes.cols)}"/>')
    if path is not None:
        style = f'stroke="{BLUE}" stroke-width="2.5" stroke-linejoin="round"'
        lines.append(f'<path class="path" {style} d="{_walk(path, index, mazes.cols)}"/>')
        wrong = centres(wrong_moves(mazes, index, path), mazes.cols)
        if len(wrong):
            lines.append(f'<path class="wrong" stroke="{VERMILLION}" stroke-width="4" d="{_moves(wrong)}"/>')
    if mazes.start[index] >= 0:
        (x, y) = _place(centres(np.array(mazes.start[index]), mazes.cols))
        lines.append(f'<circle class="start" cx="{x}" cy="{y}" r="5" fill="{INK}"/>')
    if mazes.goal[index] >= 0:
        (x, y) = _place(centres(np.array(mazes.goal[index]), mazes.cols))
        cross = f"M{x - 5:g} {y - 5:g}l10 10m0 -10l-10 10"
        lines.append(f'<path class="goal" stroke="{INK}" stroke-width="3.5" d="{cross}"/>')
    return lines


def _place(point: np.ndarray) -> tuple[float, float]:
    x, y = (point + 0.5) * CELL + MARGIN
    return float(x), float(y)


def _moves(segments: np.ndarray) -> str:
    return "".join("M{:g} {:g}L{:g} {:g}".format(*_place(a), *_place(b)) for a, b in segments)


def _walk(paths: PathBatch, index: int, cols: int) -> str:
    points = [_place(point) for point in centres(paths.cells[index, : paths.length[index]], cols)]
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in points) if points else ""
