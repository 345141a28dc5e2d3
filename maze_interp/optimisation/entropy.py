"""How uncertain an outcome is, and how far two distributions lie apart: entropies and divergences, in nats.

Everything here takes weights (counts or probabilities) and normalises them, so a sample and a distribution are treated
alike. The plug-in entropy of counts is low by about (K - 1) / 2N for K outcomes that occur among N (Miller 1955, Madow
1948), 0.0175 nats for 8 among 200; the Miller-Madow correction adds that back. It is a correction of entropies, so a
divergence does not take it. Conventions: 0 ln 0 = 0, and the divergence from what never happens is infinite.
"""

from typing import Literal

import numpy as np
from jaxtyping import Float, Num

Correction = Literal["plug_in", "miller_madow"]
CORRECTIONS = ("plug_in", "miller_madow")


def entropy(
    weights: Num[np.ndarray, "..."], axis: int = -1, correction: Correction = "plug_in"
) -> Float[np.ndarray, "..."]:
    """The entropy along an axis, in nats. Where nothing was counted it is 0.

    `correction` = "miller_madow" adds (outcomes seen - 1) / 2N, and so needs counts.
    """
    total = weights.sum(axis=axis, dtype=np.float64)
    known = np.where(total > 0, total, 1.0)
    plain = np.log(known) - (weights * _safe_log(weights)).sum(axis=axis) / known
    if correction == "miller_madow":
        plain = plain + np.maximum((weights > 0).sum(axis=axis) - 1, 0) / (2 * known)
    return np.asarray(plain)


def binary_entropy(p: float | Num[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """The entropy of a success that has probability p, in nats."""
    p = np.asarray(p, dtype=np.float64)
    return np.asarray(-(p * _safe_log(p) + (1 - p) * _safe_log(1 - p)))


def kl(p: Num[np.ndarray, "..."], q: Num[np.ndarray, "..."], axis: int = -1) -> Float[np.ndarray, "..."]:
    """The Kullback-Leibler divergence of p from q along an axis: infinite where p has what q lacks."""
    share, other = (w / w.sum(axis=axis, keepdims=True, dtype=np.float64) for w in (p, q))
    lacking = ((share > 0) & (other == 0)).any(axis=axis)
    divergence = (share * (_safe_log(share) - _safe_log(other))).sum(axis=axis)
    return np.asarray(np.where(lacking, np.inf, divergence))


def cross_entropies(
    p: Num[np.ndarray, " one outcome"], q: Num[np.ndarray, " other outcome"]
) -> Float[np.ndarray, " one other"]:
    """- sum p ln q for every pair of a distribution in `p` and one in `q`: infinite where p has what q lacks.

    Less the entropy of p it is the divergence of p from q; all pairs take two matrix products.
    """
    share, other = (w / w.sum(axis=1, keepdims=True, dtype=np.float64) for w in (p, q))
    lacking = (share > 0).astype(np.float64) @ (other == 0).astype(np.float64).T > 0
    return np.where(lacking, np.inf, -share @ _safe_log(other).T)


def _safe_log(x: float | Num[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """ln x, and 0 for 0, which only ever meets a factor of 0."""
    return np.asarray(np.log(np.where(np.asarray(x) > 0, x, 1.0)))
