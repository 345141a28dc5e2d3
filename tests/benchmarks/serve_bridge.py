"""TransformerBridge's side of the comparison of networks: its own small models, trained and read as one does first."""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from serving import Work, serve
from transformer_lens.model_bridge import TransformerBridge
from transformer_lens.model_bridge.sources import native  # noqa: F401  (gives TransformerBridge its boot_native)


def train(arrays: str, shape: dict[str, Any], threads: int) -> Work:
    """Forward, backward and AdamW, the loss on the path's tokens: that loss before the step."""
    model, held = _model(shape, threads), np.load(arrays)
    ids, graded = torch.from_numpy(held["ids"]).long(), torch.from_numpy(held["graded"])
    targets = ids.roll(-1, 1)[graded]
    optimiser = torch.optim.AdamW(model.parameters(), 1e-3)

    def step() -> float:
        loss = F.cross_entropy(model(ids)[graded], targets)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        return loss.item()

    return step


def read(arrays: str, shape: dict[str, Any], threads: int) -> Work:
    """Logits at every position, no hooks in use: how many."""
    model, ids = _model(shape, threads), torch.from_numpy(np.load(arrays)["ids"]).long()

    def run() -> float:
        with torch.inference_mode():
            return float(model(ids).numel())

    return run


def count(shape: dict[str, Any], threads: int) -> Work:
    """The model's parameters, so that it can be told that shapes are alike."""
    model = _model(shape, threads)
    return lambda: float(sum(weight.numel() for weight in model.parameters()))


def _model(shape: dict[str, Any], threads: int) -> TransformerBridge:
    torch.set_num_threads(threads)
    return TransformerBridge.boot_native({**shape, "seed": 0, "device": "cpu"})


if __name__ == "__main__":
    serve({"train": train, "read": read, "count": count})
