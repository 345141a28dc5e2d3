"""What is asked of the model at a step: the mean cross entropy, in nats, of the tokens that count."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from maze_interp.models import fused
from maze_interp.models.hooked import HookedTransformer
from maze_interp.tokens import TokenBatch
from maze_interp.tokens.vocabulary import PADDING
from maze_interp.training.packing import IGNORE, pack

Objective = Callable[[HookedTransformer, TokenBatch, int], Tensor]


def path_loss(model: HookedTransformer, tokens: TokenBatch, branches: int) -> Tensor:
    """Nats per graded token (the path and its end); every `branches` rows share one reading of their maze."""
    packed, targets = pack(tokens, branches, padding=PADDING, device=model.embed.W_E.device)
    logits = fused.packed_logits(fused.weights(model), packed)
    return F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten(), ignore_index=IGNORE)


def all_loss(model: HookedTransformer, tokens: TokenBatch, branches: int) -> Tensor:
    """Nats per token over whole sequences: the model also learns to write mazes. `branches` must be 1."""
    ids = torch.from_numpy(tokens.ids[:, : tokens.length.max()]).long().to(model.embed.W_E.device)
    targets = ids[:, 1:].masked_fill(ids[:, 1:] == PADDING, IGNORE)
    logits = fused.logits(fused.weights(model), ids)[:, :-1]
    return F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten(), ignore_index=IGNORE)


OBJECTIVES: dict[str, Objective] = {"path": path_loss, "all": all_loss}


def count_tokens(loss: str, tokens: TokenBatch) -> int:
    """How many tokens a loss of that name counts, so that the losses of parts of a batch can be put together."""
    return int(tokens.graded.sum() if loss == "path" else (tokens.length - 1).sum())
