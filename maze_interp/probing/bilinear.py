"""Bilinear probes: is one cell, by what is known where it was named, the answer to what is asked where the walker is?

A linear probe of a choice has weights for every cell, so what it learns about one cell tells it nothing of another. A
bilinear probe has none: it scores cell c by

    (query @ left) · (key_c @ right)

where the query is read at the sample's position and key_c at the last token of the prompt that names cell c; left and
right have rank `rank` (32 in Jenner et al. 2024, who asked so which square comes next). Whatever it answers must be
written at both tokens in a common language. It is trained on the likelihood of the right cell by Adam with decoupled
weight decay (Loshchilov & Hutter 2019), and is as good as it is on the validation mazes at its best epoch. Of its
2 * features * rank weights rank² are not free: what `right` is turned by may be turned back by `left`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from maze_interp import seeds
from maze_interp.models import HookedTransformer, Site
from maze_interp.probing.features import Progress, read
from maze_interp.probing.positions import Asked
from maze_interp.probing.targets import CELLS, TARGETS
from maze_interp.tokens import PATH

BATCH = 64
Query = Float[np.ndarray, "sample feature"]
Keys = Float[np.ndarray, "maze cell feature"]


@dataclass(frozen=True)
class Read:
    """What a bilinear probe reads: a query for each sample, a key for each cell of a maze, and the samples' mazes."""

    query: Query
    keys: Keys
    maze: Int[np.ndarray, " sample"]


@dataclass(frozen=True)
class Bilinear:
    """A fitted bilinear probe; `centre` and `scale` standardise the features of queries (row 0) and keys (row 1)."""

    left: Float[np.ndarray, "feature rank"]
    right: Float[np.ndarray, "feature rank"]
    centre: Float[np.ndarray, "2 feature"]
    scale: Float[np.ndarray, "2 feature"]

    def predict(self, given: Read) -> Float[np.ndarray, "sample cell"]:
        """The log-odds, up to a constant, of each cell."""
        query = ((given.query - self.centre[0]) / self.scale[0]) @ self.left
        keys = ((given.keys - self.centre[1]) / self.scale[1]) @ self.right
        return np.einsum("sk,sck->sc", query, keys[given.maze])


def named_last(asked: Asked) -> Asked:
    """A sample for each cell of each maze, in their order: the last token of the prompt that names it.

    Raises ValueError, naming maze and cell, if some cell is never named.
    """
    count, cells = len(asked.mazes), asked.mazes.rows * asked.mazes.cols
    place = np.full((count, cells), -1)
    told = (asked.tokens.part != PATH) & (asked.tokens.cell >= 0)
    maze, position = np.nonzero(told)
    np.maximum.at(place, (maze, asked.tokens.cell[maze, position]), position)
    if (place < 0).any():
        which, cell = np.argwhere(place < 0)[0]
        raise ValueError(f"the prompt of maze {which} never names cell {cell}, so no key of it can be read")
    whose = np.repeat(np.arange(count), cells)
    return replace(asked, maze=whose, position=place.ravel(), step=np.zeros(count * cells, dtype=int))


def read_both(
    model: HookedTransformer, asked: Asked, sites: Sequence[Site], progress: Progress | None = None
) -> dict[Site, Read]:
    """Queries at the samples' positions and keys where each cell was named last, at each site, in one forward pass.

    Raises ValueError if a sample stands before a key of its maze: what is read there comes later than the sample.
    """
    named = named_last(asked)
    keys_end = named.position.reshape(len(asked.mazes), -1).max(axis=1)
    early = asked.position < keys_end[asked.maze]
    if early.any():
        raise ValueError(
            f"a bilinear probe's keys are read up to the end of the prompt, and sample {int(early.argmax())} stands "
            "before: ask at path_start or behind it"
        )
    whose, where = (np.concatenate([getattr(one, k) for one in (named, asked)]) for k in ("maze", "position"))
    order = np.argsort(whose, kind="stable")
    both = replace(asked, maze=whose[order], position=where[order], step=np.zeros(len(order), dtype=int))
    place = np.argsort(order)
    keys, queries = place[: len(named)], place[len(named) :]
    found = read(model, both, sites, progress=progress)
    shape = len(asked.mazes), -1
    return {site: Read(x[queries], x[keys].reshape(*shape, x.shape[1]), asked.maze) for site, x in found.items()}


