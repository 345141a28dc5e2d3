"""Logistic regression of many outputs on the same features, by one search for all of them.

Features are turned to their principal axes and scaled so that the objective's curvature is at most 1 in every direction
(the logistic function's is at most 1/4: Böhning & Lindsay 1988) and close to it where features are spread evenly.
Then the two matrix products that evaluate all outputs at once are the whole cost, and L-BFGS (Liu & Nocedal 1989),
with a history of its own for each output, needs few of them. The objective is

    mean -log P(output | features) + penalty / 2 * mean feature variance * |weight|²

which is scikit-learn's LogisticRegression at C = 1 / (penalty * mean feature variance * samples).
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Num
from torch import Tensor

ROUNDS, CLOSE = 200, 1e-4  # at most so many evaluations, until no slope is steeper: the loss is then within about 1e-7
MEMORY, DECREASE, NOISE = 8, 1e-4, 1e-6
ROUNDING = 1e-11  # features vary along a direction if by more than this share of their mean square
SURE = 12.0  # the log-odds of what was always so
Rows = Num[np.ndarray, "sample feature"]
Objective = Callable[[Tensor], tuple[Tensor, Tensor]]


def logistic(
    x: Rows, y: Float[np.ndarray, "sample output"], penalties: Sequence[float]
) -> tuple[Float[np.ndarray, "penalty feature output"], Float[np.ndarray, "penalty output"]]:
    """(weights, biases) of the best log-odds of each output, 0 or 1, under each penalty; the largest is found first."""
    mean = x.mean(axis=0, dtype=np.float64)
    centred = (x - mean).astype(np.float32)
    values, basis = np.linalg.eigh(centred.T.astype(np.float64) @ centred / len(x))
    varies = values > ROUNDING * np.mean(np.square(x, dtype=np.float64))
    values, basis = values[varies], basis[:, varies]
    scale = values.sum() / x.shape[1]
    turned = torch.from_numpy(centred @ basis.astype(np.float32))
    wanted = torch.from_numpy(np.ascontiguousarray(y, np.float32))
    varied = torch.from_numpy(y.min(axis=0) < y.max(axis=0))
    weights, biases = np.zeros((len(penalties), x.shape[1], y.shape[1])), np.zeros((len(penalties), y.shape[1]))
    biases[:] = np.where(y[0] > 0, SURE, -SURE)
    which, found = np.flatnonzero(varied.numpy()), None
    for place in np.argsort(penalties)[::-1] if len(which) else ():
        slack = penalties[place] * scale
        stretch = torch.from_numpy(1 / np.sqrt(values / 4 + slack)).float()
        begin = torch.zeros(len(values) + 1, len(which)) if found is None else _restretched(found, stretch)
        penalty = torch.cat([slack * stretch**2, torch.zeros(1)])[:, None]
        solved = _search(_objective(turned * stretch, wanted[:, varied], penalty), begin)
        found = torch.cat([solved[:-1] * stretch[:, None], solved[-1:] * 2])
        weights[place][:, which] = basis @ found[:-1].double().numpy()
        biases[place, which] = found[-1].double().numpy() - mean @ weights[place][:, which]
    return weights, biases


def log_loss(
    weights: Float[np.ndarray, "penalty feature output"],
    biases: Float[np.ndarray, "penalty output"],
    x: Rows,
    y: Float[np.ndarray, "sample output"],
) -> Float[np.ndarray, "penalty output"]:
    """The mean -log P(output | features) of each output under each of the weights, in nats."""
    out = np.empty(biases.shape)
    for place, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        odds = x @ weight.astype(np.float32) + bias.astype(np.float32)
        out[place] = np.mean(np.logaddexp(0.0, odds) - y * odds, axis=0)
    return out


def sigmoid(odds: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """The probability of these log-odds."""
    return 0.5 * (1 + np.tanh(odds / 2))


def _restretched(found: Tensor, stretch: Tensor) -> Tensor:
    return torch.cat([found[:-1] / stretch[:, None], found[-1:] / 2])


def _objective(x: Tensor, y: Tensor, penalty: Tensor) -> Objective:
    """(loss, slope) of weights whose last row is half a bias, for each output: [output], [feature_and_one, output]."""
    ones = torch.full((len(x), 1), 2.0)
    x = torch.cat([x, ones], dim=1)
    told = x.T @ y / len(x)

    def of(weight: Tensor) -> tuple[Tensor, Tensor]:
        odds = x @ weight
        loss = F.softplus(odds).mean(dim=0) - (weight * told).sum(dim=0) + 0.5 * (penalty * weight**2).sum(dim=0)
        slope = x.T @ odds.sigmoid_() / len(x) - told + penalty * weight
        return loss, slope

    return of


def _search(objective: Objective, weight: Tensor) -> Tensor:
    """The weights at which each output's loss is least: L-BFGS, halving the steps of those that it would not lower."""
    loss, slope = objective(weight)
    history: list[tuple[Tensor, Tensor, Tensor]] = []
    length = torch.ones(weight.shape[1])
    step = -slope
    for _ in range(ROUNDS):
        if slope.abs().max() < CLOSE:
            break
        moved = weight + length * step
        new_loss, new_slope = objective(moved)
        promised = DECREASE * length * (slope * step).sum(dim=0)
        good = new_loss <= loss + promised + NOISE * loss.abs()
        if good.any():
            change, turn = torch.where(good, moved - weight, 0.0), torch.where(good, new_slope - slope, 0.0)
            curvature = (change * turn).sum(dim=0)
            inverse = torch.where(curvature > 0, 1 / curvature.clamp(min=1e-30), 0.0)
            history = [*history, (change, turn, inverse)][-MEMORY:]
            weight, slope = torch.where(good, moved, weight), torch.where(good, new_slope, slope)
            loss = torch.where(good, new_loss, loss)
        step, length = torch.where(good, _direction(slope, history), step), torch.where(good, 1.0, length / 2)
    return weight


def _direction(slope: Tensor, history: list[tuple[Tensor, Tensor, Tensor]]) -> Tensor:
    """Minus the slope times the inverse curvature that the last steps have shown, output by output."""
    out, shares = -slope, []
    for change, turn, inverse in reversed(history):
        shares.append(inverse * (change * out).sum(dim=0))
        out = out - shares[-1] * turn
    for (change, turn, inverse), share in zip(history, reversed(shares), strict=True):
        out = out + (share - inverse * (turn * out).sum(dim=0)) * change
    return out
