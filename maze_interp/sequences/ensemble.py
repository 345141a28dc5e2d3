"""Several encoders of one shape, computed together: every weight has a leading axis, the seed.

The networks are encoder-only transformers: attention is bidirectional and the prediction is read at the last position.
They are HookedTransformers in another layout (`Ensemble.member` gives one back), with the last layer worked out at the
last position alone. What a first layer sees of an element is its value and its place, so the keys and values of a
single layer are a table of vocab x context rows, and attending is looking up (`sequences.lookup`): that makes one layer
about five times cheaper, and is why `SIZES` grow in width.

The article gives the range of sizes (18k to 402k parameters) and neither widths nor depth. Ours have one layer, four
heads and widths chosen to lie evenly in the logarithm of the size. Dropout acts on the MLP's neurons, as it says;
those are rectified, as in PyTorch's own encoder layer.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor

from maze_interp import models, seeds
from maze_interp.sequences import lookup
from maze_interp.sequences.recurrence import CONTEXT, OUTCOMES, VOCABULARY

LN_EPS = 1e-5
Weights = Mapping[str, Tensor]
Dropout = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class EncoderConfig:
    """The shape of an encoder; `d_mlp` 0 means 4 * d_model. Raises ValueError for sizes that do not fit each other."""

    layers: int = 1
    d_model: int = 64
    heads: int = 4
    d_mlp: int = 0
    context: int = CONTEXT
    vocab: int = VOCABULARY
    dropout: float = 0.1

    def __post_init__(self) -> None:
        for name in ("layers", "d_model", "heads", "context", "vocab"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        if self.d_model % self.heads:
            raise ValueError(f"d_model {self.d_model} is not a multiple of heads {self.heads}")
        if self.d_mlp < 0 or not 0 <= self.dropout < 1:
            raise ValueError(f"d_mlp and dropout must be in range, not {self.d_mlp} and {self.dropout}")

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each weight by its transformer_lens name."""
        d, h, e, m = self.d_model, self.heads, self.d_model // self.heads, self.d_mlp or 4 * self.d_model
        block: dict[str, tuple[int, ...]] = {"ln1.w": (d,), "ln1.b": (d,), "ln2.w": (d,), "ln2.b": (d,)}
        block |= {f"attn.W_{x}": (h, d, e) for x in "QKV"} | {f"attn.b_{x}": (h, e) for x in "QKV"}
        block |= {"attn.W_O": (h, e, d), "attn.b_O": (d,)}
        block |= {"mlp.W_in": (d, m), "mlp.b_in": (m,), "mlp.W_out": (m, d), "mlp.b_out": (d,)}
        whole: dict[str, tuple[int, ...]] = {"embed.W_E": (self.vocab, d), "pos_embed.W_pos": (self.context, d)}
        whole |= {f"blocks.{layer}.{name}": shape for layer in range(self.layers) for name, shape in block.items()}
        whole |= {"ln_final.w": (d,), "ln_final.b": (d,), "unembed.W_U": (d, self.vocab), "unembed.b_U": (self.vocab,)}
        return whole

    @property
    def parameters(self) -> int:
        """How many numbers one network has."""
        return sum(int(np.prod(shape)) for shape in self.shapes.values())


SIZES: Mapping[str, EncoderConfig] = MappingProxyType(
    {name: EncoderConfig(d_model=width) for name, width in {"18k": 36, "53k": 64, "147k": 108, "401k": 180}.items()}
)


@dataclass(frozen=True)
class Ensemble:
    """Networks of one shape: each weight, by its transformer_lens name, is stacked along its first axis, the seed."""

    config: EncoderConfig
    weights: Weights

    def __len__(self) -> int:
        return len(self.weights["unembed.b_U"])

    def member(self, index: int) -> models.HookedTransformer:
        """One of the networks as a HookedTransformer (bidirectional; its prediction is that of the last position)."""
        config = self.config
        own = {name: weight[index] for name, weight in self.weights.items()}
        shape = {"layers": config.layers, "d_model": config.d_model, "heads": config.heads}
        return models.encoder(
            **shape, d_mlp=config.d_mlp or 4 * config.d_model, context=config.context, vocab=config.vocab, weights=own
        )


def build(config: EncoderConfig, members: int, *, seed: int) -> Ensemble:
    """Freshly initialised networks; member i is a function of (seed, i).

    Initialised as `models.build`: matrices and embeddings normal with standard deviation 0.8 / sqrt(d_model), biases 0,
    layer norms 1.
    """
    drawn = [_initial(config, seeds.derive(seed, "weights", member)) for member in range(members)]
    return Ensemble(config, {name: torch.stack([own[name] for own in drawn]) for name in config.shapes})


@torch.no_grad()
def logits(
    ensemble: Ensemble, contexts: Int[np.ndarray, "history position"] | Int[Tensor, "history position"]
) -> Float[Tensor, "seed history vocab"]:
    """Each network's logits for the element after each context, without dropout."""
    ids = torch.as_tensor(contexts)
    return forward(ensemble.weights, ensemble.config, ids.expand(len(ensemble), *ids.shape))


def act(
    ensemble: Ensemble,
    contexts: Int[np.ndarray, "history position"],
    *,
    temperature: float = 0.0,
    legal: bool = True,
    seed: int = 0,
) -> Int[np.ndarray, "seed history"]:
    """The element each network writes at the odd position behind each context.

    Temperature 0 takes the likeliest; above it, one is drawn, by a draw that belongs to (seed, network, history).
    `legal` restricts the choice to what odd positions carry, 8..15.
    """
    draws = seeds.uniforms(seeds.derive(seed, "act"), len(ensemble), len(contexts))
    return choose(logits(ensemble, contexts), torch.from_numpy(draws), temperature=temperature, legal=legal).numpy()


