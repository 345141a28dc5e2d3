"""A maze survives the way to networkx and back."""

import networkx as nx
import numpy as np
import pytest
from hypothesis import given

from maze_interp import mazes
from tests import oracles


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
        ([(1, 1)], "no neighbours"),
        ([(5, 6)], "node 6 is no cell of a 2 x 3 lattice"),
        ([((0, 0), (0, 1))], "is no cell"),
    ],
)
def test_a_graph_that_is_no_maze_is_named(edges: list, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mazes.from_networkx(nx.Graph(edges), 2, 3)
