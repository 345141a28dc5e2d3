"""A maze survives the way to networkx and to maze-dataset's objects and back; what is no maze is named."""

from types import SimpleNamespace
from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import given

from maze_interp import mazes
from maze_interp.mazes import CUT, DOWN, NO_CELL, RIGHT, MazeBatch, PathBatch
from tests import oracles
from tests.mazes.test_exchange import same
from tests.mazes.test_raster import drawable


@oracles.repeatable
@given(oracles.any_mazes())
def test_networkx_round_trip(batch: mazes.MazeBatch) -> None:
    for maze in batch.passages:
        graph = mazes.to_networkx(maze)
        assert nx.utils.graphs_equal(nx.Graph(graph.edges), nx.Graph(oracles.graph(maze).edges))
        assert [(data["row"], data["col"]) for _, data in sorted(graph.nodes.data())] == list(
            np.ndindex(batch.rows, batch.cols)
        )
        assert np.array_equal(mazes.from_networkx(graph, batch.rows, batch.cols), maze)


def test_cells_a_graph_lacks_are_isolated() -> None:
    passages = mazes.from_networkx(nx.Graph([(4, 1)]), 2, 3)
    assert np.array_equal(passages, oracles.passages_of([(1, 4)], 2, 3)[0])


@pytest.mark.parametrize(
    ("edges", "message"),
    [
        ([(2, 3)], "cells 2 and 3 are no neighbours"),
        ([(0, 4)], "no neighbours"),
        ([(0, 1), (1, 1)], "the edge from cell 1 to itself is a loop"),
        ([(5, 6)], "node 6 is no cell of a 2 x 3 lattice"),
        ([((0, 0), (0, 1))], "is no cell"),
    ],
)
def test_a_graph_that_is_no_maze_is_named(edges: list, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mazes.from_networkx(nx.Graph(edges), 2, 3)


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (nx.DiGraph([(0, 1)]), "the graph is directed"),
        (nx.MultiGraph([(0, 1), (1, 0)]), "the edge between cells 0 and 1 is there twice"),
    ],
)
def test_other_kinds_of_graph_are_refused(graph: nx.Graph, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mazes.from_networkx(graph, 2, 3)
    graph.graph |= {"rows": 2, "cols": 3}
    good = mazes.to_graphs(*some(1))
    with pytest.raises(ValueError, match=f"graph 1: .*({message})"):
        mazes.from_graphs([*good, graph])


def some(count: int) -> tuple[MazeBatch, PathBatch]:
    batch = mazes.draw(mazes.World("percolation", 2, 3, {"p": 0.8}), count, seed=1)
    return batch, mazes.solve(batch)


@oracles.repeatable
@given(oracles.any_mazes())
def test_graphs_with_their_attributes_round_trip(batch: MazeBatch) -> None:
    pair = drawable(batch)
    graphs = mazes.to_graphs(*pair)
    assert same(mazes.from_graphs(graphs), pair)
    for graph, start, goal in zip(graphs, pair[0].start.tolist(), pair[0].goal.tolist(), strict=True):
        assert graph.graph["start"] == (None if start == NO_CELL else start)
        if "path" in graph.graph:
            assert len(graph.graph["path"]) == nx.shortest_path_length(graph, start, goal) + 1
    bare, paths = mazes.from_graphs(mazes.to_graphs(pair[0]))
    assert same((bare, paths), (pair[0], paths))
    assert not paths.length.any()
    assert (paths.ended == CUT).all()


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"goal": 6}, "graph 1: the goal is 6, which is no cell of a 2 x 3 maze"),
        ({"rows": 3}, "graph 1: a maze of 3 x 3 cells beside others of 2 x 3"),
        ({"path": [0, 7]}, "graph 1: step 1 of the path is 7"),
        ({"start": 0, "path": [5, 0]}, "graph 1: the path begins at cell 5, but the start is cell 0"),
    ],
)
def test_attributes_that_are_no_maze_are_named(attributes: dict[str, Any], message: str) -> None:
    graphs = mazes.to_graphs(*some(2))
    graphs[1].graph |= attributes
    with pytest.raises(ValueError, match=message):
        mazes.from_graphs(graphs)
    with pytest.raises(ValueError, match="graph 0 lacks the attributes rows and cols; it has none"):
        mazes.from_graphs([nx.Graph([(0, 1)])])


