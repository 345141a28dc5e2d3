"""Which heads bear which names, and how sure that is.

A head bears the name of a score if the score is beyond chance whatever the sample of mazes, and by enough to matter: of
many heads and many mazes nearly all differ from chance by something.
"""

from statistics import NormalDist

import numpy as np
from jaxtyping import Bool, Float

from maze_interp import seeds, tables
from maze_interp.attention.heads import HeadScores
from maze_interp.tables import Row

DRAWS = 10_000  # of the furthest of all heads
LEAST = 0.1  # a head bears the name of a score that is beyond chance by this share of what it could be


def score_rows(found: HeadScores, *, seed: int, **what: object) -> list[Row]:
    """Each score of each head: by how much its share of attention is beyond chance, with a bootstrap interval.

    The conditions name layer and head, the share itself, chance, and whether the head bears the score's name.
    """
    named, rows = bears(found), []
    for (number, layer, head), name in np.ndenumerate(np.broadcast_to(_column(found.names), named.shape)):
        asked = ~np.isnan(found.share[number, :, layer, head])
        shares, chances = (part[number, asked, layer, head] for part in (found.share, found.chance))
        where = {"layer": layer, "head": head} | {
            "share": round(float(shares.mean()), 4) if asked.any() else float("nan"),
            "chance": round(float(chances.mean()), 4) if asked.any() else float("nan"),
            "named": bool(named[number, layer, head]),
        }
        rows.append(tables.paired_difference(str(name), shares, chances, seed=seed, **what, **where))
    return rows


def strongest(found: HeadScores, *, seed: int, **what: object) -> list[Row]:
    """Of each score the head furthest beyond chance, though it was chosen among all: two corrections.

    The interval is widened for the number of heads (Bonferroni). `permuted` is what the furthest of all heads stays
    below, 95% of the time, when positions are permuted (normal, with the heads' own covariance).
    """
    named, rows = bears(found), []
    rng = seeds.generator(seed, "permuted positions")
    for number, name in enumerate(found.names):
        asked = ~np.isnan(found.share[number, :, 0, 0])
        beyond = found.beyond[number, asked].reshape(asked.sum(), -1)
        if not len(beyond):
            continue
        top = int(beyond.mean(axis=0).argmax())
        layer, head = divmod(top, found.share.shape[3])
        (low,), (high,) = tables.bootstrap_means(beyond[:, [top]], seed=seed, level=1 - 0.05 / beyond.shape[1])
        drawn = rng.multivariate_normal(np.zeros(beyond.shape[1]), found.permuted[number], DRAWS, method="eigh")
        where = {
            "layer": layer,
            "head": head,
            "share": float(found.share[number, asked, layer, head].mean()),
            "chance": float(found.chance[number, asked, layer, head].mean()),
            "permuted": float(np.quantile(drawn.max(axis=1), 0.95)),
            "named": bool(named[number, layer, head]),
        }
        rows.append(Row(name, float(beyond[:, top].mean()), float(low), float(high), len(beyond), {**what, **where}))
    return rows


def bears(found: HeadScores, *, least: float = LEAST) -> Bool[np.ndarray, "score layer head"]:
    """Which heads bear which names.

    A score must be beyond chance in a 95% interval over mazes (normal, widened for the number of heads and scores), and
    by `least` of what it could be beyond it.
    """
    beyond, mazes = found.beyond, (~np.isnan(found.beyond)).sum(axis=1)
    middle, chance = _nanmean(beyond), _nanmean(found.chance)
    error = _nanmean((beyond - middle[:, None]) ** 2) ** 0.5 / np.sqrt(np.maximum(mazes - 1, 1))
    wide = NormalDist().inv_cdf(1 - 0.025 / middle.size)
    return (mazes > 1) & (middle - wide * error > 0) & (middle > least * (1 - chance))


def head_names(found: HeadScores) -> dict[tuple[int, int], list[str]]:
    """The names each head bears, the one furthest beyond chance first; heads without a name are left out."""
    named, beyond = bears(found), _nanmean(found.beyond)
    out = {}
    for layer, head in np.argwhere(named.any(axis=0)).tolist():
        order = np.argsort(-np.where(named, beyond, -np.inf)[:, layer, head], kind="stable")
        out[layer, head] = [found.names[number] for number in order[: named[:, layer, head].sum()]]
    return out


def _nanmean(values: Float[np.ndarray, "score maze layer head"]) -> Float[np.ndarray, "score layer head"]:
    known = ~np.isnan(values)
    return np.where(known, values, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)


def _column(names: tuple[str, ...]) -> np.ndarray:
    return np.array(names, object)[:, None, None]
