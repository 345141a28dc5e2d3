"""What a head does to tokens, whatever the prompt: its OV and QK matrices between all cells of the lattice.

The OV circuit says how a token that is attended to moves the logit of every token, the QK circuit how much a token
wants to attend to every other (Elhage et al. 2021, "A Mathematical Framework for Transformer Circuits"). Both are taken
from the embeddings through the layer norms, so they say what a head of the first layer does, and of later ones what
their weights do with embeddings that are still there.

A circuit copies if a cell raises its own logit, and knows the lattice if it raises its neighbours'. Cells are the
units. The null gives the columns other cells' names.
"""

from collections.abc import Callable
from dataclasses import replace
from statistics import NormalDist
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float

from maze_interp import tables
from maze_interp.models import HookedTransformer
from maze_interp.tables import Row

Circuit = Float[np.ndarray, "cell cell"]
Pairs = Bool[np.ndarray, "cell cell"]


@torch.inference_mode()
def ov_circuit(model: HookedTransformer, layer: int, head: int) -> Circuit:
    """How attention on the cell of a row moves the logit of the cell of a column, beyond its mean over cells.

    In logits, up to the scale of the final layer norm. Cells are numbered on the vocabulary's lattice.
    """
    attn, cells = _attention(model, layer, head)
    written = _read(model, layer, cells) @ attn.W_V[head] @ attn.W_O[head]
    logits = _centred(written) * model.ln_final.w @ model.unembed.W_U[:, cells]
    return _centred(logits).cpu().numpy().astype(np.float64)


@torch.inference_mode()
def qk_circuit(model: HookedTransformer, layer: int, head: int, *, back: int = 0) -> Circuit:
    """The attention score of the cell of a row for the cell of a column, beyond its mean over cells.

    `back` is how many tokens before the query the key stands, which matters where positions are rotary; learned ones
    are left out.
    """
    attn, cells = _attention(model, layer, head)
    x = _read(model, layer, cells)
    q, k = x @ attn.W_Q[head] + attn.b_Q[head], x @ attn.W_K[head] + attn.b_K[head]
    if model.cfg.positional_embedding_type == "rotary":
        q = _rotated(model, layer, q, back)
    return _centred(q @ k.T / attn.attn_scale).cpu().numpy().astype(np.float64)


def own(rows: int, cols: int) -> Pairs:
    """Each cell and itself."""
    return np.eye(rows * cols, dtype=bool)


def next_to(rows: int, cols: int) -> Pairs:
    """Each cell and its neighbours on the lattice, behind passages or walls."""
    row, col = np.divmod(np.arange(rows * cols), cols)
    return abs(row[:, None] - row) + abs(col[:, None] - col) == 1


PATTERNS: dict[str, Callable[[int, int], Pairs]] = {"own": own, "neighbours": next_to}
CIRCUITS: dict[str, Callable[[HookedTransformer, int, int], Circuit]] = {"OV": ov_circuit, "QK": qk_circuit}


def circuit_rows(model: HookedTransformer, *, seed: int, **what: object) -> list[Row]:
    """For each head, circuit and pattern: how far the pattern's entries stand out, the mean of `stands_out` over cells.

    Intervals are bootstraps over cells. `chance` is the size that renamed columns stay below (95%, normal, widened for
    the number of rows); `beyond`, whether the value is larger and its interval leaves out zero.
    """
    layers, heads = model.cfg.n_layers, model.cfg.n_heads
    wide = NormalDist().inv_cdf(1 - 0.025 / (layers * heads * len(CIRCUITS) * len(PATTERNS)))
    rows = []
    for layer, head in np.ndindex(layers, heads):
        for circuit, matrix_of in CIRCUITS.items():
            matrix = matrix_of(model, layer, head)
            for name, pattern in PATTERNS.items():
                pairs = pattern(model.maze_tokenizer.rows, model.maze_tokenizer.cols)
                row = tables.mean(f"{circuit} {name}", stands_out(matrix, pairs), seed=seed)
                chance = wide * renamed_spread(matrix, pairs)
                beyond = bool(abs(row.value) > chance and (row.low > 0 or row.high < 0))
                where = {**what, "layer": layer, "head": head, "chance": round(chance, 4), "beyond": beyond}
                rows.append(replace(row, what=where))
    return rows


def stands_out(matrix: Circuit, pairs: Pairs) -> Float[np.ndarray, " asked"]:
    """Of each cell with such pairs: the mean entry of its pairs less that of its others, in the matrix's deviations.

    The entry of a cell with itself is not among the others.
    """
    return (_weights(pairs) * matrix[_asked(pairs)]).sum(axis=1) / (matrix.std() or 1.0)


def renamed_spread(matrix: Circuit, pairs: Pairs) -> float:
    """The standard deviation of the mean of `stands_out` over all renamings of the columns; its mean is 0.

    The exact variance of a sum over a random permutation (Hoeffding 1951, "A Combinatorial Central Limit Theorem").
    """
    weights = _weights(pairs)
    given = weights.T @ matrix[_asked(pairs)] / len(weights)
    apart = given - given.mean(axis=0) - given.mean(axis=1, keepdims=True) + given.mean()
    return float((apart**2).sum() / (len(matrix) - 1)) ** 0.5 / (float(matrix.std()) or 1.0)


def _weights(pairs: Pairs) -> Float[np.ndarray, "asked cell"]:
    """What makes of a row the mean of its pairs less that of its others, for the rows that have both."""
    others = ~pairs & ~np.eye(len(pairs), dtype=bool)
    pairs, others = pairs[_asked(pairs)], others[_asked(pairs)]
    return pairs / pairs.sum(axis=1, keepdims=True) - others / others.sum(axis=1, keepdims=True)


def _asked(pairs: Pairs) -> Bool[np.ndarray, " cell"]:
    """The cells that have such pairs, and others."""
    others = ~pairs & ~np.eye(len(pairs), dtype=bool)
    return np.logical_and(pairs.any(axis=1), others.any(axis=1))


def _attention(model: HookedTransformer, layer: int, head: int) -> tuple[Any, torch.Tensor]:
    """The layer's attention and the token ids of the cells. Raises ValueError for a head the model lacks."""
    layers, heads = model.cfg.n_layers, model.cfg.n_heads
    if not (0 <= layer < layers and 0 <= head < heads):
        raise ValueError(f"head {head} of layer {layer} does not exist: layers 0..{layers - 1}, heads 0..{heads - 1}")
    cells = torch.from_numpy(model.maze_tokenizer.vocabulary.cell_ids.flatten()).long()
    return model.blocks[layer].attn, cells.to(model.embed.W_E.device)


def _read(model: HookedTransformer, layer: int, cells: torch.Tensor) -> torch.Tensor:
    """The cells' embeddings as the layer's attention reads them."""
    return model.blocks[layer].ln1(model.embed.W_E[cells][:, None])[:, 0]


def _rotated(model: HookedTransformer, layer: int, q: torch.Tensor, by: int) -> torch.Tensor:
    cos, sin = model.blocks[layer].attn.rotary_cos[by], model.blocks[layer].attn.rotary_sin[by]
    left, right = q.chunk(2, dim=-1)
    return q * cos + torch.cat([-right, left], dim=-1) * sin


def _centred(x: torch.Tensor) -> torch.Tensor:
    return x - x.mean(dim=-1, keepdim=True)
