"""What a maze generator says about itself, so that one test can hold every generator to its word.

A generator is a compiled loop `fill(passages, seed, first, *knobs)` that opens passages in an all-closed
bool[maze, 2, row, col]; maze i depends on (seed, first + i) and the knobs alone. It declares its knobs with their
defaults and limits, what it promises of every maze, and whether all mazes with that promise are equally likely.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

SPANNING_TREE, CONNECTED, NEITHER = "spanning tree", "connected", "neither"
Knob = bool | int | float


@dataclass(frozen=True)
class Generator:
    """One algorithm: its kernel, its knobs (in the order the kernel takes them) and its promises.

    `promise(**knobs)` is SPANNING_TREE, CONNECTED or NEITHER; `minimum` is the smallest (rows, cols) it accepts, and
    `check(rows, cols, **knobs)` raises ValueError for knobs that do not go together or do not fit the lattice.
    """

    name: str
    fill: Callable[..., None]
    promise: Callable[..., str]
    uniform: bool
    knobs: Mapping[str, Knob] = field(default_factory=dict)
    limits: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    minimum: tuple[int, int] = (1, 1)
    check: Callable[..., None] = lambda rows, cols, **knobs: None


def always(promise: str) -> Callable[..., str]:
    """The same promise whatever the knobs."""
    return lambda **knobs: promise
