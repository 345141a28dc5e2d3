"""Sequences that maze-dataset (github.com/understanding-search/maze-dataset) shows in its tests, letter by letter.

Its legacy unified-token sequences (`AOTP_UT_rasterized`, `AOTP_UT_uniform`) are those of "adjacency_list", and its
indexed coordinate tuples (`AOTP_CTT_indexed`) those of "coordinate_tuples". Both draw the order of the edges and of
each edge's ends at random, so sequences of one maze agree up to these.
"""

import numpy as np
import pytest

from maze_interp import mazes, tokens
from maze_interp.tokens import Tokenizer

# maze-dataset's "small_3x3", a maze given as a picture and as tokens
SMALL = (
    "<ADJLIST_START> (2,0) <--> (2,1) ; (0,0) <--> (0,1) ; (0,0) <--> (1,0) ; (0,2) <--> (1,2) ; (1,0) <--> (2,0) ; "
    "(0,2) <--> (0,1) ; (2,2) <--> (2,1) ; (1,1) <--> (2,1) ; <ADJLIST_END> <ORIGIN_START> (0,0) <ORIGIN_END> "
    "<TARGET_START> (2,1) <TARGET_END> <PATH_START> (0,0) (1,0) (2,0) (2,1) <PATH_END>"
)
PICTURE = ["#######", "#S    #", "#X### #", "#X# # #", "#X# ###", "#XXE  #", "#######"]
# one 2 x 2 maze, as its tests of AOTP_UT and of AOTP_CTT_indexed have it
TUPLES = (
    "<ADJLIST_START> ( 0 , 1 ) <--> ( 1 , 1 ) ; ( 1 , 0 ) <--> ( 1 , 1 ) ; ( 0 , 1 ) <--> ( 0 , 0 ) ; <ADJLIST_END> "
    "<ORIGIN_START> ( 1 , 0 ) <ORIGIN_END> <TARGET_START> ( 1 , 1 ) <TARGET_END> "
    "<PATH_START> ( 1 , 0 ) ( 1 , 1 ) <PATH_END>"
)
UNIFIED = (
    "<ADJLIST_START> (0,1) <--> (1,1) ; (1,0) <--> (1,1) ; (0,1) <--> (0,0) ; <ADJLIST_END> "
    "<ORIGIN_START> (1,0) <ORIGIN_END> <TARGET_START> (1,1) <TARGET_END> <PATH_START> (1,0) (1,1) <PATH_END>"
)


def up_to_order(text: str) -> tuple[set[frozenset[str]], str]:
    """The edges of an adjacency list as sets of two cells, and all that comes after them."""
    listed, rest = text.removeprefix("<ADJLIST_START> ").split(" ; <ADJLIST_END> ")
    return {frozenset(edge.split(" <--> ")) for edge in listed.split(" ; ")}, rest


def walls_of(picture: list[str]) -> tuple[set[str], dict[str, str]]:
    """The open edges of a picture with a character for every cell and every edge, and the cells of S, X and E."""
    open_, marks = set(), {}
    for y, line in enumerate(picture[1:-1]):
        for x, mark in enumerate(line[1:-1]):
            if y % 2 + x % 2 == 1 and mark != "#":
                open_.add(f"({y // 2},{x // 2}) ({(y + 1) // 2},{(x + 1) // 2})")
            elif y % 2 + x % 2 == 0:
                marks[f"({y // 2},{x // 2})"] = mark
    return open_, marks


@pytest.mark.parametrize("order", ["row_by_row", "corner_first"])
def test_a_unified_sequence_is_ours_up_to_the_order_of_edges(order: str) -> None:
    tokenizer = Tokenizer("adjacency_list", 3, 3, order)
    found, walked = tokenizer.parse(SMALL)
    assert tokenizer.text(tokenizer.encode(found, walked, edge_order=tokenizer.edge_order(SMALL))) == [SMALL]
    written = {text for seed in range(20) for text in tokenizer.text(tokenizer.encode(found, walked, seed=seed))}
    assert len(written) == 20
    assert all(up_to_order(text) == up_to_order(SMALL) for text in written)


def test_the_sequence_says_what_its_picture_shows() -> None:
    found, walked = Tokenizer("adjacency_list", 3, 3).parse(SMALL)
    open_, marks = walls_of(PICTURE)
    fixed = Tokenizer("row_by_row", 3, 3)
    listed, _ = fixed.text(fixed.encode(found, walked, seed=0))[0].split(" ; <ADJLIST_END>")
    assert set(listed.removeprefix("<ADJLIST_START> ").replace(" <-->", "").split(" ; ")) == open_
    assert (marks["(0,0)"], marks["(2,1)"]) == ("S", "E")
    assert [cell for cell, mark in marks.items() if mark == "X"] == ["(1,0)", "(2,0)"]
    assert mazes.paths.exact(walked, mazes.solve(found)).all()


def test_coordinate_tuples_are_its_indexed_ones() -> None:
    tuples, unified = Tokenizer("coordinate_tuples", 2, 2), Tokenizer("adjacency_list", 2, 2)
    assert tokens.convert(TUPLES, tuples, unified) == [UNIFIED]
    assert tokens.convert(UNIFIED, unified, tuples) == [TUPLES]


def test_turns_follow_its_convention() -> None:
    """Its `Relative` steps: who sets out faces north; forward, right, left and backward as seen from there."""
    corner = mazes.generate("open_field", 1, 3, 3, seed=0)
    cells = np.array([[4, 1, 2, 1, 0, 3]])  # up, right, back, on, and left round the corner
    path = mazes.PathBatch(cells, np.array([6]), np.array([mazes.END]))
    tokenizer = Tokenizer("turns", 3, 3)
    text = tokenizer.text(tokenizer.encode(mazes.MazeBatch(corner, np.array([4]), np.array([3])), path, seed=0))[0]
    assert text.endswith("<PATH_START> FORWARD RIGHT BACKWARD FORWARD LEFT <PATH_END>")
