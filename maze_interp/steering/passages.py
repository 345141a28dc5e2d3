"""A passage added, removed or moved: the same wish in the prompt and in what the network made of the prompt.

Each pair of trees that differ in one passage gives three wishes. "move": from one tree to the other. "add": the tree
whose way to the goal is longer gets the other's passage as a shortcut. "remove": that shortcut is taken away again. So
adding and removing lead to and fro between the same two prompts, and what is harder is harder in the same mazes. A
maze with the shortcut has a cycle, as no tree that the network may have been trained on has.

A prompt speaks of a passage at PLACES: at the `;` that ends its edge, and at the words after the list of edges, each of
which may have read the whole list.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from maze_interp import mazes, recipes, seeds
from maze_interp.mazes import MazeBatch, Pairs
from maze_interp.models import HookedTransformer, Site, fused
from maze_interp.steering.walking import Change, Edit
from maze_interp.tokens import EDGE, TokenBatch, Tokenizer
from maze_interp.tokens.vocabulary import SEMICOLON

WISHES = ("move", "add", "remove")
PLACES = ("separator", "words", "both")
NO_EDGE = -1
Part = TypeVar("Part")


@dataclass(frozen=True)
class Wish:
    """Mazes as they are told, as they are wished, and the same wish told in the prompt; a row a maze.

    `removed` and `added` are edges, NO_EDGE where the wish is not about one; `separator` is the position of the `;`
    that ends the edge to be removed, or, where one is only added, of one drawn at random.
    """

    told: MazeBatch
    wished: MazeBatch
    prompts: TokenBatch
    rewritten: TokenBatch
    removed: Int[np.ndarray, " maze"]
    added: Int[np.ndarray, " maze"]
    separator: Int[np.ndarray, " maze"]

    def __len__(self) -> int:
        return len(self.separator)


@dataclass(frozen=True)
class Spoken:
    """What the residual stream held at one place of training prompts, and which edges each sample speaks of.

    At a `;` that is the one edge it ends, at a word every passage of the maze.
    """

    values: Float[np.ndarray, "sample d_model"]
    has: Bool[np.ndarray, "sample edge"]


def wishes(pairs: Pairs, tokenizer: Tokenizer, *, seed: int) -> dict[str, Wish]:
    """The three wishes of pairs whose two ways differ in length, one pair a maze, drawn from `seed`.

    Raises ValueError for a language that does not list passages with one token a cell, and if no pair is left.
    """
    _check(tokenizer)
    drawn = pairs[seeds.generator(seed, "pairs").permutation(len(pairs))]
    before, after = (mazes.solve(one).length for one in (drawn.base, drawn.edited))
    drawn = drawn[before != after]
    if not len(drawn):
        raise ValueError("no pair of mazes was found whose two ways to the goal differ in length")
    drawn = drawn[np.unique(drawn.maze, return_index=True)[1]]
    order = tokenizer.draw_edge_order(drawn.base.passages, seed=seed)
    changed = mazes.edited_order(drawn, order, seed=seed)
    before, after = (mazes.solve(one).length for one in (drawn.base, drawn.edited))
    longer = (after > before)[:, None]
    shortcut = np.where(longer[:, 0], drawn.removed, drawn.added)
    long_order, short_order = np.where(longer, changed, order), np.where(longer, order, changed)
    tree = replace(drawn.base, passages=np.where(longer[..., None, None], drawn.edited.passages, drawn.base.passages))
    cyclic = replace(drawn.base, passages=drawn.base.passages | drawn.edited.passages)
    slot = _drawn_slots(long_order, seed)
    cyclic_order = _inserted(long_order, short_order[short_order >> 1 == shortcut[:, None]], slot)
    none = np.full(len(drawn), NO_EDGE)
    told = {
        "move": (drawn.base, drawn.edited, order, changed, drawn.removed, drawn.added),
        "add": (tree, cyclic, long_order, cyclic_order, none, shortcut),
        "remove": (cyclic, tree, cyclic_order, long_order, shortcut, none),
    }
    return {kind: _wish(tokenizer, slot, *parts) for kind, parts in told.items()}


def _wish(
    tokenizer: Tokenizer,
    slot: np.ndarray,
    told: MazeBatch,
    wished: MazeBatch,
    order: np.ndarray,
    changed: np.ndarray,
    removed: np.ndarray,
    added: np.ndarray,
) -> Wish:
    prompts = tokenizer.encode_prompts(told, edge_order=order)
    rewritten = tokenizer.encode_prompts(wished, edge_order=changed)
    own = np.where(removed == NO_EDGE, slot, (order >> 1 == removed[:, None]).argmax(axis=1))
    ends = separators(prompts)
    return Wish(told, wished, prompts, rewritten, removed, added, _nth(ends, own))


def spoken(
    model: HookedTransformer, batch: MazeBatch, depths: int, *, seed: int, at_once: int = 64
) -> list[list[Spoken]]:
    """What training prompts hold before the first layer and after each of so many: at the `;`, then at each word."""
    _check(model.maze_tokenizer)
    order = model.maze_tokenizer.draw_edge_order(batch.passages, seed=seed)
    tokens = model.maze_tokenizer.encode_prompts(batch, edge_order=order)
    maze, position = np.nonzero(separators(tokens))
    edge = order[order >= 0] >> 1
    places = words(tokens)
    kept: list[list[list[np.ndarray]]] = [[[] for _ in range(places.shape[1] + 1)] for _ in range(depths + 1)]
    with torch.inference_mode():
        w = fused.weights(model)
        for begin in range(0, len(batch), at_once):
            rows = slice(begin, begin + at_once)
            ids = torch.from_numpy(tokens.ids[rows]).long().to(w.embed.device)
            mine, local = (maze >= begin) & (maze < begin + at_once), np.arange(len(ids))
            for depth, x in enumerate(fused.residuals(w, ids, depths)):
                values = x.cpu().numpy()
                kept[depth][0].append(values[maze[mine] - begin, position[mine]])
                for word, at in enumerate(places[rows].T, start=1):
                    kept[depth][word].append(values[local, at])
    one_hot = edge[:, None] == np.arange(batch.passages[0].size)
    listed = batch.passages.reshape(len(batch), -1)
    has = [one_hot] + [listed] * places.shape[1]
    return [[Spoken(np.concatenate(parts), of) for parts, of in zip(own, has, strict=True)] for own in kept]


def at(place: str, parts: Sequence[Part]) -> Sequence[Part]:
    """Those of some parts, one for the `;` and then one for each word after the list, that belong to a place."""
    if place not in PLACES:
        raise recipes.unknown("place to steer at", place, PLACES)
    return {"separator": parts[:1], "words": parts[1:], "both": parts}[place]


def changes(wish: Wish, site: Site, place: str, edits: Sequence[Edit]) -> list[Change]:
    """The changes that make a wish at a place: an edit for each of the place's parts, in their order."""
    position, behind = np.arange(wish.prompts.ids.shape[1]), words(wish.prompts)
    where = [position == wish.separator[:, None], *(position == word[:, None] for word in behind.T)]
    return [Change(site, mask, edit) for mask, edit in zip(at(place, where), edits, strict=True)]


