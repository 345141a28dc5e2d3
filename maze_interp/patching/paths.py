"""Path patching: one part of the network hears the other run from one other part, and from no one else.

A patch of a head's output reaches everything behind it. A patch of the path from it to one reader changes only what
that reader takes from the residual stream: the difference of what the sender writes in the two runs is added to what
the reader reads, all that lies between them stays as it was, and what the reader then writes goes on as it will (Wang
et al. 2022, "Interpretability in the wild"). A reader is named by what it makes: the queries, keys or values of a
head, what an MLP writes (mlp_out), or the logits (the resid_post of the last layer).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from maze_interp import recipes
from maze_interp.models import HookedTransformer, Site, fused
from maze_interp.models.reruns import Record
from maze_interp.patching.changes import Stream, Swap, value_at
from maze_interp.patching.graph import PORTS, READ_AT, WRITTEN_AT, attend, mlp, reads, wrote
from maze_interp.patching.pairs import PromptPairs
from maze_interp.patching.stacked import MEMORY, Change, Progress, stacked
from maze_interp.patching.sweep import Places, check, check_direction, two_runs


@dataclass(frozen=True)
class Paths:
    """The effects of patched paths: `values[name]` is [receiver, sender, place, pair].

    `begin` and `end` are the same effects of the run that was patched and of the run the parts came from, [pair]. A
    path that leads backwards, or from a sender that writes the same in both runs, changes nothing and counts as idle.
    """

    direction: str
    senders: tuple[Site, ...]
    receivers: tuple[Site, ...]
    values: dict[str, Float[np.ndarray, "receiver sender place pair"]]
    begin: dict[str, Float[np.ndarray, " pair"]]
    end: dict[str, Float[np.ndarray, " pair"]]
    idle: int


def paths(
    model: HookedTransformer,
    pairs: PromptPairs,
    senders: Sequence[Site],
    receivers: Sequence[Site],
    places: Places,
    *,
    effects: Sequence[str] = ("logit_difference",),
    direction: str = "denoise",
    batch: int = 8,
    memory: float = MEMORY,
    threads: int = 0,
    progress: Progress | None = None,
) -> Paths:
    """Patch the direct path from each sender to each receiver, with what the sender writes at each place.

    Directions, effects and places are those of `sweep`; `progress` counts batches of pairs times receivers. Raises
    ValueError for a site that neither the model has nor a path can begin or end at.
    """
    for site, kinds in [*((one, WRITTEN_AT) for one in senders), *((one, READ_AT) for one in receivers)]:
        _check(model, site, kinds)
    check_direction(direction)
    check(pairs, places, effects)

    def change(swap: Swap, receiver: Site, share: np.ndarray) -> Change:
        return _change(swap, senders, receiver, places[:, share, : swap.into.stream[0].shape[1]])

    found = stacked(
        model,
        pairs,
        receivers,
        lambda w, share: two_runs(w, pairs[share], direction),
        change,
        direction=direction,
        effects=effects,
        batch=batch,
        memory=memory,
        threads=threads,
        progress=progress,
    )
    shape = (len(receivers), len(senders), len(places), len(pairs))
    values = {name: one.reshape(shape) for name, one in found.values.items()}
    return Paths(direction, tuple(senders), tuple(receivers), values, found.begin, found.end, int(found.idle.sum()))


def _check(model: HookedTransformer, site: Site, kinds: dict[str, int]) -> None:
    if site.kind not in kinds:
        raise recipes.unknown("end of a path", site.kind, kinds)
    site.check(model.cfg.n_layers, model.cfg.n_heads)
    if site.kind in (*PORTS, "z") and site.head is None:
        raise ValueError(f"a path begins and ends at one head: name the head of {site}")
    if site.kind == "resid_post" and site.layer != model.cfg.n_layers - 1:
        raise ValueError(f"the logits read Site('resid_post', {model.cfg.n_layers - 1}), not {site}")


def _change(
    swap: Swap, senders: Sequence[Site], receiver: Site, places: Bool[np.ndarray, "place pair position"]
) -> Change:
    into, depth = swap.into, reads(receiver)
    gaps = torch.stack(
        [(writes(swap.w, swap.out_of, one) - writes(swap.w, into, one)) * float(wrote(one) <= depth) for one in senders]
    )
    heard = torch.from_numpy(places).to(gaps.device) & (gaps != 0).any(dim=-1)[:, None]
    touches = heard.flatten(0, 1)

    def stream(begin: int, which: Tensor) -> Stream:
        gap = gaps[which // len(places), :, begin:] * touches[which, :, begin:, None]
        return _made(swap, receiver, begin, into.stream[depth][:, begin:] + gap)

    depth_after = {"mlp_out": 2, "resid_post": 2}.get(receiver.kind, 1) + 2 * receiver.layer
    return Change(depth_after, touches, stream)


def writes(w: fused.Weights, run: Record, sender: Site) -> Float[Tensor, "maze position d_model"]:
    """What a sender writes into the residual stream, output biases aside; of the stream, the stream itself."""
    if sender.kind == "embed":
        return run.stream[0]
    value = value_at(run, sender)
    if sender.kind == "z":
        return value @ w.layers[sender.layer].out[0].unflatten(0, (w.heads, -1))[sender.head]
    return value


def _made(swap: Swap, receiver: Site, begin: int, x: Stream) -> Stream:
    """The stream behind a receiver that reads `x`, while all else stays."""
    w, into = swap.w, swap.into
    if receiver.kind == "resid_post":
        return x
    layer = w.layers[receiver.layer]
    if receiver.kind == "mlp_out":
        return into.stream[2 * receiver.layer + 1][:, begin:] + mlp(layer, x)
    kept = {port: value_at(into, Site(port, receiver.layer, receiver.head)) for port in PORTS}
    new = _port(w, layer, receiver, begin, x)
    heads = {port: one.expand(len(x), *one.shape) for port, one in kept.items()}
    heads["q"] = heads["q"][:, :, begin:]
    heads[receiver.kind] = new if receiver.kind == "q" else torch.cat([heads[receiver.kind][:, :, :begin], new], dim=2)
    gap = attend(heads["q"], heads["k"], heads["v"]) - into.mixed[receiver.layer][:, receiver.head, begin:]
    back = layer.out[0].unflatten(0, (w.heads, -1))[receiver.head]
    return into.stream[2 * receiver.layer + 1][:, begin:] + gap @ back


def _port(
    w: fused.Weights, layer: fused.Layer, receiver: Site, begin: int, x: Stream
) -> Float[Tensor, "patch maze later d_head"]:
    """One head's queries (scaled), keys or values of the stream `x`, whose first position is `begin`."""
    port = PORTS.index(receiver.kind)
    weight, bias = (one.unflatten(-1, (3, w.heads, -1))[..., port, receiver.head, :] for one in layer.qkv)
    made = F.layer_norm(x, x.shape[-1:], *layer.ln1, fused.LN_EPS) @ weight + bias
    if receiver.kind == "v":
        return made
    positions = torch.arange(begin, begin + x.shape[-2], device=x.device)
    return fused.turned(w, made * made.shape[-1] ** -0.5 if receiver.kind == "q" else made, positions)
