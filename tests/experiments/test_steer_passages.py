"""What is said of adding and removing passages, from rows whose answer is known."""

import pytest

from maze_interp.experiments import steer_passages_page as page
from maze_interp.tables import Row


def rows(low: float, high: float, sure: float) -> tuple[list[Row], list[Row]]:
    apart = [Row(page.ASYMMETRY, (low + high) / 2, low, high, 50, {"method": "means", "among": "both"})]
    beyond = [Row(page.BEYOND, 0.3, sure, 0.5, 50, {"wish": wish, "method": "means"}) for wish in ("add", "remove")]
    return apart, beyond


@pytest.mark.parametrize(
    ("low", "high", "sure", "said"),
    [
        (0.1, 0.3, 0.1, "adding is easier."),
        (-0.3, -0.1, 0.1, "removing is easier."),
        (-0.1, 0.1, 0.1, "neither surely."),
        (-0.3, -0.1, -0.1, "but neither is surely done at all."),
    ],
)
def test_which_is_easier_is_asked_of_ways_that_do_something(low, high, sure, said):
    assert page._apart(*rows(low, high, sure)).endswith(said)