def places(tokens: TokenBatch, place: str) -> Bool[np.ndarray, "maze position"]:
    """Where a place is in sequences: at every `;`, at the words behind the last one to the prompt's end, or both."""
    ends = separators(tokens)
    behind = np.cumsum(ends[:, ::-1], axis=1)[:, ::-1] == 0
    over = np.cumsum(tokens.graded, axis=1) - tokens.graded > 0  # the prompt's last token is the first that is graded
    return np.logical_or.reduce(at(place, [ends, behind & ~over]))


def separators(tokens: TokenBatch) -> Bool[np.ndarray, "maze position"]:
    """Every `;` of the list of edges."""
    return (tokens.ids == SEMICOLON) & (tokens.part == EDGE)


def words(tokens: TokenBatch) -> Int[np.ndarray, "maze word"]:
    """The positions of the words after the list of edges, to the end of the prompt."""
    last = tokens.ids.shape[1] - 1 - separators(tokens)[:, ::-1].argmax(axis=1)
    count = tokens.length - 1 - last
    return tokens.length[:, None] - np.arange(int(count.min()), 0, -1)


def _drawn_slots(order: np.ndarray, seed: int) -> Int[np.ndarray, " maze"]:
    count = (order >= 0).sum(axis=1)
    return (seeds.uniforms(seeds.derive(seed, "slot"), len(order), 1)[:, 0] * count).astype(int)


def _inserted(order: np.ndarray, code: np.ndarray, slot: np.ndarray) -> Int[np.ndarray, "maze edge"]:
    """Each list with a code more, behind that of its slot."""
    place = np.arange(order.shape[1] + 1)
    wide = np.concatenate([order, np.full((len(order), 1), -1, order.dtype)], axis=1)
    moved = np.take_along_axis(wide, np.where(place > slot[:, None] + 1, place - 1, place), axis=1)
    return np.where(place == slot[:, None] + 1, code[:, None], moved).astype(np.int32)


def _nth(mask: Bool[np.ndarray, "maze position"], nth: Int[np.ndarray, " maze"]) -> Int[np.ndarray, " maze"]:
    return (mask & (np.cumsum(mask, axis=1) == nth[:, None] + 1)).argmax(axis=1)


def _check(tokenizer: Tokenizer) -> None:
    choices = tokenizer.choices
    if choices.spelled or choices.path != "cells" or choices.edges != "passages":
        raise ValueError(
            f"steering needs a list of passages and paths with one token a cell, not scheme {tokenizer.scheme!r}"
        )
