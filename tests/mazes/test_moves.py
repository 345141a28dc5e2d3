"""The moves of a passage or a goal are all those of the definition, found by trying every one on the graph."""

from collections.abc import Iterator

import networkx as nx
import numpy as np
import pytest

from maze_interp import mazes
from maze_interp.mazes import MOVES, MazeBatch, World, moves
from tests import oracles

WORLDS = [
    World("depth_first", 4, 4),
    World("wilson", 4, 3),
    World("depth_first", 4, 4, {"accessible_cells": 11}),  # the other cells hang on nothing
    World("percolation", 4, 4, {"p": 0.4}, filters={"cycle_count": (0, 0)}),  # several trees
]
EVERY = (1, 16)


def numbered(edge: tuple[int, int], batch: MazeBatch) -> int:
    """The number of the edge between two cells."""
    (number,) = np.flatnonzero((np.sort(edge) == mazes.edge_ends(batch.rows, batch.cols)).all(axis=1))
    return int(number)


def steps_to(graph: nx.Graph, here: int, edge: tuple[int, int]) -> int:
    far = nx.single_source_shortest_path_length(graph, here)
    return min(far[cell] for cell in edge)


def swaps(batch: MazeBatch, i: int) -> Iterator[tuple[nx.Graph, tuple[int, int], tuple[int, int]]]:
    """(the other maze, the edge removed, the edge added) of every single move within the goal's part of maze i."""
    before = oracles.graph(batch.passages[i])
    part = nx.node_connected_component(before, int(batch.goal[i]))
    walls = set(map(tuple, mazes.edge_ends(batch.rows, batch.cols)[mazes.edge_ids(batch.rows, batch.cols)].tolist()))
    for gone in before.subgraph(part).edges:
        for new in walls - {tuple(sorted(edge)) for edge in before.edges}:
            after = before.copy()
            after.remove_edge(*gone)
            after.add_edge(*new)
            if set(new) <= part and nx.is_forest(after):
                yield after, gone, new


def kind_of(before: list[int], after: list[int], step: int) -> str:
    """What becomes of the choice at a step of the solution `before`, if the solution is `after`; "" if it is gone."""
    if after[: step + 1] != before[: step + 1]:
        return ""
    return "irrelevant" if before == after else "keep" if before[step + 1] == after[step + 1] else "flip"


def drawn(world: World) -> tuple[MazeBatch, mazes.Decisions]:
    batch = mazes.draw(world, 8, seed=0)
    return batch, mazes.decisions(batch)


@pytest.mark.parametrize("world", WORLDS, ids=str)
def test_passage_moves_are_all_there_are(world: World) -> None:
    batch, forks = drawn(world)
    found = {kind: moves.passage_moves(batch[forks.maze], forks.here, kind, EVERY, seed=0) for kind in MOVES}
    listed = {kind: np.stack([getattr(some, name) for name in moves.COLUMNS], axis=1) for kind, some in found.items()}
    for row, (i, here, step) in enumerate(zip(forks.maze, forks.here.tolist(), forks.step, strict=True)):
        wanted: dict[str, set[tuple[int, ...]]] = {kind: set() for kind in ("", *MOVES)}
        before, ends = oracles.graph(batch.passages[i]), (int(batch.start[i]), int(batch.goal[i]))
        path = nx.shortest_path(before, *ends)
        way = {there: direction for direction, there in enumerate(here + np.array([batch.cols, 1, -batch.cols, -1]))}
        for after, gone, new in swaps(batch, i):
            if here in gone or here in new:
                continue
            kind = kind_of(path, nx.shortest_path(after, *ends), step)
            lost = max(gone, key=lambda cell: nx.shortest_path_length(before, here, cell))
            ways = (way[nx.shortest_path(graph, here, lost)[1]] for graph in (before, after))
            near = (steps_to(before, here, gone), steps_to(before, here, new))
            wanted[kind].add((row, numbered(gone, batch), numbered(new, batch), *ways, *near))
        for kind in MOVES:
            mine = listed[kind][listed[kind][:, 0] == row]
            assert set(map(tuple, mine.tolist())) == wanted[kind]
            assert len(mine) == len(wanted[kind])