def choose(
    predicted: Float[Tensor, "*histories vocab"], draws: Float[Tensor, "*histories"], *, temperature: float, legal: bool
) -> Int[Tensor, "*histories"]:
    """An element for each row of logits; `draws` are uniform in [0, 1)."""
    if temperature < 0:
        raise ValueError(f"temperature cannot be negative: {temperature}")
    allowed = predicted[..., OUTCOMES:] if legal else predicted
    least = OUTCOMES if legal else 0
    if temperature == 0:
        return allowed.argmax(dim=-1) + least
    sums = (allowed / temperature).softmax(dim=-1).cumsum(dim=-1, dtype=torch.float64)
    below = (sums / sums[..., -1:] <= draws[..., None]).sum(dim=-1)
    return below.clamp(max=allowed.shape[-1] - 1) + least


def forward(
    weights: Weights, config: EncoderConfig, ids: Int[Tensor, "seed history position"], dropout: Dropout | None = None
) -> Float[Tensor, "seed history vocab"]:
    """Logits at the last position, differentiable in the weights; `dropout` is applied to the MLPs' neurons."""
    w = _Stack(weights, config)
    x = w["embed.W_E"][:, None] + w["pos_embed.W_pos"][:, :, None]  # [seed, position, vocab, d_model]
    if config.layers == 1:
        return w.unembed(_looked_up(w, x, ids, dropout))
    rows = (torch.arange(config.context) * config.vocab + ids).flatten(1)
    x = torch.stack([table[row] for table, row in zip(x.flatten(1, 2), rows, strict=True)])
    x = x.unflatten(1, ids.shape[1:])
    for layer in range(config.layers):
        asked = x[:, :, -1:] if layer == config.layers - 1 else x
        parts = w.heads(layer, asked, "Q"), w.heads(layer, x, "K"), w.heads(layer, x, "V")
        q, k, v = (part.transpose(2, 3) for part in parts)
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(2, 3)
        x = w.after_attention(layer, asked, mixed.flatten(3), dropout)
    return w.unembed(x[:, :, 0])


def _looked_up(w: "_Stack", x: Tensor, ids: Tensor, dropout: Dropout | None) -> Tensor:
    """The single layer's output at the last position, of a table of what each value is at each place."""
    rows, last = x.flatten(1, 2), ids[:, :, -1]
    seen = torch.arange(w.config.context) * w.config.vocab + ids
    q, k, v = w.heads(0, x[:, -1], "Q"), w.heads(0, rows, "K"), w.heads(0, rows, "V")
    scores = torch.einsum("s q h e, s r h e -> s q r h", q, k) * q.shape[-1] ** -0.5
    mixed = lookup.attend(scores, v, last, seen)
    asked = torch.stack([own[place] for own, place in zip(x[:, -1], last, strict=True)])
    return w.after_attention(0, asked, mixed.flatten(2), dropout)


@dataclass(frozen=True)
class _Stack:
    """Stacked weights with what every layer does to them."""

    weights: Weights
    config: EncoderConfig

    def __getitem__(self, name: str) -> Tensor:
        return self.weights[name]

    def normal(self, name: str, x: Tensor) -> Tensor:
        shape = (len(x), *[1] * (x.ndim - 2), -1)
        plain = F.layer_norm(x, x.shape[-1:], eps=LN_EPS)
        return plain * self[f"{name}.w"].view(shape) + self[f"{name}.b"].view(shape)

    def heads(self, layer: int, x: Tensor, kind: str) -> Tensor:
        """Queries, keys or values [seed, ..., head, d_head] of a residual stream [seed, ..., d_model]."""
        weight = rearrange(self[f"blocks.{layer}.attn.W_{kind}"], "s h d e -> s d (h e)")
        bias = self[f"blocks.{layer}.attn.b_{kind}"].flatten(1)
        return _linear(self.normal(f"blocks.{layer}.ln1", x), weight, bias).unflatten(-1, (self.config.heads, -1))

    def after_attention(self, layer: int, x: Tensor, mixed: Tensor, dropout: Dropout | None) -> Tensor:
        block = f"blocks.{layer}"
        x = x + _linear(mixed, self[f"{block}.attn.W_O"].flatten(1, 2), self[f"{block}.attn.b_O"])
        normal = self.normal(f"{block}.ln2", x)
        neurons = F.relu(_linear(normal, self[f"{block}.mlp.W_in"], self[f"{block}.mlp.b_in"]))
        neurons = neurons if dropout is None else dropout(neurons)
        return x + _linear(neurons, self[f"{block}.mlp.W_out"], self[f"{block}.mlp.b_out"])

    def unembed(self, x: Tensor) -> Tensor:
        return _linear(self.normal("ln_final", x), self["unembed.W_U"], self["unembed.b_U"])


def _linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    rows = x.flatten(1, -2)
    return torch.baddbmm(bias[:, None], rows, weight).unflatten(1, x.shape[1:-1])


def _initial(config: EncoderConfig, seed: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    own = {}
    for name, shape in sorted(config.shapes.items()):
        leaf = name.rsplit(".", 1)[-1]
        if leaf.startswith("W_"):
            own[name] = torch.randn(shape, generator=generator) * (0.8 / config.d_model**0.5)
        else:
            own[name] = torch.full(shape, 1.0 if leaf == "w" else 0.0)
    return own
