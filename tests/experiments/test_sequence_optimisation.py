"""The sequence task from end to end: on policies whose ways are known, and on networks that learned for a moment."""

import json
from dataclasses import replace

import numpy as np
import pytest

from maze_interp import experiments, optimisation, recipes, seeds, sequences
from maze_interp.experiments import sequence_identity as identity
from maze_interp.experiments import sequence_measures as measures
from maze_interp.experiments import sequence_optimisation, sequence_predictions
from maze_interp.experiments.sequence_claims import AGREES, DISAGREES
from maze_interp.experiments.sequence_measures import Actor
from maze_interp.sequences import GOALS, Pretraining, Reinforcement, Scale
from maze_interp.sequences.jobs import SCALES

TINY = Scale(
    sizes=("18k", "53k"),
    members=2,
    pretraining=Pretraining(steps=6, batch=16, held_out=40, every=3),
    reinforcement=Reinforcement(steps=4, batch=16, held_out=40, every=2),
    repeated=("18k",),
    fixed=64,
    varied=("18k",),
)
ASKED = {"scale": "tiny", "repeats": 2, "histories": 60, "imagined": 20, "distances": 3}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return str(tmp_path_factory.mktemp("sequences") / "study")


@pytest.fixture(scope="module")
def settings(folder):
    SCALES["tiny"] = TINY
    yield sequence_optimisation.Settings(folder=folder, **ASKED)
    del SCALES["tiny"]


@pytest.fixture(scope="module")
def found(settings):
    return sequence_optimisation.run(settings)


@pytest.fixture(scope="module")
def ground(settings):
    return measures.ground(sequences.study(TINY, settings.folder), 2, 300, 9, seed=1)


def planted(ground, skills, prefer=None):
    """Policies that succeed with probability skills[size, goal], by any good act; with `prefer` by those outcomes."""
    actors, rng = [], np.random.default_rng(0)
    for (size, goal), skill in skills.items():
        wanted = np.isin(ground.table[8:], GOALS[goal] if prefer is None else prefer[goal])
        for member in range(5):
            right = np.where(rng.random(len(ground)) < skill, wanted, ~np.isin(ground.table[8:], GOALS[goal]))
            right[:, ~right.any(axis=0)] = True
            acts = 8 + (rng.random(right.shape) * right).argmax(axis=0)
            actors.append(Actor(size, goal, member, acts))
    return actors


def skilled(small, large):
    return {(size, goal): skill for goal in GOALS for size, skill in (("18k", small), ("401k", large))}


@pytest.fixture(scope="module")
def ideal(ground):
    return measures.measure(ground, planted(ground, skilled(0.88, 0.97)))


def verdicts(claims):
    return {claim.words: claim.verdict for claim in claims}


def test_ground_is_what_the_recurrence_answers(ground):
    contexts = ground.contexts
    draws = seeds.uniforms(seeds.derive(1, "chance"), len(contexts), 18)
    assert (ground.later[0] == ground.table).all()
    assert (ground.table == sequences.follow(contexts, np.arange(16)[:, None], draws[:, 0])).all()
    acted = np.concatenate([contexts, np.full((len(contexts), 1), 11)], axis=1)
    longer = sequences.extend(acted, draws[:, :17], odd=False)
    for distance in range(9):
        assert (ground.later[distance][11] == longer[:, 21 + 2 * distance]).all()
    assert (ground.own >= 8).all()


def test_ideal_policies_lie_on_the_line_and_are_told_apart(ground, ideal):
    """Those that pursue their goal and nothing else: every claim about theory holds, larger being better."""
    found = ideal
    told = verdicts(sequence_predictions.on_optimisation(found, 0.0) + sequence_predictions.on_success(found))
    assert {words: verdict for words, verdict in told.items() if verdict != AGREES} == {}
    assert np.abs(found.own("excess_op")).max() < 0.06
    said = identity.identified(found)
    assert (said["nearest theory"] == found.task).all()
    region = optimisation.region(said["p-values"], 0.8)  # of 8 known policies none can be ruled out at 0.9
    assert region[np.arange(30), found.task].mean() > 0.6
    assert region.sum() < 60
    few = identity.with_few(ground, found)
    assert few[0].value < few[-2].value > 0.95


