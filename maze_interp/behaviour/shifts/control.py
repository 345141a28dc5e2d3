"""Is it the shift, or only the length of the prompt? Home mazes whose prompts are as long as the shifted ones.

A shift that makes prompts longer or shorter moves every position after it, and a model may know its positions by
heart. Its control leaves the world as it was: where prompts got longer, edges are said once more; where they got
shorter, dead ends that the shortest path does not pass are closed one by one. To close them, or to say an edge twice,
is a change of its own. So the control's mazes are told at the usual length as well, edges said again in place of
those closed: what differs between the two is the length, and how often an edge is said.
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Int

from maze_interp import mazes, seeds
from maze_interp.behaviour import neighbours
from maze_interp.behaviour.shifts.declaration import Home, ShiftedSet, answer_tokens
from maze_interp.behaviour.shifts.passages import trimmed
from maze_interp.mazes import MazeBatch, PathBatch
from maze_interp.recipes import Refusal
from maze_interp.tokens import TokenBatch, Tokenizer, unusual

MOST = 512  # edges said again


@dataclass(frozen=True)
class Matched:
    """Home mazes at another length: the set, their prompts at the usual length, and which of the home set they are."""

    made: ShiftedSet
    usual: TokenBatch
    chosen: Int[np.ndarray, " maze"]


def length_matched(home: Home, shifted: ShiftedSet, plain: ShiftedSet, *, seed: int) -> Matched | None:
    """Home mazes whose prompts are as long as the shifted ones; None if those have the usual length.

    Prompt i is as long as that of shifted maze i, to the nearest edge; `plain` is the unshifted set of the same seed.
    Mazes that have no such prompt are left out. Raises a Refusal where that leaves none.
    """
    pairs = min(len(shifted), len(plain))
    before, tokenizer = plain.mazes[:pairs], home.tokenizer
    change = shifted.prompts.length[:pairs] - plain.prompts.length[:pairs]
    more = np.rint(change / unusual.edge_tokens(tokenizer.choices)).astype(np.int64)
    if not more.any():
        return None
    after, short = before, more >= 0
    if tokenizer.choices.edges == "passages":
        after = pruned(before, plain.solutions[:pairs], -more, seed=seed)
        short = mazes.edge_count(after.passages) == mazes.edge_count(before.passages) + np.minimum(more, 0)
    told = tokenizer.encode_prompts(after, edge_order=trimmed(tokenizer, before, after, seed))
    prompts, usual = (lengthened(tokenizer, told, by, seed=seed) for by in (more, -more))
    room = prompts.length + answer_tokens(home, before, plain.solutions[:pairs]) <= home.context + 1
    chosen = np.flatnonzero(short & room)
    if len(chosen) == 0:
        raise Refusal("no maze of the home world can be told at that length")
    return Matched(ShiftedSet(after[chosen], prompts[chosen], plain.solutions[chosen]), usual[chosen], chosen)


def lengthened(tokenizer: Tokenizer, prompts: TokenBatch, more: Int[np.ndarray, " maze"], *, seed: int) -> TokenBatch:
    """The prompts with that many of their edges said again, at random places; none twice before all are."""
    told = unusual.edges_said(tokenizer, prompts)[:, None]
    extra, rng = np.arange(max(more.max(initial=0), 0)), seeds.generator(seed, "said again")
    drawn = rng.random((len(prompts), 1 + max(len(extra), MOST)))  # a row as wide whatever the batch
    which = ((drawn[:, :1] * told).astype(np.int64) + extra) % np.maximum(told, 1)
    slots = (drawn[:, 1 : 1 + len(extra)] * (told + 1)).astype(np.int64)
    return unusual.say_again(tokenizer, prompts, np.where(extra < more[:, None], which, -1), slots)


def pruned(drawn: MazeBatch, paths: PathBatch, fewer: Int[np.ndarray, " maze"], *, seed: int) -> MazeBatch:
    """The mazes with that many passages closed, dead ends off the path one after the other; fewer if there are none."""
    size, maze = drawn.rows * drawn.cols, np.arange(len(drawn))
    passages, left = drawn.passages.copy(), np.maximum(fewer, 0)
    liking = seeds.generator(seed, "pruned").random((len(drawn), size))
    liking[np.nonzero(_walked(paths, size))] = -1.0
    while True:
        worth = np.where(mazes.dead_ends(passages), liking, -1.0)
        cell = worth.argmax(axis=1)
        closing = (left > 0) & (worth[maze, cell] >= 0)
        if not closing.any():
            return replace(drawn, passages=passages)
        other = neighbours.connected(passages)[maze, cell].max(axis=1)
        edge = np.minimum(cell, other) + np.where(cell // drawn.cols == other // drawn.cols, size, 0)
        passages.reshape(len(drawn), -1)[maze[closing], edge[closing]] = False
        left = left - closing


def _walked(paths: PathBatch, size: int) -> Bool[np.ndarray, "maze cell"]:
    """The cells each path goes through."""
    maze, step = np.nonzero(np.arange(paths.cells.shape[1]) < paths.length[:, None])
    out = np.zeros((len(paths), size), dtype=bool)
    out[maze, paths.cells[maze, step]] = True
    return out
