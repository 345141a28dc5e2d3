"""The network as a graph: what writes into the residual stream, what reads from it, and a wire between each two.

Whatever reads the stream reads a sum: of the embedding and of all that heads and MLPs before it wrote. So there is a
wire from each writer to each later reader, and every wire can be asked by itself. Writers are the embedding, heads (z)
and MLPs (mlp_out). Readers are named by what they make of what they read: the queries, keys and values of a head, what
an MLP writes (mlp_out), and the logits (the last resid_post). A circuit is a table of wires, [reader, writer], in the
order of `Graph`. `wired` is a run in which wires of the table carry what is computed in it, and all others what they
carry in another run.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F
from einops import einsum
from jaxtyping import Bool, Float
from torch import Tensor

from maze_interp.models import Site, fused
from maze_interp.models.reruns import Record

PORTS = ("q", "k", "v")
WRITTEN_AT = {"embed": 0, "resid_pre": 0, "z": 1, "attn_out": 1, "resid_mid": 1, "mlp_out": 2}  # half layers
READ_AT = {"q": 0, "k": 0, "v": 0, "mlp_out": 1, "resid_post": 2}


@dataclass(frozen=True)
class Edge:
    """A wire: what writes, and what reads it."""

    sender: Site
    receiver: Site

    @property
    def name(self) -> str:
        return f"{name(self.sender)} -> {name(self.receiver)}"


@dataclass(frozen=True)
class Graph:
    """Writers and readers of a model of so many layers and heads, first to last."""

    layers: int
    heads: int

    @cached_property
    def senders(self) -> tuple[Site, ...]:
        found = [Site("embed")]
        for layer in range(self.layers):
            found += [*(Site("z", layer, head) for head in range(self.heads)), Site("mlp_out", layer)]
        return tuple(found)

    @cached_property
    def receivers(self) -> tuple[Site, ...]:
        found = []
        for layer in range(self.layers):
            found += [*(Site(port, layer, head) for port in PORTS for head in range(self.heads))]
            found += [Site("mlp_out", layer)]
        return (*found, Site("resid_post", self.layers - 1))

    @cached_property
    def possible(self) -> Bool[np.ndarray, "receiver sender"]:
        """Where there is a wire."""
        return np.array([[wrote(one) <= reads(other) for one in self.senders] for other in self.receivers])

    def edges(self, table: Bool[np.ndarray, "receiver sender"]) -> list[Edge]:
        """The wires of a table."""
        return [Edge(self.senders[sender], self.receivers[receiver]) for receiver, sender in np.argwhere(table)]

    def live(self, table: Bool[np.ndarray, "receiver sender"]) -> Bool[np.ndarray, "receiver sender"]:
        """The wires of a table that lie on a way through it from the embedding to the logits."""
        fed, asked = np.zeros(len(self.senders), bool), np.zeros(len(self.receivers), bool)
        fed[0], asked[-1] = True, True
        for sender, inputs in self._inputs:
            fed[sender] = (table[inputs] & fed).any()
        for sender, inputs in reversed(self._inputs):
            asked[inputs] = (table[:, sender] & asked).any()
        return table & fed & asked[:, None]

    @cached_property
    def _inputs(self) -> list[tuple[int, list[int]]]:
        """Each writer but the embedding with the readers that it is made from."""
        found = []
        for index, sender in enumerate(self.senders[1:], start=1):
            ports = PORTS if sender.kind == "z" else ("mlp_out",)
            found.append((index, [self.receivers.index(Site(port, sender.layer, sender.head)) for port in ports]))
        return found


def name(site: Site) -> str:
    """How a writer or reader is called: `embed`, `1.0`, `1.0 q`, `mlp 1`, `logits`."""
    if site.kind in ("embed", "resid_post"):
        return "embed" if site.kind == "embed" else "logits"
    if site.kind == "mlp_out":
        return f"mlp {site.layer}"
    return f"{site.layer}.{site.head}" + ("" if site.kind == "z" else f" {site.kind}")


def wrote(sender: Site) -> int:
    """The depth of the stream, as `models.reruns` counts them, from which on it holds what the site wrote."""
    return 2 * sender.layer + WRITTEN_AT[sender.kind]


def reads(receiver: Site) -> int:
    """The depth of the stream that the site reads."""
    return 2 * receiver.layer + READ_AT[receiver.kind]


def written(w: fused.Weights, kept: Record) -> Float[Tensor, "sender maze position d_model"]:
    """What every writer wrote in a recorded run; output biases, which are the same in every run, left out."""
    parts = [kept.stream[0][None]]
    for index, layer in enumerate(w.layers):
        parts += [mixed(w, layer, kept.mixed[index]), (kept.stream[2 * index + 2] - kept.stream[2 * index + 1])[None]]
    return torch.cat(parts)


def heads_read(
    w: fused.Weights, layer: fused.Layer, x: Float[Tensor, "port head maze position d_model"], begin: int = 0
) -> tuple[Tensor, Tensor, Tensor]:
    """Queries (scaled), keys and values [maze, head, position, d_head], each made of a stream of its own.

    The first position of the streams is `begin`.
    """
    normal = F.layer_norm(x, x.shape[-1:], *layer.ln1, fused.LN_EPS)
    weight, bias = (one.unflatten(-1, (3, w.heads, -1)) for one in layer.qkv)
    q, k, v = einsum(normal, weight, "c h b t d, d c h e -> c b h t e") + bias[:, None, :, None]
    positions = torch.arange(begin, begin + x.shape[-2], device=x.device)
    return fused.turned(w, q * q.shape[-1] ** -0.5, positions), fused.turned(w, k, positions), v


def attend(q: Tensor, k: Tensor, v: Tensor) -> Float[Tensor, "maze head later d_head"]:
    """What heads mix where the queries are those of the last of the keys' positions."""
    later, length = q.shape[-2], k.shape[-2]
    sees = torch.ones(later, length, dtype=torch.bool, device=q.device).tril(length - later)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=sees, scale=1.0)


