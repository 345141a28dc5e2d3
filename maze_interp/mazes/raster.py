"""Mazes as rasters: one pixel, or one character, for each cell, each wall and each corner.

    #######
    #SXXXX#        A maze of r x c cells is (2r + 1) x (2c + 1) pixels: cell (i, j) is pixel (2i + 1, 2j + 1), the
    #####X#        passage between two cells is the pixel between theirs, and all else is wall. S is the start, E the
    #    E#        goal (the end), X the path with the passages it takes.
    #######

These are maze-dataset's pictures, `as_pixels` and `as_ascii`, in its colours and characters, and either side reads
what the other wrote. A mark a pixel is all a raster has: it holds no path that meets itself or goes astray, nor a
maze that starts at its goal. For those, and to be read by people, there is `draw_text`.
"""

import numpy as np
from jaxtyping import Int, UInt8

from maze_interp.mazes import foreign
from maze_interp.mazes.batch import DOWN, NO_CELL, RIGHT, MazeBatch, PathBatch
from maze_interp.mazes.lattice import flat
from maze_interp.mazes.paths import revisits
from maze_interp.mazes.solving import distances, solve
from maze_interp.mazes.text import BLANK_LINES
from maze_interp.mazes.topology import degrees, edge_count

WALL, OPEN, START, GOAL, PATH = range(5)
CHARACTERS = "# SEX"
COLOURS = np.array([[0, 0, 0], [255, 255, 255], [0, 255, 0], [255, 0, 0], [0, 0, 255]], dtype=np.uint8)
_BYTES = np.array([1 << 16, 1 << 8, 1])


def to_pixels(mazes: MazeBatch, paths: PathBatch | None = None) -> UInt8[np.ndarray, "maze high wide 3"]:
    """Each maze as an RGB picture of 2 rows + 1 by 2 cols + 1 pixels: walls black, open white, start green (0, 255,
    0), goal red, path blue. A path without cells is not drawn.

    ValueError names the maze whose path is no walk from start to goal or meets itself, or that starts at its goal.
    """
    return COLOURS[_raster(mazes, paths)]


def from_pixels(pixels: UInt8[np.ndarray, "maze high wide 3"]) -> tuple[MazeBatch, PathBatch]:
    """The mazes and paths that `to_pixels` drew. A maze without a path gives one of no cells that was CUT; without a
    start and a goal it has NO_CELL for both.

    ValueError names the maze, the pixel (row, column, from 0) and what is wrong with it.
    """
    keys = pixels @ _BYTES
    known = COLOURS @ _BYTES
    codes = np.select([keys == key for key in known], range(5), -1)
    for maze, row, col in np.argwhere(codes < 0).tolist()[:1]:
        colour, allowed = pixels[maze, row, col].tolist(), ", ".join(map(str, COLOURS.tolist()))
        raise ValueError(f"maze {maze}, pixel ({row}, {col}) is {colour}; colours are {allowed}")
    return _read(codes.astype(np.uint8))


def to_ascii(mazes: MazeBatch, paths: PathBatch | None = None) -> list[str]:
    """Each maze as lines of the characters `#` (wall), blank, S, E and X; otherwise as `to_pixels`."""
    letters = np.array(list(CHARACTERS))[_raster(mazes, paths)]
    return ["\n".join("".join(line) for line in picture) for picture in letters]


