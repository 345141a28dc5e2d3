"""The vocabulary is maze-dataset's: special tokens first, cells in either of its two orders."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maze_interp import tokens
from maze_interp.tokens import SPECIALS, Vocabulary

lattices = st.tuples(st.integers(1, 8), st.integers(1, 8), st.sampled_from(["row_by_row", "corner_first"]))


def test_the_specials_come_first_and_in_order() -> None:
    named = "<ADJLIST_START> <ADJLIST_END> <TARGET_START> <TARGET_END> <ORIGIN_START> <ORIGIN_END> <PATH_START>"
    assert " ".join(SPECIALS) == f"{named} <PATH_END> <--> ; <PADDING>"
    assert Vocabulary(2, 2).tokens[:11] == SPECIALS


def test_row_by_row_reads_like_a_page() -> None:
    assert Vocabulary(2, 3).tokens[11:] == ("(0,0)", "(0,1)", "(0,2)", "(1,0)", "(1,1)", "(1,2)")


def test_corner_first_is_the_order_that_maze_dataset_documents() -> None:
    """Up to 3 x 3 as in the docstring of its corner_first_ndindex; the shell of 4 x 4 by its rule, worked by hand."""
    three = "(0,0) (0,1) (1,0) (1,1) (0,2) (2,0) (1,2) (2,1) (2,2)"
    assert " ".join(Vocabulary(3, 3, "corner_first").tokens[11:]) == three
    four = f"{three} (0,3) (3,0) (3,1) (2,3) (3,2) (1,3) (3,3)"
    assert " ".join(Vocabulary(4, 4, "corner_first").tokens[11:]) == four


@pytest.mark.parametrize("size", range(1, 12))
def test_corner_first_keeps_the_ids_of_a_smaller_square(size: int) -> None:
    small, large = (Vocabulary(n, n, "corner_first").tokens for n in (size, size + 1))
    assert large[: len(small)] == small


def test_row_by_row_does_not_keep_them() -> None:
    assert Vocabulary(3, 3).tokens[:15] != Vocabulary(2, 2).tokens


@given(lattices)
def test_names_ids_and_cells_agree(lattice: tuple[int, int, str]) -> None:
    vocabulary = Vocabulary(*lattice)
    assert len(set(vocabulary.tokens)) == vocabulary.size == 11 + vocabulary.rows * vocabulary.cols
    assert (vocabulary.cell_of_id[:11] == -1).all()
    for (row, col), index in np.ndenumerate(vocabulary.cell_ids):
        assert vocabulary.tokens[index] == f"({row},{col})"
        assert vocabulary.ids[f"({row},{col})"] == index
        assert vocabulary.cell_of_id[index] == row * vocabulary.cols + col


@given(lattices, st.data())
def test_a_smaller_maze_keeps_its_names(lattice: tuple[int, int, str], data: st.DataObject) -> None:
    vocabulary = Vocabulary(*lattice)
    rows, cols = (data.draw(st.integers(1, size)) for size in lattice[:2])
    ids, cells = vocabulary.ids_on(rows, cols), vocabulary.cells_on(rows, cols)
    assert [vocabulary.tokens[index] for index in ids] == [f"({r},{c})" for r, c in np.ndindex(rows, cols)]
    assert (cells[ids] == np.arange(rows * cols)).all()
    assert (cells >= 0).sum() == rows * cols


def test_what_cannot_be_a_vocabulary() -> None:
    with pytest.raises(ValueError, match="at least 1 row and 1 column, not 0 x 3"):
        Vocabulary(0, 3)
    with pytest.raises(ValueError, match=r"unknown cell order 'corner_frist'; did you mean 'corner_first'\?"):
        Vocabulary(2, 2, "corner_frist")


def test_shared_tables_cannot_be_written_to() -> None:
    vocabulary = Vocabulary(2, 2)
    for table in (vocabulary.cell_ids, vocabulary.cell_of_id):
        with pytest.raises(ValueError, match="read-only"):
            table[0] = 0


def test_a_scheme_brings_its_words() -> None:
    """By maze-dataset's names and in its order, between the specials and the cells; the plain schemes bring none."""
    words = {name: tokens.Tokenizer(name, 2, 3).vocabulary.words for name in tokens.SCHEMES}
    assert words.pop("coordinate_tuples") == ("(", ",", ")")
    assert words.pop("directions") == ("NORTH", "SOUTH", "EAST", "WEST")
    assert words.pop("turns") == ("FORWARD", "BACKWARD", "LEFT", "RIGHT")
    assert words.pop("walls") == words.pop("passages_and_walls") == ("<XX>",)
    assert set(words.values()) == {()}
    walled = tokens.Tokenizer("walls", 2, 2).vocabulary
    assert walled.tokens == (*SPECIALS, "<XX>", "(0,0)", "(0,1)", "(1,0)", "(1,1)")
    assert walled.cell_ids.tolist() == [[12, 13], [14, 15]]


def test_rows_and_columns_share_their_numbers() -> None:
    vocabulary = tokens.Tokenizer("coordinate_tuples", 2, 3).vocabulary
    assert vocabulary.tokens == (*SPECIALS, "(", ",", ")", "0", "1", "2")
    assert vocabulary.size == len(vocabulary.tokens) == 17
    assert vocabulary.first_place == vocabulary.ids["0"] == 14
    assert (vocabulary.cell_of_id == -1).all()
    with pytest.raises(ValueError, match="cells have no tokens of their own in a vocabulary of row and column numbers"):
        _ = vocabulary.cell_ids
    larger = tokens.Tokenizer("coordinate_tuples", 4, 4).vocabulary
    assert larger.tokens[:17] == vocabulary.tokens
