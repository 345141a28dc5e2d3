"""From which depth on something is known, and of two things, which is known first: by masses at every depth."""

import numpy as np
from jaxtyping import Float, Int

from maze_interp import tables
from maze_interp.tables import Row


def reached(masses: Float[np.ndarray, "*draw depth"], nearly: float) -> Int[np.ndarray, "*draw"]:
    """The first depth at which a mass is so nearly all the way from its first value to its last."""
    first, last = masses[..., :1], masses[..., -1:]
    there = masses >= first + nearly * (last - first)
    there[..., -1] = True
    return np.asarray(there.argmax(axis=-1))


def depths_later(
    first: Float[np.ndarray, "maze depth"], second: Float[np.ndarray, "maze depth"], nearly: float, *, seed: int
) -> Row:
    """How many depths after the first mass the second is `reached`, their means over mazes; nan mazes are left out.

    The interval is a bootstrap over mazes, each draw the same mazes for both.
    """
    both = np.concatenate([first, second], axis=1)
    both = both[~np.isnan(both).any(axis=1)]

    def later(chosen: Int[np.ndarray, "draw sample"]) -> Float[np.ndarray, " draw"]:
        means = np.stack([column[chosen].mean(axis=1) for column in both.T], axis=1)
        one, two = np.split(means, 2, axis=1)
        return (reached(two, nearly) - reached(one, nearly)).astype(float)

    low, high = tables.bootstrap(later, len(both), seed=seed)
    return Row("depths later", float(later(np.arange(len(both))[None])[0]), low, high, len(both))
