"""How a gradient becomes a step: AdamW, or Muon for the blocks' matrices. One function and one line each.

Muon (Jordan et al. 2024) replaces a matrix's momentum by the nearest orthogonal matrix, so that every direction of a
layer's input moves alike and none waits for its gradient to grow. It is meant for matrices between hidden layers;
embeddings, biases and layer norms keep AdamW. Heads are laid side by side, as one wide matrix. On mazes it is ahead of
AdamW for the first steps of a run; at its usual rate that lead was not kept to the end ("How fast it learns" in
notebooks/speed.md).
"""

from collections import defaultdict
from collections.abc import Callable

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from maze_interp.models.hooked import HookedTransformer
from maze_interp.training.schedule import Optimiser

MOMENTUM = 0.95
QUINTIC = (3.4445, -4.7750, 2.0315)  # a Newton-Schulz step whose iterates reach 1 fast and then hover around it
ITERATIONS = 5
HEADS_LAST = ("W_Q", "W_K", "W_V")  # [head, d_model, d_head]; W_O is [head, d_head, d_model]


def build(model: HookedTransformer, settings: Optimiser) -> torch.optim.Optimizer:
    """The optimiser that `settings` name, over the model's weights; each group's "peak" is its learning rate's peak."""
    return OPTIMISERS[settings.name](model, settings)


def adamw(model: HookedTransformer, settings: Optimiser) -> torch.optim.AdamW:
    """AdamW over the model's weights; biases and layer norms do not decay."""
    weights = dict(model.named_parameters())
    return torch.optim.AdamW(_adamw_groups(weights, settings), fused=True)


def muon(model: HookedTransformer, settings: Optimiser) -> "Muon":
    """Muon over the matrices in the blocks, AdamW over everything else."""
    return Muon(model, settings)


OPTIMISERS: dict[str, Callable[[HookedTransformer, Optimiser], torch.optim.Optimizer]] = {"adamw": adamw, "muon": muon}


class Muon(torch.optim.AdamW):
    """AdamW that leaves the matrices of its first group to Muon. Their state is the momentum, `exp_avg`."""

    def __init__(self, model: HookedTransformer, settings: Optimiser) -> None:
        weights = dict(model.named_parameters())
        self.matrices = {
            weight: name for name, weight in weights.items() if name.startswith("blocks.") and _decays(name)
        }
        rest = {name: weight for name, weight in weights.items() if weight not in self.matrices}
        first = {"params": list(self.matrices), "peak": settings.muon_rate, "weight_decay": settings.weight_decay}
        super().__init__([first, *_adamw_groups(rest, settings)], fused=True)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One step; the matrices' gradients are used up by it, which is how AdamW knows to pass them over."""
        group = self.param_groups[0]
        for weights in self._alike():
            directions = orthogonal(torch.stack([self._momentum(weight) for weight in weights]))
            for weight, direction in zip(weights, directions, strict=True):
                weight.mul_(1.0 - group["lr"] * group["weight_decay"])
                weight.sub_(self._as_weight(direction, weight), alpha=group["lr"])
                weight.grad = None
        return super().step(closure)

    def _alike(self) -> list[list[Tensor]]:
        """The matrices by shape, so that each shape is one batch."""
        shapes = defaultdict(list)
        for weight in self.matrices:
            shapes[tuple(sorted(_matrix(self.matrices[weight], weight).shape))].append(weight)
        return list(shapes.values())

    def _momentum(self, weight: Tensor) -> Tensor:
        """The weight's Nesterov momentum as a matrix that is at least as wide as high."""
        assert weight.grad is not None
        mean = self.state[weight].setdefault("exp_avg", torch.zeros_like(weight))
        mean.lerp_(weight.grad, 1.0 - MOMENTUM)
        flat = _matrix(self.matrices[weight], weight.grad.lerp(mean, MOMENTUM))
        return flat if flat.shape[0] <= flat.shape[1] else flat.T

    def _as_weight(self, direction: Tensor, weight: Tensor) -> Tensor:
        """A direction in the shape of its weight, scaled up where the matrix is not square."""
        name, scale = self.matrices[weight], (direction.shape[1] / direction.shape[0]) ** 0.5
        if _matrix(name, weight).shape != direction.shape:
            direction = direction.T
        if name.endswith(HEADS_LAST):
            direction = rearrange(direction, "d (head e) -> head d e", head=len(weight))
        return direction.reshape(weight.shape) * scale


def orthogonal(matrices: Float[Tensor, "layer row col"]) -> Float[Tensor, "layer row col"]:
    """Each matrix U S V^T with its singular values S pushed towards 1 (into 0.7 to 1.2), by Newton-Schulz iteration.

    Matrices must not be higher than wide. Singular values below about 1/1000 of the largest stay small.
    """
    a, b, c = QUINTIC
    x = matrices / (matrices.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(ITERATIONS):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    return x


def _matrix(name: str, weight: Tensor) -> Tensor:
    """A weight as a matrix, its heads side by side."""
    if name.endswith(HEADS_LAST):
        return rearrange(weight, "head d e -> d (head e)")
    return weight.flatten(0, -2)


def _decays(name: str) -> bool:
    return name.rsplit(".", 1)[-1].startswith("W_")


def _adamw_groups(weights: dict[str, Tensor], settings: Optimiser) -> list[dict[str, object]]:
    shared = {"peak": settings.learning_rate, "lr": settings.learning_rate, "betas": (settings.beta1, settings.beta2)}
    kinds = ((True, settings.weight_decay), (False, 0.0))
    return [
        {"params": [w for name, w in weights.items() if _decays(name) == matrix], "weight_decay": decay, **shared}
        for matrix, decay in kinds
    ]
