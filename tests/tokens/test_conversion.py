"""A sequence says the same in every scheme: converting there and back, or by any detour, changes nothing."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maze_interp import mazes, tokens
from maze_interp.tokens import SCHEMES, Scheme, Tokenizer
from tests.languages import same, worlds

FITS_ALL = Scheme(path="forks", target=False)  # worlds that every scheme can write
WITH_TARGET = [name for name in SCHEMES if SCHEMES[name].target]


@given(
    data=st.data(),
    source=st.sampled_from(WITH_TARGET),
    target=st.sampled_from(list(SCHEMES)),
    seed=st.integers(0, 1000),
)
@settings(deadline=None, max_examples=60)
def test_there_and_back(data: st.DataObject, source: str, target: str, seed: int) -> None:
    drawn, paths = data.draw(worlds(FITS_ALL))
    one, other = Tokenizer(source, 6, 6), Tokenizer(target, 7, 7, "corner_first")
    texts = one.text(one.encode(drawn, paths, seed=seed))
    converted = tokens.convert(texts, one, other, rows=drawn.rows, cols=drawn.cols)
    found, walked = other.parse(converted, drawn.rows, drawn.cols)
    assert same(found, drawn)
    assert same(walked, paths)
    back = tokens.convert(converted, other, one, rows=drawn.rows, cols=drawn.cols)
    keeps_order = SCHEMES[source].edges == SCHEMES[target].edges
    keeps_order &= SCHEMES[source].order == SCHEMES[target].order == "random"
    fixed = SCHEMES[source].order == "row_by_row"
    assert back == texts or not (keeps_order or fixed)


def test_what_is_not_told_cannot_be_converted() -> None:
    """A prompt without a target has no goal to write; a whole sequence has."""
    drawn = mazes.draw(mazes.World("wilson", 3, 3), 2, seed=0)
    silent, plain = Tokenizer("no_target", 3, 3), Tokenizer("adjacency_list", 3, 3)
    texts = silent.text(silent.encode(drawn, mazes.solve(drawn), seed=0))
    assert all("<TARGET_START> (" in text for text in tokens.convert(texts, silent, plain))
    prompts = silent.text(silent.encode_prompts(drawn, seed=0))
    with pytest.raises(ValueError, match="the goal of maze 0 holds -1, which is no cell of a 3 x 3 maze"):
        tokens.convert(prompts, silent, plain)
    assert tokens.convert(prompts, silent, silent) == prompts


def test_prompts_stay_prompts() -> None:
    drawn = mazes.draw(mazes.World("wilson", 3, 3), 2, seed=0)
    plain = Tokenizer("adjacency_list", 3, 3)
    prompts = plain.text(plain.encode_prompts(drawn, seed=0))
    for name in WITH_TARGET:
        converted = tokens.convert(prompts, plain, Tokenizer(name, 3, 3))
        assert all(text.endswith("<PATH_START>") for text in converted)


def test_without_sequences_there_is_nothing_to_convert() -> None:
    assert tokens.convert([], Tokenizer("walls", 3, 3), Tokenizer("turns", 3, 3)) == []
