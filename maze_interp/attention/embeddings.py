"""Is the lattice in the embedding? What the rows of a matrix, one for each cell, know of where the cells lie.

Tokens are symbols: nothing tells the network that (0, 0) is next to (0, 1), unless it was worth learning. Three
measures ask for it. Distances between rows are correlated with distances between cells (published with cityblock
distances on both sides: Pearson r 0.506 and 0.368 for two models, arXiv 2312.02566). Neighbours' squared distance is
put over that of any two cells (Geary's C, 1954: 1 without order, 0 if neighbours are alike). And a discrete cosine
transform over rows and columns says at which frequencies the energy lies: maps that change slowly over the lattice lie
at low ones, and one that tells apart the colours of a chequerboard, between which every step leads, at the highest.

The null is the same matrix with its rows permuted over the cells, which keeps everything but the places. Intervals
leave out one of the embedding's dimensions at a time (the jackknife, Tukey 1958): the cells of a lattice are all there
are, and dimensions drawn with replacement would be fewer, which makes distances noisier.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from maze_interp import seeds, tables
from maze_interp.mazes import distances
from maze_interp.models import HookedTransformer
from maze_interp.tables import Row

Weigh = Callable[[Float[np.ndarray, "draw pair"]], Float[np.ndarray, " draw"]]
LEAST = 1e-300  # what a matrix of equal rows is divided by
LOW = 1  # the highest frequency that counts as low, in half waves along the rows and along the columns


def tokens(model: HookedTransformer, rows: int, cols: int) -> Float[np.ndarray, "cell d_model"]:
    """The embedding of each cell's token. Raises ValueError for a scheme in which cells are spelled."""
    return _numbers(model, "embed.W_E")[model.maze_tokenizer.vocabulary.ids_on(rows, cols)]


def unembedding(model: HookedTransformer, rows: int, cols: int) -> Float[np.ndarray, "cell d_model"]:
    """What the logit of each cell's token reads off the last stream, as the last layer norm scales it."""
    heard = _numbers(model, "unembed.W_U") * _numbers(model, "ln_final.w")[:, None]
    return heard.T[model.maze_tokenizer.vocabulary.ids_on(rows, cols)]


def positions(model: HookedTransformer, length: int) -> Float[np.ndarray, "position d_model"]:
    """The embedding of the first `length` positions, a lattice of one column.

    Raises ValueError where positions are not learned, or not so many.
    """
    if model.cfg.positional_embedding_type != "standard":
        raise ValueError("this model turns queries and keys by position (rotary); it has no positional embedding")
    if length > model.cfg.n_ctx:
        raise ValueError(f"the model has {model.cfg.n_ctx} positions, not {length}")
    return _numbers(model, "pos_embed.W_pos")[:length]


@dataclass(frozen=True)
class Measured:
    """A measure of a matrix: its value, the 95% interval over dimensions, and its values on permuted cells."""

    value: float
    low: float
    high: float
    null: Float[np.ndarray, " draw"]

    @property
    def p(self) -> float:
        """Two-sided: how often permuted cells are at least as far from their own mean as these are."""
        middle = self.null.mean()
        return float((1 + (np.abs(self.null - middle) >= abs(self.value - middle)).sum()) / (1 + len(self.null)))


def correlation(
    matrix: Float[np.ndarray, "cell d_model"],
    apart: Float[np.ndarray, "cell cell"],
    *,
    seed: int,
    given: Float[np.ndarray, "cell cell"] | None = None,
    draws: int = 1000,
) -> Measured:
    """Pearson's r of the cityblock distance of two rows with how far `apart` their cells are, over all pairs.

    With `given` distances, the partial correlation: what `apart` explains that these do not. Pairs whose distance is
    nan are left out. Permuted are the rows of the matrix (Mantel 1967). Raises ValueError if fewer than three pairs
    are left, or if all are equally far apart.
    """
    one, two = np.triu_indices(len(matrix), 1)
    known = ~np.isnan(apart[one, two]) if given is None else ~np.isnan(apart[one, two] + given[one, two])
    if known.sum() < 3:
        raise ValueError(f"a correlation of distances needs three pairs of cells at least, not {int(known.sum())}")
    one, two = one[known], two[known]
    held = np.ones((1, len(one))) if given is None else np.stack([np.ones(len(one)), given[one, two]])
    basis = np.linalg.qr(held.T)[0]
    wanted = _left(apart[one, two], basis)
    if np.linalg.norm(wanted) < 1e-9 * np.linalg.norm(apart[one, two]):
        raise ValueError("all pairs of cells are equally far apart, or exactly as far as the given distances say")

    def r(lengths: Float[np.ndarray, "draw pair"]) -> Float[np.ndarray, " draw"]:
        rest = _left(lengths, basis)
        return rest @ wanted / np.linalg.norm(wanted) / np.maximum(np.linalg.norm(rest, axis=-1), LEAST)

    return _measured(np.abs(matrix[one] - matrix[two]), (one, two), _cityblock(matrix), r, seed=seed, draws=draws)