def refused(target: str) -> str:
    """Why a target can be none of a bilinear probe's; "" if it can."""
    return "" if TARGETS[target].among == CELLS else f"a bilinear probe answers with a cell, which {target!r} is not"


def parameters(features: int, rank: int) -> int:
    """The free parameters of a bilinear probe: those of a matrix of at most so high a rank."""
    rank = min(rank, features)
    return rank * (2 * features - rank)


def answers(outputs: Float[np.ndarray, "sample cell"]) -> Int[np.ndarray, " sample"]:
    """The cell whose output is 1 in each sample, -1 where none is known."""
    return np.where(np.isnan(outputs).any(axis=1), -1, np.nan_to_num(outputs).argmax(axis=1))


def fit(
    train: tuple[Read, Int[np.ndarray, " sample"]],
    unseen: tuple[Read, Int[np.ndarray, " unseen"]],
    *,
    seed: int,
    rank: int = 32,
    epochs: int = 10,
    rate: float = 3e-3,
    decay: float = 0.1,
    progress: Progress | None = None,
) -> Bilinear:
    """The probe of the epoch whose answers to the unseen samples are likeliest. `progress` counts epochs.

    Raises ValueError if there are fewer mazes than the probe has free parameters.
    """
    given, right = train
    known = np.flatnonzero(right >= 0)
    mazes, needed = len(np.unique(given.maze[known])), parameters(given.query.shape[1], rank)
    if mazes < needed:
        raise ValueError(f"a bilinear probe of rank {rank} has {needed:,} parameters, but {mazes:,} mazes are given")
    centre, scale = _spread(given)
    query, keys = (torch.from_numpy(one) for one in _standardised(given, centre, scale))
    maze, answer = torch.from_numpy(given.maze), torch.from_numpy(right)
    generator = torch.Generator().manual_seed(seeds.derive(seed, "bilinear"))
    width = query.shape[1]
    sides = [torch.randn(width, rank, generator=generator) / (width * rank) ** 0.25 / width**0.25 for _ in range(2)]
    weights = [torch.nn.Parameter(side) for side in sides]
    optimiser = torch.optim.AdamW(weights, lr=rate, weight_decay=decay)
    best, least = Bilinear(sides[0].numpy().copy(), sides[1].numpy().copy(), centre, scale), np.inf
    for epoch in range(epochs):
        order = torch.from_numpy(known)[torch.randperm(len(known), generator=generator)]
        for rows in order.split(BATCH):
            optimiser.zero_grad()
            _loss(query[rows] @ weights[0], keys[maze[rows]] @ weights[1], answer[rows]).backward()
            optimiser.step()
        left, right_side = (weight.detach().numpy().copy() for weight in weights)
        now = Bilinear(left, right_side, centre, scale)
        lost = unlikely(now, *unseen)
        best, least = (now, lost) if lost < least else (best, least)
        if progress is not None:
            progress(epoch + 1, epochs)
    return best


def unlikely(probe: Bilinear, given: Read, right: Int[np.ndarray, " sample"]) -> float:
    """The mean -log P(right cell) in nats over the samples that have one."""
    known = right >= 0
    odds = torch.from_numpy(probe.predict(given)[known])
    return float(F.cross_entropy(odds, torch.from_numpy(right[known])))


def _loss(query: Tensor, keys: Tensor, answer: Tensor) -> Tensor:
    return F.cross_entropy(torch.einsum("sk,sck->sc", query, keys), answer)


def _spread(given: Read) -> tuple[Float[np.ndarray, "2 feature"], Float[np.ndarray, "2 feature"]]:
    keys = given.keys.reshape(-1, given.keys.shape[2])
    centre = np.stack([given.query.mean(axis=0), keys.mean(axis=0)])
    scale = np.stack([given.query.std(axis=0), keys.std(axis=0)])
    return centre, np.where(scale > 1e-6 * (1 + np.abs(centre)), scale, 1.0).astype(np.float32)


def _standardised(given: Read, centre: np.ndarray, scale: np.ndarray) -> Sequence[np.ndarray]:
    return (given.query - centre[0]) / scale[0], (given.keys - centre[1]) / scale[1]
