"""What is watched stands beside controls that know no more than they may, and a network sees no farther than itself."""

import numpy as np
import pytest

from maze_interp import mazes, probing
from maze_interp.mazes import NO_CELL, World
from maze_interp.probing import glances, watching, wavefront
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
        assert set(one.scores) == set(one.unseen) == {watching.MODEL, *watching.INPUT, glances.ANSWER}
        assert one.fits == 2 * 2 + len(watching.INPUT) - 2 + 1
        assert 0 <= one.ends <= one.fits
        assert (one.gain(1) <= 1e-6).all()
        assert (one.radii(0.25) < 1e-5).all()


def test_the_next_step_tells_the_nearest_branch_and_the_bags_do_not(batches, trained):
    seen = probing.watch(trained.model(), trained.model(0), batches, seed=2)
    (branch,) = [one for one in seen if (one.place, one.fact, one.source) == (CURRENT, "branch", "current")]
    assert branch.control(glances.ANSWER, 0)[0, 0] > 0.8
    assert branch.control(glances.GLANCE, 0)[0, 0] < branch.control(glances.ANSWER, 0)[0, 0] - 0.05
    mixed = branch.control(watching.SHUFFLED, 1)[:, 0]
    low, high = np.quantile(mixed[1:], [0.001, 0.999])
    assert low < 0.5 < high < branch.control(glances.ANSWER, 0)[0, 0]


def test_there_are_draws_beyond_the_ends_of_the_corrected_intervals(batches, trained):
    seen = probing.watch(trained.model(0), trained.model(0), batches, seed=2)
    tail = (1 - watching.level(len(seen))) / 2
    for one in seen:
        assert tail * (one.scores[watching.MODEL].shape[1] - 1) >= 9.9


def test_bags_that_name_edges_control_all_but_passages(batches, trained):
    seen = probing.watch(trained.model(0), trained.model(0), batches, seed=2)
    for one in seen:
        assert (set(watching.INPUT) - set(one.controls)) == (
            set(glances.NAMING) if one.fact == wavefront.PASSAGES else set()
        )
        if one.fact == wavefront.PASSAGES:
            assert one.control(glances.EDGES, 0)[0] == pytest.approx(1.0, abs=0.03)


def test_the_offset_and_the_pair_tell_where_the_goal_lies():
    """Of 4 x 4 cells there are 49 offsets and 256 pairs; each sample has one of each, and offsets follow from pairs."""
    batch = mazes.take(World("depth_first", 4, 4), 30, seed=1, split=mazes.TEST)[0]
    asked, _ = wavefront.places(Tokenizer(rows=4, cols=4), batch, seed=1)
    offset, pair = glances._offset(asked), glances._pair(asked)
    assert (offset.shape[1], pair.shape[1]) == (49, 256)
    assert (offset.sum(axis=1) == 1).all()
    assert (pair.sum(axis=1) == 1).all()
    goal, here = (wavefront.SOURCES[name](asked) for name in ("goal", "current"))
    assert (pair.argmax(axis=1) == goal * 16 + here).all()
    for sample, place in enumerate(offset.argmax(axis=1)):
        down, right = goal[sample] // 4 - here[sample] // 4, goal[sample] % 4 - here[sample] % 4
        assert divmod(place, 7) == (down + 3, right + 3)


def test_a_radius_is_of_the_layer_that_other_mazes_choose():
    near, far = np.array([[0.9, 0.5, 0.5]]), np.array([[0.9, 0.9, 0.9]])
    scores = {watching.MODEL: np.stack([far, near]), **dict.fromkeys(watching.INPUT, near[None] * 0 + 0.5)}
    unseen = {**scores, watching.MODEL: np.stack([near, far])}
    one = watching.Watched(CURRENT, "branch", "goal", scores, 9, unseen)
    assert one.top(0.25) == 1
    assert one.radii(0.25)[0].argmax() == 0


def test_the_way_is_the_path_behind():
    batch = mazes.take(World("depth_first", 4, 4), 20, seed=1, split=mazes.TEST)[0]
    asked, kinds = wavefront.places(Tokenizer(rows=4, cols=4), batch, seed=1)
    way = glances._way(asked).reshape(len(asked), glances.BACK, 16)
    for sample, (maze, step) in enumerate(zip(asked.maze, asked.step, strict=True)):
        behind = [asked.paths.cells[maze, step - back] if step >= back else NO_CELL for back in (1, 2, 3)]
        assert way[sample].sum(axis=1).tolist() == [float(cell != NO_CELL) for cell in behind]
        assert all(way[sample, back, cell] == 1 for back, cell in enumerate(behind) if cell != NO_CELL)
    assert not way[kinds[START]].any()


def test_a_probe_with_more_parameters_than_mazes_is_refused(batches, trained):
    few = [batch[:10] for batch in batches]
    with pytest.raises(ValueError, match="a probe of 'passage' has 33 parameters, but"):
        probing.watch(trained.model(), trained.model(0), few, seed=1)
