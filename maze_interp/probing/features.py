"""What a probe may read: activations at any site, streamed, and bags of the input that serve as its controls.

Sequences are read in batches and no further than the last token asked about; only the samples' rows are kept. Where
the sites are of the residual stream alone, the fused pass reads them, and stops after the last layer asked for. The
bags say what could be read linearly from the input itself: token counts, the edges named so far, or nothing but where
the walker stands, starts and is to go.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Float, Int, Num
from torch import Tensor

from maze_interp import mazes, recipes
from maze_interp.models import HookedTransformer, Site, access, cores, fused, streams
from maze_interp.models.sites import PER_HEAD
from maze_interp.probing.positions import Asked
from maze_interp.tokens import EDGE, Tokenizer

Progress = Callable[[int, int], None]
Features = Num[np.ndarray, "sample feature"]
STREAM = ("resid_pre", "resid_post")
BETWEEN = ("pattern", "scores")  # these belong to pairs of positions


def sites_of(names: Sequence[str], layers: int, heads: int) -> list[Site]:
    """The sites that names mean: `resid_post` at every layer, `resid_pre:0` at one, `z:3:1` one head there.

    Raises ValueError for an unknown kind, a layer or head the model lacks, and attention patterns.
    """
    found = []
    for name in names:
        kind, *numbers = name.split(":")
        if len(numbers) > 2 or not all(number.isdigit() for number in numbers):
            raise ValueError(f"a site is a kind, kind:layer or kind:layer:head, not {name!r}")
        if kind in BETWEEN:
            raise ValueError(f"{kind} belongs to pairs of positions, so there is nothing to read at one")
        every = range(layers) if not numbers and kind != "embed" else [int(number) for number in numbers[:1]] or [0]
        found += [Site(kind, layer, *(int(number) for number in numbers[1:])) for layer in every]
    for site in found:
        site.check(layers, heads)
    if not found:
        raise ValueError("no site to read: name one or more, for example resid_post")
    return list(dict.fromkeys(found))


def width(site: Site, model: HookedTransformer) -> int:
    """How many features a site has."""
    cfg = model.cfg
    if site.kind == "mlp_post":
        return cfg.d_mlp
    per_head = site.kind in PER_HEAD
    return cfg.d_head * (cfg.n_heads if site.head is None else 1) if per_head else cfg.d_model


def stream(
    model: HookedTransformer, asked: Asked, sites: Sequence[Site], *, batch: int = 32, progress: Progress | None = None
) -> Iterator[tuple[slice, dict[Site, Float[np.ndarray, "sample feature"]]]]:
    """(which samples, their float32 features at each site), a batch of mazes at a time, by one forward pass for all.

    `progress` is called with (mazes done, mazes).
    """
    for site in sites:
        site.check(model.cfg.n_layers, model.cfg.n_heads)
    length = int(asked.tokens.length.max(initial=0))
    if length > model.cfg.n_ctx:
        raise ValueError(f"a sequence of {length} tokens does not fit the model's context of {model.cfg.n_ctx}")
    device = model.embed.W_E.device
    with torch.inference_mode():
        w = fused.weights(model) if all(site.kind in STREAM for site in sites) else None
        alone = w is not None and len(asked) == len(asked.mazes)
        known = streams.table(w, length, len(asked)) if w is not None and alone else None
    bounds = np.searchsorted(asked.maze, np.append(np.arange(0, len(asked.mazes), batch), len(asked.mazes)))
    shares = [slice(*pair) for pair in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True) if pair[0] < pair[1]]

    def at(share: slice) -> dict[Site, np.ndarray]:
        rows, row = np.unique(asked.maze[share], return_inverse=True)
        ids = torch.from_numpy(asked.tokens.ids[rows, : asked.position[share].max() + 1]).long().to(device)
        where = torch.from_numpy(row).to(device), torch.from_numpy(asked.position[share]).to(device)
        with torch.inference_mode():
            found = _hooked(model, ids, sites, where) if w is None else _residual(w, ids, sites, where, known)
        return {site: value.float().cpu().numpy() for site, value in found.items()}

    with cores.workers(cores.settle(0, device.type, len(shares)) if w is not None else 1) as pool:
        for done, (share, found) in enumerate(zip(shares, pool.map(at, shares), strict=True), start=1):
            yield share, found
            if progress is not None:
                progress(min(done * batch, len(asked.mazes)), len(asked.mazes))


def read(
    model: HookedTransformer, asked: Asked, sites: Sequence[Site], *, batch: int = 32, progress: Progress | None = None
) -> dict[Site, Float[np.ndarray, "sample feature"]]:
    """The features of all samples at each site, float32, as `stream` gives them."""
    out: dict[Site, np.ndarray] = {}
    for share, found in stream(model, asked, sites, batch=batch, progress=progress):
        for site, value in found.items():
            if site not in out:
                out[site] = np.empty((len(asked), value.shape[1]), np.float32)
            out[site][share] = value
    return out


def _residual(
    w: fused.Weights, ids: Tensor, sites: Sequence[Site], where: tuple[Tensor, Tensor], known: Tensor | None
) -> dict[Site, Tensor]:
    wanted = {site: site.layer + (site.kind == "resid_post") for site in sites}
    last = max(wanted.values())
    if len(where[0]) == len(ids):  # one sample a sequence: the last layer is worked out for it alone
        every = streams.residuals_at(w, ids, where[1], last, known)
    else:
        every = (x[where] for x in fused.residuals(w, ids, last))
    kept = {depth: x for depth, x in enumerate(every) if depth in wanted.values()}
    return {site: kept[depth] for site, depth in wanted.items()}


def _hooked(
    model: HookedTransformer, ids: Tensor, sites: Sequence[Site], where: tuple[Tensor, Tensor]
) -> dict[Site, Tensor]:
    values = access.run(model, ids, read=sites).values
    return {site: values[site][where].flatten(1) for site in sites}


def token_counts(asked: Asked, tokenizer: Tokenizer) -> Features:
    """How often each token was read, the sample's own included."""
    size, width = tokenizer.vocabulary.size, asked.tokens.ids.shape[1]
    before = np.arange(width) <= asked.position[:, None]
    sample, place = np.nonzero(before)
    index = sample * size + asked.tokens.ids[asked.maze[sample], place]
    return np.bincount(index, minlength=len(asked) * size).reshape(len(asked), size).astype(np.float32)


