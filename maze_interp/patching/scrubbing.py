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
from maze_interp.models import HookedTransformer, Site, fused
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


@dataclass(frozen=True)
class Put:
    """Values for single positions of prompts at a site, sorted by prompt."""

    site: Site
    prompt: Int[np.ndarray, " put"]
    at: Int[np.ndarray, " put"]
    value: Float[Tensor, "put d_model"]


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
    """Scrub every prompt under each hypothesis, with donors from `pool`. `progress` counts prompts of all hypotheses.

    Held at once is what one hypothesis takes from donors: d_model numbers a position that it speaks of. Raises
    ValueError for a site that the model lacks.
    """
    for claim in (one for several in hypotheses.values() for one in several):
        claim.site.check(model.cfg.n_layers, model.cfg.n_heads)
    found = {}
    with torch.inference_mode():
        w = fused.weights(model)
        for done, (name, claims) in enumerate(hypotheses.items()):
            drawn = [
                donors(own, pool, claim, seed=seeds.derive(seed, name, index)) for index, claim in enumerate(claims)
            ]
            known = np.all([(one != NO_DONOR).all(axis=1) for one in drawn], axis=0) & np.ones(len(own), bool)
            puts = _puts(w, pool, [claim.site for claim in claims], drawn, batch)
            found[name] = Scrubbed(*_measured(w, own, puts, batch), known)
            if progress is not None:
                progress(len(own) * (done + 1), len(own) * len(hypotheses))
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


def _puts(w: fused.Weights, pool: Asked, sites: Sequence[Site], drawn: Sequence[np.ndarray], batch: int) -> list[Put]:
    """What the donors have at their positions, read from plain runs as deep as the sites lie."""
    spots = [np.nonzero(one >= 0) for one in drawn]
    of = [one[spot] for one, spot in zip(drawn, spots, strict=True)]
    orders = [np.argsort(one, kind="stable") for one in of]
    values = [w.embed.new_zeros(len(one), w.embed.shape[1]) for one in of]
    needed = np.unique(np.concatenate(of)) if of else np.zeros(0, int)
    for start in range(0, len(needed), batch):
        some = needed[start : start + batch]
        read = _read(w, _ids(w, pool[some])[0], sites)
        for site, (_, at), one, order, into in zip(sites, spots, of, orders, values, strict=True):
            first, last = np.searchsorted(one[order], [some[0], some[-1] + 1])
            which = order[first:last]
            into[which] = read[site][np.searchsorted(some, one[which]), at[which]]
    return [Put(site, spot[0], spot[1], value) for site, spot, value in zip(sites, spots, values, strict=True)]


def _read(
    w: fused.Weights, ids: Int[Tensor, "prompt position"], sites: Sequence[Site]
) -> dict[Site, Float[Tensor, "prompt position d_model"]]:
    """What plain runs have at the sites."""
    found: dict[Site, Tensor] = {}

    def keep(site: Site, value: Tensor) -> Tensor:
        found[site] = value
        return value

    _stream(w, ids, keep, 1 + max(site.layer for site in sites))
    return {site: found[site] for site in sites}


def _measured(
    w: fused.Weights, own: Asked, puts: Sequence[Put], batch: int
) -> tuple[Float[np.ndarray, " prompt"], Bool[np.ndarray, " prompt"]]:
    """The loss of the right step in the scrubbed runs, and whether it is the most likely token."""
    losses, right = [], []
    for start in range(0, len(own), batch):
        rows = slice(start, start + batch)
        ids, at = _ids(w, own[rows])
        here = [_of_batch(put, start, batch, ids.shape[1]) for put in puts]

        def replaced(site: Site, value: Tensor, here: Sequence[Put] = here) -> Tensor:
            for put in here:
                if put.site == site:
                    value = value.clone()
                    value[put.prompt, put.at] = put.value
            return value

        x = _stream(w, ids, replaced, len(w.layers))
        logits = fused.unembed(w, x[torch.arange(len(x), device=x.device), at])
        wanted = torch.from_numpy(own.right[rows]).long().to(ids.device)
        losses.append(numpy(F.cross_entropy(logits, wanted, reduction="none")))
        right.append((logits.argmax(dim=-1) == wanted).cpu().numpy())
    return np.concatenate(losses), np.concatenate(right)


def _of_batch(put: Put, start: int, batch: int, length: int) -> Put:
    """The part of it that is put into some prompts, which are counted from 0, up to a length."""
    first, last = np.searchsorted(put.prompt, [start, start + batch])
    inside = first + np.flatnonzero(put.at[first:last] < length)
    return Put(put.site, put.prompt[inside] - start, put.at[inside], put.value[inside])


def _stream(
    w: fused.Weights, ids: Int[Tensor, "prompt position"], visit: Callable[[Site, Tensor], Tensor], layers: int
) -> Float[Tensor, "prompt position d_model"]:
    """The residual stream behind so many layers, where every site has become what `visit` makes of its value."""
    positions = torch.arange(ids.shape[1], device=ids.device)
    x = fused.embed(w, ids, positions)
    for index, layer in enumerate(w.layers[:layers]):
        x = visit(Site("resid_pre", index), x)
        mixed = fused.attend_causal(*fused.qkv(w, layer, x, positions))
        x = x + visit(Site("attn_out", index), fused.after_heads(layer, x, mixed) - x)
        x = x + visit(Site("mlp_out", index), mlp(layer, x))
        x = visit(Site("resid_post", index), x)
    return x
