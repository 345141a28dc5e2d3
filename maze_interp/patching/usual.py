"""What a head says of this maze is taken away where the path is, and what is usual there put in its place.

At every cell of the path a head's output is replaced by its mean at that cell in other mazes. Ablation by mean
(`ablation`) keeps what a head says of any token of a meaning; a head that merely says which cell it stands at would
seem to matter there. What is lost here is what the head had read of the maze (or of the path before). Where means are
over visits that also take the same next step, what is lost is what it had read besides the next step. The mazes lie in
two halves, each replaced by means over the other, so that no maze enters its own.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from maze_interp import seeds
from maze_interp.mazes import NO_CELL
from maze_interp.models import HookedTransformer, Site, access
from maze_interp.patching.behind import Behind, batches
from maze_interp.tokens import PATH, TokenBatch


@dataclass(frozen=True)
class Usual:
    """What each head writes on average over the visits of one kind in either half; nan where a half has none.

    `kind` says of which kind the visit at each position is; NO_CELL where there is none.
    """

    written: Float[np.ndarray, "half kind layer head d_head"]
    kind: Int[np.ndarray, "maze position"]
    half: Int[np.ndarray, " maze"]

    def where(self, chosen: Bool[np.ndarray, "maze position"]) -> "Usual":
        """The same at these positions alone."""
        return replace(self, kind=np.where(chosen, self.kind, NO_CELL))

    @property
    def known(self) -> Bool[np.ndarray, "maze position"]:
        """Where there is a mean to write."""
        has = ~np.isnan(self.written[:, :, 0, 0, 0])
        return (self.kind != NO_CELL) & has[1 - self.half[:, None], np.maximum(self.kind, 0)]


def usual(model: HookedTransformer, tokens: TokenBatch, kind: Int[np.ndarray, "maze position"] | None = None) -> Usual:
    """The means over whole sequences, the mazes with even places against those with odd ones.

    Visits of one `kind` (None: of one cell, see `cells`) have one mean. Raises ValueError for fewer than two sequences.
    """
    if len(tokens) < 2:
        raise ValueError(f"a mean over other mazes needs two, not {len(tokens)}")
    kind = cells(tokens) if kind is None else kind
    layers, heads, width = model.cfg.n_layers, model.cfg.n_heads, model.cfg.d_head
    half, count = np.arange(len(tokens)) % 2, int(kind.max()) + 1
    sums, times = np.zeros((2, count, layers, heads, width)), np.zeros((2, count))
    for rows in batches(tokens):
        with torch.inference_mode():
            ids = torch.from_numpy(tokens.ids[rows]).long().to(model.embed.W_E.device)
            read = access.run(model, ids, read=[Site("z", layer) for layer in range(layers)]).values
        maze, position = np.nonzero(kind[rows] != NO_CELL)
        where = half[rows][maze], kind[rows][maze, position]
        np.add.at(times, where, 1)
        for layer in range(layers):
            np.add.at(sums[:, :, layer], where, read[Site("z", layer)].cpu().numpy()[maze, position])
    with np.errstate(invalid="ignore", divide="ignore"):
        return Usual((sums / times[..., None, None, None]).astype(np.float32), kind, half)


def forced(
    read: Behind, heads: Bool[np.ndarray, "layer head"], said: Usual
) -> Float[np.ndarray, "maze position vocab"]:
    """Logits from the paths' beginnings on where these heads write what they write in the other half on visits of the
    same kind; zeros before.

    A visit of a kind that the other half has none of is left as it is.
    """

    def instead(layer: int, rows: np.ndarray, at: slice) -> tuple[Tensor, Tensor]:
        part = replace(said, kind=said.kind[rows, at], half=said.half[rows])
        mine = said.written[1 - part.half[:, None], np.maximum(part.kind, 0), layer]
        return torch.from_numpy(part.known), torch.from_numpy(mine)

    return read.again(heads, instead)


def cells(tokens: TokenBatch) -> Int[np.ndarray, "maze position"]:
    """The cell that each token of the path names; NO_CELL elsewhere."""
    return np.where(tokens.part == PATH, tokens.cell, NO_CELL)


def steps(tokens: TokenBatch) -> Int[np.ndarray, "maze position"]:
    """Which cell the path goes on to from which, a number for each pair; at the last cell, that it ends there."""
    at = cells(tokens)
    goes = np.full_like(at, NO_CELL)
    goes[:, :-1] = at[:, 1:]
    return np.where(at == NO_CELL, NO_CELL, at * (at.max() + 2) + goes + 1)


def ends(tokens: TokenBatch) -> Int[np.ndarray, "maze position"]:
    """Which cell, and whether the path ends there: a number for each pair."""
    at = cells(tokens)
    last = np.ones_like(at, dtype=bool)
    last[:, :-1] = at[:, 1:] == NO_CELL
    return np.where(at == NO_CELL, NO_CELL, 2 * at + last)


def goals(tokens: TokenBatch) -> Int[np.ndarray, "maze position"]:
    """Which cell on the way to which goal, the last cell of the path: a number for each pair."""
    at = cells(tokens)
    last = at.shape[1] - 1 - (at[:, ::-1] != NO_CELL).argmax(axis=1)
    goal = at[np.arange(len(at)), last][:, None]
    return np.where(at == NO_CELL, NO_CELL, at * (at.max() + 1) + goal)


def dealt(tokens: TokenBatch, kind: Int[np.ndarray, "maze position"], *, seed: int) -> Int[np.ndarray, "maze position"]:
    """The kinds dealt out anew, at random, among the visits of each cell: as many of each, and they tell nothing."""
    at, mixed, rng = cells(tokens), kind.copy(), seeds.generator(seed, "dealt")
    for cell in range(at.max() + 1):
        mixed[at == cell] = rng.permutation(kind[at == cell])
    return mixed
