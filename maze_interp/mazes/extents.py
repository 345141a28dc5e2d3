"""How much an edit moves: what a pair and its control should have in common besides the distance of the edit.

An edit that turns the right choice round moves the goal, and with it the way there from most cells; one that changes
nothing at the fork may move a dead end. Whoever reacts to the size of a change reacts to the first and not to the
second, and has not searched. So controls can be matched by either of two sizes.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Int

from maze_interp.mazes import lattice
from maze_interp.mazes.pairs import NO_EDGE, Pairs
from maze_interp.mazes.solving import distances

Extent = Callable[[Pairs], Int[np.ndarray, " pair"]]


def subtree(pairs: Pairs) -> Int[np.ndarray, " pair"]:
    """The cells that hang, seen from the fork, on the passage that moves; 0 where none does."""
    edges = lattice.flat(pairs.base.passages).copy()
    moved = pairs.removed != NO_EDGE
    edges[moved, pairs.removed[moved]] = False
    before, after = (
        distances(passages, pairs.here) >= 0
        for passages in (pairs.base.passages, edges.reshape(pairs.base.passages.shape))
    )
    return (before & ~after).sum(axis=1)


def new_distances(pairs: Pairs) -> Int[np.ndarray, " pair"]:
    """The cells from which the goal is farther or nearer than it was."""
    before, after = (distances(one.passages, one.goal) for one in (pairs.base, pairs.edited))
    return (before != after[:, pairs.places]).sum(axis=1)


EXTENTS: dict[str, Extent] = {"subtree": subtree, "new_distances": new_distances}
