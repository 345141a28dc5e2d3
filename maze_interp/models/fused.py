"""A second forward pass over a HookedTransformer's own parameters, fast because it does less.

Hooks cost time, and a maze model wastes most of what it computes: a sequence is a long prompt (the maze) and a short
branch (start, goal and path), and only the branch is ever graded. So a training row packs several questions about one
maze behind a single reading of it:

    row        prompt | branch 1 | branch 2 | ... | padding
    sees       a token sees the tokens before it that belong to the prompt or to its own branch, and nothing else
    position   as if its branch stood alone behind the prompt

One branch is ordinary training; more branches share the prompt. In the last layer the prompt's queries, MLP and logits
are left out. `packed_logits` equals HookedTransformer's logits on each sequence prompt + branch, and gradients flow
into the HookedTransformer's parameters. `models.decoding` grows a single branch, token by token.
"""

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor

from maze_interp.models.hooked import HookedTransformer

LN_EPS = 1e-5
BLOCK = 64  # queries at most whose attention is one product, where that is how attention is computed
ASSUMED = {"normalization_type": "LN", "act_fn": "gelu", "eps": LN_EPS, "attn_only": False, "attention_dir": "causal"}


@dataclass(frozen=True)
class Layer:
    """One block's parameters, rearranged for wide matrix products: x @ weight + bias."""

    ln1: tuple[Tensor, Tensor]
    qkv: tuple[Tensor, Tensor]
    out: tuple[Tensor, Tensor]
    ln2: tuple[Tensor, Tensor]
    mlp_in: tuple[Tensor, Tensor]
    mlp_out: tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Weights:
    """A model's parameters in the layout of this pass; built from views, so gradients reach the model."""

    embed: Tensor
    positions: Tensor | None
    rotary: tuple[Tensor, Tensor] | None
    layers: tuple[Layer, ...]
    ln_final: tuple[Tensor, Tensor]
    unembed: tuple[Tensor, Tensor]
    heads: int


@dataclass(frozen=True)
class Packed:
    """Rows of one prompt and its branches. `branch` is 0 in the prompt, 1, 2, ... behind it and -1 at padding.

    `prompt` is the number of leading columns that hold prompts (shorter ones are padded within them).
    """

    ids: Int[Tensor, "maze position"]
    position: Int[Tensor, "maze position"]
    branch: Int[Tensor, "maze position"]
    prompt: int


def weights(model: HookedTransformer) -> Weights:
    """The parameters of `model`, ready for this pass. Rebuild after each optimiser step; it costs next to nothing.

    Raises ValueError for an architecture this pass does not compute, a folded model among them.
    """
    for name, expected in ASSUMED.items():
        if getattr(model.cfg, name) != expected:
            raise ValueError(f"the fused pass needs {name} = {expected!r}, not {getattr(model.cfg, name)!r}")
    rotary = None
    if model.cfg.positional_embedding_type == "rotary":
        rotary = rotary_tables(model.cfg.n_ctx, model.cfg.d_head, float(model.cfg.rotary_base), model.embed.W_E)
    return Weights(
        embed=model.embed.W_E,
        positions=None if rotary else model.pos_embed.W_pos,
        rotary=rotary,
        layers=tuple(_layer(block) for block in model.blocks),
        ln_final=(model.ln_final.w, model.ln_final.b),
        unembed=(model.unembed.W_U, model.unembed.b_U),
        heads=model.cfg.n_heads,
    )


def packed_logits(w: Weights, packed: Packed) -> Float[Tensor, "maze branch_position vocab"]:
    """Next-token logits at every position behind the prompts (columns `packed.prompt` onwards)."""
    width = packed.prompt
    mask = _visible(packed)
    x = embed(w, packed.ids, packed.position)
    for index, layer in enumerate(w.layers):
        last = index == len(w.layers) - 1
        q, k, v = qkv(w, layer, x, packed.position, queries_from=width if last else 0)
        if last:
            mixed, x = _attend(q, k, v, mask), x[:, width:]
        else:
            prompt, asked = q.split([width, q.shape[2] - width], dim=2)
            read = attend_causal(prompt, k[:, :, :width], v[:, :, :width])
            mixed = torch.cat([read, _attend(asked, k, v, mask)], dim=2)
        x = after_attention(layer, x, mixed)
    return unembed(w, x)


