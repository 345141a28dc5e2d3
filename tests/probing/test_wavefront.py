"""A planted wavefront is read with its radius and its law, and what is nowhere in the features has none."""

import numpy as np
import pytest

from maze_interp import mazes, probing
from maze_interp.mazes import World
from maze_interp.probing import growth, wavefront
from maze_interp.probing.wavefront import BRANCH, CURRENT, DISTANCE, FORK, PASSAGES, START
from maze_interp.tokens import Tokenizer

TOKENIZER = Tokenizer(rows=5, cols=5)
TARGETS = ("passage", "in_right_branch", "to_goal", "to_start", "to_current")


def asked(count: int, split: int):
    batch = mazes.take(World("depth_first", 5, 5), count, seed=3, split=split)[0]
    return wavefront.places(TOKENIZER, batch, seed=3)


@pytest.fixture(scope="module")
def samples():
    return [asked(count, split) for split, count in ((mazes.TRAIN, 500), (mazes.VALIDATION, 150), (mazes.TEST, 300))]


@pytest.fixture(scope="module")
def at_start(samples):
    parts = tuple(wavefront.only(one, kinds[START]) for one, kinds in samples)
    return probing.bench(parts, TARGETS, method="ridge", penalties=(1e-4, 1e-2, 1.0), seed=1)


def scored(on, fact, source, features):
    """The score at each distance of a probe on these features, and on resampled mazes."""
    outputs = probing.fit(on, features).predict(features[2])[:, : on.truth[2].outputs.shape[1]]
    return wavefront.resampled(wavefront.ranks(on, outputs, fact, source), seed=4, draws=200)


def planted(on, fact, source, reach, seed=0):
    """Features that mix what is true of the places up to `reach` steps away, and nothing of those beyond."""
    parts, rng = [], np.random.default_rng(seed)
    for one in on.asked:
        away = wavefront.steps_away(one, fact, source)
        value = probing.TARGETS[wavefront.target_of(fact, source)].values(one).astype(float)
        seen = np.where((away >= 0) & (away <= reach), np.nan_to_num(value) - 0.5, 0.0)
        parts.append(seen @ np.random.default_rng(7).normal(size=(seen.shape[1], 60)))
    return [part + 0.01 * rng.normal(size=part.shape) for part in parts]


@pytest.mark.parametrize(
    ("reaches", "law"),
    [
        ((1, 2, 4, 8), growth.DOUBLING),
        ((1, 2, 3, 4, 5), growth.ONE),
        ((0, 2, 4, 6, 8), growth.STEADY),
        ((3, 3, 3, 3), growth.NONE),
    ],
)
def test_a_planted_wavefront_is_measured_and_its_law_named(at_start, reaches, law):
    control = scored(at_start, PASSAGES, "goal", planted(at_start, PASSAGES, "goal", 0))
    gains = [
        wavefront.gained(scored(at_start, PASSAGES, "goal", planted(at_start, PASSAGES, "goal", reach)), [control])
        for reach in reaches
    ]
    radii = np.stack([wavefront.radius(gain, 0.5) for gain in gains], axis=1)
    assert radii[0] == pytest.approx(reaches, abs=0.5)
    assert growth.growth(radii, int(radii[0].argmax())).verdict == law


@pytest.mark.parametrize("fact", [PASSAGES, BRANCH, DISTANCE])
def test_features_that_tell_nothing_gain_nothing(at_start, fact):
    rng = np.random.default_rng(0)
    blind = [[rng.normal(size=(len(one), 30)) for one in at_start.asked] for _ in range(2)]
    model, control = (scored(at_start, fact, "start", features) for features in blind)
    assert wavefront.radius(wavefront.gained(model, [control]), 0.5)[0] < 0.5


def test_the_facts_themselves_score_1(at_start):
    test = at_start.asked[2]
    for fact in (PASSAGES, BRANCH, DISTANCE):
        truth = at_start.truth[2].outputs
        counts = wavefront.ranks(at_start, np.nan_to_num(truth), fact, "goal")
        assert counts.shape[0] == len(test.mazes)
        assert wavefront.areas(counts.sum(axis=0)) == pytest.approx(1.0, abs=0.02)
        assert (
            wavefront.areas(wavefront.ranks(at_start, -np.nan_to_num(truth), fact, "goal").sum(axis=0)) < 0.02
        ).all()


