"""Activation patching at many places at once: part of one run put into another, everywhere, and the effect at the fork.

A sweep patches one kind of site, at every layer (and head), once for each of a list of places. A place says of each
pair which of its positions are patched: a single position, or all that mean the same. Patches of one layer go through
the rest of the network together, from the first position that changes; places where the two runs do not differ change
nothing and cost nothing. Memory stays under `memory` whatever the size of the sweep.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from maze_interp import recipes
from maze_interp.models import HookedTransformer, Site, cores, fused, reruns
from maze_interp.models.sites import PER_HEAD
from maze_interp.patching.changes import CHANGES, Swap, changed, depth_of
from maze_interp.patching.effects import EFFECTS, Choice, effect
from maze_interp.patching.meanings import MEANINGS
from maze_interp.patching.pairs import PromptPairs

Progress = Callable[[int, int], None]
Places = Bool[np.ndarray, "place pair position"]
DIRECTIONS = ("denoise", "noise")
MEMORY = 64.0  # MiB of activations in flight: about what a core's share of the cache can still feed


@dataclass(frozen=True)
class Sweep:
    """The effects of patches: `values[name]` is [site, place, pair].

    `begin` and `end` are the same effects of the run that was patched and of the run the parts came from, [pair]; a
    patch without a position that differs in the two changes nothing, and `idle` counts those, by site.
    """

    direction: str
    sites: tuple[Site, ...]
    values: dict[str, Float[np.ndarray, "site place pair"]]
    begin: dict[str, Float[np.ndarray, " pair"]]
    end: dict[str, Float[np.ndarray, " pair"]]
    idle: Int[np.ndarray, " site"]


def everywhere(pairs: PromptPairs) -> Places:
    """Every position by itself, up to the last decision."""
    length = int(pairs.decision.max()) + 1
    one = np.eye(length, dtype=bool)[:, None, :]
    return one & (np.arange(length) <= pairs.decision[:, None])


def by_meaning(pairs: PromptPairs) -> Places:
    """All positions of one meaning together, in the order of MEANINGS."""
    length = int(pairs.decision.max()) + 1
    return pairs.meaning[None, :, :length] == np.arange(len(MEANINGS))[:, None, None]


def sweep(
    model: HookedTransformer,
    pairs: PromptPairs,
    kind: str,
    places: Places,
    *,
    layers: Sequence[int] | None = None,
    heads: Sequence[int] | None = None,
    effects: Sequence[str] = ("logit_difference",),
    direction: str = "denoise",
    batch: int = 8,
    memory: float = MEMORY,
    threads: int = 0,
    progress: Progress | None = None,
) -> Sweep:
    """Patch sites of one kind at each place.

    To "denoise" puts parts of the clean run into the corrupted one, to "noise" the other way round. `progress` counts
    batches of pairs times sites. Raises ValueError for an unknown kind, effect or direction, a site that the model
    lacks, and places that do not fit the pairs.
    """
    sites = _sites(model, kind, layers, heads)
    _check(pairs, places, effects, direction)
    order = np.argsort(pairs.decision, kind="stable")  # neighbours of equal length share little padding
    shares = [order[begin : begin + batch] for begin in range(0, len(pairs), batch)]
    parts: list[tuple[np.ndarray, ...]] = []
    idle = np.zeros(len(sites), int)
    with torch.inference_mode():
        w = fused.weights(model)
        for share in shares:
            swap, choice, logits = _recorded(w, pairs[share], direction)
            here = places[:, share, : swap.into.stream[0].shape[1]]
            found = np.empty((len(effects), len(sites), len(places), len(share)), np.float32)
            for index, site in enumerate(sites):
                patched, still = _patched(swap, site, here, memory, threads)
                found[:, index] = [effect(name, patched, choice) for name in effects]
                idle[index] += still
                if progress is not None:
                    progress(len(parts) * len(sites) + index + 1, len(shares) * len(sites))
            ends = [[effect(name, one, choice) for name in effects] for one in logits]
            parts.append((found, *map(np.array, ends)))
    back = np.argsort(np.concatenate(shares))
    values, begin, end = (np.concatenate(kinds, axis=-1)[..., back] for kinds in zip(*parts, strict=True))
    return Sweep(
        direction,
        tuple(sites),
        dict(zip(effects, values, strict=True)),
        dict(zip(effects, begin, strict=True)),
        dict(zip(effects, end, strict=True)),
        idle,
    )


def _sites(
    model: HookedTransformer, kind: str, layers: Sequence[int] | None, heads: Sequence[int] | None
) -> list[Site]:
    if kind not in CHANGES:
        raise recipes.unknown("kind of site to patch", kind, CHANGES)
    if heads is not None and kind not in PER_HEAD:
        raise ValueError(f"{kind} has no heads to choose from")
    each: Sequence[int | None] = [None]
    if kind in PER_HEAD:
        each = range(model.cfg.n_heads) if heads is None else heads
    through = range(model.cfg.n_layers) if layers is None else layers
    found = [Site(kind, layer, head) for layer in through for head in each]
    for site in found:
        site.check(model.cfg.n_layers, model.cfg.n_heads)
    return found


def _check(pairs: PromptPairs, places: Places, effects: Sequence[str], direction: str) -> None:
    if direction not in DIRECTIONS:
        raise recipes.unknown("direction", direction, DIRECTIONS)
    for name in effects:
        if name not in EFFECTS:
            raise recipes.unknown("effect", name, EFFECTS)
    length = int(pairs.decision.max()) + 1
    if places.shape[1:] != (len(pairs), length):
        raise ValueError(f"places are [place, {len(pairs)} pairs, {length} positions], not of shape {places.shape}")


def _recorded(
    w: fused.Weights, pairs: PromptPairs, direction: str
) -> tuple[Swap, Choice, tuple[np.ndarray, np.ndarray]]:
    """The two runs of some pairs, what is asked of them, and their logits: of the patched run, then of the other."""
    length = int(pairs.decision.max()) + 1
    at = torch.from_numpy(pairs.decision).long().to(w.embed.device)
    ids = [torch.from_numpy(one.ids[:, :length]).long().to(w.embed.device) for one in (pairs.clean, pairs.corrupted)]
    clean, corrupted = (reruns.record(w, one, at) for one in ids)
    into, out_of = (corrupted, clean) if direction == "denoise" else (clean, corrupted)
    choice = Choice(pairs.right, pairs.wrong, _numpy(clean.logits))
    return Swap(w, into, out_of), choice, (_numpy(into.logits), _numpy(out_of.logits))


def _patched(swap: Swap, site: Site, places: Places, memory: float, threads: int) -> tuple[np.ndarray, int]:
    """The logits [place, pair, vocab] after each patch of a site, and how many places had nothing to patch."""
    logits = swap.into.logits
    out = logits.expand(len(places), *logits.shape).clone()
    length = places.shape[-1]
    mask = torch.from_numpy(places).to(logits.device) & _differs(swap, site, length)
    begins = mask.any(dim=1).float().argmax(dim=-1)
    busy = mask.flatten(1).any(dim=1).nonzero()[:, 0]
    busy = busy[begins[busy].argsort(stable=True)]
    threads = cores.settle(threads, logits.device.type, max(len(busy), 1))
    chunks = list(_chunks(busy, begins, length, _each(swap), memory * 2**20 / threads / len(logits)))

    def through(chunk: Tensor) -> None:
        with torch.inference_mode():
            begin = int(begins[chunk].min())
            stream = changed(swap, site, begin, mask[chunk, :, begin:])
            out[chunk] = reruns.rerun(swap.w, swap.into, depth_of(site), begin, stream)

    with cores.workers(threads) as pool:
        list(pool.map(through, chunks))
    return _numpy(out), int((~mask.any(dim=-1)).sum())


def _differs(swap: Swap, site: Site, length: int) -> Bool[Tensor, "maze position"]:
    """Where a patch of the site could change anything: where what it reads differs in the two runs.

    A pattern differs wherever an earlier key does, so all of its positions from the first difference on.
    """
    depth = depth_of(site) if site.kind.startswith("resid") else 2 * site.layer + (site.kind == "mlp_out")
    into, out_of = swap.into.stream[depth], swap.out_of.stream[depth]
    differs = (into != out_of).any(dim=-1)
    reads = site.kind in ("z", "pattern", "attn_out")
    return differs.long().cumsum(dim=1) > 0 if reads else differs


def _each(swap: Swap) -> tuple[int, int]:
    """The bytes that a patch of one pair holds for each position that is run again, and for each that is looked at."""
    layer = swap.w.layers[0]
    d_model, d_mlp = layer.out[0].shape[1], layer.mlp_in[0].shape[1]
    return 4 * (8 * d_model + 2 * d_mlp), 4 * 2 * d_model


def _chunks(busy: Tensor, begins: Tensor, length: int, each: tuple[int, int], room: float) -> Iterator[Tensor]:
    """Patches that go through the network together: as many as fit, the widest of them counting for all."""
    done = 0
    while done < len(busy):
        bytes_each = each[0] * (length - int(begins[busy[done]])) + each[1] * length
        count = max(1, int(room / bytes_each))
        yield busy[done : done + count]
        done += count


def _numpy(logits: Tensor) -> np.ndarray:
    return logits.float().cpu().numpy()