def logits(w: Weights, ids: Int[Tensor, "maze position"]) -> Float[Tensor, "maze position vocab"]:
    """Next-token logits at every position of plain sequences (padding on the right is harmless: nothing sees it)."""
    (last,) = deque(residuals(w, ids, len(w.layers)), maxlen=1)
    return unembed(w, last)


def residuals(
    w: Weights, ids: Int[Tensor, "maze position"], layers: int
) -> Iterator[Float[Tensor, "maze position d_model"]]:
    """The residual stream of plain sequences before the first layer and after each of the first `layers`."""
    positions = torch.arange(ids.shape[1], device=ids.device)
    x = embed(w, ids, positions)
    yield x
    for layer in w.layers[:layers]:
        q, k, v = qkv(w, layer, x, positions)
        x = after_attention(layer, x, attend_causal(q, k, v))
        yield x


def rotary_tables(context: int, d_head: int, base: float, like: Tensor) -> tuple[Tensor, Tensor]:
    """Cosine and signed sine [position, d_head] of rotary embeddings (Su et al. 2021), halves paired as in GPT-NeoX.

    A rotation takes the sine with a minus in the first half, so the sign is in the table.
    """
    frequency = base ** (torch.arange(d_head // 2, dtype=torch.float32, device=like.device) / (d_head / 2))
    angles = torch.arange(context, dtype=torch.float32, device=like.device)[:, None] / frequency
    cos, sin = angles.cos(), angles.sin()
    return torch.cat([cos, cos], dim=1).to(like.dtype), torch.cat([-sin, sin], dim=1).to(like.dtype)


def _layer(block: Any) -> Layer:
    attn, mlp = block.attn, block.mlp
    qkv = torch.cat([rearrange(w, "h d e -> d (h e)") for w in (attn.W_Q, attn.W_K, attn.W_V)], dim=1)
    bias = torch.cat([attn.b_Q.flatten(), attn.b_K.flatten(), attn.b_V.flatten()])
    return Layer(
        ln1=(block.ln1.w, block.ln1.b),
        qkv=(qkv, bias),
        out=(attn.W_O.flatten(0, 1), attn.b_O),
        ln2=(block.ln2.w, block.ln2.b),
        mlp_in=(mlp.W_in, mlp.b_in),
        mlp_out=(mlp.W_out, mlp.b_out),
    )


def embed(w: Weights, ids: Tensor, positions: Tensor) -> Tensor:
    x = F.embedding(ids, w.embed)
    return x if w.positions is None else x + F.embedding(positions, w.positions)


def unembed(w: Weights, x: Tensor) -> Tensor:
    return _linear(F.layer_norm(x, x.shape[-1:], *w.ln_final, LN_EPS), w.unembed)


def _linear(x: Tensor, parameters: tuple[Tensor, Tensor]) -> Tensor:
    weight, bias = parameters
    return F.linear(x, weight.T, bias)


def qkv(
    w: Weights, layer: Layer, x: Tensor, positions: Tensor, *, queries_from: int = 0
) -> tuple[Tensor, Tensor, Tensor]:
    """Queries (scaled, of positions from `queries_from` on), keys and values [maze, head, position, d_head]."""
    normal = F.layer_norm(x, x.shape[-1:], *layer.ln1, LN_EPS)
    if queries_from == 0:
        q, k, v = rearrange(_linear(normal, layer.qkv), "b t (c h e) -> c b h t e", c=3, h=w.heads)
    else:
        d_model, (weight, bias) = x.shape[-1], layer.qkv
        k, v = rearrange(
            _linear(normal, (weight[:, d_model:], bias[d_model:])), "b t (c h e) -> c b h t e", c=2, h=w.heads
        )
        asked = _linear(normal[:, queries_from:], (weight[:, :d_model], bias[:d_model]))
        q = rearrange(asked, "b t (h e) -> b h t e", h=w.heads)
    q = q * q.shape[-1] ** -0.5
    q, k = turned(w, q, positions[..., queries_from:]), turned(w, k, positions)
    return q.contiguous(), k.contiguous(), v.contiguous()  # else each product of a batch copies them anew


def turned(w: Weights, x: Tensor, positions: Tensor) -> Tensor:
    """Queries or keys [.., head, position, d_head] turned by their positions; as they are where those are learned."""
    if w.rotary is None:
        return x
    cos, sin = (_at(table, positions).to(x.dtype) for table in w.rotary)
    return torch.addcmul(x * cos, x.roll(x.shape[-1] // 2, dims=-1), sin)


def _at(table: Tensor, positions: Tensor) -> Tensor:
    """Rows of a rotary table for positions [t] or [maze, t], shaped to multiply [maze, head, t, d_head]."""
    rows = table[positions]
    return rows if positions.ndim == 1 else rows[:, None]


def attend_causal(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """What each position reads of itself and those before it, [maze, head, position, d_head].

    By PyTorch's kernel, but under autocast on a processor: in bf16 that takes a quarter longer than plain products of
    blocks of queries with the keys up to their last, and its way back six times as long.
    """
    if not (q.device.type == "cpu" and torch.is_autocast_enabled("cpu")):
        return F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=1.0)
    read, end = [], 0
    for block in q.tensor_split(math.ceil(q.shape[2] / BLOCK) or 1, dim=2):
        begin, end = end, end + block.shape[2]
        later = torch.full((end - begin, end), -math.inf).triu_(begin + 1)
        read.append(_attend(block, k[:, :, :end], v[:, :, :end], later))
    return torch.cat(read, dim=2)


def _visible(packed: Packed) -> Float[Tensor, "maze 1 branch_position position"]:
    """0 where a token behind the prompt may look, minus infinity elsewhere; padding looks at itself, lest it be NaN."""
    keys, queries = packed.branch[:, None, :], packed.branch[:, packed.prompt :, None]
    steps = torch.arange(packed.ids.shape[1], device=packed.ids.device)
    seen = ((keys == 0) | (keys == queries)) & (steps <= steps[packed.prompt :, None])
    return torch.zeros(seen.shape, device=seen.device).masked_fill_(~seen, -math.inf)[:, None]


def _attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
    """What queries read through a mask, all in the number format of the values.

    A softmax of bf16 sums in float32 by itself; the casts that autocast puts around it cost more than it does.
    """
    with torch.autocast(v.device.type, enabled=False):
        scores = (q.to(v.dtype) @ k.to(v.dtype).mT).add_(mask.to(v.dtype))
        return scores.softmax(dim=-1) @ v


def after_attention(layer: Layer, x: Tensor, mixed: Tensor) -> Tensor:
    """The rest of a block: write the heads' output and the MLP's into the residual stream."""
    return after_mlp(layer, after_heads(layer, x, mixed))


def after_heads(layer: Layer, x: Tensor, mixed: Tensor) -> Tensor:
    """Write what the heads mixed, [maze, head, position, d_head], into the residual stream."""
    return x + _linear(rearrange(mixed, "b h t e -> b t (h e)"), layer.out)


def after_mlp(layer: Layer, x: Tensor) -> Tensor:
    """Write the MLP's output into the residual stream."""
    hidden = F.gelu(_linear(F.layer_norm(x, x.shape[-1:], *layer.ln2, LN_EPS), layer.mlp_in))
    return x + _linear(hidden, layer.mlp_out)
