"""Mazes among which an activation can be exchanged: a position means the same in all of their prompts.

To write what was recorded on maze i into the run on maze j asks that the entry means something. So all prompts of a
population have one length, stand at the start of their path, and ask for its first step. Outcomes are coded in one of
two ways, and the sign of Op depends on which. As steps, in the lattice, they can be compared where all mazes share the
cell they stand on and its open ways (`same_fork`): then the shared edges are in the same slots of every prompt. As
verdicts (right, open but wrong, impossible) they can be compared anywhere (`any_fork`), and are about the maze that
the activation is written into.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from maze_interp import mazes, recipes, seeds
from maze_interp.mazes import CUT, MazeBatch, PathBatch
from maze_interp.mazes.topology import open_ways
from maze_interp.optimisation.futures import Open
from maze_interp.tokens import TokenBatch, Tokenizer
from maze_interp.tokens.vocabulary import PATH_START

LEAST = 8
EDGES_HERE, OTHER_EDGES = "edges here", "other edges"
POPULATIONS = ("same_fork", "any_fork")
CODINGS = {"step": ("down", "right", "up", "left", "no step"), "verdict": ("right", "wrong", "impossible")}
WORDS = ("<ORIGIN_START>", "start", "<ORIGIN_END>", "<TARGET_START>", "goal", "<TARGET_END>", "<PATH_START>", "here")


@dataclass(frozen=True)
class Population:
    """Prompts of one length, a row a maze, each ending with the token of the cell `here` of its path.

    `steps` are the tokens of the cells below, right, above and left of it (-1 outside the lattice), `open` and `right`
    which of them can be stepped to, and lie on a shortest path. `places` names positions.
    """

    kind: str
    tokenizer: Tokenizer
    mazes: MazeBatch
    here: Int[np.ndarray, " maze"]
    tokens: TokenBatch
    steps: Int[np.ndarray, "maze 4"]
    open: Bool[np.ndarray, "maze 4"]
    right: Bool[np.ndarray, "maze 4"]
    places: dict[str, tuple[int, ...]]

    def __len__(self) -> int:
        return len(self.steps)

    def __getitem__(self, which: slice | np.ndarray) -> "Population":
        """Some of the mazes, chosen by a slice, a boolean mask or an array of indices."""
        columns = {name: getattr(self, name)[which] for name in ("mazes", "here", "tokens", "steps", "open", "right")}
        return Population(self.kind, self.tokenizer, places=self.places, **columns)

    def ways(self, index: int) -> Open:
        """The tokens of the right step and of the other open ones of one maze."""
        right, others = (self.steps[index][which[index]] for which in (self.right, self.open & ~self.right))
        return Open(int(right[0]), tuple(others.tolist()))

    def outcomes(
        self, logits: Float[Tensor, "donor maze vocab"], coding: str
    ) -> Float[np.ndarray, "donor maze outcome"]:
        """The distribution over CODINGS[coding] that logits at the decision give. Raises ValueError for another."""
        if coding not in CODINGS:
            raise recipes.unknown("coding of outcomes", coding, CODINGS)
        steps = torch.from_numpy(self.steps).long().to(logits.device)
        shares = logits.double().softmax(dim=-1)
        each = shares.gather(-1, steps.clamp(min=0).expand(len(logits), -1, -1)) * (steps >= 0)
        step = each.cpu().numpy()
        if coding == "step":
            found = [*np.moveaxis(step, -1, 0), 1 - step.sum(axis=-1)]
        else:
            right, wrong = ((step * which).sum(axis=-1) for which in (self.right, self.open & ~self.right))
            found = [right, wrong, 1 - right - wrong]
        return np.stack(found, axis=-1).clip(0, 1)


def population(
    kind: str,
    held_out: MazeBatch,
    tokenizer: Tokenizer,
    *,
    count: int,
    seed: int,
    exits: int = 3,
    before: int = 0,
    nearest: int = 2,
) -> Population:
    """Up to `count` of these trees, asked at a cell with `exits` open ways (of "same_fork": the commonest such).

    That is the start, or with `before` 1 the cell after it, so that one of its ways leads back. Start and goal are
    drawn anew, the goal at least `nearest` steps on; where the maze is a tree one way is right. Raises ValueError for
    an unknown kind, mazes with cycles (whose prompts differ in length), and fewer than 8 of them.
    """
    if kind not in POPULATIONS:
        raise recipes.unknown("population", kind, POPULATIONS)
    if before not in (0, 1):
        raise ValueError(f"a population is asked at its mazes' first or second cell (before=0 or 1), not {before}")
    edges = mazes.edge_count(held_out.passages)
    if (edges != held_out.rows * held_out.cols - 1).any():
        raise ValueError("prompts have one length where all mazes are trees of one size: these are not")
    ways = open_ways(held_out.passages)
    fits = ways.sum(axis=-1) == exits
    if kind == "same_fork":
        pattern = np.where(fits, (ways * [1, 2, 4, 8]).sum(axis=-1) + 16 * np.arange(fits.shape[1]), -1)
        patterns, counts = np.unique(pattern[fits], return_counts=True)
        fits = pattern == patterns[counts.argmax()] if len(patterns) else fits
    chosen, ends = _ends(held_out, fits, seed, before, nearest)
    chosen, ends = chosen[:count], ends[:count]
    if len(chosen) < LEAST:
        raise ValueError(f"a population needs {LEAST} mazes or more; {len(chosen)} can be asked as wanted")
    return _population(kind, held_out[chosen], ends, tokenizer, seed, before)


def _ends(
    batch: MazeBatch, fits: Bool[np.ndarray, "maze cell"], seed: int, before: int, nearest: int
) -> tuple[Int[np.ndarray, " chosen"], Int[np.ndarray, "chosen 3"]]:
    """The mazes that can be asked, and of each (start, the cell where it is asked, goal)."""
    able = np.flatnonzero(fits.any(axis=1))
    streams = [seeds.generator(seed, "ends", index) for index in able.tolist()]
    here = np.array([rng.choice(np.flatnonzero(fits[maze])) for rng, maze in zip(streams, able, strict=True)], np.int32)
    away = mazes.distances(batch.passages[able], here)
    start = here
    if before:
        beside = [rng.choice(np.flatnonzero(own == 1)) for rng, own in zip(streams, away, strict=True)]
        start = np.array(beside, np.int32)
    onward = mazes.distances(batch.passages[able], start) == away + before
    far = (away >= max(nearest, 1)) & onward
    kept = np.flatnonzero(far.any(axis=1))
    goal = np.array([streams[index].choice(np.flatnonzero(far[index])) for index in kept], np.int32)
    return able[kept], np.stack([start[kept], here[kept], goal], axis=1).astype(np.int32)


def _population(
    kind: str, batch: MazeBatch, ends: Int[np.ndarray, "maze 3"], tokenizer: Tokenizer, seed: int, before: int
) -> Population:
    start, here, goal = ends.T
    batch = replace(batch, start=start, goal=goal)
    order = tokenizer.draw_edge_order(batch.passages, seed=seed)
    slots = np.array([], int)
    if kind == "same_fork":
        order, slots = _in_same_slots(order, batch, int(here[0]), seed)
    count = len(batch)
    cells = np.stack([start, here], axis=1)[:, 1 - before :]
    led = PathBatch(cells, np.full(count, 1 + before, np.int32), np.full(count, CUT, np.int8))
    tokens = tokenizer.encode(batch, led, edge_order=order)
    row, moves = np.arange(count), np.array([batch.cols, 1, -batch.cols, -1])
    there = here[:, None] + moves
    column = (here % batch.cols)[:, None] + np.array([0, 1, 0, -1])
    inside = (there >= 0) & (there < batch.rows * batch.cols) & (column >= 0) & (column < batch.cols)
    ids = tokenizer.vocabulary.cell_ids[: batch.rows, : batch.cols].reshape(-1)
    to_goal = mazes.distances(batch.passages, goal)
    open_ = open_ways(batch.passages)[row, here]
    nearer = to_goal[row[:, None], np.where(inside, there, 0)] < to_goal[row, here][:, None]
    steps = np.where(inside, ids[np.where(inside, there, 0)], -1)
    places = _places(tokens, 4 * order.shape[1], slots, before)
    return Population(kind, tokenizer, batch, here, tokens, steps, open_, open_ & nearer, places)


def _places(
    tokens: TokenBatch, listed: int, slots: Int[np.ndarray, " slot"], before: int
) -> dict[str, tuple[int, ...]]:
    """Positions by name: those of the edge list together, and the words behind it each by itself.

    Where the edges here are in the same slots of all prompts, they and the other edges are places of their own.
    """
    behind = int((tokens.ids[0] == PATH_START).argmax()) - 6
    assert behind == listed + 2
    edges = tuple(range(1, 1 + listed))
    mine = tuple(position for position in edges if (position - 1) // 4 in slots)
    names = {"edge list": edges, "<ADJLIST_END>": (listed + 1,)}
    if mine:
        names = {EDGES_HERE: mine, OTHER_EDGES: tuple(sorted(set(edges) - set(mine)))} | names
    words = (*WORDS[:-1], *("earlier path",) * before, WORDS[-1])
    return names | {word: (behind + index,) for index, word in enumerate(words)}


def _in_same_slots(
    order: Int[np.ndarray, "maze edge"], batch: MazeBatch, cell: int, seed: int
) -> tuple[Int[np.ndarray, "maze edge"], Int[np.ndarray, " slot"]]:
    """The order in which a cell's edges lie in the same slots, told in the same direction, everywhere; the slots."""
    cells = batch.rows * batch.cols
    around = np.array([cell, cells + cell, cell - batch.cols, cells + cell - 1])  # down, right, up, left
    shared = around[open_ways(batch.passages[:1])[0, cell]]
    rng = seeds.generator(seed, "slots")
    slots, flips = rng.permutation(order.shape[1])[: len(shared)], rng.integers(2, size=len(shared))
    rest = np.stack([row[~np.isin(row // 2, shared)] for row in order])
    out = np.empty_like(order)
    others = np.setdiff1d(np.arange(order.shape[1]), slots)
    out[:, slots], out[:, others] = 2 * shared + flips, rest
    return out, slots