def solved_maze(**changes: Any) -> SimpleNamespace:
    """A stand-in with the attributes that maze-dataset documents for a SolvedMaze. Its docstring's example, solved:

    N - N        connection_list[0] is down, [1] is right
        |
    N - N
    """
    down, right = [[False, True], [False, False]], [[True, False], [True, False]]
    attributes = {
        "connection_list": np.array([down, right]),
        "start_pos": np.array([0, 0]),
        "end_pos": np.array([1, 0]),
        "solution": np.array([[0, 0], [0, 1], [1, 1], [1, 0]], dtype=np.int8),
    }
    return SimpleNamespace(**attributes | changes)


def test_solved_mazes_of_maze_dataset_are_ours() -> None:
    batch, paths = mazes.from_maze_dataset(maze for maze in (solved_maze(), solved_maze()))
    assert np.array_equal(batch.passages[1], oracles.passages_of([(0, 1), (1, 3), (2, 3)], 2, 2)[0])
    assert batch.passages[0, DOWN, 0, 1]
    assert batch.passages[0, RIGHT, 1, 0]
    assert (batch.start.tolist(), batch.goal.tolist()) == ([0, 0], [2, 2])
    assert paths.cells.tolist() == [[0, 1, 3, 2]] * 2
    assert mazes.paths.optimal(batch, paths).all()


def test_a_maze_without_a_solution_or_without_endpoints_is_read_as_far_as_it_goes() -> None:
    targeted = SimpleNamespace(**{k: v for k, v in vars(solved_maze()).items() if k != "solution"})
    bare = SimpleNamespace(connection_list=solved_maze().connection_list)
    batch, paths = mazes.from_maze_dataset([targeted, bare, solved_maze()])
    assert (batch.start.tolist(), batch.goal.tolist()) == ([0, NO_CELL, 0], [2, NO_CELL, 2])
    assert paths.length.tolist() == [0, 0, 4]
    assert paths.ended.tolist()[:2] == [CUT, CUT]


def test_mazes_round_trip_through_the_arguments_of_a_solved_maze() -> None:
    batch = mazes.draw(mazes.World("percolation", 4, 5, {"p": 0.7}), 30, seed=1)
    paths = mazes.solve(batch)
    arrays = mazes.to_maze_dataset(batch, paths)
    assert same(mazes.from_maze_dataset(SimpleNamespace(**one) for one in arrays), (batch, paths))
    for one, start in zip(arrays, batch.start, strict=True):
        assert (one["start_pos"] @ [5, 1], *one["end_pos"]) == (start, *one["solution"][-1])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"start_pos": np.array([0, 2])}, r"maze 1: start_pos \[0, 2\] leaves the 2 x 2 lattice"),
        ({"end_pos": np.array([1])}, r"maze 1: end_pos must hold \(row, col\), not an array of shape \(1,\)"),
        ({"solution": np.array([[0, 0], [1, 0]])}, "maze 1: step 1 of the path leads from cell 0 to 2 without"),
        ({"solution": np.array([[0, 0], [0, 1]])}, "maze 1: the path ends at cell 1, but the goal is cell 2"),
        ({"connection_list": np.zeros((3, 2, 2))}, "maze 1: connection_list must be 2 x rows x cols"),
        ({"connection_list": np.zeros((2, 3, 2))}, "maze 1: a maze of 3 x 2 cells beside others of 2 x 2"),
        ({"connection_list": np.ones((2, 2, 2))}, "maze 1 has an open passage across the border"),
    ],
)
def test_an_object_that_is_no_maze_is_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mazes.from_maze_dataset([solved_maze(), solved_maze(**changes)])


def test_a_maze_without_a_path_is_no_solved_maze() -> None:
    batch, paths = some(2)
    none = PathBatch(paths.cells[:, :0], np.zeros(2, np.int32), np.full(2, CUT))
    with pytest.raises(ValueError, match="maze 0 has no path"):
        mazes.to_maze_dataset(batch, none)
    with pytest.raises(ValueError, match="at least one maze"):
        mazes.from_maze_dataset([])


def test_what_is_written_for_maze_dataset_is_read_as_it_stands() -> None:
    drawn = mazes.draw(mazes.World(rows=3, cols=4), 5, seed=0)
    solutions = mazes.solve(drawn)
    again, paths = mazes.from_maze_dataset(mazes.to_maze_dataset(drawn, solutions))
    assert np.array_equal(again.passages, drawn.passages)
    assert np.array_equal(paths.cells, solutions.cells)
