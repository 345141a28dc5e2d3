"""A maze as a few lines of SVG: for a README or a notebook, without plotly.

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
    width, height = (CELL * n + 2 * MARGIN for n in (mazes.cols, mazes.rows))
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img" aria-label="{escape(label)}" fill="none" stroke-linecap="round">',
        f'<path class="walls" stroke="{INK}" stroke-width="2" d="{_moves(walls(mazes.passages[index]))}"/>',
    ]
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
    return "\n".join([*lines, "</svg>\n"])


def _place(point: np.ndarray) -> tuple[float, float]:
    x, y = (point + 0.5) * CELL + MARGIN
    return float(x), float(y)


def _moves(segments: np.ndarray) -> str:
    return "".join("M{:g} {:g}L{:g} {:g}".format(*_place(a), *_place(b)) for a, b in segments)


def _walk(paths: PathBatch, index: int, cols: int) -> str:
    points = [_place(point) for point in centres(paths.cells[index, : paths.length[index]], cols)]
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in points) if points else ""
