"""Paths read again and again behind prompts that were read once.

What heads write is changed at the path alone, and a causal network computes nothing anew before that: the prompt's keys
and values stay as they were, and so does the path's stream below the first changed layer. A path is a tenth of its
sequence, so this is several times as fast as reading all of it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from maze_interp.models import HookedTransformer, fused
from maze_interp.tokens import PATH, TokenBatch

BATCH = 64
Instead = Callable[[int, Int[np.ndarray, " maze"], slice], tuple[Bool[Tensor, "maze later"], Tensor]]
"""For a layer, rows and positions: where to write instead, and what, [maze, later, head, d_head]."""


@dataclass(frozen=True)
class Batch:
    """Some of the sequences, from the first position `at.start` of any of their paths on: the stream there before each
    layer and behind the last, and each layer's keys and values before it."""

    rows: Int[np.ndarray, " maze"]
    at: slice
    stream: tuple[Float[Tensor, "maze later d_model"], ...]
    keys: tuple[Float[Tensor, "maze head before d_head"], ...]
    values: tuple[Float[Tensor, "maze head before d_head"], ...]


@dataclass(frozen=True)
class Behind:
    """Whole sequences, read once; what is kept of them grows with layers and positions, a kilobyte or two each."""

    weights: fused.Weights
    tokens: TokenBatch
    batches: tuple[Batch, ...]

    def again(
        self, heads: Bool[np.ndarray, "layer head"], instead: Instead
    ) -> Float[np.ndarray, "maze position vocab"]:
        """The logits from the paths' beginnings on, where these heads write something else; zeros before."""
        ids = self.tokens.ids
        made = np.zeros((*ids.shape, self.weights.unembed[0].shape[1]), dtype=np.float32)
        with torch.inference_mode():
            for batch in self.batches:
                made[batch.rows, batch.at] = _again(self.weights, batch, heads, instead).cpu().numpy()
        return made


def behind(model: HookedTransformer, tokens: TokenBatch) -> Behind:
    """Read whole sequences. Raises ValueError for an architecture that the fused pass does not compute."""
    w = fused.weights(model)
    with torch.inference_mode():
        return Behind(w, tokens, tuple(_read(w, tokens, rows) for rows in batches(tokens)))


def written(
    model: HookedTransformer, tokens: TokenBatch, at: Int[np.ndarray, " maze"]
) -> Float[np.ndarray, "maze layer head d_head"]:
    """What every head writes (z) at one position of each sequence."""
    w, made = fused.weights(model), []
    with torch.inference_mode():
        for rows in batches(tokens):
            ids, mixed = _ids(w, tokens, rows, int(at[rows].max()) + 1), []
            positions = torch.arange(ids.shape[1], device=ids.device)
            x = fused.embed(w, ids, positions)
            for layer in w.layers:
                z = fused.attend_causal(*fused.qkv(w, layer, x, positions))
                mixed.append(z[torch.arange(len(rows)), :, torch.from_numpy(at[rows])])
                x = fused.after_attention(layer, x, z)
            made.append(torch.stack(mixed, dim=1).cpu().numpy())
    return np.concatenate(made)


def batches(tokens: TokenBatch) -> list[Int[np.ndarray, " maze"]]:
    """Rows that are read together."""
    return np.array_split(np.arange(len(tokens)), max(1, -(-len(tokens) // BATCH)))


def _read(w: fused.Weights, tokens: TokenBatch, rows: np.ndarray) -> Batch:
    begin, end = int((tokens.part[rows] == PATH).argmax(axis=1).min()), int(tokens.length[rows].max())
    ids = _ids(w, tokens, rows, end)
    positions = torch.arange(end, device=ids.device)
    x = fused.embed(w, ids, positions)
    stream, keys, values = [x[:, begin:].clone()], [], []
    for layer in w.layers:
        q, k, v = fused.qkv(w, layer, x, positions)
        x = fused.after_attention(layer, x, fused.attend_causal(q, k, v))
        stream.append(x[:, begin:].clone())
        keys.append(k[:, :, :begin].clone())
        values.append(v[:, :, :begin].clone())
    return Batch(rows, slice(begin, end), tuple(stream), tuple(keys), tuple(values))


def _again(w: fused.Weights, batch: Batch, heads: Bool[np.ndarray, "layer head"], instead: Instead) -> Tensor:
    changed = np.argwhere(heads)[:, 0].tolist()
    first = min(changed, default=len(w.layers))
    x, device = batch.stream[first], w.embed.device
    chosen, steps = torch.from_numpy(heads).to(device), torch.arange(batch.at.stop, device=device)
    positions = steps[batch.at]
    sees = steps <= positions[:, None]
    for index in range(first, len(w.layers)):
        layer = w.layers[index]
        q, k, v = fused.qkv(w, layer, x, positions)
        k, v = torch.cat([batch.keys[index], k], dim=2), torch.cat([batch.values[index], v], dim=2)
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=sees, scale=1.0)
        if index in changed:
            where, said = (one.to(device) for one in instead(index, batch.rows, batch.at))
            mixed = torch.where(where[:, None, :, None] & chosen[index][:, None, None], said.transpose(1, 2), mixed)
        x = fused.after_attention(layer, x, mixed)
    return fused.unembed(w, x)


def _ids(w: fused.Weights, tokens: TokenBatch, rows: np.ndarray, end: int) -> Int[Tensor, "maze position"]:
    return torch.from_numpy(tokens.ids[rows, :end]).long().to(w.embed.device)
