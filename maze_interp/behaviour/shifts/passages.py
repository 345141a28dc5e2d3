"""Shifts of single passages: cycles opened, branches taken away, the goal cut off, edges said that no lattice has.

All start from the mazes of the home world, so that each maze can be compared with itself. What is left of a prompt
keeps its order.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Int

from maze_interp import mazes, seeds
from maze_interp.behaviour import neighbours
from maze_interp.behaviour.shifts.declaration import Home, ShiftedSet, checked, of_mazes, unshifted
from maze_interp.behaviour.shifts.worlds import Make
from maze_interp.mazes import NO_CELL, MazeBatch, PathBatch
from maze_interp.tokens import Tokenizer, edges, unusual

GUESSES = 64  # pairs of cells drawn for an edge that no lattice has, of which the first that will do is taken


def percolated(share: float) -> Make:
    """Each wall is opened with this probability: cycles, and often several shortest paths."""

    def make(home: Home, count: int, *, seed: int) -> ShiftedSet:
        plain = unshifted(home, count, seed=seed).mazes
        inside = edges.listed(plain.passages, "both")
        opened = seeds.generator(seed, "percolated").random(inside.shape) < share
        return of_mazes(home, replace(plain, passages=plain.passages | (inside & opened)), seed=seed)

    return make


def thinned(share: float) -> Make:
    """Each passage off the shortest path is closed with this probability: a forest, with the goal in reach."""

    def make(home: Home, count: int, *, seed: int) -> ShiftedSet:
        plain = unshifted(home, count, seed=seed)
        closed = seeds.generator(seed, "thinned").random(plain.mazes.passages.shape) < share
        on_path = path_steps(plain.mazes, plain.solutions).reshape(closed.shape) >= 0
        after = replace(plain.mazes, passages=plain.mazes.passages & ~(closed & ~on_path))
        prompts = home.tokenizer.encode_prompts(after, edge_order=trimmed(home.tokenizer, plain.mazes, after, seed))
        return checked(home, ShiftedSet(after, prompts, plain.solutions), after)

    return make


def cut_off(home: Home, count: int, *, seed: int) -> ShiftedSet:
    """One passage of the shortest path, any of them, is closed; mazes with another way round are left out."""
    plain = unshifted(home, count, seed=seed)
    step = (seeds.generator(seed, "cut off").random(len(plain)) * (plain.solutions.length - 1)).astype(np.int64)
    which = (path_steps(plain.mazes, plain.solutions) == step[:, None]).argmax(axis=1)
    made = _closed(home, plain, which, seed)
    lost = mazes.distances(made.mazes.passages, made.mazes.goal)[np.arange(len(made)), made.mazes.start] < 0
    return checked(home, made[lost], plain.mazes[lost])


def branch_cut_off(home: Home, count: int, *, seed: int) -> ShiftedSet:
    """One passage off the shortest path, any of them, is closed; mazes that have none are left out."""
    plain = unshifted(home, count, seed=seed)
    off_path = plain.mazes.passages.reshape(len(plain), -1) & (path_steps(plain.mazes, plain.solutions) < 0)
    liking = seeds.generator(seed, "branch cut off").random(off_path.shape)
    made = _closed(home, plain, np.where(off_path, liking, -1.0).argmax(axis=1), seed)
    some = np.flatnonzero(off_path.any(axis=1))
    return checked(home, made[some], made.mazes[some])


def foreign(choose: Callable[[MazeBatch, np.random.Generator], Int[np.ndarray, "maze 2"]]) -> Make:
    """One edge more is said, which joins two cells that are no neighbours; mazes without such an edge are left out."""

    def make(home: Home, count: int, *, seed: int) -> ShiftedSet:
        plain = unshifted(home, count, seed=seed)
        edge = choose(plain.mazes, seeds.generator(seed, "foreign"))
        place = seeds.generator(seed, "foreign place").random(len(plain))
        slots = (place * (unusual.edges_said(home.tokenizer, plain.prompts) + 1)).astype(np.int64)
        prompts = unusual.say_also(home.tokenizer, plain.prompts, plain.mazes, edge[:, None], slots[:, None])
        made = replace(plain, prompts=prompts, edge=edge, note="")[edge[:, 0] != NO_CELL]
        return checked(home, made, made.mazes)

    return make


def anywhere(drawn: MazeBatch, rng: np.random.Generator) -> Int[np.ndarray, "maze 2"]:
    """Two cells that are no neighbours; NO_CELL where none were found."""
    cells = drawn.rows * drawn.cols
    pairs = (rng.random((len(drawn), GUESSES, 2)) * cells).astype(np.int64)
    apart = ~_beside(drawn, pairs) & (pairs[..., 0] != pairs[..., 1])
    chosen = pairs[np.arange(len(drawn)), apart.argmax(axis=1)]
    return np.where(apart.any(axis=1)[:, None], chosen, NO_CELL)


def from_start_to_goal(drawn: MazeBatch, rng: np.random.Generator) -> Int[np.ndarray, "maze 2"]:
    """Start and goal; NO_CELL where they are neighbours."""
    pairs = np.stack([drawn.start, drawn.goal], axis=1).astype(np.int64)
    return np.where(_beside(drawn, pairs)[:, None], NO_CELL, pairs)


def path_steps(drawn: MazeBatch, paths: PathBatch) -> Int[np.ndarray, "maze edge"]:
    """The step at which each path goes through each edge, numbered as in `mazes.lattice`; -1 where it does not."""
    cells = drawn.rows * drawn.cols
    out = np.full((len(drawn), 2 * cells), -1)
    step = np.arange(1, max(paths.cells.shape[1], 1))
    maze, move = np.nonzero(step < paths.length[:, None])
    one, other = paths.cells[maze, move], paths.cells[maze, move + 1]
    across = one // drawn.cols == other // drawn.cols
    out[maze, np.minimum(one, other) + np.where(across, cells, 0)] = move
    return out


def crosses(paths: PathBatch, edge: Int[np.ndarray, "maze 2"]) -> Bool[np.ndarray, " maze"]:
    """The paths that go straight from one end of their edge to the other."""
    source, target = paths.cells[:, :-1], paths.cells[:, 1:]
    made = np.arange(1, max(paths.cells.shape[1], 1)) < paths.length[:, None]
    one, other = edge[:, :1], edge[:, 1:]
    there, back = (source == one) & (target == other), (source == other) & (target == one)
    return (made & (there | back)).any(axis=1)


def _closed(home: Home, plain: ShiftedSet, which: Int[np.ndarray, " maze"], seed: int) -> ShiftedSet:
    """The mazes without one passage each, numbered as in `mazes.lattice`; the solutions are those there were before."""
    before, cells = plain.mazes, plain.mazes.rows * plain.mazes.cols
    passages = before.passages.copy()
    passages.reshape(len(plain), -1)[np.arange(len(plain)), which] = False
    after = replace(before, passages=passages)
    prompts = home.tokenizer.encode_prompts(after, edge_order=trimmed(home.tokenizer, before, after, seed))
    edge = np.stack([which % cells, which % cells + np.where(which < cells, before.cols, 1)], axis=1)
    return ShiftedSet(after, prompts, plain.solutions, edge)


def trimmed(tokenizer: Tokenizer, before: MazeBatch, after: MazeBatch, seed: int) -> Int[np.ndarray, "maze edge"]:
    """The order of edges as drawn for `before`, without those that `after` lacks; drawn anew where it has others."""
    was, listed = (edges.listed(batch.passages, tokenizer.choices.edges) for batch in (before, after))
    if (listed & ~was).any():
        return tokenizer.draw_edge_order(after.passages, seed=seed)
    order = tokenizer.draw_edge_order(before.passages, seed=seed)
    kept = (order >= 0) & np.take_along_axis(listed.reshape(len(after), -1), np.maximum(order >> 1, 0), axis=1)
    moved = np.take_along_axis(np.where(kept, order, edges.NO_EDGE), np.argsort(~kept, axis=1, kind="stable"), axis=1)
    return moved


def _beside(drawn: MazeBatch, pairs: Int[np.ndarray, "*axes 2"]) -> Bool[np.ndarray, "*axes"]:
    around = neighbours.adjacent(drawn.rows, drawn.cols)
    return (around[pairs[..., 0]] == pairs[..., 1:]).any(axis=-1)
