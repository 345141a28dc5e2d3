"""Causal scrubbing: does the choice survive when activations may carry only what a hypothesis says they carry?

A claim says of some positions at a site which feature of the maze they carry and that nothing else about them matters.
So each is replaced by what a random other maze put at the same position, one that agrees in the feature and in nothing
else but by chance. Every position has a donor of its own; a prompt for which some position finds none is left out and
counted. If the claims hold, the loss at the fork stays: the share of it that is recovered is (random - scrubbed) /
(random - model) (Chan et al. 2022; Brinkmann et al. 2024), 1 where nothing that matters was thrown away. Random is
here the prediction of another maze's fork. Donors are read from plain runs, which were not scrubbed themselves.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int, UInt64
from torch import Tensor

from maze_interp import mazes, seeds
from maze_interp.mazes import Decisions, MazeBatch, PathBatch
from maze_interp.models import HookedTransformer, Site, fused, reruns
from maze_interp.patching.changes import value_at
from maze_interp.patching.graph import mlp
from maze_interp.patching.stacked import Progress, numpy
from maze_interp.tokens import TokenBatch, Tokenizer

SITES = ("resid_pre", "resid_post", "attn_out", "mlp_out")
NO_DONOR, NOT_ASKED = -2, -1
TRIES = 8  # donors drawn until one is of another maze


@dataclass(frozen=True)
class Asked:
    """Prompts that end with the token of a fork, at the position `decision`, a row each.

    `right` is the token of the right step, `options` counts the ways on, `onward` leads from the fork to the goal,
    `maze` is the index of the maze and `hash` names its passages.
    """

    tokens: TokenBatch
    decision: Int[np.ndarray, " prompt"]
    right: Int[np.ndarray, " prompt"]
    options: Int[np.ndarray, " prompt"]
    onward: PathBatch
    maze: Int[np.ndarray, " prompt"]
    hash: UInt64[np.ndarray, " prompt"]

    def __len__(self) -> int:
        return len(self.decision)

    def __getitem__(self, which: slice | np.ndarray) -> "Asked":
        """The prompts chosen by a slice, a boolean mask or an array of indices."""
        return Asked(*(getattr(self, one.name)[which] for one in fields(self)))


Feature = Callable[[Asked], Int[np.ndarray, "prompt position"]]
Where = Callable[[Asked], Bool[np.ndarray, "prompt position"]]
Put = tuple[Site, np.ndarray, Tensor]


@dataclass(frozen=True)
class Claim:
    """At a site, the positions `where` carry the feature `keeps` and nothing else that matters."""

    site: Site
    where: Where
    keeps: Feature

    def __post_init__(self) -> None:
        if self.site.kind not in SITES:
            raise ValueError(f"claims are about {', '.join(SITES)}, not {self.site.kind}")


@dataclass(frozen=True)
class Scrubbed:
    """What is left under a hypothesis: `loss` of the right step in nats, and whether it is the most likely token.

    Both mean nothing for prompts that are not `known`: those found no donor somewhere.
    """

    loss: Float[np.ndarray, " prompt"]
    right: Bool[np.ndarray, " prompt"]
    known: Bool[np.ndarray, " prompt"]


def asked(batch: MazeBatch, forks: Decisions, tokenizer: Tokenizer, *, seed: int) -> Asked:
    """A prompt for each fork, edges in an order drawn from (seed, maze). Raises ValueError for mazes with cycles."""
    choices = tokenizer.choices
    if choices.spelled or choices.path != "cells" or choices.edges != "passages":
        raise ValueError(f"scrubbing needs passages and paths with one token a cell, not scheme {tokenizer.scheme!r}")
    pairs = mazes.unedited(batch, forks)
    order = tokenizer.draw_edge_order(batch.passages, seed=seed)[pairs.maze]
    tokens = tokenizer.encode(pairs.base, pairs.led, edge_order=order)
    onward = mazes.solve(MazeBatch(pairs.base.passages, pairs.here.astype(np.int32), pairs.base.goal))
    cells = tokenizer.vocabulary.cell_ids[: batch.rows, : batch.cols].reshape(-1)
    options, hashes = forks.options.sum(axis=1), mazes.passage_hash(pairs.base.passages)
    return Asked(tokens, tokens.length - 1, cells[onward.cells[:, 1]], options, onward, pairs.maze, hashes)


def scrub(
    model: HookedTransformer,
    own: Asked,
    pool: Asked,
    hypotheses: Mapping[str, Sequence[Claim]],
    *,
    seed: int,
    batch: int = 32,
    progress: Progress | None = None,
) -> dict[str, Scrubbed]:
    """Scrub every prompt under each hypothesis, with donors from `pool`. `progress` counts donors and prompts run.

    Raises ValueError for a site that the model lacks.
    """
    claims = [(name, claim) for name, several in hypotheses.items() for claim in several]
    for _, claim in claims:
        claim.site.check(model.cfg.n_layers, model.cfg.n_heads)
    drawn = [
        donors(own, pool, claim, seed=seeds.derive(seed, name, index)) for index, (name, claim) in enumerate(claims)
    ]
    needed = np.unique(np.concatenate([one[one >= 0] for one in drawn])) if drawn else np.zeros(0, int)
    total, done = len(needed) + len(own) * len(hypotheses), 0
    with torch.inference_mode():
        w = fused.weights(model)
        values = [w.embed.new_zeros(*one.shape, w.embed.shape[1]) for one in drawn]
        for start in range(0, len(needed), batch):
            some = needed[start : start + batch]
            kept = reruns.record(w, *_ids(w, pool[some]))
            for (_, claim), one, into in zip(claims, drawn, values, strict=True):
                rows, at = np.nonzero(np.isin(one, some))
                into[rows, at] = value_at(kept, claim.site)[np.searchsorted(some, one[rows, at]), at]
            done += len(some)
            if progress is not None:
                progress(done, total)
        found = {}
        for name in hypotheses:
            mine = [i for i, (of, _) in enumerate(claims) if of == name]
            found[name] = _measured(w, own, [(claims[i][1].site, drawn[i], values[i]) for i in mine], batch)
            done += len(own)
            if progress is not None:
                progress(done, total)
    return found


def donors(own: Asked, pool: Asked, claim: Claim, *, seed: int) -> Int[np.ndarray, "prompt position"]:
    """The row of `pool` that each position is replaced from; NOT_ASKED where it stays, NO_DONOR where there is none.

    A donor's position is one that the claim speaks of too, its feature there is the same, and its maze is another.
    """
    here, keys = claim.where(own), claim.keeps(own)
    there, pool_keys = claim.where(pool), claim.keeps(pool)
    out = np.where(here, NO_DONOR, NOT_ASKED)
    rng = seeds.generator(seed, "donors")
    for at in np.flatnonzero(here[:, : there.shape[1]].any(axis=0)):
        mine, able = np.flatnonzero(here[:, at]), np.flatnonzero(there[:, at])
        able = able[np.argsort(pool_keys[able, at], kind="stable")]
        low, high = (np.searchsorted(pool_keys[able, at], keys[mine, at], side=side) for side in ("left", "right"))
        for _ in range(TRIES):
            open_ = (out[mine, at] == NO_DONOR) & (high > low)
            if not open_.any():
                break
            pick = able[rng.integers(low[open_], high[open_])]
            other = pool.hash[pick] != own.hash[mine[open_]]
            out[mine[open_][other], at] = pick[other]
    return out


def _ids(w: fused.Weights, some: Asked) -> tuple[Tensor, Tensor]:
    device = w.embed.device
    ids = torch.from_numpy(some.tokens.ids[:, : int(some.decision.max()) + 1]).long().to(device)
    return ids, torch.from_numpy(some.decision).long().to(device)


def _measured(w: fused.Weights, own: Asked, puts: Sequence[Put], batch: int) -> Scrubbed:
    """The scrubbed runs of all prompts; `puts` are sites with their donors and what those had there."""
    known = np.all([(drawn != NO_DONOR).all(axis=1) for _, drawn, _ in puts], axis=0) & np.ones(len(own), bool)
    losses, right = [], []
    for start in range(0, len(own), batch):
        rows = slice(start, start + batch)
        ids, at = _ids(w, own[rows])
        span = (rows, slice(ids.shape[1]))
        here = [(site, torch.from_numpy(drawn[span] >= 0).to(ids.device), given[span]) for site, drawn, given in puts]
        logits = _logits(w, ids, at, here)
        wanted = torch.from_numpy(own.right[rows]).long().to(ids.device)
        losses.append(numpy(F.cross_entropy(logits, wanted, reduction="none")))
        right.append((logits.argmax(dim=-1) == wanted).cpu().numpy())
    return Scrubbed(np.concatenate(losses), np.concatenate(right), known)


def _logits(
    w: fused.Weights,
    ids: Int[Tensor, "prompt position"],
    at: Int[Tensor, " prompt"],
    puts: Sequence[tuple[Site, Tensor, Tensor]],
) -> Float[Tensor, "prompt vocab"]:
    """The logits at `at` of runs in which sites are replaced where their mask is set."""

    def put(site: Site, value: Tensor) -> Tensor:
        for one, mask, given in puts:
            value = torch.where(mask[..., None], given, value) if one == site else value
        return value

    positions = torch.arange(ids.shape[1], device=ids.device)
    x = fused.embed(w, ids, positions)
    for index, layer in enumerate(w.layers):
        x = put(Site("resid_pre", index), x)
        mixed = fused.attend_causal(*fused.qkv(w, layer, x, positions))
        x = x + put(Site("attn_out", index), fused.after_heads(layer, x, mixed) - x)
        x = x + put(Site("mlp_out", index), mlp(layer, x))
        x = put(Site("resid_post", index), x)
    return fused.unembed(w, x[torch.arange(len(x), device=x.device), at])
