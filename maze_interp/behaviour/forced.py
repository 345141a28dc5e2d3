"""What a model expects next at each step of the true path, given the path so far (teacher forcing).

A rollout shows one path per maze and stops telling after the first error; teacher forcing asks at every step. The
mass on adjacent cells says whether the model knows the lattice, the mass on connected cells whether it knows the
maze, and fork accuracy whether it knows the way. All-zero logits are the control: their mass is degree / vocabulary.
These three ask for the token of a move, so they need a scheme that writes a move as one token.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from maze_interp import recipes, tables
from maze_interp.behaviour import forks, neighbours
from maze_interp.behaviour.evaluate import summary
from maze_interp.behaviour.metrics import PerMaze
from maze_interp.mazes import CUT, NO_CELL, MazeBatch, PathBatch
from maze_interp.tokens import NOT_WRITTEN, PATH, TokenBatch, Tokenizer


@dataclass(frozen=True)
class Predictions:
    """The graded predictions, over the tokens of the path: step 0 is made at <PATH_START>, step k at the k-th token.

    `log_p` are natural log-probabilities, `target` the token that follows, `cell` the cell that the step's own token
    names, where the path stands (as in TokenBatch: NO_CELL at <PATH_START> unless the path is written as moves),
    `asked` which steps a path has: one more than its tokens, the last being answered by <PATH_END>.
    """

    log_p: Float[np.ndarray, "maze step vocab"]
    target: Int[np.ndarray, "maze step"]
    cell: Int[np.ndarray, "maze step"]
    asked: Bool[np.ndarray, "maze step"]

    @property
    def right(self) -> Bool[np.ndarray, "maze step"]:
        """Where the likeliest token is the one that follows."""
        return self.asked & (self.log_p.argmax(axis=-1) == self.target)

    @property
    def moves(self) -> Bool[np.ndarray, "maze step"]:
        """The steps at a cell from which the path goes on to another."""
        goes_on = np.zeros_like(self.asked)
        goes_on[:, :-1] = self.asked[:, 1:]
        return goes_on & (self.cell != NO_CELL)


Forced = Callable[[Predictions, MazeBatch, Tokenizer], PerMaze]


def predictions(logits: Float[np.ndarray, "maze position vocab"], tokens: TokenBatch) -> Predictions:
    """The graded predictions among `logits` (or log-probabilities) at every position of whole sequences.

    Raises ValueError for a sequence that is not a whole path of two or more cells.
    """
    check_whole(tokens)
    opening = (tokens.part == PATH).argmax(axis=1)
    steps = tokens.length - 1 - opening
    step = np.arange(steps.max(initial=0))
    asked = step < steps[:, None]
    at = np.where(asked, opening[:, None] + step, 0)
    maze = np.arange(len(tokens))[:, None]
    scores = logits[maze, at].astype(np.float64)
    scores -= scores.max(axis=-1, keepdims=True)
    log_p = scores - np.log(np.exp(scores).sum(axis=-1, keepdims=True))
    return Predictions(log_p, tokens.ids[maze, at + 1], np.where(asked, tokens.cell[maze, at], NO_CELL), asked)


def check_whole(tokens: TokenBatch) -> None:
    """Raise ValueError unless every sequence has a path of two or more cells, closed by <PATH_END>."""
    cells = ((tokens.part == PATH) & (tokens.cell != NO_CELL)).sum(axis=1)
    last = tokens.cell[np.arange(len(tokens)), tokens.length - 1]
    broken = (cells < 2) | (last != NO_CELL)
    if broken.any():
        raise ValueError(f"sequence {int(broken.argmax())} has no path of two or more cells closed by <PATH_END>")


def token_accuracy(made: Predictions, mazes: MazeBatch, tokenizer: Tokenizer) -> Float[np.ndarray, " maze"]:
    """The share of graded predictions that are right."""
    return _mean(made.right, made.asked)


def every_token(made: Predictions, mazes: MazeBatch, tokenizer: Tokenizer) -> Bool[np.ndarray, " maze"]:
    """All graded predictions are right: the model would write this very path by itself."""
    return (made.right | ~made.asked).all(axis=1)


def loss(made: Predictions, mazes: MazeBatch, tokenizer: Tokenizer) -> Float[np.ndarray, " maze"]:
    """The mean negative log-probability of the graded tokens, in nats."""
    return _mean(-np.take_along_axis(made.log_p, made.target[..., None], axis=-1)[..., 0], made.asked)


def fork_accuracy(made: Predictions, mazes: MazeBatch, tokenizer: Tokenizer) -> Float[np.ndarray, " maze"]:
    """The share of the path's forks at which the likeliest token leads on towards the goal; nan without a fork."""
    opening = int((made.cell[:, 0] == NO_CELL).all())  # whether the start is still to be written
    path = PathBatch(made.cell[:, opening:], made.asked.sum(axis=1) - opening, np.full(len(mazes), CUT))
    points = forks.decision_points(mazes, path)
    around, ids = _ways(made, mazes, tokenizer)
    chosen = ids == made.log_p.argmax(axis=-1)[..., None]
    likeliest = np.where(chosen, around, NO_CELL).max(axis=-1)[:, opening:]
    return _mean(forks.leads_on(mazes, path.cells, likeliest), points)


