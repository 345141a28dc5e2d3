"""Shifts of the language: the same mazes, told in another order or in another way with the words the model knows."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Int

from maze_interp import seeds
from maze_interp.behaviour.shifts.declaration import AS_TRAINED, Home, ShiftedSet, checked, resettled, unshifted
from maze_interp.behaviour.shifts.passages import path_steps
from maze_interp.behaviour.shifts.worlds import Make
from maze_interp.recipes import Refusal
from maze_interp.tokens import edges, unusual

Order = Int[np.ndarray, "maze edge"]
LAST = 1 << 20  # where what has no place goes


def ordered(reorder: Callable[..., Order], *, usual: str = "") -> Make:
    """The edges in another order, or with their ends in another; `reorder(own, home, plain, seed)` has edge codes.

    It changes nothing where the scheme's own order is the `usual` one.
    """

    def make(home: Home, count: int, *, seed: int) -> ShiftedSet:
        plain = unshifted(home, count, seed=seed)
        own = home.tokenizer.draw_edge_order(plain.mazes.passages, seed=seed)
        order = reorder(own, home, plain, seeds.derive(seed, "reordered"))
        prompts = home.tokenizer.encode_prompts(plain.mazes, edge_order=order.astype(np.int32))
        same = (order == own).all() or home.tokenizer.choices.order == usual
        return replace(plain, prompts=prompts, note=AS_TRAINED if same else "")

    return make


def said(**changes: Any) -> Make:
    """The prompt as a scheme with these choices writes it."""

    def make(home: Home, count: int, *, seed: int) -> ShiftedSet:
        plain, own = unshifted(home, count, seed=seed), home.tokenizer.choices
        choices = resettled(lambda: replace(own, **changes))
        prompts = unusual.reworded(home.tokenizer, choices, plain.mazes, seed=seed)
        note = AS_TRAINED if choices == own else ""
        return checked(home, replace(plain, prompts=prompts, note=note), plain.mazes)

    return make


def shuffled(own: Order, home: Home, plain: ShiftedSet, seed: int) -> Order:
    """In random order, each edge as it was."""
    return _facing(_drawn(home, plain, seed, "random"), own, plain)


def row_by_row(own: Order, home: Home, plain: ShiftedSet, seed: int) -> Order:
    """Like a page, each edge as it was."""
    return _facing(_drawn(home, plain, seed, "row_by_row"), own, plain)


def along_path(own: Order, home: Home, plain: ShiftedSet, seed: int) -> Order:
    """The edges of the path first, in the order in which it takes them, then the others as they were."""
    step = _steps(own, home, plain)
    return _sorted(own, np.where(step >= 0, step, LAST))


def path_last(own: Order, home: Home, plain: ShiftedSet, seed: int) -> Order:
    """The edges of the path after all others, both as they were."""
    return _sorted(own, np.where(_steps(own, home, plain) >= 0, 1, 0))


def upper_first(own: Order, home: Home, plain: ShiftedSet, seed: int) -> Order:
    """Each edge names its upper or left cell first."""
    return np.where(own >= 0, own & ~1, edges.NO_EDGE)


def lower_first(own: Order, home: Home, plain: ShiftedSet, seed: int) -> Order:
    """Each edge names its lower or right cell first."""
    return own | 1


def either_first(own: Order, home: Home, plain: ShiftedSet, seed: int) -> Order:
    """Each edge names either cell first, at random."""
    return _facing(own, _drawn(home, plain, seed, "random"), plain)


def _drawn(home: Home, plain: ShiftedSet, seed: int, order: str) -> Order:
    return edges.draw(edges.listed(plain.mazes.passages, home.tokenizer.choices.edges), seed=seed, order=order)


def _facing(order: Order, like: Order, plain: ShiftedSet) -> Order:
    """The edges of `order`, each with its ends as they are in `like`."""
    size = 2 * plain.mazes.rows * plain.mazes.cols
    flipped = np.zeros((len(plain), size + 1), np.int64)  # the last place is that of no edge
    np.put_along_axis(flipped, like >> 1, like & 1, axis=1)
    turned = 2 * (order >> 1) + np.take_along_axis(flipped, order >> 1, axis=1)
    return np.where(order >= 0, turned, edges.NO_EDGE)


def _steps(own: Order, home: Home, plain: ShiftedSet) -> Order:
    """The step at which the path takes each edge of the list, or -1. Raises a Refusal if no passages are listed."""
    if home.tokenizer.choices.edges == "walls":
        raise Refusal(f"the scheme {home.tokenizer.scheme!r} lists walls, and no path goes through them")
    steps = np.take_along_axis(path_steps(plain.mazes, plain.solutions), np.maximum(own >> 1, 0), axis=1)
    return np.where(own >= 0, steps, -1)


def _sorted(own: Order, key: Order) -> Order:
    order = np.argsort(np.where(own >= 0, key, 2 * LAST), axis=1, kind="stable")
    return np.take_along_axis(own, order, axis=1)
