"""Small decision trees: which few features tell whether something is so, found greedily.

A tree of depth d asks d questions at most, each whether one feature exceeds a threshold, and each the one that leaves
the least Gini impurity (Breiman et al. 1984). Samples that have the property weigh as much, together, as those that
lack it. Thresholds are halves between neighbouring values of a feature, or of its quantiles where values are many.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, Num

Rows = Num[np.ndarray, "sample feature"]
LEAF = -1


@dataclass(frozen=True)
class Tree:
    """A complete binary tree: below node i are 2 i + 1, where its feature is at most the threshold, and 2 i + 2.

    `feature` is LEAF where nothing is asked; `share` is the weighted share of samples at the node that have the
    property (nan where no sample came).
    """

    feature: Int[np.ndarray, " node"]
    threshold: Float[np.ndarray, " node"]
    share: Float[np.ndarray, " node"]

    def predict(self, x: Rows) -> Bool[np.ndarray, " sample"]:
        """Whether each sample is more likely than not to have the property."""
        node = np.zeros(len(x), int)
        for _ in range(int(np.log2(len(self.feature) + 1)) - 1):
            asked = self.feature[node] != LEAF
            above = x[np.arange(len(x)), self.feature[node]] > self.threshold[node]
            node = np.where(asked, 2 * node + 1 + above, node)
        return self.share[node] > 0.5

    def signs(self) -> dict[int, int]:
        """The features asked about: 1 where to exceed the threshold speaks for the property, -1 where against it.

        The question nearest to the root counts.
        """
        asked = np.flatnonzero(self.feature != LEAF)[::-1]
        return {int(self.feature[i]): 1 if self.share[2 * i + 2] > self.share[2 * i + 1] else -1 for i in asked}


def thresholds(x: Rows, most: int = 8) -> Float[np.ndarray, "cut feature"]:
    """Up to `most` thresholds of each feature; infinite where it has fewer."""
    out = np.full((most, x.shape[1]), np.inf)
    for feature in range(x.shape[1]):
        values = np.unique(x[:, feature])
        if len(values) > most + 1:
            values = np.unique(np.quantile(values, np.linspace(0, 1, most + 1)))
        out[: len(values) - 1, feature] = (values[1:] + values[:-1]) / 2
    return out


def grow(x: Rows, has: Bool[np.ndarray, " sample"], cuts: Float[np.ndarray, "cut feature"], *, depth: int = 2) -> Tree:
    """The tree that tells the samples that have a property. Raises ValueError if all have it, or none."""
    if has.all() or not has.any():
        raise ValueError(f"{int(has.sum())} of {len(has)} samples have the property: a tree needs both kinds")
    weight = np.where(has, 0.5 / has.sum(), 0.5 / (~has).sum())
    nodes = 2 ** (depth + 1) - 1
    feature, threshold, share = np.full(nodes, LEAF), np.zeros(nodes), np.full(nodes, np.nan)
    at = np.zeros(len(x), int)
    for node in range(nodes):
        mine = np.flatnonzero(at == node)
        if not len(mine):
            continue
        share[node] = weight[mine][has[mine]].sum() / weight[mine].sum()
        if node >= nodes // 2 or share[node] in (0.0, 1.0):
            continue
        cut, best, gain = _best(x[mine], has[mine], weight[mine], cuts)
        if gain > 1e-12:
            feature[node], threshold[node] = best, cuts[cut, best]
            at[mine] = 2 * node + 1 + (x[mine, best] > cuts[cut, best])
    return Tree(feature, threshold, share)


def _best(
    x: Rows,
    has: Bool[np.ndarray, " sample"],
    weight: Float[np.ndarray, " sample"],
    cuts: Float[np.ndarray, "cut feature"],
) -> tuple[int, int, float]:
    """(cut, feature, gain): the question after which impurity is least, and by how much it falls."""
    whole, part = weight.sum(keepdims=True), weight[has].sum(keepdims=True)
    sides = np.stack([weight, weight * has]).astype(np.float32)
    above = np.stack([sides @ (x > cut).astype(np.float32) for cut in cuts], axis=1).astype(np.float64)
    gains = _impurity(whole, part) - _impurity(*above) - _impurity(whole - above[0], part - above[1])
    cut, feature = np.unravel_index(gains.argmax(), gains.shape)
    return int(cut), int(feature), float(gains[cut, feature])


def _impurity(whole: np.ndarray, part: np.ndarray) -> np.ndarray:
    """Gini impurity times the weight it applies to."""
    share = np.clip(part / np.maximum(whole, 1e-12), 0.0, 1.0)  # of nothing, rounding leaves a little
    return 2 * whole * share * (1 - share)
