"""What permuted positions would do to scores: of many heads one lies furthest beyond chance by chance alone.

Chance is what a head's attention would put on targets if its positions were permuted among the comparable tokens, each
query's on their own. One permutation moves the attention of all heads, so they vary together, and how much is known
exactly: no permutation is drawn.
"""

import numpy as np
from jaxtyping import Bool, Float

from maze_interp.attention.scenes import Keys, Patterns


def covariance(
    asked: Patterns, targets: Bool[np.ndarray, "part maze query key"], among: Keys
) -> Float[np.ndarray, "head other"]:
    """How the heads' attention on targets, summed over mazes, varies together when positions are permuted.

    Exact: of n comparable tokens with k targets among them, a sum over those varies as k (1 - k / n) times the sample
    covariance. Several sets of targets count together: what is scored of them is no more than their sum.
    """
    counts = counting(targets, among)
    k, n = targets.any(axis=0).sum(axis=-1), np.maximum(among.sum(axis=-1), 2)
    each = np.where(counts, k * (1 - k / n) / (n - 1) / np.maximum(counts.sum(axis=1), 1)[:, None] ** 2, 0.0)
    middle = np.einsum("mqhk,mqk->mqh", asked, among, dtype=np.float64) / n[..., None]
    apart = np.where(among[:, :, None], asked - middle[..., None], 0.0) * each[..., None, None] ** 0.5
    by_head = apart.swapaxes(0, 2).reshape(asked.shape[2], -1)
    return by_head @ by_head.T


def counting(targets: Bool[np.ndarray, "part maze query key"], among: Keys) -> Bool[np.ndarray, "maze query"]:
    """The queries that count: there are targets of every set, and comparable tokens besides."""
    return (targets.sum(axis=-1) > 0).all(axis=0) & (targets.any(axis=0) != among).any(axis=-1)
