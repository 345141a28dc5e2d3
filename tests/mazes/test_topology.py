"""Degrees, forks, dead ends and components are those of the graph."""

import networkx as nx
import numpy as np
from hypothesis import given

from maze_interp import mazes
from tests import oracles


@oracles.repeatable
@given(oracles.any_mazes())
def test_topology_is_that_of_networkx(batch: mazes.MazeBatch) -> None:
    degrees, labels = mazes.degrees(batch.passages), mazes.components(batch.passages)
    edges = mazes.edge_count(batch.passages)
    for i in range(len(batch)):
        graph = oracles.graph(batch.passages[i])
        assert degrees[i].tolist() == [degree for _, degree in sorted(graph.degree)]
        assert edges[i] == graph.number_of_edges()
        parts = sorted(nx.connected_components(graph), key=min)
        assert labels[i].tolist() == [next(k for k, part in enumerate(parts) if cell in part) for cell in sorted(graph)]


def test_forks_and_dead_ends_by_hand() -> None:
    """A crossroads in a 3 x 3 maze, one arm of which turns the corner."""
    passages = oracles.passages_of([(4, 1), (4, 3), (4, 5), (4, 7), (7, 8)], 3, 3)
    assert np.flatnonzero(mazes.forks(passages)[0]).tolist() == [4]
    assert np.flatnonzero(mazes.dead_ends(passages)[0]).tolist() == [1, 3, 5, 8]
    assert mazes.components(passages)[0].tolist() == [0, 1, 2, 1, 1, 1, 3, 1, 1]


def test_a_tree_has_as_many_dead_ends_as_its_forks_ask_for() -> None:
    """Leaves of a tree = 2 + the sum over forks of (degree - 2)."""
    passages = mazes.generate("wilson", 200, 6, 7, seed=0)
    degrees, forks = mazes.degrees(passages), mazes.forks(passages)
    surplus = ((degrees - 2) * forks).sum(axis=1)
    assert np.array_equal(mazes.dead_ends(passages).sum(axis=1), 2 + surplus)
    assert (mazes.edge_count(passages) == 6 * 7 - 1).all()
