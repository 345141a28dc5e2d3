"""How optimisation comes about: the parts at the decision at every checkpoint, beside how many mazes are solved.

The same population is asked and walked at each checkpoint. A curve is the mean size of Op (or the mean Imp) of the
heads, or of the MLPs, at the decision; each maze's share of it is a pseudo-value, so that a change of the curve is
found and compared with that of exact paths as in any other curve over mazes (`training.change_points`).
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from maze_interp import mazes, models, training
from maze_interp.experiments.locate_readings import Reading, columns_of, split
from maze_interp.optimisation import Population
from maze_interp.tables import Row
from maze_interp.training import TrainingRun

Progress = Callable[[int, int], None]
EXACT = "exact paths"
FEWEST = 4  # checkpoints after step 0
CHANCE = 0.05
PARTS = {"heads": "z", "MLPs": "mlp_out"}


def courses(
    run: TrainingRun, population: Population, coding: str, *, seed: int, progress: Progress | None = None
) -> tuple[np.ndarray, dict[str, Float[np.ndarray, "maze checkpoint"]]]:
    """Mazes read by each checkpoint, and each curve's value on each maze there."""
    steps, found = list(run.checkpoints), []
    for done, step in enumerate(steps, start=1):
        model = run.model(step)
        columns = columns_of(model, population, places=("here",), kinds=tuple(PARTS.values()))
        reading = split(model, population, coding, columns)
        walked = models.rollout(model, population.mazes, seed=seed)
        found.append({EXACT: mazes.paths.optimal(population.mazes, walked).astype(float), **_curves(reading)})
        if progress is not None:
            progress(done, len(steps))
    values = {name: np.stack([one[name] for one in found], axis=1) for name in found[0]}
    return np.array(steps) * run.recipe.mazes_per_step, values


def _curves(reading: Reading) -> dict[str, Float[np.ndarray, " maze"]]:
    curves = {}
    for name, kind in PARTS.items():
        own = np.array([column.kind == kind for column in reading.columns])
        curves[f"size of op of {name}"] = size_of(reading.op[own])
        curves[f"imp of {name}"] = reading.imp[own].mean(axis=0)
    return curves


def size_of(op: Float[np.ndarray, "column maze"]) -> Float[np.ndarray, " maze"]:
    """Pseudo-values of the mean size of Op over columns, from each column's own."""
    count, whole = op.shape[1], op.mean(axis=1)
    without = (count * whole[:, None] - op) / (count - 1)
    return count * np.abs(whole).mean() - (count - 1) * np.abs(without).mean(axis=0)


def order(
    read: np.ndarray, values: dict[str, Float[np.ndarray, "maze checkpoint"]], *, seed: int
) -> tuple[list[Row], dict[str, str]]:
    """When each curve changes, in mazes read, and whether before, with or after exact paths; none of few points."""
    later = read > 0
    if later.sum() < FEWEST:
        return [], {}
    level, chance = 1 - CHANCE / max(len(values) - 1, 1), CHANCE / len(values)
    kept = {name: one[:, later] for name, one in values.items() if np.isfinite(one[:, later]).all()}
    changes = {
        name: training.change_point(np.log2(read[later]), one, seed=seed, level=level, chance=chance)
        for name, one in kept.items()
    }
    rows, verdicts = [], {}
    for name, one in changes.items():
        what = {"found": one.found, "before": round(one.before, 4), "after": round(one.after, 4)}
        middle, low, high = (2.0**x for x in (one.middle, one.low, one.high))
        rows.append(Row(name, middle, low, high, len(kept[name]), what))
        if name != EXACT:
            verdicts[name] = training.order(one, changes[EXACT], level=level).verdict if one.found else "no change"
    return rows, verdicts
