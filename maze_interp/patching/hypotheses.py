"""What activations may be said to carry, and hypotheses made of that, one function each.

FEATURES are what positions can agree in, as numbers: two prompts agree at a position if their numbers do. PLACES say
which positions a claim speaks of. A hypothesis takes the number of layers of a model and returns its claims; those
about how far a model has seen by some layer are made by `reach`.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Int

from maze_interp.mazes import NO_CELL
from maze_interp.models import Site
from maze_interp.patching.scrubbing import Asked, Claim, Feature
from maze_interp.tokens import EDGE, GOAL
from maze_interp.tokens.vocabulary import ADJLIST_END, ADJLIST_START, SEMICOLON

Keys = Int[np.ndarray, "prompt position"]
Mask = Bool[np.ndarray, "prompt position"]
BASE = 1 << 12  # above any token and any cell


def nothing(some: Asked) -> Keys:
    """All agree."""
    return np.zeros(some.tokens.ids.shape, np.int64)


def token(some: Asked) -> Keys:
    """The token at the position itself."""
    return some.tokens.ids.astype(np.int64)


def edge(some: Asked) -> Keys:
    """The two cells, in the order written, of the edge that the position belongs to: `a <--> b ;`."""
    position = np.arange(some.tokens.ids.shape[1])
    first = np.clip(1 + 4 * ((position - 1) // 4), 0, len(position) - 3)
    return some.tokens.ids[:, first].astype(np.int64) * BASE + some.tokens.ids[:, first + 2]


def goal(some: Asked) -> Keys:
    """The goal."""
    ends = some.onward.cells[np.arange(len(some)), some.onward.length - 1]
    return _everywhere(some, ends)


def next_step(some: Asked) -> Keys:
    """The current cell and the right step."""
    return _everywhere(some, some.onward.cells[:, 0] * BASE + some.right)


def last_cells(reach: int) -> Feature:
    """The current cell, and the cells of the way that lie within `reach` steps of the goal."""

    def feature(some: Asked) -> Keys:
        key, rows = some.onward.cells[:, 0].astype(np.int64), np.arange(len(some))
        for back in range(reach + 1):
            at = some.onward.length - 1 - back
            key = key * (BASE + 1) + np.where(at > 0, some.onward.cells[rows, np.maximum(at, 0)] + 1, 0)
        return _everywhere(some, key)

    return feature


def everywhere(some: Asked) -> Mask:
    """Every position up to the fork."""
    return np.arange(some.tokens.ids.shape[1]) <= some.decision[:, None]


def here(some: Asked) -> Mask:
    """The token of the fork, at which the next step is chosen."""
    return np.arange(some.tokens.ids.shape[1]) == some.decision[:, None]


def semicolons(some: Asked) -> Mask:
    """The `;` behind every edge."""
    return (some.tokens.part == EDGE) & (some.tokens.ids == SEMICOLON)


def other_edge_tokens(some: Asked) -> Mask:
    """The cells and arrows of every edge."""
    listed = (some.tokens.part == EDGE) & ~np.isin(some.tokens.ids, (ADJLIST_START, ADJLIST_END))
    return listed & ~semicolons(some)


def goal_token(some: Asked) -> Mask:
    """The token that names the goal."""
    return (some.tokens.part == GOAL) & (some.tokens.cell != NO_CELL)


def behind_the_goal(some: Asked) -> Mask:
    """What follows the token that names the goal, up to the fork."""
    return everywhere(some) & (np.cumsum(goal_token(some), axis=1) > 0) & ~goal_token(some)


Hypothesis = Callable[[int], tuple[Claim, ...]]


def tokens_are_all(layers: int) -> tuple[Claim, ...]:
    """Before the first layer every position carries its token."""
    return (Claim(Site("resid_pre", 0), everywhere, token),)


def nothing_matters(layers: int) -> tuple[Claim, ...]:
    """After the last layer nothing at the fork matters."""
    return (Claim(Site("resid_post", layers - 1), here, nothing),)


def next_step_is_all(layers: int) -> tuple[Claim, ...]:
    """After the last layer the fork's token carries the current cell and the right step."""
    return (Claim(Site("resid_post", layers - 1), here, next_step),)


def edges_are_joined(layers: int) -> tuple[Claim, ...]:
    """After the first layer each `;` carries its own edge."""
    return (Claim(Site("resid_post", 0), semicolons, edge),)


def edges_are_read_where_joined(layers: int) -> tuple[Claim, ...]:
    """After the first layer each `;` carries its own edge, and other tokens of edges nothing."""
    return (*edges_are_joined(layers), Claim(Site("resid_post", 0), other_edge_tokens, nothing))


def edges_are_not_joined(layers: int) -> tuple[Claim, ...]:
    """After the first layer each token of an edge still carries that token alone."""
    site = Site("resid_post", 0)
    return Claim(site, semicolons, token), Claim(site, other_edge_tokens, token)


def goal_stays(layers: int) -> tuple[Claim, ...]:
    """After the first layer the goal's token carries the goal, and what follows it carries its own token alone."""
    return Claim(Site("resid_post", 0), goal_token, goal), Claim(Site("resid_post", 0), behind_the_goal, token)


HYPOTHESES: dict[str, Hypothesis] = {
    "tokens are all, before layer 0": tokens_are_all,
    "nothing matters, after the last layer": nothing_matters,
    "the next step is all, after the last layer": next_step_is_all,
    "`;` carries its edge, after layer 0": edges_are_joined,
    "`;` carries its edge and the rest of edges nothing, after layer 0": edges_are_read_where_joined,
    "edges are not joined, after layer 0": edges_are_not_joined,
    "the goal stays at its token, after layer 0": goal_stays,
}


def reach(layer: int, steps: int) -> tuple[Claim, ...]:
    """Before a layer the fork's token carries the current cell and the way within so many steps of the goal."""
    return (Claim(Site("resid_pre", layer), here, last_cells(steps)),)


def _everywhere(some: Asked, key: Int[np.ndarray, " prompt"]) -> Keys:
    return np.repeat(key.astype(np.int64)[:, None], some.tokens.ids.shape[1], axis=1)
