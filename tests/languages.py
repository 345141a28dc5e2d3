"""Mazes and paths that a scheme can write, and the plainest way to write them: one word at a time."""

from dataclasses import astuple
from itertools import pairwise

import numpy as np
from hypothesis import strategies as st

from maze_interp.mazes.batch import CUT, DOWN, END, NO_CELL, RIGHT, MazeBatch, PathBatch
from maze_interp.tokens.schemes import CELLS, EDGES, ORDERS, PATHS, SECTIONS, Scheme

Batch = tuple[MazeBatch, PathBatch]


def neighbours(passages: np.ndarray, cell: int) -> list[int]:
    """The cells one step from `cell`, looked up one wall at a time."""
    row, col = divmod(cell, passages.shape[2])
    reach = [(row + 1, col)] if passages[DOWN, row, col] else []
    reach += [(row, col + 1)] if passages[RIGHT, row, col] else []
    reach += [(row - 1, col)] if row > 0 and passages[DOWN, row - 1, col] else []
    reach += [(row, col - 1)] if col > 0 and passages[RIGHT, row, col - 1] else []
    return [r * passages.shape[2] + c for r, c in reach]


def without_cycles(passages: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Some of the passages, in random order all that do not close a cycle."""
    out = np.zeros_like(passages)
    group = list(range(passages[0].size))
    for direction, row, col in rng.permutation(np.argwhere(passages)).tolist():
        low = row * passages.shape[2] + col
        one, other = group[low], group[low + (passages.shape[2] if direction == DOWN else 1)]
        if one != other:
            out[direction, row, col] = True
            group = [one if name == other else name for name in group]
    return out


def walk(passages: np.ndarray, start: int, steps: int, rng: np.random.Generator, turns_round: bool) -> list[int]:
    """A random walk from `start`; one that never turns round stops in a dead end."""
    cells = [start]
    for _ in range(steps):
        back = cells[-2:-1] if not turns_round else []
        cells += rng.permutation([cell for cell in neighbours(passages, cells[-1]) if cell not in back])[:1].tolist()
        if len(cells) > 2 and cells[-1] == cells[-2]:
            break
    return [int(cell) for cell in cells]


@st.composite
def worlds(draw: st.DrawFn, scheme: Scheme | None = None, size: int = 6, prompts: bool = False) -> Batch:
    """Mazes with any passages, start and goal, and a random walk through each, as far as the scheme can write them.

    `prompts` leaves some without any path.
    """
    scheme = scheme or Scheme()
    rows, cols, count = draw(st.integers(1, size)), draw(st.integers(1, size)), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    passages = rng.random((count, 2, rows, cols)) < draw(st.floats(0, 1))
    passages[:, DOWN, -1] = passages[:, RIGHT, :, -1] = False
    if scheme.path == "forks":
        passages = np.array([without_cycles(maze, rng) for maze in passages])
    start, goal = rng.integers(rows * cols, size=(2, count))
    turns_round = scheme.path != "forks"
    walks = [walk(maze, int(s), rng.integers(12), rng, turns_round) for s, maze in zip(start, passages, strict=True)]
    walks = [[] if prompts and rng.random() < 0.3 else cells for cells in walks]
    length = np.array([len(cells) for cells in walks])
    cells = np.array([cells + [NO_CELL] * (length.max() - len(cells)) for cells in walks], int).reshape(count, -1)
    if not scheme.target:
        goal = np.array([cells[-1] if cells else NO_CELL for cells in walks])
    return MazeBatch(passages, start, goal), PathBatch(cells, length, np.where(length > 0, END, CUT))


def _possible(choices: dict[str, object]) -> bool:
    walls = choices["edges"] != "passages"
    return not (choices["edges"] == "both" and not choices["connector"]) and not (
        walls and choices["order"] == "depth_first"
    )


schemes = (  # every composition that is possible
    st.fixed_dictionaries(
        {
            "cells": st.sampled_from(CELLS),
            "edges": st.sampled_from(EDGES),
            "connector": st.booleans(),
            "order": st.sampled_from(ORDERS),
            "path": st.sampled_from(PATHS),
            "sections": st.permutations(SECTIONS).map(tuple),
            "target": st.booleans(),
        }
    )
    .filter(_possible)
    .map(lambda choices: Scheme(**choices))
)


def spelled(scheme: Scheme, mazes: MazeBatch, paths: PathBatch, i: int, order: np.ndarray) -> list[str]:
    """What maze i's sequence must be, put together one word at a time."""

    def name(cell: int) -> list[str]:
        row, col = divmod(int(cell), mazes.cols)
        return scheme.cells.replace("r", str(row)).replace("c", str(col)).split()

    listed: list[str] = []
    for code in order[order >= 0].tolist():
        direction, cell = divmod(code // 2, mazes.rows * mazes.cols)
        two = [name(cell), name(cell + (mazes.cols if direction == DOWN else 1))]
        is_open = mazes.passages[i].reshape(-1)[code // 2]
        mark = (["<-->"] if is_open else ["<XX>"]) if scheme.connector else []
        listed += [*two[code % 2], *mark, *two[1 - code % 2], ";"]
    parts = {
        "edges": ["<ADJLIST_START>", *listed, "<ADJLIST_END>"],
        "origin": ["<ORIGIN_START>", *name(mazes.start[i]), "<ORIGIN_END>"],
        "target": ["<TARGET_START>", *(name(mazes.goal[i]) if scheme.target else []), "<TARGET_END>"],
    }
    words = [word for section in scheme.sections for word in parts[section]]
    cells = paths.cells[i, : paths.length[i]].tolist()
    steps = {"cells": cells, "forks": _forks(mazes, i, cells)}.get(scheme.path)
    said = _moves(scheme, cells, mazes.cols) if steps is None else [word for cell in steps for word in name(cell)]
    return [*words, "<PATH_START>", *said, *(["<PATH_END>"] if paths.ended[i] == END else [])]


def _forks(mazes: MazeBatch, i: int, cells: list[int]) -> list[int]:
    last = len(cells) - 1
    return [c for k, c in enumerate(cells) if k in (0, last) or len(neighbours(mazes.passages[i], c)) > 2]


def _moves(scheme: Scheme, cells: list[int], cols: int) -> list[str]:
    """Compass words, or turns by rotating a heading (rows down, columns right) that begins up."""
    heading, out = (-1, 0), []
    for one, two in pairwise(cells):
        (r, c), (row, col) = divmod(one, cols), divmod(two, cols)
        move = (row - r, col - c)
        if scheme.path == "directions":
            out.append({(1, 0): "SOUTH", (0, 1): "EAST", (-1, 0): "NORTH", (0, -1): "WEST"}[move])
            continue
        down, right = heading
        turns = {(down, right): "FORWARD", (-down, -right): "BACKWARD", (-right, down): "LEFT", (right, -down): "RIGHT"}
        out.append(turns[move])
        heading = move
    return out


def same(one: object, other: object) -> bool:
    """Whether two frozen batches hold equal arrays."""
    return all(np.array_equal(a, b) for a, b in zip(astuple(one), astuple(other), strict=True))
