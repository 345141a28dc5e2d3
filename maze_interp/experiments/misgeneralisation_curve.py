"""Goal, corner or neither against the side k of the block that goals were in: the curve of misgeneralisation.

All points are of the same mazes, with goals outside the largest block, so that nothing but training differs; a run
whose goals were anywhere has the lattice's own side as its k. Runs of one k are averaged: intervals are over mazes.
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Bool, Float

from maze_interp import figures, tables
from maze_interp.experiments.misgeneralisation_page import SHARES, Subject
from maze_interp.figures import Figure, Series
from maze_interp.tables import Row

PerParting = Float[np.ndarray, " parting"]
SHARE = "probability of the next step, 95% interval"


def by_block(
    taken: Mapping[Subject, tuple[PerParting, PerParting]],
    outside: Bool[np.ndarray, " parting"],
    side: int,
    *,
    seed: int,
) -> list[Row]:
    """A row for each of SHARES and each k, the condition `block`, in ascending order.

    `taken` is what each trained walker puts on the ways to the goal and to the corner, `side` that of the lattice.
    """
    blocks = sorted({one.block or side for one in taken})
    rows = []
    for k in blocks:
        mine = [(goal[outside], corner[outside]) for one, (goal, corner) in taken.items() if (one.block or side) == k]
        goal, corner = np.mean(mine, axis=0)
        for name, share in zip(SHARES, (goal, corner, 1 - goal - corner), strict=True):
            rows.append(tables.mean(name, share, seed=seed, block=k, runs=len(mine)))
    return rows


def drawn_by_block(rows: list[Row], side: int, guess: float) -> dict[str, Figure]:
    """The shares against k; `guess` is what a guesser puts on the way to the corner. Nothing for a single k."""
    blocks = sorted({row.what["block"] for row in rows})
    if len(blocks) < 2 or not rows[0].n:
        return {}
    lines = [_line(name, [row for row in rows if row.measure == name]) for name in SHARES]
    lines.append(Series("to the corner, by a guesser", np.array(blocks, float), np.full(len(blocks), guess)))
    corner = {row.what["block"]: row.value for row in rows if row.measure == SHARES[1]}
    said = ", ".join(f"{share:.0%} with {_goals(k, side)}" for k, share in corner.items())
    x = "side k of the block of goals in training (cells)"
    drawn = figures.curves(lines, title=f"Taken for the corner: {said}", x=x, y=SHARE)
    drawn.update_xaxes(tickvals=blocks)  # there is no block of one cell and a half
    return {"by_block": drawn}


def _goals(block: int, side: int) -> str:
    return "goals anywhere" if block == side else f"k = {block}"


def _line(name: str, rows: list[Row]) -> Series:
    value, low, high = (np.array([getattr(row, key) for row in rows]) for key in ("value", "low", "high"))
    low, high = np.where(np.isnan(low), value, low), np.where(np.isnan(high), value, high)
    return Series(name, np.array([float(row.what["block"]) for row in rows]), value, low, high)
