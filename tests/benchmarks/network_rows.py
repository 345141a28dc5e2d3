"""Networks beside transformer_lens, old and new: training steps, logits, rollouts, and their share of the machine.

Everybody has as many threads. The utilisation is of the fastest product of large matrices in the number format that was
used; operations are those that a step needs (`training.costs`), so what is computed and masked does not count as work.
"""

import functools
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import networks
import numpy as np
import torch
from contest import Row, Turn, alternate, timed
from conversation import Peer, turn, value
from networks import MODEL, THREADS

from maze_interp import mazes, models, training
from maze_interp.mazes import World
from maze_interp.models import cores, precision
from maze_interp.tokens import TokenBatch
from maze_interp.training import costs

TRAINING, INFERENCE, CACHED, UNCACHED = 4, 2.5, 4, 100  # goals
WRITTEN = 12  # tokens a rollout writes: the mean path of 6 x 6 and its end
BATCHES = {True: (25, 50, 100, 250), False: (1, 10, 50)}  # those that `generate` is tried with, cached and not
SHAPE = f"d{MODEL.d_model} L{MODEL.layers} H{MODEL.heads}"
NAMES = {"hooked": "HookedTransformer 3.9", "bridge": "TransformerBridge 4.3"}


def steps(bridge: Peer | None, quick: bool) -> Iterator[Row]:
    """A training step on the same sequences, and on real paths, for us eight to a maze; its share of the peak."""
    repeats, count = (1, 16) if quick else (5, 64)
    alone, shared = networks.recipes()
    long = networks.sequences(count=count)
    real, together = next(training.batches(alone)), next(training.batches(shared))
    with cores.workers(THREADS) as pool, tempfile.TemporaryDirectory() as place:
        for name, ours, theirs, recipe in (("equal", long, long, alone), ("shared", together, real, shared)):
            turns = {
                "ours": timed(networks.own_step(ours, recipe, pool)),
                "hooked": timed(networks.plain_step(theirs)),
                **_bridged(bridge, "train", theirs, Path(place) / f"{name}.npz"),
            }
            torch.set_num_threads(THREADS)
            spent = alternate(turns, repeats)
            if name == "equal":
                what, size = f"training step, {SHAPE}, {count} x 192 tokens, {THREADS} threads: tokens/s", long.ids.size
            else:
                what, size = (
                    f"training step, {SHAPE}, 64 paths of RDFS 6 x 6 (ours eight to a maze): paths/s",
                    len(real),
                )
            yield from _rows(what, size, spent, TRAINING)
            yield _utilisation(name, recipe, ours, spent)


def _utilisation(name: str, recipe: training.TrainingRecipe, batch: TokenBatch, spent: dict[str, float]) -> Row:
    """Operations that the step needs by its seconds and the machine's peak; theirs computes everything everywhere."""
    dtype = precision.settle("auto", "cpu")
    highest = peak(getattr(torch, dtype))
    needed = costs.step_flops(MODEL, costs.reading(recipe, batch))
    what = f"model FLOP utilisation of that step, of {highest / 1e9:,.0f} GFLOP/s ({dtype} products, {THREADS} threads)"
    ours = f"{needed / spent['ours'] / highest:.0%} ({needed / 1e9:,.1f} GFLOP needed)"
    if name != "equal":
        return Row(what, ours)
    everything = costs.step_flops(MODEL, costs.reading(replace(recipe, loss="all"), batch))
    theirs = f"{everything / spent['hooked'] / highest:.0%} ({NAMES['hooked']}, {everything / 1e9:,.1f} GFLOP)"
    return Row(what, ours, theirs)


@functools.cache
def peak(dtype: torch.dtype, size: int = 1536, turns: int = 30) -> float:
    """Operations a second of a product of large matrices on all threads: the best of many."""
    torch.set_num_threads(THREADS)
    left, right = torch.ones(size, size, dtype=dtype), torch.ones(size, size, dtype=dtype)
    best = float("inf")
    for _ in range(turns):
        begin = time.perf_counter()
        left @ right
        best = min(best, time.perf_counter() - begin)
    return 2 * size**3 / best


