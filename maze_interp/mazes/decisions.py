"""Where a shortest path has to choose, what speaks for a choice, and how far one must look ahead to be certain of it.

A decision is a cell of a shortest path, not the goal, from which two or more ways lead on besides the one the path came
by. Its options are those ways; right are the ones that lead a step nearer to the goal. A decision is deceptive if all
right ways lead away from the goal as the crow walks, in Manhattan distance, and aligned otherwise.

A search is certain of a right way once it sees the goal behind it, or the end of all wrong ones. How far it must look
depends on the kind of search, and is less than the length of the path wherever the wrong ways are short.
"""

from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Bool, Int

from maze_interp import recipes
from maze_interp.mazes.batch import NO_CELL, MazeBatch, PathBatch
from maze_interp.mazes.branches import NEVER, Branches, branches
from maze_interp.mazes.paths import check_shortest
from maze_interp.mazes.solving import distances, on_shortest_path
from maze_interp.mazes.topology import open_ways

FAR = np.iinfo(np.int32).max
KINDS = ("forward", "backward", "bidirectional", "filling")


@dataclass(frozen=True)
class Decisions:
    """Decisions of a batch of mazes, by maze and step; four ways are in the order DOWN, RIGHT, UP, LEFT.

    `maze` is the index in the batch, `step` that of the cell `here` in its path, `came` the cell before (NO_CELL at
    the start). `options` are the open ways but the one back, `exits` is their number. `to_goal` counts steps;
    `wrong_depth` is the depth of the deepest wrong option (0 if there is none, NEVER if the goal is behind one, as on
    a cycle) and `wrong_size` sums the cells behind each.
    """

    maze: Int[np.ndarray, " decision"]
    step: Int[np.ndarray, " decision"]
    here: Int[np.ndarray, " decision"]
    came: Int[np.ndarray, " decision"]
    options: Bool[np.ndarray, "decision 4"]
    right: Bool[np.ndarray, "decision 4"]
    deceptive: Bool[np.ndarray, " decision"]
    to_goal: Int[np.ndarray, " decision"]
    wrong_depth: Int[np.ndarray, " decision"]
    wrong_size: Int[np.ndarray, " decision"]
    exits: Int[np.ndarray, " decision"]

    def __len__(self) -> int:
        return len(self.maze)

    def __getitem__(self, which: slice | np.ndarray) -> "Decisions":
        """The decisions chosen by a slice, a boolean mask or an array of indices."""
        return Decisions(*(getattr(self, one.name)[which] for one in fields(self)))


def decisions(mazes: MazeBatch, paths: PathBatch | None = None) -> Decisions:
    """The decisions of one shortest path a maze, or without `paths` those of all shortest paths at once.

    In the latter case a cell that shortest paths enter by several ways is as many decisions, and a maze without a path
    has none. ValueError names the first maze whose path is no shortest path.
    """
    ways = open_ways(mazes.passages)
    maze, step, here, came = _every_step(mazes, ways) if paths is None else _steps(mazes, paths)
    there = here[:, None] + _moves(mazes)
    options = ways[maze, here] & (there != came[:, None])
    chosen = np.flatnonzero(options.sum(axis=1) >= 2)
    maze, step, here, came, there, options = (one[chosen] for one in (maze, step, here, came, there, options))
    behind = _seen_from(mazes, maze, here)
    goal = np.where(options, behind.goal, NEVER)
    to_goal = np.where(goal == NEVER, FAR, goal).min(axis=1, initial=FAR)
    right = goal == to_goal[:, None]
    nearer = _straight(mazes, maze[:, None], there) < _straight(mazes, maze, here)[:, None]
    wrong = options & ~right
    depth = _deepest(behind, wrong)
    return Decisions(
        maze=maze,
        step=step,
        here=here,
        came=came,
        options=options,
        right=right,
        deceptive=~(right & nearer).any(axis=1),
        to_goal=to_goal,
        wrong_depth=np.where(depth == FAR, NEVER, depth),
        wrong_size=np.where(wrong, behind.size, 0).sum(axis=1),
        exits=options.sum(axis=1),
    )


