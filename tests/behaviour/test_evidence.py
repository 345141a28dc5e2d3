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
    shifts,
    verdict,
)
from maze_interp.behaviour.verdict import CONTRADICTED, MIXED, SUPPORTED
from maze_interp.mazes import NO_CELL, MazeBatch, World
from maze_interp.tokens import Tokenizer
from tests import tiny

ROOMY, UNIFORM = World("depth_first", 5, 5, min_length=4), World("wilson", 4, 4)
COUNT = 500


def mazes_of(world: World, seed: int = 1) -> MazeBatch:
    return mazes.take(world, COUNT, seed=seed, split=mazes.TEST)[0]


@pytest.fixture(scope="module")
def unread():
    return mazes_of(ROOMY)


@pytest.fixture(scope="module")
def read():
    return mazes.take(ROOMY, COUNT, seed=2, split=mazes.TRAIN)[0]


def lacking(world: World) -> list[MazeBatch]:
    """Mazes whose goal is cut off, and mazes that lack another passage."""
    home = shifts.Home(world, Tokenizer(rows=world.rows, cols=world.cols), 10_000)
    return [shifts.shifted(name, home, 100, seed=0).mazes for name in ("goal_cut_off", "branch_cut_off")]


def verdicts(walker: Walker, world: World) -> dict[str, str]:
    unread = mazes_of(world)
    asked = evidence.ask(walker, unread, mazes.solve(unread, seed=0))
    other = mazes.draw(replace(world, generator="kruskal"), COUNT, seed=3)
    found = [
        evidence.from_rules(asked, seed=0),
        evidence.from_look_ahead(asked, seed=0),
        evidence.from_horizons(asked, seed=0, kinds=["forward"]),
        evidence.from_edits(walker, asked, Tokenizer(rows=world.rows, cols=world.cols), seed=0),
        evidence.from_elsewhere(walker, other, "kruskal", seed=0),
        evidence.from_cut_off(walker, *lacking(world)),
    ]
    return verdict.judge([one for each in found for one in each.predictions])


def walker(policy, name="it") -> Walker:
    return of_policy(policy, seed=0, name=name)


def gives_up(some: Walker, far: int) -> Walker:
    """The walker, but where much look-ahead is needed it puts half on no way, and out of reach it jumps to the goal."""

    def walk(asked, progress=None):
        walked = some.walk(asked)
        lost = mazes.distances(asked.passages, asked.goal)[np.arange(len(asked)), asked.start] < 0
        cells = walked.cells.copy()
        cells[lost, 1] = asked.goal[lost]
        return replace(walked, cells=cells, length=np.where(lost, 2, walked.length))

    def choose(asked, paths, edge_order=None):
        ways = some.choose(asked, paths)
        found = mazes.decisions(asked, paths)
        hard = found[mazes.look_ahead(asked, found, "forward") >= far]
        ways[hard.maze, hard.step] /= 2
        return ways

    return Walker(some.name, walk, choose)


@pytest.mark.parametrize("world", [ROOMY, UNIFORM], ids=["depth-first 5 x 5", "uniform 4 x 4"])
@pytest.mark.parametrize(
    ("policy", "expected", "open_"),
    [
        (POLICIES["oracle"], [evidence.SEARCHES], set()),
        (POLICIES["baseline"], [evidence.LOCAL], set()),
        (POLICIES["wall_follower_left"], [evidence.LOCAL], {evidence.LIMITED}),
        (POLICIES["greedy_manhattan"], [evidence.LOCAL], {evidence.LIMITED}),
        (searcher("forward", 2), [evidence.LIMITED], {evidence.LOCAL, evidence.SEARCHES}),
    ],
    ids=["oracle", "baseline", "wall follower", "greedy", "forward 2"],
)
def test_the_verdict_on_a_known_walker_is_right(policy, expected, open_, world):
    """What it does is supported, and all else contradicted but for what is `open_`, as walkers do a little of it."""
    found = verdicts(walker(policy), world)
    assert [name for name, what in found.items() if what == SUPPORTED] == expected
    assert {name for name, what in found.items() if what == MIXED} <= open_, found


def test_memory_is_told_from_none(read, unread):
    for one, expected in ((memoriser(read), SUPPORTED), (POLICIES["oracle"], CONTRADICTED)):
        found = evidence.from_memory(walker(one), read, unread, seed=0)
        assert verdict.judge(found.predictions) == {evidence.MEMORISES: expected}


def test_giving_up_is_told_from_searching(unread):
    """A perfect walker that would break the rules where much look-ahead is needed gives up; the other does not."""
    perfect = walker(POLICIES["oracle"])
    for one, expected in ((perfect, CONTRADICTED), (gives_up(perfect, 4), SUPPORTED)):
        asked = evidence.ask(one, unread, mazes.solve(unread, seed=0))
        found = [evidence.from_look_ahead(asked, seed=0), evidence.from_cut_off(one, *lacking(ROOMY))]
        assert verdict.judge([p for each in found for p in each.predictions])[evidence.GIVES_UP] == expected


@pytest.mark.parametrize("beyond", ["greedy", "guess"])
@pytest.mark.parametrize("horizon", [1, 4])
def test_a_forward_searcher_is_told_its_own_horizon(horizon, beyond, unread):
    asked = evidence.ask(walker(searcher("forward", horizon, beyond=beyond)), unread, mazes.solve(unread, seed=0))
    rows = evidence.from_horizons(asked, seed=0, kinds=["forward"], units=["cells"]).tables["look_ahead"]
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


def test_edits_are_asked_of_mazes_without_cycles_and_where_there_are_none_nothing_is_decided():
    perfect = walker(POLICIES["oracle"])
    for p, decided in ((0.02, True), (0.5, False)):
        drawn = mazes.draw(World("depth_first_percolation", 4, 4, {"p": p}), 300, seed=0)
        some_cyclic = mazes.MEASURES["cycle_count"](drawn) > 0
        assert 0 < some_cyclic.sum() < 300 or not decided
        asked = evidence.ask(perfect, drawn, mazes.solve(drawn, seed=0))
        (one,) = evidence.from_edits(perfect, asked, Tokenizer(rows=4, cols=4), seed=0).predictions
        assert one.held is (True if decided else None)


def test_too_few_decisions_are_refused(unread):
    with pytest.raises(ValueError, match="have a decision that can be wrong; it takes 20 or more: ask more mazes"):
        evidence.ask(walker(POLICIES["oracle"]), unread[:10], mazes.solve(unread[:10]))


def test_what_is_put_on_no_way_is_counted(unread):
    some = unread[:100]
    asked = evidence.ask(gives_up(walker(POLICIES["oracle"]), 4), some, mazes.solve(some, seed=0))
    assert np.allclose(asked.off, np.where(asked.need >= 4, 0.5, 0))
    assert (asked.decisions.came == NO_CELL).any()


def test_progress_goes_from_one_part_to_the_next(unread):
    said = []
    perfect = walker(POLICIES["oracle"])
    asked = evidence.ask(perfect, unread[:50], mazes.solve(unread[:50], seed=0))
    evidence.from_edits(perfect, asked, Tokenizer(rows=5, cols=5), seed=0, progress=lambda *given: said.append(given))
    shares = [done / total for done, total in said]
    assert shares == sorted(shares)
    assert shares[-1] == 1
