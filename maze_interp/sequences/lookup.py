"""Attention of one query a sequence whose scores and values are rows of a table, and its gradient, compiled.

A first layer's keys and values depend on an element's value and place alone. There are few of those, so scores and
values are worked out once for all sequences, and each sequence only picks its own: no matrix product is left.
"""

from typing import Any, no_type_check

import numpy as np
import torch
from jaxtyping import Float, Int
from numba import njit
from torch import Tensor

FREELY = {"reassoc", "contract"}  # sums may be taken in any order, and what is not finite stays so


def attend(
    scores: Float[Tensor, "seed query row head"],
    values: Float[Tensor, "seed row head d_head"],
    query: Int[Tensor, "seed history"],
    seen: Int[Tensor, "seed history position"],
) -> Float[Tensor, "seed history head d_head"]:
    """The mean of the values a history has `seen`, weighted by the softmax of their scores for its `query`."""
    return _Attend.apply(scores.contiguous(), values.contiguous(), query.contiguous(), seen.contiguous())


class _Attend(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, scores: Tensor, values: Tensor, query: Tensor, seen: Tensor) -> Tensor:
        pattern = torch.empty(*seen.shape, scores.shape[-1])
        mixed = torch.zeros(*query.shape, *values.shape[2:])
        _read(*_arrays(scores, values, query, seen, pattern, mixed))
        ctx.save_for_backward(scores, values, query, seen, pattern)
        return mixed

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None]:
        scores, values, query, seen, pattern = ctx.saved_tensors
        of_scores, of_values = torch.zeros_like(scores), torch.zeros_like(values)
        mixed = gradients[0].contiguous()
        _credit(*_arrays(values, query, seen, pattern, mixed, of_scores, of_values))
        return of_scores, of_values, None, None


def _arrays(*tensors: Tensor) -> list[np.ndarray]:
    return [tensor.detach().numpy() for tensor in tensors]


@njit(cache=True, nogil=True, fastmath=FREELY, error_model="numpy")
@no_type_check
def _read(scores, values, query, seen, pattern, mixed):
    """Fill pattern[seed, history, position, head] and add to mixed[seed, history, head, d_head]."""
    members, histories, positions, heads = pattern.shape
    for s in range(members):
        for i in range(histories):
            weight, asked = pattern[s, i], scores[s, query[s, i]]
            for h in range(heads):
                highest, total = np.float32(-np.inf), np.float32(0)
                for t in range(positions):
                    weight[t, h] = asked[seen[s, i, t], h]
                    highest = max(highest, weight[t, h])
                for t in range(positions):
                    weight[t, h] = np.exp(weight[t, h] - highest)
                    total += weight[t, h]
                for t in range(positions):
                    weight[t, h] /= total
            for t in range(positions):
                row = seen[s, i, t]
                for h in range(heads):
                    for k in range(mixed.shape[3]):
                        mixed[s, i, h, k] += weight[t, h] * values[s, row, h, k]


@njit(cache=True, nogil=True, fastmath=FREELY, error_model="numpy")
@no_type_check
def _credit(values, query, seen, pattern, mixed, of_scores, of_values):
    """Add the gradient of mixed[seed, history, head, d_head] to that of the scores and of the values."""
    members, histories, positions, heads = pattern.shape
    share = np.empty((positions, heads), np.float32)
    for s in range(members):
        for i in range(histories):
            weight, gain, credited = pattern[s, i], mixed[s, i], of_scores[s, query[s, i]]
            for h in range(heads):
                mean = np.float32(0)
                for t in range(positions):
                    row, dot = seen[s, i, t], np.float32(0)
                    for k in range(gain.shape[1]):
                        dot += gain[h, k] * values[s, row, h, k]
                        of_values[s, row, h, k] += weight[t, h] * gain[h, k]
                    share[t, h] = dot
                    mean += weight[t, h] * dot
                for t in range(positions):
                    credited[seen[s, i, t], h] += weight[t, h] * (share[t, h] - mean)
