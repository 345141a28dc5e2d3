"""What is no sequence of a scheme, or cannot be one, is refused with the sequence, the position and the token."""

import numpy as np
import pytest

from maze_interp.mazes import END, MazeBatch, PathBatch
from maze_interp.tokens import SCHEMES, Tokenizer

WORDS = "<ADJLIST_START> {edges} <ADJLIST_END> <ORIGIN_START> {start} <ORIGIN_END> <TARGET_START> {goal} <TARGET_END>"
PAIR = WORDS.format(edges="0 0 <--> 0 1 ; 1 1 <--> 0 1 ;", start="0 0", goal="1 1") + " <PATH_START> "
TUPLE = WORDS.format(edges="( 0 , 0 ) <--> ( 0 , 1 ) ;", start="( 0 , 0 )", goal="( 0 , 1 )") + " <PATH_START> "
PLAIN = WORDS.format(edges="(0,0) <--> (0,1) ; (1,1) <--> (0,1) ;", start="(0,0)", goal="(1,1)") + " <PATH_START> "
WALLS = WORDS.format(edges="(0,0) <XX> (1,0) ; (1,1) <XX> (1,0) ;", start="(0,0)", goal="(1,1)") + " <PATH_START> "
BOTH = "(0,0) <XX> (1,0) ; (1,1) <XX> (1,0) ; (0,0) <--> (0,1) ; (0,1) <--> (1,1) ;"
BOTH = WORDS.format(edges=BOTH, start="(0,0)", goal="(1,1)") + " <PATH_START> "
BARE = WORDS.format(edges="(0,0) (0,1) ; (1,1) (0,1) ;", start="(0,0)", goal="(1,1)") + " <PATH_START> "
SILENT = PLAIN.replace("<TARGET_START> (1,1)", "<TARGET_START>")
FIELD = "(0,0) <--> (0,1) ; (1,1) <--> (0,1) ; (0,0) <--> (1,0) ; (1,1) <--> (1,0) ;"
FIELD = WORDS.format(edges=FIELD, start="(0,0)", goal="(1,1)") + " <PATH_START> "
LATE = (
    "<ORIGIN_START> (0,0) <ORIGIN_END> <TARGET_START> (1,1) <TARGET_END> "
    "<ADJLIST_START> (0,0) <--> (0,1) ; (1,1) <--> (0,1) ; <ADJLIST_END> <PATH_START> "
)
GOOD = {
    "adjacency_list": PLAIN + "(0,0) (0,1) (1,1) <PATH_END>",
    "coordinates": PAIR + "0 0 0 1 1 1 <PATH_END>",
    "coordinate_tuples": TUPLE + "( 0 , 0 ) ( 0 , 1 ) <PATH_END>",
    "walls": WALLS + "(0,0) (0,1) (1,1) <PATH_END>",
    "passages_and_walls": BOTH + "(0,0) (0,1) (1,1) <PATH_END>",
    "unconnected": BARE + "(0,0) (0,1) (1,1) <PATH_END>",
    "directions": PLAIN + "EAST SOUTH <PATH_END>",
    "turns": PLAIN + "RIGHT RIGHT <PATH_END>",
    "forks": PLAIN + "(0,0) (1,1) <PATH_END>",
    "no_target": SILENT + "(0,0) (0,1) (1,1) <PATH_END>",
    "edges_last": LATE + "(0,0) (0,1) (1,1) <PATH_END>",
}
NOT_HERE = "no passage leads here from the path's cell before it"


@pytest.mark.parametrize("name", GOOD)
def test_what_is_spoiled_below_is_good(name: str) -> None:
    tokenizer = Tokenizer(name, 2, 2)
    found, walked = tokenizer.parse(GOOD[name])
    assert tokenizer.text(tokenizer.encode(found, walked, edge_order=tokenizer.edge_order(GOOD[name]))) == [GOOD[name]]


@pytest.mark.parametrize("name", GOOD)
def test_every_cut_but_the_prompt_and_the_whole_is_refused(name: str) -> None:
    words = GOOD[name].split()
    prompt = words.index("<PATH_START>") + 1
    for length in set(range(len(words))) - {prompt}:
        with pytest.raises(ValueError, match=rf"sequence 0, token {length} \(the end\): expected "):
            Tokenizer(name, 2, 2).parse(" ".join(words[:length]))


