"""Put several questions about one maze behind a single reading of it.

A batch of sequences in which every `branches` consecutive rows share their maze section (same maze, same order of
edges) becomes one packed row per maze; see `models.fused` for what a packed row means to the network.
"""

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from maze_interp.models.fused import Packed
from maze_interp.tokens.batch import EDGE, TokenBatch

IGNORE = -100  # torch's cross entropy skips this target


def pack(
    tokens: TokenBatch, branches: int, *, padding: int, device: torch.device | str = "cpu"
) -> tuple[Packed, Int[Tensor, "maze branch_position"]]:
    """Packed rows, and for each position behind the prompt the token to predict (IGNORE where it is not graded).

    `padding` is the padding token's id. Raises ValueError if the rows do not come in groups of `branches`.
    """
    if len(tokens) % branches:
        raise ValueError(f"{len(tokens)} sequences are not groups of {branches}")
    shared = (tokens.part == EDGE).sum(axis=1)
    own = (tokens.length - shared).reshape(-1, branches)
    width = int(shared.max())
    begin = width + own.cumsum(axis=1) - own
    shape = (len(own), width + int(own.sum(axis=1).max()))
    ids, position, branch = np.full(shape, padding), np.zeros(shape, np.int64), np.full(shape, -1)
    targets = np.full(shape, IGNORE)

    row, column = np.nonzero(np.arange(width) < shared[::branches, None])
    ids[row, column], position[row, column], branch[row, column] = tokens.ids[row * branches, column], column, 0

    columns = np.arange(tokens.ids.shape[1])
    row, column = np.nonzero((columns >= shared[:, None]) & (columns < tokens.length[:, None]))
    to = (row // branches, begin.ravel()[row] + column - shared[row])
    ids[to], position[to], branch[to] = tokens.ids[row, column], column, row % branches + 1
    following = tokens.ids[row, np.minimum(column + 1, len(columns) - 1)]
    targets[to] = np.where(tokens.graded[row, column], following, IGNORE)
    on_device = [torch.from_numpy(array).to(device) for array in (ids, position, branch)]
    packed = Packed(on_device[0], on_device[1], on_device[2], prompt=width)
    return packed, torch.from_numpy(targets[:, width:]).to(device)
