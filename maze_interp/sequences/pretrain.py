"""Pretraining: predict the next element of the sequence, at even and odd positions alike.

AdamW with weight decay 0.01 and dropout 0.1, as in the article, whose larger models overfitted. Data are fresh at every
step; with `sequences` above 0 a network reads that many over and over instead, which is the article's suspicion.
Where it is silent we choose: 22 elements are read as two questions, one at an even and one at an odd position.
"""

from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from maze_interp import seeds
from maze_interp.sequences import learning
from maze_interp.sequences.ensemble import EncoderConfig, Ensemble, Weights, build, forward, logits
from maze_interp.sequences.learning import Measures, Progress, Trained
from maze_interp.sequences.recurrence import CONTEXT, NOISE, recurrence
from maze_interp.training.schedule import Optimiser


@dataclass(frozen=True)
class Pretraining:
    """How networks learn to predict: `batch` sequences a network and step, two questions each.

    `sequences` is the size of a fixed training set, 0 for fresh data; `held_out` are measured every `every` steps.
    """

    steps: int = 4000
    batch: int = 128
    sequences: int = 0
    kind: str = "product"
    noise: float = NOISE
    held_out: int = 2000
    every: int = 200
    optimiser: Optimiser = field(default_factory=lambda: Optimiser(learning_rate=3e-3, warmup=100))

    def __post_init__(self) -> None:
        if min(self.steps, self.batch, self.held_out, self.every) < 1:
            raise ValueError("steps, batch, held_out and every must be at least 1")
        if self.sequences % self.batch:
            raise ValueError(f"a fixed training set is whole batches: {self.sequences} is no multiple of {self.batch}")


def pretrain(
    config: EncoderConfig,
    members: int,
    recipe: Pretraining,
    *,
    seed: int,
    measured: int | None = None,
    progress: Progress | None = None,
) -> Trained:
    """Networks that predict the sequence; member i and the data it sees are functions of (seed, i).

    Measures, in nats: "loss" (training, with dropout), "held_out" and its halves "even" and "odd". They are of the
    held-out sequences of the seed `measured` (default: `seed`): trainings that share it are measured on the same.
    """
    drop = learning.dropout(config.dropout, members, seed=seed)

    def losses(weights: Weights, step: int) -> Float[Tensor, " seed"]:
        first = step * recipe.batch % recipe.sequences if recipe.sequences else step * recipe.batch
        ids = [
            recurrence(recipe.batch, CONTEXT + 2, seed=own, first=first, kind=recipe.kind, noise=recipe.noise)
            for own in training_seeds
        ]
        contexts, wanted = questions(np.stack(ids))
        predicted = forward(weights, config, torch.from_numpy(contexts), drop)
        return surprise(predicted, torch.from_numpy(wanted)).mean(dim=1)

    training_seeds = [seeds.derive(seed, "training", member) for member in range(members)]
    source = seeds.derive(seed if measured is None else measured, "held out")
    unseen = recurrence(recipe.held_out, CONTEXT + 2, seed=source, kind=recipe.kind, noise=recipe.noise)

    def measure(now: Ensemble) -> Measures:
        even, odd = prediction_loss(now, unseen)
        return {"held_out": (even + odd) / 2, "even": even, "odd": odd}

    return learning.learn(build(config, members, seed=seed), losses, measure, recipe, progress=progress)


def questions(
    ids: Int[np.ndarray, "*rows position"],
) -> tuple[Int[np.ndarray, "*rows2 context"], Int[np.ndarray, "*rows2"]]:
    """Contexts and what follows them: first of every sequence at the even position, then at the odd one."""
    contexts = np.concatenate([ids[..., :CONTEXT], ids[..., 1 : CONTEXT + 1]], axis=-2)
    return contexts, np.concatenate([ids[..., CONTEXT], ids[..., CONTEXT + 1]], axis=-1)


def surprise(
    predicted: Float[Tensor, "seed history vocab"], wanted: Int[Tensor, "seed history"]
) -> Float[Tensor, "seed history"]:
    """-log P(wanted), in nats."""
    return F.cross_entropy(predicted.mT, wanted, reduction="none")


def prediction_loss(
    networks: Ensemble, ids: Int[np.ndarray, "sequence position"]
) -> tuple[Float[np.ndarray, " seed"], Float[np.ndarray, " seed"]]:
    """Each network's mean loss on sequences of 22 elements, in nats: at even and at odd positions, without dropout."""
    contexts, wanted = questions(ids)
    each = surprise(logits(networks, contexts), torch.from_numpy(wanted).expand(len(networks), -1))
    even, odd = each.double().unflatten(1, (2, -1)).mean(dim=2).unbind(dim=1)
    return even.numpy(), odd.numpy()
