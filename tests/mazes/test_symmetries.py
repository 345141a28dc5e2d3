"""Images of a maze are the same graph turned, and the canonical hash knows a maze up to its symmetries, no more."""

import networkx as nx
import numpy as np
import pytest
from hypothesis import given

from maze_interp import mazes
from maze_interp.mazes import MazeBatch
from tests import oracles

TURNS = [lambda r, c: (r, c), lambda r, c: (-1 - r, c), lambda r, c: (r, -1 - c), lambda r, c: (-1 - r, -1 - c)]


def swapped(cell):
    return cell[::-1]


def turned(maze, turn):
    """The maze's edges as pairs of (row, column), turned about the lattice's middle by renaming every cell."""
    _, rows, cols = maze.shape
    name = [(r % rows, c % cols) for r, c in (turn(*divmod(cell, cols)) for cell in range(rows * cols))]
    return {frozenset((name[a], name[b])) for a, b in oracles.graph(maze).edges}, name


@oracles.repeatable
@given(oracles.any_mazes())
def test_images_are_the_symmetries_of_the_lattice_with_start_and_goal(batch):
    images = mazes.images(batch)
    square = batch.rows == batch.cols
    assert len(images) == (8 if square else 4)
    for k in range(len(batch)):
        wanted = []
        for turn in TURNS:
            edges, name = turned(batch.passages[k], turn)
            ends = [name[int(batch.start[k])], name[int(batch.goal[k])]]
            wanted.append((edges, ends))
        if square:
            wanted += [
                ({frozenset(c[::-1] for c in e) for e in edges}, [c[::-1] for c in ends]) for edges, ends in wanted
            ]
        found = []
        for image in images:
            edges, name = turned(image.passages[k], TURNS[0])
            found.append((edges, [name[int(image.start[k])], name[int(image.goal[k])]]))
        assert all(one in wanted for one in found)
        assert all(one in found for one in wanted)


@oracles.repeatable
@given(oracles.any_mazes())
def test_all_images_share_the_canonical_hash(batch):
    for image in mazes.images(batch):
        assert np.array_equal(mazes.canonical_hash(image.passages), mazes.canonical_hash(batch.passages))


@pytest.mark.parametrize(("rows", "cols", "trees", "classes"), [(3, 3, 192, 28), (2, 3, 15, 6), (2, 4, 56, 17)])
def test_the_canonical_hash_merges_spanning_trees_up_to_symmetry_and_no_others(rows, cols, trees, classes):
    """28 is the number of spanning trees of 3 x 3 up to symmetry (OEIS A087968)."""
    drawn = mazes.generate("wilson", 40 * trees, rows, cols, seed=0)
    _, first = np.unique(mazes.passage_hash(drawn), return_index=True)
    assert len(first) == trees
    assert len(np.unique(mazes.canonical_hash(drawn[first]))) == classes


def test_a_missing_endpoint_stays_missing():
    batch = MazeBatch(np.zeros((1, 2, 2, 2), bool), np.array([mazes.NO_CELL]), np.array([1]))
    assert all(image.start[0] == mazes.NO_CELL and image.goal[0] >= 0 for image in mazes.images(batch))
    assert nx.number_of_nodes(oracles.graph(batch.passages[0])) == 4
