"""Attention knock-out: a head may no longer look from some positions to others.

The edges of the attention graph between two kinds of position are cut in one head (or in all heads of a layer): the
scores there become minus infinity before the softmax, so what the head looked at them with is shared out among the
rest, and a query that is left with nothing reads nothing. Patching a head says what it carried; cutting an edge says
from where (Geva et al. 2023, "Dissecting recall of factual associations").
"""

from collections.abc import Sequence

import numpy as np
import torch
from einops import einsum
from jaxtyping import Bool
from torch import Tensor

from maze_interp.models import HookedTransformer, Site, fused
from maze_interp.patching.changes import Stream, Swap
from maze_interp.patching.pairs import PromptPairs
from maze_interp.patching.stacked import MEMORY, Change, Progress, Runs, Sweep, stacked
from maze_interp.patching.sweep import SCORES, Places, check, sites_of, two_runs

KNOCKOUT = "knockout"


def knockout(
    model: HookedTransformer,
    pairs: PromptPairs,
    looking: Places,
    seen: Bool[np.ndarray, "seen pair position"],
    *,
    layers: Sequence[int] | None = None,
    heads: Sequence[int | None] | None = None,
    effects: Sequence[str] = ("logit_difference",),
    batch: int = 8,
    memory: float = MEMORY,
    threads: int = 0,
    progress: Progress | None = None,
) -> Sweep:
    """The clean run where a head at positions `looking[i]` does not see positions `seen[i]`; places are those cuts.

    Sites are patterns, of every head by itself; `heads=[None]` cuts all heads of a layer at once. `end` are the effects
    of the corrupted run, and cuts without an edge of the graph, which looks back or at itself, are idle. Raises
    ValueError as `sweep` does, and unless there are as many places seen as looking.
    """
    sites = sites_of(model, "pattern", layers, heads)
    check(pairs, looking, effects)
    check(pairs, seen)
    if len(looking) != len(seen):
        raise ValueError(f"each cut has a place that looks and one that is seen, not {len(looking)} and {len(seen)}")

    def runs(w: fused.Weights, share: np.ndarray) -> Runs:
        return two_runs(w, pairs[share], "noise")

    def change(swap: Swap, site: Site, share: np.ndarray) -> Change:
        queries, keys = (
            torch.from_numpy(one[:, share, : swap.into.stream[0].shape[1]]).to(swap.into.at.device)
            for one in (looking, seen)
        )
        touches = queries & (keys.long().cumsum(dim=-1) > 0)
        heads = 1 if site.head is not None else swap.w.heads

        def stream(begin: int, which: Tensor) -> Stream:
            return _cut(swap, site, begin, touches[which, :, begin:], keys[which])

        return Change(2 * site.layer + 1, touches, stream, SCORES * heads * touches.shape[-1])

    return stacked(
        model,
        pairs,
        sites,
        runs,
        change,
        direction=KNOCKOUT,
        effects=effects,
        batch=batch,
        memory=memory,
        threads=threads,
        progress=progress,
    )


def _cut(
    swap: Swap,
    site: Site,
    begin: int,
    queries: Bool[Tensor, "cut pair later"],
    keys: Bool[Tensor, "cut pair position"],
) -> Stream:
    """The stream behind the attention of a layer in which the queries do not see the keys."""
    run, layer = swap.into, site.layer
    which = slice(None) if site.head is None else slice(site.head, site.head + 1)
    q, k, v, z = (kind[layer][:, which] for kind in (run.queries, run.keys, run.values, run.mixed))
    length = k.shape[2]
    ahead = torch.ones(length - begin, length, dtype=torch.bool, device=k.device).triu(begin + 1)
    hidden = ahead | (queries[..., :, None] & keys[..., None, :])
    scores = (q[:, :, begin:] @ k.mT).masked_fill(hidden[:, :, None], -torch.inf)
    gap = scores.softmax(dim=-1).nan_to_num(0.0) @ v - z[:, :, begin:]
    writes = swap.w.layers[layer].out[0].unflatten(0, (swap.w.heads, -1))[which]
    return run.stream[2 * layer + 1][:, begin:] + einsum(gap, writes, "c b h t e, h e d -> c b t d")
