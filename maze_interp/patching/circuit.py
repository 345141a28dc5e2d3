"""Circuits: few wires that carry the choice by themselves, while all others carry what they would in the other run.

A circuit is faithful by the share of the clean run's effect that is left when every wire outside it carries the
corrupted run's values (Conmy et al. 2023; Hanna et al. 2024). `search` is greedy: wires enter by the size of their
score until the share is kept, then leave again, weakest first, wherever the share stays kept without them. So what it
returns is an upper bound: a smaller circuit may exist. Random circuits of the same size show what any circuit of that
size keeps, and circuits whose heads have changed places within their layers what its shape alone does.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from maze_interp import seeds
from maze_interp.models import HookedTransformer, Site, cores, fused, reruns
from maze_interp.models.reruns import Record
from maze_interp.patching.edge_scores import shares_of
from maze_interp.patching.graph import Graph, wired
from maze_interp.patching.pairs import PromptPairs
from maze_interp.patching.stacked import ids_of, numpy

Table = Bool[np.ndarray, "receiver sender"]


@dataclass(frozen=True)
class Share:
    """Some of the pairs, by index: the embedding of their clean prompts, and the run on their corrupted ones."""

    which: Int[np.ndarray, " pair"]
    begin: int
    own: Float[Tensor, "pair position d_model"]
    other: Record
    right: Int[np.ndarray, " pair"]
    wrong: Int[np.ndarray, " pair"]


@dataclass(frozen=True)
class Bench:
    """Pairs on which circuits are tried: `begin` and `end` are the logit differences of corrupted and clean runs."""

    graph: Graph
    w: fused.Weights
    shares: tuple[Share, ...]
    begin: Float[np.ndarray, " pair"]
    end: Float[np.ndarray, " pair"]


def bench(model: HookedTransformer, pairs: PromptPairs, *, batch: int = 8) -> Bench:
    """The pairs with what every circuit needs of their runs, recorded once.

    Raises ValueError where the model does not prefer the right step more in the clean runs than in the corrupted ones:
    there is no effect that a circuit could keep.
    """
    graph, shares = Graph(model.cfg.n_layers, model.cfg.n_heads), []
    with torch.inference_mode():
        w = fused.weights(model)
        for which, begin in shares_of(pairs, batch):
            some = pairs[which]
            ids, _ = ids_of(w, some, "clean")
            own = fused.embed(w, ids, torch.arange(ids.shape[1], device=ids.device))
            other = reruns.record(w, *ids_of(w, some, "corrupted"))
            shares.append(Share(which, begin, own, other, some.right, some.wrong))
    start = _differences(w, shares, lambda share: share.other.logits)
    whole = torch.from_numpy(graph.possible).to(w.embed.device)
    end = _differences(w, shares, lambda share: wired(w, share.own, share.other, share.begin, whole))
    if end.mean() <= start.mean():
        raise ValueError(
            f"there is no effect to keep: the right step leads by {end.mean():.2f} nats in the clean runs and by "
            f"{start.mean():.2f} in the corrupted ones"
        )
    return Bench(graph, w, tuple(shares), start, end)


def kept(on: Bench, table: Table, *, threads: int = 0) -> Float[np.ndarray, " pair"]:
    """What a circuit keeps of each pair's effect: nats of logit difference above the corrupted run's."""
    wires = torch.from_numpy(table & on.graph.possible).to(on.w.embed.device)
    ran = _differences(on.w, on.shares, lambda one: wired(on.w, one.own, one.other, one.begin, wires), threads)
    return ran - on.begin


def faithfulness(on: Bench, table: Table) -> float:
    """The share of the mean effect that a circuit keeps: 1 for all wires, 0 for none."""
    return float(kept(on, table).mean() / (on.end - on.begin).mean())


def strongest(graph: Graph, scores: Float[np.ndarray, "receiver sender"], count: int) -> Table:
    """The circuit of the wires with the largest scores in size: as many as it takes for `count` to be connected.

    Only wires on a way from the embedding to the logits count and are returned; it can be a few more than `count`.
    """
    order = np.flatnonzero(graph.possible)
    order = order[np.argsort(-np.abs(scores).ravel()[order], kind="stable")]
    low, high = min(count, len(order)), len(order)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if graph.live(_table(graph, order[:middle])).sum() >= count else (middle + 1, high)
    return graph.live(_table(graph, order[:low]))


def search(
    on: Bench,
    scores: Float[np.ndarray, "receiver sender"],
    *,
    keep: float = 0.9,
    tried: Callable[[], None] = lambda: None,
) -> Table:
    """The smallest circuit found that keeps the share `keep` of the mean effect; `tried` is told of every trial."""
    if not 0 < keep <= 1:
        raise ValueError(f"the share to keep is above 0 and at most 1, not {keep}")

    def enough(table: Table) -> bool:
        tried()
        return faithfulness(on, table) >= keep

    return _pruned(on.graph, _grown(on.graph, scores, enough), scores, enough)


def random_circuit(graph: Graph, count: int, *, seed: int) -> Table:
    """A random circuit of about `count` wires, each on a way from the embedding to the logits."""
    return strongest(graph, seeds.generator(seed, "random circuit").random(graph.possible.shape), count)


def with_other_heads(graph: Graph, table: Table, *, seed: int) -> Table:
    """The circuit with every head's part given to another head of its layer: as many wires, between the same layers.

    In each layer it is one of all derangements of its heads, equally likely: of two heads there is but one. Raises
    ValueError for a model with one head a layer.
    """
    if graph.heads == 1:
        raise ValueError("a layer with one head has no other to give its part to")
    rng = seeds.generator(seed, "other heads")
    heads = [_deranged(graph.heads, rng) for _ in range(graph.layers)]

    def other(site: Site) -> Site:
        if site.head is None:
            return site
        return replace(site, head=int(heads[site.layer][site.head]))

    changed = np.zeros_like(table)
    receivers = [graph.receivers.index(other(one)) for one in graph.receivers]
    senders = [graph.senders.index(other(one)) for one in graph.senders]
    changed[np.ix_(receivers, senders)] = table
    return changed


def _deranged(count: int, rng: np.random.Generator) -> Int[np.ndarray, " head"]:
    """A permutation that leaves nothing in its place: about one in e does."""
    while True:
        order = rng.permutation(count)
        if (order != np.arange(count)).all():
            return order


def _grown(graph: Graph, scores: np.ndarray, enough: Callable[[Table], bool]) -> Table:
    """The smallest of the circuits of strongest wires that is enough, by bisection: as if more were always better."""
    low, high = 1, int(graph.possible.sum())
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(strongest(graph, scores, middle)) else (middle + 1, high)
    return strongest(graph, scores, high)


def _pruned(graph: Graph, table: Table, scores: np.ndarray, enough: Callable[[Table], bool]) -> Table:
    """The circuit without what it does not need: weakest wires first, many at once, then fewer, at last one by one."""
    size = max(1, int(table.sum()) // 8)
    while True:
        waiting = _weakest(table, scores)
        while len(waiting):
            block, waiting = waiting[:size], waiting[size:]
            fewer = table.copy()
            fewer.flat[block] = False
            fewer = graph.live(fewer)
            if fewer.any() and enough(fewer):
                table = fewer
                waiting = waiting[table.flat[waiting]]
        if size == 1:
            return table
        size = max(1, size // 4)


def _weakest(table: Table, scores: np.ndarray) -> Int[np.ndarray, " edge"]:
    inside = np.flatnonzero(table)
    return inside[np.argsort(np.abs(scores).ravel()[inside], kind="stable")]


def _table(graph: Graph, wires: Int[np.ndarray, " edge"]) -> Table:
    table = np.zeros(graph.possible.shape, bool)
    table.flat[wires] = True
    return table


def _differences(
    w: fused.Weights, shares: Sequence[Share], logits: Callable[[Share], Tensor], threads: int = 0
) -> Float[np.ndarray, " pair"]:
    """The logit difference of every pair, from the logits of each share."""
    found = np.empty(sum(len(share.which) for share in shares), np.float32)

    def one(share: Share) -> None:
        with torch.inference_mode():
            ran, rows = numpy(logits(share)), np.arange(len(share.which))
        found[share.which] = ran[rows, share.right] - ran[rows, share.wrong]

    with cores.workers(cores.settle(threads, w.embed.device.type, len(shares))) as pool:
        list(pool.map(one, shares))
    return found
