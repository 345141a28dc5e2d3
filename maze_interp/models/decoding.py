"""Decoding: read the prompts once, then grow each path by a token at a time.

What the prompt's tokens are to later ones, their keys and values, is computed once by the fused pass and kept; a step
looks at them and at the keys and values of the few tokens written since.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from maze_interp.models import fused

CACHED = 16  # prompts a CPU reads at once: what they activate stays in its cache


@dataclass(frozen=True)
class Prompt:
    """A prompt that has been read: each layer's keys and values, where each row ends, and which keys are padding."""

    keys: tuple[Float[Tensor, "maze head position d_head"], ...]
    values: tuple[Float[Tensor, "maze head position d_head"], ...]
    length: Int[Tensor, " maze"]
    mask: Float[Tensor, "maze 1 1 position"] | None


def read_prompt(
    w: fused.Weights, ids: Int[Tensor, "maze position"], length: Int[Tensor, " maze"] | None = None
) -> Prompt:
    """Read prompts (padded on the right where `length` says so) for decoding: keys and values only, no logits."""
    at_once = CACHED if ids.device.type == "cpu" else max(len(ids), 1)
    parts = [_keys_and_values(w, rows) for rows in ids.split(at_once)]
    layers = zip(*parts, strict=True)  # joined, keys and values lie as decoding reads them, not once more each step
    keys, values = zip(*[[torch.cat(kind) for kind in zip(*layer, strict=True)] for layer in layers], strict=True)
    mask = None if length is None else _padding_mask(ids.shape[1], length, w.embed)
    return Prompt(keys, values, _full_length(ids) if length is None else length, mask)


def next_logits(
    w: fused.Weights, prompt: Prompt, grown: list[tuple[Tensor, Tensor]], token: Int[Tensor, " maze"]
) -> tuple[Float[Tensor, "maze vocab"], list[tuple[Tensor, Tensor]]]:
    """One decoding step: logits after `token`, and `grown` (each layer's keys and values since the prompt) with it.

    Start with `grown = []`.
    """
    steps = grown[0][0].shape[2] if grown else 0
    positions = (prompt.length + steps)[:, None]
    x = fused.embed(w, token[:, None], positions)
    longer = []
    for index, layer in enumerate(w.layers):
        q, k, v = fused.qkv(w, layer, x, positions)
        if grown:
            k, v = torch.cat([grown[index][0], k], dim=2), torch.cat([grown[index][1], v], dim=2)
        longer.append((k, v))
        to_prompt = q @ prompt.keys[index].mT
        if prompt.mask is not None:
            to_prompt = to_prompt + prompt.mask
        pattern = torch.cat([to_prompt, q @ k.mT], dim=-1).softmax(dim=-1)
        width = to_prompt.shape[-1]
        x = fused.after_attention(layer, x, pattern[..., :width] @ prompt.values[index] + pattern[..., width:] @ v)
    return fused.unembed(w, x)[:, 0], longer


def _keys_and_values(w: fused.Weights, ids: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Each layer's keys and values [maze, head, position, d_head] of prompts."""
    positions = torch.arange(ids.shape[1], device=ids.device)
    x = fused.embed(w, ids, positions)
    found = []
    for index, layer in enumerate(w.layers):
        last = index == len(w.layers) - 1
        q, k, v = fused.qkv(w, layer, x, positions, queries_from=ids.shape[1] if last else 0)
        found.append((k, v))
        if not last:
            x = fused.after_attention(layer, x, fused.attend_causal(q, k, v))
    return found


def _full_length(ids: Tensor) -> Tensor:
    return torch.full((len(ids),), ids.shape[1], device=ids.device)


def _padding_mask(width: int, length: Tensor, like: Tensor) -> Float[Tensor, "maze 1 1 position"]:
    padding = torch.arange(width, device=length.device) >= length[:, None]
    return torch.zeros(padding.shape, dtype=like.dtype, device=like.device).masked_fill_(padding, -math.inf)[
        :, None, None
    ]