@pytest.mark.parametrize(
    ("name", "old", "new", "token", "message"),
    [
        ("coordinates", "0 0 <-->", "0 <-->", "<-->", "expected the column of a cell"),
        ("coordinates", "<--> 0 1", "<--> 0 2", "2", "is not in the vocabulary of 2 x 2 cells"),
        ("coordinates", "<--> 0 1", "<--> 0 0", "0", "is no neighbour of the other end of its edge"),
        ("coordinates", "1 1 <--> 0 1", "0 0 <--> 0 1", "1", "closes an edge that was given before"),
        ("coordinates", "0 1 1 1 <PATH_END>", "0 1 1 <PATH_END>", "<PATH_END>", "expected the column of a cell"),
        ("coordinates", "0 0 0 1 1 1", "0 0 1 0 1 1", "0", NOT_HERE),
        ("coordinates", "<TARGET_START> 1 1", "<TARGET_START> <-->", "<-->", "expected a cell"),
        ("coordinate_tuples", "( 0 , 0 ) <-->", "( 0 0 ) <-->", "0", "expected ,"),
        ("coordinate_tuples", "( 0 , 0 ) <-->", "( , 0 ) <-->", ",", "expected the row of a cell"),
        ("coordinate_tuples", "( 0 , 0 ) <-->", "0 , 0 ) <-->", "0", "expected a cell or <ADJLIST_END>"),
        ("coordinate_tuples", ") <--> (", ") ( ( ) <--> (", "(", "expected <-->"),
        ("coordinate_tuples", "( 0 , 1 ) <PATH_END>", "( 0 , 1 <PATH_END>", "<PATH_END>", "expected )"),
        ("walls", "(0,0) <XX>", "(0,0) <-->", "<-->", "expected <XX>"),
        ("adjacency_list", "(0,0) <-->", "(0,0) <XX>", "<XX>", "is not in the vocabulary of 2 x 2 cells"),
        ("walls", "(1,1) <XX> (1,0)", "(1,0) <XX> (0,0)", "(0,0)", "closes an edge that was given before"),
        ("walls", "(0,0) (0,1) (1,1) <", "(0,0) (1,0) (1,1) <", "(1,0)", NOT_HERE),
        ("passages_and_walls", "(0,0) <XX> (1,0)", "(0,0) ; (1,0)", ";", "expected <--> or <XX>"),
        (
            "passages_and_walls",
            "(1,1) <XX> (1,0)",
            "(1,0) <--> (0,0)",
            "(0,0)",
            "closes an edge that was given before, as a passage and as a wall",
        ),
        ("passages_and_walls", "(1,1) <XX> (1,0) ;", "", "<ADJLIST_END>", "some edge of the lattice is neither among"),
        ("unconnected", "(0,0) (0,1) ;", "(0,0) <--> (0,1) ;", "<-->", "expected a cell"),
        ("directions", "EAST SOUTH", "EAST WEST SOUTH", "SOUTH", "no passage leads this way"),
        ("directions", "EAST SOUTH", "EAST EAST", "EAST", "leads off the lattice"),
        ("directions", "EAST SOUTH", "EAST (1,1)", "(1,1)", "expected a direction or <PATH_END>"),
        ("turns", "RIGHT RIGHT", "RIGHT FORWARD", "FORWARD", "leads off the lattice"),
        ("turns", "RIGHT RIGHT", "BACKWARD", "BACKWARD", "no passage leads this way"),
        ("forks", "(0,0) (1,1) <", "(0,0) (1,0) <", "(1,0)", "no corridor leads here from the path's cell before it"),
        ("forks", "(0,0) (1,1) <", "(0,0) (0,0) <", "(0,0)", "no corridor leads here from the path's cell before it"),
        ("no_target", "<TARGET_END>", "(1,1) <TARGET_END>", "(1,1)", "expected <TARGET_END>"),
        (
            "edges_last",
            "<ADJLIST_END> <PATH_START>",
            "<PATH_START>",
            "<PATH_START>",
            "expected a cell or <ADJLIST_END>",
        ),
        ("edges_last", "<ORIGIN_START> (0,0)", "<ADJLIST_START> (0,0)", "<ADJLIST_START>", "expected <ORIGIN_START>"),
    ],
)
def test_a_wrong_token_is_named(name: str, old: str, new: str, token: str, message: str) -> None:
    assert old in GOOD[name]
    spoiled = GOOD[name].replace(old, new)
    with pytest.raises(ValueError) as caught:
        Tokenizer(name, 2, 2).parse([GOOD[name], spoiled])
    said = str(caught.value)
    position = int(said.split("token ")[1].split(" ")[0])
    assert said.startswith(f"sequence 1, token {position} ({token!r}): {message}")
    assert spoiled.split()[position] == token


