"""What a change in the residual stream does to the logits at one position, without repeating what it cannot reach.

A causal network computes nothing anew before the place that changed: earlier layers stay as they were, and so do the
keys and values of earlier positions. So a run is recorded once, and each of its many reruns begins at the changed
depth and at the first changed position, borrows the rest from the record and, in the last layer, works out the one
position that is asked. Reruns of equal depth go through the network together, stacked along the batch.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from maze_interp.models import fused


@dataclass(frozen=True)
class Record:
    """What one run left behind, a row per maze.

    The residual stream is kept at each `depth`: 2 * layer before a layer, 2 * layer + 1 between its attention and its
    MLP, and last after all layers. Queries (scaled), keys and values are as attention uses them, and `mixed` what heads
    made of them (z). `logits` are those at the positions `at`.
    """

    at: Int[Tensor, " maze"]
    stream: tuple[Float[Tensor, "maze position d_model"], ...]
    queries: tuple[Float[Tensor, "maze head position d_head"], ...]
    keys: tuple[Float[Tensor, "maze head position d_head"], ...]
    values: tuple[Float[Tensor, "maze head position d_head"], ...]
    mixed: tuple[Float[Tensor, "maze head position d_head"], ...]
    logits: Float[Tensor, "maze vocab"]


def record(w: fused.Weights, ids: Int[Tensor, "maze position"], at: Int[Tensor, " maze"]) -> Record:
    """Run the network on sequences and keep all that reruns ask for; the logits are those at the positions `at`."""
    return record_from(w, fused.embed(w, ids, torch.arange(ids.shape[1], device=ids.device)), at)


def record_from(w: fused.Weights, x: Float[Tensor, "maze position d_model"], at: Int[Tensor, " maze"]) -> Record:
    """`record` of a run that begins with the residual stream `x`, whatever tokens there are."""
    positions = torch.arange(x.shape[1], device=x.device)
    stream, heads = [x], []
    for layer in w.layers:
        q, k, v = fused.qkv(w, layer, stream[-1], positions)
        heads.append((q, k, v, fused.attend_causal(q, k, v)))
        stream.append(fused.after_heads(layer, stream[-1], heads[-1][-1]))
        stream.append(fused.after_mlp(layer, stream[-1]))
    last = stream[-1][torch.arange(len(x), device=x.device), at]
    queries, keys, values, mixed = zip(*heads, strict=True)
    return Record(at, tuple(stream), queries, keys, values, mixed, fused.unembed(w, last))


def rerun(
    w: fused.Weights, kept: Record, depth: int, begin: int, x: Float[Tensor, "patch maze later d_model"]
) -> Float[Tensor, "patch maze vocab"]:
    """The logits at `kept.at` if the residual stream at that depth is `x` from position `begin` on.

    What lies before `begin` is the record's. Mazes that are asked before `begin` keep their logits.
    """
    patches, mazes = x.shape[:2]
    x = x.flatten(0, 1)
    for index in range(depth // 2, len(w.layers)):
        layer = w.layers[index]
        if index > depth // 2 or depth % 2 == 0:
            last = index == len(w.layers) - 1
            x, _, _ = attention(w, kept, index, begin, x, patches, only_asked=last)
        elif index == len(w.layers) - 1:
            x = _asked(x, kept.at.repeat(patches) - begin)
        x = fused.after_mlp(layer, x)
    if depth == 2 * len(w.layers):
        x = _asked(x, kept.at.repeat(patches) - begin)
    logits = fused.unembed(w, x).unflatten(0, (patches, mazes))[:, :, 0]
    return torch.where((kept.at >= begin)[:, None], logits, kept.logits)


def attention(
    w: fused.Weights, kept: Record, index: int, begin: int, x: Tensor, patches: int, *, only_asked: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """The stream after a layer's attention: at all positions from `begin` on, or at the asked one of each row.

    With it the keys and values of all those positions.
    """
    layer, later = w.layers[index], x.shape[1]
    positions = torch.arange(begin, begin + later, device=x.device)
    q, k, v = fused.qkv(w, layer, x, positions)
    sees = positions[None]
    if only_asked:
        at = kept.at.repeat(patches)
        q, x, sees = _asked(q.transpose(1, 2), at - begin).transpose(1, 2), _asked(x, at - begin), at[:, None]
    before = (kept.keys[index][:, :, :begin], kept.values[index][:, :, :begin])
    if begin > later:
        return fused.after_heads(layer, x, _shared(before, (q, k, v), positions, sees, patches)), k, v
    keys, values = (
        torch.cat([old.repeat(patches, 1, 1, 1), now], dim=2) for old, now in zip(before, (k, v), strict=True)
    )
    seen = torch.arange(begin + later, device=x.device) <= sees[..., None]
    mask = torch.zeros(seen.shape, device=x.device).masked_fill_(~seen, -math.inf)[:, None]
    mixed = F.scaled_dot_product_attention(q, keys, values, attn_mask=mask, scale=1.0)
    return fused.after_heads(layer, x, mixed), k, v


def _shared(
    before: tuple[Tensor, Tensor], now: tuple[Tensor, ...], positions: Tensor, sees: Tensor, patches: int
) -> Float[Tensor, "row head asked d_head"]:
    """What heads mix of the keys and values before the change, which all patches of a maze read where they lie, and
    of those behind it, which each has its own of: far less to copy where a change comes late."""
    (keys, values), (q, k, v) = before, now
    each = q.unflatten(0, (patches, -1)).permute(1, 2, 0, 3, 4)
    asks = each.flatten(2, 3)
    far = (asks @ keys.mT).unflatten(2, each.shape[2:4]).permute(2, 0, 1, 3, 4).flatten(0, 1)
    near = (q @ k.mT).masked_fill_(~(positions <= sees[..., None])[:, None], -math.inf)
    share = torch.cat([far, near], dim=-1).softmax(dim=-1)
    back = share[..., : far.shape[-1]].unflatten(0, (patches, -1)).permute(1, 2, 0, 3, 4).flatten(2, 3)
    mixed = (back @ values).unflatten(2, each.shape[2:4]).permute(2, 0, 1, 3, 4).flatten(0, 1)
    return mixed + share[..., far.shape[-1] :] @ v


def _asked(x: Tensor, at: Int[Tensor, " row"]) -> Tensor:
    """One position of each row, as a batch of sequences of length 1."""
    return x[torch.arange(len(x), device=x.device), at.clamp(min=0)][:, None]
