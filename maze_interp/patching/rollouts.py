"""Does the whole path turn with a patch, or only the preference at the fork?

A patch that moves the logits at the fork may still be talked over by what comes next: at the following step the network
reads the maze again. So the patched run is written on, greedily and with the patch held: later tokens see the prompt as
the patched run left it, keys and values and all, and are themselves untouched. What is written is the clean maze's way
to its goal, the corrupted maze's, or neither (a wrong way, an illegal step, a path without end).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from maze_interp import mazes, models
from maze_interp.mazes import MazeBatch
from maze_interp.models import HookedTransformer, Site, continuing, fused
from maze_interp.models.decoding import Prompt
from maze_interp.patching.changes import Mask, Swap, changed, depth_of, value_at
from maze_interp.patching.pairs import PromptPairs
from maze_interp.patching.stacked import MEMORY, Progress
from maze_interp.patching.sweep import Places, check, check_direction, patch, sites_of, two_runs
from maze_interp.tokens import Tokenizer
from maze_interp.tokens.vocabulary import PATH_END

CLEAN, CORRUPTED, NEITHER = 0, 1, 2


@dataclass(frozen=True)
class Rollouts:
    """Which way each patched run went to its end, [site, place, pair]: CLEAN, CORRUPTED or NEITHER.

    `begin` is the way of the run that was patched and `end` that of the run the parts came from, [pair].
    """

    direction: str
    sites: tuple[Site, ...]
    took: Int[np.ndarray, "site place pair"]
    begin: Int[np.ndarray, " pair"]
    end: Int[np.ndarray, " pair"]


def flips(found: Rollouts) -> Float[np.ndarray, "site place pair"]:
    """1 where a patched run went the way of the run that the parts came from, else 0.

    nan for pairs of which this cannot be asked: those whose own two runs do not each go its maze's way.
    """
    own, other = (CORRUPTED, CLEAN) if found.direction == "denoise" else (CLEAN, CORRUPTED)
    asked = (found.begin == own) & (found.end == other)
    return np.where(asked, found.took == other, np.nan)


def rollouts(
    model: HookedTransformer,
    pairs: PromptPairs,
    kind: str,
    places: Places,
    *,
    layers: Sequence[int] | None = None,
    heads: Sequence[int] | None = None,
    direction: str = "denoise",
    batch: int = 16,
    memory: float = MEMORY,
    progress: Progress | None = None,
) -> Rollouts:
    """Patch sites of one kind at each place, as `sweep` does, and let the model write on from there.

    `progress` counts pairs times sites. Raises ValueError as `sweep` does, and where the two mazes of every pair ask
    for the same way: then no path can turn.
    """
    sites = sites_of(model, kind, layers, heads)
    check_direction(direction)
    check(pairs, places)
    ways = _ways(pairs, model.maze_tokenizer)
    if (ways[0] == ways[1]).all():
        raise ValueError(f"{pairs.family}: both mazes of every pair ask for the same way, so no path can turn")
    runs = (pairs.corrupted, pairs.clean) if direction == "denoise" else (pairs.clean, pairs.corrupted)
    limit = ways.shape[2]
    begin, end = (_took(models.decode(model, run, limit), ways) for run in runs)
    took, done = np.broadcast_to(begin, (len(sites), len(places), len(pairs))).copy(), 0
    with torch.inference_mode():
        w = fused.weights(model)
        for share in _shares(pairs.decision, batch):
            swap = two_runs(w, pairs[share], direction).swap
            for index, site in enumerate(sites):
                touches = patch(swap, site, places[:, share, : swap.into.stream[0].shape[1]]).touches
                for some in _fitting(touches, swap, memory):
                    written = _written(model, w, *_held(swap, site, touches[some]), limit)
                    written = written.reshape(len(some), len(share), limit)
                    took[index, some.numpy()[:, None], share] = [_took(one, ways[:, share]) for one in written]
                done += len(share)
                if progress is not None:
                    progress(done, len(pairs) * len(sites))
    return Rollouts(direction, tuple(sites), took, begin, end)


def _ways(pairs: PromptPairs, tokenizer: Tokenizer) -> Int[np.ndarray, "2 pair step"]:
    """The tokens from the fork to the goal and the end, of the clean and of the corrupted maze; -1 behind them."""
    found = [
        _way(replace(maze, start=run.cell[np.arange(len(pairs)), pairs.decision].astype(np.int32)), tokenizer)
        for maze, run in ((pairs.mazes, pairs.clean), (pairs.edited, pairs.corrupted))
    ]
    steps = max(way.shape[1] for way in found)
    return np.stack([np.pad(way, ((0, 0), (0, steps - way.shape[1])), constant_values=-1) for way in found])


def _way(batch: MazeBatch, tokenizer: Tokenizer) -> Int[np.ndarray, "pair step"]:
    path = mazes.solve(batch)
    token = tokenizer.vocabulary.cell_ids[: batch.rows, : batch.cols].reshape(-1)[path.cells[:, 1:]]
    step = np.arange(path.cells.shape[1])
    token = np.pad(token, ((0, 0), (0, 1)))
    length = path.length[:, None] - 1
    return np.select([step < length, step == length], [token, np.full_like(token, PATH_END)], -1)


def _took(written: Int[np.ndarray, "pair step"], ways: Int[np.ndarray, "2 pair step"]) -> Int[np.ndarray, " pair"]:
    """Whose way was written to its end."""
    clean, corrupted = ((way == written) | (way < 0) for way in ways)
    return np.select([clean.all(axis=1), corrupted.all(axis=1)], [CLEAN, CORRUPTED], NEITHER)


def _shares(decision: Int[np.ndarray, " pair"], batch: int) -> Iterator[np.ndarray]:
    """A few pairs at a time whose prompts are of one length."""
    for one in np.unique(decision):
        same = np.flatnonzero(decision == one)
        yield from (same[begin : begin + batch] for begin in range(0, len(same), batch))


def _fitting(touches: Bool[Tensor, "place pair position"], swap: Swap, memory: float) -> tuple[Tensor, ...]:
    """The places at which anything changes, as many at once as fit: activations of one layer, and all that is kept."""
    d_model, d_mlp = swap.w.layers[0].out[0].shape[1], swap.w.layers[0].mlp_in[0].shape[1]
    position = 4 * (8 * d_model + 2 * d_mlp + 2 * d_model * len(swap.w.layers))
    busy = touches.flatten(1).any(dim=1).nonzero()[:, 0].cpu()
    count = max(1, int(memory * 2**20 / (position * touches.shape[1] * touches.shape[2])))
    return busy.split(count) if len(busy) else ()


def _held(swap: Swap, site: Site, mask: Mask) -> tuple[Prompt, Float[Tensor, "row vocab"]]:
    """The patched prompts as later tokens see them, and the logits at their ends; rows are places, then pairs."""
    into = swap.into
    prompt, logits = continuing.changed_prompt(swap.w, into, depth_of(site), 0, changed(swap, site, 0, mask))
    if site.kind in ("k", "v"):
        held = torch.where(mask[..., None], value_at(swap.out_of, site), value_at(into, site)).flatten(0, 1)
        {"k": prompt.keys, "v": prompt.values}[site.kind][site.layer][:, site.head] = held
    return prompt, logits


def _written(
    model: HookedTransformer, w: fused.Weights, prompt: Prompt, logits: Tensor, limit: int
) -> Int[np.ndarray, "row step"]:
    """What is written behind the prompts; -1 where the context has no room."""
    room = min(limit, model.cfg.n_ctx - int(prompt.length[0]) + 1)
    written = np.full((len(logits), limit), -1)
    written[:, :room] = continuing.write_on(w, prompt, logits, room)
    return written
