"""The multi-component toy: a matrix of low rank, learned as a product of two factors by gradient descent.

Neither factor's gradient is large before the other factor is, so the loss waits, then falls: an S-curve. Jermyn and
Shlegeris ("Multi-Component Learning and S-Curves", 2022) minimise the squared loss; a comment on it, the cross-entropy
of two matrices read as logits of one distribution, here less the target's entropy, so that Z = C is zero loss.

Gradients are written out, and all runs of one kind are one batch. Gradient descent is on the whole matrix, so nothing
in it is stochastic. The article gives no sizes: entries of C have variance 1, and the cross-entropy is multiplied by
the number of entries, with which it is as curved as the squared loss where the softmax is flat.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from maze_interp import seeds

Loss = Callable[[Tensor], tuple[Tensor, Tensor]]  # Z[run, row, col] -> (loss[run], its gradient at Z)
CHECKED = 50  # steps between looks at whether all runs are done


def squared(target: Float[Tensor, "run row col"]) -> Loss:
    """Half the sum of squared errors."""

    def loss(learned: Tensor) -> tuple[Tensor, Tensor]:
        error = learned - target
        return 0.5 * error.square().sum((1, 2)), error

    return loss


def softmax(target: Float[Tensor, "run row col"]) -> Loss:
    """The divergence (nats) of softmax(Z) from softmax(C) over all entries, times their number.

    It is summed as p (exp(d) - 1 - d) with d = ln q - ln p, whose terms cannot cancel.
    """
    entries = target[0].numel()
    log_p = target.flatten(1).log_softmax(1).view_as(target)
    p = log_p.exp()

    def loss(learned: Tensor) -> tuple[Tensor, Tensor]:
        further = learned.flatten(1).log_softmax(1).view_as(p) - log_p
        gained = p * torch.expm1(further)  # q - p
        return entries * (gained - p * further).sum((1, 2)), entries * gained

    return loss


LOSSES: dict[str, Callable[[Tensor], Loss]] = {"squared": squared, "softmax": softmax}
OPTIMISERS = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}


@dataclass(frozen=True)
class Toy:
    """What is learned and how. Rank 0 is full rank; not `factored`, Z is learned itself: the one-component control."""

    rank: int
    loss: Literal["squared", "softmax"]
    optimiser: Literal["sgd", "adam"]
    rate: float
    factored: bool = True

    @property
    def learner(self) -> str:
        """Gradient descent by its name alone, because its rate only sets the clock; Adam with its rate."""
        return "sgd" if self.optimiser == "sgd" else f"adam {self.rate:g}"


def matrices(
    count: int, side: int, rank: int, *, seed: int, first: int = 0
) -> tuple[Float[np.ndarray, "run row col"], Float[np.ndarray, "run row col"], Float[np.ndarray, "run 2 row rank"]]:
    """(targets, directions in which one component begins, directions in which two factors begin).

    A target is the product of two normal matrices with entries of variance 1; rank 0 is `side`.
    """
    width = rank or side
    draws = [seeds.generator(seed, "toy", rank, first + i) for i in range(count)]
    factors = np.stack([rng.standard_normal((2, side, width)) for rng in draws])
    start = np.stack([rng.standard_normal((2, side, width)) for rng in draws])
    whole = np.stack([rng.standard_normal((side, side)) for rng in draws])
    return factors[:, 0] @ factors[:, 1].transpose(0, 2, 1) / width**0.5, whole, start


def learn(
    toy: Toy,
    sizes: tuple[float, ...],
    count: int,
    *,
    seed: int,
    side: int,
    steps: int,
    until: float,
) -> Float[np.ndarray, "size run step"]:
    """The loss before each step, from starts of each size (the same targets and directions for all).

    It ends early when every run has been below `until` times its first loss. Raises ValueError if a loss overflows.
    """
    target, whole, start = matrices(count, side, toy.rank, seed=seed)
    begin = [start[:, 0], start[:, 1]] if toy.factored else [whole]
    scaled = [np.concatenate([size * each for size in sizes]) for each in begin]
    weights = [torch.tensor(each, dtype=torch.float32) for each in scaled]
    loss = LOSSES[toy.loss](torch.tensor(np.concatenate([target] * len(sizes)), dtype=torch.float32))
    curve = _descend(weights, loss, OPTIMISERS[toy.optimiser](weights, lr=toy.rate), steps, until)
    if not np.isfinite(curve).all():
        raise ValueError(f"{toy.optimiser} at rate {toy.rate:g} does not stay finite on the {toy.loss} loss: lower it")
    return curve.reshape(len(sizes), count, -1)


def growth(toy: Toy, count: int, *, seed: int, side: int) -> Float[np.ndarray, " run"]:
    """How fast each run's factors grow under gradient descent while they are small, in nats per rate times steps.

    The loss is then linear in Z, and a step multiplies the factors along the largest singular value s of its slope at
    Z = 0 by 1 + rate s: ln(1 + rate s) / rate, or s where the rate is small.
    """
    target = torch.tensor(matrices(count, side, toy.rank, seed=seed)[0])
    largest = torch.linalg.svdvals(LOSSES[toy.loss](target)(torch.zeros_like(target))[1])[:, 0].numpy()
    return np.log1p(toy.rate * largest) / toy.rate


@torch.no_grad()
def _descend(
    weights: list[Tensor], loss: Loss, optimiser: torch.optim.Optimizer, steps: int, until: float
) -> Float[np.ndarray, "run step"]:
    losses: list[Tensor] = []
    lowest = torch.tensor(torch.inf)
    for step in range(steps):
        learned = weights[0] @ weights[1].mT if len(weights) == 2 else weights[0]
        value, slope = loss(learned)
        losses.append(value)
        lowest = torch.minimum(lowest, value)
        if step % CHECKED == 0 and bool((lowest <= until * losses[0]).all()):
            break
        slopes = [slope @ weights[1], slope.mT @ weights[0]] if len(weights) == 2 else [slope]
        for weight, gradient in zip(weights, slopes, strict=True):
            weight.grad = gradient
        optimiser.step()
    return torch.stack(losses, dim=1).double().numpy()
