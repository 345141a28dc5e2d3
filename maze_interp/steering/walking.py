"""Let the model walk with its reading of the prompt changed: what steering is measured by.

A change says at which site of the residual stream, at which positions of each prompt, and what becomes of the values
there. The prompt is read once with all changes in place; then the path is written greedily, as ever, by a network that
is not touched any more but looks back at what it was made to read. So whatever the path does differently it does
because of the change, and a walk costs hardly more than one without.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from maze_interp import recipes
from maze_interp.mazes import MazeBatch, PathBatch
from maze_interp.models import HookedTransformer, Site, cores, decoding, fused
from maze_interp.steering.directions import random_like
from maze_interp.tokens import NOT_WRITTEN, TokenBatch

STREAM = ("resid_pre", "resid_post")
Values = Float[np.ndarray, "sample d_model"]
Edit = Callable[[Values, Int[np.ndarray, " sample"]], Values]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Change:
    """What becomes of the residual stream at a site: `edit` maps the values where `where` is true to other values.

    It is given the values, a row for each such position, and which prompt each belongs to.
    """

    site: Site
    where: Bool[np.ndarray, "maze position"]
    edit: Edit


@dataclass(frozen=True)
class Steered:
    """The paths written, and how far each prompt's residual stream was moved: the length of all its changes together.

    Where `moved` is 0 nothing was changed.
    """

    paths: PathBatch
    moved: Float[np.ndarray, " maze"]


def pushed(direction: Float[np.ndarray, "maze d_model"], strength: float = 1.0) -> Edit:
    """An edit that adds to each value the direction of its maze, `strength` times."""
    return lambda values, maze: values + strength * direction[maze]


def replaced(values: Float[np.ndarray, "maze d_model"]) -> Edit:
    """An edit that puts the value of its maze in place of each."""
    return lambda _, maze: values[maze]


def astray(edit: Edit, *, seed: int) -> Edit:
    """The edit's control: as large a change of every value, in a direction drawn at random for each maze."""

    def strayed(values: Values, maze: Int[np.ndarray, " sample"]) -> Values:
        length = np.linalg.norm(edit(values, maze) - values, axis=1)
        ways = {one: random_like(np.eye(1, values.shape[1]), seed=seed, first=one)[0] for one in set(maze.tolist())}
        return values + length[:, None] * np.array([ways[one] for one in maze.tolist()]).reshape(values.shape)

    return strayed


