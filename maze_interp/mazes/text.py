"""Mazes as text one can read, type and diff.

    +---+---+---+
    | S   .   . |
    +---+---+   +
    |         G |
    +---+---+---+
    path: (0,0) (0,1) (0,2) (1,2) end

`S` and `G` mark start and goal (`S=G` where they are one cell), `.` the other cells of a path. The line below the
drawing is the path itself, so that even a path that jumps or runs in circles survives the way to text and back.
"""

import re

import numpy as np
from jaxtyping import Bool

from maze_interp.mazes.batch import CUT, DOWN, END, INVALID, NO_CELL, RIGHT, MazeBatch, PathBatch

BLANK, START, GOAL, BOTH, STEP = "   ", " S ", " G ", "S=G", " . "
ENDINGS = {END: "end", INVALID: "invalid", CUT: "cut"}
BLANK_LINES = re.compile(r"\n(?:[ \t]*\n)+")
STEP_PATTERN = re.compile(r"\((\d+),(\d+)\)")


def draw_text(mazes: MazeBatch, paths: PathBatch | None = None) -> list[str]:
    """One drawing per maze, with the path marked and written out below it if `paths` are given."""
    if paths is not None and len(paths) != len(mazes):
        raise ValueError(f"{len(paths)} paths for {len(mazes)} mazes")
    drawings = []
    for i in range(len(mazes)):
        steps = [] if paths is None else paths.cells[i, : paths.length[i]].tolist()
        marks = [STEP if cell in steps else BLANK for cell in range(mazes.rows * mazes.cols)]
        for cell, mark in ((mazes.start[i], START), (mazes.goal[i], GOAL)):
            if cell != NO_CELL:
                marks[cell] = BOTH if mazes.start[i] == mazes.goal[i] else mark
        lines = _walls(mazes.passages[i], marks)
        if paths is not None:
            written = [f"({cell // mazes.cols},{cell % mazes.cols})" for cell in steps]
            lines.append(" ".join(["path:", *written, ENDINGS[int(paths.ended[i])]]))
        drawings.append("\n".join(lines))
    return drawings


def parse_text(text: str | list[str]) -> tuple[MazeBatch, PathBatch]:
    """The mazes and paths of one drawing or of several that share a lattice; the inverse of `draw_text`.

    Drawings come as a list or as one text, set apart by blank lines. A drawing without a `path:` line gives a path
    without cells that ended CUT; the marks `.` are not read. Indentation common to all lines of a drawing does not
    matter. ValueError says which drawing is no maze, and where.
    """
    drawings = [part for part in BLANK_LINES.split(text) if part.strip()] if isinstance(text, str) else text
    if not drawings:
        raise ValueError("no drawing to parse: at least one is needed to know the lattice")
    parsed = [_parse(drawing, f"drawing {i}") for i, drawing in enumerate(drawings)]
    sizes = sorted({passages.shape[1:] for passages, _, _, _, _ in parsed})
    if len(sizes) > 1:
        raise ValueError(f"the drawings do not share one lattice; their sizes are {sizes}")
    passages, start, goal, steps, ended = zip(*parsed, strict=True)
    cells = np.full((len(steps), max(map(len, steps))), NO_CELL, dtype=np.int32)
    for row, path in zip(cells, steps, strict=True):
        row[: len(path)] = path
    length = np.array([len(path) for path in steps], dtype=np.int32)
    mazes = MazeBatch(np.stack(passages), np.array(start, dtype=np.int32), np.array(goal, dtype=np.int32))
    return mazes, PathBatch(cells, length, np.array(ended, dtype=np.int8))


def _walls(passages: Bool[np.ndarray, "2 row col"], marks: list[str]) -> list[str]:
    _, rows, cols = passages.shape
    lines = ["+" + "---+" * cols]
    for row in range(rows):
        inside = zip(marks[row * cols : (row + 1) * cols], passages[RIGHT, row], strict=True)
        lines.append("|" + "".join(mark + (" " if open_ else "|") for mark, open_ in inside))
        lines.append("+" + "".join((BLANK if open_ else "---") + "+" for open_ in passages[DOWN, row]))
    return lines


def _parse(drawing: str, where: str) -> tuple[Bool[np.ndarray, "2 row col"], int, int, list[int], int]:
    lines = [line.rstrip() for line in drawing.splitlines() if line.strip()]
    indent = min((len(line) - len(line.lstrip()) for line in lines), default=0)
    lines = [line[indent:] for line in lines]
    caption = lines.pop() if lines and lines[-1].startswith("path:") else f"path: {ENDINGS[CUT]}"
    rows, cols = len(lines) // 2, (len(lines[0]) if lines else 0) // 4
    if rows < 1 or cols < 1 or len(lines) != 2 * rows + 1:
        raise ValueError(f"{where}: a maze of n rows is drawn in 2n + 1 lines, but there are {len(lines)}")
    marks = [line[4 * col + 1 : 4 * col + 4] for line in lines[1::2] for col in range(cols)]
    passages = np.zeros((2, rows, cols), dtype=bool)
    passages[RIGHT] = [[line[4 * col + 4 : 4 * col + 5] == " " for col in range(cols)] for line in lines[1::2]]
    passages[DOWN] = [[line[4 * col + 1 : 4 * col + 4] == BLANK for col in range(cols)] for line in lines[2::2]]
    passages[DOWN, -1], passages[RIGHT, :, -1] = False, False  # an open border then differs from its drawing
    for number, (line, expected) in enumerate(zip(lines, _walls(passages, marks), strict=True)):
        if line != expected.rstrip():
            raise ValueError(f"{where}, line {number}: expected {expected!r}, found {line!r}")
    steps, ended = _parse_path(caption, rows, cols, where)
    return passages, _find(marks, START, where), _find(marks, GOAL, where), steps, ended


def _find(marks: list[str], mark: str, where: str) -> int:
    """The one cell with this mark, NO_CELL if there is none."""
    strange = set(marks) - {BLANK, START, GOAL, BOTH, STEP}
    if strange:
        raise ValueError(f"{where}: unknown mark {min(strange)!r}; a cell holds S, G, S=G, . or nothing")
    cells = [cell for cell, found in enumerate(marks) if found in (mark, BOTH)]
    if len(cells) > 1:
        raise ValueError(f"{where}: {mark.strip()} is marked at {len(cells)} cells, {cells}")
    return cells[0] if cells else NO_CELL


def _parse_path(caption: str, rows: int, cols: int, where: str) -> tuple[list[int], int]:
    *written, ending = caption.split()[1:] or [""]
    matches = [STEP_PATTERN.fullmatch(step) for step in written]
    codes = {name: code for code, name in ENDINGS.items()}
    if ending not in codes or None in matches:
        raise ValueError(f"{where}: a path reads 'path: (row,col) ... {'|'.join(codes)}', found {caption!r}")
    steps = [(int(match[1]), int(match[2])) for match in matches if match]
    for row, col in steps:
        if row >= rows or col >= cols:
            raise ValueError(f"{where}: the path's ({row},{col}) is no cell of a {rows} x {cols} maze")
    return [row * cols + col for row, col in steps], codes[ending]
