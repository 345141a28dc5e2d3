"""How much of what happened upstream passes through each activation of a maze model: all of them at once, exactly.

F is a few numbers made of the logits at a decision, P the residual stream (the embeddings, by default) at some
positions of the prompt. Of every activation A between them two things are needed: dF/dP as it is, J, and dF/dP with A
held where it is, J'. Holding A takes away just what passes through it, J' = J - (dF/dA)(dA/dP), where dF/dA is total.
One reverse pass a number of F gives dF/dA for all A; one forward pass a direction of P gives dA/dP for all A; and of
the product only its square, of the size of F, is kept. A few positions are spanned exactly (`basis`), a whole prompt by
random directions (`sketch`), whose squares are right on average and off by about sqrt(2 / directions) of themselves.
Activations of one kind and layer do not feed each other, so what passes through several positions adds up (`places`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from einops import einsum, rearrange
from jaxtyping import Bool, Float
from torch import Tensor

from maze_interp.models import fused, tangents
from maze_interp.models.reruns import Record
from maze_interp.models.tangents import Directions, Future, LayerTangents
from maze_interp.optimisation.differential import FLAT, Differential, of_products

KINDS = ("resid_pre", "z", "attn_out", "resid_mid", "mlp_out", "layer_out", "resid_post")  # layer_out: all it writes
AT_ONCE = 32  # directions that go through the network together: about what a core's cache can feed
Places = Bool[np.ndarray, "place position"]


@dataclass(frozen=True)
class Responses:
    """What is needed of one maze: JJ^T, and of each activation J'J'^T and JJ'^T, all [future, future].

    `held` and `crossed` are by kind of site, [layer, place, head, future, future] (one head where a kind has none);
    layers begin at that of P and places, unless some are given, are the positions from the first that changes, `begin`.
    """

    values: Float[np.ndarray, " future"]
    begin: int
    responding: Float[np.ndarray, "future future"]
    held: dict[str, Float[np.ndarray, "layer place head future future"]]
    crossed: dict[str, Float[np.ndarray, "layer place head future future"]]

    def differential(self, kind: str, *, ridge: float = 0.0, flat: float = FLAT) -> Differential:
        """Op and Imp of every activation of a kind, [layer, place, head]."""
        return of_products(
            np.broadcast_to(self.responding, self.held[kind].shape),
            self.held[kind],
            self.crossed[kind],
            ridge=ridge,
            flat=flat,
        )


def basis(
    positions: Sequence[int],
    begin: int,
    length: int,
    like: Tensor,
    *,
    root: Float[Tensor, "row d_model"] | None = None,
) -> Directions:
    """Every direction of the stream at each of the positions, from `begin` on, in a sequence of that length.

    With `root` its rows at each position instead: changes then have covariance S = root^T root, not the same in all
    directions.
    """
    rows = torch.eye(like.shape[-1]) if root is None else root
    each = torch.zeros(len(positions), *rows.shape[:1], length - begin, like.shape[-1], dtype=like.dtype)
    for index, position in enumerate(positions):
        each[index, :, position - begin] = rows.to(like.dtype)
    return each.flatten(0, 1).to(like.device)


def sketch(positions: Sequence[int], begin: int, length: int, like: Tensor, *, count: int, seed: int) -> Directions:
    """`count` random directions at all of the positions together, scaled so that squares are right on average."""
    generator, width = torch.Generator().manual_seed(seed), like.shape[-1]
    drawn = torch.randn(count, len(positions), width, generator=generator, dtype=torch.float64) / count**0.5
    each = torch.zeros(count, length - begin, width, dtype=like.dtype)
    each[:, torch.tensor(positions) - begin] = drawn.to(like.dtype)
    return each.to(like.device)


def respond(
    w: fused.Weights,
    kept: Record,
    begin: int,
    changes: Directions,
    future: Future,
    *,
    layer: int = 0,
    places: Places | None = None,
) -> Responses:
    """The responses of one recorded maze to changes of the stream before `layer`, at positions from `begin` on.

    Each of `places` is some positions, held together; without them every position from `begin` on is one. Raises
    ValueError where the future does not depend on the changed positions at all, so that nothing lies between, and for a
    future of more numbers than there are directions.
    """
    at = int(kept.at[0])
    if begin > at:
        raise ValueError(f"what changes from position {begin} on does not reach the decision at {at}: no path to hold")
    values, back = tangents.backward(w, kept, future)
    if len(values) > len(changes):
        raise ValueError(f"a future of {len(values)} numbers cannot follow from {len(changes)} directions: take fewer")
    back, changes, kept = tuple(depth[:, begin : at + 1] for depth in back), changes[:, : at + 1 - begin], _until(kept)
    chosen = torch.eye(at + 1 - begin, dtype=changes.dtype, device=changes.device)
    if places is not None:
        chosen = torch.from_numpy(places[:, begin : at + 1]).to(chosen)
    with torch.no_grad():
        whole = einsum(back[2 * layer], changes, "f p d, k p d -> f k")
        shares = [_squares(w, kept, begin, share, back, layer, chosen) for share in changes.split(AT_ONCE)]
    held, crossed = ({kind: _stacked([share[kind][which] for share in shares]) for kind in KINDS} for which in (0, 1))
    return Responses(values.cpu().numpy(), begin, (whole @ whole.T).cpu().numpy(), held, crossed)


def _squares(
    w: fused.Weights,
    kept: Record,
    begin: int,
    changes: Directions,
    back: Sequence[Tensor],
    layer: int,
    chosen: Float[Tensor, "place later"],
) -> dict[str, tuple[Tensor, Tensor]]:
    """J'J'^T and JJ'^T by kind, [layer, place, head, future, future], of some of the directions."""
    mine = einsum(back[2 * layer], changes, "f p d, k p d -> f k")
    each: dict[str, list[tuple[Tensor, Tensor]]] = {kind: [] for kind in KINDS}
    for index, found in enumerate(tangents.forward(w, kept, begin, changes, first=layer, only_last=True), start=layer):
        for kind, through in _through(w, index, found, back).items():
            added = einsum(through, chosen[:, -through.shape[2] :], "f k p h, g p -> f k g h")
            held = mine[:, :, None, None] - added
            square = einsum(held, held, "f k g h, e k g h -> g h f e")
            each[kind].append((square, einsum(mine, held, "f k, e k g h -> g h f e")))
    return {
        kind: (torch.stack([one for one, _ in own]), torch.stack([two for _, two in own])) for kind, own in each.items()
    }


