"""Which heads turn the walk when another way becomes right?

What is lost without a head does not tell what it had read. So at a fork heads are made to write what they write there
in a prompt that differs in one thing: the goal lies elsewhere, or one passage does, so that another way is right; and
as control one in which it moved as far from the fork and the right way stayed. Path, fork and the ways that are open
are the same. A head that turns the step when the goal moves may say no more than where the goal lies; one that turns it
when a passage moves and the goal does not has read the maze. What it writes holds all that earlier layers had found
out: it is enough to turn the step, which does not say that the way was found there. All heads at once turn it as the
change itself does, exactly: what else there is at that token is the same.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from maze_interp import mazes, patching, seeds
from maze_interp.experiments.heads_needed_bench import Bench, Heads
from maze_interp.patching import PromptPairs, behind
from maze_interp.patching.behind import Behind

CHANGES: dict[str, Callable[..., mazes.Pairs]] = {"goal": mazes.move_goal, "passage": mazes.move_passage}
NEAREST = 2  # steps from the fork to the change, so that it is not at a way that leads on


@dataclass(frozen=True)
class Exchange:
    """Prompts that end at a fork, read once, with what they are changed into and controls beside them, and what each
    head writes there after the change and after its control."""

    pairs: PromptPairs
    controls: PromptPairs
    read: Behind
    turned: Float[np.ndarray, "pair layer head d_head"]
    kept: Float[np.ndarray, "pair layer head d_head"]


def exchange(bench: Bench, change: str, seed: int) -> Exchange | None:
    """One fork a maze, of all that have a change with a control; None where there are none, or for a language that
    pairs of prompts cannot be written in."""
    tokenizer, model = bench.model.maze_tokenizer, bench.model
    acyclic = mazes.MEASURES["cycle_count"](bench.mazes) == 0
    if tokenizer.choices.edges != "passages" or not acyclic.any():
        return None
    asked = bench.mazes[acyclic]
    made = CHANGES[change](asked, mazes.decisions(asked, bench.paths[acyclic]), seed=seed, nearest=NEAREST)
    if not len(made):
        return None
    beside, of = mazes.controls(made, seed=seed)
    some = _one_a_maze(made.maze[of], seed)
    if not len(some):
        return None
    pairs = patching.prompts(change, made[of[some]], tokenizer, seed=seed)
    control = patching.prompts(change, beside[some], tokenizer, seed=seed)
    turned, kept = (behind.written(model, one.corrupted, one.decision) for one in (pairs, control))
    return Exchange(pairs, control, behind.behind(model, pairs.clean), turned, kept)


def _one_a_maze(maze: np.ndarray, seed: int) -> np.ndarray:
    """One index of each maze, drawn at random."""
    shuffled = seeds.generator(seed, "one a maze").permutation(len(maze))
    return shuffled[np.unique(maze[shuffled], return_index=True)[1]]


def turned(bench: Bench, drawn: Exchange, heads: Heads) -> Bool[np.ndarray, "pair 2"]:
    """Where the likeliest step is the one that becomes right: these heads write what they do after the change, and
    after its control."""
    return np.stack([_goes(bench, drawn, heads, written) for written in (drawn.turned, drawn.kept)], axis=1)


def _goes(bench: Bench, drawn: Exchange, heads: Heads, written: np.ndarray) -> Bool[np.ndarray, " pair"]:
    def instead(layer: int, rows: np.ndarray, at: slice) -> tuple[Tensor, Tensor]:
        here = np.arange(at.start, at.stop) == drawn.pairs.decision[rows][:, None]
        said = np.broadcast_to(written[rows, layer][:, None], (*here.shape, *written.shape[2:]))
        return torch.from_numpy(here), torch.from_numpy(said.copy())

    logits = drawn.read.again(heads, instead)
    bench.tick()
    return logits[np.arange(len(drawn.pairs)), drawn.pairs.decision].argmax(axis=1) == drawn.pairs.wrong
