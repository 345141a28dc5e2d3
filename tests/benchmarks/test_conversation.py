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


def test_a_peer_that_does_not_end_is_ended(conversation, tmp_path, monkeypatch):
    monkeypatch.setattr(conversation, "PATIENCE", 0.05)
    script = tmp_path / "deaf.py"
    script.write_text("""print('{"ready": true}', flush=True)\nimport time\ntime.sleep(600)""")
    with conversation.speaking(Path(sys.executable), str(script), 1, tmp_path / "deaf.log") as deaf:
        pass
    assert deaf.process.returncode < 0


def test_work_that_comes_to_something_else_is_no_comparison(conversation, peer):
    import contest

    check = lambda found: contest.agree("a sum", 5.0, found, 0.5)  # noqa: E731
    assert conversation.turn(peer, "add", check, left=2, right=3)() >= 0
    with pytest.raises(ValueError, match="not the same work: a sum, ours 5 and theirs 6"):
        conversation.turn(peer, "add", check, left=3, right=3)()
    assert contest.timed(lambda: 5.5, check)() >= 0
    with pytest.raises(ValueError, match="not the same work"):
        contest.timed(lambda: float("nan"), check)()


@pytest.fixture
def peers(conversation, tmp_path, monkeypatch):
    import peers

    monkeypatch.setattr(peers, "ROOT", tmp_path)
    monkeypatch.setattr(peers, "conditions", lambda name: "this machine, today")
    monkeypatch.setattr(peers.torch, "set_num_threads", lambda threads: None)
    return peers


def test_a_peer_that_cannot_start_costs_its_own_part_alone(peers, tmp_path, monkeypatch):
    script, speaking = tmp_path / "broken.py", peers.speaking
    script.write_text("raise ImportError")
    monkeypatch.setattr(peers, "build", lambda name: Path(sys.executable))
    monkeypatch.setattr(peers, "speaking", lambda python, _, *rest: speaking(python, str(script), *rest))
    monkeypatch.setitem(peers.PARTS, "data", (lambda peer, quick: ["never"], "maze-dataset"))
    found = peers._measured("data", True, tmp_path)
    assert not found["whole"]
    assert "has ended" in "".join(found["lines"])
    assert "never" not in found["lines"]


def test_parts_that_failed_are_measured_again(peers, tmp_path, monkeypatch):
    asked, failing = [], {"second"}

    def part(name):
        def measure(peer, quick):
            asked.append(name)
            yield peers.Row(f"a row of {name}", "1")
            if name in failing:
                raise ValueError("broken")

        return measure, ""

    monkeypatch.setattr(peers, "PARTS", {name: part(name) for name in ("first", "second")})
    monkeypatch.setattr(sys, "argv", ["peers.py", "--missing", "--quick"])
    peers.main()
    page = tmp_path / "runs" / "bench-peers-quick.md"
    assert "second: failed, ValueError: broken" in page.read_text()
    assert "Not whole" in page.read_text()
    failing.clear()
    peers.main()
    assert asked == ["first", "second", "second"]
    told = page.read_text()
    assert "Not whole" not in told
    assert told.count("this machine, today") == 2
    assert told.startswith("Small sizes, no result")


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
