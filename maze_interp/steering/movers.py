"""Ways to tell a network of a passage behind its back: from what it holds when a passage is open, how to say so.

Each of METHODS takes samples of the residual stream at one place with the edges that each speaks of, and gives a mover:
a map from values, the edge to take out, the edge to put in and a strength to other values. With `means` and
`regression` both are pushes, by the difference of means, or by what an edge adds where the others stay as they are.
`probe` moves linear probes' scores to where they lie for open or closed edges, and no farther than it must. `erase`
takes an edge out by removing what linear classifiers could tell of it, and puts one in by means.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float, Int

from maze_interp import recipes
from maze_interp.steering.directions import eraser, moved_across, sums
from maze_interp.steering.walking import Edit, Values

Has = Bool[np.ndarray, "sample edge"]
Edges = Int[np.ndarray, " sample"]
Mover = Callable[[Values, Edges, Edges, float], Values]
RIDGE = 1e-3  # of the mean variance of a feature or label


def means(x: Values, has: Has) -> Mover:
    """Push by the mean of samples that speak of an edge less that of the others."""
    return _push(differences(x, has))


def regression(x: Values, has: Has) -> Mover:
    """Push by what an edge adds to the values while the other edges stay as they are: least squares on all edges."""
    return _push(effects(x, has))


def probe(x: Values, has: Has) -> Mover:
    """Bring the scores of linear probes to where they lie, on average, for edges that are open or closed.

    A strength of 2 brings them as far again.
    """
    weight, bias = _probes(x, has)
    score = x @ weight + bias
    where = [(score * told).sum(axis=0) / np.maximum(told.sum(axis=0), 1) for told in (~has, has)]

    def move(values: Values, removed: Edges, added: Edges, strength: float) -> Values:
        edges = np.stack([removed, added], axis=1)
        own = np.where((edges >= 0)[:, None], weight[:, edges].transpose(1, 0, 2), 0.0)
        now = np.einsum("sf,sfp->sp", values, own)
        wanted = np.stack([where[0][removed], where[1][added]], axis=1) - bias[edges]
        return moved_across(values, own, np.zeros_like(now), now + strength * np.where(edges >= 0, wanted - now, 0.0))

    return move


def erase(x: Values, has: Has) -> Mover:
    """Erase what can be told linearly of an edge to take out; put one in by means. A strength of 2 mirrors instead."""
    ways = differences(x, has)
    erasers = {int(edge): eraser(sums(x, has[:, [edge]])) for edge in np.flatnonzero(_asked(has))}

    def move(values: Values, removed: Edges, added: Edges, strength: float) -> Values:
        moved = values + strength * np.where((added >= 0)[:, None], ways[added], 0.0)
        for edge in set(removed.tolist()) & erasers.keys():
            mine = removed == edge
            moved[mine] += strength * (erasers[edge].erase(values[mine]) - values[mine])
        return moved

    return move


METHODS: dict[str, Callable[[Values, Has], Mover]] = {
    "means": means,
    "regression": regression,
    "probe": probe,
    "erase": erase,
}


def mover(method: str, x: Values, has: Has) -> Mover:
    """The mover of that name, fitted to samples. Raises ValueError for an unknown method."""
    if method not in METHODS:
        raise recipes.unknown("way to steer", method, METHODS)
    return METHODS[method](x, has)


def edit(move: Mover, removed: Int[np.ndarray, " maze"], added: Int[np.ndarray, " maze"], strength: float) -> Edit:
    """The edit that takes one edge out of each maze and puts one in; -1 leaves it at the other."""
    return lambda values, maze: move(values, removed[maze], added[maze], strength)


def differences(x: Values, has: Has) -> Float[np.ndarray, "edge d_model"]:
    """The difference of means of each edge; 0 for one that all samples, or none, speak of."""
    return np.where(_asked(has)[:, None], _mean(x, has) - _mean(x, ~has), 0.0)


def effects(x: Values, has: Has) -> Float[np.ndarray, "edge d_model"]:
    """What each edge adds to the values by least squares on all; 0 for one that all samples, or none, speak of."""
    z = has - has.mean(axis=0)
    return np.linalg.solve(*_normal(z, x - x.mean(axis=0, dtype=np.float64))) * _asked(has)[:, None]


def _push(ways: Float[np.ndarray, "edge d_model"]) -> Mover:
    padded = np.concatenate([ways, np.zeros((1, ways.shape[1]))])  # NO_EDGE is the last
    return lambda values, removed, added, strength: values + strength * (padded[added] - padded[removed])


def _probes(x: Values, has: Has) -> tuple[Float[np.ndarray, "d_model edge"], Float[np.ndarray, " edge"]]:
    """(weights, biases) of ridge regression of every edge on the values."""
    mean = x.mean(axis=0, dtype=np.float64)
    weight = np.linalg.solve(*_normal(x - mean, has - has.mean(axis=0)))
    return weight, has.mean(axis=0) - mean @ weight


def _normal(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The normal equations of ridge regression."""
    inner = x.T @ x / len(x)
    return inner + RIDGE * np.trace(inner) / len(inner) * np.eye(len(inner)), x.T @ y / len(x)


def _asked(has: Has) -> Bool[np.ndarray, " edge"]:
    share = has.mean(axis=0)
    return (share > 0) & (share < 1)


def _mean(x: Values, told: Has) -> Float[np.ndarray, "edge d_model"]:
    """The mean of the samples told of each edge."""
    return told.T.astype(np.float64) @ x / np.maximum(told.sum(axis=0), 1)[:, None]
