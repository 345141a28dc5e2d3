"""What the model would say if it had to speak early: the residual stream at every depth, read as an answer.

The logit lens (nostalgebraist 2020) puts the stream after each layer through the model's own final layer norm and
unembedding. It is silent about what early layers write in a basis that later layers turn. The tuned lens (Belrose et
al. 2023, arXiv 2303.08112) first applies an affine translator, one for each depth, trained to make the answer close
to the model's final one: the mean Kullback-Leibler divergence of the lens from the output, in nats.

Depth 0 is the embedding, which knows its own token and no more: what a lens reads there is what needs no maze. Depth k
is the stream after k layers, and the last depth is the output itself. A lens tuned on the streams of an untrained
network, to the same answers, says how much of them a reader can make up on its own.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from maze_interp import seeds
from maze_interp.models import HookedTransformer, fused
from maze_interp.tokens import PAD, TokenBatch

Progress = Callable[[int, int], None]
CHECKS = 8  # how often the translators are tried on the validation mazes
GAIN = 1e-6  # nats: a translator replaces a better-known one if it is nearer to the answer by more than rounding


@dataclass(frozen=True)
class Streams:
    """The residual stream at the positions asked, sequence by sequence, and the log-probabilities answered there."""

    values: Float[Tensor, "depth sample d_model"]
    answers: Float[Tensor, "sample vocab"]


@dataclass(frozen=True)
class TunedLens:
    """A translator for each depth, x + x @ weight + bias; `divergence` from the output in nats on validation mazes,
    of the logit lens and of this one."""

    weight: Float[Tensor, "depth d_model d_model"]
    bias: Float[Tensor, "depth d_model"]
    divergence: Float[Tensor, "2 depth"]


def streams(
    model: HookedTransformer,
    tokens: TokenBatch,
    at: Bool[np.ndarray, "maze position"],
    *,
    batch: int = 128,
    progress: Progress | None = None,
) -> Streams:
    """What passes each depth at the marked positions, one forward pass for all; `progress` counts mazes.

    Raises ValueError if no position is marked, or one that is padding.
    """
    check_marked(tokens, at)
    values, answers, device = [], [], model.embed.W_E.device
    with torch.no_grad():
        w = fused.weights(model)
        for rows in np.split(np.arange(len(tokens)), range(batch, len(tokens), batch)):
            longest = int(tokens.length[rows].max())
            ids = torch.from_numpy(tokens.ids[rows, :longest]).long().to(device)
            marked = torch.from_numpy(at[rows, :longest]).to(device)
            values.append(torch.stack([x[marked] for x in fused.residuals(w, ids, len(w.layers))]))
            answers.append(fused.unembed(w, values[-1][-1]).log_softmax(dim=-1))
            if progress is not None:
                progress(int(rows[-1]) + 1, len(tokens))
    return Streams(torch.cat(values, dim=1), torch.cat(answers))


def check_marked(tokens: TokenBatch, at: Bool[np.ndarray, "maze position"]) -> None:
    """Raise ValueError unless `at` marks positions of the sequences, at least one and no padding."""
    if at.shape != tokens.ids.shape:
        raise ValueError(f"positions are marked in {at.shape} for sequences of {tokens.ids.shape}")
    if not at.any() or (at & (tokens.part == PAD)).any():
        raise ValueError("mark at least one position, and none that is padding")


def logit_lens(
    model: HookedTransformer, values: Float[Tensor, "depth sample d_model"]
) -> Float[Tensor, "depth sample vocab"]:
    """The log-probabilities that the model's own unembedding reads off each depth; at the last, the model's output."""
    with torch.no_grad():
        return fused.unembed(fused.weights(model), values).log_softmax(dim=-1)


def tuned_lens(
    model: HookedTransformer, lens: TunedLens, values: Float[Tensor, "depth sample d_model"]
) -> Float[Tensor, "depth sample vocab"]:
    """The log-probabilities that a tuned lens reads off each depth."""
    return logit_lens(model, _translate(values, lens.weight, lens.bias))


def tune(
    model: HookedTransformer,
    learn: Streams,
    check: Streams,
    *,
    steps: int = 400,
    batch: int = 1024,
    rate: float = 3e-3,
    seed: int = 0,
    progress: Progress | None = None,
) -> TunedLens:
    """Train a translator for each depth, all at once, on the streams and answers of `learn`.

    From doing nothing, which is the logit lens, Adam goes `steps` steps of `batch` samples down the divergence. Each
    depth keeps the translator that is best on `check`, so none is read worse there than by the logit lens. The streams
    may be another network's, of the same shape, and the answers `model`'s. `progress` counts steps.
    """
    w = fused.weights(model)
    w = replace(w, ln_final=_detached(w.ln_final), unembed=_detached(w.unembed))
    best = _identity(w, check)
    weight, bias = (start.clone().requires_grad_() for start in (best.weight, best.bias))
    optimiser = torch.optim.Adam([weight, bias], lr=rate)
    rng = seeds.generator(seed, "tuned lens")
    for step in range(steps):
        if step % max(1, steps // CHECKS) == 0:
            best = _better(best, w, check, weight, bias)
        for group in optimiser.param_groups:
            group["lr"] = rate * (1 - step / steps)
        chosen = torch.from_numpy(rng.integers(0, len(learn.answers), batch)).to(weight.device)
        translated = _translate(learn.values[:, chosen], weight, bias)
        loss = _divergence(w, translated, learn.answers[chosen]).sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if progress is not None:
            progress(step + 1, steps)
    return _better(best, w, check, weight, bias)


def divergence(
    answers: Float[Tensor, "sample vocab"], read: Float[Tensor, "*depth sample vocab"]
) -> Float[Tensor, "*depth sample"]:
    """The Kullback-Leibler divergence of what a lens reads from what the model answers, in nats."""
    return (answers.exp() * (answers - read)).sum(dim=-1)


def _translate(values: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return values + torch.baddbmm(bias[:, None], values, weight)


def _divergence(w: fused.Weights, values: Tensor, answers: Tensor) -> Tensor:
    """The mean divergence at each depth."""
    return divergence(answers, fused.unembed(w, values).log_softmax(dim=-1)).mean(dim=-1)


def _detached(parameters: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    return parameters[0].detach(), parameters[1].detach()


def _identity(w: fused.Weights, check: Streams) -> TunedLens:
    """The lens that translates nothing."""
    depths, _, width = check.values.shape
    with torch.no_grad():
        left = _divergence(w, check.values, check.answers)
    return TunedLens(left.new_zeros(depths, width, width), left.new_zeros(depths, width), torch.stack([left, left]))


def _better(best: TunedLens, w: fused.Weights, check: Streams, weight: Tensor, bias: Tensor) -> TunedLens:
    """Depth by depth, the new translator where it is better on the validation mazes."""
    with torch.no_grad():
        left = _divergence(w, _translate(check.values, weight, bias), check.answers)
        wins = left < best.divergence[1] - GAIN
        return TunedLens(
            torch.where(wins[:, None, None], weight, best.weight),
            torch.where(wins[:, None], bias, best.bias),
            torch.stack([best.divergence[0], torch.where(wins, left, best.divergence[1])]),
        )
