"""What a model wrote after the prompt becomes paths: properly ended, stopped at a token that is no cell, or cut."""

import numpy as np
import pytest

from maze_interp import mazes
from maze_interp.mazes import CUT, END, INVALID
from maze_interp.tokens import Tokenizer


def empty(count: int, rows: int, cols: int) -> mazes.MazeBatch:
    """Mazes of which only the size matters."""
    return mazes.MazeBatch(np.zeros((count, 2, rows, cols), bool), np.zeros(count, int), np.zeros(count, int))


def test_what_a_model_wrote_becomes_paths() -> None:
    tokenizer = Tokenizer("adjacency_list", 3, 3, "corner_first")
    texts = ["(0,0) (0,1) <PATH_END> (0,0)", "(1,1) <--> (0,0) <PATH_END>", "(0,0) (0,2) (0,0) (0,1)"]
    texts += ["(1,1) (1,0) (0,1) (0,0)", "<PATH_END> (0,0) (0,0) (0,0)", "(0,1) (0,1) (0,1) <PATH_END>"]
    ids = np.array([[tokenizer.vocabulary.ids[word] for word in text.split()] for text in texts])
    paths = tokenizer.paths(ids, empty(6, 2, 2))
    rows = [row[row >= 0].tolist() for row in paths.cells]
    assert rows == [[0, 1], [3], [0], [3, 2, 1, 0], [], [1, 1, 1]]
    assert paths.length.tolist() == [len(row) for row in rows]
    assert paths.ended.tolist() == [END, INVALID, INVALID, CUT, END, END]


@pytest.mark.parametrize("order", ["row_by_row", "corner_first"])
def test_the_path_section_of_what_encode_wrote(order: str) -> None:
    """On 5 x 4 mazes written with the names of a 6 x 6 vocabulary."""
    passages = mazes.generate("depth_first", 20, 5, 4, seed=0)
    start, goal = mazes.draw_endpoints(passages, seed=1)
    world = mazes.MazeBatch(passages, start, goal)
    solutions = mazes.solve(world)
    tokenizer = Tokenizer("adjacency_list", 6, 6, order)
    whole, prompts = tokenizer.encode(world, solutions, seed=2), tokenizer.encode_prompts(world, seed=2)
    for i, first in enumerate(prompts.length):
        found = tokenizer.paths(whole.ids[i : i + 1, first : whole.length[i]], world[i : i + 1])
        assert found.ended.tolist() == [END]
        assert found.cells[0, : found.length[0]].tolist() == solutions.cells[i, : solutions.length[i]].tolist()


def test_no_tokens_is_a_path_cut_short() -> None:
    paths = Tokenizer("adjacency_list", 2, 2).paths(np.zeros((2, 0), int), empty(2, 2, 2))
    assert paths.ended.tolist() == [CUT, CUT]
    assert paths.length.tolist() == [0, 0]
