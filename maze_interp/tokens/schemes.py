"""Which way of writing a maze: a scheme is how its sequences are made, how they are read back, how long they get.

`encode(vocabulary, mazes, paths, order)` may trust what it is given: the tokenizer checks at the door. A new scheme
is one module with these functions and one line in SCHEMES.
"""

from collections.abc import Callable
from dataclasses import dataclass

from maze_interp.tokens import adjacency_list
from maze_interp.tokens.batch import TokenBatch


@dataclass(frozen=True)
class Scheme:
    """encode -> TokenBatch; longest(rows, cols) -> the longest sequence of any maze on that lattice."""

    encode: Callable[..., TokenBatch]
    longest: Callable[[int, int], int]


SCHEMES = {"adjacency_list": Scheme(adjacency_list.encode, adjacency_list.longest)}
