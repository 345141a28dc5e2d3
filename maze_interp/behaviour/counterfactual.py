"""Does the choice at a fork follow the goal when one thing, some way off, is changed?

A walker is led to the same fork in both mazes of a pair, along the same cells and by prompts that differ in the one
thing that was changed. Where the edit turns the right choice round, a search within whose reach it lies turns round
too; a heuristic that looks at what is near cannot know. Beside each edit stands its control, one at the same distance
that changes nothing at the fork: whoever reacts to any change at all reacts to both. Most such controls change little
else either, so that there is one more, which changes the way to the goal from as many cells, but not at the fork:
whoever reacts to large changes reacts to that. The other things that pairs are
made for, mirrored, turned and moved mazes, are asked in the same way and should change nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from maze_interp import recipes, tables
from maze_interp.behaviour.choosing import mean_over_mazes, over_options
from maze_interp.behaviour.walkers import Progress, Walker, Ways
from maze_interp.mazes import Pairs, controls, edited_order
from maze_interp.tokens import Tokenizer

CHUNK = 1024  # mazes asked at once
ALIKE = 1e-9  # probabilities no farther apart are the same
NO_WAY = -1
LARGE = "control as large"
CONTROLS: dict[str, dict[str, Any]] = {"control": {}, LARGE: {"kind": "keep", "alike": "new_distances"}}
BY = ((), ("distance",), ("deceptive",), ("in_support",), ("branch",))
STRATA: dict[str, Callable[[Pairs], np.ndarray]] = {
    "distance": lambda pairs: pairs.distance,
    "distance_removed": lambda pairs: pairs.distance_removed,
    "distance_added": lambda pairs: pairs.distance_added,
    "deceptive": lambda pairs: pairs.deceptive,
    "deceptive_after": lambda pairs: pairs.deceptive_after,
    "in_support": lambda pairs: pairs.in_support,
    "branch": lambda pairs: pairs.branch,
}


@dataclass(frozen=True)
class Reactions:
    """What a walker puts on each option of the fork `before` the edit and `after`, rows that sum to 1.

    Both are in the directions of the base maze, also where the edited one was turned.
    """

    before: Float[np.ndarray, "pair 4"]
    after: Float[np.ndarray, "pair 4"]


def react(
    walker: Walker, pairs: Pairs, tokenizer: Tokenizer, *, seed: int, progress: Progress | None = None
) -> Reactions:
    """The walker's choices at the fork in both mazes of each pair; uniform where it puts nothing on any option.

    The base maze's edges are named in an order that the tokenizer draws from (`seed`, `pairs.maze`), so that pairs of
    one maze share its prompt, and the edited maze's in `edited_order`. The tokenizer is the walker's own, if it is a
    model.
    """
    order = edge_order(pairs, tokenizer, seed=seed)
    changed = edited_order(pairs, order, seed=seed)
    by_maze = np.lexsort([pairs.step, pairs.maze])  # the last of each maze is led farthest, along the cells of all
    last = np.flatnonzero(np.diff(pairs.maze[by_maze], append=-1))
    farthest = by_maze[last]
    of_maze = np.searchsorted(pairs.maze[farthest], pairs.maze)
    ways: list[Ways] = []
    for mazes, led, orders, rows in (
        (pairs.base, pairs.led, order, farthest),
        (pairs.edited, pairs.led_after, changed, np.arange(len(pairs))),
    ):
        for some in np.split(rows, range(CHUNK, len(rows), CHUNK)):
            ways.append(walker.choose(mazes[some], led[some], orders[some]))
            if progress is not None:
                progress(sum(map(len, ways)), len(farthest) + len(pairs))
    answers = np.concatenate(ways)
    before = answers[of_maze, pairs.step]
    after = answers[len(farthest) + np.arange(len(pairs)), pairs.step][:, pairs.ways]
    return Reactions(over_options(before, pairs.options), over_options(after, pairs.options))


def edge_order(pairs: Pairs, tokenizer: Tokenizer, *, seed: int) -> Int[np.ndarray, "pair edge"]:
    """The order of the base mazes' edges, that of each drawn from (seed, pairs.maze)."""
    passages = np.zeros((pairs.maze.max(initial=-1) + 1, *pairs.base.passages.shape[1:]), bool)
    passages[pairs.maze] = pairs.base.passages
    return tokenizer.draw_edge_order(passages, seed=seed)[pairs.maze]


def flip_mass(pairs: Pairs, reactions: Reactions) -> Float[np.ndarray, " pair"]:
    """The probability that moves from the way that was right to its rival: 1 for a search, 0 for who notices nothing.

    Half of how much the lead of one over the other changes, so negative if the walker moves the wrong way.
    """
    row = np.arange(len(pairs))
    lead = [ways[row, pairs.right] - ways[row, pairs.rival] for ways in (reactions.before, reactions.after)]
    return (lead[0] - lead[1]) / 2


def flipped(pairs: Pairs, reactions: Reactions) -> Bool[np.ndarray, " pair"]:
    """Whether the likeliest way is the right one before the edit and its rival after it."""
    return (likeliest(reactions.before) == pairs.right) & (likeliest(reactions.after) == pairs.rival)


