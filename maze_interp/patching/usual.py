"""What a head says of this maze is taken away where the path is; that it says where the path is stays.

At every cell of the path a head's output is replaced by its mean at that cell in other mazes. Ablation by mean
(`ablation`) keeps what a head says of any token of a meaning; a head that merely says which cell it stands at would
seem to matter there. What is lost here is what the head had read of the maze (or of the path before). Cells are asked
in two halves of the mazes, each replaced by means over the other, so that no maze enters its own.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from maze_interp.mazes import NO_CELL
from maze_interp.models import HookedTransformer, Site, access
from maze_interp.tokens import PATH, TokenBatch

BATCH = 64


@dataclass(frozen=True)
class Usual:
    """What each head writes at each cell on average over the mazes of either half; nan where a half never goes."""

    written: Float[np.ndarray, "half cell layer head d_head"]
    half: Int[np.ndarray, " maze"]


def usual(model: HookedTransformer, tokens: TokenBatch) -> Usual:
    """The means over whole sequences, the mazes with even places against those with odd ones.

    Raises ValueError if there are fewer than two.
    """
    if len(tokens) < 2:
        raise ValueError(f"a mean over other mazes needs two, not {len(tokens)}")
    at = cells(tokens)
    layers, heads, width = model.cfg.n_layers, model.cfg.n_heads, model.cfg.d_head
    half, count = np.arange(len(tokens)) % 2, int(at.max()) + 1
    sums, times = np.zeros((2, count, layers, heads, width)), np.zeros((2, count))
    for rows in _batches(tokens):
        with torch.inference_mode():
            read = access.run(model, _ids(tokens, rows), read=[Site("z", layer) for layer in range(layers)]).values
        maze, position = np.nonzero(at[rows] != NO_CELL)
        where = half[rows][maze], at[rows][maze, position]
        np.add.at(times, where, 1)
        for layer in range(layers):
            np.add.at(sums[:, :, layer], where, read[Site("z", layer)].numpy()[maze, position])
    with np.errstate(invalid="ignore", divide="ignore"):
        return Usual((sums / times[..., None, None, None]).astype(np.float32), half)


def forced(
    model: HookedTransformer, tokens: TokenBatch, heads: Bool[np.ndarray, "layer head"], said: Usual
) -> Float[np.ndarray, "maze position vocab"]:
    """Logits of whole sequences where these heads write, at the path's cells, what they write there in the other half.

    A cell that the other half never comes to is left as it is.
    """
    at, logits = cells(tokens), []
    for rows in _batches(tokens):
        mine = said.written[1 - said.half[rows][:, None], np.clip(at[rows], 0, said.written.shape[1] - 1)]
        beyond = at[rows] >= said.written.shape[1]
        known = (at[rows] != NO_CELL) & ~beyond & ~np.isnan(mine[:, :, 0, 0, 0])
        edits = {
            Site("z", layer, head): _instead(torch.from_numpy(mine[:, :, layer, head]), torch.from_numpy(known))
            for layer, head in np.argwhere(heads).tolist()
        }
        with torch.inference_mode():
            logits.append(access.run(model, _ids(tokens, rows), edits=edits).logits.numpy())
    return np.concatenate(logits)


def cells(tokens: TokenBatch) -> Int[np.ndarray, "maze position"]:
    """The cell that each token of the path names; NO_CELL elsewhere."""
    return np.where(tokens.part == PATH, tokens.cell, NO_CELL)


def _instead(value: Tensor, known: Tensor) -> access.Edit:
    return lambda written: torch.where(known[..., None], value, written)


def _ids(tokens: TokenBatch, rows: np.ndarray) -> Tensor:
    return torch.from_numpy(tokens.ids[rows]).long()


def _batches(tokens: TokenBatch) -> list[np.ndarray]:
    return np.array_split(np.arange(len(tokens)), -(-len(tokens) // BATCH))
