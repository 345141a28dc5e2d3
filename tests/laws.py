"""The exact laws of the tree generators on small lattices, by following every choice they can make.

A maze is the set of its passages, each a pair of cells; a law gives every maze its probability.
"""

import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable
from typing import Any

import networkx as nx
import numpy as np

from maze_interp import mazes
from tests import oracles

Maze = frozenset[tuple[int, int]]
Law = dict[Maze, float]
NOTHING: Maze = frozenset()


def counted(passages: np.ndarray) -> Counter[Maze]:
    """How often each maze occurs."""
    ends = mazes.edge_ends(*passages.shape[2:])
    different, counts = np.unique(passages.reshape(len(passages), -1), axis=0, return_counts=True)
    return Counter(
        {frozenset(map(tuple, ends[row].tolist())): int(n) for row, n in zip(different, counts, strict=True)}
    )


def z(passages: np.ndarray, law: Law) -> float:
    """The chi-square score of a sample against a law; no maze may fall outside the law."""
    counts = counted(passages)
    assert set(counts) <= set(law)
    return oracles.chi_square_z((counts[maze] for maze in law), law.values())


def field(rows: int, cols: int) -> nx.Graph:
    """The lattice with every passage open."""
    return oracles.graph(oracles.inside(rows, cols))


def pair(one: int, other: int) -> tuple[int, int]:
    """A passage, lower cell first."""
    return min(one, other), max(one, other)


def follow(
    steps: int, law: dict[Any, float], choices: Callable[[Any], Iterable[tuple[Hashable, float]]]
) -> dict[Any, float]:
    """The law of a process after `steps` steps; `choices(state)` are the states that can come next, with chances."""
    for _ in range(steps):
        following: dict[Any, float] = defaultdict(float)
        for state, chance in law.items():
            for then, share in choices(state):
                following[then] += chance * share
        law = {state: chance for state, chance in following.items() if chance > 0}
    return law


def last(law: dict[Any, float]) -> Law:
    """The law of the maze alone, the last part of each state."""
    out: Law = defaultdict(float)
    for state, chance in law.items():
        out[state[-1]] += chance
    return dict(out)


def parts(maze: Maze, cells: int) -> nx.utils.UnionFind:
    """Which cells hang together."""
    out = nx.utils.UnionFind(range(cells))
    for edge in maze:
        out.union(*edge)
    return out


def minimum_spanning_tree(rows: int, cols: int) -> Law:
    """Every order of the weights is equally likely."""
    lattice, law = field(rows, cols), Counter[Maze]()
    orders = list(itertools.permutations(range(lattice.size())))
    for weights in orders:
        nx.set_edge_attributes(lattice, dict(zip(lattice.edges, weights, strict=True)), "weight")
        law[frozenset(pair(*edge) for edge in nx.minimum_spanning_edges(lattice, data=False))] += 1
    return {maze: n / len(orders) for maze, n in law.items()}


def kruskal(rows: int, cols: int) -> Law:
    """The next passage is any that joins two parts: those passed over say nothing of the order of the others."""
    lattice = field(rows, cols)

    def choices(maze: Maze) -> Iterable[tuple[Maze, float]]:
        part = parts(maze, len(lattice))
        joining = [pair(*edge) for edge in lattice.edges if part[edge[0]] != part[edge[1]]]
        return [(maze | {edge}, 1 / len(joining)) for edge in joining]

    return follow(len(lattice) - 1, {NOTHING: 1.0}, choices)


def random_frontier(rows: int, cols: int) -> Law:
    """The next passage is any that leads out of the tree."""
    lattice = field(rows, cols)

    def choices(state: tuple[frozenset[int], Maze]) -> Iterable[tuple[Hashable, float]]:
        tree, maze = state
        out = list(nx.edge_boundary(lattice, tree))
        return [((tree | set(edge), maze | {pair(*edge)}), 1 / len(out)) for edge in out]

    starts = {(frozenset([cell]), NOTHING): 1 / len(lattice) for cell in lattice}
    return last(follow(len(lattice) - 1, starts, choices))


def growing_tree(rows: int, cols: int, newest: float, random: float, oldest: float) -> Law:
    """The state holds the visited cells and, in the order of their visits, those with unvisited neighbours."""
    lattice = field(rows, cols)

    def choices(state: tuple[frozenset[int], tuple[int, ...], Maze]) -> Iterable[tuple[Hashable, float]]:
        visited, live, maze = state
        for k, cell in enumerate(live):
            share = random / len(live) + newest * (k == len(live) - 1) + oldest * (k == 0)
            fresh = [near for near in lattice[cell] if near not in visited]
            for near in fresh:
                now = visited | {near}
                still = tuple(c for c in (*live, near) if not now.issuperset(lattice[c]))
                yield (now, still, maze | {pair(cell, near)}), share / len(fresh)

    starts = {(frozenset([cell]), (cell,), NOTHING): 1 / len(lattice) for cell in lattice}
    return last(follow(len(lattice) - 1, starts, choices))


