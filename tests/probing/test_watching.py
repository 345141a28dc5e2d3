"""What is watched stands beside controls that know no more than they may, and a network sees no farther than itself."""

import numpy as np
import pytest

from maze_interp import mazes, probing
from maze_interp.mazes import NO_CELL, World
from maze_interp.probing import watching, wavefront
from maze_interp.probing.wavefront import CURRENT, START
from maze_interp.tokens import Tokenizer

WORLD = World("depth_first", 3, 3)


@pytest.fixture(scope="module")
def batches():
    return [mazes.take(WORLD, 70, seed=1, split=split)[0] for split in (mazes.TRAIN, mazes.VALIDATION, mazes.TEST)]


def test_a_network_gains_nothing_on_itself(batches, trained):
    said = []
    blind = trained.model(0)
    seen = probing.watch(blind, blind, batches, seed=2, progress=lambda *given: said.append(given))
    assert said[-1] == (420, 420)
    assert {one.place for one in seen} == {START, CURRENT}  # too few have forks
    for one in seen:
        assert one.layers == 2
        assert 50 <= one.mazes <= 70
        assert np.array_equal(one.scores[watching.MODEL], one.scores[watching.UNTRAINED])
        assert (one.gain(1) <= 1e-6).all()
        assert (one.radii(0.25) < 1e-5).all()


def test_the_next_step_tells_the_nearest_branch_and_the_bags_do_not(batches, trained):
    seen = probing.watch(trained.model(), trained.model(0), batches, seed=2)
    (branch,) = [one for one in seen if (one.place, one.fact, one.source) == (CURRENT, "branch", "current")]
    assert branch.control(watching.ANSWER, 0)[0, 0] > 0.8
    assert branch.control(watching.GLANCE, 0)[0, 0] < branch.control(watching.ANSWER, 0)[0, 0] - 0.05
    assert abs(branch.control(watching.SHUFFLED, 1)[0, 0] - 0.5) < 0.25


def test_the_way_is_the_path_behind():
    batch = mazes.take(World("depth_first", 4, 4), 20, seed=1, split=mazes.TEST)[0]
    asked, kinds = wavefront.places(Tokenizer(rows=4, cols=4), batch, seed=1)
    way = watching._way(asked).reshape(len(asked), watching.BACK, 16)
    for sample, (maze, step) in enumerate(zip(asked.maze, asked.step, strict=True)):
        behind = [asked.paths.cells[maze, step - back] if step >= back else NO_CELL for back in (1, 2, 3)]
        assert way[sample].sum(axis=1).tolist() == [float(cell != NO_CELL) for cell in behind]
        assert all(way[sample, back, cell] == 1 for back, cell in enumerate(behind) if cell != NO_CELL)
    assert not way[kinds[START]].any()


def test_a_probe_with_more_parameters_than_mazes_is_refused(batches, trained):
    few = [batch[:10] for batch in batches]
    with pytest.raises(ValueError, match="a probe of 'passage' has 33 parameters, but"):
        probing.watch(trained.model(), trained.model(0), few, seed=1)
