"""A peer is asked in turn with us: what it prints is no answer, what fails is told, and seconds are its own."""

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PEER = """
import sys, time
sys.path.insert(0, {here!r})
from serving import serve

def add(left, right):
    print("adding")
    return lambda: float(left + right)

def sleep(seconds):
    return lambda: time.sleep(seconds) or 0.0

serve({{"add": add, "sleep": sleep, "fail": lambda: (lambda: 1 / 0)}})
"""


@pytest.fixture
def conversation(monkeypatch):
    monkeypatch.syspath_prepend(str(HERE))
    import conversation

    return conversation


@pytest.fixture
def peer(conversation, tmp_path):
    script = tmp_path / "peer.py"
    script.write_text(PEER.format(here=str(HERE)))
    with conversation.speaking(Path(sys.executable), str(script), 1, tmp_path / "peer.log") as speaking:
        yield speaking


def test_a_peer_prepares_once_and_measures_on_demand(conversation, peer):
    assert conversation.value(peer, "add", left=2, right=3) == 5.0
    assert "adding" in peer.log.read_text()  # what is printed goes to the log
    turn = conversation.turn(peer, "sleep", seconds=0.02)
    assert min(turn(), turn()) >= 0.02


def test_what_fails_is_told_and_the_conversation_goes_on(conversation, peer):
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        conversation.value(peer, "fail")
    with pytest.raises(RuntimeError, match="KeyError: 'nothing'"):
        conversation.turn(peer, "nothing")
    assert conversation.value(peer, "add", left=1, right=1) == 2.0


def test_a_peer_that_has_ended_is_told(conversation, peer):
    turn = conversation.turn(peer, "add", left=1, right=1)
    peer.process.kill()
    peer.process.wait()
    with pytest.raises(RuntimeError, match="has ended"):
        turn()


def test_contestants_take_turns_and_the_first_of_each_does_not_count(conversation):
    import contest

    said, seconds = [], {"ours": iter([9.0, 1.0, 2.0, 4.0]), "theirs": iter([0.0, 6.0, 8.0, 7.0])}
    turns = {name: (lambda name=name: said.append(name) or next(seconds[name])) for name in seconds}
    assert contest.alternate(turns, 3) == {"ours": 2.0, "theirs": 7.0}
    assert said == ["ours", "theirs"] * 4


def test_a_row_says_whether_its_goal_was_reached(conversation):
    import contest

    assert contest.line(contest.Row("a", "1", "2", 2.5, 2.5)) == "| a | 1 | 2 | 2.50 x | 2.5 x: reached |"
    assert "not reached" in contest.line(contest.Row("a", "1", "2", 2.4, 2.5))
    assert contest.line(contest.Row("a", "1")) == "| a | 1 |  |  |  |"


def test_a_power_of_cells_is_found_and_bends_widen_it(conversation):
    import scale

    def grows(cost):
        return [scale.Size(rows, {"x": cost(rows**2)}) for rows in scale.SIZES]

    assert scale.slope(grows(lambda cells: 3 * cells**1.5), "x") == pytest.approx((1.5, 1.5, 1.5))
    power, low, high = scale.slope(grows(lambda cells: cells + cells**2 / 500), "x")
    assert 1 < low < power < high < 2
