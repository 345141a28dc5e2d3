"""What a network does, as we do it and as one does it first: training steps, logits, rollouts.

The contestants are functions without arguments, the same for `make bench` and for `make bench-peers`.
"""

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F

from maze_interp import mazes, models, training
from maze_interp.mazes import World
from maze_interp.models import HookedTransformer, ModelConfig, cores, precision
from maze_interp.tokens import TokenBatch
from maze_interp.training import optimisers, parallel

MODEL = ModelConfig(layers=6, d_model=128, heads=4, positions="learned", rows=6, cols=6)
THREADS = cores.settle(0, "cpu", 64)
Work = Callable[[], object]


def sequences(length: int = 192, count: int = 64) -> TokenBatch:
    """`count` sequences of exactly `length` tokens: RDFS 6 x 6 mazes whose path wanders back and forth to fill them."""
    drawn = mazes.draw(World(), count, seed=0)
    shortest = mazes.solve(drawn)
    prompt = MODEL.tokenizer.encode_prompts(drawn, seed=0).ids.shape[1]
    room = length - prompt - 1
    turns = np.abs(
        (np.arange(room) + shortest.length[:, None] - 1) % (2 * shortest.length[:, None] - 2)
        - shortest.length[:, None]
        + 1
    )
    cells = np.take_along_axis(shortest.cells, turns, axis=1).astype(np.int32)
    full = np.full(count, room, np.int32)
    return MODEL.tokenizer.encode(drawn, mazes.PathBatch(cells, full, np.zeros(count, np.int8)), seed=0)


def recipes() -> tuple[training.TrainingRecipe, training.TrainingRecipe]:
    """Steps of 64 paths: each with a maze of its own, and eight to a maze."""
    alone = training.TrainingRecipe(mazes_per_step=64, paths_per_maze=1, model=MODEL, threads=THREADS)
    return alone, replace(alone, mazes_per_step=8, paths_per_maze=8, threads=min(8, THREADS))


def plain_step(batch: TokenBatch, dtype: str = "float32") -> Work:
    """Forward, backward and AdamW as one writes them first: the loss on the path's tokens, before the step. Products
    are in `dtype`, by autocast if need be."""
    model = models.build(MODEL, seed=0)
    optimiser = torch.optim.AdamW(model.parameters(), 1e-3)
    ids, graded = torch.from_numpy(batch.ids).long(), torch.from_numpy(batch.graded)
    targets = ids.roll(-1, 1)[graded]

    def step() -> float:
        with precision.autocast(dtype, "cpu"):
            logits = model(ids)[graded]
        loss = F.cross_entropy(logits.float(), targets)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        return loss.item()

    return step


def own_step(
    batch: TokenBatch, recipe: training.TrainingRecipe, pool: Executor, model: HookedTransformer | None = None
) -> Work:
    """The same, as the training loop does it, gradient clipping included; of a new model if none is given."""
    model = model or models.build(MODEL, seed=0)
    optimiser = optimisers.build(model, recipe.optimiser)
    recipe = replace(recipe, dtype=precision.settle(recipe.dtype, "cpu"))

    def step() -> float:
        torch.set_num_threads(1 if recipe.threads > 1 else THREADS)
        loss = parallel.gradient(model, batch, recipe, pool)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        torch.set_num_threads(THREADS)
        return loss

    return step


def plain_logits(batch: TokenBatch, dtype: str = "float32") -> Work:
    """Logits at every position, no hooks in use; products in `dtype`."""
    model, ids = models.build(MODEL, seed=0), torch.from_numpy(batch.ids).long()

    def run() -> torch.Tensor:
        with torch.inference_mode(), precision.autocast(dtype, "cpu"):
            return model(ids)

    return run


def own_logits(batch: TokenBatch) -> Work:
    """The same by our pass."""
    model = models.build(MODEL, seed=0)
    return lambda: models.forced_logits(model, batch, dtype="auto")


def writer() -> HookedTransformer:
    """A model that writes cells and no end.

    Rotary positions, because HookedTransformer.generate 3.9 fails on learned ones with its cache on.
    """
    model = models.build(replace(MODEL, positions="rotary"), seed=0)
    specials = torch.ones(model.cfg.d_vocab, dtype=torch.bool)
    specials[torch.from_numpy(model.maze_tokenizer.vocabulary.cell_ids.ravel().astype(np.int64))] = False
    with torch.no_grad():
        model.unembed.b_U[specials] = -1e4
    return model


def generate(model: HookedTransformer, prompts: TokenBatch, written: int, *, batch: int, cache: bool) -> Work:
    """Greedy decoding of `written` tokens after each prompt, by transformer_lens: those tokens."""
    ids = torch.from_numpy(prompts.ids).long()

    def run() -> np.ndarray:
        read = [
            model.generate(
                rows,
                max_new_tokens=written,
                stop_at_eos=False,
                do_sample=False,
                use_past_kv_cache=cache,
                verbose=False,
            )
            for rows in ids.split(batch)
        ]
        return torch.cat(read)[:, ids.shape[1] :].numpy()

    return run


def own_rollouts(model: HookedTransformer, prompts: TokenBatch, written: int) -> Work:
    """The same by our decoding."""
    return lambda: models.decode(model, prompts, written, dtype="auto", threads=THREADS)
