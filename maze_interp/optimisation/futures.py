"""What is asked of a network where small changes are followed: a few numbers made of the logits at a decision.

Where conditions are compared their futures must have as many dimensions: a maze's open ways are two at a corridor and
three at a fork, so `legal` is for decisions with as many ways, and `verdict`, a single number, for all. Optimisation
and impact stay the same under any invertible map of a future, so differences from the right step are as good as any.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from maze_interp import recipes
from maze_interp.models.tangents import Future

PROJECTED = 3


@dataclass(frozen=True)
class Open:
    """The tokens that can be stepped to: the right one and the others."""

    right: int
    others: tuple[int, ...]


Logits = Float[Tensor, " vocab"]
Numbers = Float[Tensor, " future"]


def legal(logits: Logits, ways: Open) -> Numbers:
    """The right step's logit less each other open step's."""
    return logits[ways.right] - logits[list(ways.others)]


def verdict(logits: Logits, ways: Open) -> Numbers:
    """The right step's logit less the mean of the other open steps'."""
    return (logits[ways.right] - logits[list(ways.others)].mean())[None]


def projection(logits: Logits, ways: Open) -> Numbers:
    """All logits on three fixed random directions."""
    drawn = torch.randn(PROJECTED, len(logits), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return drawn.to(logits) @ logits / len(logits) ** 0.5


FUTURES: dict[str, Callable[[Logits, Open], Numbers]] = {
    "legal": legal,
    "verdict": verdict,
    "projection": projection,
}


def future(name: str, ways: Open) -> Future:
    """One of FUTURES at a decision with these ways. Raises ValueError for another, and for fewer than two ways."""
    if name not in FUTURES:
        raise recipes.unknown("future", name, FUTURES)
    if not ways.others:
        raise ValueError("with a single open way there is no other to be told from it")
    return lambda logits: FUTURES[name](logits, ways)