def inference(bridge: Peer | None, quick: bool) -> Iterator[Row]:
    """Logits at every position, no hooks in use."""
    batch = networks.sequences(count=16 if quick else 64)
    with tempfile.TemporaryDirectory() as place:
        turns = {
            "ours": timed(networks.own_logits(batch)),
            "hooked": timed(networks.plain_logits(batch)),
            **_bridged(bridge, "read", batch, Path(place) / "read.npz"),
        }
        spent = alternate(turns, 2 if quick else 7)
    what = f"logits everywhere, no hooks, {SHAPE}, {len(batch)} x 192 tokens: tokens/s"
    yield from _rows(what, batch.ids.size, spent, INFERENCE)


def rollouts(bridge: Peer | None, quick: bool) -> Iterator[Row]:
    """Greedy decoding beside `generate` at its best batch, with its cache and without."""
    count = 100 if quick else 500
    model = networks.writer()
    prompts = model.maze_tokenizer.encode_prompts(mazes.draw(World(), count, seed=0), seed=0)
    sizes = {True: count // 2, False: count // 10}  # mazes of a turn of theirs
    best = {cache: _best_batch(model, prompts[: sizes[cache]], cache) for cache in (True, False)}
    turns = {"ours": timed(networks.own_rollouts(model, prompts, WRITTEN))}
    for cache, batch in best.items():
        work = networks.generate(model, prompts[: sizes[cache]], WRITTEN, batch=batch, cache=cache)
        turns[str(cache)] = timed(work)
    spent = alternate(turns, 1 if quick else 3)
    mine = count / spent["ours"]
    for cache, goal in ((True, CACHED), (False, UNCACHED)):
        other = sizes[cache] / spent[str(cache)]
        kept = "cached" if cache else "uncached"
        what = f"greedy rollouts, {SHAPE}, {count} prompts of RDFS 6 x 6, {WRITTEN} tokens each: mazes/s"
        tried = ", ".join(map(str, BATCHES[cache]))
        theirs = f"{other:,.1f} (HookedTransformer.generate, {kept}, batch {best[cache]}, best of {tried})"
        yield Row(what, f"{mine:,.0f}", theirs, mine / other, goal)


def _best_batch(model: models.HookedTransformer, prompts: TokenBatch, cache: bool) -> int:
    """The batch with which `generate` is fastest, each tried once."""
    spent = {}
    for batch in BATCHES[cache]:
        some = prompts[: max(batch, len(prompts) // 5)]
        seconds = timed(networks.generate(model, some, WRITTEN, batch=batch, cache=cache))()
        spent[batch] = seconds / len(some)
    return min(spent, key=lambda batch: spent[batch])


def _bridged(bridge: Peer | None, action: str, batch: TokenBatch, file: Path) -> dict[str, Turn]:
    """The bridge's turn on the same sequences, if there is a bridge; its model is checked to be as large as ours."""
    if bridge is None:
        return {}
    np.savez(file, ids=batch.ids, graded=batch.graded)
    shape = _shape()
    wanted = costs.parameters(MODEL) - MODEL.tokenizer.vocabulary.size  # its unembedding has no bias
    if value(bridge, "count", shape=shape, threads=THREADS) != wanted:
        raise ValueError("the bridge's model is not of our shape")
    return {"bridge": turn(bridge, action, arrays=str(file), shape=shape, threads=THREADS)}


def _shape() -> dict[str, object]:
    """Our model as a config of transformer_lens."""
    return {
        "d_model": MODEL.d_model,
        "n_layers": MODEL.layers,
        "n_heads": MODEL.heads,
        "d_head": MODEL.d_head,
        "d_mlp": MODEL.hidden,
        "n_ctx": MODEL.longest,
        "d_vocab": MODEL.tokenizer.vocabulary.size,
        "act_fn": "gelu",
        "normalization_type": "LN",
        "positional_embedding_type": "standard",
    }


def _rows(what: str, count: int, spent: dict[str, float], goal: float) -> Iterator[Row]:
    """A row for each of the others."""
    for name in list(spent)[1:]:
        theirs = f"{count / spent[name]:,.0f} ({NAMES[name]})"
        yield Row(what, f"{count / spent['ours']:,.0f}", theirs, spent[name] / spent["ours"], goal)