def mixed(
    w: fused.Weights, layer: fused.Layer, z: Float[Tensor, "maze head position d_head"]
) -> Float[Tensor, "head maze position d_model"]:
    """What each head writes of what it mixed."""
    return einsum(z, layer.out[0].unflatten(0, (w.heads, -1)), "b h t e, h e d -> h b t d")


def mlp(layer: fused.Layer, x: Float[Tensor, "*row d_model"]) -> Float[Tensor, "*row d_model"]:
    """What an MLP writes of the stream it reads."""
    return fused.after_mlp(layer, x) - x


def wired(
    w: fused.Weights,
    own: Float[Tensor, "maze position d_model"],
    other: Record,
    begin: int,
    table: Bool[Tensor, "receiver sender"],
) -> Float[Tensor, "maze vocab"]:
    """The logits at `other.at` of runs on the embedding `own` in which wires outside the table carry the other run's.

    Before position `begin` the two embeddings are the same. Memory grows with writers times mazes times positions.
    """
    gates, wide = table.to(own.dtype), 3 * w.heads
    gaps = own.new_zeros(table.shape[1], *own[:, begin:].shape)  # between what is written here and in the other run
    gaps[0] = own[:, begin:] - other.stream[0][:, begin:]
    for index, layer in enumerate(w.layers):
        row, count = index * (wide + 1), 1 + index * (w.heads + 1)
        before, between, after = (one[:, begin:] for one in other.stream[2 * index : 2 * index + 3])
        x = before + einsum(gates[row : row + wide, :count], gaps[:count], "r s, s b t d -> r b t d")
        q, k, v = heads_read(w, layer, x.unflatten(0, (3, w.heads)), begin)
        k = torch.cat([other.keys[index][:, :, :begin], k], dim=2)
        v = torch.cat([other.values[index][:, :, :begin], v], dim=2)
        gaps[count : count + w.heads] = mixed(w, layer, attend(q, k, v) - other.mixed[index][:, :, begin:])
        count += w.heads
        x = between + einsum(gates[row + wide, :count], gaps[:count], "s, s b t d -> b t d")
        gaps[count] = mlp(layer, x) - (after - between)
    rows = torch.arange(len(own), device=own.device)
    last = einsum(gates[-1], gaps[:, rows, other.at - begin], "s, s b d -> b d")
    return fused.unembed(w, other.stream[-1][rows, other.at] + last)
