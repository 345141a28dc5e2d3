"""One step's gradient on all cores: each thread takes some of the step's mazes (see `models.cores`).

The shares and the order of their sum are fixed by the run's recipe, so with two threads or more the number of cores
does not change the result. Where several processes train (see `ranks`), each shares out its own part of the mazes.
"""

from concurrent.futures import Executor

import numpy as np
import torch
from torch import Tensor

from maze_interp.models import precision
from maze_interp.models.hooked import HookedTransformer
from maze_interp.tokens import TokenBatch
from maze_interp.training import ranks
from maze_interp.training.objective import OBJECTIVES, count_tokens
from maze_interp.training.recipe import TrainingRecipe


def gradient(model: HookedTransformer, tokens: TokenBatch, recipe: TrainingRecipe, pool: Executor) -> float:
    """Give each weight the gradient of the step's loss; returns that loss, in nats per token that counts."""
    weights = list(model.parameters())
    for weight in weights:  # the last step's would be one more copy beside those of the shares
        weight.grad = None

    def share(part: TokenBatch) -> tuple[float, int, tuple[Tensor, ...]]:
        with precision.autocast(recipe.dtype, torch.device(recipe.device).type):
            loss = OBJECTIVES[recipe.loss](model, part, recipe.paths_per_maze)
        return loss.item(), count_tokens(recipe.loss, part), torch.autograd.grad(loss, weights)

    mine = split(tokens, recipe.paths_per_maze, ranks.count())[ranks.rank()]
    shares = min(recipe.threads, len(mine) // recipe.paths_per_maze)
    results = list(pool.map(share, split(mine, recipe.paths_per_maze, shares)))
    total = count_tokens(recipe.loss, tokens)
    gradients = [
        torch.stack([grads[index] * (count / total) for _, count, grads in results]).sum(dim=0)
        for index in range(len(weights))
    ]
    for weight, grad in zip(weights, ranks.summed(gradients), strict=True):
        weight.grad = grad
    return ranks.total(sum(loss * count for loss, count, _ in results) / total)


def split(tokens: TokenBatch, branches: int, shares: int) -> list[TokenBatch]:
    """The batch in `shares` parts of whole mazes, dealt out in turn because they come sorted by length."""
    groups = np.arange(len(tokens)).reshape(-1, branches)
    return [tokens[groups[index::shares].ravel()] for index in range(shares)]