def edges_read(asked: Asked, tokenizer: Tokenizer) -> Features:
    """Which edges the prompt has named so far: 1 for a passage, -1 for a wall, 0 for what was not named."""
    rows, cols = asked.mazes.rows, asked.mazes.cols
    named = (asked.tokens.part == EDGE) & (asked.tokens.cell >= 0)
    maze, place = np.nonzero(named)
    low, high = np.sort(asked.tokens.cell[maze, place].reshape(-1, 2), axis=1).T
    edge = np.where(high - low == cols, low, rows * cols + low)
    when = np.full((len(asked.mazes), 2 * rows * cols), asked.tokens.ids.shape[1])
    when[maze[1::2], edge] = place[1::2]
    state = np.where(asked.mazes.passages.reshape(when.shape), 1.0, -1.0)
    inner = mazes.edge_ids(rows, cols)
    read_by_then = when[asked.maze][:, inner] <= asked.position[:, None]
    return np.where(read_by_then, state[asked.maze][:, inner], 0.0).astype(np.float32)


def three_cells(asked: Asked, tokenizer: Tokenizer) -> Features:
    """Where the walker stands, starts and is to go, and nothing of the maze."""
    here: Int[np.ndarray, " sample"] = asked.paths.cells[asked.maze, asked.step]
    cells = np.stack([here, asked.mazes.goal[asked.maze], asked.mazes.start[asked.maze]], axis=1)
    one_hot = cells[:, :, None] == np.arange(asked.mazes.rows * asked.mazes.cols)
    return one_hot.reshape(len(asked), -1).astype(np.float32)


BAGS: dict[str, Callable[[Asked, Tokenizer], Features]] = {
    "tokens": token_counts,
    "edges": edges_read,
    "cells": three_cells,
}


def bag(name: str, asked: Asked, tokenizer: Tokenizer) -> Features:
    """The features of a bag of the input. Raises ValueError for an unknown one."""
    if name not in BAGS:
        raise recipes.unknown("bag", name, BAGS)
    return BAGS[name](asked, tokenizer)
