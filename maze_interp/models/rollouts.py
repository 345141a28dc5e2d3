"""Let the model walk: greedy decoding, nothing masked, nothing constrained, and teacher-forced reading.

The prompt is read once and its keys and values are kept; then all mazes step together, and those that are finished
leave the batch. Ragged prompts are padded on the right and their padding is invisible, so the path written for a maze
does not depend on its neighbours in the batch.
"""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from maze_interp.mazes.batch import MazeBatch, PathBatch
from maze_interp.models import cores, decoding, fused, precision
from maze_interp.models.hooked import HookedTransformer
from maze_interp.tokens import NOT_WRITTEN, TokenBatch

Progress = Callable[[int, int], None]
CROWD = (
    0.7  # finished mazes leave once fewer than this share of the batch is still walking: copying the rest has a cost
)


def rollout(
    model: HookedTransformer,
    mazes: MazeBatch,
    *,
    seed: int = 0,
    first: int = 0,
    prompts: TokenBatch | None = None,
    limit: int | None = None,
    batch: int = 64,
    dtype: str = "float32",
    threads: int = 0,
    progress: Progress | None = None,
) -> PathBatch:
    """The path the model writes for each maze, greedily.

    The order of the prompt's edges is drawn from (`seed`, `first` + i), unless `prompts`, whatever they say of the
    mazes, are read in place of the tokenizer's own. At most `limit` tokens are written (default:
    enough for a path through every cell and its end); a path that uses them all is CUT. Batches of `batch` mazes are
    shared by `threads` (0: one a core on a CPU); `progress` is called with (mazes done, mazes). Raises ValueError if a
    prompt does not fit the model's context, and unless there is one for each maze.
    """
    if prompts is None:
        prompts = model.maze_tokenizer.encode_prompts(mazes, seed=seed, first=first)
    elif len(prompts) != len(mazes):
        raise ValueError(f"{len(prompts)} prompts for {len(mazes)} mazes")
    limit = model.maze_tokenizer.longest_path(mazes.rows, mazes.cols) if limit is None else limit
    ids = decode(model, prompts, limit, batch=batch, dtype=dtype, threads=threads, progress=progress)
    return model.maze_tokenizer.paths(ids, mazes)


def decode(
    model: HookedTransformer,
    prompts: TokenBatch,
    limit: int,
    *,
    batch: int = 64,
    dtype: str = "float32",
    threads: int = 0,
    progress: Progress | None = None,
) -> Int[np.ndarray, "maze step"]:
    """The token ids written greedily after each prompt, until a token that no path consists of or `limit` tokens.

    Fewer are written where the context ends; what follows the end of a row is NOT_WRITTEN. Ids are int32.
    """
    _check_room(model, int(prompts.length.max(initial=0)))
    written = np.full((len(prompts), limit), NOT_WRITTEN, np.int32)
    by_length = np.argsort(prompts.length, kind="stable")  # neighbours of equal length share little padding
    shares = [by_length[begin : begin + batch] for begin in range(0, len(prompts), batch)]
    device = model.embed.W_E.device
    with torch.inference_mode(), precision.autocast(dtype, device.type):
        w = fused.weights(model)

    def walk(rows: np.ndarray) -> np.ndarray:
        ids = torch.from_numpy(prompts.ids[rows, : prompts.length[rows].max()]).long().to(device)
        length = torch.from_numpy(prompts.length[rows]).long().to(device)
        with torch.inference_mode(), precision.autocast(dtype, device.type):  # each thread enters its own
            return _walk(model, w, ids, length, limit)

    with cores.workers(cores.settle(threads, device.type, len(shares))) as pool:
        for done, (rows, tokens) in enumerate(zip(shares, pool.map(walk, shares), strict=True), start=1):
            written[rows, : tokens.shape[1]] = tokens
            if progress is not None:
                progress(min(done * batch, len(prompts)), len(prompts))
    return written


def forced_logits(
    model: HookedTransformer, tokens: TokenBatch, *, batch: int = 128, dtype: str = "float32"
) -> Float[np.ndarray, "maze position vocab"]:
    """Next-token logits, float32, at every position of the given sequences (what follows a row's end means nothing)."""
    _check_room(model, tokens.ids.shape[1])
    device = model.embed.W_E.device
    out = []
    with torch.inference_mode(), precision.autocast(dtype, device.type):
        w = fused.weights(model)
        for rows in np.split(tokens.ids, range(batch, len(tokens), batch)):
            out.append(fused.logits(w, torch.from_numpy(rows).long().to(device)).float().cpu().numpy())
    return np.concatenate(out)


def _walk(model: HookedTransformer, w: fused.Weights, ids: Tensor, length: Tensor, limit: int) -> np.ndarray:
    """Token ids [maze, step] of one batch; rows end at their first token that no path consists of."""
    goes_on = torch.from_numpy(model.maze_tokenizer.path_tokens.copy()).to(ids.device)
    token = ids.gather(1, length[:, None] - 1)[:, 0]
    ragged = bool((length < ids.shape[1]).any())
    prompt = decoding.read_prompt(w, ids[:, :-1], length - 1 if ragged else None)
    steps = min(limit, model.cfg.n_ctx - int(length.min()) + 1)
    written = torch.full((len(ids), steps), NOT_WRITTEN, dtype=torch.long, device=ids.device)
    rows, walking = torch.arange(len(ids), device=ids.device), torch.ones(len(ids), dtype=torch.bool, device=ids.device)
    grown: list[tuple[Tensor, Tensor]] = []
    for step in range(steps):
        scores, grown = decoding.next_logits(w, prompt, grown, token)
        token = scores.argmax(dim=-1)
        written[rows[walking], step] = token[walking]
        room = prompt.length + step + 1 < model.cfg.n_ctx  # each row ends at its own place, not its neighbours'
        walking = walking & goes_on[token] & room
        left = int(walking.sum())
        if left == 0:
            break
        if left < CROWD * len(rows) or not room.all():
            keep = walking.nonzero()[:, 0]
            prompt = decoding.Prompt(
                tuple(k[keep] for k in prompt.keys),
                tuple(v[keep] for v in prompt.values),
                prompt.length[keep],
                None if prompt.mask is None else prompt.mask[keep],
            )
            grown = [(k[keep], v[keep]) for k, v in grown]
            rows, token, walking = rows[keep], token[keep], walking[keep]
    return written.cpu().numpy()


def _check_room(model: HookedTransformer, length: int) -> None:
    if length > model.cfg.n_ctx:
        raise ValueError(f"a sequence of {length} tokens does not fit the model's context of {model.cfg.n_ctx}")