def walk(
    model: HookedTransformer,
    mazes: MazeBatch,
    prompts: TokenBatch,
    changes: Sequence[Change] = (),
    *,
    limit: int | None = None,
    batch: int = 64,
    threads: int = 0,
    progress: Progress | None = None,
) -> Steered:
    """The path the model writes behind each prompt, greedily, with the changes in place while it reads the prompt.

    As `models.rollout` in all else; the changes of one site are made one after another. `progress` is called with
    (mazes done, mazes). Raises ValueError for a site other than the residual stream or that the model lacks, and for
    a change that happens nowhere.
    """
    for change in changes:
        _check(model, prompts, change)
    limit = model.maze_tokenizer.longest_path(mazes.rows, mazes.cols) if limit is None else limit
    written, moved = np.full((len(prompts), limit), NOT_WRITTEN, np.int32), np.zeros(len(prompts))
    device = model.embed.W_E.device
    shares = [np.arange(begin, min(begin + batch, len(prompts))) for begin in range(0, len(prompts), batch)]
    with torch.inference_mode():
        w = fused.weights(model)

    def through(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        ids = torch.from_numpy(prompts.ids[rows, : prompts.length[rows].max()]).long().to(device)
        length = torch.from_numpy(prompts.length[rows]).long().to(device)
        with torch.inference_mode():
            prompt, logits, far = _read(w, ids, length, rows, changes)
            return _write(model, w, prompt, logits, limit), far

    with cores.workers(cores.settle(threads, device.type, max(len(shares), 1))) as pool:
        for rows, (tokens, far) in zip(shares, pool.map(through, shares), strict=True):
            written[rows, : tokens.shape[1]], moved[rows] = tokens, far
            if progress is not None:
                progress(int(rows[-1]) + 1, len(prompts))
    return Steered(model.maze_tokenizer.paths(written, mazes), moved)


def _check(model: HookedTransformer, prompts: TokenBatch, change: Change) -> None:
    if change.site.kind not in STREAM:
        raise recipes.unknown("part of the residual stream", change.site.kind, STREAM)
    change.site.check(model.cfg.n_layers, model.cfg.n_heads)
    if change.where.shape != prompts.ids.shape:
        raise ValueError(f"where to change is {change.where.shape} for prompts of shape {prompts.ids.shape}")
    if not change.where.any():
        raise ValueError(f"the change at {change.site} happens nowhere in these prompts")


def _read(
    w: fused.Weights, ids: Tensor, length: Tensor, rows: Int[np.ndarray, " maze"], changes: Sequence[Change]
) -> tuple[decoding.Prompt, Tensor, Float[np.ndarray, " maze"]]:
    """The prompt as it is read with the changes, the logits behind its last token, and how far each was moved."""
    positions, keys, values = torch.arange(ids.shape[1], device=ids.device), [], []
    squares = np.zeros(len(ids))
    x = _changed(fused.embed(w, ids, positions), rows, _at(changes, 0), squares)
    for depth, layer in enumerate(w.layers, start=1):
        q, k, v = fused.qkv(w, layer, x, positions)
        keys.append(k)
        values.append(v)
        x = fused.after_attention(layer, x, fused.attend_causal(q, k, v))
        x = _changed(x, rows, _at(changes, depth), squares)
    last = x[torch.arange(len(ids), device=ids.device), length - 1]
    padding = positions >= length[:, None]
    mask = torch.zeros(padding.shape, device=x.device).masked_fill_(padding, -torch.inf)[:, None, None]
    prompt = decoding.Prompt(tuple(keys), tuple(values), length, mask if padding.any() else None)
    return prompt, fused.unembed(w, last), np.sqrt(squares)


def _at(changes: Sequence[Change], depth: int) -> list[Change]:
    return [one for one in changes if one.site.layer + (one.site.kind == "resid_post") == depth]


def _changed(x: Tensor, rows: Int[np.ndarray, " maze"], changes: Sequence[Change], squares: np.ndarray) -> Tensor:
    """The stream with the changes made; what they moved it by is added to `squares`."""
    for change in changes:
        row, position = np.nonzero(change.where[rows, : x.shape[1]])
        if not len(row):
            continue
        at = torch.from_numpy(row).to(x.device), torch.from_numpy(position).to(x.device)
        before = x[at].cpu().numpy()
        after = change.edit(before, rows[row]).astype(before.dtype)
        np.add.at(squares, row, np.square(after - before, dtype=np.float64).sum(axis=1))
        x = x.index_put(at, torch.from_numpy(after).to(x.device))
    return x


def _write(
    model: HookedTransformer, w: fused.Weights, prompt: decoding.Prompt, logits: Tensor, limit: int
) -> Int[np.ndarray, "maze step"]:
    """Token ids written behind prompts that have been read, until a token that no path consists of."""
    goes_on = torch.from_numpy(model.maze_tokenizer.path_tokens.copy()).to(logits.device)
    written = torch.full((len(logits), limit), NOT_WRITTEN, dtype=torch.long, device=logits.device)
    rows = torch.arange(len(logits), device=logits.device)
    grown: list[tuple[Tensor, Tensor]] = []
    for step in range(limit):
        token = logits.argmax(dim=-1)
        written[rows, step] = token
        keep = (goes_on[token] & (prompt.length + step < model.cfg.n_ctx)).nonzero()[:, 0]
        if not len(keep) or step + 1 == limit:
            break
        prompt, rows, token = _part(prompt, keep), rows[keep], token[keep]
        logits, grown = decoding.next_logits(w, prompt, [(k[keep], v[keep]) for k, v in grown], token)
    return written.cpu().numpy()


def _part(prompt: decoding.Prompt, keep: Int[Tensor, " some"]) -> decoding.Prompt:
    return decoding.Prompt(
        tuple(k[keep] for k in prompt.keys),
        tuple(v[keep] for v in prompt.values),
        prompt.length[keep],
        None if prompt.mask is None else prompt.mask[keep],
    )
