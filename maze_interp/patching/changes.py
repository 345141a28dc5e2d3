"""One line a kind of site: what the residual stream becomes when part of another run is put there.

Whatever is patched, the rest of the network only sees it through the residual stream. So every patch is turned into a
stream: replaced where the stream itself is patched, and elsewhere changed by what the patched part writes otherwise.
Heads can be given another run's z, pattern, or queries at chosen positions, or its keys and values there, which
changes what every later position reads.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from maze_interp.models import Site, fused
from maze_interp.models.reruns import Record

Mask = Bool[Tensor, "patch maze later"]
Stream = Float[Tensor, "patch maze later d_model"]


@dataclass(frozen=True)
class Swap:
    """The run that is patched and the run that parts are taken from, both recorded."""

    w: fused.Weights
    into: Record
    out_of: Record


def _stream(half: int) -> Callable[[Swap, Site, int, Mask], Stream]:
    def change(swap: Swap, site: Site, begin: int, mask: Mask) -> Stream:
        depth = 2 * site.layer + half
        into, out_of = (run.stream[depth][:, begin:] for run in (swap.into, swap.out_of))
        return torch.where(mask[..., None], out_of, into)

    return change


def _written(half: int) -> Callable[[Swap, Site, int, Mask], Stream]:
    def change(swap: Swap, site: Site, begin: int, mask: Mask) -> Stream:
        depth = 2 * site.layer + half
        before, after = ([run.stream[d][:, begin:] for run in (swap.into, swap.out_of)] for d in (depth - 1, depth))
        gap = (after[1] - before[1]) - (after[0] - before[0])
        return torch.where(mask[..., None], after[0] + gap, after[0])

    return change


def _z(swap: Swap, site: Site, begin: int, mask: Mask) -> Stream:
    return _mixed(swap, site, begin, mask, swap.out_of.mixed[site.layer][:, site.head])


def _q(swap: Swap, site: Site, begin: int, mask: Mask) -> Stream:
    q, k, v = _heads(swap.out_of, site)[0], *_heads(swap.into, site)[1:]
    return _mixed(swap, site, begin, mask, _attend(q, k, v))


def _pattern(swap: Swap, site: Site, begin: int, mask: Mask) -> Stream:
    q, k, _ = _heads(swap.out_of, site)
    return _mixed(swap, site, begin, mask, _attend(q, k, _heads(swap.into, site)[2]))


def _k(swap: Swap, site: Site, begin: int, mask: Mask) -> Stream:
    q, k, v = _heads(swap.into, site)
    return _reread(swap, site, begin, q, _put(k, _heads(swap.out_of, site)[1], begin, mask), v)


def _v(swap: Swap, site: Site, begin: int, mask: Mask) -> Stream:
    q, k, v = _heads(swap.into, site)
    return _reread(swap, site, begin, q, k, _put(v, _heads(swap.out_of, site)[2], begin, mask))


CHANGES: dict[str, tuple[int, Callable[[Swap, Site, int, Mask], Stream]]] = {
    "resid_pre": (0, _stream(0)),
    "resid_mid": (1, _stream(1)),
    "resid_post": (2, _stream(2)),
    "attn_out": (1, _written(1)),
    "mlp_out": (2, _written(2)),
    "z": (1, _z),
    "q": (1, _q),
    "k": (1, _k),
    "v": (1, _v),
    "pattern": (1, _pattern),
}


VALUES: dict[str, Callable[[Record, Site], Float[Tensor, "maze position part"]]] = {
    "resid_pre": lambda run, site: run.stream[2 * site.layer],
    "resid_mid": lambda run, site: run.stream[2 * site.layer + 1],
    "resid_post": lambda run, site: run.stream[2 * site.layer + 2],
    "attn_out": lambda run, site: run.stream[2 * site.layer + 1] - run.stream[2 * site.layer],
    "mlp_out": lambda run, site: run.stream[2 * site.layer + 2] - run.stream[2 * site.layer + 1],
    "z": lambda run, site: run.mixed[site.layer][:, site.head],
    "q": lambda run, site: run.queries[site.layer][:, site.head],
    "k": lambda run, site: run.keys[site.layer][:, site.head],
    "v": lambda run, site: run.values[site.layer][:, site.head],
}


def value_at(run: Record, site: Site) -> Float[Tensor, "maze position part"]:
    """What a run holds at a site, patterns aside; queries are scaled, and rotated with the keys where positions are."""
    return VALUES[site.kind](run, site)


def depth_of(site: Site) -> int:
    """The depth of the stream at which a patch of this site takes effect, as `models.reruns` counts them."""
    return 2 * site.layer + CHANGES[site.kind][0]


def changed(swap: Swap, site: Site, begin: int, mask: Mask) -> Stream:
    """The stream at `depth_of(site)` from position `begin` on, with the site patched where `mask` is set."""
    return CHANGES[site.kind][1](swap, site, begin, mask)


def _heads(run: Record, site: Site) -> tuple[Tensor, Tensor, Tensor]:
    """One head's queries, keys and values [maze, position, d_head]."""
    q, k, v = (kind[site.layer][:, site.head] for kind in (run.queries, run.keys, run.values))
    return q, k, v


def _attend(q: Tensor, k: Tensor, v: Tensor) -> Float[Tensor, "maze position d_head"]:
    return fused.attend_causal(q[:, None], k[:, None], v[:, None])[:, 0]


def _mixed(swap: Swap, site: Site, begin: int, mask: Mask, z: Float[Tensor, "maze position d_head"]) -> Stream:
    """The stream if the head mixed `z` where `mask` is set."""
    gap = (z - swap.into.mixed[site.layer][:, site.head])[:, begin:] @ _writes(swap, site)
    after = swap.into.stream[2 * site.layer + 1][:, begin:]
    return torch.where(mask[..., None], after + gap, after)


def _put(into: Tensor, out_of: Tensor, begin: int, mask: Mask) -> Float[Tensor, "patch maze position d_head"]:
    later = torch.where(mask[..., None], out_of[:, begin:], into[:, begin:])
    return torch.cat([into[None, :, :begin].expand(len(mask), -1, -1, -1), later], dim=2)


def _reread(swap: Swap, site: Site, begin: int, q: Tensor, k: Tensor, v: Tensor) -> Stream:
    """The stream if the head read other keys or values: whoever stands behind them sees them."""
    length = q.shape[-2]
    sees = torch.ones(length - begin, length, dtype=torch.bool, device=q.device).tril(begin)
    scores = (q[..., begin:, :] @ k.mT).masked_fill(~sees, -torch.inf)
    gap = (scores.softmax(dim=-1) @ v - swap.into.mixed[site.layer][:, site.head, begin:]) @ _writes(swap, site)
    return swap.into.stream[2 * site.layer + 1][:, begin:] + gap


def _writes(swap: Swap, site: Site) -> Float[Tensor, "d_head d_model"]:
    """The rows of the output matrix that belong to the head."""
    heads = swap.w.layers[site.layer].out[0].unflatten(0, (swap.w.heads, -1))
    return heads[site.head]
