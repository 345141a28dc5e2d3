"""Where in a sequence a model is asked what it knows: at named tokens, each of which is a sample.

A sample is a token of one maze's sequence. What is asked of it depends on where the walker stands in its path: at the
start as long as the prompt is read, at the token's own cell in the path. Several samples of one maze are no more
evidence than one maze, so whatever is fitted or compared is split by maze.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int

from maze_interp import mazes, recipes, seeds
from maze_interp.mazes import NO_CELL, MazeBatch, PathBatch
from maze_interp.tokens import EDGE, GOAL, PATH, TokenBatch, Tokenizer
from maze_interp.tokens.vocabulary import PATH_START, SEMICOLON

Mask = Bool[np.ndarray, "maze position"]


@dataclass(frozen=True)
class Asked:
    """Samples of mazes whose shortest paths are written out in full, ordered by maze.

    `maze` and `position` say which token of which sequence each sample is, `step` at which cell of `paths` the walker
    stands there (0 throughout the prompt). `solved` says of each maze whether the model walks it, where that is known.
    """

    mazes: MazeBatch
    paths: PathBatch
    tokens: TokenBatch
    maze: Int[np.ndarray, " sample"]
    position: Int[np.ndarray, " sample"]
    step: Int[np.ndarray, " sample"]
    solved: Bool[np.ndarray, " maze"] | None = None

    def __len__(self) -> int:
        return len(self.maze)


def ask(
    tokenizer: Tokenizer,
    batch: MazeBatch,
    position: str,
    *,
    seed: int,
    solved: Bool[np.ndarray, " maze"] | None = None,
) -> Asked:
    """The samples at a named position of the mazes' sequences, whose paths and order of edges are drawn from `seed`.

    Raises ValueError for an unknown position and for one that some maze's sequence does not have.
    """
    if position not in POSITIONS:
        raise recipes.unknown("position", position, POSITIONS)
    paths = mazes.solve(batch, seed=seed)
    tokens = tokenizer.encode(batch, paths, seed=seed)
    chosen = POSITIONS[position](tokens, seed)
    without = ~chosen.any(axis=1)
    if without.any():
        raise ValueError(f"the sequence of maze {int(without.argmax())} has no position {position!r}")
    maze, place = np.nonzero(chosen)
    here = np.where(walked(tokens)[maze, place], tokens.cell[maze, place], NO_CELL)
    on_path = paths.cells[maze] == here[:, None]
    step = np.where(here != NO_CELL, on_path.argmax(axis=1), 0)
    return Asked(batch, paths, tokens, maze, place, step, solved)


def path_start(tokens: TokenBatch, seed: int) -> Mask:
    """<PATH_START>, by which everything is known and nothing has been walked."""
    return (tokens.ids == PATH_START) & (tokens.part == PATH)


def prompt_end(tokens: TokenBatch, seed: int) -> Mask:
    """The last token of the prompt before <PATH_START>."""
    return np.roll(path_start(tokens, seed), -1, axis=1)


def goal(tokens: TokenBatch, seed: int) -> Mask:
    """The token that names the goal in the prompt."""
    return (tokens.part == GOAL) & (tokens.cell != NO_CELL)


def separators(tokens: TokenBatch, seed: int) -> Mask:
    """Every `;`, which closes an edge of the prompt."""
    return (tokens.ids == SEMICOLON) & (tokens.part == EDGE)


def walked(tokens: TokenBatch, seed: int = 0) -> Mask:
    """Every token of the path that names a cell."""
    return (tokens.part == PATH) & (tokens.cell != NO_CELL)


def current(tokens: TokenBatch, seed: int) -> Mask:
    """One token of each path, drawn from all but the last, from which no step leads on."""
    path = walked(tokens)
    count = np.maximum(path.sum(axis=1) - 1, 1)
    drawn = (seeds.uniforms(seeds.derive(seed, "current"), len(tokens), 1)[:, 0] * count).astype(int)
    return path & (np.cumsum(path, axis=1) == drawn[:, None] + 1)


POSITIONS: dict[str, Callable[[TokenBatch, int], Mask]] = {
    "path_start": path_start,
    "prompt_end": prompt_end,
    "goal": goal,
    "separators": separators,
    "path": walked,
    "current": current,
}
