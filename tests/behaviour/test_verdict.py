import numpy as np
import pytest

from maze_interp import mazes
from maze_interp.behaviour import POLICIES, choosing, searcher, verdict
from maze_interp.behaviour.verdict import CONTRADICTED, MIXED, SUPPORTED, Prediction, judge
from maze_interp.mazes import World
from maze_interp.tables import Row


def prediction(low, high, *, bound=0.5, less=False, hypothesis="it does"):
    return Prediction(hypothesis, "share", "a share", bound, Row("share", (low + high) / 2, low, high, 100), less)


@pytest.mark.parametrize(
    ("low", "high", "more", "less"),
    [(0.6, 0.7, True, False), (0.3, 0.4, False, True), (0.4, 0.6, None, None), (0.5, 0.6, None, None)],
)
def test_a_prediction_holds_where_the_whole_interval_lies_beyond_its_bound(low, high, more, less):
    assert prediction(low, high).held is more
    assert prediction(low, high, less=True).held is less


def test_a_value_without_an_interval_decides_by_itself_and_nothing_decides_nothing():
    nan = float("nan")
    assert Prediction("it does", "share", "a share", 0.5, Row("share", 1.0, nan, nan, 90)).held is True
    assert Prediction("it does", "share", "a share", 0.5, Row("share", 1.0, nan, nan, 90), less=True).held is False
    assert Prediction("it does", "share", "a share", 0.5, Row("share", nan, nan, nan, 0)).held is None


def test_a_hypothesis_is_judged_by_all_its_predictions():
    yes, no, open_ = (0.6, 0.7), (0.3, 0.4), (0.4, 0.6)
    for intervals, expected in (
        ([yes, yes], SUPPORTED),
        ([no, no], CONTRADICTED),
        ([yes, no], MIXED),
        ([yes, open_], MIXED),
        ([no, open_], MIXED),
        ([open_], MIXED),
    ):
        assert judge([prediction(*one) for one in intervals]) == {"it does": expected}
    several = [prediction(*no, hypothesis="a"), prediction(*yes, hypothesis="b")]
    assert list(judge(several).items()) == [("a", CONTRADICTED), ("b", SUPPORTED)]


def test_a_row_says_what_was_predicted_and_what_became_of_it():
    row = prediction(0.6, 0.7, less=True).row
    assert row.what == {"hypothesis": "it does", "predicts": "less than 0.5", "held": "no"}
    assert (row.measure, row.low, row.high) == ("a share", 0.6, 0.7)


def test_skill_is_nought_for_a_guess_and_one_for_certainty():
    drawn = mazes.draw(World("depth_first", 5, 5), 60, seed=0)
    found = mazes.decisions(drawn, mazes.solve(drawn))
    for name, expected in (("baseline", 0.0), ("oracle", 1.0)):
        responses = choosing.policy_responses(POLICIES[name], drawn, found)
        assert np.allclose(verdict.skill(responses, found), expected)
    half = 0.5 * choosing.policy_responses(POLICIES["oracle"], drawn, found) + 0.5 * choosing.uniform(found.options)
    assert verdict.mean_skill(half, found, seed=0).value == pytest.approx(0.5)
    greedy = verdict.skill(choosing.policy_responses(searcher("forward", 0), drawn, found), found)
    assert greedy.min() < 0  # misled is worse than guessing


def test_skill_says_nothing_where_every_option_is_right():
    drawn = mazes.draw(World("open_field", 3, 3, min_length=5), 20, seed=0)
    found = mazes.decisions(drawn)
    all_right = (found.right == found.options).all(axis=1)
    assert 0 < all_right.sum() < len(found)
    values = verdict.skill(choosing.uniform(found.options), found)
    assert np.array_equal(np.isnan(values), all_right)
    assert verdict.mean_skill(choosing.uniform(found.options), found, seed=0).what["decisions"] == (~all_right).sum()


def test_what_fifty_mazes_reach_is_as_far_as_they_tell():
    maze = np.repeat(np.arange(100), 2)
    distance = np.stack([np.ones(100, int), np.arange(100)], axis=1).ravel()
    assert verdict.farthest(distance, maze) == 50
    assert verdict.farthest(distance[:80], maze[:80]) == 0  # of forty mazes: the least
    assert verdict.farthest(np.zeros(0, int), np.zeros(0, int)) == 0


def test_few_mazes_decide_nothing():
    for n, held in ((19, None), (20, True)):
        assert Prediction("it does", "share", "a share", 0.5, Row("share", 1.0, 0.9, 1.0, n)).held is held
