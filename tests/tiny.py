"""Models and mazes small enough to compare with the obvious, and rough enough that every part of them matters."""

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st
from torch import Tensor

from maze_interp import mazes, models
from maze_interp.mazes import MazeBatch, World
from maze_interp.models import HookedTransformer, ModelConfig
from maze_interp.tokens import TokenBatch
from maze_interp.tokens.vocabulary import PATH_END
from maze_interp.training import Optimiser, TrainingRecipe, Validation

RAGGED = World("percolation", 4, 4, {"p": 0.55})  # prompts of different lengths
SHAPE = ModelConfig(layers=2, d_model=32, heads=2, rows=3, cols=3, positions="learned")
QUICK = TrainingRecipe(  # a fraction of a second: measured at 10, 20 and 24, milestones 0, 1, 3, 8 and 24
    name="quick",
    steps=24,
    mazes_per_step=4,
    paths_per_maze=2,
    checkpoints=3,
    threads=1,
    dtype="float32",
    world=World(rows=3, cols=3),
    model=SHAPE,
    optimiser=Optimiser(warmup=5),
    validation=Validation(every=10, mazes=8),
)
LEARNS = replace(  # three seconds: walks about half of the mazes it never saw
    QUICK,
    name="learns",
    reason="The smallest run that learns something",
    steps=256,
    mazes_per_step=8,
    paths_per_maze=4,
    optimiser=Optimiser(learning_rate=5e-3, warmup=20),
    validation=Validation(every=64, mazes=64),
)


def model(seed: int = 0, **changes: Any) -> HookedTransformer:
    """A model of 4 x 4 mazes whose weights, biases and layer norms are all far from where they begin."""
    config = ModelConfig(**{"layers": 2, "d_model": 32, "heads": 2, "rows": 4, "cols": 4, **changes})
    built = models.build(config, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in built.parameters():
            weight += 0.3 * torch.randn(weight.shape, generator=generator)
    return built


def talkative(seed: int = 0, **changes: Any) -> HookedTransformer:
    """A model that heeds its prompt and mostly writes steps: its paths have all lengths and end in all ways."""
    built = model(seed, **changes)
    steps = torch.from_numpy(built.maze_tokenizer.path_tokens.copy())
    with torch.no_grad():
        for block in built.blocks:
            block.attn.W_O *= 3.0
        built.unembed.b_U[steps] += 1.5
        built.unembed.b_U[PATH_END] += 2.5
    return built


@st.composite
def any_models(draw: st.DrawFn) -> HookedTransformer:
    """A strategy for models of any small shape."""
    heads, d_head = draw(st.integers(1, 3)), draw(st.sampled_from([4, 6, 8]))
    return model(
        draw(st.integers(0, 1000)),
        layers=draw(st.integers(1, 3)),
        heads=heads,
        d_model=heads * d_head,
        d_mlp=draw(st.sampled_from([0, 20])),
        positions=draw(st.sampled_from(["learned", "rotary"])),
        rows=draw(st.integers(2, 4)),
        cols=draw(st.integers(2, 4)),
        order=draw(st.sampled_from(["row_by_row", "corner_first"])),
    )


def asked(built: HookedTransformer, count: int, branches: int, *, seed: int, p: float = 0.55) -> TokenBatch:
    """Sequences of ragged mazes, `branches` paths through each behind the same prompt."""
    rows, cols = built.maze_tokenizer.rows, built.maze_tokenizer.cols
    once = mazes.draw(World("percolation", rows, cols, {"p": p}), count, seed=seed)
    passages = np.repeat(once.passages, branches, axis=0)
    several = MazeBatch(passages, *mazes.draw_endpoints(passages, seed=seed))
    order = np.repeat(built.maze_tokenizer.draw_edge_order(once.passages, seed=seed), branches, axis=0)
    return built.maze_tokenizer.encode(several, mazes.solve(several, seed=seed), edge_order=order)


def plain_logits(built: HookedTransformer, tokens: TokenBatch) -> list[Tensor]:
    """HookedTransformer's own logits [position, vocab] of each sequence, read alone and without padding."""
    rows = [torch.from_numpy(ids[:length]).long() for ids, length in zip(tokens.ids, tokens.length, strict=True)]
    return [built(row[None])[0] for row in rows]


def greedy(built: HookedTransformer, prompt: np.ndarray, limit: int) -> list[int]:
    """What HookedTransformer itself writes after one prompt: the likeliest token, read everything again, repeat."""
    goes_on = built.maze_tokenizer.path_tokens
    ids = prompt.tolist()
    while len(ids) < min(len(prompt) + limit, built.cfg.n_ctx + 1):
        ids.append(int(built(torch.tensor(ids)[None])[0, -1].argmax()))
        if not goes_on[ids[-1]]:
            break
    return ids[len(prompt) :]
