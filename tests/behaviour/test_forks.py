"""Decision points agree with their definition, spelled out cell by cell."""

import numpy as np
import pytest

from maze_interp import mazes
from maze_interp.behaviour import decision_points, neighbours
from maze_interp.behaviour.forks import leads_on

WORLDS = [mazes.World("depth_first", 5, 4, {}, 2), mazes.World("open_field", 3, 4, {}, 2)]


def ways_out(maze: mazes.MazeBatch, cell: int) -> set[int]:
    """The neighbours of a cell of a one-maze batch, from the passages' definition."""
    row, col = divmod(cell, maze.cols)
    down, right = maze.passages[0]
    found = {cell + maze.cols} if down[row, col] else set()
    found |= {cell + 1} if right[row, col] else set()
    found |= {cell - maze.cols} if row and down[row - 1, col] else set()
    return found | ({cell - 1} if col and right[row, col - 1] else set())


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.generator)
def test_decision_points_are_where_two_ways_lead_on(world):
    batch = mazes.draw(world, 30, seed=1)
    solutions = mazes.solve(batch, seed=1)
    points = decision_points(batch, solutions)
    for i in range(len(batch)):
        path = solutions.cells[i, : solutions.length[i]].tolist()
        for step, cell in enumerate(path[:-1]):
            onward = ways_out(batch[i : i + 1], cell) - set(path[step - 1 : step] if step else [])
            assert points[i, step] == (len(onward) >= 2)
        assert not points[i, len(path) - 1 :].any(), "the goal and the padding ask for no decision"


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.generator)
def test_leads_on_is_one_step_along_a_shortest_path(world):
    batch = mazes.draw(world, 10, seed=2)
    cells = world.rows * world.cols
    here, there = (grid.reshape(1, -1).repeat(10, axis=0) for grid in np.mgrid[-1 : cells + 1, -1 : cells + 1])
    right = leads_on(batch, here, there)
    for i in range(10):
        steps = mazes.distances(batch.passages[i : i + 1], batch.goal[i : i + 1])[0]
        good = {(a, b) for a in range(cells) for b in ways_out(batch[i : i + 1], a) if steps[b] < steps[a]}
        assert set(zip(here[i, right[i]].tolist(), there[i, right[i]].tolist(), strict=True)) == good


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.generator)
def test_neighbours(world):
    batch = mazes.draw(world, 10, seed=3)
    around = neighbours.connected(batch.passages)
    for i, cell in np.ndindex(around.shape[:2]):
        assert set(around[i, cell].tolist()) - {mazes.NO_CELL} == ways_out(batch[i : i + 1], cell)
    lattice = mazes.generate("open_field", 1, world.rows, world.cols, seed=0)
    np.testing.assert_array_equal(neighbours.adjacent(world.rows, world.cols), neighbours.connected(lattice)[0])