def adjacent_mass(made: Predictions, mazes: MazeBatch, tokenizer: Tokenizer) -> Float[np.ndarray, " maze"]:
    """The probability of the lattice neighbours of the current cell, mean over the moves of the path."""
    return _mean(_mass(made, _ways(made, mazes, tokenizer)[1]), made.moves)


def connected_mass(made: Predictions, mazes: MazeBatch, tokenizer: Tokenizer) -> Float[np.ndarray, " maze"]:
    """The probability of the cells a passage leads to from the current one, mean over the moves of the path."""
    open_ = neighbours.connected(mazes.passages)[np.arange(len(mazes))[:, None], made.cell] != NO_CELL
    return _mean(_mass(made, np.where(open_, _ways(made, mazes, tokenizer)[1], NOT_WRITTEN)), made.moves)


FORCED: dict[str, Forced] = {
    "every_token": every_token,
    "token_accuracy": token_accuracy,
    "fork_accuracy": fork_accuracy,
    "loss": loss,
    "adjacent_mass": adjacent_mass,
    "connected_mass": connected_mass,
}
OF_MOVES = ("fork_accuracy", "adjacent_mass", "connected_mass")  # what asks for the token of a move


def score_forced(
    made: Predictions,
    mazes: MazeBatch,
    tokenizer: Tokenizer,
    /,
    *,
    seed: int,
    metrics: Iterable[str] | None = None,
    **what: Any,
) -> list[tables.Row]:
    """One row per teacher-forced metric: its mean over mazes with a bootstrap interval, a share with Wilson's.

    n counts the mazes the metric is about. Without `metrics`, all that the tokenizer's scheme has an answer to. Raises
    ValueError for an unknown metric, and for one of moves where a move is not one token.
    """
    answered = [name for name in FORCED if tokenizer.choices.one_token_a_move or name not in OF_MOVES]
    asked = set(answered if metrics is None else metrics)
    for name in sorted(asked - set(FORCED)):
        raise recipes.unknown("teacher-forced metric", name, FORCED)
    values = {name: metric(made, mazes, tokenizer) for name, metric in FORCED.items() if name in asked}
    return [summary(name, v, share=v.dtype == bool, seed=seed, **what) for name, v in values.items()]


def step_accuracy(made: Predictions, /, **what: Any) -> list[tables.Row]:
    """The accuracy at each step of the path over the mazes whose path has it, under the condition `step`."""
    right = made.right
    return [
        tables.proportion("step_accuracy", right[asked, step], step=step, **what)
        for step, asked in enumerate(made.asked.T)
    ]


def _mean(values: np.ndarray, counted: Bool[np.ndarray, "maze step"]) -> Float[np.ndarray, " maze"]:
    """The mean of each row over its counted entries; nan where none counts."""
    count = counted.sum(axis=1)
    total = np.where(counted, values, 0.0).sum(axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _ways(
    made: Predictions, mazes: MazeBatch, tokenizer: Tokenizer
) -> tuple[Int[np.ndarray, "maze step 4"], Int[np.ndarray, "maze step 4"]]:
    """The neighbours of the cell each step stands at (NO_CELL beyond the border), and the token that leads to each."""
    around = neighbours.adjacent(mazes.rows, mazes.cols)[made.cell]
    around[made.cell == NO_CELL] = NO_CELL
    return around, tokenizer.way_ids(made.cell, around, mazes.rows, mazes.cols)


def _mass(made: Predictions, ids: Int[np.ndarray, "maze step 4"]) -> Float[np.ndarray, "maze step"]:
    """The summed probability of the tokens given per step, of which NOT_WRITTEN has none."""
    return np.where(ids == NOT_WRITTEN, 0.0, np.exp(np.take_along_axis(made.log_p, ids, axis=-1))).sum(axis=-1)
