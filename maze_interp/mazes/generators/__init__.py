"""Maze generators: one algorithm a file, declared in one dict, held to their promises by one test.

To add a generator, write a file with a `GENERATOR` (see `declaration.py`) and name it here.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from numbers import Integral, Real
from typing import Any

import numpy as np
from jaxtyping import Bool

from maze_interp import recipes, seeds
from maze_interp.mazes.generators import (
    aldous_broder,
    binary_tree,
    braided,
    depth_first,
    depth_first_percolation,
    eller,
    growing_tree,
    hunt_and_kill,
    kruskal,
    open_field,
    open_field_with_obstacle,
    percolation,
    prim,
    random_frontier,
    recursive_division,
    rooms_and_doors,
    serpentine,
    sidewinder,
    spiral,
    wilson,
)
from maze_interp.mazes.generators.declaration import CONNECTED, NEITHER, SPANNING_TREE, Generator, Knob

__all__ = ["CONNECTED", "GENERATORS", "NEITHER", "SPANNING_TREE", "Generator", "generate", "settle"]

GENERATORS: dict[str, Generator] = {
    module.GENERATOR.name: module.GENERATOR
    for module in (
        aldous_broder,
        binary_tree,
        braided,
        depth_first,
        depth_first_percolation,
        eller,
        growing_tree,
        hunt_and_kill,
        kruskal,
        open_field,
        open_field_with_obstacle,
        percolation,
        prim,
        random_frontier,
        recursive_division,
        rooms_and_doors,
        serpentine,
        sidewinder,
        spiral,
        wilson,
    )
}


def generate(
    name: str, count: int, rows: int, cols: int, *, seed: int, first: int = 0, threads: int = 1, **knobs: Any
) -> Bool[np.ndarray, "maze 2 row col"]:
    """Draw `count` mazes of one kind: bool[maze, 2, row, col], True where one can walk down or right.

    Maze i is a function of (seed, first + i), the lattice and the knobs alone, whatever the batch or the number of
    threads; knobs left out take the generator's defaults. Generators share their streams, so
    `depth_first_percolation` adds passages to the very tree `depth_first` draws. ValueError for bad input.
    """
    settled = settle(name, rows, cols, knobs)
    for what, value, least in (("count", count, 0), ("seed", seed, None), ("first", first, 0), ("threads", threads, 1)):
        _check_integer(what, value, least)
    passages = np.zeros((count, 2, rows, cols), dtype=bool)
    bounds = np.linspace(0, count, min(threads, max(count, 1)) + 1).astype(int)
    stream, fill = seeds.derive(seed, "passages"), GENERATORS[name].fill
    if threads == 1:
        fill(passages, stream, first, *settled.values())
        return passages
    with ThreadPoolExecutor(threads) as pool:
        jobs = [
            pool.submit(fill, passages[low:high], stream, first + int(low), *settled.values())
            for low, high in pairwise(bounds)
        ]
    for job in jobs:
        job.result()
    return passages


def settle(name: str, rows: int, cols: int, knobs: Mapping[str, Any]) -> dict[str, Knob]:
    """Every knob of the generator, the defaults filled in and checked; ValueError if it cannot run so."""
    if name not in GENERATORS:
        raise recipes.unknown("generator", name, GENERATORS)
    generator = GENERATORS[name]
    _check_integer("rows", rows, generator.minimum[0])
    _check_integer("cols", cols, generator.minimum[1])
    if rows * cols < 2:
        raise ValueError(f"a maze needs at least 2 cells, but the lattice is {rows} x {cols}")
    for knob, value in knobs.items():
        if knob not in generator.knobs:
            raise recipes.unknown(f"knob of {name}", knob, generator.knobs)
        _check_knob(generator, knob, value)
    settled = {knob: type(default)(knobs.get(knob, default)) for knob, default in generator.knobs.items()}
    generator.check(rows, cols, **settled)
    return settled


def _check_integer(what: str, value: Any, least: int | None) -> None:
    if not isinstance(value, Integral) or isinstance(value, bool):
        raise ValueError(f"{what} must be an integer, not {value!r}")
    if least is not None and value < least:
        raise ValueError(f"{what} must be at least {least}, not {value}")


def _check_knob(generator: Generator, knob: str, value: Any) -> None:
    kind = type(generator.knobs[knob])
    allowed: Any = {bool: (bool, np.bool_), int: Integral, float: Real}[kind]
    if not isinstance(value, allowed) or (kind is not bool and isinstance(value, bool)):
        raise ValueError(f"{knob} of {generator.name} must be a {kind.__name__}, not {value!r}")
    low, high = generator.limits.get(knob, (-np.inf, np.inf))
    if not low <= value <= high:
        raise ValueError(f"{knob} of {generator.name} must lie in [{low}, {high}], not {value}")
