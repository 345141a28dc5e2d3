"""Sparse autoencoders: a stream of activations as sums of few of many directions, learned from the stream itself.

Activations, centred and scaled, are encoded into features of which few are active and decoded by unit directions.
"topk" keeps the k largest (Gao et al. 2024, arXiv 2406.04093). "gated" decides with one threshold whether a feature is
active and with another bias how much (Rajamanoharan et al. 2024, arXiv 2404.16014); its sparsity is a penalty on what
passes the gate. Features that have not been active for a while are dead: again and again, until most of training is
over, they are pointed at samples that are reconstructed badly (Bricken et al. 2023). What remains dead is reported.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from maze_interp import models, recipes, seeds, storage
from maze_interp.models import HookedTransformer

KINDS = ("topk", "gated")
REVIVALS, REVIVE_UNTIL = 8, 0.7  # how often, and up to which share of training, dead features are revived
Values = Float[np.ndarray, "sample d_model"]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class AutoencoderRecipe:
    """What to train: `active` is k of "topk"; `sparsity` weighs the gate of "gated" against the squared error."""

    kind: str = "topk"
    features: int = 256
    active: int = 8
    sparsity: float = 0.1
    steps: int = 1500
    batch: int = 512
    learning_rate: float = 2e-3
    seed: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise recipes.unknown("kind of autoencoder", self.kind, KINDS)
        if not 1 <= self.active <= self.features:
            raise ValueError(f"of {self.features} features 1 or more can be active, not {self.active}")


@dataclass(frozen=True)
class Autoencoder:
    """A trained autoencoder; `model` is the fingerprint of the network whose `site` it was trained on."""

    kind: str
    active: int
    model: str
    site: str
    centre: Float[np.ndarray, " d_model"]
    scale: Float[np.ndarray, "1"]
    encode_weight: Float[np.ndarray, "d_model feature"]
    gate_bias: Float[np.ndarray, " feature"]
    size_bias: Float[np.ndarray, " feature"]
    size_scale: Float[np.ndarray, " feature"]
    decode_weight: Float[np.ndarray, "feature d_model"]

    def encode(self, x: Values) -> Float[np.ndarray, "sample feature"]:
        """How active each feature is."""
        held = {name: torch.from_numpy(np.array(getattr(self, name))) for name in LEARNED}
        normal = torch.from_numpy(((x - self.centre) / self.scale).astype(np.float32))
        return _features(held, normal, self.kind, self.active)[0].numpy()

    def decode(self, features: Float[np.ndarray, "sample feature"]) -> Values:
        """The activations that features stand for."""
        return self.centre + self.scale * (features @ self.decode_weight)


LEARNED = ("encode_weight", "gate_bias", "size_bias", "size_scale", "decode_weight")


def train(
    x: Values, recipe: AutoencoderRecipe, *, model: str = "", site: str = "", progress: Progress | None = None
) -> Autoencoder:
    """An autoencoder of samples, a function of them and the recipe alone. `progress` counts steps.

    Raises ValueError if all samples are alike.
    """
    centre = x.mean(axis=0, dtype=np.float64).astype(np.float32)
    scale = np.sqrt(np.square(x - centre, dtype=np.float64).sum(axis=1).mean(keepdims=True)).astype(np.float32)
    if scale[0] == 0:
        raise ValueError(f"all {len(x)} samples are alike: there is nothing to encode")
    normal = torch.from_numpy(((x - centre) / scale).astype(np.float32))
    draw = torch.Generator().manual_seed(seeds.derive(recipe.seed, "autoencoder"))
    held = _fresh(x.shape[1], recipe.features, draw)
    optimiser = torch.optim.Adam(held.values(), lr=recipe.learning_rate)
    active = torch.zeros(recipe.features, dtype=torch.bool)
    every = max(1, int(REVIVE_UNTIL * recipe.steps / REVIVALS))
    for step in range(1, recipe.steps + 1):
        rows = normal[torch.randint(len(normal), (recipe.batch,), generator=draw)]
        features, gate = _features(held, rows, recipe.kind, recipe.active)
        loss = (rows - features @ held["decode_weight"]).square().sum(dim=1).mean()
        if gate is not None:
            rebuilt = gate @ held["decode_weight"].detach()
            loss = loss + recipe.sparsity * gate.sum(dim=1).mean() + (rows - rebuilt).square().sum(dim=1).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        with torch.no_grad():
            held["decode_weight"] /= held["decode_weight"].norm(dim=1, keepdim=True)
            active |= (features != 0).any(dim=0)
            if step % every == 0 and step <= REVIVE_UNTIL * recipe.steps:
                _revive(held, optimiser, ~active, rows - features @ held["decode_weight"], draw)
                active[:] = False
        if progress is not None:
            progress(step, recipe.steps)
    learned = {name: held[name].detach().numpy().copy() for name in LEARNED}
    return Autoencoder(recipe.kind, recipe.active, model, site, centre, scale, **learned)


def quality(autoencoder: Autoencoder, x: Values) -> dict[str, float]:
    """On samples: the share of variance explained, features active a sample (L0), and the share never active (dead)."""
    features = autoencoder.encode(x)
    missed = np.square(x - autoencoder.decode(features), dtype=np.float64).sum()
    return {
        "explained": float(1 - missed / np.square(x - x.mean(axis=0), dtype=np.float64).sum()),
        "L0": float((features != 0).sum(axis=1).mean()),
        "dead": float((features == 0).all(axis=0).mean()),
    }


def save(autoencoder: Autoencoder, path: str | Path, metadata: dict[str, float] | None = None) -> None:
    """Write an autoencoder as one safetensors file whose header, JSON, names its kind, model and site."""
    storage.save(path, autoencoder, metadata)


def load(path: str | Path, model: HookedTransformer) -> Autoencoder:
    """What `save` wrote. Raises ValueError if it was trained on another model."""
    autoencoder = storage.load(Autoencoder, path)
    if autoencoder.model != models.fingerprint(model):
        raise ValueError(f"the autoencoder in {path} was trained on another model: their weights differ")
    return autoencoder


def _fresh(width: int, features: int, draw: torch.Generator) -> dict[str, Tensor]:
    ways = F.normalize(torch.randn(features, width, generator=draw), dim=1)
    held = {
        "encode_weight": ways.T.clone(),
        "gate_bias": torch.zeros(features),
        "size_bias": torch.zeros(features),
        "size_scale": torch.zeros(features),
        "decode_weight": ways,
    }
    return {name: weight.requires_grad_() for name, weight in held.items()}


def _features(held: dict[str, Tensor], x: Tensor, kind: str, active: int) -> tuple[Tensor, Tensor | None]:
    """The features of scaled samples and, of gated ones, what passes the gate."""
    scores = x @ held["encode_weight"]
    if kind == "topk":
        scores = scores + held["gate_bias"]
        kept = scores.topk(active, dim=1)
        return torch.zeros_like(scores).scatter(1, kept.indices, kept.values), None
    gate = F.relu(scores + held["gate_bias"])
    size = F.relu(scores * held["size_scale"].exp() + held["size_bias"])
    return (gate > 0) * size, gate


def _revive(
    held: dict[str, Tensor], optimiser: torch.optim.Adam, dead: Tensor, missed: Tensor, draw: torch.Generator
) -> None:
    """Point dead features at what of some samples is not reconstructed, the likelier the worse it is."""
    count = int(dead.sum())
    worst = missed.square().sum(dim=1)
    if not count or not worst.any():
        return
    ways = F.normalize(missed[torch.multinomial(worst, count, replacement=True, generator=draw)], dim=1)
    held["decode_weight"][dead] = ways
    held["encode_weight"][:, dead] = ways.T
    for name in ("gate_bias", "size_bias", "size_scale"):
        held[name][dead] = 0.0
    for name, weight in held.items():
        for moment in ("exp_avg", "exp_avg_sq"):
            state = optimiser.state[weight][moment] if weight in optimiser.state else None
            if state is not None:
                (state.T if name == "encode_weight" else state)[dead] = 0.0