def look_ahead(
    mazes: MazeBatch, decisions: Decisions, kind: str, *, unit: str = "cells"
) -> Int[np.ndarray, " decision"]:
    """The least horizon from which on a search of this kind is certain to choose rightly, int32.

    A "forward" search looks from the cell and must see the goal or the end of every wrong option, a "backward" one
    looks from the goal and must see the cell; "bidirectional" ones look from both and must meet halfway or see the end
    of every wrong option; "filling" fills dead ends for as many rounds and must close every wrong option. NEVER where
    that does not happen: filling closes no cycle, and with unit "forks" the goal may seem as near by a wrong option.
    0 where every option is right. `unit` is that of `mazes.branches`.
    """
    if kind not in KINDS:
        raise recipes.unknown("kind of search", kind, KINDS)
    maze, here, wrong = decisions.maze, decisions.here, decisions.options & ~decisions.right
    behind = _seen_from(mazes, maze, here, unit)
    goal, rounds = (np.where(one == NEVER, FAR, one) for one in (behind.goal, behind.rounds))
    to_goal = np.where(decisions.right, goal, FAR).min(axis=1, initial=FAR)
    to_goal = np.where(np.where(wrong, goal, FAR).min(axis=1, initial=FAR) <= to_goal, FAR, to_goal)
    to_goal = np.where(wrong.any(axis=1), to_goal, 0)
    halfway = np.where(to_goal == FAR, FAR, to_goal // 2 + to_goal % 2)
    wrong_depth = _deepest(behind, wrong)
    horizon = {
        "forward": np.minimum(to_goal, wrong_depth),
        "backward": to_goal,
        "bidirectional": np.minimum(halfway, wrong_depth),
        "filling": np.where(wrong, rounds, 0).max(axis=1, initial=0),
    }[kind]
    return np.where(horizon == FAR, NEVER, horizon).astype(np.int32)


def _steps(mazes: MazeBatch, paths: PathBatch) -> tuple[Int[np.ndarray, " step"], ...]:
    """(maze, step, here, came) of every step of the paths but the last."""
    check_shortest(mazes, paths)
    maze, step = np.nonzero(np.arange(paths.cells.shape[1]) < paths.length[:, None] - 1)
    came = np.where(step > 0, paths.cells[maze, step - 1], NO_CELL)
    return maze, step, paths.cells[maze, step], came


def _every_step(mazes: MazeBatch, ways: Bool[np.ndarray, "maze cell 4"]) -> tuple[Int[np.ndarray, " step"], ...]:
    """(maze, step, here, came) of the steps of all shortest paths, each once, but for their last."""
    on_the_way = on_shortest_path(mazes)
    step = distances(mazes.passages, mazes.start)
    maze, came, way = np.nonzero(ways & on_the_way[..., None])
    here = came + _moves(mazes)[way]
    onward = on_the_way[maze, here] & (step[maze, here] > step[maze, came])
    begins = np.flatnonzero(on_the_way.any(axis=1))
    maze = np.concatenate([begins, maze[onward]])
    here = np.concatenate([mazes.start[begins], here[onward]])
    came = np.concatenate([np.full(len(begins), NO_CELL), came[onward]])
    order = np.lexsort([came, here, step[maze, here], maze])
    order = order[(here != mazes.goal[maze])[order]]
    return maze[order], step[maze, here][order], here[order], came[order]


def _moves(mazes: MazeBatch) -> Int[np.ndarray, "4"]:
    """What to add to a cell to move in each direction."""
    return np.array([mazes.cols, 1, -mazes.cols, -1])


def _straight(mazes: MazeBatch, maze: Int[np.ndarray, "..."], cell: Int[np.ndarray, "..."]) -> Int[np.ndarray, "..."]:
    """The Manhattan distance from the cells to their mazes' goals."""
    (row, col), (to_row, to_col) = np.divmod(cell, mazes.cols), np.divmod(mazes.goal[maze], mazes.cols)
    return abs(row - to_row) + abs(col - to_col)


def _seen_from(
    mazes: MazeBatch, maze: Int[np.ndarray, " decision"], here: Int[np.ndarray, " decision"], unit: str = "cells"
) -> Branches:
    """What lies behind the ways out of these cells, [decision, way]."""
    at = np.zeros((len(mazes), mazes.rows * mazes.cols), dtype=bool)
    at[maze, here] = True
    behind = branches(mazes, unit=unit, at=at)
    return Branches(*(one[maze, here] for one in (behind.size, behind.depth, behind.goal, behind.rounds)))


def _deepest(behind: Branches, wrong: Bool[np.ndarray, "decision 4"]) -> Int[np.ndarray, " decision"]:
    """The depth of the deepest wrong option, 0 without any, FAR if the goal is behind one."""
    depth = np.where(behind.goal == NEVER, behind.depth, FAR)
    return np.where(wrong, depth, 0).max(axis=1, initial=0)
