"""The split histories of an activation: what follows on maze j with what the activation was on maze i.

In the factual world the activation A is what the network computes of the very maze that the future follows from; in the
split world it saw another maze. So A is recorded on every maze of a population and written into the run on every
other, and what follows is read at the decision: out[i, j] is the distribution over outcomes on maze j with A from
maze i, fed to `split_history` as any other. All pairs of a site go through what is downstream of it together; what is
upstream, and before the first position, is never computed again (`models.reruns`).
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from maze_interp import recipes
from maze_interp.models import HookedTransformer, Site, fused, reruns
from maze_interp.models.reruns import Record
from maze_interp.optimisation.populations import LEAST, Population

Progress = Callable[[int, int], None]
DEPTHS = {"resid_pre": 0, "z": 1, "attn_out": 1, "resid_mid": 1, "mlp_out": 2, "resid_post": 2}
AT_ONCE = 2**26  # bytes of the residual stream that go through the network together


def recorded(model: HookedTransformer, population: Population) -> tuple[fused.Weights, Record]:
    """The run on every maze of a population, asked at the decision."""
    with torch.inference_mode():
        w = fused.weights(model)
        ids = torch.from_numpy(population.tokens.ids).long().to(w.embed.device)
        return w, reruns.record(w, ids, torch.full((len(ids),), ids.shape[1] - 1, device=ids.device))


def exchanged(
    w: fused.Weights,
    kept: Record,
    population: Population,
    site: Site,
    positions: Sequence[int],
    *,
    coding: str = "verdict",
    progress: Progress | None = None,
) -> Float[np.ndarray, "donor maze outcome"]:
    """out[i, j], the distribution over outcomes on maze j with the site from maze i at these positions.

    The diagonal is the network as it is. Raises ValueError for a kind of site that is not one of DEPTHS, a site or
    position that does not exist, and a population of fewer than 8.
    """
    begin, found = min(positions, default=0), []
    each = kept.stream[0][:, begin:]
    with torch.inference_mode():
        for depth, x in swapped(w, kept, site, positions, AT_ONCE // max(each.numel() * each.element_size(), 1)):
            found.append(population.outcomes(reruns.rerun(w, kept, depth, begin, x), coding))
            if progress is not None:
                progress(sum(map(len, found)), len(population))
    return np.concatenate(found)


def swapped(
    w: fused.Weights, kept: Record, site: Site, positions: Sequence[int], at_once: int
) -> Iterator[tuple[int, Float[Tensor, "donor maze later d_model"]]]:
    """(depth, the stream there from the first of the positions on) with the site from `at_once` mazes at a time.

    Raises ValueError as `exchanged` does.
    """
    _check(w, kept, site, positions)
    begin, depth = min(positions), 2 * site.layer + DEPTHS[site.kind]
    at = torch.tensor(sorted(positions), device=kept.at.device) - begin
    into = kept.stream[depth][:, begin:]
    parts = part(w, kept, site)[:, begin:][:, at]
    for own in parts.split(max(1, at_once)):
        x = into.expand(len(own), *into.shape).clone()
        x[:, :, at] += own[:, None] - parts[None]
        yield depth, x


def part(w: fused.Weights, kept: Record, site: Site) -> Float[Tensor, "maze position d_model"]:
    """What the site contributes to the stream at its depth: all of it, or what one part writes."""
    depth = 2 * site.layer + DEPTHS[site.kind]
    if site.kind.startswith("resid"):
        return kept.stream[depth]
    if site.kind == "z":
        writes = w.layers[site.layer].out[0].unflatten(0, (w.heads, -1))[site.head]
        return kept.mixed[site.layer][:, site.head] @ writes
    return kept.stream[depth] - kept.stream[depth - 1]


def _check(w: fused.Weights, kept: Record, site: Site, positions: Sequence[int]) -> None:
    if site.kind not in DEPTHS:
        raise recipes.unknown("kind of site to exchange", site.kind, DEPTHS)
    if site.kind == "z" and site.head is None:
        raise ValueError("z is exchanged head by head: which one?")
    site.check(len(w.layers), w.heads)
    if len(kept.at) < LEAST:
        raise ValueError(f"a population of {len(kept.at)} mazes is too few to exchange anything: at least {LEAST}")
    length = kept.stream[0].shape[1]
    if not positions or min(positions) < 0 or max(positions) >= length:
        raise ValueError(f"positions must be in 0..{length - 1}, and at least one, not {sorted(positions)}")