def test_a_number_beyond_a_smaller_maze_is_named() -> None:
    with pytest.raises(ValueError, match=r"sequence 0, token 7 \('1'\): lies outside the maze"):
        Tokenizer("coordinates", 2, 2).parse(PAIR, 1, 2)


def test_two_corridors_tell_no_path() -> None:
    """In an open field of four cells both ways round lead to the far corner."""
    with pytest.raises(ValueError, match=r"\('\(1,1\)'\): more than one corridor leads here from the path's cell"):
        Tokenizer("forks", 2, 2).parse(FIELD + "(0,0) (1,1) <PATH_END>")


@pytest.mark.parametrize(
    ("name", "path", "message"),
    [
        ("directions", [1, 3], "path of maze 1 cannot be written as directions: it does not begin at its start"),
        ("turns", [0, 3], "path of maze 1 cannot be written as turns: it makes a move that is no step to a neighbour"),
        ("directions", [0, 0], "path of maze 1 cannot be written as directions: it makes a move that is no step"),
        ("directions", [], "path of maze 1 cannot be written as directions: it does not begin at its start"),
        ("forks", [0, 1, 0], "path of maze 1 cannot be written as forks: it turns round between two forks"),
        ("forks", [0, 1, 0, 1], "path of maze 1 cannot be written as forks: it turns round between two forks"),
        ("forks", [0, 2], "path of maze 1 cannot be written as forks: .* leaves the passages"),
        ("forks", [0, 3], "path of maze 1 cannot be written as forks: .* leaves the passages"),
    ],
)
def test_a_path_that_a_scheme_cannot_write_is_named(name: str, path: list[int], message: str) -> None:
    """Maze 0 is fine; maze 1 is (0,0) - (0,1) - (1,1) with a path that is not."""
    found, walked = Tokenizer("adjacency_list", 2, 2).parse(PLAIN + "(0,0) (0,1) (1,1) <PATH_END>")
    two = MazeBatch(np.repeat(found.passages, 2, axis=0), np.zeros(2, int), np.full(2, 3))
    cells = np.full((2, 4), -1)
    cells[0, :3], cells[1, : len(path)] = walked.cells[0], path
    with pytest.raises(ValueError, match=message):
        Tokenizer(name, 2, 2).encode(two, PathBatch(cells, np.array([3, len(path)]), np.array([END, END])), seed=0)


@pytest.mark.parametrize(("name", "what"), [("walls", "2 walls"), ("passages_and_walls", "4 edges")])
def test_an_edge_order_must_name_what_the_scheme_lists(name: str, what: str) -> None:
    tokenizer = Tokenizer(name, 2, 2)
    found, walked = tokenizer.parse(GOOD[name])
    passages = Tokenizer("adjacency_list", 2, 2).draw_edge_order(found.passages, seed=0)
    with pytest.raises(ValueError, match=f"edge_order of maze 0 must name each of its {what} exactly once"):
        tokenizer.encode(found, walked, edge_order=passages)


def test_the_refusals_cover_every_way_to_differ() -> None:
    """Schemes that differ from the default in more than the order of sections or edges are spoiled above."""
    plain = SCHEMES["adjacency_list"]
    differ = {name for name, s in SCHEMES.items() if (s.order, s.sections[0]) == (plain.order, "edges") and s != plain}
    assert differ - {"target_first"} <= GOOD.keys()
