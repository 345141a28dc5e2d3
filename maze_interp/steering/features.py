"""Passages as features of a sparse autoencoder: which features say that one is open, and what happens if they are set.

For each passage a small decision tree on all features finds the few that tell whether it is open (published, arXiv
2412.11867, for sequences; here for the place that is steered). To take a passage out, features that speak for it are
set to 0; to put one in, to their mean where it is open; those that speak against it the other way round. What the
autoencoder does not reconstruct is left as it is.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float

from maze_interp.models import HookedTransformer, Site, access, fingerprint
from maze_interp.steering.autoencoders import Autoencoder
from maze_interp.steering.movers import Edges, Has, Mover
from maze_interp.steering.trees import Tree, grow, thresholds
from maze_interp.steering.walking import Values
from maze_interp.tokens import TokenBatch


@dataclass(frozen=True)
class PassageFeatures:
    """The tree of each edge that some samples speak of and some do not, and each feature's mean where they do.

    `accuracy` is that of a tree on the samples it was grown on, both kinds of which weigh as much: 0.5 is chance.
    """

    trees: dict[int, Tree]
    accuracy: dict[int, float]
    present: Float[np.ndarray, "edge feature"]


def find(features: Float[np.ndarray, "sample feature"], has: Has, *, depth: int = 2) -> PassageFeatures:
    """The features that tell of each edge, by trees of that depth."""
    cuts, trees, accuracy = thresholds(features), {}, {}
    for edge in np.flatnonzero((has.mean(axis=0) > 0) & (has.mean(axis=0) < 1)).tolist():
        mine = has[:, edge]
        trees[edge] = grow(features, mine, cuts, depth=depth)
        said = trees[edge].predict(features)
        accuracy[edge] = float((said[mine].mean() + (~said[~mine]).mean()) / 2)
    count = np.maximum(has.sum(axis=0), 1)[:, None]
    return PassageFeatures(trees, accuracy, has.T.astype(np.float64) @ features / count)


def by_features(autoencoder: Autoencoder, found: PassageFeatures) -> Mover:
    """A mover that sets the features of edges; a strength of 2 changes the values twice as far."""

    def move(values: Values, removed: Edges, added: Edges, strength: float) -> Values:
        features = autoencoder.encode(values)
        set_to = features.copy()
        for edges, open_ in ((removed, False), (added, True)):
            for edge in set(edges.tolist()) & found.trees.keys():
                for feature, sign in found.trees[edge].signs().items():
                    on = found.present[edge, feature] if sign > 0 else _usual(found, edge, feature)
                    set_to[edges == edge, feature] = on if open_ == (sign > 0) else 0.0
        return values + strength * (autoencoder.decode(set_to) - autoencoder.decode(features))

    return move


def loss_recovered(
    model: HookedTransformer,
    autoencoder: Autoencoder,
    site: Site,
    tokens: TokenBatch,
    where: Bool[np.ndarray, "maze position"],
) -> float:
    """How much of the loss on graded tokens that the mean instead of the activations costs is won by reconstructions.

    1: the network predicts as well as ever; nan where the mean costs nothing. Raises ValueError for another model.
    """
    if autoencoder.model != fingerprint(model):
        raise ValueError("the autoencoder was trained on another model: their weights differ")
    ids, mask = torch.from_numpy(tokens.ids).long(), torch.from_numpy(where)
    graded = torch.from_numpy(tokens.graded[:, :-1].copy())

    def loss(replaced: Float[np.ndarray, "sample d_model"] | None) -> float:
        def edit(value: torch.Tensor) -> torch.Tensor:
            value[mask] = torch.from_numpy(np.array(replaced, np.float32))
            return value

        with torch.inference_mode():
            logits = access.run(model, ids, edits={} if replaced is None else {site: edit}).logits[:, :-1]
            return float(F.cross_entropy(logits[graded], ids[:, 1:][graded]))

    with torch.inference_mode():
        values = access.run(model, ids, read=[site]).values[site][mask].numpy()
    own = loss(None)
    mean = loss(np.broadcast_to(values.mean(axis=0), values.shape))
    rebuilt = loss(autoencoder.decode(autoencoder.encode(values)))
    return (mean - rebuilt) / (mean - own) if mean > own else float("nan")


def _usual(found: PassageFeatures, edge: int, feature: int) -> float:
    """The mean of a feature over the other edges."""
    others = np.delete(found.present[:, feature], edge)
    return float(others.mean())
