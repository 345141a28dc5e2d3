"""Networks beside transformer_lens, old and new: training steps, logits, rollouts, and their share of the machine.

Everybody has as many threads. The utilisation is of a product of large matrices in the number format that each one
used, in turn with the steps; operations are those that a step needs (`training.costs`), so what is computed and masked
does not count as work. That everybody does the same is checked by losses, by how many logits, and by what is written.
"""

import functools
import math
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import networks
import numpy as np
import torch
from contest import Check, Row, Turn, agree, alternate, timed
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
PLAIN = "float32"  # the format of everybody's products, but of ours, which take the faster one, and of ALIKE's
ALIKE = "alike"  # HookedTransformer in the format of ours, where that is another
SIDE = 1024  # of the matrices whose product is the peak
PRODUCT = 2 * SIDE**3
NAMES = {"hooked": "HookedTransformer 3.9", ALIKE: "HookedTransformer 3.9", "bridge": "TransformerBridge 4.3"}


def steps(bridge: Peer | None, quick: bool) -> Iterator[Row]:
    """A training step on the same sequences, and on real paths, for us eight to a maze; its share of the peak."""
    repeats, count = (1, 16) if quick else (4, 64)
    alone, shared = networks.recipes()
    long = networks.sequences(count=count)
    real, together = next(training.batches(alone)), next(training.batches(shared))
    equal = f"training step, {SHAPE}, {count} x 192 tokens, {THREADS} threads: tokens/s"
    eight = f"training step, {SHAPE}, 64 paths of RDFS 6 x 6 (ours eight to a maze): paths/s"
    with cores.workers(THREADS) as pool, tempfile.TemporaryDirectory() as place:
        for what, ours, theirs, recipe in ((equal, long, long, alone), (eight, together, real, shared)):
            losses: dict[str, list[float]] = {name: [] for name in ("ours", *NAMES)}
            turns = {
                "ours": timed(networks.own_step(ours, recipe, pool), losses["ours"].append),
                "hooked": timed(networks.plain_step(theirs), losses["hooked"].append),
                **_alike_too(functools.partial(networks.plain_step, theirs), losses[ALIKE].append),
                **_bridged(bridge, "train", theirs, Path(place) / f"{len(theirs.ids)}.npz", losses["bridge"].append),
                **{dtype: peak(dtype) for dtype in {_own_format(), PLAIN}},
            }
            torch.set_num_threads(THREADS)
            spent = alternate(turns, repeats)
            _check_learning({name: losses[name] for name in turns if name in losses})
            yield from _rows(what, long.ids.size if what == equal else len(real), spent, TRAINING)
            yield _utilisation(recipe, ours, spent, beside=what == equal)


def _check_learning(losses: dict[str, list[float]]) -> None:
    """Raise ValueError unless everybody's loss begins near that of a guess, to a fifth of it, and falls."""
    guess = math.log(MODEL.tokenizer.vocabulary.size)
    for name, each in losses.items():
        agree(f"the loss of {name} at first and of a guess", each[0], guess, guess / 5)
        if not each[-1] < each[0]:
            raise ValueError(f"not the same work: the loss of {name} does not fall, {each[0]:.3f} to {each[-1]:.3f}")


def _utilisation(recipe: training.TrainingRecipe, batch: TokenBatch, spent: dict[str, float], beside: bool) -> Row:
    """Operations that the step needs by its seconds and the machine's peak in the format of its products; theirs
    computes everything everywhere."""

    def told(name: str, dtype: str, needed: float) -> str:
        highest = PRODUCT / spent[dtype]
        of = f"{highest / 1e9:,.0f} GFLOP/s in {dtype}, {needed / 1e9:,.1f} GFLOP needed"
        return f"{needed / spent[name] / highest:.0%} ({of})"

    what = f"model FLOP utilisation of that step: of a product of {SIDE} x {SIDE} matrices, {THREADS} threads, in turn"
    ours = told("ours", _own_format(), costs.step_flops(MODEL, costs.reading(recipe, batch)))
    if not beside:
        return Row(what, ours)
    everything = costs.step_flops(MODEL, costs.reading(replace(recipe, loss="all"), batch))
    return Row(what, ours, f"{told('hooked', PLAIN, everything)}, {NAMES['hooked']}")


def peak(dtype: str) -> Turn:
    """A turn whose seconds are those of one product of large matrices on all threads: the least of a few."""
    left, right = (torch.ones(SIDE, SIDE, dtype=getattr(torch, dtype)) for _ in range(2))
    return lambda: min(timed(lambda: left @ right)() for _ in range(6))


def _own_format() -> str:
    return precision.settle("auto", "cpu")


