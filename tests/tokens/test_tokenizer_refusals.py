"""What cannot be written is refused at the door, with what was wrong and where."""

import numpy as np
import pytest

from maze_interp.mazes.batch import NO_CELL, MazeBatch, PathBatch
from maze_interp.tokens import Tokenizer, edges

TOKENIZER = Tokenizer("adjacency_list", 2, 2)
MAZES, PATHS = TOKENIZER.parse(
    "<ADJLIST_START> (0,0) <--> (0,1) ; (1,1) <--> (0,1) ; <ADJLIST_END> <ORIGIN_START> (0,0) <ORIGIN_END> "
    "<TARGET_START> (1,1) <TARGET_END> <PATH_START> (0,0) (0,1) (1,1) <PATH_END>"
)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"start": np.array([NO_CELL])}, "the start of maze 0 holds -1, which is no cell of a 2 x 2 maze"),
        ({"goal": np.array([4])}, "the goal of maze 0 holds 4, which is no cell of a 2 x 2 maze"),
        ({"cells": np.array([[0, -1, 3]])}, "the path of maze 0 holds -1, which is no cell of a 2 x 2 maze"),
        ({"length": np.array([4])}, r"path lengths must be 0\.\.3, the width of their cells"),
        ({"passages": np.ones((1, 2, 2, 2), bool)}, "maze 0 has an open passage across the border"),
        ({"passages": np.zeros((1, 2, 3, 2), bool)}, "mazes of 3 x 2 cells do not fit a vocabulary of 2 x 2"),
    ],
)
def test_what_cannot_be_written(change: dict[str, np.ndarray], message: str) -> None:
    mazes = MazeBatch(*(change.get(name, getattr(MAZES, name)) for name in ("passages", "start", "goal")))
    paths = PathBatch(*(change.get(name, getattr(PATHS, name)) for name in ("cells", "length", "ended")))
    with pytest.raises(ValueError, match=message):
        TOKENIZER.encode(mazes, paths, seed=0)


def test_wrong_calls_are_refused() -> None:
    with pytest.raises(ValueError, match="0 paths for 1 mazes"):
        TOKENIZER.encode(MAZES, PATHS[:0], seed=0)
    for both in ({}, {"seed": 0, "edge_order": edges.draw(MAZES.passages, seed=0)}):
        with pytest.raises(ValueError, match="either a seed to draw the order of the edges from, or an edge_order"):
            TOKENIZER.encode(MAZES, PATHS, **both)
    with pytest.raises(ValueError, match="edge_order of maze 0 must name each of its 2 passages"):
        TOKENIZER.encode(MAZES, PATHS, edge_order=np.array([[2]]))
    with pytest.raises(ValueError, match=r"token ids must be 0\.\.14, not 3\.\.15"):
        TOKENIZER.paths(np.array([[3, 15]]), MAZES)
    with pytest.raises(ValueError, match="2 rows of token ids for 1 mazes"):
        TOKENIZER.paths(np.array([[3], [4]]), MAZES)
    with pytest.raises(ValueError, match="mazes of 2 x 3 cells do not fit a vocabulary of 2 x 2"):
        TOKENIZER.max_length(2, 3)
    with pytest.raises(ValueError, match=r"unknown token scheme 'adjacency'; did you mean 'adjacency_list'\?"):
        Tokenizer("adjacency", 2, 2)
    with pytest.raises(ValueError, match="unknown cell order"):
        Tokenizer("adjacency_list", 2, 2, "by_column")
