"""Ablation: what a part says about this maze is taken away, and nothing that knows the fork is put in its place.

Three ways, one function and one line each. `zero` puts nothing there, which no later layer has ever seen. `mean` puts
what the part says on average in other mazes, and `resample` what it says in one other maze: both keep what it says of
any maze and remove what it says of this one, and only `resample` gives later layers an input that they know. Others are
asked where it means the same (MEANINGS), not at the same position: position 57 is the goal in one maze and a corridor
in the next. An ablation is a swap whose other run is made up, so it goes through the network as patches do.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from maze_interp import recipes, seeds
from maze_interp.models import HookedTransformer, Site, fused, reruns
from maze_interp.models.reruns import Record
from maze_interp.patching.changes import CHANGES, Swap
from maze_interp.patching.effects import Choice
from maze_interp.patching.meanings import MEANINGS, NOT_READ
from maze_interp.patching.pairs import PromptPairs
from maze_interp.patching.stacked import MEMORY, Change, Progress, Runs, Sweep, ids_of, numpy, stacked
from maze_interp.patching.sweep import Places, check, patch, sites_of

ABLATED = tuple(kind for kind in CHANGES if kind != "pattern")  # what a head attends to is cut by `knockout`
FOLDS = 8
HEADS = ("queries", "keys", "values", "mixed")  # of a record, by head


@dataclass(frozen=True)
class Others:
    """Whom an ablation may ask: all pairs, how many of them to run at once, and a seed."""

    w: fused.Weights
    pairs: PromptPairs
    batch: int
    seed: int


Whole = Float[Tensor, "pair position everything"]  # all that a run holds at each position
Ablation = Callable[[Whole, np.ndarray], Whole]  # what it becomes, for some pairs by their indices


def zero(others: Others) -> Ablation:
    """Zeros."""
    return lambda whole, share: torch.zeros_like(whole)


def mean(others: Others) -> Ablation:
    """The mean over all positions of the same meaning in the clean prompts of other mazes.

    Mazes lie in FOLDS parts, and the means for each part are over the other parts: no maze enters its own. A meaning
    that no other part has stays as it is.
    """
    fold = torch.from_numpy(_mazes(others.pairs) % FOLDS)
    sums, counts = torch.zeros(0), torch.zeros(FOLDS * len(MEANINGS))
    for begin in range(0, len(others.pairs), others.batch):
        share = np.arange(begin, min(begin + others.batch, len(others.pairs)))
        whole = _ran(others, share)
        meaning = _meaning(others.pairs, share, whole)
        sums = sums if len(sums) else whole.new_zeros(len(counts), whole.shape[2])
        group, read = fold[share][:, None] * len(MEANINGS) + meaning, meaning != NOT_READ
        sums.index_add_(0, group[read].to(sums.device), whole[read.to(whole.device)])
        counts += torch.bincount(group[read], minlength=len(counts))
    sums, counts = sums.unflatten(0, (FOLDS, -1)), counts.unflatten(0, (FOLDS, -1))
    elsewhere = (counts.sum(dim=0) - counts).to(sums.device)
    means = (sums.sum(dim=0) - sums) / elsewhere.clamp(min=1)[..., None]

    def made(whole: Whole, share: np.ndarray) -> Whole:
        meaning, part = _meaning(others.pairs, share, whole), fold[share][:, None]
        known = (meaning.to(whole.device) != NOT_READ) & (elsewhere[part, meaning] > 0)
        return torch.where(known[..., None], means[part, meaning], whole)

    return made


def resample(others: Others) -> Ablation:
    """The clean run of one pair of another maze, drawn for each pair from (seed, pair).

    The k-th position of a meaning becomes the other's k-th of that meaning, counted round where it has fewer. It is
    drawn from pairs that have all the meanings, if there are any; what the other lacks stays as it is.
    """
    pairs, maze = others.pairs, _mazes(others.pairs)
    has = np.stack([(pairs.meaning == index).any(axis=1) for index in range(len(MEANINGS))], axis=1)
    drawn = np.empty(len(pairs), int)
    for pair in range(len(pairs)):
        foreign = maze != maze[pair]
        able = foreign & (has >= has[pair]).all(axis=1)
        chosen = np.flatnonzero(able if able.any() else foreign)
        drawn[pair] = seeds.generator(others.seed, "resample", pair).choice(chosen)

    def made(whole: Whole, share: np.ndarray) -> Whole:
        other = _ran(others, drawn[share])
        length = whole.shape[1]
        alike = np.stack([_alike(pairs.meaning[i, :length], pairs.meaning[drawn[i]]) for i in share])
        at = torch.from_numpy(alike).to(whole.device)
        row = torch.arange(len(share), device=whole.device)[:, None]
        return torch.where((at >= 0)[..., None], other[row, at.clamp(min=0)], whole)

    return made


ABLATIONS: dict[str, Callable[[Others], Ablation]] = {"zero": zero, "mean": mean, "resample": resample}


def ablate(
    model: HookedTransformer,
    pairs: PromptPairs,
    kind: str,
    how: str,
    places: Places,
    *,
    layers: Sequence[int] | None = None,
    heads: Sequence[int] | None = None,
    effects: Sequence[str] = ("logit_difference",),
    seed: int = 0,
    batch: int = 8,
    memory: float = MEMORY,
    threads: int = 0,
    progress: Progress | None = None,
) -> Sweep:
    """The clean run with sites of one kind ablated at each place; `end` are the effects of the corrupted run.

    `how` is one of ABLATIONS. Whatever has the same value before and after is idle, and what no other maze has among
    it. Raises ValueError as `sweep` does, and if all pairs are of one maze where others are asked.
    """
    if how not in ABLATIONS:
        raise recipes.unknown("ablation", how, ABLATIONS)
    sites = sites_of(model, kind, layers, heads, kinds=ABLATED)
    check(pairs, places, effects)
    if how != "zero" and len(np.unique(pairs.maze)) < 2:
        raise ValueError(f"ablation by {how} asks other mazes, but all {len(pairs)} pairs are of one")
    with torch.inference_mode():
        ablation = ABLATIONS[how](Others(fused.weights(model), pairs, batch, seed))

    def runs(w: fused.Weights, share: np.ndarray) -> Runs:
        clean, corrupted = (reruns.record(w, *ids_of(w, pairs[share], which)) for which in ("clean", "corrupted"))
        made = _record(w, clean, ablation(_whole(w, clean), share))
        choice = Choice(pairs.right[share], pairs.wrong[share], numpy(clean.logits))
        return Runs(Swap(w, clean, made), choice, numpy(clean.logits), numpy(corrupted.logits))

    def change(swap: Swap, site: Site, share: np.ndarray) -> Change:
        return patch(swap, site, places[:, share, : swap.into.stream[0].shape[1]])

    return stacked(
        model,
        pairs,
        sites,
        runs,
        change,
        direction=how,
        effects=effects,
        batch=batch,
        memory=memory,
        threads=threads,
        progress=progress,
    )


def _mazes(pairs: PromptPairs) -> Int[np.ndarray, " pair"]:
    """The maze of each pair, numbered without gaps."""
    return np.unique(pairs.maze, return_inverse=True)[1]


def _meaning(pairs: PromptPairs, share: np.ndarray, whole: Whole) -> Int[Tensor, "pair position"]:
    return torch.from_numpy(pairs.meaning[share, : whole.shape[1]]).long()


def _alike(meaning: Int[np.ndarray, " position"], other: Int[np.ndarray, " other"]) -> Int[np.ndarray, " position"]:
    """For each position one of the other prompt's that means the same, in order; -1 where there is none."""
    at = np.full(len(meaning), -1)
    for index in np.setdiff1d(meaning, NOT_READ):
        mine, theirs = np.flatnonzero(meaning == index), np.flatnonzero(other == index)
        if len(theirs):
            at[mine] = theirs[np.arange(len(mine)) % len(theirs)]
    return at