def test_policies_that_take_one_good_outcome_lie_above_the_line(ground):
    """A negative control: they pursue more than their task, and no claim that theory predicts them survives."""
    found = measures.measure(ground, planted(ground, skilled(0.88, 0.97), prefer=dict.fromkeys(GOALS, (0,))))
    told = verdicts(sequence_predictions.on_optimisation(found, 0.0))
    assert told["the points lie very close to the theoretical line"] == DISAGREES
    assert (found.own("selectivity") > found.own("unflatness"))[found.goal == 6].all()
    said = identity.identified(found)
    assert (said["nearest theory"] == found.task).mean() < 0.9


def test_policies_without_skill_are_not_said_to_have_any(ground):
    actors = [
        Actor(size, goal, member, 8 + np.random.default_rng(member).integers(0, 8, len(ground)))
        for size in ("18k", "401k")
        for goal in GOALS
        for member in range(3)
    ]
    found = measures.measure(ground, actors)
    told = verdicts(sequence_predictions.on_success(found) + sequence_predictions.on_impact(found))
    assert told["In all cases model performance is a lot better than chance"] != AGREES
    assert told["larger models have a higher impact"] != AGREES
    assert told["impact is at least the minimum that success implies"] == AGREES


def test_comparison_worlds_are_policies_compared_on_the_same_histories(ground):
    actor = planted(ground, {("18k", 4): 0.9})[0]
    others = {"untrained": np.full(len(ground), 9), "pretrained": actor.acts}
    found = measures.worlds(ground, actor, others)
    assert tuple(found) == measures.WORLDS
    assert (found["pretrained"].op, found["pretrained"].imp) == (pytest.approx(0), pytest.approx(0))
    assert found["untrained"].q == np.isin(ground.table[9], GOALS[4]).mean()
    assert found["random act"].q == pytest.approx(np.isin(ground.table[8:], GOALS[4]).mean())
    assert found["do nothing"].op > 0.2


def test_a_graded_utility_bounds_impact_from_below(ground, ideal):
    for actor in ideal.actors[::5]:
        one = measures.graded(ground, actor)
        assert one.imp >= one.least - 1e-9 > 0
        assert one.utility > one.split_utility


def test_far_from_the_act_only_its_variety_is_left(ground):
    """Seventeen elements on the act leaves the product, and with the last element tells most of the next: a random act
    has Op = -I(A;F) there and none in between, where a constant act has none anywhere."""
    random, constant = np.random.default_rng(0).integers(8, 16, len(ground)), np.full(len(ground), 12)
    op = [measures.pooled(ground, random, (0, 4), distance).op for distance in range(9)]
    assert op[8] < -0.15
    assert max(map(abs, op[:8])) < 0.06
    assert [measures.pooled(ground, constant, (0, 4), distance).op for distance in range(9)] == [0.0] * 9


def test_everything_is_found_written_and_found_again_without_training(found, settings, tmp_path):
    again = sequence_optimisation.run(settings)
    assert again.sentences == found.sentences
    assert json.dumps(dict(again.numbers)) == json.dumps(dict(found.numbers))
    written = experiments.write(found, tmp_path / "out", settings)
    assert recipes.load(sequence_optimisation.Settings, written / "settings.toml") == settings
    assert list(experiments.read(written).sentences) == list(found.sentences)
    assert found.numbers["policies"] == 12
    assert {row.what["verdict"] for row in found.tables["claims"]} <= {AGREES, DISAGREES, "undecided"}
    assert len(found.figures) > 25


def test_a_study_without_variants_or_with_one_size_still_says_what_it_can(settings, tmp_path):
    SCALES["least"] = replace(TINY, sizes=("18k",), repeated=(), varied=(), goals=(2, 4))
    least = replace(settings, scale="least", folder=str(tmp_path / "least"), distances=1)
    found = sequence_optimisation.run(least)
    del SCALES["least"]
    assert not any("failures" in words for words in found.numbers)
    assert found.numbers["policies"] == 4


def test_settings_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="at least 1, and histories at least 2"):
        sequence_optimisation.Settings(histories=1)
    with pytest.raises(ValueError, match="imagined histories are 2 to 40, not 50"):
        sequence_optimisation.Settings(repeats=2, histories=20, imagined=50)
    with pytest.raises(ValueError, match="did you mean 'small'"):
        sequence_optimisation.run(sequence_optimisation.Settings(scale="smal"))
