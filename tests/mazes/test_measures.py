"""Every measure agrees with a count made maze by maze, and a filter keeps exactly the mazes within its bounds."""

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maze_interp import behaviour, mazes
from maze_interp.mazes import MEASURES, NO_CELL, MazeBatch, World, measures
from tests import oracles

CELLS = {"fork_count": lambda d: d >= 3, "dead_end_count": lambda d: d == 1, "isolated_count": lambda d: d == 0}


def counted(maze, start, goal):
    """Every measure of one maze, by networkx."""
    graph, cols = oracles.graph(maze), maze.shape[2]
    joined = nx.has_path(graph, start, goal)
    ways = [*nx.all_shortest_paths(graph, start, goal)] if joined else []
    on_the_way = {cell for way in ways for cell in way} - {goal}
    straight = abs(start // cols - goal // cols) + abs(start % cols - goal % cols)
    length = len(ways[0]) if joined else 0
    return {
        **{name: sum(counts(degree) for _, degree in graph.degree) for name, counts in CELLS.items()},
        "edge_count": graph.number_of_edges(),
        "component_count": nx.number_connected_components(graph),
        "cycle_count": len(nx.cycle_basis(graph)),
        "largest_component": len(oracles.largest_component(maze)),
        "solution_length": length,
        "solution_count": len(ways),
        "path_forks": sum(graph.degree[cell] - (cell != start) >= 2 for cell in on_the_way),
        "straight_distance": straight,
        "detour": length - 1 - straight,
        "turns": min((oracles.turns(way, cols) for way in ways), default=0),
        "baseline_success": pytest.approx(sum(oracles.guessed(graph, way) for way in ways)),
        **of_decisions(graph, cols, start, goal),
    }


def of_decisions(graph, cols, start, goal):
    """The measures that are sums or maxima over decisions."""
    steps = {(here, came) for _, here, came in oracles.every_step(graph, start, goal)}
    all_ = [oracles.decision(graph, cols, goal, *step) for step in steps if len(oracles.options_of(graph, *step)) >= 2]
    depths = [one["to_goal"] if one["wrong_depth"] < 0 else one["wrong_depth"] for one in all_]
    return {
        "deceptive_forks": sum(one["deceptive"] for one in all_),
        "wrong_cells": sum(one["wrong_size"] for one in all_),
        "look_ahead": max((min(one["to_goal"], depth) for one, depth in zip(all_, depths, strict=True)), default=0),
    }


@oracles.repeatable
@given(oracles.any_mazes(longest=4))
def test_every_measure_counts_what_it_says(batch):
    found = {name: measure(batch).tolist() for name, measure in MEASURES.items()}
    ends = zip(batch.start.tolist(), batch.goal.tolist(), strict=True)
    for i, (maze, pair) in enumerate(zip(batch.passages, ends, strict=True)):
        assert {name: values[i] for name, values in found.items()} == counted(maze, *pair)


def test_forks_on_the_way_are_the_decision_points_of_a_tree():
    trees = mazes.draw(World("wilson", 6, 6), 300, seed=0)
    points = behaviour.forks.decision_points(trees, mazes.solve(trees)).sum(axis=1)
    assert points.max() > 3
    assert np.array_equal(MEASURES["path_forks"](trees), points)


@oracles.repeatable
@given(
    oracles.any_mazes(),
    st.dictionaries(st.sampled_from(sorted(MEASURES)), st.tuples(st.integers(0, 4), st.integers(4, 9)), max_size=3),
)
def test_a_maze_passes_exactly_if_all_its_measures_are_within_their_bounds(batch, filters):
    held = [np.ones(len(batch), bool)]
    held += [(MEASURES[name](batch) >= low) & (MEASURES[name](batch) <= high) for name, (low, high) in filters.items()]
    assert np.array_equal(measures.passing(batch, filters), np.logical_and.reduce(held))


def test_a_maze_without_start_and_goal_never_passes():
    passages = mazes.generate("wilson", 5, 3, 3, seed=0)
    assert not measures.passing(MazeBatch(passages, *np.full((2, 5), NO_CELL)), {}).any()


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ({"forks_count": (1, 2)}, r"unknown measure 'forks_count'; did you mean 'fork_count'\?"),
        ({"fork_count": (3, 2)}, "the filter fork_count wants at least 3 and at most 2, which no number is"),
        ({"fork_count": (float("nan"), 2)}, "at least nan"),
    ],
)
def test_a_mistaken_filter_is_named(filters, message):
    with pytest.raises(ValueError, match=message):
        World(filters=filters)


@pytest.mark.parametrize("bounds", [3, (1,), ("1", "3"), None])
def test_bounds_that_are_not_two_numbers_are_refused(bounds):
    with pytest.raises(ValueError, match="the filter fork_count takes two numbers"):
        measures.check({"fork_count": bounds})