def _ran(others: Others, which: np.ndarray) -> Whole:
    """What the clean runs of some pairs hold."""
    w = others.w
    return _whole(w, reruns.record(w, *ids_of(w, others.pairs[which], "clean")))


def _whole(w: fused.Weights, run: Record) -> Whole:
    """All that a run holds at each position; queries and keys as if it were the first, so that positions compare."""
    bare = _turned(w, run, -1)
    heads = [one.transpose(1, 2).flatten(2) for kind in HEADS for one in getattr(bare, kind)]
    return torch.cat([*bare.stream, *heads], dim=2)


def _record(w: fused.Weights, like: Record, whole: Whole) -> Record:
    """The inverse of `_whole`; logits and where they are asked are those of another record."""
    parts, depths, layers = (
        whole.split(whole.shape[2] // (6 * len(w.layers) + 1), dim=2),
        len(like.stream),
        len(w.layers),
    )
    heads = [one.unflatten(2, (w.heads, -1)).transpose(1, 2) for one in parts[depths:]]
    kinds: dict[str, Any] = {kind: tuple(heads[i * layers : (i + 1) * layers]) for i, kind in enumerate(HEADS)}
    return _turned(w, replace(like, stream=parts[:depths], **kinds), 1)


def _turned(w: fused.Weights, run: Record, way: int) -> Record:
    """A run with its queries and keys turned on by their positions, or back; as it is where positions are learned."""
    if w.rotary is None:
        return run
    cos, sin = w.rotary
    by, at = replace(w, rotary=(cos, way * sin)), torch.arange(run.stream[0].shape[1], device=cos.device)
    queries, keys = (tuple(fused.turned(by, one, at) for one in kind) for kind in (run.queries, run.keys))
    return replace(run, queries=queries, keys=keys)
