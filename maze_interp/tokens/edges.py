"""The passages of a maze as a list of edges, in the order in which a sequence names them.

An edge code is one integer, `2 * edge + flipped`: `edge` is the passage's number, as `mazes.lattice` counts them, and
a flipped edge names its lower or right cell first. A maze's list is shuffled uniformly and each edge's ends are put in
random order, so that nothing about a passage can be read off its place.
"""

from functools import lru_cache
from typing import no_type_check

import numpy as np
from jaxtyping import Bool, Int
from numba import njit

from maze_interp.mazes.lattice import edge_ends, flat
from maze_interp.seeds import begin, below, derive

NO_EDGE = -1


def draw(passages: Bool[np.ndarray, "maze 2 row col"], *, seed: int, first: int = 0) -> Int[np.ndarray, "maze edge"]:
    """A uniformly random edge list for each maze: int32 codes, padded with NO_EDGE to the longest list.

    Maze i's list is a function of (seed, first + i) and its passages alone. ValueError if a border passage is open.
    """
    edges = flat(passages)
    order = np.empty((len(edges), _count(edges, 1).max(initial=0)), np.int32)
    _shuffle(edges, derive(seed, "edge order"), first, order)
    return order


def count(order: Int[np.ndarray, "maze edge"]) -> Int[np.ndarray, " maze"]:
    """How many edges each list has: int32."""
    return _count(order, 0)


def check(order: Int[np.ndarray, "list edge"], passages: Bool[np.ndarray, "maze 2 row col"]) -> None:
    """Raise ValueError unless each row of `order` names every passage of its maze exactly once, then NO_EDGE."""
    if len(order) != len(passages):
        raise ValueError(f"edge_order has {len(order)} rows for {len(passages)} mazes")
    bad = _first_wrong(np.ascontiguousarray(order, np.int32), flat(passages))
    if bad >= 0:
        raise ValueError(
            f"edge_order of maze {bad} must name each of its {passages[bad].sum()} passages exactly once, "
            f"as 2 * edge + flipped, and then be padded with {NO_EDGE}"
        )


@lru_cache(maxsize=32)
def ends(rows: int, cols: int) -> Int[np.ndarray, "code 2"]:
    """The two cells that each edge code of a rows x cols lattice names, in the order it names them."""
    one_way = edge_ends(rows, cols)
    table = np.stack([one_way, one_way[:, ::-1]], axis=1).reshape(4 * rows * cols, 2)
    table.setflags(write=False)
    return table


@njit(cache=True, nogil=True)
@no_type_check
def _count(lists, least):
    """How many entries of each row are at least `least`."""
    counts = np.empty(lists.shape[0], np.int32)
    for i in range(lists.shape[0]):
        total = 0
        for k in range(lists.shape[1]):
            total += lists[i, k] >= least
        counts[i] = total
    return counts


@njit(cache=True, nogil=True)
@no_type_check
def _shuffle(passages, seed, first, order):
    """Inside-out Fisher-Yates: one draw per edge chooses both its place among those before it and its direction."""
    state = np.empty(1, np.uint64)
    edges = np.empty(passages.shape[1] + 1, np.int32)
    for i in range(passages.shape[0]):
        begin(state, seed, first + i)
        total = 0
        for edge in range(passages.shape[1]):  # written always, kept where open: no branch to mispredict
            edges[total] = edge
            total += passages[i, edge]
        for k in range(total):
            choice = below(state, 2 * (k + 1))
            place = choice >> 1
            order[i, k] = order[i, place]
            order[i, place] = 2 * edges[k] + (choice & 1)
        order[i, total:] = NO_EDGE


@njit(cache=True, nogil=True)
@no_type_check
def _first_wrong(order, passages):
    """The first maze whose list is not its passages, or -1."""
    seen = np.full(passages.shape[1], -1, np.int64)
    for i in range(passages.shape[0]):
        named = 0
        while named < order.shape[1] and order[i, named] != NO_EDGE:
            edge = order[i, named] >> 1
            if edge < 0 or edge >= passages.shape[1] or not passages[i, edge] or seen[edge] == i:
                return i
            seen[edge] = i
            named += 1
        if named != passages[i].sum() or (order[i, named:] != NO_EDGE).any():
            return i
    return -1
