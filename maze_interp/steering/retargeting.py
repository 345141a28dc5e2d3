"""The goal moved inside the network: vectors that say goal, goals transplanted from other mazes, heads that write them.

A goal vector is what a goal adds to the stream, on average over mazes, where the prompts differ in the goal only: each
maze is read with every goal, so the maze cancels. Published of a policy that walks to cheese (arXiv 2310.08043): taking
the goal's vector away makes it ignore the goal, adding one does next to nothing. A prompt speaks of its goal at GOALS:
at the goal's own token, and at the words behind it to the prompt's end.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int

from maze_interp import mazes, recipes, seeds
from maze_interp.mazes import NO_CELL, MazeBatch
from maze_interp.models import HookedTransformer, Site, access, fused
from maze_interp.steering.directions import class_means
from maze_interp.steering.walking import Change, pushed, replaced
from maze_interp.tokens import GOAL, TokenBatch, Tokenizer

GOALS = ("goal", "behind", "both")
Vectors = Float[np.ndarray, "word cell d_model"]


@dataclass(frozen=True)
class GoalWish:
    """Mazes with their goals and with the goals wished for; `distance` are steps from the old path to the new goal."""

    told: MazeBatch
    wished: MazeBatch
    prompts: TokenBatch
    rewritten: TokenBatch
    distance: Int[np.ndarray, " maze"]

    def __len__(self) -> int:
        return len(self.distance)


def goal_wishes(batch: MazeBatch, tokenizer: Tokenizer, *, seed: int) -> GoalWish:
    """Another goal for each maze: its distance from the old path drawn evenly from those that occur, then the cell.

    Raises ValueError for a language that does not name the goal with one token.
    """
    if tokenizer.choices.spelled or not tokenizer.choices.target or tokenizer.choices.path != "cells":
        raise ValueError(f"retargeting needs a goal and paths with one token a cell, not scheme {tokenizer.scheme!r}")
    paths = mazes.solve(batch, seed=seed)
    cells = np.arange(batch.rows * batch.cols)
    away = np.stack([mazes.distances(batch.passages, np.full(len(batch), cell)) for cell in cells], axis=1)
    on_path = (paths.cells[:, :, None] == cells).any(axis=1)
    distance = np.where(on_path[:, None] & (away >= 0), away, cells.size).min(axis=2)
    free = (cells != batch.start[:, None]) & (cells != batch.goal[:, None]) & (distance < cells.size)
    draws = seeds.uniforms(seeds.derive(seed, "new goal"), len(batch), 2 * cells.size).reshape(len(batch), 2, -1)
    occurs = np.stack([(free & (distance == steps)).any(axis=1) for steps in cells], axis=1)
    drawn = np.where(occurs, draws[:, 0], -1.0).argmax(axis=1)
    goal = np.where(free & (distance == drawn[:, None]), draws[:, 1], -1.0).argmax(axis=1)
    wished = replace(batch, goal=goal.astype(batch.goal.dtype))
    order = tokenizer.draw_edge_order(batch.passages, seed=seed)
    told, rewritten = (tokenizer.encode_prompts(one, edge_order=order) for one in (batch, wished))
    return GoalWish(batch, wished, told, rewritten, drawn)


def goal_words(tokens: TokenBatch) -> Int[np.ndarray, "maze word"]:
    """The positions from the goal's token to the end of each prompt."""
    first = ((tokens.part == GOAL) & (tokens.cell != NO_CELL)).argmax(axis=1)
    return first[:, None] + np.arange(int((tokens.length - first).min()))


def goal_vectors(model: HookedTransformer, batch: MazeBatch, *, seed: int) -> list[Vectors]:
    """What each goal adds at each word from the goal's token on: before the first layer and after each of them."""
    every, prompts, at = _with_every_goal(model, batch, seed)
    found: list[list[np.ndarray]] = [[] for _ in range(model.cfg.n_layers + 1)]
    with torch.inference_mode():
        w = fused.weights(model)
        for rows in np.split(np.arange(len(every)), range(256, len(every), 256)):
            ids = torch.from_numpy(prompts.ids[rows]).long().to(w.embed.device)
            for depth, x in enumerate(fused.residuals(w, ids, model.cfg.n_layers)):
                found[depth].append(x.cpu().numpy()[np.arange(len(rows))[:, None], at[rows]])
    return [_vectors(np.concatenate(parts), every, batch) for parts in found]