def hunt_and_kill(rows: int, cols: int) -> Law:
    """The state holds the cell the walk is at and the visited cells."""
    lattice = field(rows, cols)

    def choices(state: tuple[int, frozenset[int], Maze]) -> Iterable[tuple[Hashable, float]]:
        cell, visited, maze = state
        options = [(near, pair(cell, near)) for near in lattice[cell] if near not in visited]
        if not options:
            prey = min(c for c in lattice if c not in visited and visited.intersection(lattice[c]))
            options = [(prey, pair(prey, near)) for near in lattice[prey] if near in visited]
        return [((to, visited | {to}, maze | {edge}), 1 / len(options)) for to, edge in options]

    starts = {(cell, frozenset([cell]), NOTHING): 1 / len(lattice) for cell in lattice}
    return last(follow(len(lattice) - 1, starts, choices))


def recursive_division(rows: int, cols: int, longer_side: bool) -> Law:
    """A wall is the list of the passages it closes, one of which stays open."""

    def chamber(top: int, left: int, height: int, width: int) -> Law:
        cell = top * cols + left
        flat = [[(cell + k * cols - cols + j, cell + k * cols + j) for j in range(width)] for k in range(1, height)]
        upright = [[(cell + k - 1 + j * cols, cell + k + j * cols) for j in range(height)] for k in range(1, width)]
        law: Law = defaultdict(float, {} if flat or upright else {NOTHING: 1.0})
        one_kind = longer_side and height != width
        walls = (flat if height > width else upright) if one_kind else flat + upright
        for wall in walls:
            low = wall[0][1]
            if wall in flat:
                k = low // cols - top
                halves = chamber(top, left, k, width), chamber(top + k, left, height - k, width)
            else:
                k = low % cols - left
                halves = chamber(top, left, height, k), chamber(top, left + k, height, width - k)
            for gap, (one, p), (other, q) in itertools.product(wall, halves[0].items(), halves[1].items()):
                law[one | other | {gap}] += p * q / len(walls) / len(wall)
        return law

    return dict(chamber(0, 0, rows, cols))


def binary_tree(rows: int, cols: int, up: float) -> Law:
    """Cell by cell; the state holds the cell whose turn it is."""

    def choices(state: tuple[int, Maze]) -> Iterable[tuple[Hashable, float]]:
        cell, maze = state
        row, col = divmod(cell, cols)
        rise = float(row > 0) if row == 0 or col == 0 else up
        yield (cell + 1, maze | {(cell - cols, cell)}), rise
        yield (cell + 1, maze | {(cell - 1, cell)}), 1 - rise

    return last(follow(rows * cols - 1, {(1, NOTHING): 1.0}, choices))


def sidewinder(rows: int, cols: int, close: float) -> Law:
    """Cell by cell; the state holds the cell whose turn it is and where its run began."""

    def choices(state: tuple[int, int, Maze]) -> Iterable[tuple[Hashable, float]]:
        cell, run, maze = state
        ends = 1.0 if (cell + 1) % cols == 0 else close
        for riser in range(run, cell + 1):
            yield (cell + 1, cell + 1, maze | {(riser - cols, riser)}), ends / (cell + 1 - run)
        yield (cell + 1, run, maze | {(cell, cell + 1)}), 1 - ends

    first_row = frozenset((cell, cell + 1) for cell in range(cols - 1))
    return last(follow((rows - 1) * cols, {(cols, cols, first_row): 1.0}, choices))


def eller(rows: int, cols: int, right: float, down: float) -> Law:
    """Row by row, over all sets of cells that can open down: in each part at least one, chosen fairly if no coin is."""

    def across(cell: int, right: float, maze: Maze) -> Iterable[tuple[Maze, float]]:
        part = parts(maze, rows * cols)
        joins = right if part[cell] != part[cell + 1] else 0.0
        return [(maze | {(cell, cell + 1)}, joins), (maze, 1 - joins)]

    def descend(row: range, maze: Maze) -> Iterable[tuple[Maze, float]]:
        part = parts(maze, rows * cols)
        together = [[cell for cell in row if part[cell] == root] for root in {part[cell] for cell in row}]
        for opens in itertools.product((False, True), repeat=cols):
            chance = 1.0
            for cells in together:
                few, many = sum(opens[cell % cols] for cell in cells), len(cells)
                lone = (1 - down) ** many / many if few == 1 else 0.0
                chance *= (down**few * (1 - down) ** (many - few) + lone) if few else 0.0
            yield maze | {(cell, cell + cols) for cell in row if opens[cell % cols]}, chance

    law: Law = {NOTHING: 1.0}
    for row in (range(k * cols, (k + 1) * cols) for k in range(rows)):
        joining = right if row.stop < rows * cols else 1.0
        for cell in row[:-1]:
            law = follow(1, law, lambda maze, cell=cell, joining=joining: across(cell, joining, maze))
        if row.stop < rows * cols:
            law = follow(1, law, lambda maze, row=row: descend(row, maze))
    return law


def uniform_dead_ends(rows: int, cols: int) -> float:
    """The expected share of dead ends in a uniform spanning tree, by Kirchhoff's matrix-tree theorem.

    A cell hangs by one passage in as many trees as the rest of the lattice has, once per neighbour.
    """
    lattice = field(rows, cols)

    def log_trees(graph: nx.Graph) -> float:
        return float(np.linalg.slogdet(nx.laplacian_matrix(graph).toarray()[1:, 1:])[1])

    rests = {cell: lattice.subgraph(set(lattice) - {cell}) for cell in lattice}
    every = log_trees(lattice)
    shares = [lattice.degree(cell) * math.exp(log_trees(rest) - every) for cell, rest in rests.items()]
    return sum(shares) / len(lattice)
