"""Whoever walks mazes, as measurements ask it: a model or a solver, by the same two questions.

Which path do you write? And, led along a given path, with what probability would you take each way at each step? A
measurement that asks no more than this says of a solver whose ways are known what it should, which is its test.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from maze_interp import models
from maze_interp.behaviour import neighbours
from maze_interp.behaviour.solvers import Policy, follow
from maze_interp.mazes import NO_CELL, MazeBatch, PathBatch
from maze_interp.models import HookedTransformer
from maze_interp.tokens import NOT_WRITTEN, PATH

Ways = Float[np.ndarray, "maze step 4"]
Progress = Callable[[int, int], None]
Walk = Callable[..., PathBatch]
Choose = Callable[..., Ways]


@dataclass(frozen=True)
class Walker:
    """A walker of mazes.

    `walk(mazes, progress=None)` is the path it writes for each maze. `choose(mazes, paths, edge_order=None)` is the
    probability of each way (DOWN, RIGHT, UP, LEFT) at each step of the given paths, which it is led along; nan where
    a path has no such step. What a model spends on tokens that are no way is missing from the sum. `edge_order` is
    the order in which its prompts name the edges, of which a solver knows nothing.
    """

    name: str
    walk: Walk
    choose: Choose


def of_model(model: HookedTransformer, *, seed: int, name: str = "model") -> Walker:
    """A model as a walker: greedy rollouts, and softmax probabilities under teacher forcing.

    Prompts name their edges in an order drawn from (`seed`, maze). Raises ValueError if the model's scheme does not
    write a move as one token.
    """
    tokenizer = model.maze_tokenizer
    choices = tokenizer.choices
    if not choices.one_token_a_move:
        raise ValueError(f"the scheme {tokenizer.scheme!r} does not write a move as one token, so it names no ways")

    def walk(mazes: MazeBatch, progress: Progress | None = None) -> PathBatch:
        return models.rollout(model, mazes, seed=seed, progress=progress)

    def choose(mazes: MazeBatch, paths: PathBatch, edge_order: Any = None) -> Ways:
        given = {"seed": seed} if edge_order is None else {"edge_order": edge_order}
        tokens = tokenizer.encode(mazes, paths, **given)
        logits = models.forced_logits(model, tokens)
        opening = (tokens.part == PATH).argmax(axis=1)
        step = np.arange(paths.cells.shape[1])
        led = step < paths.length[:, None]
        at = np.where(led, opening[:, None] + step + (not choices.moves), 0)  # <PATH_START> stands before a first cell
        maze = np.arange(len(mazes))[:, None]
        around = neighbours.adjacent(mazes.rows, mazes.cols)[paths.cells]
        around[~led] = NO_CELL
        ids = tokenizer.way_ids(np.where(led, paths.cells, NO_CELL), around, mazes.rows, mazes.cols)
        probability = np.take_along_axis(softmax(logits[maze, at]), np.maximum(ids, 0), axis=-1)
        return np.where(led[..., None], np.where(ids == NOT_WRITTEN, 0.0, probability), np.nan)

    return Walker(name, walk, choose)


def of_policy(policy: Policy, *, seed: int, name: str) -> Walker:
    """A solver as a walker; the walks are drawn from (`seed`, maze)."""

    def walk(mazes: MazeBatch, progress: Progress | None = None) -> PathBatch:
        return follow(policy, mazes, seed=seed)

    def choose(mazes: MazeBatch, paths: PathBatch, edge_order: Any = None) -> Ways:
        led = np.arange(paths.cells.shape[1]) < paths.length[:, None]
        here = np.where(led, paths.cells, mazes.start[:, None])
        came = np.concatenate([np.full((len(mazes), 1), NO_CELL), here[:, :-1]], axis=1)
        came[~led] = NO_CELL
        return np.where(led[..., None], policy(mazes, here, came), np.nan)

    return Walker(name, walk, choose)


def softmax(scores: Float[np.ndarray, "*axes way"]) -> Float[np.ndarray, "*axes way"]:
    """Probabilities from logits along the last axis, float64."""
    raised = np.exp(scores.astype(np.float64) - scores.max(axis=-1, keepdims=True))
    return raised / raised.sum(axis=-1, keepdims=True)