def from_ascii(text: str | list[str]) -> tuple[MazeBatch, PathBatch]:
    """The mazes and paths of one drawing or of several that share a lattice; otherwise as `from_pixels`.

    Drawings come as a list or as one text, set apart by blank lines; indentation does not matter.
    """
    drawings = [part for part in BLANK_LINES.split(text) if part.strip()] if isinstance(text, str) else text
    lines = [[line.strip() for line in drawing.strip().splitlines()] for drawing in drawings]
    if not lines:
        raise ValueError("no drawing to read: at least one is needed to know the lattice")
    size = len(lines[0]), len(lines[0][0]) if lines[0] else 0
    for maze, drawing in enumerate(lines):
        if len(drawing) != size[0]:
            raise ValueError(f"maze {maze} is drawn in {len(drawing)} lines, but maze 0 in {size[0]}")
        for row, line in enumerate(drawing):
            strange = next((char for char in line if char not in CHARACTERS), None)
            if strange is not None:
                at = line.index(strange)
                raise ValueError(f"maze {maze}, pixel ({row}, {at}) is {strange!r}; characters are {CHARACTERS!r}")
            if len(line) != size[1]:
                raise ValueError(f"maze {maze}, line {row} has {len(line)} characters, but its first line {size[1]}")
    return _read(np.array([[list(map(CHARACTERS.index, line)) for line in drawing] for drawing in lines], np.uint8))


def _raster(mazes: MazeBatch, paths: PathBatch | None) -> UInt8[np.ndarray, "maze high wide"]:
    """The code of every pixel. ValueError for what a raster cannot hold."""
    flat(mazes.passages)
    foreign.check_ends(mazes, _maze)
    ended = mazes.start != NO_CELL
    for i in np.flatnonzero((ended | (mazes.goal != NO_CELL)) & (~ended | (mazes.goal == NO_CELL)))[:1].tolist():
        raise ValueError(f"maze {i} has a start or a goal but not both, which a raster cannot hold")
    for i in np.flatnonzero(ended & (mazes.start == mazes.goal))[:1].tolist():
        raise ValueError(f"maze {i} starts at its goal, cell {mazes.goal[i]}: a pixel has one mark")
    codes = np.full((len(mazes), 2 * mazes.rows + 1, 2 * mazes.cols + 1), WALL, dtype=np.uint8)
    codes[:, 1::2, 1::2] = OPEN
    codes[:, 2::2, 1::2] = np.where(mazes.passages[:, DOWN], OPEN, WALL)
    codes[:, 1::2, 2::2] = np.where(mazes.passages[:, RIGHT], OPEN, WALL)
    if paths is not None:
        _mark_paths(codes, mazes, paths)
    for mark, cells in ((START, mazes.start), (GOAL, mazes.goal)):
        row, col = np.divmod(cells[ended], mazes.cols)
        codes[ended, 2 * row + 1, 2 * col + 1] = mark
    return codes


def _mark_paths(codes: UInt8[np.ndarray, "maze high wide"], mazes: MazeBatch, paths: PathBatch) -> None:
    foreign.check_paths(mazes, paths, _maze)
    for i, move in np.argwhere(revisits(paths)).tolist()[:1]:
        cell = paths.cells[i, move + 1]
        raise ValueError(f"maze {i}: the path meets itself at cell {cell}, step {move + 1}; a pixel has one mark")
    which, step = np.nonzero(np.arange(paths.cells.shape[1]) < paths.length[:, None])
    row, col = np.divmod(paths.cells[which, step], mazes.cols)
    codes[which, 2 * row + 1, 2 * col + 1] = PATH
    onward = step[1:] > 0  # the next entry is the next step of the same path
    codes[which[1:][onward], (row[1:] + row[:-1] + 1)[onward], (col[1:] + col[:-1] + 1)[onward]] = PATH


