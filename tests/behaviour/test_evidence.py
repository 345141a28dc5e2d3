"""The verdict on walkers whose ways are known is known. Seeds are fixed, so these tests either pass or do not."""

from dataclasses import replace

import numpy as np
import pytest

from maze_interp import mazes
from maze_interp.behaviour import (
    POLICIES,
    Walker,
    evidence,
    lookahead,
    memoriser,
    of_model,
    of_policy,
    searcher,
    verdict,
)
from maze_interp.behaviour.verdict import CONTRADICTED, SUPPORTED
from maze_interp.mazes import DOWN, MazeBatch, World
from maze_interp.tokens import Tokenizer
from tests import tiny

ROOMY = World("depth_first", 5, 5, min_length=4)
COUNT = 500


@pytest.fixture(scope="module")
def unread():
    return mazes.take(ROOMY, COUNT, seed=1, split=mazes.TEST)[0]


@pytest.fixture(scope="module")
def read():
    return mazes.take(ROOMY, COUNT, seed=2, split=mazes.TRAIN)[0]


def cut_off(some: MazeBatch) -> MazeBatch:
    """The mazes with the first passage of each solution closed."""
    path = mazes.solve(some).cells[:, :2]
    passages, low = some.passages.copy(), path.min(axis=1)
    direction = np.where(np.abs(path[:, 0] - path[:, 1]) == 1, 1, DOWN)
    passages[np.arange(len(some)), direction, low // some.cols, low % some.cols] = False
    return replace(some, passages=passages)


def verdicts(walker: Walker, unread) -> dict[str, str]:
    solutions = mazes.solve(unread, seed=0)
    asked = evidence.ask(walker, unread, solutions)
    other = mazes.draw(replace(ROOMY, generator="wilson"), COUNT // 2, seed=3)
    found = [
        evidence.from_rules(asked, seed=0),
        evidence.from_look_ahead(asked, seed=0),
        evidence.from_edits(walker, asked, Tokenizer(rows=5, cols=5), seed=0),
        evidence.from_elsewhere(walker, other, "wilson", seed=0),
        evidence.from_walks(asked, walker.walk(unread), seed=0),
        evidence.from_cut_off(walker, cut_off(unread[:100]), unread[100:200]),
    ]
    return verdict.judge([one for each in found for one in each.predictions])


def walker(policy, name="it") -> Walker:
    return of_policy(policy, seed=0, name=name)


def gives_up(some: Walker, far: int) -> Walker:
    """The walker, but where a maze needs much look-ahead or the goal is out of reach it jumps to the goal."""

    def walk(asked, progress=None):
        walked = some.walk(asked)
        reach = mazes.distances(asked.passages, asked.goal)[np.arange(len(asked)), asked.start]
        lost = reach < 0
        inside = np.flatnonzero(~lost)
        found = mazes.decisions(asked[inside], mazes.solve(asked[inside]))
        need = mazes.look_ahead(asked[inside], found, "forward")
        lost[inside[found.maze[need >= far]]] = True
        cells = walked.cells.copy()
        cells[lost, 1] = asked.goal[lost]
        return replace(walked, cells=cells, length=np.where(lost, 2, walked.length))

    return replace(some, walk=walk)


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (POLICIES["oracle"], evidence.SEARCHES),
        (POLICIES["baseline"], evidence.LOCAL),
        (POLICIES["wall_follower_left"], evidence.LOCAL),
        (searcher("forward", 3), evidence.LIMITED),
    ],
    ids=["oracle", "baseline", "wall follower", "forward 3"],
)
def test_the_verdict_on_a_known_walker_is_right(policy, expected, unread):
    """What it does is supported and all else contradicted; a limited search is a little of a search and of a rule."""
    found = verdicts(walker(policy), unread)
    assert [name for name, what in found.items() if what == SUPPORTED] == [expected]
    alike = {evidence.SEARCHES, evidence.LOCAL} if expected == evidence.LIMITED else set()
    assert {name for name, what in found.items() if what != CONTRADICTED} <= {expected, *alike}, found


def test_memory_is_told_from_none(read, unread):
    for one, expected in ((memoriser(read), SUPPORTED), (POLICIES["oracle"], CONTRADICTED)):
        found = evidence.from_memory(walker(one), read, unread, seed=0)
        assert verdict.judge(found.predictions) == {evidence.MEMORISES: expected}


def test_giving_up_is_told_from_searching(read, unread):
    """A perfect walker that breaks the rules where much look-ahead is needed gives up; one that never does does not."""
    perfect = walker(POLICIES["oracle"])
    for one, expected in ((perfect, CONTRADICTED), (gives_up(perfect, 6), SUPPORTED)):
        asked = evidence.ask(one, unread, mazes.solve(unread, seed=0))
        found = [
            evidence.from_walks(asked, one.walk(unread), seed=0),
            evidence.from_cut_off(one, cut_off(unread[:100]), unread[100:200]),
        ]
        assert verdict.judge([p for each in found for p in each.predictions])[evidence.GIVES_UP] == expected


@pytest.mark.parametrize("beyond", ["greedy", "guess"])
@pytest.mark.parametrize("horizon", [1, 4])
def test_a_forward_searcher_is_told_its_own_horizon(horizon, beyond, unread):
    asked = evidence.ask(walker(searcher("forward", horizon, beyond=beyond)), unread, mazes.solve(unread, seed=0))
    rows = evidence.from_horizons(asked, kinds=["forward"]).tables["look_ahead"]
    left = {way: lookahead.horizons_left(rows, kind="forward", beyond=way) for way in ("greedy", "guess")}
    assert left == {"greedy": (), "guess": (), beyond: (horizon,)}


def test_an_untrained_model_is_no_search(unread):
    model = of_model(tiny.model(rows=5, cols=5), seed=0)
    few = unread[:60]
    asked = evidence.ask(model, few, mazes.solve(few, seed=0))
    found = [
        evidence.from_look_ahead(asked, seed=0),
        evidence.from_edits(model, asked, Tokenizer(rows=5, cols=5), seed=0),
    ]
    predictions = [one for each in found for one in each.predictions]
    assert verdict.judge(predictions)[evidence.SEARCHES] == CONTRADICTED
    assert not mazes.paths.valid(few, model.walk(few)).any()


def test_of_mazes_with_cycles_there_is_no_evidence_from_edits():
    drawn = mazes.draw(World("depth_first_percolation", 4, 4, {"p": 0.3}), 30, seed=0)
    perfect = walker(POLICIES["oracle"])
    asked = evidence.ask(perfect, drawn, mazes.solve(drawn, seed=0))
    assert (asked.need > 0).all()
    assert evidence.from_edits(perfect, asked, Tokenizer(rows=4, cols=4), seed=0).predictions == []


def test_progress_goes_from_one_part_to_the_next(unread):
    said = []
    perfect = walker(POLICIES["oracle"])
    asked = evidence.ask(perfect, unread[:50], mazes.solve(unread[:50], seed=0))
    evidence.from_edits(perfect, asked, Tokenizer(rows=5, cols=5), seed=0, progress=lambda *given: said.append(given))
    shares = [done / total for done, total in said]
    assert shares == sorted(shares)
    assert shares[-1] == 1
