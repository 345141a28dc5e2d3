"""Mazes as networkx graphs, and back: the door to everybody else's graph algorithms.

A node is a cell number with attributes `row` and `col`; an edge is an open passage.
"""

import networkx as nx
import numpy as np
from jaxtyping import Bool

from maze_interp.mazes.lattice import edge_ends, edge_ids


def to_networkx(passages: Bool[np.ndarray, "2 row col"]) -> nx.Graph:
    """The graph of one maze; isolated cells are nodes too."""
    _, rows, cols = passages.shape
    graph = nx.Graph()
    graph.add_nodes_from((cell, {"row": cell // cols, "col": cell % cols}) for cell in range(rows * cols))
    graph.add_edges_from(edge_ends(rows, cols)[passages.ravel()].tolist())
    return graph


def from_networkx(graph: nx.Graph, rows: int, cols: int) -> Bool[np.ndarray, "2 row col"]:
    """The passages of one maze whose nodes are cell numbers; cells that the graph lacks are isolated.

    ValueError if a node is no cell of the lattice or an edge joins cells that are no neighbours.
    """
    strange = [node for node in graph.nodes if node not in range(rows * cols)]
    if strange:
        raise ValueError(f"node {strange[0]!r} is no cell of a {rows} x {cols} lattice; cells are row * {cols} + col")
    ids = edge_ids(rows, cols)
    edge_of = dict(zip(map(tuple, edge_ends(rows, cols)[ids].tolist()), ids.tolist(), strict=True))
    passages = np.zeros(2 * rows * cols, dtype=bool)
    for one, other in graph.edges:
        ends = (min(one, other), max(one, other))
        if ends not in edge_of:
            raise ValueError(f"cells {one} and {other} are no neighbours on a {rows} x {cols} lattice")
        passages[edge_of[ends]] = True
    return passages.reshape(2, rows, cols)
