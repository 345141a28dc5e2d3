"""What a generator's mazes look like, measured: the numbers its docstring states are pinned, and are its own.

Shares of cells that are forks and dead ends, and the mean number of cells of a solution between uniformly drawn
different cells, at 6 x 6 and with the default knobs. The numbers come from a million mazes or more; 20,000 are held
against them. A correct generator is refused with probability below 2e-6 per number.
"""

import inspect
from functools import cache

import numpy as np
import pytest

from maze_interp import mazes
from tests import laws

COUNT = 20_000
BIAS: dict[str, tuple[float, float, float]] = {  # share of forks, share of dead ends, cells of a solution
    "aldous_broder": (0.225, 0.304, 8.32),
    "binary_tree": (0.222, 0.278, 8.18),
    "braided": (0.154, 0.073, 8.94),
    "depth_first": (0.094, 0.150, 11.07),
    "depth_first_percolation": (0.196, 0.120, 8.74),
    "eller": (0.221, 0.299, 8.30),
    "growing_tree": (0.210, 0.285, 8.29),
    "hunt_and_kill": (0.085, 0.141, 10.80),
    "kruskal": (0.233, 0.316, 8.02),
    "open_field": (0.889, 0.000, 5.00),
    "open_field_with_obstacle": (0.549, 0.014, 5.24),
    "percolation": (0.108, 0.399, 4.45),
    "prim": (0.233, 0.316, 8.02),
    "random_frontier": (0.250, 0.347, 7.31),
    "recursive_division": (0.218, 0.295, 8.41),
    "rooms_and_doors": (0.404, 0.000, 7.55),
    "serpentine": (0.000, 0.056, 13.33),
    "sidewinder": (0.218, 0.289, 8.34),
    "spiral": (0.000, 0.056, 13.33),
    "wilson": (0.225, 0.304, 8.32),
}
ROUNDING = np.array([0.0005, 0.0005, 0.005])
UNIFORM = [name for name, generator in mazes.GENERATORS.items() if generator.uniform]


@cache
def measured(name: str) -> tuple[np.ndarray, np.ndarray]:
    """The three numbers of a sample, and their standard errors."""
    batch = mazes.draw(mazes.World(name), COUNT, seed=17)
    forks, dead_ends = mazes.forks(batch.passages).mean(axis=1), mazes.dead_ends(batch.passages).mean(axis=1)
    each = np.stack([forks, dead_ends, mazes.solve(batch).length])
    return each.mean(axis=1), each.std(axis=1) / np.sqrt(COUNT)


@pytest.mark.parametrize("name", BIAS)
def test_the_bias_is_as_stated(name: str) -> None:
    numbers, errors = measured(name)
    assert (abs(numbers - BIAS[name]) < 5 * errors + ROUNDING).all()


@pytest.mark.parametrize("name", BIAS)
def test_the_docstring_states_the_bias(name: str) -> None:
    forks, dead_ends, length = BIAS[name]
    text = inspect.getmodule(mazes.GENERATORS[name].fill.py_func).__doc__
    assert f"At 6 x 6: {forks:.1%} forks, {dead_ends:.1%} dead ends, {length:.2f} cells to a solution" in text


def test_every_generator_is_in_the_table() -> None:
    assert set(BIAS) == set(mazes.GENERATORS)


@pytest.mark.parametrize("name", [name for name in BIAS if name not in UNIFORM])
def test_only_uniform_generators_look_uniform(name: str) -> None:
    """Some number of every other generator is ten standard errors away from Wilson's."""
    numbers, errors = measured(name)
    assert (abs(numbers - BIAS["wilson"]) > 10 * errors + ROUNDING).any()


def test_uniform_trees_have_the_dead_ends_that_kirchhoff_counts() -> None:
    exact = laws.uniform_dead_ends(6, 6)
    assert exact == pytest.approx(BIAS["wilson"][1], abs=ROUNDING[1])
    for name in UNIFORM:
        numbers, errors = measured(name)
        assert abs(numbers[1] - exact) < 5 * errors[1]
