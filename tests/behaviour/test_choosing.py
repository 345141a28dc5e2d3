"""Responses are a walker's probabilities among the options, and accuracy is counted by mazes."""

import numpy as np
import pytest

from maze_interp import behaviour, mazes
from maze_interp.behaviour import POLICIES, choosing

WORLDS = [mazes.World("depth_first", 5, 4, {}, 2), mazes.World("percolation", 4, 4, {"p": 0.7}, 2)]


def asked(world: mazes.World, count: int = 60) -> tuple[mazes.MazeBatch, mazes.PathBatch, mazes.Decisions]:
    """Mazes, their solutions and the decisions of these."""
    batch = mazes.draw(world, count, seed=1)
    solutions = mazes.solve(batch, seed=1)
    return batch, solutions, mazes.decisions(batch, solutions)


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.generator)
@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_responds_at_decisions_as_along_the_paths(world, name):
    batch, solutions, decisions = asked(world)
    along = behaviour.of_policy(POLICIES[name], seed=0, name=name).choose(batch, solutions)
    responses = behaviour.responses(along, decisions)
    np.testing.assert_allclose(responses.sum(axis=1), 1)
    assert not responses[~decisions.options].any()
    np.testing.assert_allclose(choosing.policy_responses(POLICIES[name], batch, decisions), responses)
    some = np.arange(len(decisions))[::-3]  # any decisions, in any order
    np.testing.assert_allclose(choosing.policy_responses(POLICIES[name], batch, decisions[some]), responses[some])


def test_what_is_spent_elsewhere_is_left_out_and_silence_is_made_up_and_said():
    _, solutions, decisions = asked(WORLDS[0])
    choices = np.full((*solutions.cells.shape, 4), np.nan)
    choices[decisions.maze, decisions.step] = 0.3 * np.random.default_rng(0).random((len(decisions), 4))
    quiet = np.arange(len(decisions)) % 3 == 0
    choices[decisions.maze[quiet], decisions.step[quiet]] = np.where(decisions.options[quiet], 0.0, 0.4)
    responses = behaviour.responses(choices, decisions)
    np.testing.assert_array_equal(behaviour.silent(choices, decisions), quiet)
    for one in range(len(decisions)):
        options = decisions.options[one]
        told = choices[decisions.maze[one], decisions.step[one], options]
        wanted = np.full(options.sum(), 1 / options.sum()) if quiet[one] else told / told.sum()
        np.testing.assert_allclose(responses[one, options], wanted)
    assert not responses[~decisions.options].any()


def test_a_decision_that_was_not_asked_is_refused():
    _, solutions, decisions = asked(WORLDS[0])
    choices = np.full((*solutions.cells.shape, 4), 0.25)
    choices[decisions.maze[5], decisions.step[5]] = np.nan
    with pytest.raises(ValueError, match=f"step {decisions.step[5]} of maze {decisions.maze[5]}"):
        behaviour.responses(choices, decisions)


def test_accuracy_is_the_mass_on_right_options_in_each_stratum():
    batch, _, decisions = asked(WORLDS[1])
    responses = choosing.policy_responses(POLICIES["greedy_manhattan"], batch, decisions)
    strata = {"deceptive": decisions.deceptive, "exits": decisions.exits}
    rows = behaviour.accuracy_by(responses, decisions, strata, seed=0, walker="greedy")
    assert len({(row.what["deceptive"], row.what["exits"]) for row in rows}) == len(rows) > 2
    assert sum(row.what["decisions"] for row in rows) == len(decisions)
    for row in rows:
        inside = (decisions.deceptive == row.what["deceptive"]) & (decisions.exits == row.what["exits"])
        assert row.value == pytest.approx(responses[inside][decisions.right[inside]].sum() / inside.sum())
        assert row.n == len(set(decisions.maze[inside]))
        assert row.what["walker"] == "greedy"
    (whole,) = behaviour.accuracy_by(responses, decisions, {}, seed=0)
    assert whole.value == pytest.approx(sum(row.value * row.what["decisions"] for row in rows) / len(decisions))
    assert whole.low < whole.value < whole.high


def test_the_oracle_is_always_right_and_whoever_guesses_as_often_as_chance_has_it():
    batch, _, decisions = asked(WORLDS[1])
    right = {
        name: behaviour.accuracy_by(choosing.policy_responses(POLICIES[name], batch, decisions), decisions, {}, seed=0)
        for name in ("oracle", "baseline")
    }
    assert right["oracle"][0].value == pytest.approx(1)
    assert right["baseline"][0].value == pytest.approx((decisions.right.sum(axis=1) / decisions.exits).mean())


def test_decisions_of_one_maze_are_not_independent():
    """Ten copies of every decision tell no more than one: the interval stays, where that of units would shrink."""
    values, maze = np.random.default_rng(0).random(200), np.arange(200)
    once = choosing.mean_over_mazes("x", values, maze, seed=0)
    often = choosing.mean_over_mazes("x", np.repeat(values, 10), np.repeat(maze, 10), seed=0)
    assert (often.value, often.low, often.high) == pytest.approx((once.value, once.low, once.high))
    assert (often.n, often.what["decisions"]) == (200, 2000)


def test_the_standard_error_is_that_of_the_bootstrap():
    values, maze = np.random.default_rng(1).random(900), np.arange(900) // 3
    values += np.repeat(np.random.default_rng(2).random(300), 3)
    mean, error = choosing.clustered(values, maze)
    row = choosing.mean_over_mazes("x", values, maze, seed=0)
    assert (row.value, row.low, row.high) == pytest.approx((mean, mean - 1.96 * error, mean + 1.96 * error), abs=0.005)
    assert error > 1.3 * values.std() / 30
