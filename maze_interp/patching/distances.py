"""Distance as a head sees it: to some heads, from some positions, the first token seems farther away than it is.

With rotary positions a score depends on what two tokens are and on how far apart they stand. So a distance can be
changed by itself, for one head and one word, while every token stays where it is and every other score stays as it
was. Cutting an edge of the attention graph (`knockout`) says whether a head needs to look along it; this says whether
it needs the distance to be what it was in training. The first token is where heads rest that have nothing to say
("attention sinks", Xiao et al. 2023), and how far away it is tells how much lies between.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from maze_interp.models import HookedTransformer, cores, fused
from maze_interp.tokens import TokenBatch


@dataclass(frozen=True)
class Farther:
    """The first token seems `by` tokens farther away (negative: nearer) to `heads` that look from `looking`."""

    by: Int[np.ndarray, " maze"]
    heads: Bool[np.ndarray, "layer head"]
    looking: Bool[np.ndarray, "maze position"]


@dataclass(frozen=True)
class Forced:
    """Next-token logits at every position of given sequences, and how much of each look goes to the first token."""

    logits: Float[np.ndarray, "maze position vocab"]
    at_first: Float[np.ndarray, "maze layer head position"]


def forced(
    model: HookedTransformer,
    tokens: TokenBatch,
    *,
    farther: Farther | None = None,
    moved: int = 0,
    hidden: Bool[np.ndarray, "maze position"] | None = None,
    batch: int = 16,
    threads: int = 0,
) -> Forced:
    """Read whole sequences as they are, or otherwise than they are.

    `farther` changes distances to the first token. All tokens but the first stand `moved` positions later: with rotary
    positions that is `farther` for all heads from everywhere. `hidden` positions are seen by none but themselves, and
    take up their place. Batches of `batch` sequences are shared by `threads` (0: one a core on a CPU). Raises
    ValueError where no distance can be changed or positions would lie beyond the model's context.
    """
    if farther is not None and model.cfg.positional_embedding_type != "rotary":
        raise ValueError("positions are learned: no score of this model depends on a distance by itself")
    if moved < 0 or tokens.ids.shape[1] + moved > model.cfg.n_ctx:
        raise ValueError(f"{tokens.ids.shape[1]} tokens, {moved} later, do not fit a context of {model.cfg.n_ctx}")
    if farther is not None and np.abs(farther.by).max(initial=0) >= model.cfg.n_ctx:
        raise ValueError(f"a distance can change by less than the context of {model.cfg.n_ctx} tokens")
    shares = np.array_split(np.arange(len(tokens)), -(-len(tokens) // batch) or 1)
    with torch.inference_mode():
        w = fused.weights(model)

    def read(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        with torch.inference_mode():  # each thread enters its own
            return _read(
                w, tokens.ids[rows], moved, None if hidden is None else hidden[rows], farther and _part(farther, rows)
            )

    with cores.workers(cores.settle(threads, model.embed.W_E.device.type, len(shares))) as pool:
        logits, at_first = zip(*pool.map(read, shares), strict=True)
    return Forced(np.concatenate(logits), np.concatenate(at_first))


def _read(
    w: fused.Weights, ids: np.ndarray, moved: int, hidden: np.ndarray | None, farther: Farther | None
) -> tuple[np.ndarray, np.ndarray]:
    device, width = w.embed.device, ids.shape[1]
    steps = torch.arange(width, device=device)
    positions = steps + moved * (steps > 0)
    seen = (steps <= steps[:, None])[None]
    if hidden is not None:
        seen = seen & (~torch.from_numpy(hidden).to(device)[:, None] | (steps == steps[:, None]))
    x = fused.embed(w, torch.from_numpy(ids).long().to(device), positions)
    looks = []
    for index, layer in enumerate(w.layers):
        q, k, v = fused.qkv(w, layer, x, positions)
        scores = q @ k.mT
        if farther is not None and farther.heads[index].any():
            scores[..., 0] = _scores(w, q, k, scores[..., 0], farther, index)
        pattern = scores.masked_fill(~seen[:, None], -torch.inf).softmax(dim=-1)
        looks.append(pattern[..., 0].float().cpu().numpy())
        x = fused.after_attention(layer, x, pattern @ v)
    return fused.unembed(w, x).float().cpu().numpy(), np.stack(looks, axis=1)


def _scores(w: fused.Weights, q: Tensor, k: Tensor, scores: Tensor, farther: Farther, layer: int) -> Tensor:
    """The scores [maze, head, position] of the first token where it seems farther away."""
    by = torch.from_numpy(farther.by).long().to(q.device)[:, None]
    apart = fused.turned(w, q, by.clamp(min=0).expand(-1, q.shape[2]))
    near = fused.turned(w, k[:, :, :1], (-by).clamp(min=0))
    heads, looking = (torch.from_numpy(one).to(q.device) for one in (farther.heads[layer], farther.looking))
    changed = heads[None, :, None] & looking[:, None] & (torch.arange(q.shape[2], device=q.device) > 0)
    return torch.where(changed, (apart @ near.mT)[..., 0], scores)


def _part(farther: Farther, rows: np.ndarray) -> Farther:
    return Farther(farther.by[rows], farther.heads, farther.looking[rows])
