"""How fast is a sweep? Every position at every layer, and every head, beside transformer_lens's own sweeps.

Both are given the same pair of prompts and the same metric, on the same number of threads; that they agree is tested
with `patching.sweep`. The pair differs from its first edge on, which spares a sweep that reruns only what changed
least. Each of transformer_lens's patches is a run of the whole network, all alike: one in STRIDE positions is timed,
and its seconds multiplied; the one run whose values are patched in is not.
"""

import contextlib
import io
import time
from collections.abc import Callable
from itertools import product

import numpy as np
import pandas as pd
import torch
from contest import Row, alternate, medians, timed
from transformer_lens import patching as reference

from maze_interp import mazes, models, patching
from maze_interp.mazes import World
from maze_interp.models import ModelConfig
from maze_interp.patching import PromptPairs

MODEL = ModelConfig(layers=6, d_model=128, heads=4, positions="learned", rows=5, cols=9)
TOKENS, STRIDE, REPEATS = 190, 24, 3
KINDS = ("resid_pre", "attn_out", "mlp_out", "z")
THEIRS = {
    "resid_pre": (reference.layer_pos_patch_setter, ["layer", "pos"]),
    "z": (reference.layer_pos_head_vector_patch_setter, ["layer", "pos", "head"]),
}


def sweeps(repeats: int = REPEATS, stride: int = STRIDE) -> list[Row]:
    """Seconds that a sweep of one pair takes, by position at all layers, and by position at all heads."""
    model = models.build(MODEL, seed=0)
    pair = prompt(model)
    return [_row(model, pair, kind, repeats, stride) for kind in THEIRS]


def attributions(repeats: int = REPEATS) -> list[Row]:
    """Seconds that attribution patching of one pair takes, all of KINDS at every position, beside hooks."""
    model = models.build(MODEL, seed=0)
    pair = prompt(model)
    found: dict[str, torch.Tensor] = {}
    contestants = {
        "ours": lambda: patching.attribution(model, pair, KINDS),
        "theirs": lambda: found.update(_by_hooks(model, pair)),
    }
    spent = medians(contestants, repeats)
    ours = patching.attribution(model, pair, ["resid_pre"])["resid_pre"].values[:, 0]
    theirs = torch.stack([found[f"blocks.{layer}.hook_resid_pre"][0] for layer in range(MODEL.layers)]).numpy()
    apart = np.abs(ours - theirs).max() / np.abs(theirs).max()
    what = f"attribution patching of {', '.join(KINDS)}, {TOKENS} tokens, d128 L6 H4: ms a pair"
    said = f"{1e3 * spent['theirs']:.0f} (hooks of transformer_lens; {apart:.0e} of the largest apart)"
    return [Row(what, f"{1e3 * spent['ours']:.0f}", said, spent["theirs"] / spent["ours"])]


def prompt(model: models.HookedTransformer) -> PromptPairs:
    """A pair of 5 x 9 trees with TOKENS tokens that differ from as early on as there is one."""
    batch = mazes.draw(World("wilson", MODEL.rows, MODEL.cols), 60, seed=0)
    forks = mazes.decisions(batch, mazes.solve(batch))
    found = patching.FAMILIES["moved_passage"](batch, forks, model.maze_tokenizer, seed=0)
    long = found[np.flatnonzero(found.decision == TOKENS - 1)]
    first = (long.clean.ids != long.corrupted.ids).argmax(axis=1).argmin()
    return long[first : first + 1]


def _row(model: models.HookedTransformer, pair: PromptPairs, kind: str, repeats: int, stride: int) -> Row:
    places = patching.everywhere(pair)
    some = np.arange(0, TOKENS, stride)
    turns = {
        "ours": timed(lambda: patching.sweep(model, pair, kind, places)),
        "theirs": lambda: _theirs(model, pair, kind, some),
    }
    mine, other = alternate(turns, repeats).values()
    what = f"patching {kind}, every layer{' and head' if kind == 'z' else ''} x {TOKENS} tokens, d128 L6 H4: s a pair"
    said = f"{other:.1f} (transformer_lens.patching, from {len(some)} of {TOKENS} positions)"
    return Row(what, f"{mine:.2f}", said, other / mine)


def _theirs(model: models.HookedTransformer, pair: PromptPairs, kind: str, positions: np.ndarray) -> float:
    """Seconds that all positions would take, from those of some."""
    at, right, wrong = int(pair.decision[0]), int(pair.right[0]), int(pair.wrong[0])
    clean, corrupted = (torch.from_numpy(one.ids[:, : at + 1]).long() for one in (pair.clean, pair.corrupted))
    setter, axes = THEIRS[kind]
    every = {"layer": range(MODEL.layers), "pos": positions.tolist(), "head": range(MODEL.heads)}
    index = pd.DataFrame(list(product(*(every[axis] for axis in axes))), columns=axes)
    with torch.no_grad(), contextlib.redirect_stderr(io.StringIO()):  # it draws a bar
        begin = time.perf_counter()
        _, cache = model.run_with_cache(clean)
        kept = time.perf_counter()
        metric = lambda logits: logits[0, at, right] - logits[0, at, wrong]  # noqa: E731
        reference.generic_activation_patch(model, corrupted, cache, metric, setter, kind, index_df=index)
    return kept - begin + (time.perf_counter() - kept) * TOKENS / len(positions)


def _by_hooks(model: models.HookedTransformer, pair: PromptPairs) -> dict[str, torch.Tensor]:
    """What a patch would do to first order, as one writes it with hooks: values of both runs, gradients of one."""
    at, right, wrong = int(pair.decision[0]), int(pair.right[0]), int(pair.wrong[0])
    clean, corrupted = (torch.from_numpy(one.ids[:, : at + 1]).long() for one in (pair.clean, pair.corrupted))
    wanted = lambda name: name.rsplit("hook_", 1)[-1] in KINDS  # noqa: E731
    with torch.no_grad():
        _, cache = model.run_with_cache(clean, names_filter=wanted)
    values: dict[str, torch.Tensor] = {}
    slopes: dict[str, torch.Tensor] = {}

    def keep(held: dict[str, torch.Tensor]) -> Callable[..., None]:
        return lambda value, hook: held.__setitem__(hook.name, value.detach())

    with model.hooks(fwd_hooks=[(wanted, keep(values))], bwd_hooks=[(wanted, keep(slopes))]):
        logits = model(corrupted)
        (logits[0, at, right] - logits[0, at, wrong]).backward()
    model.zero_grad()
    return {name: ((cache[name] - value) * slopes[name]).sum(dim=-1) for name, value in values.items()}