def _stacked(shares: Sequence[Tensor]) -> Float[np.ndarray, "layer place head future future"]:
    return torch.stack(list(shares)).sum(dim=0).cpu().numpy()


def _until(kept: Record) -> Record:
    """The record without what follows the decision, on which nothing asked can depend."""
    end = int(kept.at[0]) + 1
    names = (one.name for one in fields(kept) if one.name not in ("at", "logits"))
    parts: dict[str, Any] = {name: tuple(each[..., :end, :] for each in getattr(kept, name)) for name in names}
    return replace(kept, **parts)


def _through(
    w: fused.Weights, index: int, found: LayerTangents, back: Sequence[Tensor]
) -> dict[str, Float[Tensor, "future direction asked head"]]:
    """What passes to F through each activation of a layer: (dF/dA)(dA/dP) for every position (and head) by itself.

    Of what the last layer writes F reads the last position alone.
    """
    asked = found.middle.shape[1]
    last = found.before[:, -asked:]
    before, middle, after = (one[:, -count:] for one, count in zip(back[2 * index :], (0, asked, asked), strict=False))

    def whole(response: Tensor, change: Tensor) -> Tensor:
        return (change[None] * response[:, None]).sum(dim=-1, keepdim=True)

    out = rearrange(w.layers[index].out[0], "(h e) d -> h e d", h=w.heads)
    of_heads = einsum(middle, out, "f p d, h e d -> f h p e")
    return {
        "resid_pre": whole(before, found.before),
        "z": einsum(of_heads, found.mixed, "f h p e, k h p e -> f k p h"),
        "attn_out": whole(middle, found.middle - last),
        "resid_mid": whole(middle, found.middle),
        "mlp_out": whole(after, found.after - found.middle),
        "layer_out": whole(after, found.after - last),
        "resid_post": whole(after, found.after),
    }
