"""The optimisation of whole walkers: what the step at a fork, seen from outside, does to where one ends up.

The policy is a walker, the environment the maze, the future how far from the goal it is some steps later, which has
several values (for a binary future Op is an identity in two success rates). All mazes share the fork, so that the step
a walker takes in one of them can be put before it in every other; it goes on from there by itself. What is due to its
step, and what to how it goes on, is told by a perfect search that takes over either.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from jaxtyping import Bool, Int

from maze_interp import behaviour, mazes, models, optimisation, tables
from maze_interp.behaviour import POLICIES, Policy
from maze_interp.experiments.locate_ranks import rank_correlation, resampled, with_interval
from maze_interp.mazes import MazeBatch, PathBatch
from maze_interp.models import HookedTransformer
from maze_interp.optimisation import Population, SplitHistory
from maze_interp.tables import Row
from maze_interp.tokens import TokenBatch

Acts = Int[np.ndarray, " maze"]
Cells = Int[np.ndarray, " maze"]
SOLVERS = ("random_walk", "baseline", "greedy_manhattan", "forward_2", "forward_4", "forward_8", "oracle")
DRAWS = 200


@dataclass(frozen=True)
class Walker:
    """Which way (down, right, up, left) it takes at the fork of each maze, where it is `steps` after a given first way,
    and whether it reaches the goal by a shortest path."""

    acts: Acts
    later: Callable[[Acts], Cells]
    succeeds: Bool[np.ndarray, " maze"]


def of_policy(policy: Policy, batch: MazeBatch, steps: int, seed: int) -> Walker:
    """A solver; its walks are drawn from (seed, maze), the same whatever way it is sent first."""
    follow = partial(behaviour.follow, mazes=batch, seed=seed)
    walked = follow(policy)
    return Walker(_first(batch, walked), lambda acts: _at(follow(_sent(policy, batch, acts), limit=steps + 1), steps),
                  mazes.paths.optimal(batch, walked))  # fmt: skip


def of_model(model: HookedTransformer, some: Population, steps: int, seed: int) -> Walker:
    """A model, whose prompts are the population's own; a first token that is no open way leaves it where it is."""
    tokenizer, batch = model.maze_tokenizer, some.mazes
    walked = models.rollout(model, batch, seed=seed)
    written = models.decode(model, some.tokens, 1)[:, 0]
    taken = (some.steps == written[:, None]) & some.open

    def later(acts: Acts) -> Cells:
        there = batch.start + _moves(batch)[acts]
        prompts = _with(some.tokens, some.steps[np.arange(len(batch)), acts])
        path = tokenizer.paths(models.decode(model, prompts, max(steps - 1, 1)), batch)
        cells = np.concatenate([there[:, None], path.cells], axis=1)
        legal = np.cumsum(~_steps_are_open(batch, cells), axis=1) == 0
        length = 1 + (legal & (np.arange(path.cells.shape[1]) < path.length[:, None])).sum(axis=1)
        return cells[np.arange(len(cells)), length - 1]

    acts = np.where(taken.any(axis=1), taken.argmax(axis=1), some.open.argmax(axis=1))
    return Walker(acts, later, mazes.paths.optimal(batch, walked))


def solvers(
    trained: HookedTransformer, untrained: HookedTransformer, some: Population, *, steps: int, seed: int
) -> tuple[list[Row], Row]:
    """Op of each walker with its success, and the rank correlation of the two over walkers, resampled over mazes.

    With them Op of the model's step gone on with by the oracle (`crossed` "model, oracle"), and the other way round.
    """
    to_goal = mazes.distances(some.mazes.passages, some.mazes.goal)
    walkers = {"model": of_model(trained, some, steps, seed), "untrained model": of_model(untrained, some, steps, seed)}
    walkers |= {name: of_policy(POLICIES[name], some.mazes, steps, seed) for name in SOLVERS}
    rows, values, success = [], [], []
    for name, walker in walkers.items():
        history = _history(walker, to_goal, seed)
        rows += [
            replace(optimisation.split_history(history).row("op"), what={"walker": name}),
            tables.proportion("success", walker.succeeds, walker=name),
        ]
        values.append(optimisation.pseudo_values(history.matrix(), to_goal.shape[1]).op)
        success.append(walker.succeeds.astype(float))
    for one, other in (("model", "oracle"), ("oracle", "model")):
        row = crossed(walkers[one], walkers[other], to_goal, seed=seed)
        rows.append(replace(row, what={"crossed": f"{one}, {other}"}))
    drawn = [resampled(np.stack(one), seed=seed, draws=DRAWS) for one in (values, success)]
    each = np.array([rank_correlation(one, other) for one, other in zip(*drawn, strict=True)])
    value = rank_correlation(*(np.stack(one).mean(axis=1) for one in (values, success)))
    return rows, Row("op ~ success", *with_interval(value, each), len(some), {"walkers": len(walkers)})


def crossed(first: Walker, then: Walker, to_goal: Int[np.ndarray, "maze cell"], *, seed: int) -> Row:
    """Op of the first one's step where the other goes on from it."""
    return optimisation.split_history(_history(replace(first, later=then.later), to_goal, seed)).row("op")


def _history(walker: Walker, to_goal: Int[np.ndarray, "maze cell"], seed: int) -> SplitHistory:
    """What the distance from the goal becomes under each maze's step."""

    def environment(histories: np.ndarray, acts: Acts, *, seed: int) -> np.ndarray:
        return to_goal[histories, walker.later(acts)]

    count, outcomes = to_goal.shape
    return optimisation.enact(lambda _: walker.acts, environment, np.arange(count), outcomes=outcomes, seed=seed)


def _with(tokens: TokenBatch, last: Int[np.ndarray, " maze"]) -> TokenBatch:
    """Prompts of one length with one more token of their paths; what is said of the last one is said of it."""
    ids = np.concatenate([tokens.ids, last[:, None].astype(tokens.ids.dtype)], axis=1)
    part, cell, graded = (np.concatenate([x, x[:, -1:]], axis=1) for x in (tokens.part, tokens.cell, tokens.graded))
    return TokenBatch(ids, part, cell, graded, tokens.length + 1)


def _sent(policy: Policy, batch: MazeBatch, acts: Acts) -> Policy:
    """The policy, but for its first way, which is given."""

    def sent(mazes: MazeBatch, here: np.ndarray, came: np.ndarray) -> np.ndarray:
        ways = policy(mazes, here, came)
        given = np.eye(4)[acts][:, None]
        return np.where((came == -1)[..., None], given, ways)

    return sent


def _first(batch: MazeBatch, walked: PathBatch) -> Acts:
    return (walked.cells[:, 1, None] - walked.cells[:, 0, None] == _moves(batch)).argmax(axis=1)


def _at(walked: PathBatch, steps: int) -> Cells:
    """Where a walk is after so many steps, or where it ended before."""
    return walked.cells[np.arange(len(walked.length)), np.minimum(walked.length - 1, steps)]


def _moves(batch: MazeBatch) -> Int[np.ndarray, "4"]:
    return np.array([batch.cols, 1, -batch.cols, -1])


def _steps_are_open(batch: MazeBatch, cells: np.ndarray) -> Bool[np.ndarray, "maze step"]:
    """Whether each step from one cell to the next goes through a passage."""
    ways = mazes.topology.open_ways(batch.passages)
    here, there = cells[:, :-1], cells[:, 1:]
    inside = here >= 0
    open_ = ways[np.arange(len(cells))[:, None], np.where(inside, here, 0)]
    return ((there[..., None] - here[..., None] == _moves(batch)) & open_).any(axis=-1) & inside & (there >= 0)
