"""Write on behind a run whose residual stream was changed: does the whole path turn, or only its first step?

The change is held: later tokens see the prompt as the changed run left it, keys and values and all, and are themselves
untouched. So the network may talk itself out of a change when it reads the maze again for its next step.
"""

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from maze_interp.models import decoding, fused, reruns
from maze_interp.models.decoding import Prompt
from maze_interp.models.reruns import Record


def changed_prompt(
    w: fused.Weights, kept: Record, depth: int, begin: int, x: Float[Tensor, "patch maze later d_model"]
) -> tuple[Prompt, Float[Tensor, "row vocab"]]:
    """Prompts as later tokens see them if the stream at that depth is `x` from `begin` on; the logits at their ends.

    Rows are patches, then mazes. Raises ValueError unless the recorded runs are asked at their last position.
    """
    end = kept.stream[0].shape[1] - 1
    if (kept.at != end).any():
        raise ValueError(f"a path goes on behind its prompt: runs must be asked at their last position, {end}")
    patches, x = len(x), x.flatten(0, 1)
    keys, values = ([one.repeat(patches, 1, 1, 1) for one in kind] for kind in (kept.keys, kept.values))
    for index in range(depth // 2, len(w.layers)):
        if 2 * index >= depth:
            last = index == len(w.layers) - 1
            x, k, v = reruns.attention(w, kept, index, begin, x, patches, only_asked=last)
            keys[index][:, :, begin:], values[index][:, :, begin:] = k, v
        x = fused.after_mlp(w.layers[index], x)
    length = torch.full((len(x),), end + 1, device=x.device)
    return Prompt(tuple(keys), tuple(values), length, None), fused.unembed(w, x[:, -1:])[:, 0]


def write_on(
    w: fused.Weights, prompt: Prompt, logits: Float[Tensor, "row vocab"], steps: int
) -> Int[np.ndarray, "row step"]:
    """The `steps` tokens written greedily behind prompts that have been read, whether they end a path or not."""
    written = torch.full((len(logits), steps), -1)
    grown: list[tuple[Tensor, Tensor]] = []
    for step in range(steps):
        written[:, step] = token = logits.argmax(dim=-1)
        if step + 1 < steps:
            logits, grown = decoding.next_logits(w, prompt, grown, token)
    return written.cpu().numpy()
