"""What a model wrote after the prompt becomes paths: properly ended, stopped at a token that is no cell, or cut."""

import numpy as np
import pytest

from maze_interp import mazes
from maze_interp.mazes import CUT, END, INVALID
from maze_interp.tokens import NOT_WRITTEN, SCHEMES, Tokenizer


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


FIELD = mazes.generate("open_field", 1, 2, 3, seed=0)
WALLED = FIELD.copy()
WALLED[0, mazes.RIGHT, 0, 0] = False  # between the first two cells of the first row
TREE = Tokenizer("adjacency_list", 2, 3).parse(
    "<ADJLIST_START> (0,0) <--> (0,1) ; (0,1) <--> (0,2) ; (0,1) <--> (1,1) ; (1,1) <--> (1,0) ; <ADJLIST_END> "
    "<ORIGIN_START> (0,0) <ORIGIN_END> <TARGET_START> (1,0) <TARGET_END> <PATH_START>"
)[0]


@pytest.mark.parametrize(
    ("scheme", "passages", "text", "cells", "ended"),
    [
        ("directions", FIELD, "EAST SOUTH <PATH_END>", [0, 1, 4], END),
        ("directions", FIELD, "<PATH_END> EAST", [0], END),
        ("directions", FIELD, "EAST EAST EAST <PATH_END>", [0, 1, 2], INVALID),
        ("directions", FIELD, "NORTH <PATH_END>", [0], INVALID),
        ("directions", FIELD, "SOUTH SOUTH", [0, 3], INVALID),
        ("directions", FIELD, "WEST", [0], INVALID),
        ("directions", FIELD, "EAST (0,0) <PATH_END>", [0, 1], INVALID),
        ("directions", FIELD, "EAST WEST", [0, 1, 0], CUT),
        ("directions", WALLED, "EAST WEST <PATH_END>", [0, 1, 0], END),
        ("turns", FIELD, "RIGHT RIGHT RIGHT RIGHT RIGHT <PATH_END>", [0, 1, 4, 3, 0, 1], END),
        ("turns", FIELD, "BACKWARD LEFT FORWARD BACKWARD <PATH_END>", [0, 3, 4, 5, 4], END),
        ("turns", FIELD, "FORWARD <PATH_END>", [0], INVALID),
        ("turns", WALLED, "RIGHT FORWARD <PATH_END>", [0, 1, 2], END),
        ("coordinates", FIELD, "0 0 0 1 <PATH_END> 0 0", [0, 1], END),
        ("coordinates", FIELD, "0 0 0 <PATH_END>", [0], INVALID),
        ("coordinates", FIELD, "0 0 0", [0], CUT),
        ("coordinates", FIELD, "0 0 2 1 <PATH_END>", [0], INVALID),
        ("coordinates", FIELD, "1 2 ; 1 <PATH_END>", [5], INVALID),
        ("coordinate_tuples", FIELD, "( 0 , 0 ) ( 1 , 2 ) <PATH_END>", [0, 5], END),
        ("coordinate_tuples", FIELD, "( 0 , 0 ) ) <PATH_END>", [0], INVALID),
        ("coordinate_tuples", FIELD, "( 0 , 0 ) 1 <PATH_END>", [0], INVALID),
        ("coordinate_tuples", FIELD, "( 0 0 ) <PATH_END>", [], INVALID),
        ("forks", TREE.passages, "(0,0) (0,1) (1,0) <PATH_END>", [0, 1, 4, 3], END),
        ("forks", TREE.passages, "(0,0) (0,1) (0,2)", [0, 1, 2], CUT),
        ("forks", TREE.passages, "(0,0) (1,0) <PATH_END>", [0, 3], END),
        ("forks", TREE.passages, "(1,0) (1,2) (1,1) NORTH", [3, 5, 4], INVALID),
        ("forks", FIELD, "(0,0) (0,0) (1,1) (0,0) (0,1) <PATH_END>", [0, 0, 3, 4, 3, 0, 1], END),
        ("forks", FIELD, "<PATH_END>", [], END),
    ],
)
def test_what_a_model_wrote_in_other_words(
    scheme: str, passages: np.ndarray, text: str, cells: list[int], ended: int
) -> None:
    """Walls are walked through, corridors filled in, and what is no step stops the path there."""
    tokenizer = Tokenizer(scheme, 3, 3)
    ids = np.array([[tokenizer.vocabulary.ids.get(word, 8) for word in text.split()]])
    paths = tokenizer.paths(ids, mazes.MazeBatch(passages, np.array([0]), np.array([3])))
    assert paths.cells[0, : paths.length[0]].tolist() == cells
    assert (paths.cells[0, paths.length[0] :] == mazes.NO_CELL).all()
    assert paths.ended.tolist() == [ended]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_path_section_of_what_every_scheme_wrote(scheme: str) -> None:
    """All at once, ragged and followed by NOT_WRITTEN; and each of its tokens is one that paths consist of."""
    world = mazes.draw(mazes.World("wilson", 5, 4), 30, seed=0)
    solutions, tokenizer = mazes.solve(world), Tokenizer(scheme, 6, 6)
    whole = tokenizer.encode(world, solutions, seed=2)
    ids = np.full((30, tokenizer.longest_path(5, 4)), NOT_WRITTEN)
    for i in range(30):
        written = whole.ids[i, 1:][whole.graded[i, :-1]]
        ids[i, : len(written)] = written
        assert tokenizer.path_tokens[written].tolist() == [True] * (len(written) - 1) + [False]
    paths = tokenizer.paths(ids, world)
    assert (paths.length == solutions.length).all()
    assert (paths.ended == END).all()
    assert (paths.cells[:, : solutions.cells.shape[1]] == solutions.cells).all()
    assert not tokenizer.path_tokens[:11].any()


def test_moves_need_a_start() -> None:
    nowhere = mazes.MazeBatch(FIELD, np.array([mazes.NO_CELL]), np.array([0]))
    with pytest.raises(ValueError, match="the start of maze 0 holds -1, which is no cell of a 2 x 3 maze"):
        Tokenizer("turns", 2, 3).paths(np.array([[11]]), nowhere)
