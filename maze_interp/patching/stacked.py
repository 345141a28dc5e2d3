"""Many changes of one run at once: what sweeps, ablations and knock-outs have in common.

Pairs are taken a few at a time, the two runs of each recorded, and every change of one site sent through the rest of
the network together, from the first position that it touches. What differs between the ways of intervening is which
two runs there are (`Runs`) and what a change makes of the residual stream (`Change`); both are given as functions.
A change that touches nothing costs nothing and is counted. Memory stays under `memory` whatever there is to change.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from maze_interp.models import HookedTransformer, Site, cores, fused, reruns
from maze_interp.patching.changes import Stream, Swap
from maze_interp.patching.effects import Choice, effect
from maze_interp.patching.pairs import PromptPairs

Progress = Callable[[int, int], None]
MEMORY = 64.0  # MiB of activations in flight: about what a core's share of the cache can still feed


@dataclass(frozen=True)
class Sweep:
    """The effects of changes: `values[name]` is [site, place, pair].

    `begin` and `end` are the same effects of the run that was changed and of the one that it is compared with, [pair];
    a change without a position at which anything becomes different changes nothing, and `idle` counts those, by site.
    `direction` says what was done: "denoise", "noise", or the name of an ablation or of another intervention.
    """

    direction: str
    sites: tuple[Site, ...]
    values: dict[str, Float[np.ndarray, "site place pair"]]
    begin: dict[str, Float[np.ndarray, " pair"]]
    end: dict[str, Float[np.ndarray, " pair"]]
    idle: Int[np.ndarray, " site"]


@dataclass(frozen=True)
class Runs:
    """The run that is changed and the one that parts come from, what is asked, and the logits it is measured between.

    `begin` are the logits of the run that is changed, `end` those of the run it is compared with.
    """

    swap: Swap
    choice: Choice
    begin: Float[np.ndarray, "pair vocab"]
    end: Float[np.ndarray, "pair vocab"]


@dataclass(frozen=True)
class Change:
    """A change of the stream at `depth` at every place: which positions it touches, and what the stream becomes.

    `stream(begin, which)` is the stream from position `begin` on, [which, pair, later, d_model], for some places; to
    make it takes `room` bytes for each pair and position, besides what the network takes.
    """

    depth: int
    touches: Bool[Tensor, "place pair position"]
    stream: Callable[[int, Int[Tensor, " which"]], Stream]
    room: int = 0


def stacked(
    model: HookedTransformer,
    pairs: PromptPairs,
    sites: Sequence[Site],
    runs: Callable[[fused.Weights, np.ndarray], Runs],
    change: Callable[[Swap, Site, np.ndarray], Change],
    *,
    direction: str,
    effects: Sequence[str],
    batch: int,
    memory: float,
    threads: int,
    progress: Progress | None,
) -> Sweep:
    """The effects of a change at each site. `runs` and `change` are asked for some pairs, by their indices."""
    order = np.argsort(pairs.decision, kind="stable")  # neighbours of equal length share little padding
    shares = [order[begin : begin + batch] for begin in range(0, len(pairs), batch)]
    parts: list[tuple[np.ndarray, ...]] = []
    idle = np.zeros(len(sites), int)
    with torch.inference_mode():
        w = fused.weights(model)
        for share in shares:
            ran, found = runs(w, share), []
            for index, site in enumerate(sites):
                logits, still = _changed(ran.swap, change(ran.swap, site, share), memory, threads)
                found.append([effect(name, logits, ran.choice) for name in effects])
                idle[index] += still
                if progress is not None:
                    progress(len(parts) * len(sites) + index + 1, len(shares) * len(sites))
            ends = [[effect(name, one, ran.choice) for name in effects] for one in (ran.begin, ran.end)]
            parts.append((np.array(found, np.float32).swapaxes(0, 1), *map(np.array, ends)))
    back = np.argsort(np.concatenate(shares))
    kinds = (np.concatenate(kind, axis=-1)[..., back] for kind in zip(*parts, strict=True))
    values, start, end = (dict(zip(effects, kind, strict=True)) for kind in kinds)
    return Sweep(direction, tuple(sites), values, start, end, idle)


def ids_of(w: fused.Weights, pairs: PromptPairs, which: str) -> tuple[Int[Tensor, "pair position"], Tensor]:
    """The tokens of the clean or the corrupted prompts up to the last decision, and where the decisions are."""
    length, device = int(pairs.decision.max()) + 1, w.embed.device
    ids = torch.from_numpy(getattr(pairs, which).ids[:, :length]).long().to(device)
    return ids, torch.from_numpy(pairs.decision).long().to(device)


def numpy(logits: Tensor) -> np.ndarray:
    """As float32 on the CPU."""
    return logits.float().cpu().numpy()


def _changed(swap: Swap, change: Change, memory: float, threads: int) -> tuple[np.ndarray, int]:
    """The logits [place, pair, vocab] after a change at each place, and how many of those touch nothing."""
    logits, touches = swap.into.logits, change.touches
    out = logits.expand(len(touches), *logits.shape).clone()
    begins = touches.any(dim=1).float().argmax(dim=-1)
    busy = touches.flatten(1).any(dim=1).nonzero()[:, 0]
    busy = busy[begins[busy].argsort(stable=True)]
    threads = cores.settle(threads, logits.device.type, max(len(busy), 1))
    again, looked_at = _each(swap)
    chunks = list(_chunks(busy, touches, (again + change.room, looked_at), memory * 2**20 / threads / len(logits)))

    def through(chunk: Tensor) -> None:
        with torch.inference_mode():
            begin = int(begins[chunk].min())
            out[chunk] = reruns.rerun(swap.w, swap.into, change.depth, begin, change.stream(begin, chunk))

    with cores.workers(threads) as pool:
        list(pool.map(through, chunks))
    return numpy(out), int((~touches.any(dim=-1)).sum())


def _chunks(
    busy: Tensor, touches: Bool[Tensor, "place pair position"], each: tuple[int, int], room: float
) -> Iterator[Tensor]:
    """Changes that go through the network together: as many as fit, the widest of them counting for all."""
    done, (again, looked_at), length = 0, each, touches.shape[-1]
    while done < len(busy):
        later = length - int(touches[busy[done]].any(dim=0).float().argmax())
        count = max(1, int(room / (again * later + looked_at * length)))
        yield busy[done : done + count]
        done += count


def _each(swap: Swap) -> tuple[int, int]:
    """The bytes that a change of one pair holds for each position that is run again, and for each that is looked at."""
    layer = swap.w.layers[0]
    d_model, d_mlp = layer.out[0].shape[1], layer.mlp_in[0].shape[1]
    return 4 * (8 * d_model + 2 * d_mlp), 4 * 2 * d_model
