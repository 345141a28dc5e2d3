"""The residual stream at one token of each sequence, for less than a pass over all of them.

Before the first layer a token is its embedding and its position's, so that layer's queries, keys and values are looked
up in a table of both: each pair is worked out once instead of once a sequence. In the last layer read, one query of a
sequence is asked. It is turned round to face the stream itself (query · (x W) = (query Wᵀ) · x), and what it attends to
is mixed before it becomes a value, so that neither keys nor values are worked out of any token. Rotary positions turn
each key its own way; there keys are.
"""

import math
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor

from maze_interp.models import fused
from maze_interp.models.fused import Layer, Weights

PAIRS = 1 << 15  # of token and position: a larger table is not made
Stream = Float[Tensor, "maze position d_model"]
Table = Float[Tensor, "token place qkv"]


def table(w: Weights, length: int, mazes: int) -> Table | None:
    """The first layer's queries, keys and values of each token at each of `length` positions.

    None where so many mazes do not repay it, and where it would be large.
    """
    tokens = len(w.embed)
    if tokens >= mazes or tokens * length > PAIRS:
        return None
    positions = torch.arange(length, device=w.embed.device)
    every = torch.arange(tokens, device=w.embed.device)[:, None].expand(-1, length)
    parts = fused.qkv(w, w.layers[0], fused.embed(w, every, positions), positions)
    return rearrange(torch.stack(parts), "c v h t e -> v t (c h e)")


def residuals_at(
    w: Weights,
    ids: Int[Tensor, "maze position"],
    at: Int[Tensor, " maze"],
    layers: int,
    known: Table | None = None,
) -> Iterator[Float[Tensor, "maze d_model"]]:
    """The stream at one position a sequence, before the first layer and after each of the first `layers`.

    `known` is what `table` made for sequences at least as long as these.
    """
    rows = torch.arange(len(ids), device=ids.device)
    positions = torch.arange(ids.shape[1], device=ids.device)
    x = fused.embed(w, ids, positions)
    yield x[rows, at]
    for index, layer in enumerate(w.layers[:layers]):
        if index == layers - 1:
            yield _last(w, layer, x, at)
        elif index == 0 and known is not None:
            pairs = F.embedding(ids * known.shape[1] + positions, known.flatten(0, 1))
            x = _after(layer, x, rearrange(pairs, "b t (c h e) -> c b h t e", c=3, h=w.heads))
            yield x[rows, at]
        else:
            x = _after(layer, x, fused.qkv(w, layer, x, positions))
            yield x[rows, at]


def _after(layer: Layer, x: Stream, parts: Tensor | tuple[Tensor, Tensor, Tensor]) -> Stream:
    q, k, v = parts
    return fused.after_attention(layer, x, fused.attend_causal(q, k, v))


def _last(w: Weights, layer: Layer, x: Stream, at: Int[Tensor, " maze"]) -> Float[Tensor, "maze d_model"]:
    """The stream after `layer` at one position a sequence, from the stream before it at all of them."""
    positions, here = torch.arange(x.shape[1], device=x.device), torch.arange(len(x), device=x.device)
    normal = F.layer_norm(x, x.shape[-1:], *layer.ln1, fused.LN_EPS)
    (to_query, to_key, to_value), biases = (part.chunk(3, dim=-1) for part in layer.qkv)
    query = rearrange(normal[here, at] @ to_query + biases[0], "b (h e) -> b h 1 e", h=w.heads)
    query = fused.turned(w, query * query.shape[-1] ** -0.5, at[:, None])
    if w.rotary is None:  # a key's bias adds alike to all that a head sees
        scores = (query @ rearrange(to_key, "d (h e) -> h e d", h=w.heads))[:, :, 0] @ normal.mT
    else:
        keys = rearrange(normal @ to_key + biases[1], "b t (h e) -> b h t e", h=w.heads)
        scores = (query @ fused.turned(w, keys, positions).mT)[:, :, 0]
    weights = scores.masked_fill((positions > at[:, None])[:, None], -math.inf).softmax(dim=-1)
    mixed = (weights @ normal)[:, :, None] @ rearrange(to_value, "d (h e) -> h d e", h=w.heads)
    mixed = mixed + rearrange(biases[2], "(h e) -> h 1 e", h=w.heads)
    return fused.after_attention(layer, x[here, at][:, None], mixed)[:, 0]
