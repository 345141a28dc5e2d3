"""Text that is no sequence is refused, with the sequence, the position and the token that are to blame."""

import pytest

from maze_interp.tokens import Tokenizer

GOOD = (
    "<ADJLIST_START> (0,0) <--> (0,1) ; (1,1) <--> (0,1) ; <ADJLIST_END> <ORIGIN_START> (0,0) <ORIGIN_END> "
    "<TARGET_START> (1,1) <TARGET_END> <PATH_START> (0,0) (0,1) (1,1) <PATH_END>"
)
TOKENIZER = Tokenizer("adjacency_list", 3, 3)


def spoiled(at: int, token: str) -> str:
    """GOOD with one token replaced."""
    words = GOOD.split()
    return " ".join([*words[:at], token, *words[at + 1 :]])


@pytest.mark.parametrize(
    ("at", "token", "message"),
    [
        (5, "(9,9)", "is not in the vocabulary of 3 x 3 cells"),
        (8, ":", "is not in the vocabulary of 3 x 3 cells"),
        (5, "(2,1)", "is no cell of a 2 x 2 maze"),
        (0, ";", "expected <ADJLIST_START>"),
        (1, "<-->", "expected a cell or <ADJLIST_END>"),
        (2, ";", "expected <-->"),
        (3, "<-->", "expected a cell"),
        (4, "(0,0)", "expected ;"),
        (3, "(1,1)", "is no neighbour of the other end of its edge"),
        (3, "(0,0)", "is no neighbour of the other end of its edge"),
        (9, "<ORIGIN_START>", "expected a cell or <ADJLIST_END>"),
        (10, "<TARGET_START>", "expected <ORIGIN_START>"),
        (11, "<ORIGIN_END>", "expected a cell"),
        (12, "(0,0)", "expected <ORIGIN_END>"),
        (13, "<PATH_START>", "expected <TARGET_START>"),
        (14, "<PADDING>", "expected a cell"),
        (15, "(1,1)", "expected <TARGET_END>"),
        (16, "<PATH_END>", "expected <PATH_START>"),
        (18, "(1,0)", "no passage leads here from the path's cell before it"),
        (18, "(1,1)", "no passage leads here from the path's cell before it"),
        (18, "(0,0)", "no passage leads here from the path's cell before it"),
        (18, "<-->", "expected a cell or <PATH_END>"),
        (18, "<PATH_END>", "nothing may follow <PATH_END>"),
    ],
)
def test_a_wrong_token_is_named(at: int, token: str, message: str) -> None:
    blamed = (19, "(1,1)") if message.startswith("nothing") else (at, token)
    with pytest.raises(ValueError) as caught:
        TOKENIZER.parse([GOOD, spoiled(at, token)], 2, 2)
    assert str(caught.value) == f"sequence 1, token {blamed[0]} ({blamed[1]!r}): {message}"


@pytest.mark.parametrize("repeated", ["(1,1) <--> (0,1)", "(0,1) <--> (1,1)"])
def test_an_edge_may_be_given_once(repeated: str) -> None:
    twice = GOOD.replace("<ADJLIST_END>", f"{repeated} ; <ADJLIST_END>")
    with pytest.raises(ValueError, match=r"sequence 0, token 11 \('\(.,1\)'\): closes an edge that was given before"):
        TOKENIZER.parse(twice)


def test_a_row_end_and_the_next_row_are_no_neighbours() -> None:
    text = GOOD.replace("<ADJLIST_END>", "(0,2) <--> (1,0) ; <ADJLIST_END>")
    with pytest.raises(ValueError, match=r"token 11 \('\(1,0\)'\): is no neighbour"):
        TOKENIZER.parse(text)


def test_every_cut_but_the_prompt_and_the_whole_is_refused() -> None:
    words = GOOD.split()
    for length in set(range(len(words))) - {17}:
        with pytest.raises(ValueError, match=rf"sequence 0, token {length} \(the end\): expected "):
            TOKENIZER.parse(" ".join(words[:length]))
    TOKENIZER.parse(" ".join(words[:17]))


def test_every_missing_token_is_noticed() -> None:
    """Only a path may do without its first or last cell: it is still a walk."""
    words = GOOD.split()
    for at in set(range(len(words))) - {17, 19}:
        with pytest.raises(ValueError, match=r"sequence 0, token \d+ "):
            TOKENIZER.parse(" ".join(words[:at] + words[at + 1 :]))


def test_white_space_of_any_kind_separates_tokens() -> None:
    assert TOKENIZER.parse(f"  {GOOD}\n".replace(" ; ", " ;\n"))[0].passages.sum() == 2


def test_a_lattice_beyond_the_vocabulary_is_refused() -> None:
    with pytest.raises(ValueError, match="mazes of 4 x 3 cells do not fit a vocabulary of 3 x 3"):
        TOKENIZER.parse(GOOD, 4, 3)
