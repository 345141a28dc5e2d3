"""Two prompts of the same length that ask for different steps: what patching moves between.

A clean prompt leads to a fork where one step is right. The corrupted prompt has as many tokens and differs in one
thing, so position k means the same in both, and whatever the network carries of that thing can be carried over from
one run into the other. Each of FAMILIES changes another thing. The null of a pair is its control (`controls`):
something is changed as far away, and the right step stays what it was.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import numpy as np
from jaxtyping import Int

from maze_interp import mazes, recipes, seeds
from maze_interp.mazes import CUT, NO_CELL, Decisions, MazeBatch, Pairs, PathBatch
from maze_interp.patching.meanings import meanings
from maze_interp.tokens import EDGE, GOAL, TokenBatch, Tokenizer


@dataclass(frozen=True)
class PromptPairs:
    """Prompts in pairs, a row each, both ending with the token of the fork, at the position `decision`.

    `right` and `wrong` are token ids: of the step that is right in the clean maze and of its rival, which is right in
    the corrupted one wherever the pair flips. `mazes` are those of the clean prompts, `edited` those of the corrupted
    ones (of noise, which describes none, those it was made of). `maze` names the maze a pair was made from, `distance`
    counts steps from the fork to what was changed (mazes.NEVER where nothing in the maze was), `meaning` indexes
    MEANINGS.
    """

    family: str
    mazes: MazeBatch
    edited: MazeBatch
    clean: TokenBatch
    corrupted: TokenBatch
    decision: Int[np.ndarray, " pair"]
    right: Int[np.ndarray, " pair"]
    wrong: Int[np.ndarray, " pair"]
    maze: Int[np.ndarray, " pair"]
    distance: Int[np.ndarray, " pair"]
    meaning: Int[np.ndarray, "pair position"]

    def __len__(self) -> int:
        return len(self.decision)

    def __getitem__(self, which: slice | np.ndarray) -> "PromptPairs":
        """The pairs chosen by a slice, a boolean mask or an array of indices."""
        columns = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "family"}
        return PromptPairs(self.family, **{name: column[which] for name, column in columns.items()})


Family = Callable[..., PromptPairs]


def moved_passage(batch: MazeBatch, forks: Decisions, tokenizer: Tokenizer, *, seed: int, **within: int) -> PromptPairs:
    """One passage moves and the right step with it; `within` is what `mazes.move_passage` takes: nearest, count, ..."""
    pairs = mazes.move_passage(batch, forks, seed=seed, kind="flip", **within)
    return prompts("moved_passage", pairs, tokenizer, seed=seed)


def moved_goal(batch: MazeBatch, forks: Decisions, tokenizer: Tokenizer, *, seed: int, **within: int) -> PromptPairs:
    """The goal moves behind another option; `within` as in `moved_passage`."""
    return prompts("moved_goal", mazes.move_goal(batch, forks, seed=seed, kind="flip", **within), tokenizer, seed=seed)


def control_passage(
    batch: MazeBatch, forks: Decisions, tokenizer: Tokenizer, *, seed: int, **within: int
) -> PromptPairs:
    """One passage moves, on no way that matters: the null of `moved_passage`, not matched to any pair of it."""
    pairs = mazes.move_passage(batch, forks, seed=seed, kind="irrelevant", **within)
    return prompts("control_passage", pairs, tokenizer, seed=seed)


def moved_start(batch: MazeBatch, forks: Decisions, tokenizer: Tokenizer, *, seed: int) -> PromptPairs:
    """The path comes to the fork from the rival's side, from a start as far away; the right step stays.

    One pair for every decision whose rival leads that far: what changes is which way would be turning back.
    """
    pairs = mazes.unedited(batch, forks)
    cells, count = batch.rows * batch.cols, len(pairs)
    away = mazes.distances(pairs.base.passages, pairs.here)
    rival = _beside(pairs, pairs.rival)
    from_rival = mazes.distances(pairs.base.passages, rival)
    behind = (away == pairs.step[:, None]) & (from_rival == away - 1) & (away > 0)
    draw = np.array([seeds.generator(seed, "moved start", i).random(cells) for i in range(count)]).reshape(count, cells)
    start = np.where(behind, draw, -1.0).argmax(axis=1)
    able = behind.any(axis=1)
    pairs, start = pairs[able], start[able].astype(np.int32)
    led = mazes.solve(replace(pairs.base, start=start, goal=pairs.here), seed=seed)
    led = PathBatch(led.cells, led.length, np.full(len(led.length), CUT, np.int8))
    order = _order(pairs, tokenizer, seed)
    corrupted = tokenizer.encode(replace(pairs.base, start=start), led, edge_order=order)
    return _paired("moved_start", pairs, _clean(pairs, tokenizer, order), corrupted, tokenizer)


def other_maze(batch: MazeBatch, forks: Decisions, tokenizer: Tokenizer, *, seed: int) -> PromptPairs:
    """Another maze's prompt, whose path has come as far: all that this maze says is gone, with everything else.

    Its partners are the other decisions at the same position, in turn; a decision without one is left out.
    """
    pairs = mazes.unedited(batch, forks)
    clean = _clean(pairs, tokenizer, _order(pairs, tokenizer, seed))
    shuffled = seeds.generator(seed, "other maze").permutation(len(pairs))
    groups = np.split(shuffled[np.argsort(clean.length[shuffled], kind="stable")], _bounds(clean.length))
    partner = np.full(len(pairs), -1)
    for group in groups:
        partner[group] = np.roll(group, 1)
    able = partner[partner] >= 0
    able &= pairs.maze[partner] != pairs.maze
    found = _paired("other_maze", pairs[able], clean[able], clean[partner[able]], tokenizer)
    return replace(found, edited=pairs.base[partner[able]])


def noise(batch: MazeBatch, forks: Decisions, tokenizer: Tokenizer, *, seed: int, part: str = "goal") -> PromptPairs:
    """The goal's token (or with part="edges" every cell of the edge list) becomes that of a random other cell.

    Symmetric token replacement: the prompt keeps its form and loses what it said. It describes no maze.
    """
    if part not in NOISY:
        raise recipes.unknown("part to put noise on", part, NOISY)
    pairs = mazes.unedited(batch, forks)
    clean = _clean(pairs, tokenizer, _order(pairs, tokenizer, seed))
    struck = (clean.part == NOISY[part]) & (clean.cell != NO_CELL)
    others = batch.rows * batch.cols - 1
    streams = (seeds.generator(seed, "noise", pair) for pair in range(len(pairs)))
    shift = np.array([stream.integers(others, size=struck.shape[1]) for stream in streams]).reshape(struck.shape)
    cell = np.where(struck, (clean.cell + 1 + shift) % (others + 1), clean.cell)
    ids = np.where(struck, _tokens_of(tokenizer, batch)[cell], clean.ids).astype(clean.ids.dtype)
    return _paired("noise", pairs, clean, replace(clean, ids=ids, cell=cell.astype(clean.cell.dtype)), tokenizer)


NOISY = {"goal": GOAL, "edges": EDGE}
FAMILIES: dict[str, Family] = {
    "moved_passage": moved_passage,
    "moved_goal": moved_goal,
    "moved_start": moved_start,
    "control_passage": control_passage,
    "other_maze": other_maze,
    "noise": noise,
}


def prompts(family: str, pairs: Pairs, tokenizer: Tokenizer, *, seed: int) -> PromptPairs:
    """Pairs of mazes as prompts: edges in an order drawn from (seed, maze), a moved one in the place of what it was.

    Raises ValueError where a pair's prompts do not differ or differ in length, for a maze turned or moved as a whole,
    and for a language in which a cell is not one token.
    """
    if not np.array_equal(pairs.ways, np.arange(4)) or len(pairs.places) != pairs.edited.rows * pairs.edited.cols:
        raise ValueError("a maze turned or moved as a whole changes every position: patching has nothing to align")
    order = _order(pairs, tokenizer, seed)
    changed = mazes.edited_order(pairs, order, seed=seed)
    corrupted = tokenizer.encode(pairs.edited, pairs.led_after, edge_order=changed)
    return _paired(family, pairs, _clean(pairs, tokenizer, order), corrupted, tokenizer)


def controls(
    pairs: Pairs, tokenizer: Tokenizer, *, seed: int, kind: str | None = None, alike: str = ""
) -> tuple[PromptPairs, Int[np.ndarray, " control"]]:
    """`mazes.controls` of pairs as prompts, and which pair each is a control of: as far away, and nothing turns.

    With `alike`, one of mazes.EXTENTS, it changes as much as well; fewer pairs have one.
    """
    beside, of = mazes.controls(pairs, seed=seed, kind=kind, alike=alike)
    return prompts("control", beside, tokenizer, seed=seed), of


def _order(pairs: Pairs, tokenizer: Tokenizer, seed: int) -> Int[np.ndarray, "pair edge"]:
    passages = np.zeros((pairs.maze.max(initial=-1) + 1, *pairs.base.passages.shape[1:]), bool)
    passages[pairs.maze] = pairs.base.passages
    return tokenizer.draw_edge_order(passages, seed=seed)[pairs.maze]


def _clean(pairs: Pairs, tokenizer: Tokenizer, order: np.ndarray) -> TokenBatch:
    return tokenizer.encode(pairs.base, pairs.led, edge_order=order)


def _paired(family: str, pairs: Pairs, clean: TokenBatch, corrupted: TokenBatch, tokenizer: Tokenizer) -> PromptPairs:
    choices = tokenizer.choices
    if choices.spelled or choices.path != "cells" or choices.edges != "passages":
        raise ValueError(f"patching needs passages and paths with one token a cell, not scheme {tokenizer.scheme!r}")
    if not len(pairs):
        raise ValueError(f"{family}: no pair was found at these forks")
    if clean.ids.shape != corrupted.ids.shape or (clean.length != corrupted.length).any():
        raise ValueError(f"{family}: the two prompts of a pair must have the same number of tokens")
    differ = clean.ids != corrupted.ids
    if not differ.any(axis=1).all():
        raise ValueError(f"{family}: the prompts of pair {int((~differ.any(axis=1)).argmax())} do not differ")
    tokens, decision = _tokens_of(tokenizer, pairs.base), clean.length - 1
    onward, rival = (mazes.solve(replace(one, start=pairs.here)) for one in (pairs.base, pairs.edited))
    return PromptPairs(
        family=family,
        mazes=pairs.base,
        edited=pairs.edited,
        clean=clean,
        corrupted=corrupted,
        decision=decision,
        right=tokens[_beside(pairs, pairs.right)],
        wrong=tokens[_beside(pairs, pairs.rival)],
        maze=pairs.maze,
        distance=pairs.distance,
        meaning=meanings(clean, differ, decision, onward, rival),
    )


def _beside(pairs: Pairs, way: Int[np.ndarray, " pair"]) -> Int[np.ndarray, " pair"]:
    """The cell that lies one step from the fork: down, right, up or left."""
    return pairs.here + np.array([pairs.base.cols, 1, -pairs.base.cols, -1])[way]


def _tokens_of(tokenizer: Tokenizer, batch: MazeBatch) -> Int[np.ndarray, " cell"]:
    """The token of every cell of the mazes' lattice."""
    return tokenizer.vocabulary.cell_ids[: batch.rows, : batch.cols].reshape(-1)


def _bounds(length: Int[np.ndarray, " pair"]) -> Int[np.ndarray, " bound"]:
    """Where the next length begins, were they sorted."""
    return np.flatnonzero(np.diff(np.sort(length))) + 1
