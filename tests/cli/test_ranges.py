"""Ranges are read as they are meant, and what is none is refused with the reason."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maze_interp.cli import ranges


@given(st.integers(-50, 50), st.integers(0, 30))
def test_a_span_has_both_its_ends(first, more):
    assert ranges.parse([f"seed={first}..{first + more}"]) == {
        "seed": tuple(str(value) for value in range(first, first + more + 1))
    }


@given(st.lists(st.from_regex(r"[a-z0-9_./-]*[a-z0-9]|\[[0-9, ]*\]|\"[^\"\n\[\]]*\"", fullmatch=True), min_size=1))
def test_a_list_has_its_items_whatever_is_in_brackets_or_quotes(items):
    items = [item for item in items if not ranges.LIKE_A_SPAN.fullmatch(item)] or ["a"]
    assert ranges.parse([f"some.key={','.join(items)}"]) == {"some.key": tuple(items)}


def test_keys_keep_their_order_and_spans_mix_with_lists():
    found = ranges.parse(["model.heads=4,8", "seed=0..2,7", "run=../a,b/../c"])
    assert list(found.items()) == [
        ("model.heads", ("4", "8")),
        ("seed", ("0", "1", "2", "7")),
        ("run", ("../a", "b/../c")),
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("seed", "give it as key=first..last or key=value,value"),
        ("=0..4", "give it as key=first..last or key=value,value"),
        ("seed=", "a value is missing"),
        ("seed=1,,2", "a value is missing"),
        ("seed=1,", "a value is missing"),
        ("seed=4..0", "4..0 is empty, as 4 is more than 0"),
        ("seed=0..", "0.. is no range; give whole numbers as first..last"),
        ("seed=..4", "..4 is no range"),
        ("seed=0...4", "0...4 is no range"),
        ("p=0.1..0.5", "0.1..0.5 is no range"),
        ("seed=0..99999999999", "more than 10,000 values"),
    ],
)
def test_what_is_no_range_is_refused(text, told):
    with pytest.raises(ValueError, match=f"--over {text.replace('.', '[.]')}: ") as refusal:
        ranges.parse([text])
    assert told in str(refusal.value)


def test_a_key_is_given_once():
    with pytest.raises(ValueError, match="--over seed=2: seed is given twice"):
        ranges.parse(["seed=1", "seed=2"])
