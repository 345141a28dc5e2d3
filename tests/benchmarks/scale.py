"""What a maze costs as its lattice grows, from 5 x 5 to 64 x 64: time and memory, and the power of cells they follow.

Time is the least of a few turns, on one core for data, on all for networks, which stop where they take too long. The
slope of its logarithm on the logarithm of the cells is a power: 1 is linear. Its interval is of a line through these
sizes, so it is wide where the points bend, as attention's do: linear at first and square in the end.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import networks
import numpy as np
import torch
from contest import timed
from networks import MODEL, THREADS
from scipy import stats

from maze_interp import mazes, models, tokens, training
from maze_interp.mazes import World
from maze_interp.models import cores
from maze_interp.training import costs

SIZES, LARGEST = (5, 8, 12, 16, 24, 32, 48, 64), 32  # rows; the largest that networks read
CELLS = 1_000_000  # that are drawn at each size
TURNS = 3


@dataclass(frozen=True)
class Size:
    """One lattice: its rows, and what one of its mazes costs by name (nan where it was not measured)."""

    rows: int
    costs: dict[str, float]


def table(quick: bool) -> list[str]:
    """The table in Markdown: a line for each lattice, and one of slopes."""
    sizes = [measured(rows, quick) for rows in (SIZES[:3] if quick else SIZES)]
    names = list(sizes[0].costs)
    lines = ["| RDFS lattice | " + " | ".join(names) + " |", "|---|" + "---:|" * len(names)]
    for size in sizes:
        told = ["" if np.isnan(size.costs[name]) else f"{size.costs[name]:,.4g}" for name in names]
        lines.append(f"| {size.rows} x {size.rows} | " + " | ".join(told) + " |")
    slopes = [slope(sizes, name) for name in names]
    told = [f"{value:.2f} ({low:.2f} to {high:.2f})" for value, low, high in slopes]
    return [*lines, "| grows as cells to the power | " + " | ".join(told) + " |"]


def measured(rows: int, quick: bool) -> Size:
    """All that is measured of one lattice."""
    read = data(rows, CELLS // (10 if quick else 1))
    return Size(rows, {**read, **(network(rows) if rows <= LARGEST else dict.fromkeys(NETWORK, np.nan))})


def data(rows: int, cells: int) -> dict[str, float]:
    """Microseconds a maze to generate, solve and write, its tokens, and the bytes that it takes in memory."""
    count = max(cells // rows**2, 8)
    world, tokenizer = World(rows=rows, cols=rows), tokens.Tokenizer("adjacency_list", rows, rows)
    drawn = mazes.draw(world, count, seed=1)
    solutions = mazes.solve(drawn)
    written = tokenizer.encode(drawn, solutions, seed=2)
    works: dict[str, Callable[[], object]] = {
        "generate, us": lambda: mazes.draw(world, count, seed=1),
        "solve, us": lambda: mazes.solve(drawn),
        "tokenise, us": lambda: tokenizer.encode(drawn, solutions, seed=2),
    }
    held = [drawn.passages, drawn.start, drawn.goal]
    text = [written.ids, written.part, written.cell, written.graded, written.length]
    return {
        **{name: 1e6 * least(work) / count for name, work in works.items()},
        "tokens": float(written.length.mean()),
        "maze, bytes": sum(array.nbytes for array in held) / count,
        "path, bytes": (solutions.cells.nbytes + solutions.length.nbytes + solutions.ended.nbytes) / count,
        "as tokens, bytes": sum(array.nbytes for array in text) / count,
    }


NETWORK = ("rollout, ms", "training step, ms", "its operations, GFLOP (computed)", "its activations, MiB (computed)")


def network(rows: int) -> dict[str, float]:
    """Milliseconds a maze to walk (12 tokens) and to learn from (one path), and, by `training.costs`, what a step
    needs of the machine."""
    count = 2 * THREADS
    shape = replace(MODEL, rows=rows, cols=rows, positions="rotary")
    world = World(rows=rows, cols=rows)
    recipe = training.TrainingRecipe(
        world=world, model=shape, mazes_per_step=count, paths_per_maze=1, threads=THREADS, dtype="float32", steps=1
    )
    model, batch = models.build(shape, seed=0), next(training.batches(recipe))
    prompts = shape.tokenizer.encode_prompts(mazes.draw(world, count, seed=0), seed=0)
    with cores.workers(THREADS) as pool:
        spent = least(networks.own_step(batch, recipe, pool, model))
    torch.set_num_threads(THREADS)
    walked = least(networks.own_rollouts(model, prompts, 12))
    one = costs.reading(recipe, batch)
    needs = costs.step_flops(shape, one) / 1e9, costs.activations(recipe, one) / 2**20
    measured_ = (1e3 * walked, 1e3 * spent, *needs)
    return {name: number / count for name, number in zip(NETWORK, measured_, strict=True)}


def least(work: Callable[[], object]) -> float:
    """Seconds: the least of a few turns."""
    return min(timed(work)() for _ in range(TURNS))


def slope(sizes: list[Size], name: str) -> tuple[float, float, float]:
    """(power, low, high) of the cells with which a cost grows: least squares of logarithms, with its 95% interval."""
    points = [(size.rows**2, size.costs[name]) for size in sizes if not np.isnan(size.costs[name])]
    cells, values = np.log(np.array(points)).T
    line = stats.linregress(cells, values)
    half = stats.t.ppf(0.975, len(points) - 2) * line.stderr
    return line.slope, line.slope - half, line.slope + half
