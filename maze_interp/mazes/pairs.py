"""Pairs of mazes that differ in one thing, seen from a fork that the way to the goal leads through in both.

A walker is led to the fork along the same cells in both mazes, and finds the same options there. What it does next can
differ only because of the one thing that was changed, somewhere else. This is the raw material of counterfactual
questions (does the choice flip with the maze?) and of activation patching (where does the network carry the
difference?): prompts are as long in both mazes, token for token the same but for what was changed (`edited_order`).
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Int

from maze_interp import seeds
from maze_interp.mazes import lattice
from maze_interp.mazes.batch import CUT, DOWN, NO_CELL, RIGHT, MazeBatch, PathBatch
from maze_interp.mazes.branches import NEVER
from maze_interp.mazes.decisions import Decisions
from maze_interp.mazes.measures import cycle_count
from maze_interp.mazes.moves import NO_WAY
from maze_interp.mazes.solving import solve
from maze_interp.mazes.support import is_depth_first_tree

NO_EDGE = -1


@dataclass(frozen=True)
class Pairs:
    """Pairs of mazes without cycles, a row each; ways are numbered DOWN, RIGHT, UP, LEFT, distances count steps.

    `decision` is the row of the fork among the decisions given, `maze` that of the maze. `base` and `edited` are the
    two mazes. `led` are the cells from the start to the fork, `step` the index of the fork in it. `options` are the
    ways on from the fork, `right` the one towards the goal in `base` and `right_after` the one in `edited`; `rival` is
    the wrong option that is to win: `right_after` where that is another, else the first wrong one or that of a matched
    pair. `removed` and `added` are edges, NO_EDGE if no passage moved. What was cut off with the removed passage lay
    behind `removed_way`, seen from the fork, and lies behind `added_way` now; if the goal moved, it lay and lies there.
    `distance_removed` and `distance_added` lead from the fork to the nearer end of either edge, or to either goal, in
    `base`; NEVER if nothing moved. `deceptive` and `deceptive_after` say whether the right way leads away from the
    goal in Manhattan distance. `in_support`: randomised depth-first search could have made `edited`.

    All but `right_after` and `deceptive_after`, which are the edited maze's own, speak of the lattice of `base`:
    `places` is the cell of `edited` that each of its cells becomes, `ways` the way that each way becomes. Both change
    nothing unless the whole maze was turned or moved.
    """

    decision: Int[np.ndarray, " pair"]
    maze: Int[np.ndarray, " pair"]
    base: MazeBatch
    edited: MazeBatch
    led: PathBatch
    step: Int[np.ndarray, " pair"]
    options: Bool[np.ndarray, "pair 4"]
    right: Int[np.ndarray, " pair"]
    right_after: Int[np.ndarray, " pair"]
    rival: Int[np.ndarray, " pair"]
    removed: Int[np.ndarray, " pair"]
    added: Int[np.ndarray, " pair"]
    removed_way: Int[np.ndarray, " pair"]
    added_way: Int[np.ndarray, " pair"]
    distance_removed: Int[np.ndarray, " pair"]
    distance_added: Int[np.ndarray, " pair"]
    deceptive: Bool[np.ndarray, " pair"]
    deceptive_after: Bool[np.ndarray, " pair"]
    in_support: Bool[np.ndarray, " pair"]
    places: Int[np.ndarray, " cell"]
    ways: Int[np.ndarray, "4"]

    @property
    def here(self) -> Int[np.ndarray, " pair"]:
        """The fork."""
        return self.led.cells[np.arange(len(self)), self.step]

    @property
    def led_after(self) -> PathBatch:
        """`led` in the edited maze."""
        moved = np.where(self.led.cells == NO_CELL, NO_CELL, self.places[self.led.cells])
        return replace(self.led, cells=moved)

    @property
    def flips(self) -> Bool[np.ndarray, " pair"]:
        """Where the right way becomes another one."""
        return self.right_after != self.ways[self.right]

    @property
    def distance(self) -> Int[np.ndarray, " pair"]:
        """Steps from the fork to the nearer of the two places that change, in `base`; NEVER if nothing moved."""
        return np.minimum(self.distance_removed, self.distance_added)

    @property
    def branch(self) -> np.ndarray:
        """Behind which way the nearer of the two places lies: "right", "wrong", "back", or "" if nothing moved."""
        near = np.where(self.distance_removed <= self.distance_added, self.removed_way, self.added_way)
        wrong = np.take_along_axis(self.options, np.maximum(near, 0)[:, None], axis=1)[:, 0]
        return np.select([near == NO_WAY, near == self.right, wrong], ["", "right", "wrong"], "back")

    def __len__(self) -> int:
        return len(self.maze)

    def __getitem__(self, which: slice | np.ndarray) -> "Pairs":
        """The pairs chosen by a slice, a boolean mask or an array of indices."""
        columns = {name: one if name in ("places", "ways") else one[which] for name, one in vars(self).items()}
        return Pairs(**columns)


def unedited(mazes: MazeBatch, forks: Decisions) -> Pairs:
    """Each decision as a pair of a maze with itself: what edits begin with.

    Raises ValueError naming the first maze with a cycle, or if these are not decisions of these mazes.
    """
    cyclic = cycle_count(mazes) > 0
    if cyclic.any():
        raise ValueError(f"maze {int(cyclic.argmax())} has a cycle: of its passages not every one is needed")
    if len(forks) and forks.maze.max() >= len(mazes):
        raise ValueError(f"there is a decision of maze {forks.maze.max()}, but there are {len(mazes)} mazes")
    solutions = solve(mazes)[forks.maze]
    step = np.arange(solutions.cells.shape[1])
    if not (solutions.cells == forks.here[:, None])[step == forks.step[:, None]].all():
        raise ValueError("these are decisions of other mazes: they do not lie on the way to the goal")
    led = PathBatch(
        np.where(step <= forks.step[:, None], solutions.cells, NO_CELL),
        (forks.step + 1).astype(np.int32),
        np.full(len(forks), CUT, np.int8),
    )
    base, right = mazes[forks.maze], forks.right.argmax(axis=1)
    count = len(forks)
    return Pairs(
        decision=np.arange(count),
        maze=forks.maze,
        base=base,
        edited=base,
        led=led,
        step=forks.step,
        options=forks.options,
        right=right,
        right_after=right,
        rival=(forks.options & ~forks.right).argmax(axis=1),
        removed=np.full(count, NO_EDGE),
        added=np.full(count, NO_EDGE),
        removed_way=np.full(count, NO_WAY),
        added_way=np.full(count, NO_WAY),
        distance_removed=np.full(count, NEVER),
        distance_added=np.full(count, NEVER),
        deceptive=forks.deceptive,
        deceptive_after=forks.deceptive,
        in_support=is_depth_first_tree(base.passages),
        places=np.arange(mazes.rows * mazes.cols),
        ways=np.arange(4),
    )


def settled(pairs: Pairs, edited: MazeBatch, **changes: Any) -> Pairs:
    """The pairs with other edited mazes, and all that follows from those."""
    pairs = replace(pairs, edited=edited, **changes)
    solutions = solve(edited)
    row, col = np.divmod(solutions.cells[np.arange(len(pairs))[:, None], pairs.step[:, None] + [0, 1]], edited.cols)
    down, across = row[:, 1] - row[:, 0], col[:, 1] - col[:, 0]
    to_row, to_col = np.divmod(edited.goal[:, None], edited.cols)
    away = abs(row - to_row) + abs(col - to_col)
    right_after = np.select([down > 0, across > 0, down < 0], [0, 1, 2], 3)
    now = np.argsort(pairs.ways)[right_after]
    return replace(
        pairs,
        right_after=right_after,
        rival=np.where(now != pairs.right, now, pairs.rival),
        deceptive_after=away[:, 1] > away[:, 0],
        in_support=is_depth_first_tree(edited.passages),
    )


def edited_order(
    pairs: Pairs, order: Int[np.ndarray, "pair edge"], *, seed: int, first: int = 0
) -> Int[np.ndarray, "pair edge"]:
    """The list of the edited mazes' edges that differs least from that of the base mazes, code by code.

    `order` is what `Tokenizer.draw_edge_order` gives for the base mazes: codes 2 * edge + flipped, padded with -1. The
    new edge takes the place of the one that is gone, its direction drawn from (seed, first + pair); in a list of walls
    the wall that is gone is the one where the added passage is. A list of both names all edges in either maze and
    stays. Raises ValueError if a list names neither of the two that change.
    """
    codes = _codes(pairs)
    order = np.where(order >= 0, codes[order], -1)
    gone, new = order >> 1 == pairs.removed[:, None], order >> 1 == pairs.added[:, None]
    named = np.stack([gone.any(axis=1), new.any(axis=1)])
    moved = pairs.removed != NO_EDGE
    if (moved & ~named.any(axis=0)).any():
        raise ValueError(f"the list of pair {int((moved & ~named.any(axis=0)).argmax())} is not of its base maze")
    wall = ~named[0]
    at = np.where(wall[:, None], new, gone) & (moved & (named[0] != named[1]))[:, None]
    flipped = np.array([seeds.generator(seed, "edited edge", first + i).integers(2) for i in range(len(pairs))], int)
    return np.where(at, (2 * np.where(wall, pairs.removed, pairs.added) + flipped)[:, None], order).astype(np.int32)


def _codes(pairs: Pairs) -> Int[np.ndarray, " code"]:
    """What each edge code of the base lattice becomes on the edited one; -1 for edges across the border."""
    rows, cols = pairs.edited.rows, pairs.edited.cols
    ends = lattice.edge_ends(pairs.base.rows, pairs.base.cols)
    first, second = pairs.places[ends].T
    low, high = np.minimum(first, second), np.maximum(first, second)
    direction = np.where(low // cols == high // cols, RIGHT, DOWN)
    codes = 2 * (direction * rows * cols + low)[:, None] + np.stack([first > second, first < second], axis=1)
    return np.where(ends[:, :1] == NO_CELL, -1, codes).reshape(-1)