def head_vectors(model: HookedTransformer, batch: MazeBatch, layer: int, *, seed: int) -> list[Vectors]:
    """What each head of a layer writes of each goal at each word from the goal's token on."""
    every, prompts, at = _with_every_goal(model, batch, seed)
    parts = []
    with torch.inference_mode():
        for rows in np.split(np.arange(len(every)), range(256, len(every), 256)):
            ids = torch.from_numpy(prompts.ids[rows]).long().to(model.embed.W_E.device)
            mixed = access.run(model, ids, read=[Site("z", layer)]).values[Site("z", layer)]
            mixed = mixed[torch.arange(len(rows))[:, None], torch.from_numpy(at[rows])]
            parts.append(torch.einsum("rwhe,hed->hrwd", mixed, model.blocks[layer].attn.W_O).cpu().numpy())
    return [_vectors(each, every, batch) for each in np.concatenate(parts, axis=1)]


def toward(
    wish: GoalWish, vectors: Vectors, site: Site, place: str, *, add: float = 1.0, subtract: float = 1.0
) -> list[Change]:
    """The changes that add the vectors of new goals, and take away those of old ones, as many times as told."""
    ways = add * vectors[:, wish.wished.goal] - subtract * vectors[:, wish.told.goal]
    return [
        Change(site, mask, pushed(way))
        for mask, way in zip(_masks(wish.prompts, place), _of(place, list(ways)), strict=True)
    ]


def transplanted(
    model: HookedTransformer, wish: GoalWish, depths: Sequence[int], *, seed: int, own: bool = False
) -> list[Change]:
    """The changes that put in place of the goal's token what other mazes' prompts hold of the new goal, at depths.

    A depth is 0 before the first layer, n after n layers. With `own` the prompts are the mazes' own with the new goal.
    """
    prompts = wish.rewritten
    if not own:
        other = np.roll(np.arange(len(wish)), 1)
        donors = replace(wish.told[other], goal=wish.wished.goal)
        prompts = model.maze_tokenizer.encode_prompts(donors, seed=seed)
    at = goal_words(prompts)[:, 0]
    with torch.inference_mode():
        w = fused.weights(model)
        ids = torch.from_numpy(prompts.ids).long().to(w.embed.device)
        held = [x.cpu().numpy()[np.arange(len(at)), at] for x in fused.residuals(w, ids, max(depths))]
    (mask,) = _masks(wish.prompts, "goal")
    return [Change(site_of(depth), mask, replaced(held[depth])) for depth in depths]


def site_of(depth: int) -> Site:
    """The residual stream after so many layers."""
    return Site("resid_post", depth - 1) if depth else Site("resid_pre", 0)


def _with_every_goal(
    model: HookedTransformer, batch: MazeBatch, seed: int
) -> tuple[MazeBatch, TokenBatch, Int[np.ndarray, "prompt word"]]:
    """Each maze with every goal but its start, as prompts that differ in the goal only, and where they speak of it."""
    cells = np.arange(batch.rows * batch.cols)
    maze, goal = np.nonzero(cells != batch.start[:, None])
    every = replace(batch[maze], goal=goal.astype(batch.goal.dtype))
    order = model.maze_tokenizer.draw_edge_order(batch.passages, seed=seed)[maze]
    prompts = model.maze_tokenizer.encode_prompts(every, edge_order=order)
    return every, prompts, goal_words(prompts)


def _vectors(x: Float[np.ndarray, "prompt word d_model"], every: MazeBatch, batch: MazeBatch) -> Vectors:
    """Each goal's mean after each maze's own mean over goals is taken away."""
    goals = batch.rows * batch.cols
    apart = x.reshape(len(batch), goals - 1, *x.shape[1:])
    apart = (apart - apart.mean(axis=1, keepdims=True)).reshape(x.shape)
    means = [class_means(apart[:, word], every.goal, goals) for word in range(x.shape[1])]
    return np.nan_to_num(np.stack(means))


def _masks(tokens: TokenBatch, place: str) -> Sequence[np.ndarray]:
    position = np.arange(tokens.ids.shape[1])
    return _of(place, [position == word[:, None] for word in goal_words(tokens).T])


def _of(place: str, parts: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
    if place not in GOALS:
        raise recipes.unknown("place to move the goal at", place, GOALS)
    return {"goal": parts[:1], "behind": parts[1:], "both": parts}[place]
