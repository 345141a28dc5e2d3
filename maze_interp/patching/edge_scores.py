"""What every wire of the network carries, in a few passes forwards and backwards: edge attribution.

The gradient of the logit difference with respect to what a reader reads, times the difference of what a writer writes
in the two runs, says to first order what the wire between them would change if it carried the other run. Gradients are
averaged along the straight line between the two embeddings, so that a saturated attention or layer norm does not hide
what it carried (EAP-IG: Syed et al. 2023; Hanna et al. 2024, "Have faith in faithfulness"). The scores of the wires
out of the embedding add up to the whole effect; those of deeper wires are estimates, with true effects in
`patching.paths`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from einops import einsum
from jaxtyping import Float
from torch import Tensor

from maze_interp.models import HookedTransformer, fused, reruns
from maze_interp.models.reruns import Record
from maze_interp.patching.graph import Graph, attend, heads_read, mixed, mlp, written
from maze_interp.patching.pairs import PromptPairs
from maze_interp.patching.stacked import Progress, ids_of, numpy


@dataclass(frozen=True)
class EdgeScores:
    """The score of every wire for each pair, summed over positions: what the logit difference gains, in nats.

    `begin` and `end` are the logit differences of the corrupted and of the clean run.
    """

    graph: Graph
    values: Float[np.ndarray, "pair receiver sender"]
    begin: Float[np.ndarray, " pair"]
    end: Float[np.ndarray, " pair"]


def edge_scores(
    model: HookedTransformer, pairs: PromptPairs, *, steps: int = 8, batch: int = 16, progress: Progress | None = None
) -> EdgeScores:
    """Integrated gradients of the logit difference, with `steps` gradients a pair. `progress` counts pairs."""
    if steps < 1:
        raise ValueError(f"gradients are averaged over at least 1 step, not {steps}")
    graph = Graph(model.cfg.n_layers, model.cfg.n_heads)
    values = np.empty((len(pairs), len(graph.receivers), len(graph.senders)), np.float32)
    ends = np.empty((2, len(pairs)), np.float32)
    w, done = fused.weights(model), 0
    for share, begin in shares_of(pairs, batch):
        some = pairs[share]
        clean, corrupted = (recorded(w, some, which) for which in ("clean", "corrupted"))
        slopes = _slopes(w, clean, corrupted, begin, some, steps)
        with torch.no_grad():
            gaps = (written(w, clean) - written(w, corrupted))[:, :, begin:]
            found = einsum(slopes, gaps, "r b t d, s b t d -> b r s")
        values[share] = numpy(found) * graph.possible
        rows = np.arange(len(some))
        for end, run in zip(ends, (corrupted, clean), strict=True):
            logits = numpy(run.logits)
            end[share] = logits[rows, some.right] - logits[rows, some.wrong]
        done += len(share)
        if progress is not None:
            progress(done, len(pairs))
    return EdgeScores(graph, values, *ends)


def shares_of(pairs: PromptPairs, batch: int) -> Iterator[tuple[np.ndarray, int]]:
    """A few pairs at a time, alike in where they begin to differ, and the first position at which any of them does."""
    differ = (pairs.clean.ids != pairs.corrupted.ids).argmax(axis=1)
    order = np.argsort(differ, kind="stable")
    for first in range(0, len(pairs), batch):
        share = order[first : first + batch]
        yield share, int(differ[share[0]])


def recorded(w: fused.Weights, pairs: PromptPairs, which: str) -> Record:
    """The run on the clean or on the corrupted prompts."""
    with torch.no_grad():
        return reruns.record(w, *ids_of(w, pairs, which))


def _slopes(
    w: fused.Weights, clean: Record, corrupted: Record, begin: int, pairs: PromptPairs, steps: int
) -> Float[Tensor, "receiver pair later d_model"]:
    """The mean gradient of the logit difference with respect to what every reader reads."""
    start, gap = corrupted.stream[0][:, begin:], (clean.stream[0] - corrupted.stream[0])[:, begin:]
    rows = torch.arange(len(pairs), device=start.device)
    right, wrong = (torch.from_numpy(one).long().to(start.device) for one in (pairs.right, pairs.wrong))
    total: list[Tensor] | None = None
    for step in range(steps):
        with torch.enable_grad():
            inputs, logits = _forward(w, start + (step + 0.5) / steps * gap, corrupted, begin)
            difference = logits[rows, right] - logits[rows, wrong]
            slopes = torch.autograd.grad(difference.sum(), inputs)
        total = list(slopes) if total is None else [old + new for old, new in zip(total, slopes, strict=True)]
    return torch.cat(total or []) / steps


def _forward(
    w: fused.Weights, embedded: Tensor, other: Record, begin: int
) -> tuple[list[Tensor], Float[Tensor, "pair vocab"]]:
    """A run from an embedding in which every reader has its own copy of the stream: the copies, and the logits.

    What lies before position `begin` is that of the other run.
    """
    x, inputs = embedded.detach().requires_grad_(), []
    for index, layer in enumerate(w.layers):
        inputs.append(x.expand(3 * w.heads, *x.shape).clone())
        q, k, v = heads_read(w, layer, inputs[-1].unflatten(0, (3, w.heads)), begin)
        k = torch.cat([other.keys[index][:, :, :begin], k], dim=2)
        v = torch.cat([other.values[index][:, :, :begin], v], dim=2)
        x = x + mixed(w, layer, attend(q, k, v)).sum(dim=0) + layer.out[1]
        inputs.append(x.expand(1, *x.shape).clone())
        x = x + mlp(layer, inputs[-1][0])
    inputs.append(x.expand(1, *x.shape).clone())
    rows = torch.arange(len(x), device=x.device)
    return inputs, fused.unembed(w, inputs[-1][0][rows, other.at - begin])
