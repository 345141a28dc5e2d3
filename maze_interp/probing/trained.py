"""Trained probes on disk, and what they say of mazes: a maze decoded from a model's activations alone.

    probes.safetensors    the arrays of each target's best probe, kilobytes
    probes.json           recipe, sites, and which model on which lattice was read
    scores.csv            scores with their controls;  beyond.csv: paired differences to the controls;  claims.csv: to
                          each other;  selectivity.csv: to a control task

A probe reads the model it was trained on and no other: its weights' hash is kept and compared.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float

from maze_interp import mazes, models, recipes, storage, tables
from maze_interp.models import HookedTransformer
from maze_interp.probing.bilinear import Bilinear, read_both
from maze_interp.probing.features import Progress, read, sites_of
from maze_interp.probing.linear import Fit
from maze_interp.probing.positions import Asked
from maze_interp.probing.recipe import Probe, ProbeRecipe, ProbeResult, name_of

WEIGHTS, RECORD = "probes.safetensors", "probes.json"
TABLES = ("scores", "beyond", "claims", "selectivity")  # of a result, each in a file
LINEAR, PAIRED = ("weight", "bias"), ("left", "right", "centre", "scale")  # the arrays of either kind of probe


@dataclass(frozen=True)
class TrainedProbes:
    """A result with what it takes to apply it: the hash of the model that was read and the lattice of its mazes."""

    result: ProbeResult
    model: str
    rows: int
    cols: int


def save(result: ProbeResult, model: HookedTransformer, rows: int, cols: int, folder: str | Path) -> None:
    """Write a result's best probes and scores into a folder, replacing those there."""
    folder = Path(folder)
    arrays: dict[str, np.ndarray] = {}
    for name, one in result.best.items():
        held = PAIRED if isinstance(one.fit, Bilinear) else LINEAR
        arrays |= {f"{name}.{part}": getattr(one.fit, part).astype(np.float32) for part in held}
    record = {
        "model": models.fingerprint(model),
        "rows": rows,
        "cols": cols,
        "recipe": recipes.to_dict(result.recipe),
        "probes": {name: _described(one) for name, one in result.best.items()},
    }
    for name in TABLES:
        tables.to_csv(getattr(result, name), folder / f"{name}.csv")
    storage.write_tensors_atomically(folder / WEIGHTS, arrays)
    storage.write_text_atomically(folder / RECORD, json.dumps(record, indent=1, allow_nan=False) + "\n")


def load(folder: str | Path) -> TrainedProbes:
    """What `save` wrote. Raises ValueError if a folder holds no probes."""
    folder = Path(folder)
    for name in (WEIGHTS, RECORD, *(f"{name}.csv" for name in TABLES)):
        if not (folder / name).exists():
            raise ValueError(f"{folder} holds no trained probes: it has no {name}")
    record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    arrays, _ = storage.read_tensors(folder / WEIGHTS)
    recipe = recipes.from_dict(ProbeRecipe, record["recipe"], folder / RECORD)
    best = {}
    for name, told in record["probes"].items():
        fit: Fit | Bilinear
        if f"{name}.{PAIRED[0]}" in arrays:
            fit = Bilinear(*(arrays[f"{name}.{part}"] for part in PAIRED))
        else:
            weight, bias = (arrays[f"{name}.{part}"] for part in LINEAR)
            same = np.ones(len(bias))
            fit = Fit(weight, bias, told["penalty"] * same, told["link"] * same.astype(bool))
        (site,) = sites_of([told["site"]], layers=1 << 30, heads=1 << 30)
        best[name] = Probe(name, site, fit, told["score"])
    found = {name: tables.from_csv(folder / f"{name}.csv") for name in TABLES}
    result = ProbeResult(recipe, best=best, **found)
    return TrainedProbes(result, record["model"], record["rows"], record["cols"])


def apply(
    trained: TrainedProbes, target: str, model: HookedTransformer, asked: Asked, *, progress: Progress | None = None
) -> Float[np.ndarray, "sample output"]:
    """What a target's probe says of samples. `progress` counts mazes read.

    Raises ValueError for a target not trained, another model or lattice.
    """
    if target not in trained.result.best:
        raise recipes.unknown("trained probe", target, trained.result.best)
    if models.fingerprint(model) != trained.model:
        raise ValueError(f"the probe of {target!r} was trained on another model: their weights differ")
    size, given = (trained.rows, trained.cols), (asked.mazes.rows, asked.mazes.cols)
    if size != given:
        raise ValueError(
            f"the probe of {target!r} was trained on mazes of {size[0]} x {size[1]}, not {given[0]} x {given[1]}"
        )
    return predicted(trained.result.best[target], model, asked, progress)


def predicted(
    one: Probe, model: HookedTransformer, asked: Asked, progress: Progress | None = None
) -> Float[np.ndarray, "sample output"]:
    """What a probe says of samples of the model it was fitted to."""
    if isinstance(one.fit, Bilinear):
        return one.fit.predict(read_both(model, asked, [one.site], progress)[one.site])
    return one.fit.predict(read(model, asked, [one.site], progress=progress)[one.site])


def decoded(outputs: Float[np.ndarray, "sample edge"], rows: int, cols: int) -> Bool[np.ndarray, "sample 2 row col"]:
    """The passages that the outputs of a probe of `passage` describe."""
    passages = np.zeros((len(outputs), 2 * rows * cols), dtype=bool)
    passages[:, mazes.edge_ids(rows, cols)] = outputs > 0.5
    return passages.reshape(len(outputs), 2, rows, cols)


def _described(one: Probe) -> dict[str, object]:
    told: dict[str, object] = {"site": name_of(one.site), "score": one.score}
    if isinstance(one.fit, Bilinear):
        return told
    return {**told, "link": bool(one.fit.link[0]), "penalty": float(one.fit.penalty[0])}
