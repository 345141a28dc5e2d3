"""Which way of writing a maze: how its sequences are made, how they are read back, how long they get.

A new scheme is one module with these three functions and one line in SCHEMES.
"""

from collections.abc import Callable
from dataclasses import dataclass

from maze_interp.mazes.batch import MazeBatch, PathBatch
from maze_interp.tokens import adjacency_list
from maze_interp.tokens.batch import TokenBatch


@dataclass(frozen=True)
class Scheme:
    """Three functions, which may trust their arguments: the tokenizer checks at the door.

    encode(vocabulary, mazes, paths, edge order) -> the batch of sequences
    parse(reading, rows, cols) -> the mazes and paths; raises `reading.fault(...)` for what is not of this scheme
    longest(rows, cols) -> the length of the longest sequence that any maze of the lattice can have
    """

    encode: Callable[..., TokenBatch]
    parse: Callable[..., tuple[MazeBatch, PathBatch]]
    longest: Callable[[int, int], int]


SCHEMES = {
    "adjacency_list": Scheme(adjacency_list.encode, adjacency_list.parse, adjacency_list.longest),
}