def right_in_both(pairs: Pairs, reactions: Reactions) -> Bool[np.ndarray, " pair"]:
    """Whether the likeliest way is the right one in both mazes."""
    now = np.argsort(pairs.ways)[pairs.right_after]
    return (likeliest(reactions.before) == pairs.right) & (likeliest(reactions.after) == now)


def likeliest(ways: Float[np.ndarray, "pair 4"]) -> Int[np.ndarray, " pair"]:
    """The likeliest way, -1 where several are."""
    best = ways.max(axis=1, initial=0.0)
    return np.where((ways >= best[:, None] - ALIKE).sum(axis=1) == 1, ways.argmax(axis=1), NO_WAY)


MEASURES = {"flip_mass": flip_mass, "flipped": flipped, "right_in_both": right_in_both}


def flip_rows(
    pairs: Pairs, reactions: Reactions, *, seed: int, by: Sequence[str] = (), **what: Any
) -> list[tables.Row]:
    """The mean of each of MEASURES over pairs, in all combinations of the strata `by` that occur.

    Intervals are over mazes, which n counts; the condition `pairs` counts pairs. A share that is 0 or 1 of all gets
    Wilson's interval, as if each maze were one pair. Raises ValueError for an unknown stratum.
    """
    values = {measure: found(pairs, reactions) for measure, found in MEASURES.items()}
    return _by_strata(values, pairs, by, seed=seed, **what)


def asked(
    walker: Walker, pairs: Pairs, tokenizer: Tokenizer, *, seed: int, progress: Progress | None = None
) -> dict[str, tuple[Pairs, Reactions, Int[np.ndarray, " control"]]]:
    """The reactions to pairs, "edit", and to each of CONTROLS: (pairs, reactions, the index of the pair of each)."""
    some = {"edit": (pairs, np.arange(len(pairs)))}
    some |= {name: controls(pairs, seed=seed, **how) for name, how in CONTROLS.items()}
    found = {}
    for part, (name, (those, of)) in enumerate(some.items()):
        share = partition(progress, part, len(some))
        found[name] = those, react(walker, those, tokenizer, seed=seed, progress=share), of
    return found


def flip_rate(
    walker: Walker,
    pairs: Pairs,
    tokenizer: Tokenizer,
    *,
    seed: int,
    by: Sequence[Sequence[str]] = BY,
    progress: Progress | None = None,
    **what: Any,
) -> list[tables.Row]:
    """`flip_rows` of pairs and of their `mazes.controls`, by each of several combinations of strata: `rates`."""
    found = asked(walker, pairs, tokenizer, seed=seed, progress=progress)
    return rates(found, seed=seed, by=by, walker=walker.name, **what)


def rates(
    found: Mapping[str, tuple[Pairs, Reactions, Int[np.ndarray, " control"]]],
    *,
    seed: int,
    by: Sequence[Sequence[str]] = BY,
    **what: Any,
) -> list[tables.Row]:
    """The rows of what was `asked`, the condition `pair` being "edit" or one of CONTROLS.

    Or, for the flip mass of pairs less that of their controls, pair by pair, "edit - " and that control.
    """
    rows: list[tables.Row] = []
    for name, (some, reactions, _) in found.items():
        for strata in by:
            rows += flip_rows(some, reactions, seed=seed, by=strata, pair=name, **what)
    pairs, edit, _ = found["edit"]
    mass = flip_mass(pairs, edit)
    for name in CONTROLS:
        beside, reactions, of = found[name]
        gap = {"flip_mass": mass[of] - flip_mass(beside, reactions)}
        for strata in by:
            rows += _by_strata(gap, pairs[of], strata, seed=seed, pair=f"edit - {name}", **what)
    return rows


def _by_strata(
    measured: Mapping[str, np.ndarray], pairs: Pairs, by: Sequence[str], *, seed: int, **what: Any
) -> list[tables.Row]:
    for name in by:
        if name not in STRATA:
            raise recipes.unknown("stratum of pairs", name, STRATA)
    if len(pairs) == 0:
        return []
    values = {name: STRATA[name](pairs) for name in by}
    coded = np.array([np.zeros(len(pairs), int), *(np.unique(one, return_inverse=True)[1] for one in values.values())])
    _, example, stratum = np.unique(coded, axis=1, return_index=True, return_inverse=True)
    rows = []
    for index, first in enumerate(example):
        inside = stratum.reshape(-1) == index
        where = {name: one[first].item() for name, one in values.items()}
        rows += [
            _row(measure, one[inside], pairs.maze[inside], seed=seed, **what, **where)
            for measure, one in measured.items()
        ]
    return rows


def _row(measure: str, values: np.ndarray, maze: Int[np.ndarray, " pair"], *, seed: int, **what: Any) -> tables.Row:
    what = {**what, "pairs": len(values)}
    if values.dtype == bool and values.all() == values.any():
        return tables.proportion(measure, np.full(len(np.unique(maze)), values.all()), **what)
    row = mean_over_mazes(measure, values.astype(np.float64), maze, seed=seed)
    return tables.Row(measure, row.value, row.low, row.high, row.n, what)


def partition(progress: Progress | None, part: int, parts: int) -> Progress | None:
    """One of several parts of a progress that are alike."""
    if progress is None:
        return None
    return lambda done, total: progress(part * total + done, parts * total)
