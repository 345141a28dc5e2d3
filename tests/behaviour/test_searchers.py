"""A searcher is right wherever its horizon is the look-ahead that is needed, and greedy or a guess beyond."""

import numpy as np
import pytest

from maze_interp import behaviour, mazes
from maze_interp.behaviour import POLICIES, searcher
from maze_interp.mazes import KINDS, NO_CELL, MazeBatch, World

WORLDS = [World("wilson", 6, 6), World("depth_first", 5, 4), World("depth_first_percolation", 5, 5, {"p": 0.2})]
UNITS = ("cells", "forks")
ENDLESS = 10**6


def at_decisions(policy: behaviour.Policy, batch: MazeBatch, asked: mazes.Decisions) -> np.ndarray:
    """The policy's ways at each decision, float[decision, 4]."""
    return policy(batch[asked.maze], asked.here[:, None], asked.came[:, None])[:, 0]


def mass_on_right(policy: behaviour.Policy, batch: MazeBatch, asked: mazes.Decisions) -> np.ndarray:
    return np.where(asked.right, at_decisions(policy, batch, asked), 0.0).sum(axis=1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("world", WORLDS, ids=["wilson", "depth first", "cyclic"])
def test_it_is_right_within_its_horizon(kind, unit, world):
    batch = mazes.draw(world, 60, seed=0)
    asked = mazes.decisions(batch, mazes.solve(batch))
    needed = mazes.look_ahead(batch, asked, kind, unit=unit)
    for horizon in range(9):
        right = mass_on_right(searcher(kind, horizon, unit=unit), batch, asked)
        enough = (needed >= 0) & (needed <= horizon)
        np.testing.assert_allclose(right[enough], 1)
    assert (needed > 0).sum() > 5


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize(("beyond", "guide"), [("greedy", "greedy_manhattan"), ("guess", "baseline")])
def test_beyond_its_horizon_it_is_greedy_or_guesses(kind, unit, beyond, guide):
    """Where no way at all is found or closed, its ways are those of the local rule; with horizon 0, everywhere."""
    horizon = {"cells": 2, "forks": 1}[unit]
    batch = mazes.draw(WORLDS[0], 150, seed=1)
    asked = mazes.decisions(batch, mazes.solve(batch))
    local = at_decisions(POLICIES[guide], batch, asked)
    np.testing.assert_array_equal(at_decisions(searcher(kind, 0, unit=unit, beyond=beyond), batch, asked), local)
    behind = mazes.branches(batch, unit=unit)
    depth, goal, rounds = (each[asked.maze, asked.here] for each in (behind.depth, behind.goal, behind.rounds))
    wrong = asked.options & ~asked.right
    first_sign = {
        "forward": np.where(wrong, depth, goal),
        "backward": np.where(wrong, ENDLESS, goal),
        "bidirectional": np.where(wrong, depth, (goal + 1) // 2),
        "filling": np.where(wrong, rounds, ENDLESS),
    }[kind]
    blind = np.where(asked.options, first_sign, ENDLESS).min(axis=1) > horizon
    assert blind.sum() > 20
    found = at_decisions(searcher(kind, horizon, unit=unit, beyond=beyond), batch, asked)
    np.testing.assert_array_equal(found[blind], local[blind])


@pytest.mark.parametrize("kind", KINDS)
def test_on_trees_it_is_no_better_than_its_horizon(kind):
    """At deceptive forks, with the wrong way not yet rejected, the greedy choice is wrong."""
    batch = mazes.draw(WORLDS[0], 200, seed=2)
    asked = mazes.decisions(batch, mazes.solve(batch))
    two = asked.deceptive & (asked.exits == 2) & (asked.came != NO_CELL)
    needed = mazes.look_ahead(batch, asked, kind)
    right = mass_on_right(searcher(kind, 3), batch, asked)
    beyond = two & (needed > 3)
    greedy = mass_on_right(POLICIES["greedy_manhattan"], batch, asked)
    np.testing.assert_array_equal(right[beyond], greedy[beyond])
    assert right[beyond].mean() < 1 / 2 < 1 == right[two & (needed <= 3)].mean()


@pytest.mark.parametrize("kind", ["forward", "backward", "bidirectional"])
@pytest.mark.parametrize("world", WORLDS, ids=["wilson", "depth first", "cyclic"])
def test_with_an_endless_horizon_it_is_the_oracle(kind, world):
    batch = mazes.draw(world, 40, seed=3)
    walks = behaviour.follow(searcher(kind, ENDLESS), batch, seed=0)
    assert mazes.paths.optimal(batch, walks).all()


@pytest.mark.parametrize("kind", ["forward", "filling"])
def test_it_turns_back_where_all_ways_are_known_to_be_wrong(kind):
    """From a dead-end corridor that it has entered, and from nowhere on the way to the goal."""
    batch, _ = mazes.parse_text("""
        +---+---+---+---+
        | S           G |
        +   +---+---+---+
        |               |
        +---+---+---+---+
    """)
    here, came = np.array([[4, 5, 5, 1]]), np.array([[0, 4, 6, 0]])
    ways = searcher(kind, 3)(batch, here, came)[0]
    assert ways.argmax(axis=1).tolist() == [2, 3, 3, 1]
    assert searcher(kind, 1)(batch, here, came)[0].argmax(axis=1).tolist() == [1, 1, 3, 1]


def test_where_two_searches_meet_they_see_twice_as_far():
    batch = mazes.draw(WORLDS[2], 40, seed=4)
    asked = mazes.decisions(batch, mazes.solve(batch))
    to_goal = asked.to_goal <= 6
    once, twice = (at_decisions(searcher(*kind), batch, asked) for kind in (("backward", 6), ("bidirectional", 3)))
    np.testing.assert_array_equal(once[to_goal], twice[to_goal])


def test_bad_searchers_are_refused_at_once():
    with pytest.raises(ValueError, match="unknown kind of search 'foward'; did you mean 'forward'"):
        searcher("foward", 1)
    with pytest.raises(ValueError, match="unknown unit of search 'fork'; did you mean 'forks'"):
        searcher("forward", 1, unit="fork")
    with pytest.raises(ValueError, match="unknown way to go on beyond the horizon 'gess'; did you mean 'guess'"):
        searcher("forward", 1, beyond="gess")
    with pytest.raises(ValueError, match="horizon must be at least 0, not -1"):
        searcher("forward", -1)