def inference(bridge: Peer | None, quick: bool) -> Iterator[Row]:
    """Logits at every position, no hooks in use: as many from everybody."""
    batch = networks.sequences(count=16 if quick else 64)
    wanted = batch.ids.size * MODEL.tokenizer.vocabulary.size
    check: Check = lambda many: agree("logits", wanted, many)  # noqa: E731
    with tempfile.TemporaryDirectory() as place:
        turns = {
            "ours": timed(networks.own_logits(batch), lambda logits: check(logits.size)),
            "hooked": timed(networks.plain_logits(batch), lambda logits: check(logits.numel())),
            **_alike_too(functools.partial(networks.plain_logits, batch), lambda logits: check(logits.numel())),
            **_bridged(bridge, "read", batch, Path(place) / "read.npz", check),
        }
        spent = alternate(turns, 2 if quick else 7)
    what = f"logits everywhere, no hooks, {SHAPE}, {len(batch)} x 192 tokens: tokens/s"
    yield from _rows(what, batch.ids.size, spent, INFERENCE)


def rollouts(_: Peer | None, quick: bool) -> Iterator[Row]:
    """Greedy decoding beside `generate` at its best batch, with its cache and without."""
    count = 100 if quick else 500
    model = networks.writer()
    prompts = model.maze_tokenizer.encode_prompts(mazes.draw(World(), count, seed=0), seed=0)
    sizes = {True: count // 2, False: count // 10}  # mazes of a turn of theirs
    best = {cache: _best_batch(model, prompts[: sizes[cache]], cache) for cache in (True, False)}
    written: dict[str, np.ndarray] = {}
    turns = {
        "ours": timed(networks.own_rollouts(model, prompts, WRITTEN), functools.partial(written.__setitem__, "ours"))
    }
    for cache, batch in best.items():
        work = networks.generate(model, prompts[: sizes[cache]], WRITTEN, batch=batch, cache=cache)
        turns[str(cache)] = timed(work, functools.partial(written.__setitem__, str(cache)))
    spent = alternate(turns, 1 if quick else 3)
    mine = count / spent["ours"]
    for cache, goal in ((True, CACHED), (False, UNCACHED)):
        other, same = sizes[cache] / spent[str(cache)], _alike(written["ours"], written[str(cache)])
        kept = "cached" if cache else "uncached"
        what = f"greedy rollouts, {SHAPE}, {count} prompts of RDFS 6 x 6, {WRITTEN} tokens each: mazes/s"
        tried = ", ".join(map(str, BATCHES[cache]))
        how = f"{kept}, {PLAIN}, batch {best[cache]}, best of {tried}; {same:.0%} of tokens as ours"
        theirs = f"{other:,.1f} (HookedTransformer.generate, {how})"
        yield Row(what, f"{mine:,.0f} ({_own_format()})", theirs, mine / other, goal)


def _alike(ours: np.ndarray, theirs: np.ndarray) -> float:
    """The share of tokens that are the same; raises ValueError unless as many are written and nine in ten begin so."""
    ours = ours[: len(theirs)]
    if ours.shape != theirs.shape or (ours[:, 0] == theirs[:, 0]).mean() < 0.9:
        raise ValueError(f"not the same work: rollouts differ, {ours[:3].tolist()} and {theirs[:3].tolist()}")
    return float((ours == theirs).mean())


def _best_batch(model: models.HookedTransformer, prompts: TokenBatch, cache: bool) -> int:
    """The batch with which `generate` is fastest: in turn, each warm."""
    some = {batch: prompts[: max(batch, len(prompts) // 5)] for batch in BATCHES[cache]}
    turns = {
        str(batch): timed(networks.generate(model, few, WRITTEN, batch=batch, cache=cache))
        for batch, few in some.items()
    }
    spent = alternate(turns, 1)
    return min(some, key=lambda batch: spent[str(batch)] / len(some[batch]))


def _alike_too(work: Callable[..., networks.Work], check: Check) -> dict[str, Turn]:
    """HookedTransformer's turn in the format of ours, if ours have another than its own."""
    dtype = _own_format()
    return {} if dtype == PLAIN else {ALIKE: timed(work(dtype=dtype), check)}


def _bridged(bridge: Peer | None, action: str, batch: TokenBatch, file: Path, check: Check) -> dict[str, Turn]:
    """The bridge's turn on the same sequences, if there is a bridge; its model is checked to be as large as ours."""
    if bridge is None:
        return {}
    np.savez(file, ids=batch.ids, graded=batch.graded)
    shape = _shape()
    wanted = MODEL.parameters - MODEL.tokenizer.vocabulary.size  # its unembedding has no bias
    if value(bridge, "count", shape=shape, threads=THREADS) != wanted:
        raise ValueError("the bridge's model is not of our shape")
    return {"bridge": turn(bridge, action, check, arrays=str(file), shape=shape, threads=THREADS)}


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
    for name in (name for name in NAMES if name in spent):
        dtype = _own_format() if name == ALIKE else PLAIN
        theirs = f"{count / spent[name]:,.0f} ({NAMES[name]}, {dtype}{', autocast' if name == ALIKE else ''})"
        ours = f"{count / spent['ours']:,.0f} ({_own_format()})"
        yield Row(what, ours, theirs, spent[name] / spent["ours"], goal)