@pytest.mark.parametrize("world", WORLDS, ids=str)
def test_goal_moves_are_all_there_are(world: World) -> None:
    batch, forks = drawn(world)
    found = {kind: moves.goal_moves(batch[forks.maze], forks.here, kind, EVERY, seed=0) for kind in ("flip", "keep")}
    for row, (i, here, step) in enumerate(zip(forks.maze, forks.here.tolist(), forks.step, strict=True)):
        graph, start, goal = oracles.graph(batch.passages[i]), int(batch.start[i]), int(batch.goal[i])
        path, far = nx.shortest_path(graph, start, goal), nx.single_source_shortest_path_length(graph, here)
        wanted: dict[str, set[tuple[int, ...]]] = {"": set(), "flip": set(), "keep": set()}
        for cell in set(far) - {goal, here}:
            other = nx.shortest_path(graph, start, cell)
            kind = "" if here not in other or cell == here else kind_of(path, other, step)
            wanted[kind].add((goal, cell, far[goal], far[cell]))
        for kind, some in found.items():
            mine = some[some.fork == row]
            columns = (mine.removed, mine.added, mine.distance_removed, mine.distance_added)
            assert set(zip(*(column.tolist() for column in columns), strict=True)) == wanted[kind]


@pytest.mark.parametrize("world", WORLDS, ids=str)
def test_single_moves_are_all_there_are(world: World) -> None:
    batch, _ = drawn(world)
    wanted = {
        (i, numbered(gone, batch), numbered(new, batch)) for i in range(len(batch)) for _, gone, new in swaps(batch, i)
    }
    found = mazes.single_moves(batch)
    assert set(map(tuple, found.tolist())) == wanted
    assert len(found) == len(wanted)


def test_of_the_moves_in_a_maze_of_depth_first_search_one_in_twenty_leaves_it_one() -> None:
    """At 6 x 6 there are 232.6 moves a maze (SD 34.3), and 4.78% of them lead to a maze that depth-first search can
    make (0.025 is the SD over mazes of their share of all); from 4,000 mazes. The mean of 200 mazes differs from that
    by more than 4 standard errors with probability 1e-4."""
    batch = mazes.draw(World("depth_first", 6, 6), 200, seed=1)
    maze, removed, added = mazes.single_moves(batch).T
    assert abs(len(maze) / 200 - 232.6) < 4 * 34.3 / 200**0.5
    edges = batch.passages[maze].reshape(len(maze), -1)
    edges[np.arange(len(maze)), removed], edges[np.arange(len(maze)), added] = False, True
    share = mazes.is_depth_first_tree(edges.reshape(-1, 2, 6, 6)).mean()
    assert abs(share - 0.0478) < 4 * 0.025 / 200**0.5


def test_a_move_is_found_wherever_its_fork_stands_in_a_batch_and_has_the_same_key() -> None:
    batch, forks = drawn(WORLDS[0])
    whole = moves.passage_moves(batch[forks.maze], forks.here, "flip", EVERY, seed=0)
    part = moves.passage_moves(batch[forks.maze[2:]], forks.here[2:], "flip", (2, 3), seed=0, first=2)
    kept = whole[(whole.fork >= 2) & (whole.distance >= 2) & (whole.distance <= 3)]
    assert len(part) > 0
    assert np.array_equal(part.key, kept.key)
    assert np.array_equal(part.added, kept.added)
    assert len(np.unique(whole.key)) == len(whole)


def test_unknown_kinds_are_refused() -> None:
    batch, forks = drawn(WORLDS[0])
    with pytest.raises(ValueError, match="irrelevant"):
        moves.passage_moves(batch[forks.maze], forks.here, "irelevant", EVERY, seed=0)
    with pytest.raises(ValueError, match="a goal is never irrelevant"):
        moves.goal_moves(batch[forks.maze], forks.here, "irrelevant", EVERY, seed=0)
