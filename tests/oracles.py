"""Slow and obvious: what the library computes fast, computed again with nothing in common but the definitions."""

import math
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

import networkx as nx
import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from maze_interp.mazes.batch import DOWN, RIGHT, MazeBatch

repeatable = settings(deadline=None, derandomize=True)  # the first example may wait for a compiler
few = settings(repeatable, max_examples=40)  # for oracles that take their time


def graph(passages: np.ndarray) -> nx.Graph:
    """The graph of one maze bool[2, row, col], wall by wall; nodes are cell numbers."""
    _, rows, cols = passages.shape
    out = nx.empty_graph(rows * cols)
    for row in range(rows):
        for col in range(cols):
            cell = row * cols + col
            if passages[DOWN, row, col]:
                out.add_edge(cell, cell + cols)
            if passages[RIGHT, row, col]:
                out.add_edge(cell, cell + 1)
    return out


def passages_of(edges: Iterable[tuple[int, int]], rows: int, cols: int) -> np.ndarray:
    """The one-maze batch bool[1, 2, row, col] in which exactly these pairs of neighbouring cells are joined."""
    out = np.zeros((1, 2, rows, cols), dtype=bool)
    for low, high in map(sorted, edges):
        out[0, DOWN if high == low + cols else RIGHT, low // cols, low % cols] = True
    return out


def repeated(passages: np.ndarray, count: int) -> np.ndarray:
    """One maze, `count` times."""
    return np.repeat(passages[:1], count, axis=0)


def largest_component(passages: np.ndarray) -> set[int]:
    """The cells of the largest component of one maze; the lowest cell breaks ties."""
    return max(nx.connected_components(graph(passages)), key=lambda cells: (len(cells), -min(cells)))


def spanning_tree_count(rows: int, cols: int) -> int:
    """How many spanning trees the lattice has, by Kirchhoff's matrix-tree theorem."""
    laplacian = nx.laplacian_matrix(nx.grid_2d_graph(rows, cols)).toarray()
    return round(np.linalg.det(laplacian[1:, 1:]))


def depth_first_law(
    rows: int, cols: int, *, forks: bool = True, accessible_cells: int = 0, max_depth: int = 0, start: int = -1
) -> dict[frozenset[tuple[int, int]], float]:
    """The probability of every maze that randomised depth-first search can draw, by following every choice."""
    lattice = graph(np.stack([np.ones((rows, cols)), np.ones((rows, cols))]) * inside(rows, cols))
    law: dict[frozenset[tuple[int, int]], float] = {}
    most, deepest = accessible_cells or len(lattice), max_depth or len(lattice)

    def follow(stack: list[int], visited: set[int], edges: frozenset[tuple[int, int]], chance: float) -> None:
        goes_on = len(visited) < most and len(stack) - 1 < deepest
        fresh = [cell for cell in lattice[stack[-1]] if cell not in visited] if goes_on else []
        for cell in fresh:
            edge = (min(stack[-1], cell), max(stack[-1], cell))
            follow([*stack, cell], visited | {cell}, edges | {edge}, chance / len(fresh))
        if not fresh and len(stack) > 1 and forks:
            follow(stack[:-1], visited, edges, chance)
        elif not fresh:
            law[edges] = law.get(edges, 0.0) + chance

    starts = list(lattice) if start < 0 else [start]
    for cell in starts:
        follow([cell], {cell}, frozenset(), 1 / len(starts))
    return law


def inside(rows: int, cols: int) -> np.ndarray:
    """bool[2, row, col]: True for the passages that do not cross the border."""
    out = np.ones((2, rows, cols), dtype=bool)
    out[DOWN, -1, :] = False
    out[RIGHT, :, -1] = False
    return out


def chi_square_z(counts: Iterable[int], probabilities: Iterable[float]) -> float:
    """How many standard deviations a chi-square statistic lies above its mean (Wilson-Hilferty approximation).

    Under the hypothesis it exceeds 4 with probability 3e-5.
    """
    observed, expected = np.array(list(counts), dtype=float), np.array(list(probabilities), dtype=float)
    expected *= observed.sum() / expected.sum()
    freedom = len(observed) - 1
    statistic = ((observed - expected) ** 2 / expected).sum()
    return ((statistic / freedom) ** (1 / 3) - (1 - 2 / (9 * freedom))) / math.sqrt(2 / (9 * freedom))


def costs_behind(ways: nx.Graph, cell: int, near: int, counted: set[int]) -> dict[int, int]:
    """What it costs to go from `cell` by way of `near`, never back, to each cell, where to enter a counted one is 1."""
    rest = ways.subgraph(set(ways) - {cell})
    costs = nx.single_source_dijkstra_path_length(rest, near, weight=lambda _, there, __: int(there in counted))
    return {there: cost + int(near in counted) for there, cost in costs.items()}


def filled(ways: nx.Graph, kept: set[int], *, corridors: bool) -> Iterator[set[int]]:
    """The cells left after each round of dead-end filling, until nothing changes; `kept` are never filled.

    A round fills every dead end, or, with `corridors`, what leads from it to the next cell that was no corridor.
    """
    left = nx.Graph(ways)
    while True:
        gone: set[int] = set()
        for cell in set(left) - kept:
            way = [cell] if left.degree[cell] <= 1 else []
            while corridors and way and (onward := set(left[way[-1]]) - {*way, *kept}):
                (ahead,) = onward
                way += [ahead] if left.degree[ahead] == 2 else []
                if way[-1] != ahead:
                    break
            gone |= set(way)
        if not gone:
            return
        left.remove_nodes_from(gone)
        yield set(left)


def every_step(graph: nx.Graph, start: int, goal: int) -> set[tuple[int, int, int]]:
    """(step, here, came) on every shortest path, its last cell aside."""
    if not nx.has_path(graph, start, goal):
        return set()
    paths = [[-1, *path] for path in nx.all_shortest_paths(graph, start, goal)]
    return {(step, here, came) for path in paths for step, (came, here) in enumerate(pairwise(path)) if here != goal}


def options_of(graph: nx.Graph, here: int, came: int) -> set[int]:
    """The cells next door but for the one it came by."""
    return set(graph[here]) - {came}


def right_of(graph: nx.Graph, here: int, came: int, goal: int) -> set[int]:
    """The options one step nearer to the goal."""
    to_goal = nx.single_source_shortest_path_length(graph, goal)
    return {there for there in options_of(graph, here, came) if to_goal.get(there) == to_goal[here] - 1}


def decision(graph: nx.Graph, cols: int, goal: int, here: int, came: int) -> dict[str, Any]:
    """What is to be said of one decision."""
    options, right = options_of(graph, here, came), right_of(graph, here, came, goal)
    behind = {there: costs_behind(graph, here, there, set(graph)) for there in options - right}
    beeline = {cell: abs(cell // cols - goal // cols) + abs(cell % cols - goal % cols) for cell in graph}
    lured = any(goal in costs for costs in behind.values())
    return {
        "options": options,
        "right": right,
        "deceptive": all(beeline[there] > beeline[here] for there in right),
        "to_goal": nx.shortest_path_length(graph, here, goal),
        "wrong_depth": -1 if lured else max((max(costs.values()) for costs in behind.values()), default=0),
        "wrong_size": sum(map(len, behind.values())),
        "exits": len(options),
    }


def guessed(graph: nx.Graph, path: list[int]) -> float:
    """The chance to guess a path: one over the ways that lead on, at every cell but the last."""
    return 1 / math.prod(graph.degree[cell] - (step > 0) for step, cell in enumerate(path[:-1]))


def turns(path: list[int], cols: int) -> int:
    """How often a path changes its direction."""
    places = [divmod(cell, cols) for cell in path]
    moves = [(there[0] - here[0], there[1] - here[1]) for here, there in pairwise(places)]
    return sum(one != other for one, other in pairwise(moves))


@st.composite
def any_mazes(draw: st.DrawFn, longest: int = 5) -> MazeBatch:
    """A strategy for a few mazes with any passages, start and goal on any small lattice."""
    sizes = st.tuples(st.integers(1, longest), st.integers(1, longest))
    rows, cols = draw(sizes.filter(lambda size: size[0] * size[1] >= 2))
    count = draw(st.integers(1, 3))
    passages = draw(arrays(bool, (count, 2, rows, cols))) & inside(rows, cols)
    cells = arrays(np.int32, count, elements=st.integers(0, rows * cols - 1))
    return MazeBatch(passages, draw(cells), draw(cells))


def split_history(out: np.ndarray, outcomes: int, good: np.ndarray, pseudo_count: float) -> list[float]:
    """Op, Imp, H(F), E H(F'|P''), p and q of an outcome matrix, row by row as they are defined."""

    def shares(sample: np.ndarray, extra: float = 0.0) -> np.ndarray:
        counts = np.array([(sample == outcome).sum() for outcome in range(outcomes)]) + extra
        return counts / counts.sum()

    def uncertainty(p: np.ndarray) -> float:
        return -sum(x * math.log(x) for x in p if x > 0)

    def divergence(p: np.ndarray, q: np.ndarray) -> float:
        return sum(math.inf if y == 0 else x * math.log(x / y) for x, y in zip(p, q, strict=True) if x > 0)

    factual, smooth = shares(np.diag(out)), [shares(row, pseudo_count) for row in out]
    split = np.mean([uncertainty(shares(row)) for row in out])
    imp = np.mean([divergence(factual, row) for row in smooth])
    q = np.mean([row[good].sum() for row in smooth])
    return [split - uncertainty(factual), imp, uncertainty(factual), split, factual[good].sum(), q]
