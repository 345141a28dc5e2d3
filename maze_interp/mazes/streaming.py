"""Any number of mazes in the memory of a few: a world's stream in pieces, each solved."""

from collections.abc import Iterator

from maze_interp.mazes.batch import MazeBatch, PathBatch
from maze_interp.mazes.hashing import split_name
from maze_interp.mazes.kinds import Mixture, World
from maze_interp.mazes.solving import solve
from maze_interp.mazes.worlds import take


def stream(
    world: World | Mixture,
    count: int,
    *,
    seed: int,
    split: int,
    first: int = 0,
    piece: int = 10_000,
    threads: int = 1,
) -> Iterator[tuple[MazeBatch, PathBatch]]:
    """The next `count` mazes of the world's stream that belong to `split`, each with a shortest path, in pieces.

    The size of the pieces changes nothing but the memory they take. Raises ValueError as `take` does, at the first
    piece for a split or a size that does not exist.
    """
    split_name(split)
    if piece < 1:
        raise ValueError(f"a piece must have at least 1 maze, not {piece}")
    done = 0
    while done < count:
        size = min(piece, count - done)
        mazes, first = take(world, size, seed=seed, first=first, split=split, threads=threads)
        yield mazes, solve(mazes, seed=seed, first=done)
        done += size
