"""The trees told to be depth-first are those that depth-first search makes: all of them and no others."""

from itertools import combinations

import networkx as nx
import numpy as np
import pytest

from maze_interp import mazes
from tests import oracles

KNOWN = [(1, 4), (2, 3), (3, 3), (2, 5)]


def spanning_trees(rows: int, cols: int) -> np.ndarray:
    """All of the lattice's, bool[tree, 2, row, col]."""
    lattice = nx.convert_node_labels_to_integers(nx.grid_2d_graph(rows, cols), ordering="sorted")
    chosen = combinations(lattice.edges, rows * cols - 1)
    trees = [edges for edges in chosen if nx.is_connected(nx.Graph(edges)) and len(nx.Graph(edges)) == rows * cols]
    return np.concatenate([oracles.passages_of(edges, rows, cols) for edges in trees])


@pytest.mark.parametrize(("rows", "cols"), KNOWN)
def test_depth_first_trees_are_those_reached_by_following_every_choice(rows: int, cols: int) -> None:
    trees = spanning_trees(rows, cols)
    assert len(trees) == oracles.spanning_tree_count(rows, cols)
    found = {frozenset(oracles.graph(tree).edges) for tree in trees[mazes.is_depth_first_tree(trees)]}
    assert found == set(oracles.depth_first_law(rows, cols))


def test_every_maze_of_the_generator_is_one_and_few_uniform_trees_are() -> None:
    """Of 1,000 uniform trees on 6 x 6, one is found once in fifty times: of 50,000 others, one was."""
    assert mazes.is_depth_first_tree(mazes.generate("depth_first", 1_000, 6, 6, seed=0)).all()
    assert mazes.is_depth_first_tree(mazes.generate("depth_first", 100, 4, 9, seed=0)).all()
    assert not mazes.is_depth_first_tree(mazes.generate("wilson", 1_000, 6, 6, seed=0)).any()


def test_what_is_no_spanning_tree_is_none() -> None:
    trees = mazes.generate("depth_first", 50, 4, 4, seed=0)
    fewer, more = trees.copy(), trees.copy()
    for i, tree in enumerate(trees):
        fewer[(i, *np.argwhere(tree)[0])] = False
        more[(i, *np.argwhere(oracles.inside(4, 4) & ~tree)[0])] = True
    assert not mazes.is_depth_first_tree(fewer).any()
    assert not mazes.is_depth_first_tree(more).any()
    ring = [(0, 1), (1, 4), (3, 4), (0, 3), (1, 2), (2, 5), (3, 6), (6, 7)]  # as many as a tree has, but 8 is left out
    assert not mazes.is_depth_first_tree(oracles.passages_of(ring, 3, 3)).any()
