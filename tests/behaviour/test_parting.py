"""Ways part where two shortest paths, spelled out, go different ways for the first time."""

import networkx as nx
import numpy as np
import pytest

from maze_interp import mazes
from maze_interp.behaviour import neighbours
from maze_interp.behaviour.parting import (
    FEATURES,
    THREE,
    partings,
    seeking,
    taken,
    told_by_distance,
    up_and_right,
)
from maze_interp.behaviour.solvers import POLICIES
from maze_interp.behaviour.walkers import of_policy
from maze_interp.mazes import World

WAYS = {4: 0, 1: 1, -4: 2, -1: 3}  # by what they add to a cell of 4 columns


@pytest.mark.parametrize("corner", [3, 12])
def test_on_trees_it_is_the_last_cell_of_both_paths(corner):
    batch = mazes.draw(World("wilson", 4, 4), 200, seed=1)
    found = partings(batch, mazes.solve(batch), corner)
    index = {maze: at for at, maze in enumerate(found.maze.tolist())}
    for i, passages in enumerate(batch.passages):
        graph = mazes.to_networkx(passages)
        start, goal = int(batch.start[i]), int(batch.goal[i])
        one, other = (nx.shortest_path(graph, start, end) for end in (goal, corner))
        shared = sum(a == b for a, b in zip(one, other, strict=False))
        assert (i in index) == (shared < min(len(one), len(other)))
        if i not in index:
            continue
        here, at = one[shared - 1], index[i]
        assert (found.step[at], found.here[at]) == (shared - 1, here)
        assert np.flatnonzero(found.to_goal[at]).tolist() == [WAYS[one[shared] - here]]
        assert np.flatnonzero(found.to_place[at]).tolist() == [WAYS[other[shared] - here]]
        steps = [len(nx.shortest_path(graph, *ends)) - 1 for ends in ((here, goal), (here, corner))]
        air = [np.hypot(a // 4 - b // 4, a % 4 - b % 4) for a, b in ((goal, corner), (here, goal), (here, corner))]
        wanted = [air[0], air[1], steps[0], air[2], steps[1]]
        assert found.measures[at].tolist() == pytest.approx(wanted)
    assert found.measures.shape == (len(found), len(FEATURES))
    assert 60 < len(found) < 160


def test_with_cycles_no_shortest_way_is_both_ways():
    batch = mazes.draw(World("percolation", 5, 4, {"p": 0.7}), 300, seed=2)
    found = partings(batch, mazes.solve(batch), 3)
    assert not (found.to_goal & found.to_place).any()
    assert found.to_goal.any(axis=1).all()
    assert found.to_place.any(axis=1).all()
    assert (found.to_goal.sum(axis=1) > 1).any()
    islands = np.take_along_axis(mazes.components(batch.passages), batch.start[:, None], axis=1)[:, 0]
    cut_off = islands != mazes.components(batch.passages)[:, 3]
    assert cut_off.any()
    assert not cut_off[found.maze].any()


def test_what_is_taken_is_what_the_walker_is_known_to_take():
    batch = mazes.draw(World("wilson", 4, 4), 300, seed=3)
    solutions = mazes.solve(batch)
    found = partings(batch, solutions, 3)
    walkers = {name: of_policy(POLICIES[name], seed=0, name=name) for name in ("oracle", "baseline", "random_walk")}
    goal, place = taken(walkers["oracle"].choose(batch, solutions), found)
    assert (goal == 1).all()
    assert not place.any()
    for name, back in (("baseline", True), ("random_walk", False)):
        goal, place = taken(walkers[name].choose(batch, solutions), found)
        degree = mazes.degrees(batch.passages)[found.maze, found.here]
        assert np.allclose(goal, 1 / (degree - (back & (found.step > 0))))
        assert np.allclose(goal, place)


def test_a_place_beyond_the_lattice_is_refused():
    batch = mazes.draw(World("wilson", 4, 4), 2, seed=0)
    for place in (-1, 16):
        with pytest.raises(ValueError, match=f"one of the 16 cells, not {place}"):
            partings(batch, mazes.solve(batch), place)


def test_who_takes_the_goal_for_another_place_goes_there():
    batch = mazes.draw(World("wilson", 4, 4), 300, seed=4)
    solutions = mazes.solve(batch)
    found = partings(batch, solutions, 3)
    walker = seeking(of_policy(POLICIES["oracle"], seed=0, name="oracle"), 3, "led astray")
    goal, place = taken(walker.choose(batch, solutions), found)
    assert (place == 1).all()
    assert not goal.any()
    paths = walker.walk(batch)
    assert (paths.cells[np.arange(300), paths.length - 1] == 3).all()


def test_up_and_right_goes_there_where_it_can_whatever_the_goal():
    batch = mazes.draw(World("percolation", 4, 4, {"p": 0.7}), 100, seed=6)
    here, came = np.tile(np.arange(16), (100, 1)), np.full((100, 16), mazes.NO_CELL)
    given = up_and_right(batch, here, came)
    way = neighbours.connected(batch.passages) != mazes.NO_CELL
    up_right = way[..., 1] | way[..., 2]
    assert np.allclose(given[up_right][:, [1, 2]].sum(axis=1), 1)
    assert np.allclose(given.sum(axis=-1), way.any(axis=-1))
    assert not given[~way].any()
    elsewhere = mazes.MazeBatch(batch.passages, batch.start, batch.start)
    assert np.array_equal(up_and_right(elsewhere, here, came), given)


def test_a_choice_of_partings_is_the_partings_of_those_mazes():
    batch = mazes.draw(World("wilson", 4, 4), 100, seed=7)
    found = partings(batch, mazes.solve(batch), 3)
    some = found[found.step > 0]
    assert len(some) == (found.step > 0).sum() < len(found)
    assert np.array_equal(some.measures, found.measures[found.step > 0])


def test_distances_tell_what_depends_on_them_and_nothing_else():
    """Planted: log-odds of 2, -1 and 0 for the three. Wald's intervals hold them with seeds that are fixed."""
    batch = mazes.draw(World("wilson", 6, 6), 6000, seed=5)
    found = partings(batch, mazes.solve(batch), 5)
    known = found.measures[:, [FEATURES.index(name) for name in THREE]]
    standard = (known - known.mean(axis=0)) / known.std(axis=0)
    rng = np.random.default_rng(0)
    planted = rng.random(len(found)) < 1 / (1 + np.exp(-0.5 - standard @ [2.0, -1.0, 0.0]))
    rows = {(row.measure, row.what["features"]): row for row in told_by_distance(found, planted, seed=0, walker="w")}
    for name, true in zip(("intercept", *THREE), (0.5, 2.0, -1.0, 0.0), strict=True):
        assert rows[name, "three"].low < true < rows[name, "three"].high
    assert rows["accuracy", "three"].low > rows["accuracy", "none"].high
    assert rows["accuracy", "three"].value > rows["accuracy", "parting to place, by air"].value
    assert {features for _, features in rows} == {"none", "three", "all", *FEATURES}
    tossed = rng.random(len(found)) < 0.5
    rows = {(row.measure, row.what["features"]): row for row in told_by_distance(found, tossed, seed=0)}
    assert abs(rows["accuracy", "all"].value - 0.5) < 0.05


def test_of_too_few_partings_distances_say_nothing():
    batch = mazes.draw(World("wilson", 4, 4), 10, seed=0)
    found = partings(batch, mazes.solve(batch), 3)
    assert told_by_distance(found, np.ones(len(found), dtype=bool), seed=0) == []
