"""Goals are sets of outcomes that ask for something."""

import numpy as np
import pytest

from maze_interp import sequences


def test_a_goal_is_named_by_its_size():
    for size, good in sequences.GOALS.items():
        assert len(good) == size
        assert sequences.goal(size) == sequences.goal(good[::-1]) == good
        assert sequences.chance(size) == size / 8


def test_what_is_achieved_is_what_lies_in_the_goal():
    assert sequences.achieved(np.arange(8), 4).tolist() == [True, False] * 4
    assert sequences.achieved(np.array([[3, 0], [1, 3]]), [3]).tolist() == [[True, False], [False, True]]


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ([], "a goal of nothing asks for nothing"),
        (range(8), "a goal of everything asks for nothing"),
        ([3, 8], "outcomes are 0..7, not 8"),
        ([-1], "outcomes are 0..7, not -1"),
        (3, "unknown goal '3'"),
    ],
)
def test_a_goal_that_asks_for_nothing_or_the_impossible_is_refused(name, complaint):
    with pytest.raises(ValueError, match=complaint):
        sequences.goal(name)