def _read(codes: UInt8[np.ndarray, "maze high wide"]) -> tuple[MazeBatch, PathBatch]:
    high, wide = codes.shape[1:]
    if high % 2 == 0 or wide % 2 == 0 or min(high, wide) < 3:
        size = "(2r + 1) x (2c + 1) pixels, both odd and 3 or more"
        raise ValueError(f"a maze of r x c cells has {size}, not {high} x {wide}")
    _check_places(codes)
    open_ = codes != WALL
    passages, walked = np.zeros((2, len(codes), 2, high // 2, wide // 2), dtype=bool)
    for out, pixels in ((passages, open_), (walked, codes == PATH)):
        out[:, DOWN], out[:, RIGHT] = pixels[:, 2::2, 1::2], pixels[:, 1::2, 2::2]
    cells = codes[:, 1::2, 1::2].reshape(len(codes), -1)
    mazes = MazeBatch(passages, _marked(cells, START, "start"), _marked(cells, GOAL, "goal"))
    for i in np.flatnonzero((mazes.start == NO_CELL) != (mazes.goal == NO_CELL))[:1].tolist():
        raise ValueError(f"maze {i} has a start or a goal but not both")
    return mazes, _follow(MazeBatch(walked, mazes.start, mazes.goal), cells)


def _check_places(codes: UInt8[np.ndarray, "maze high wide"]) -> None:
    """ValueError for a mark where none may be: border and corners are walls, cells are open, S and E mark cells."""
    row, col = np.ogrid[: codes.shape[1], : codes.shape[2]]
    border = (row == 0) | (col == 0) | (row == codes.shape[1] - 1) | (col == codes.shape[2] - 1)
    cell = (row % 2 == 1) & (col % 2 == 1)
    ends = (codes == START) | (codes == GOAL)
    for wrong, why in (
        (border & (codes != WALL), "lies on the border and must be a wall"),
        (~border & (row % 2 == 0) & (col % 2 == 0) & (codes != WALL), "is a corner between walls and must be one"),
        (cell & (codes == WALL), "is a cell and cannot be a wall"),
        (~border & ~cell & ends, "lies between two cells, but only a cell can be the start or the goal"),
    ):
        for maze, y, x in np.argwhere(wrong).tolist()[:1]:
            raise ValueError(f"maze {maze}, pixel ({y}, {x}) {why}")


def _marked(cells: UInt8[np.ndarray, "maze cell"], mark: int, name: str) -> Int[np.ndarray, " maze"]:
    """The one cell with this mark, NO_CELL where there is none, int32."""
    found = cells == mark
    for i in np.flatnonzero(found.sum(axis=1) > 1)[:1].tolist():
        raise ValueError(f"maze {i} has {found[i].sum()} {name}s, at cells {np.flatnonzero(found[i]).tolist()}")
    return np.where(found.any(axis=1), found.argmax(axis=1), NO_CELL).astype(np.int32)


def _follow(walked: MazeBatch, cells: UInt8[np.ndarray, "maze cell"]) -> PathBatch:
    """The path from start to goal through the passages it marks. ValueError where the marks are not one such path.

    They are if start and goal have one marked passage, path cells two and others none, and nothing is left over.
    """
    marked = (cells == PATH).any(axis=1) | walked.passages.any(axis=(1, 2, 3))
    wanted = np.array([0, 0, 1, 1, 2])[cells] * marked[:, None]
    found = degrees(walked.passages)
    for i, cell in np.argwhere(found != wanted).tolist()[:1]:
        row, col = divmod(cell, walked.cols)
        raise ValueError(
            f"maze {i}, pixel ({2 * row + 1}, {2 * col + 1}) has {found[i, cell]} path pixels beside it where a path "
            f"from start to goal has {wanted[i, cell]}"
        )
    apart = distances(walked.passages, walked.goal)
    for i, cell in np.argwhere((cells == PATH) & (apart < 0)).tolist()[:1]:
        row, col = divmod(cell, walked.cols)
        raise ValueError(f"maze {i}, pixel ({2 * row + 1}, {2 * col + 1}) is a path pixel off the path to the goal")
    which = np.flatnonzero(marked)
    found_paths = solve(walked[which])
    length = np.zeros(len(cells), dtype=np.int32)
    length[which] = edge_count(walked.passages)[which] + 1
    written = np.arange(found_paths.cells.shape[1]) < found_paths.length[:, None]
    return foreign.paths_of(found_paths.cells[written], length)


def _maze(i: int) -> str:
    return f"maze {i}"
