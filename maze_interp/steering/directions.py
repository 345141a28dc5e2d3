"""Directions in which activations say something: found from samples and labels, to be pushed along or taken out.

A difference of means points from the samples without a property to those with it. A linear probe's weights say which
way its score grows; the least push that brings scores where they are wanted lies along them, weighed so that no other
probe's score moves. Erasure (LEACE: Belrose et al. 2023, arXiv 2306.03819) is the least change after which no linear
classifier can tell a property: class means are then equal, and that is both needed and enough. The control of all of
these is a random direction of the same length.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, Num

from maze_interp import seeds

ROUNDING = 1e-10  # features vary along a direction if by more than this share of the largest variance
Rows = Num[np.ndarray, "sample feature"]


def difference_of_means(x: Rows, has: Bool[np.ndarray, " sample"]) -> Float[np.ndarray, " feature"]:
    """The mean of the samples that have a property less that of those without. Raises ValueError if either is none."""
    if has.all() or not has.any():
        raise ValueError(f"{int(has.sum())} of {len(has)} samples have the property: a difference needs both kinds")
    return x[has].mean(axis=0, dtype=np.float64) - x[~has].mean(axis=0, dtype=np.float64)


def class_means(x: Rows, label: Int[np.ndarray, " sample"], classes: int) -> Float[np.ndarray, "class feature"]:
    """The mean of the samples of each class 0 .. classes - 1; nan for a class without any. Others are left out."""
    known = (label >= 0) & (label < classes)
    total = np.zeros((classes, x.shape[1]))
    np.add.at(total, label[known], x[known].astype(np.float64))
    with np.errstate(invalid="ignore"):
        return total / np.bincount(label[known], minlength=classes)[:, None]


def moved_across(
    x: Rows,
    weight: Float[np.ndarray, "sample feature probe"],
    bias: Float[np.ndarray, "sample probe"],
    wanted: Float[np.ndarray, "sample probe"],
) -> Float[np.ndarray, "sample feature"]:
    """Each sample moved by the least distance after which its probes' scores, x @ weight + bias, are the wanted ones.

    Probes may differ from sample to sample; with several the move solves for all scores at once.
    """
    missing = wanted - bias - np.einsum("sf,sfp->sp", x, weight)
    inner = np.einsum("sfp,sfq->spq", weight, weight)
    return x + np.einsum("sfp,spq,sq->sf", weight, np.linalg.pinv(inner, hermitian=True), missing)


def random_like(
    direction: Float[np.ndarray, "sample feature"], *, seed: int, first: int = 0
) -> Float[np.ndarray, "sample feature"]:
    """Random directions as long as the given ones, all ways alike; row i is drawn from (seed, first + i)."""
    drawn = np.empty_like(direction, dtype=np.float64)
    for row, one in enumerate(drawn, start=first):
        one[:] = seeds.generator(seed, "direction", row).normal(size=len(one))
    return drawn * (np.linalg.norm(direction, axis=1) / np.linalg.norm(drawn, axis=1))[:, None]


@dataclass(frozen=True)
class Sums:
    """Sums over samples of features x, labels z and their products: what erasure needs of a stream."""

    count: float
    x: Float[np.ndarray, " feature"]
    z: Float[np.ndarray, " label"]
    xx: Float[np.ndarray, "feature feature"]
    xz: Float[np.ndarray, "feature label"]

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(*(getattr(self, name) + getattr(other, name) for name in ("count", "x", "z", "xx", "xz")))


@dataclass(frozen=True)
class Eraser:
    """The map x - (x - mean) @ reads @ writes, which takes out what labels can be told from linearly."""

    mean: Float[np.ndarray, " feature"]
    reads: Float[np.ndarray, "feature rank"]
    writes: Float[np.ndarray, "rank feature"]

    def erase(self, x: Rows) -> Float[np.ndarray, "sample feature"]:
        """The samples without it."""
        return x - (x - self.mean) @ self.reads @ self.writes


def sums(x: Rows, z: Num[np.ndarray, "sample label"] | Bool[np.ndarray, "sample label"]) -> Sums:
    """The sums of some samples; those of more are added with +. A class is a column of z that is 1 for its samples."""
    x, z = x.astype(np.float64), z.astype(np.float64)
    return Sums(float(len(x)), x.sum(axis=0), z.sum(axis=0), x.T @ x, x.T @ z)


def eraser(seen: Sums) -> Eraser:
    """The least change, on average over the samples in squares, after which features and labels are uncorrelated.

    Raises ValueError if there are no samples.
    """
    if not seen.count:
        raise ValueError("an eraser needs samples, and there are none")
    mean = seen.x / seen.count
    covariance = seen.xx / seen.count - np.outer(mean, mean)
    crossed = seen.xz / seen.count - np.outer(mean, seen.z / seen.count)
    values, basis = np.linalg.eigh(covariance)
    varies = values > ROUNDING * max(values[-1], 0.0)
    values, basis = values[varies], basis[:, varies]
    whitened = (basis.T @ crossed) / np.sqrt(values)[:, None]
    left, size, _ = np.linalg.svd(whitened, full_matrices=False)
    left = left[:, size > ROUNDING * (np.sqrt(seen.xz.shape[1]) + size.max(initial=0.0))]
    reads = (basis / np.sqrt(values)) @ left
    writes = left.T @ (basis * np.sqrt(values)).T
    return Eraser(mean, reads, writes)