def neighbours(
    matrix: Float[np.ndarray, "cell d_model"], rows: int, cols: int, *, seed: int, draws: int = 1000
) -> Measured:
    """Geary's C: the mean squared distance of the rows of two cells next door, over that of any two cells."""
    one, two = np.triu_indices(len(matrix), 1)
    near = lattice_distance(rows, cols)[one, two] == 1

    def ratio(squares: Float[np.ndarray, "draw pair"]) -> Float[np.ndarray, " draw"]:
        return squares[..., near].mean(axis=-1) / np.maximum(squares.mean(axis=-1), LEAST)

    squares = (matrix[one] - matrix[two]) ** 2
    whole = ((matrix[:, None] - matrix) ** 2).sum(axis=-1)
    return _measured(squares, (one, two), whole, ratio, seed=seed, draws=draws)


def low_frequencies(
    matrix: Float[np.ndarray, "cell d_model"], rows: int, cols: int, *, seed: int, draws: int = 1000
) -> Measured:
    """The share of the cosine energy, its mean aside, at frequencies of at most LOW along rows and along columns."""
    low = np.maximum.outer(np.arange(rows), np.arange(cols)).ravel() <= LOW
    return _share(matrix, _waves(rows, cols)[low][1:], seed=seed, draws=draws)


def parity(
    matrix: Float[np.ndarray, "cell d_model"], rows: int, cols: int, *, seed: int, draws: int = 1000
) -> Measured:
    """The share of the energy that tells apart the two colours of a chequerboard."""
    board = (-1.0) ** np.add.outer(np.arange(rows), np.arange(cols)).ravel()
    board -= board.mean()
    return _share(matrix, board[None] / np.linalg.norm(board), seed=seed, draws=draws)


def cosine_energy(
    matrix: Float[np.ndarray, "cell d_model"], rows: int, cols: int
) -> Float[np.ndarray, "frequency d_model"]:
    """The squared coefficients of an orthonormal cosine transform (DCT-II) over rows and columns; the mean has none.

    Frequency (a, b), at a * cols + b, is a half waves along the rows and b along the columns. Summed over frequencies
    it is the squared distance of a dimension from its mean.
    """
    energy = (_waves(rows, cols) @ matrix) ** 2
    energy[0] = 0.0
    return energy


def principal_components(
    matrix: Float[np.ndarray, "cell d_model"], count: int = 2
) -> tuple[Float[np.ndarray, "cell component"], Float[np.ndarray, " component"]]:
    """Each cell's place on the first principal components, and the shares of the variance that lie on these."""
    left, size, _ = np.linalg.svd(matrix - matrix.mean(axis=0), full_matrices=False)
    return left[:, :count] * size[:count], (size**2 / max((size**2).sum(), LEAST))[:count]


def lattice_distance(rows: int, cols: int) -> Float[np.ndarray, "cell cell"]:
    """The Manhattan distance of any two cells, in steps."""
    row, col = np.divmod(np.arange(rows * cols), cols)
    return (np.abs(row[:, None] - row) + np.abs(col[:, None] - col)).astype(float)


