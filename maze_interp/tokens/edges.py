"""The edges of a maze as a list, in the order in which a sequence names them.

An edge code is one integer, `2 * edge + flipped`: `edge` is the edge's number, as `mazes.lattice` counts them, and
a flipped edge names its lower or right cell first. What is listed may be the passages, the walls or both, and the
list comes in one of three orders. "random" is shuffled uniformly and each edge's ends are put in random order, so that
nothing about an edge can be read off its place. "row_by_row" goes through the cells like a page, each with its edge to
the right and then its edge down, and flips none. "depth_first" follows a random walk through the maze that turns back
only where it must: each edge starts from the cell where the walk stands and leads on, or to a cell it has been in.
"""

from functools import lru_cache
from typing import no_type_check

import numpy as np
from jaxtyping import Bool, Int
from numba import njit

from maze_interp.mazes import lattice
from maze_interp.mazes.lattice import edge_ends, edge_ids, flat
from maze_interp.seeds import begin, below, derive

NO_EDGE = -1


def listed(passages: Bool[np.ndarray, "maze 2 row col"], edges: str) -> Bool[np.ndarray, "maze 2 row col"]:
    """The edges that a list of "passages", of "walls" or of "both" names. ValueError if a border passage is open."""
    if edges == "passages":
        return passages
    flat(passages)
    inside = np.zeros(passages.shape[1:], bool)
    inside.ravel()[edge_ids(*passages.shape[2:])] = True
    return inside & ~passages if edges == "walls" else np.broadcast_to(inside, passages.shape)


def draw(
    edges: Bool[np.ndarray, "maze 2 row col"], *, seed: int, first: int = 0, order: str = "random"
) -> Int[np.ndarray, "maze edge"]:
    """The list of each maze's edges in the given order: int32 codes, padded with NO_EDGE to the longest list.

    Maze i's list is a function of (seed, first + i) and its edges alone. ValueError if a border passage is open.
    """
    rows = flat(edges)
    codes = np.empty((len(rows), _count(rows, 1).max(initial=0)), np.int32)
    if order == "row_by_row":
        _row_by_row(rows, codes)
    elif order == "depth_first":
        _walk(rows, edges.shape[3], derive(seed, "edge walk"), first, codes)
    else:
        _shuffle(rows, derive(seed, "edge order"), first, codes)
    return codes


def count(order: Int[np.ndarray, "maze edge"]) -> Int[np.ndarray, " maze"]:
    """How many edges each list has: int32."""
    return _count(order, 0)


def check(
    order: Int[np.ndarray, "list edge"], edges: Bool[np.ndarray, "maze 2 row col"], what: str = "passages"
) -> None:
    """Raise ValueError unless each row of `order` names every edge of its maze exactly once, then NO_EDGE."""
    if len(order) != len(edges):
        raise ValueError(f"edge_order has {len(order)} rows for {len(edges)} mazes")
    bad = _first_wrong(np.ascontiguousarray(order, np.int32), flat(edges))
    if bad >= 0:
        raise ValueError(
            f"edge_order of maze {bad} must name each of its {edges[bad].sum()} {what} exactly once, "
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
def _row_by_row(edges, order):
    cells = edges.shape[1] // 2
    for i in range(edges.shape[0]):
        total = 0
        for cell in range(cells):
            if edges[i, cells + cell]:
                order[i, total] = 2 * (cells + cell)
                total += 1
            if edges[i, cell]:
                order[i, total] = 2 * cell
                total += 1
        order[i, total:] = NO_EDGE


@njit(cache=True, nogil=True)
@no_type_check
def _walk(edges, cols, seed, first, order):
    """Each maze's walk begins at a random cell; what it cannot reach is walked from the next cell not yet entered."""
    cells = edges.shape[1] // 2
    state = np.empty(1, np.uint64)
    steps, across = lattice.spot_steps(cols), lattice.edge_steps(cells // max(cols, 1), cols)
    sides = np.zeros(cells + 2 * cols, np.uint8)
    entered = np.empty(cells + 2 * cols, np.bool_)
    stack = np.empty(cells + 1, np.uint64)
    for i in range(edges.shape[0]):
        begin(state, seed, first + i)
        lattice.open_sides(edges[i], sides, cols)
        entered[:] = False
        total, root = 0, below(state, cells)
        for k in range(cells):
            spot = np.uint64((root + k) % cells + cols)
            if entered[spot]:
                continue
            entered[spot] = True
            stack[0], depth = spot, 1
            while depth > 0:
                spot = stack[depth - 1]
                if sides[spot] == 0:
                    depth -= 1
                    continue
                direction = lattice.PICK[sides[spot], below(state, lattice.TWELFTHS)]
                order[i, total] = 2 * np.int64(spot + across[direction]) + (direction >> 1)
                total += 1
                near = spot + steps[direction]
                sides[spot] ^= np.uint8(1 << direction)
                sides[near] ^= np.uint8(1 << (direction ^ 2))
                if not entered[near]:
                    entered[near] = True
                    stack[depth] = near
                    depth += 1
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
