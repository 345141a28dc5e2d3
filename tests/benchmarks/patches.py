"""How fast is a sweep? Every position at every layer, and every head, beside transformer_lens's own sweeps.

Both are given the same pair of prompts and the same metric, on the same number of threads; that they agree is tested
with `patching.sweep`. The pair differs from its first edge on, which spares a sweep that reruns only what changed
least. Each of transformer_lens's patches is a run of the whole network, all alike: one in STRIDE positions is timed.
"""

import contextlib
import io
import statistics
import time
from collections.abc import Callable
from itertools import product

import numpy as np
import pandas as pd
import torch
from transformer_lens import patching as reference

from maze_interp import mazes, models, patching
from maze_interp.mazes import World
from maze_interp.models import ModelConfig
from maze_interp.patching import PromptPairs

MODEL = ModelConfig(layers=6, d_model=128, heads=4, positions="learned", rows=5, cols=9)
TOKENS, STRIDE, REPEATS = 190, 24, 3
THEIRS = {
    "resid_pre": (reference.layer_pos_patch_setter, ["layer", "pos"]),
    "z": (reference.layer_pos_head_vector_patch_setter, ["layer", "pos", "head"]),
}


def sweeps() -> list[list[str]]:
    """Seconds that a sweep of one pair takes, by position at all layers, and by position at all heads."""
    model = models.build(MODEL, seed=0)
    pair = prompt(model)
    return [_row(model, pair, kind) for kind in THEIRS]


def prompt(model: models.HookedTransformer) -> PromptPairs:
    """A pair of 5 x 9 trees with TOKENS tokens that differ from as early on as there is one."""
    batch = mazes.draw(World("wilson", MODEL.rows, MODEL.cols), 60, seed=0)
    forks = mazes.decisions(batch, mazes.solve(batch))
    found = patching.FAMILIES["moved_passage"](batch, forks, model.maze_tokenizer, seed=0)
    long = found[np.flatnonzero(found.decision == TOKENS - 1)]
    first = (long.clean.ids != long.corrupted.ids).argmax(axis=1).argmin()
    return long[first : first + 1]


def _row(model: models.HookedTransformer, pair: PromptPairs, kind: str) -> list[str]:
    places = patching.everywhere(pair)
    some = np.arange(0, TOKENS, STRIDE)
    ours, theirs = [], []
    for _ in range(REPEATS):  # in turn, so that both meet the same machine
        ours.append(_timed(lambda: patching.sweep(model, pair, kind, places)))
        theirs.append(_timed(lambda: _theirs(model, pair, kind, some)) * TOKENS / len(some))
    mine, other = statistics.median(ours), statistics.median(theirs)
    what = f"patching {kind}, every layer{' and head' if kind == 'z' else ''} x {TOKENS} tokens, d128 L6 H4: s a pair"
    return [what, f"{mine:.2f}", f"{other:.1f} (transformer_lens.patching)", f"{other / mine:.1f} x"]


def _theirs(model: models.HookedTransformer, pair: PromptPairs, kind: str, positions: np.ndarray) -> None:
    at, right, wrong = int(pair.decision[0]), int(pair.right[0]), int(pair.wrong[0])
    clean, corrupted = (torch.from_numpy(one.ids[:, : at + 1]).long() for one in (pair.clean, pair.corrupted))
    setter, axes = THEIRS[kind]
    every = {"layer": range(MODEL.layers), "pos": positions.tolist(), "head": range(MODEL.heads)}
    index = pd.DataFrame(list(product(*(every[axis] for axis in axes))), columns=axes)
    with torch.no_grad(), contextlib.redirect_stderr(io.StringIO()):  # it draws a bar
        _, cache = model.run_with_cache(clean)
        metric = lambda logits: logits[0, at, right] - logits[0, at, wrong]  # noqa: E731
        reference.generic_activation_patch(model, corrupted, cache, metric, setter, kind, index_df=index)


def _timed(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin
