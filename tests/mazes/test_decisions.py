"""Decisions are those of the definition, and a search that sees as far as it must is always right."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from maze_interp import behaviour, mazes
from maze_interp.mazes import KINDS, NEVER, NO_CELL, MazeBatch
from tests import oracles

Ways = dict[int, dict[int, int]]  # by option: what it costs to go that way to each cell behind it


def told(found: mazes.Decisions, row: int, cols: int) -> dict[str, Any]:
    """What the library says of one decision."""
    there = found.here[row] + np.array([cols, 1, -cols, -1])
    ways = {name: set(there[getattr(found, name)[row]].tolist()) for name in ("options", "right")}
    return ways | {name: getattr(found, name)[row] for name in found.__dataclass_fields__ if name not in ways}


def agree(batch: MazeBatch, found: mazes.Decisions, i: int, steps: set[tuple[int, int, int]]) -> None:
    """The decisions of maze i are those among these steps with two options or more, and described as they are."""
    graph, goal, rows = oracles.graph(batch.passages[i]), int(batch.goal[i]), np.flatnonzero(found.maze == i)
    wanted = sorted((step, here, came) for step, here, came in steps if len(oracles.options_of(graph, here, came)) >= 2)
    for row, (step, here, came) in zip(rows, wanted, strict=True):
        place = {"maze": i, "step": step, "here": here, "came": came}
        assert told(found, row, batch.cols) == place | oracles.decision(graph, batch.cols, goal, here, came)


@oracles.few
@given(oracles.any_mazes(longest=4))
def test_the_decisions_of_all_shortest_paths_are_those_of_the_definition(batch: MazeBatch) -> None:
    found = mazes.decisions(batch)
    for i, (start, goal) in enumerate(zip(batch.start.tolist(), batch.goal.tolist(), strict=True)):
        agree(batch, found, i, oracles.every_step(oracles.graph(batch.passages[i]), start, goal))


@pytest.mark.parametrize("world", [mazes.World("wilson", 5, 4), mazes.World("percolation", 4, 5, {"p": 0.7})])
def test_the_decisions_of_one_path_are_those_on_it(world: mazes.World) -> None:
    batch = mazes.draw(world, 40, seed=0)
    paths = mazes.solve(batch, seed=1)
    found = mazes.decisions(batch, paths)
    points = np.argwhere(behaviour.decision_points(batch, paths))
    assert np.array_equal(np.stack([found.maze, found.step], axis=1), points)
    for i in range(len(batch)):
        path = [NO_CELL, *paths.cells[i, : paths.length[i]].tolist()]
        agree(batch, found, i, {(step, here, came) for step, (came, here) in enumerate(pairwise(path[:-1]))})


def test_without_cycles_the_only_path_has_all_decisions() -> None:
    trees = mazes.draw(mazes.World("wilson", 6, 6), 100, seed=0)
    one, all_ = mazes.decisions(trees, mazes.solve(trees)), mazes.decisions(trees)
    assert all(np.array_equal(getattr(one, name), getattr(all_, name)) for name in one.__dataclass_fields__)
    assert np.bincount(one.maze, minlength=100).tolist() == mazes.MEASURES["path_forks"](trees).tolist()
    half = one[one.maze < 50]
    assert len(half) == (one.maze < 50).sum()
    assert np.array_equal(half.here, one.here[: len(half)])


def left_to(kind: str, horizon: int, ways: Ways, ends: dict[int, int], closed: dict[int, int], goal: int) -> set[int]:
    """The options among which a search with this horizon cannot tell, acted out.

    `ends` says how deep each option is, `closed` in which round it is filled if ever.
    """
    if kind == "filling":
        return {there for there in ways if closed.get(there, horizon + 1) > horizon}
    reach = 2 * horizon if kind == "bidirectional" else horizon
    seen = {there: costs[goal] for there, costs in ways.items() if costs.get(goal, reach + 1) <= reach}
    if seen:
        return {there for there, cost in seen.items() if cost == min(seen.values())}
    dropped = {there for there in ways if goal not in ways[there] and ends[there] <= horizon}
    return set(ways) - (set() if kind == "backward" else dropped)


@pytest.mark.parametrize("unit", ["cells", "forks"])
@oracles.few
@given(batch=oracles.any_mazes(longest=4))
def test_a_search_is_certain_from_its_look_ahead_on_and_no_sooner(unit: str, batch: MazeBatch) -> None:
    found = mazes.decisions(batch)
    needed = {kind: mazes.look_ahead(batch, found, kind, unit=unit).tolist() for kind in KINDS}
    for row, (i, here, came) in enumerate(zip(found.maze, found.here.tolist(), found.came.tolist(), strict=True)):
        graph, goal = oracles.graph(batch.passages[i]), int(batch.goal[i])
        counted = {cell for cell in graph if unit == "cells" or graph.degree[cell] != 2 or cell == goal}
        options, right = oracles.options_of(graph, here, came), oracles.right_of(graph, here, came, goal)
        ways = {there: oracles.costs_behind(graph, here, there, counted) for there in options}
        ends = {there: max(1, *costs.values()) for there, costs in ways.items()}
        closed: dict[int, int] = {}
        for number, left in enumerate(oracles.filled(graph, {here, goal}, corridors=unit == "forks"), start=1):
            closed |= dict.fromkeys(options - left - set(closed), number)
        for kind in KINDS:
            sure = [left_to(kind, horizon, ways, ends, closed, goal) <= right for horizon in range(len(graph) + 1)]
            unsure = [horizon for horizon, certain in enumerate(sure) if not certain]
            least = max(unsure, default=-1) + 1
            assert needed[kind][row] == (least if least <= len(graph) else NEVER), kind


def test_the_look_ahead_of_a_fork_by_hand() -> None:
    """From 2, one way leads over 3 to the goal at 4, another over 7 into a dead end at 6.

    0-1-2-3-4
        |
      6-7
    """
    passages = oracles.passages_of([(0, 1), (1, 2), (2, 3), (3, 4), (2, 7), (7, 6)], 2, 5)
    maze = MazeBatch(passages, np.array([0]), np.array([4]))
    found = mazes.decisions(maze, mazes.solve(maze))
    assert (found.here.tolist(), found.came.tolist(), found.step.tolist()) == ([2], [1], [2])
    assert not found.deceptive.any()
    looks = {kind: mazes.look_ahead(maze, found, kind).tolist() for kind in KINDS}
    assert looks == {"forward": [2], "backward": [2], "bidirectional": [1], "filling": [2]}
    compressed = {kind: mazes.look_ahead(maze, found, kind, unit="forks").tolist() for kind in KINDS}
    assert compressed == {kind: [1] for kind in KINDS}


def test_mistaken_arguments_are_named() -> None:
    trees = mazes.draw(mazes.World("wilson", 3, 3), 4, seed=0)
    with pytest.raises(ValueError, match="unknown kind of search 'foreward'; did you mean 'forward'"):
        mazes.look_ahead(trees, mazes.decisions(trees), "foreward")
    paths = mazes.solve(trees)
    paths.cells[2, 0] = paths.cells[2, 1]
    with pytest.raises(ValueError, match="the path of maze 2 is no shortest path from its start to its goal"):
        mazes.decisions(trees, paths)
