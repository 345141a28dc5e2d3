"""Attribution patching: what every patch would do, to first order, from one pass forwards and one backwards.

To patch a site at a position moves it by a known difference, so its effect is about that difference times the gradient
of the logit difference there (Nanda 2023, "Attribution patching"): all sites and positions at once, instead of one run
each. Where attention or a layer norm is saturated the gradient of the one run hides what the patch would do. Integrated
gradients are averaged along the straight line between the two runs' embeddings (Sundararajan et al. 2017): before the
first layer they add up to the whole change. `agreement` says how far such estimates rank sites as true effects do.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from maze_interp.models import HookedTransformer, Site, fused, reruns
from maze_interp.models.reruns import Record
from maze_interp.patching.changes import VALUES, Swap, value_at
from maze_interp.patching.pairs import PromptPairs
from maze_interp.patching.stacked import Progress
from maze_interp.patching.sweep import Places, check_direction, sites_of, two_runs
from maze_interp.tables import ranks

HELD = ("stream", "queries", "keys", "values", "mixed")  # of a record, by layer
BEHIND = {"attn_out": "resid_mid", "mlp_out": "resid_post"}  # what is written is added: its gradient is the stream's


@dataclass(frozen=True)
class Attribution:
    """Estimates for sites of one kind, nats of the logit difference: `values` [site, pair, position].

    `moved` is how far each value moves if it is patched, the length of the difference: what an estimate without any
    gradient knows.
    """

    sites: tuple[Site, ...]
    values: Float[np.ndarray, "site pair position"]
    moved: Float[np.ndarray, "site pair position"]


def attribution(
    model: HookedTransformer,
    pairs: PromptPairs,
    kinds: Sequence[str],
    *,
    steps: int = 0,
    direction: str = "denoise",
    batch: int = 8,
    progress: Progress | None = None,
) -> dict[str, Attribution]:
    """What patching sites of each kind at each position would add to the logit difference, as `sweep` counts it.

    With `steps` 0 from the gradient in the run that is patched, else from gradients at that many points between the
    two runs (Gauss-Legendre). One backward pass for each serves all kinds. `progress` counts pairs. Raises ValueError
    for an unknown direction, a negative number of steps, and kinds without an estimate (patterns).
    """
    check_direction(direction)
    if steps < 0:
        raise ValueError(f"gradients are taken at 0 or more points between two runs, not {steps}")
    sites = {kind: sites_of(model, kind, None, None, kinds=VALUES) for kind in kinds}
    length = int(pairs.decision.max()) + 1
    found = {kind: np.zeros((2, len(each), len(pairs), length), np.float32) for kind, each in sites.items()}
    with torch.no_grad():
        w = fused.weights(model)
    order = np.argsort(pairs.decision, kind="stable")
    for begin in range(0, len(pairs), batch):
        share = order[begin : begin + batch]
        with torch.no_grad():
            swap = two_runs(w, pairs[share], direction).swap
        slopes = _slopes(swap, pairs[share], steps)
        for kind, each in sites.items():
            for index, site in enumerate(each):
                gap = value_at(swap.out_of, site) - value_at(swap.into, site)
                slope = value_at(slopes, Site(BEHIND.get(kind, kind), site.layer, site.head))
                both = torch.stack([(gap * slope).sum(dim=-1), gap.norm(dim=-1)])
                found[kind][:, index, share, : gap.shape[1]] = both.cpu().numpy()
        if progress is not None:
            progress(begin + len(share), len(pairs))
    read = np.arange(length) <= pairs.decision[:, None]
    return {kind: Attribution(tuple(each), *(found[kind] * read)) for kind, each in sites.items()}


def at_places(values: Float[np.ndarray, "site pair position"], places: Places) -> Float[np.ndarray, "site place pair"]:
    """The sum over the positions of each place: what to first order patching them together does."""
    return np.einsum("sbt, pbt -> spb", values, places, optimize=True)


def agreement(
    estimated: Float[np.ndarray, "pair column"],
    true: Float[np.ndarray, "pair column"],
    maze: Int[np.ndarray, " pair"],
) -> tuple[float, float, float]:
    """(rank correlation, low, high) of mean estimates and mean effects over columns: sites, or sites at places.

    Spearman's, with the jackknife's 95% interval over mazes (Tukey 1958): a bootstrap would count one maze twice on
    both sides, and rank noise as agreement. It covers the mean over samples of as many mazes, not the correlation of
    means without noise: noise of either alone lowers the first below the second, noise of both may raise it. All three
    are nan with fewer than three mazes, and where either mean is the same everywhere, be it without one of the mazes.
    """
    of_maze = np.unique(maze, return_inverse=True)[1]
    count = int(of_maze.max(initial=-1)) + 1
    both = np.zeros((count, 2, estimated.shape[1]))
    np.add.at(both, of_maze, np.stack([estimated, true], axis=1))
    whole = both.sum(axis=0)
    value, without = _spearman(*whole), np.array([_spearman(*(whole - one)) for one in both])
    if count < 3 or np.isnan([value, *without]).any():
        return float("nan"), float("nan"), float("nan")
    half = NormalDist().inv_cdf(0.975) * float(np.sqrt((count - 1) * without.var()))
    return value, max(-1.0, value - half), min(1.0, value + half)


def _spearman(first: Float[np.ndarray, " column"], second: Float[np.ndarray, " column"]) -> float:
    if len(first) < 2 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return float("nan")
    return float(np.corrcoef(ranks(first), ranks(second))[0, 1])


def _slopes(swap: Swap, pairs: PromptPairs, steps: int) -> Record:
    """The gradient of the logit difference at all that a run holds, averaged over points between the two runs."""
    nodes, weights = (np.array([-1.0]), np.array([2.0])) if steps == 0 else np.polynomial.legendre.leggauss(steps)
    found = [_slope(swap, pairs, (1 + float(node)) / 2) for node in nodes]

    def mean(*each: Tensor) -> Tensor:
        return torch.stack([float(weight) / 2 * one for weight, one in zip(weights, each, strict=True)]).sum(dim=0)

    return _map(mean, *found)


def _slope(swap: Swap, pairs: PromptPairs, share: float) -> Record:
    """The gradient at one point, that share of the way from the patched run's embedding to the other's."""
    into, out_of, at = swap.into.stream[0], swap.out_of.stream[0], swap.into.at
    with torch.enable_grad():
        run = reruns.record_from(swap.w, torch.lerp(into, out_of, share).requires_grad_(), at)
        row = np.arange(len(pairs))
        asked = (run.logits[row, pairs.right] - run.logits[row, pairs.wrong]).sum()
        held = [one for kind in HELD for one in getattr(run, kind)]
        slopes = iter(torch.autograd.grad(asked, held))
    return _map(lambda _: next(slopes), run)


def _map(make: Callable[..., Tensor], *runs: Record) -> Record:
    """A record whose tensors are made of those of other records, in the order of HELD."""
    kinds: dict[str, Any] = {
        kind: tuple(make(*each) for each in zip(*(getattr(run, kind) for run in runs), strict=True)) for kind in HELD
    }
    return replace(runs[0], **kinds)
