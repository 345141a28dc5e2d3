"""Small changes of the residual stream, carried through the network in many directions at once.

A recorded run is a point; around it the network is linear in every direction. `forward` carries directions of change
from some depth on through all later places (forward-mode derivatives, one product with each weight a direction),
`backward` says how a few numbers that depend on the logits respond to the stream at every depth and position (reverse
mode). Together they say how much of what reaches those numbers passes through any one activation: the response of the
activation to the direction, times the response of the numbers to the activation.
"""

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor

from maze_interp.models import fused
from maze_interp.models.reruns import Record

Directions = Float[Tensor, "direction later d_model"]
Future = Callable[[Float[Tensor, " vocab"]], Float[Tensor, " future"]]


class LayerTangents(NamedTuple):
    """How one layer's parts change: the stream before it, what each head mixes, the stream after heads, after all."""

    before: Directions
    mixed: Float[Tensor, "direction head asked d_head"]
    middle: Float[Tensor, "direction asked d_model"]
    after: Float[Tensor, "direction asked d_model"]


def forward(
    w: fused.Weights, kept: Record, begin: int, changes: Directions, *, first: int = 0, only_last: bool = False
) -> Iterator[LayerTangents]:
    """Directions of change of the stream before layer `first`, from position `begin` on, carried layer by layer.

    `kept` is the record of a single maze; what comes before `begin` does not change. With `only_last` all but `before`
    is worked out at the last position alone in the last layer, and has no others.
    """
    moved = changes.abs().amax(dim=(0, 2)).nonzero()[:, 0]  # behind the first layer all positions do
    for index, layer in list(enumerate(w.layers))[first:]:
        some = slice(-1, None) if only_last and index == len(w.layers) - 1 else slice(None)
        q, k, v, z = (kind[index][0] for kind in (kept.queries, kept.keys, kept.values, kept.mixed))
        heads = (q[:, begin:][:, some], k, v, z[:, begin:][:, some])
        mixed = _mixed(w, layer, heads, kept.stream[2 * index][0, begin:], changes, moved)
        middle = changes[:, some] + rearrange(mixed, "k h t e -> k t (h e)") @ layer.out[0]
        after = middle + _written(layer, kept.stream[2 * index + 1][0, begin:][some], middle)
        yield LayerTangents(changes, mixed, middle, after)
        changes, moved = after, torch.arange(changes.shape[1], device=changes.device)


def backward(
    w: fused.Weights, kept: Record, future: Future
) -> tuple[Float[Tensor, " future"], tuple[Float[Tensor, "future position d_model"], ...]]:
    """What `future` makes of the logits at `kept.at`, and how it responds to the stream at every depth and position.

    Responses are total: through everything downstream, at depths as a `Record` counts them. `kept` is of one maze.
    """
    positions = torch.arange(kept.stream[0].shape[1], device=kept.stream[0].device)
    with torch.enable_grad():
        streams = [kept.stream[0].detach().clone().requires_grad_()]
        for layer in w.layers:
            mixed = fused.attend_causal(*fused.qkv(w, layer, streams[-1], positions))
            streams.append(fused.after_heads(layer, streams[-1], mixed))
            streams.append(fused.after_mlp(layer, streams[-1]))
        values = future(fused.unembed(w, streams[-1][0, kept.at[0]]))
        each = [torch.autograd.grad(value, streams, retain_graph=True) for value in values]
    return values.detach(), tuple(torch.cat(depth) for depth in zip(*each, strict=True))


def _mixed(
    w: fused.Weights,
    layer: fused.Layer,
    heads: tuple[Tensor, ...],
    stream: Tensor,
    changes: Directions,
    moved: Int[Tensor, " moved"],
) -> Float[Tensor, "direction head asked d_head"]:
    """How what the heads mix at the last positions changes: with keys and values, and with the query that asks.

    A query changes the scores, whose softmax keeps its sum, so what it does is the same product for all directions:
    that of the keys' and the values' covariance under its own pattern.
    """
    q, k, v, z = heads
    positions = torch.arange(k.shape[1] - len(stream), k.shape[1], device=q.device)
    three = rearrange(
        _normal(stream[moved], layer.ln1[0], changes[:, moved]) @ layer.qkv[0],
        "k t (c h e) -> c k h t e",
        c=3,
        h=w.heads,
    )
    dq, dk = (fused.turned(w, one, positions[moved]) for one in (three[0] * q.shape[-1] ** -0.5, three[1]))
    asks = positions[len(positions) - q.shape[1] :]
    sees = torch.arange(k.shape[1], device=q.device) <= asks[:, None]
    pattern = (q @ k.mT).masked_fill_(~sees, -math.inf).softmax(dim=-1)
    seen = pattern[..., positions[moved]]
    weighed = (q @ dk.mT).mul_(seen)
    mixed = weighed @ v[:, positions[moved]] - weighed.sum(dim=-1, keepdim=True) * z + seen @ three[2]
    itself = (positions[moved] - asks[0]).clamp(min=-1)
    both = (itself >= 0).nonzero()[:, 0]
    own = pattern[:, itself[both]]
    pairs = rearrange(
        own @ rearrange(k[..., None] * v[:, :, None], "h t e f -> h t (e f)"), "h t (e f) -> h t e f", e=k.shape[-1]
    )
    varies = pairs - (own @ k)[..., None] * z[:, itself[both], None]
    mixed[:, :, itself[both]] += torch.einsum("khte, htef -> khtf", dq[:, :, both], varies)
    return mixed


def _written(layer: fused.Layer, stream: Tensor, changes: Directions) -> Directions:
    """How what the MLP writes changes."""
    normal = F.layer_norm(stream, stream.shape[-1:], *layer.ln2, fused.LN_EPS)
    inner = F.linear(normal, layer.mlp_in[0].T, layer.mlp_in[1])
    slope = torch.special.ndtr(inner) + inner * torch.exp(-(inner**2) / 2) / math.sqrt(2 * math.pi)
    return (_normal(stream, layer.ln2[0], changes) @ layer.mlp_in[0]).mul_(slope) @ layer.mlp_out[0]


def _normal(stream: Float[Tensor, "later d_model"], scale: Tensor, changes: Directions) -> Directions:
    """How the layer norm of the stream changes: what neither the mean nor the length of the stream takes away."""
    middle = stream - stream.mean(dim=-1, keepdim=True)
    length = (middle.square().mean(dim=-1, keepdim=True) + fused.LN_EPS).sqrt()
    unit = middle / length
    flat = changes - changes.mean(dim=-1, keepdim=True)
    return (flat - unit * (unit * flat).mean(dim=-1, keepdim=True)) * (scale / length)
