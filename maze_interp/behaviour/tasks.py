"""The published single-token tasks: one question per maze, answered by the likeliest next token.

A task names, for each sequence, the position whose prediction is asked; the answer is right if the likeliest token
there is the one that follows. The tasks, their names and their spans are those of "Structured World Representations
in Maze-Solving Transformers" (arXiv 2312.02566, Table 1), as its code draws them: `rand_path_token` asks for any cell
from the origin up to the one before the goal, `rand_path_token_nonend` for one with at least two path cells on
either side. They ask for cells, one token each: a scheme that writes a cell in several tokens, or moves in place of
cells, has an answer only to where the path opens and closes. Two things differ. The published code asks for the third
token of the path where it is too short for the second span (it was run on paths of six cells or more, where none is);
here such a maze is left out, and the row's n says so. And the random cell of maze i is a function of (seed, i), not of
one global stream.
"""

from collections.abc import Callable, Iterable

import numpy as np
from jaxtyping import Bool, Float, Int

from maze_interp import recipes, seeds, tables
from maze_interp.behaviour.forced import check_whole
from maze_interp.mazes import NO_CELL
from maze_interp.tokens import PATH, TokenBatch

NO_POSITION = -1
OF_NO_CELL = ("path_start", "path_end")  # what does not ask for a cell
Task = Callable[..., Int[np.ndarray, " maze"]]


def path_start(tokens: TokenBatch, *, seed: int, first: int = 0) -> Int[np.ndarray, " maze"]:
    """At <TARGET_END>: the path opens."""
    return _opening(tokens) - 1


def origin_after_path_start(tokens: TokenBatch, *, seed: int, first: int = 0) -> Int[np.ndarray, " maze"]:
    """At <PATH_START>: the path begins where the prompt said."""
    return _opening(tokens)


def first_path_choice(tokens: TokenBatch, *, seed: int, first: int = 0) -> Int[np.ndarray, " maze"]:
    """At the origin: the second cell."""
    return _opening(tokens) + 1


def rand_path_token(tokens: TokenBatch, *, seed: int, first: int = 0) -> Int[np.ndarray, " maze"]:
    """Before a random path cell other than the goal."""
    return _random(tokens, "rand_path_token", after_start=1, before_end=2, seed=seed, first=first)


def rand_path_token_nonend(tokens: TokenBatch, *, seed: int, first: int = 0) -> Int[np.ndarray, " maze"]:
    """Before a random path cell that is neither among the first two nor among the last two."""
    return _random(tokens, "rand_path_token_nonend", after_start=3, before_end=3, seed=seed, first=first)


def final_before_path_end(tokens: TokenBatch, *, seed: int, first: int = 0) -> Int[np.ndarray, " maze"]:
    """Before the goal."""
    return _closing(tokens) - 2


def path_end(tokens: TokenBatch, *, seed: int, first: int = 0) -> Int[np.ndarray, " maze"]:
    """At the goal: the path closes."""
    return _closing(tokens) - 1


TASKS: dict[str, Task] = {
    "path_start": path_start,
    "origin_after_path_start": origin_after_path_start,
    "first_path_choice": first_path_choice,
    "rand_path_token": rand_path_token,
    "rand_path_token_nonend": rand_path_token_nonend,
    "final_before_path_end": final_before_path_end,
    "path_end": path_end,
}


def positions(name: str, tokens: TokenBatch, *, seed: int, first: int = 0) -> Int[np.ndarray, " maze"]:
    """Where task `name` asks, int[maze]; NO_POSITION where the path is too short to ask.

    `tokens` are whole sequences, from maze to <PATH_END>, of paths of at least two cells. Raises ValueError for an
    unknown task, for a sequence without a whole path, and for a task that asks for a cell of a path that is not
    written cell by cell, one token each.
    """
    if name not in TASKS:
        raise recipes.unknown("task", name, TASKS)
    check_whole(tokens)
    otherwise = _written_otherwise(tokens)
    if name not in OF_NO_CELL and otherwise.any():
        where = int(otherwise.argmax())
        raise ValueError(f"{name} asks for a cell as one token; the path of sequence {where} is not written so")
    return TASKS[name](tokens, seed=seed, first=first)


def score_tasks(
    logits: Float[np.ndarray, "maze position vocab"],
    tokens: TokenBatch,
    *,
    seed: int,
    first: int = 0,
    tasks: Iterable[str] | None = None,
) -> list[tables.Row]:
    """The accuracy on each task with Wilson's interval; n counts the mazes that were asked.

    `logits` (or log-probabilities) predict, at each position of `tokens`, the token at the next one. Without `tasks`,
    all that these sequences have an answer to.
    """
    if tasks is None:
        tasks = OF_NO_CELL if _written_otherwise(tokens).any() else TASKS
    rows = []
    for name in tasks:
        where = positions(name, tokens, seed=seed, first=first)
        asked = np.flatnonzero(where != NO_POSITION)
        answers = logits[asked, where[asked]].argmax(axis=-1)
        rows.append(tables.proportion(name, answers == tokens.ids[asked, where[asked] + 1]))
    return rows


def _written_otherwise(tokens: TokenBatch) -> Bool[np.ndarray, " maze"]:
    """Which paths are not written as cells of one token each, from the first."""
    position = np.arange(tokens.ids.shape[1])
    inside = (position > _opening(tokens)[:, None]) & (position < _closing(tokens)[:, None])
    return (inside == (tokens.cell == NO_CELL)).any(axis=1, where=tokens.part == PATH)


def _opening(tokens: TokenBatch) -> Int[np.ndarray, " maze"]:
    """The position of <PATH_START>."""
    return (tokens.part == PATH).argmax(axis=1)


def _closing(tokens: TokenBatch) -> Int[np.ndarray, " maze"]:
    """The position of <PATH_END>."""
    return tokens.length.astype(np.int64) - 1


def _random(
    tokens: TokenBatch, name: str, *, after_start: int, before_end: int, seed: int, first: int
) -> Int[np.ndarray, " maze"]:
    """The position before a token drawn uniformly between two distances from the path's delimiters, both included."""
    low = _opening(tokens) + after_start
    count = _closing(tokens) - before_end - low + 1
    drawn = np.array([seeds.generator(seed, name, first + i).random() for i in range(len(tokens))])
    return np.where(count > 0, low + (drawn * count).astype(np.int64) - 1, NO_POSITION)
