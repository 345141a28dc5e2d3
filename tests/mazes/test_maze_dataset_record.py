"""What maze-dataset 1.4.0 itself made of five mazes, recorded: its objects, pictures and tokens are read and written.

The package is not needed to run this: the record holds its arrays, `as_pixels` and `as_ascii` (the same characters for
both) and the tokens of its `AOTP_UT_rasterized` with a 5 x 5 vocabulary (none for the maze that is not square).
"""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from maze_interp import mazes, tokens

RECORD = json.loads((Path(__file__).parent / "maze_dataset_1_4_0.json").read_text())
COLOURS = {"#": (0, 0, 0), " ": (255, 255, 255), "S": (0, 255, 0), "E": (255, 0, 0), "X": (0, 0, 255)}
every_maze = pytest.mark.parametrize("theirs", RECORD, ids=lambda theirs: theirs["generator"])


def ours(theirs):
    names = ("connection_list", "start_pos", "end_pos", "solution")
    arrays = {name: np.array(theirs[name]) for name in names}
    arrays["connection_list"] = arrays["connection_list"].astype(bool)
    return mazes.from_maze_dataset([SimpleNamespace(**arrays)])


@every_maze
def test_its_solution_is_a_shortest_path_of_our_reading(theirs):
    maze, path = ours(theirs)
    assert mazes.paths.valid(maze, path).all()
    assert mazes.paths.optimal(maze, path).all()


@every_maze
def test_its_pictures_are_ours_both_ways(theirs):
    maze, path = ours(theirs)
    pixels = np.array([[COLOURS[mark] for mark in row] for row in theirs["pixels"]], np.uint8)[None]
    assert np.array_equal(mazes.to_pixels(maze, path), pixels)
    assert mazes.to_ascii(maze, path) == [theirs["ascii"]]
    for read_maze, read_path in (mazes.from_pixels(pixels), mazes.from_ascii(theirs["ascii"])):
        assert np.array_equal(read_maze.passages, maze.passages)
        assert np.array_equal(read_path.cells, path.cells)


@pytest.mark.parametrize("theirs", [theirs for theirs in RECORD if theirs["tokens"]])
def test_its_tokens_are_ours_in_its_order_of_edges(theirs):
    maze, path = ours(theirs)
    tokenizer = tokens.Tokenizer(rows=5, cols=5)
    read_maze, read_path = tokenizer.parse(theirs["tokens"], maze.rows, maze.cols)
    assert np.array_equal(read_maze.passages, maze.passages)
    assert (read_maze.start, read_maze.goal) == (maze.start, maze.goal)
    assert np.array_equal(read_path.cells, path.cells)
    order = tokenizer.edge_order(theirs["tokens"], maze.rows, maze.cols)
    assert tokenizer.text(tokenizer.encode(maze, path, edge_order=order)) == [theirs["tokens"]]
