"""Direct logit attribution: which part of the network says the answer, as the last layer norm and unembedding hear it.

The residual stream is a sum: the embedding, what every head and every MLP writes, and the attention's biases. The last
layer norm divides by one number for each position; with that number held, it is linear, and so each part has its own
share of every logit (Elhage et al. 2021, "A mathematical framework for transformer circuits"). A logit says nothing
until it is compared: what is attributed is the logit of the answer minus the mean over other tokens. Shares sum to that
difference exactly; what biases after the last part add is a part of its own.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from maze_interp.attention.lens import check_marked
from maze_interp.models import HookedTransformer, Site, access, fused
from maze_interp.tokens import TokenBatch

EMBEDDING, BIAS, MLP = "embedding", "bias", "MLP"  # beside heads, "head 0", "head 1", ...
OUTSIDE = -1  # the layer of what belongs to none


@dataclass(frozen=True)
class Part:
    """What writes into the residual stream: `kind` is EMBEDDING, BIAS, MLP or a head's name."""

    layer: int
    kind: str

    @property
    def name(self) -> str:
        return self.kind if self.layer == OUTSIDE else f"layer {self.layer} {self.kind}"


@dataclass(frozen=True)
class Written:
    """What each part writes at the positions asked, sequence by sequence, as the unembedding hears it."""

    parts: tuple[Part, ...]
    values: Float[Tensor, "part sample d_model"]

    def take(self, samples: Int[np.ndarray, " chosen"]) -> "Written":
        """The same parts at some of the positions."""
        return Written(self.parts, self.values[:, torch.from_numpy(samples)])


def written(
    model: HookedTransformer, tokens: TokenBatch, at: Bool[np.ndarray, "maze position"], *, batch: int = 64
) -> Written:
    """What each part of the model writes at the marked positions, behind the last layer norm with its scale held.

    The last part, the BIAS outside of layers, is the norm's own. Raises ValueError if no position is marked, or one
    that is padding.
    """
    check_marked(tokens, at)
    w, layers = fused.weights(model), range(model.cfg.n_layers)
    sites = [Site("resid_pre", 0), Site("resid_post", layers[-1])]
    sites += [Site(kind, layer) for layer in layers for kind in ("z", "mlp_out")]
    gathered = []
    with torch.no_grad():
        for rows in np.split(np.arange(len(tokens)), range(batch, len(tokens), batch)):
            longest = int(tokens.length[rows].max())
            ids = torch.from_numpy(tokens.ids[rows, :longest]).long().to(w.embed.device)
            marked = torch.from_numpy(at[rows, :longest]).to(w.embed.device)
            reading = access.run(model, ids, read=sites)
            gathered.append(_heard(w, model, {site: value[marked] for site, value in reading.values.items()}))
    heads = [f"head {head}" for head in range(model.cfg.n_heads)]
    inside = [Part(layer, kind) for layer in layers for kind in (*heads, BIAS, MLP)]
    return Written((Part(OUTSIDE, EMBEDDING), *inside, Part(OUTSIDE, BIAS)), torch.cat(gathered, dim=1))


def attribute(
    model: HookedTransformer,
    said: Written,
    answers: Int[np.ndarray, " sample"],
    others: Bool[np.ndarray, "sample vocab"],
) -> Float[np.ndarray, "sample part"]:
    """Each part's share of logit(answer) - mean logit(others), float64; a sample's shares sum to that difference.

    `others` marks the tokens compared with. The unembedding's bias counts with the BIAS outside of layers. Raises
    ValueError for a sample whose answer is among the others, or that has none.
    """
    sample = np.arange(len(answers))
    among = others[sample, answers]
    if among.any():
        raise ValueError(f"the answer of sample {int(among.argmax())} is among the tokens it is compared with")
    if not others.any(axis=1).all():
        raise ValueError(f"sample {int((~others.any(axis=1)).argmax())} has no token to compare its answer with")
    contrast = -(others / others.sum(axis=1, keepdims=True))
    contrast[sample, answers] = 1.0
    with torch.no_grad():
        weight, bias = (tensor.double() for tensor in (model.unembed.W_U, model.unembed.b_U))
        by_token = torch.from_numpy(contrast).to(weight.device)
        shares = torch.einsum("psd,sd->sp", said.values.double(), by_token @ weight.T)
        shares[:, -1] += by_token @ bias
    return shares.cpu().numpy()


def by_layer(
    parts: tuple[Part, ...], shares: Float[np.ndarray, "sample part"]
) -> tuple[tuple[int, ...], Float[np.ndarray, "sample layer"]]:
    """The layers that the parts belong to, and the sum of each layer's shares."""
    layers = sorted({part.layer for part in parts} - {OUTSIDE})
    belongs = np.array([[part.layer == layer for layer in layers] for part in parts], dtype=float)
    return tuple(layers), shares @ belongs


def _heard(
    w: fused.Weights, model: HookedTransformer, read: dict[Site, Tensor]
) -> Float[Tensor, "part sample d_model"]:
    """The parts of the stream at some positions, each through the last layer norm with the whole stream's scale."""
    given = [read[Site("resid_pre", 0)][None]]
    for layer, block in enumerate(model.blocks):
        by_head = torch.einsum("she,hed->hsd", read[Site("z", layer)], block.attn.W_O)
        mlp = read[Site("mlp_out", layer)][None]
        given += [by_head, block.attn.b_O.expand_as(mlp), mlp]
    parts, whole = torch.cat(given), read[Site("resid_post", len(w.layers) - 1)]
    scale = (whole.var(dim=-1, unbiased=False, keepdim=True) + fused.LN_EPS).sqrt()
    gain, shift = w.ln_final
    heard = (parts - parts.mean(dim=-1, keepdim=True)) / scale * gain
    return torch.cat([heard, shift.expand_as(whole)[None]])
