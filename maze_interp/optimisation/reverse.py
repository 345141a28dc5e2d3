"""How much of what happened anywhere in a prompt passes through a few named activations: exactly, by reverse products.

A whole prompt has too many directions to carry forward one by one. Backwards there are only as many as F has numbers:
dF/dP is one reverse pass a number, and what passes through an activation, (dF/dA)(dA/dP), is one more, begun at A with
dF/dA in place of the future. All of these are rows of one batch, each a copy of the run with its own activation, so
that one pass back serves many. Of JJ^T and its kin only the square is kept, whatever the size of P.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from maze_interp.models import Site, fused, tangents
from maze_interp.models.reruns import Record
from maze_interp.models.tangents import Future
from maze_interp.optimisation.activations import DEPTHS, part
from maze_interp.optimisation.differential import Differential, of_products

AT_ONCE = 32  # copies of the run that go back together
Named = tuple[Site, Sequence[int]]


class Products(NamedTuple):
    """JJ^T of one maze, and of each named activation J'J'^T and JJ'^T."""

    responding: Float[np.ndarray, "future future"]
    held: Float[np.ndarray, "site future future"]
    crossed: Float[np.ndarray, "site future future"]

    def differential(self) -> Differential:
        """Op and Imp of each named activation."""
        return of_products(np.broadcast_to(self.responding, self.held.shape), self.held, self.crossed)


def between(
    site: Site, positions: Sequence[int], *, past: Sequence[int], at: int, layers: int, layer: int = 0
) -> str | None:
    """Why an activation does not lie between P, the stream before `layer` at `past`, and F, read at `at`; None if so.

    Changes only move on to later positions and depths, and of what the last layer writes F reads one position.
    """
    depth = 2 * site.layer + DEPTHS[site.kind]
    if depth < 2 * layer or (depth == 2 * layer and site.kind == "mlp_out"):
        return f"it lies before layer {layer}, where the past is"
    first = min(past)
    if depth == 2 * layer and not set(positions) & set(past):
        return "no change of the past has reached another position before the first layer"
    if max(positions) < first:
        return f"the past begins at position {first}, behind it"
    if min(positions) > at:
        return f"the future is asked at position {at}, before it"
    if depth > 2 * (layers - 1) and at not in positions:
        return f"of what the last layer writes the future reads position {at} alone"
    return None


def products(
    w: fused.Weights,
    kept: Record,
    past: Sequence[int],
    future: Future,
    named: Sequence[Named],
    *,
    layer: int = 0,
) -> Products:
    """The products of each named activation (a site at some positions) of one recorded maze, P at positions `past`.

    Raises ValueError for an activation that is not between P and F, so that holding it changes nothing by construction,
    and for a future of more numbers than P has.
    """
    at, layers = int(kept.at[0]), len(w.layers)
    for site, positions in named:
        site.check(layers, w.heads)
        why = between(site, positions, past=past, at=at, layers=layers, layer=layer)
        if why:
            raise ValueError(f"{site} at positions {sorted(positions)} is not between the past and the future: {why}")
    values, back = tangents.backward(w, kept, future)
    if len(values) > len(past) * back[0].shape[-1]:
        raise ValueError(f"a future of {len(values)} numbers cannot follow from {len(past)} positions: take fewer")
    whole = back[2 * layer][:, list(past)].flatten(1)
    rows = [(site, list(positions), component) for site, positions in named for component in range(len(values))]
    shares = [rows[first : first + AT_ONCE] for first in range(0, len(rows), AT_ONCE)]
    through = torch.cat([_through(w, kept, back, share, layer)[:, list(past)].flatten(1) for share in shares])
    held = whole - through.unflatten(0, (len(named), len(values)))
    squares = (whole @ whole.T, held @ held.mT, whole @ held.mT)
    return Products(*(square.cpu().numpy() for square in squares))


def _through(
    w: fused.Weights, kept: Record, back: Sequence[Tensor], rows: Sequence[tuple[Site, list[int], int]], layer: int
) -> Float[Tensor, "row position d_model"]:
    """(dF/dA)(dA/dP) of each row's activation and number of F, P the whole stream before `layer`."""
    with torch.enable_grad():
        leaf = kept.stream[2 * layer][:1].detach().expand(len(rows), -1, -1).clone().requires_grad_()
        run = _run(w, leaf, layer, kept)
        total = leaf.new_zeros(())
        for index, (site, positions, component) in enumerate(rows):
            seed = back[2 * site.layer + DEPTHS[site.kind]][component, positions]
            total = total + (part(w, run, site)[index, positions] * seed).sum()
        return torch.autograd.grad(total, leaf)[0]


def _run(w: fused.Weights, x: Tensor, layer: int, kept: Record) -> Record:
    """The run from the stream before `layer` on, of which nothing is kept but the stream and what heads mixed."""
    positions, rows = torch.arange(x.shape[1], device=x.device), len(x)
    stream = [*(one[:1].expand(rows, -1, -1) for one in kept.stream[: 2 * layer]), x]
    mixed = [one[:1].expand(rows, -1, -1, -1) for one in kept.mixed[:layer]]
    for one in w.layers[layer:]:
        mixed.append(fused.attend_causal(*fused.qkv(w, one, stream[-1], positions)))
        stream.append(fused.after_heads(one, stream[-1], mixed[-1]))
        stream.append(fused.after_mlp(one, stream[-1]))
    at, logits = kept.at[:1].expand(len(x)), kept.logits[:1].expand(len(x), -1)
    return Record(at, tuple(stream), (), (), (), tuple(mixed), logits)