def test_steps_away_are_walked_by_hand():
    passages = np.zeros((1, 2, 2, 2), dtype=bool)
    passages[0, mazes.DOWN, 0, 1] = passages[0, mazes.RIGHT, :, 0] = True
    batch = mazes.MazeBatch(passages, np.array([0], np.int32), np.array([2], np.int32))
    one = probing.ask(Tokenizer(rows=2, cols=2), batch, "path_start", seed=0)
    assert wavefront.steps_away(one, DISTANCE, "start").tolist() == [[0, 1, 3, 2]]
    assert wavefront.steps_away(one, DISTANCE, "goal").tolist() == [[3, 2, 0, 1]]
    # down 0-2 (a wall), down 1-3, right 0-1, right 2-3
    assert wavefront.steps_away(one, PASSAGES, "start").tolist() == [[1, 2, 1, 3]]


def test_questions_are_about_one_distance_each(at_start):
    test = at_start.asked[2]
    for fact in (PASSAGES, BRANCH, DISTANCE):
        away = wavefront.steps_away(test, fact, "goal")
        for steps, (yes, no) in enumerate(wavefront.questions(test, fact, "goal"), start=1):
            assert not (yes & no).any()
            assert (away[yes] == steps).all()
            assert (away[no] > steps).all() if fact == DISTANCE else (away[no] == steps).all()
            assert len(np.unique(test.maze[yes.any(axis=1)])) >= wavefront.LEAST


def test_places_are_where_they_say(samples):
    one, kinds = samples[2]
    assert (np.diff(one.maze) >= 0).all()
    assert (one.tokens.cell[one.maze, one.position][kinds[START]] == mazes.NO_CELL).all()
    assert (np.bincount(one.maze[kinds[CURRENT]], minlength=len(one.mazes)) == 1).all()
    here = one.paths.cells[one.maze, one.step]
    assert mazes.forks(one.mazes.passages)[one.maze, here][kinds[FORK]].all()
    assert (one.step[kinds[FORK]] < one.paths.length[one.maze[kinds[FORK]]] - 1).all()
    assert (one.tokens.cell[one.maze, one.position] == here)[kinds[CURRENT] | kinds[FORK]].all()
    some = wavefront.only(one, kinds[FORK])
    assert set(some.maze) == set(range(len(some.mazes)))
    assert (some.mazes.goal[some.maze] == one.mazes.goal[one.maze[kinds[FORK]]]).all()


def test_areas_count_pairs():
    """Of 2 x 3 pairs a yes is above in 3 and beside in 1."""
    counts = np.array([[1.0, 1.0, 1.0], [1.0, 0.0, 1.0]])
    assert wavefront.areas(counts) == pytest.approx((0.5 + 2.5) / 6)
    assert wavefront.areas(np.zeros((2, 3))) == 0.5


def test_where_controls_leave_nothing_the_next_distance_counts():
    control = np.array([[0.99, 0.6, 0.99, 0.6, 0.995]])
    model = np.array([[0.98, 0.8, 0.99, 0.7, 0.99]])
    gain = wavefront.gained(model, [control, control - 0.1])
    assert gain == pytest.approx(np.array([[0.5, 0.5, 0.25, 0.25, 0.25]]))
    assert wavefront.gained(model, [np.ones_like(model)]) == pytest.approx(0.0)
    assert wavefront.radius(gain, 0.5) == pytest.approx([2.5])
    assert wavefront.radius(gain, 0.2) == pytest.approx([5.0])
    assert wavefront.radius(np.zeros((3, 0)), 0.5) == pytest.approx([0.0] * 3)


def test_what_is_no_fact_or_source_is_refused():
    with pytest.raises(ValueError, match="'passage'"):
        wavefront.target_of("passage", "goal")
    with pytest.raises(ValueError, match="'gaol'"):
        wavefront.target_of(PASSAGES, "gaol")
