"""Gradient descent on an ensemble: each network follows its own loss, all in one pass.

The networks share nothing, so the gradient of the sum of their losses is each one's own; AdamW works number by number
and gradients are clipped network by network, so a network learns what it would learn alone.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from maze_interp import seeds
from maze_interp.sequences.ensemble import Dropout, Ensemble, Weights
from maze_interp.training.schedule import Optimiser, learning_rate

Losses = Callable[[Weights, int], Float[Tensor, " seed"]]
Measures = Mapping[str, Float[np.ndarray, " seed"]]
Progress = Callable[[int, int], None]


@runtime_checkable
class Pace(Protocol):
    """How far to go, how often to measure, and how to step."""

    @property
    def steps(self) -> int: ...
    @property
    def every(self) -> int: ...
    @property
    def optimiser(self) -> Optimiser: ...


@dataclass(frozen=True)
class Trained:
    """Networks and how they came to be: after each of `steps`, every measure of each network."""

    ensemble: Ensemble
    steps: Int[np.ndarray, " measured"]
    curves: Mapping[str, Float[np.ndarray, "measured seed"]]


def learn(
    start: Ensemble,
    losses: Losses,
    measure: Callable[[Ensemble], Measures],
    pace: Pace,
    *,
    progress: Progress | None = None,
) -> Trained:
    """Networks after so many steps down `losses` (weights and step to one loss a network).

    Measured before the first step, at the pace given and after the last; the measure "loss" is the mean of the losses
    since the one before, nan at the start. Raises FloatingPointError where a loss is not finite.
    """
    steps, every, optimiser = pace.steps, pace.every, pace.optimiser
    weights = {name: weight.clone().requires_grad_() for name, weight in start.weights.items()}
    adam = torch.optim.AdamW(_groups(weights, optimiser), fused=True)
    now = Ensemble(start.config, {name: weight.detach() for name, weight in weights.items()})  # shares their memory
    rows = [{"loss": np.full(len(start), np.nan), **measure(now)}]
    measured, window = [0], torch.zeros(len(start))
    for step in range(steps):
        for group in adam.param_groups:
            group["lr"] = learning_rate(step, steps, optimiser, optimiser.learning_rate)
        loss = losses(weights, step)
        if not loss.isfinite().all():
            raise FloatingPointError(f"step {step}: losses {loss.tolist()}")
        loss.sum().backward()
        _clip(weights, optimiser.clip)
        adam.step()
        adam.zero_grad()
        window += loss.detach()
        if (step + 1) % every == 0 or step + 1 == steps:
            rows.append({"loss": (window / (step + 1 - measured[-1])).numpy(), **measure(now)})
            measured, window = [*measured, step + 1], torch.zeros(len(start))
        if progress is not None:
            progress(step + 1, steps)
    curves = {name: np.array([row[name] for row in rows], np.float64) for name in rows[0]}
    return Trained(now, np.array(measured), curves)


def dropout(rate: float, members: int, *, seed: int) -> Dropout | None:
    """A function that silences each neuron with probability `rate` (to 1 / 65,536) and scales the others up.

    Called on activations [seed, ...]; member i's masks are a function of (seed, i) and of how often it was called.
    """
    if rate == 0:
        return None
    generators = [torch.Generator().manual_seed(seeds.derive(seed, "dropout", member)) for member in range(members)]
    least = round(rate * 65536) - 32768

    def drop(neurons: Tensor) -> Tensor:
        words = torch.empty(members, -(-neurons[0].numel() // 4), dtype=torch.int64)
        for own, generator in zip(words, generators, strict=True):
            own.random_(-(2**63), None, generator=generator)
        bits = words.view(torch.int16)[:, : neurons[0].numel()].reshape(neurons.shape)
        return neurons * ((bits >= least) * (65536 / (32768 - least)))

    return drop


def _groups(weights: Mapping[str, Tensor], settings: Optimiser) -> list[dict[str, object]]:
    """Weight decay is for matrices and embeddings."""
    matrices = {name for name in weights if name.rsplit(".", 1)[-1].startswith("W_")}
    shared = {"lr": settings.learning_rate, "betas": (settings.beta1, settings.beta2)}
    return [
        {"params": [w for name, w in weights.items() if (name in matrices) == some], "weight_decay": decay, **shared}
        for some, decay in ((True, settings.weight_decay), (False, 0.0))
    ]


def _clip(weights: Mapping[str, Tensor], most: float) -> None:
    """Scale each network's gradient down to the norm `most`, if it is longer."""
    gradients = [weight.grad for weight in weights.values() if weight.grad is not None]
    squares = torch.stack([gradient.flatten(1).square().sum(dim=1) for gradient in gradients]).sum(dim=0)
    scale = (most / squares.sqrt().clamp(min=1e-12)).clamp(max=1.0)
    for gradient in gradients:
        gradient *= scale.view(-1, *[1] * (gradient.ndim - 1))