def walking_distance(passages: Bool[np.ndarray, "maze 2 row col"]) -> Float[np.ndarray, "cell cell"]:
    """The steps from any cell to any other, mean over the mazes in which there is a way; nan where there is in none."""
    cells = passages.shape[2] * passages.shape[3]
    out = np.empty((cells, cells))
    for cell in range(cells):
        steps = distances(passages, np.full(len(passages), cell, np.int32))
        ways = (steps >= 0).sum(axis=0)
        out[cell] = np.where(ways > 0, np.maximum(steps, 0).sum(axis=0) / np.maximum(ways, 1), np.nan)
    return out


def measure_rows(name: str, measured: Measured, cells: int, **what: object) -> list[Row]:
    """The measure with its interval over dimensions, and on permuted cells: their mean and middle 95%; n counts
    cells."""
    low, high = np.quantile(measured.null, [0.025, 0.975])
    return [
        Row(name, measured.value, measured.low, measured.high, cells, {**what, "cells": "in place"}),
        Row(name, float(measured.null.mean()), float(low), float(high), cells, {**what, "cells": "permuted"}),
    ]


def _measured(
    parts: Float[np.ndarray, "pair d_model"],
    pairs: tuple[Int[np.ndarray, " pair"], Int[np.ndarray, " pair"]],
    whole: Float[np.ndarray, "cell cell"],
    weigh: Weigh,
    *,
    seed: int,
    draws: int,
) -> Measured:
    """`weigh` the distances of pairs: `parts` by dimension, to leave each out, and `whole`, to permute the cells."""
    one, two = pairs
    orders = _permutations(seeds.generator(seed, "permuted cells"), draws, len(whole))
    null = [weigh(whole[some[:, one], some[:, two]]) for some in np.array_split(orders, 1 + orders.size // 4096)]

    every = parts.sum(axis=1)
    return _with_interval(float(weigh(every[None])[0]), weigh(every - parts.T), np.concatenate(null))


def _share(
    matrix: Float[np.ndarray, "cell d_model"], waves: Float[np.ndarray, "wave cell"], *, seed: int, draws: int
) -> Measured:
    """The share of the energy, the mean's aside, that lies in some orthonormal waves without a mean."""
    mine, whole = ((waves @ matrix) ** 2).sum(axis=0), ((matrix - matrix.mean(axis=0)) ** 2).sum(axis=0)
    every = max(whole.sum(), LEAST)
    orders = _permutations(seeds.generator(seed, "permuted cells"), draws, len(matrix))
    null = ((waves[:, orders].swapaxes(0, 1) @ matrix) ** 2).sum(axis=(1, 2)) / every
    without = (mine.sum() - mine) / np.maximum(whole.sum() - whole, LEAST)
    return _with_interval(float(mine.sum() / every), without, null)


def _with_interval(value: float, without: Float[np.ndarray, " d_model"], null: Float[np.ndarray, " draw"]) -> Measured:
    """The value with the jackknife's interval, from its values `without` one dimension each."""
    count = len(without)
    half = tables.Z * ((count - 1) / count * ((without - without.mean()) ** 2).sum()) ** 0.5
    return Measured(value, value - half, value + half, null)


def _cityblock(matrix: Float[np.ndarray, "cell d_model"]) -> Float[np.ndarray, "cell cell"]:
    return np.stack([np.abs(row - matrix).sum(axis=-1) for row in matrix])


def _left(lengths: Float[np.ndarray, "*draw pair"], basis: Float[np.ndarray, "pair held"]) -> np.ndarray:
    """What is left of distances when those held are regressed out."""
    return lengths - (lengths @ basis) @ basis.T


def _permutations(rng: np.random.Generator, draws: int, cells: int) -> Int[np.ndarray, "draw cell"]:
    return rng.permuted(np.tile(np.arange(cells), (draws, 1)), axis=1)


def _waves(rows: int, cols: int) -> Float[np.ndarray, "frequency cell"]:
    return np.kron(_cosines(rows), _cosines(cols))


def _cosines(length: int) -> Float[np.ndarray, "frequency place"]:
    """The orthonormal waves of the second cosine transform."""
    place = np.arange(length) + 0.5
    waves = np.cos(np.pi * np.arange(length)[:, None] * place / length) * (2 / length) ** 0.5
    waves[0] /= 2**0.5
    return waves


def _numbers(model: HookedTransformer, name: str) -> np.ndarray:
    return model.get_parameter(name).detach().cpu().double().numpy()
