"""Attention from a path's cell to the cells of the prompt, by how far they are through the maze.

Attention on a cell is that on the tokens which name it in the list of edges, per token: a cell with more passages is
named more often. The published picture of an adjacency head is this one, with most of the attention at distance 1.
Steps that bring the path closer to the goal and steps that do not are kept apart: a head that is needed for the step
should look elsewhere before a wrong one.
"""

from dataclasses import dataclass
from math import nan

import numpy as np
from jaxtyping import Bool, Float, Int

from maze_interp import tables
from maze_interp.attention.scenes import AT_PATH, Progress, patterns, rows_of, scene
from maze_interp.mazes import MazeBatch, PathBatch
from maze_interp.models import HookedTransformer, Site
from maze_interp.tables import Row

WRONG, RIGHT = 0, 1
STEPS = ("wrong", "right")


@dataclass(frozen=True)
class ByDistance:
    """Attention per token, a maze's queries averaged, and by chance; nan where a maze has no such step or token.

    `mass[maze, layer, head, WRONG or RIGHT, distance]`; `chance`, without the axis of distances, is the mean over all
    cell tokens of the list. `steps[maze, WRONG or RIGHT]` counts the steps.
    """

    mass: Float[np.ndarray, "maze layer head 2 distance"]
    chance: Float[np.ndarray, "maze layer head 2"]
    steps: Int[np.ndarray, "maze 2"]


def by_distance(
    model: HookedTransformer,
    mazes: MazeBatch,
    paths: PathBatch,
    *,
    seed: int,
    farthest: int = 12,
    progress: Progress | None = None,
) -> ByDistance:
    """Attention by distance through the maze, 0 to `farthest` steps, at each step of the given paths.

    The step that is right or wrong is the one that follows the token asked. `progress` is called with (mazes done,
    mazes). Raises ValueError for a language that has no token for each cell.
    """
    shape = (len(mazes), model.cfg.n_layers, model.cfg.n_heads, 2)
    mass, chance = np.full((*shape, farthest + 1), nan), np.full(shape, nan)
    steps = np.zeros((len(mazes), 2), np.int64)
    for which, tokens, read in patterns(model, mazes, paths, seed=seed, progress=progress):
        where = scene(mazes[which], tokens, AT_PATH)
        right, asked = where.right(), where.query >= 0
        kinds = np.stack([asked & ~right, right])
        steps[which] = kinds.sum(axis=2).T
        away = np.where(where.listed, where.away(where.apart), -1)
        for layer in range(model.cfg.n_layers):
            rows = rows_of(read[Site("pattern", layer)], where.query)
            for kind, which_steps in enumerate(kinds):
                chance[which, layer, :, kind] = _per_token(rows, where.listed, which_steps)
                for distance in range(farthest + 1):
                    mass[which, layer, :, kind, distance] = _per_token(rows, away == distance, which_steps)
    return ByDistance(mass, chance, steps)


def distance_rows(found: ByDistance, layer: int, head: int, *, seed: int, chosen_of: int = 1) -> list[Row]:
    """One head's attention per token at each distance, with bootstrap intervals over the mazes that have such steps.

    A row a distance for right steps and for wrong ones; `chance` is the mean over all cell tokens on the same mazes.
    Intervals are widened for the number of heads that this one was `chosen_of` (Bonferroni).
    """
    rows = []
    for kind, step in enumerate(STEPS):
        values = found.mass[:, layer, head, kind]
        lows, highs = tables.bootstrap_means(values, seed=seed, level=1 - 0.05 / chosen_of)
        for distance, (low, high) in enumerate(zip(lows.tolist(), highs.tolist(), strict=True)):
            known = ~np.isnan(values[:, distance])
            value, chance = (
                float(part[known].mean()) if known.any() else nan
                for part in (values[:, distance], found.chance[:, layer, head, kind])
            )
            where = {"layer": layer, "head": head, "step": step, "distance": distance, "chance": round(chance, 5)}
            rows.append(Row("attention per token", value, low, high, int(known.sum()), where))
    return rows


def _per_token(
    rows: Float[np.ndarray, "maze query head key"],
    targets: Bool[np.ndarray, "maze query key"],
    steps: Bool[np.ndarray, "maze query"],
) -> Float[np.ndarray, "maze head"]:
    """The mean attention on a target over all targets of these steps; nan for a maze without."""
    chosen = (targets & steps[..., None]).astype(np.float64)
    count = chosen.sum(axis=(1, 2))[:, None]
    total = np.einsum("mqhk,mqk->mh", rows, chosen, optimize=True)
    return np.where(count > 0, total / np.maximum(count, 1), nan)
