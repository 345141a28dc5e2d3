"""The sequence task from end to end: on policies whose ways are known, and on networks that learned for a moment."""

from dataclasses import replace

import numpy as np
import pytest

from maze_interp import experiments, optimisation, recipes, seeds, sequences
from maze_interp.experiments import sequence_endings as endings
from maze_interp.experiments import (
    sequence_failures,
    sequence_optimisation,
    sequence_page,
    sequence_paired,
    sequence_predictions,
    sequence_results,
)
from maze_interp.experiments import sequence_identity as identity
from maze_interp.experiments import sequence_measured as measured
from maze_interp.experiments import sequence_measures as measures
from maze_interp.experiments.sequence_claims import AGREES, DISAGREES, OPEN
from maze_interp.experiments.sequence_measures import Actor, SelfEvaluation
from maze_interp.sequences import GOALS, Job, Pretraining, Reinforcement, Scale
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
ASKED = {"scale": "tiny", "repeats": 2, "histories": 60, "imagined": 20, "distances": 3, "counted": 400}


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
    return measured.measure(ground, planted(ground, skilled(0.88, 0.97)))


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
    spare = sequence_paired.spare(ground, found.actors)
    told = verdicts(sequence_predictions.on_optimisation(found, spare) + sequence_predictions.on_success(found))
    assert told.pop("all models optimise at least as much as the sequence itself") != DISAGREES  # of two repeats
    assert {words: verdict for words, verdict in told.items() if verdict != AGREES} == {}
    assert np.abs(found.own("excess_op")).max() < 0.06
    said = identity.identified(found)
    assert (said["nearest theory"] == found.task).all()
    region = said["p-values"] > 0.2  # of 8 known policies none can be ruled out at 0.9
    assert region[np.arange(30), found.task].mean() > 0.6
    assert region.sum() < 60
    few = identity.with_few(ground, found)
    assert few[0].value < few[-2].value > 0.95


def test_policies_that_take_one_good_outcome_lie_above_the_line(ground):
    """A negative control: they pursue more than their task, and no claim that theory predicts them survives."""
    found = measured.measure(ground, planted(ground, skilled(0.88, 0.97), prefer=dict.fromkeys(GOALS, (0,))))
    told = verdicts(sequence_predictions.on_optimisation(found, sequence_paired.spare(ground, found.actors)))
    assert told["the points lie very close to the theoretical line"] == DISAGREES
    assert (found.own("selectivity") > found.own("unflatness"))[found.goal == 6].all()
    said = identity.identified(found)
    assert (said["nearest theory"] == found.task).mean() < 0.9


def test_policies_without_skill_are_not_said_to_have_any(ground):
    actors = [
        Actor(size, goal, member, 8 + np.random.default_rng([goal, member, wide]).integers(0, 8, len(ground)))
        for wide, size in enumerate(("18k", "401k"))
        for goal in GOALS
        for member in range(3)
    ]
    found = measured.measure(ground, actors)
    told = verdicts(sequence_predictions.on_success(found) + sequence_predictions.on_impact(found))
    assert told["In all cases model performance is a lot better than chance"] != AGREES
    assert told["larger models have a higher impact"] != AGREES
    assert told["impact is at least the minimum that success implies"] == AGREES


def test_policies_are_compared_with_the_sequence_history_by_history(ground):
    """The sequence as a policy has exactly nothing to spare, on any repeat; a skilled policy has."""
    skilful = planted(ground, {("18k", 2): 0.9})[0]
    spare = sequence_paired.spare(ground, [Actor("18k", 2, 0, ground.own), skilful])
    assert spare.shape == (2, 2)
    assert (spare[0] == 0).all()
    assert (spare[1] > 0.3).all()
    plain = measures.estimate(ground, skilful.acts, GOALS[2]).op - measures.estimate(ground, ground.own, GOALS[2]).op
    assert spare[1].mean() == pytest.approx(plain, abs=0.02)


def evaluated(goal, member, op, imagined):
    any_one = optimisation.split_history(np.zeros((2, 2), int))
    one, other = (replace(any_one, op=value, imp=0.1) for value in (op, imagined))
    return SelfEvaluation(Actor("18k", goal, member, np.zeros(0, int)), one, other, 0.0)


def test_a_network_that_always_underestimated_itself_is_no_evidence_about_optimisation():
    """The gap of 0.15 nats is there before reinforcement: nothing is claimed. Where it opens by it, all is."""
    rng = np.random.default_rng(0)
    before = [evaluated(0, member, 0.0, -0.15 + 0.01 * rng.normal()) for member in range(5)]
    op = np.array([strength + 0.02 * rng.normal() for strength in (1.0, 0.3, 0.1) for _ in range(5)])
    who = [(goal, member) for goal in GOALS for member in range(5)]
    for slope, expected in ((0.0, OPEN), (-0.3, AGREES), (0.3, DISAGREES)):
        noise = 0.01 * rng.normal(size=15)
        after = [evaluated(*w, x, x - 0.15 + slope * x + e) for w, x, e in zip(who, op, noise, strict=True)]
        told = verdicts(sequence_predictions.on_self_evaluation(before, after, op))
        assert told["self-evaluation underestimates when optimisation is strong"] == expected
        assert told["the more heavily a model optimises the more it underestimates"] == expected


def test_networks_that_are_the_same_end_the_same(settings, ground):
    """All endings are of the same histories, so two jobs that left one ensemble differ in nothing, whatever else."""
    study = sequences.study(TINY, settings.folder)
    one = study.trained[Job("18k", "finetuned", 4)]
    twice = {Job("18k", phase, 4): one for phase in ("finetuned", "failures", "unmaintained")}
    copied = sequences.Study(study.folder, TINY)
    vars(copied)["trained"] = twice
    ended = endings.endings(copied, ground, seed=3)
    for measure in ("even", "odd", "success", "illegal", "maintenance", "op", "imp"):
        same = ended.of("finetuned", measure, 4)["18k"]
        assert np.array_equal(ended.of("failures", measure, 4)["18k"], same, equal_nan=True)
    assert set(verdicts(sequence_predictions.on_training(ended, 4)).values()) == {OPEN}


def test_what_training_did_is_found_where_it_did_something():
    change, usual = {"success": -0.2, "maintenance": 0.3}, {"success": 0.8, "maintenance": 0.5}
    noise = 0.01 * np.random.default_rng(0).normal(size=(3, 5))
    values = {Job("53k", "pretrained"): {"held_out": 0.3 + noise[0]}, Job("401k", "pretrained"): {"held_out": noise[1]}}
    values |= {Job("53k", "finetuned", 4): {name: value + noise[1] for name, value in usual.items()}}
    values |= {
        Job("53k", phase, 4): {name: value + change[name] + noise[2] for name, value in usual.items()}
        for phase in ("failures", "unmaintained")
    }
    told = verdicts(sequence_predictions.on_training(endings.Endings(values), 4))
    assert told.pop("pretraining loss increases over the last model sizes (fresh data)") == DISAGREES
    assert set(told.values()) == {AGREES}
    assert len(told) == 3


def test_acts_further_back_are_said_to_differ_from_random_ones_only_where_they_do(ground):
    """Other random acts differ nowhere; policies that keep what they do at once for one outcome more do there."""
    rng = np.random.default_rng(1)
    control, *others = (sequence_results.positions(ground, rng.integers(8, 16, len(ground)), 2) for _ in range(5))
    who = [Actor(size, 2, member, ground.own) for size in ("18k", "401k") for member in range(2)]
    assert "Nowhere later do they surely differ" in sequence_page.later(who, others, control)
    skilful = planted(ground, {("18k", 2): 0.9})[:4]
    far = [sequence_results.positions(ground, one.acts, 2) for one in skilful]
    kept = [[one[0], one[0], *one[2:]] for one in far]
    assert "surely differs from it 3 elements after the act" in sequence_page.later(skilful, kept, control)


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
        one = measures.graded(ground, actor, "a goal")
        assert one.plain >= one.least - 1e-9 > 0
        assert one.imp < one.plain
        assert one.utility > one.split_utility


def test_far_from_the_act_only_its_variety_is_left(ground):
    """Seventeen elements on the act leaves the product, and with the last element tells most of the next: a random act
    has Op = -I(A;F) there and none in between, where a constant act has none anywhere."""
    random, constant = np.random.default_rng(0).integers(8, 16, len(ground)), np.full(len(ground), 12)
    op = [measures.pooled(ground, random, (0, 4), distance).op for distance in range(9)]
    assert op[8] < -0.15
    assert max(map(abs, op[:8])) < 0.06
    assert [measures.pooled(ground, constant, (0, 4), distance).op for distance in range(9)] == [0.0] * 9


def test_everything_is_found_and_written(found, settings, tmp_path):
    written = experiments.write(found, tmp_path / "out", settings)
    assert recipes.load(sequence_optimisation.Settings, written / "settings.toml") == settings
    assert list(experiments.read(written).sentences) == list(found.sentences)
    assert found.numbers["policies"] == 12
    assert len(found.tables["claims"]) >= 25
    assert sum(sentence.startswith("\u201c") for sentence in found.sentences) == len(found.tables["claims"])
    assert any(sentence.startswith(f"Of {len(found.tables['claims'])} claims") for sentence in found.sentences)
    tested = [row for row in found.tables["claims"] if row.what["p"] != "nan"]
    assert all(float(row.what["p (Holm)"]) >= float(row.what["p"]) for row in tested)
    ended = {row.what["training"] for row in found.tables["reinforcement"] if row.measure == "op"}
    assert ended == {"finetuned", *sequences.VARIANTS}
    assert {"frequencies", "ladder"} <= set(found.tables)
    assert {"acts at random", "networks before reinforcement"} == {
        name.removeprefix("verdict on ") for name in found.tables["claims"][0].what if name.startswith("verdict on ")
    }
    assert {row.what["trained"] for row in found.tables["graded_utility"]} >= {"the graded reward", "pretrained only"}
    assert [row.what["rate of failures"] for row in found.tables["failures"]] == 2 * list(sequences.FAILURES)
    assert {"runs_fixed", "runs_maintenance", "op_by_score_on_goal_2"} <= set(found.figures)


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
    with pytest.raises(ValueError, match="imagined histories are 2 to 38, lest none be left, not 39"):
        sequence_optimisation.Settings(repeats=2, histories=20, imagined=39)
    for asked, complaint in (
        ({"scale": "smal"}, "did you mean 'small'"),
        ({"kind": "prodct"}, "did you mean 'product'"),
        ({"correction": "miller"}, "unknown correction 'miller'.*allowed: plug_in, miller_madow"),
        ({"pseudo_count": -1.0}, "a pseudo-count is not negative"),
    ):
        with pytest.raises(ValueError, match=complaint):
            sequence_optimisation.Settings(**asked)


def test_every_setting_of_the_measurement_has_its_effect(settings, ground):
    """Correction raises entropies by the stated amount, a pseudo-count evens out the rows, legal acts are 8..15, and
    a kind changes both what is learned and what follows."""
    actor = planted(ground, {("18k", 4): 0.9})[0]
    plain, corrected, smooth = (
        measures.pooled(replace(ground, asked=asked), actor.acts, GOALS[4])
        for asked in ({}, {"correction": "miller_madow"}, {"pseudo_count": 5.0})
    )
    assert corrected.plug_in["entropy_factual"] - plain.plug_in["entropy_factual"] == pytest.approx(7 / 1200)
    assert smooth.plug_in["q"] == pytest.approx((600 * plain.plug_in["q"] + 4 * 5) / (600 + 8 * 5))
    assert smooth.imp != plain.imp
    study = sequences.study(TINY, settings.folder)
    free, legal = (measures.actors(study.finetuned, ground.contexts, legal=legal) for legal in (False, True))
    assert any((one.acts < 8).any() for one in free)
    assert all((one.acts >= 8).all() for one in legal)
    other = sequence_optimisation.scale_of(replace(settings, kind="sum"))
    assert (other.pretraining.kind, other.reinforcement.kind) == ("sum", "sum")
    with pytest.raises(ValueError, match="holds another study"):
        sequence_optimisation.run(replace(settings, kind="sum"))
    of_sums = measures.ground(sequences.Study(study.folder, other), 2, 300, 1, seed=1)
    assert (of_sums.table != ground.table).mean() > 0.5


def test_failures_are_said_to_hurt_at_the_rates_at_which_they_do():
    rng = np.random.default_rng(0)
    usual = {"success": 0.8 + 0.02 * rng.normal(size=5), "maintenance": 0.5 + 0.02 * rng.normal(size=5)}
    harm = dict(zip(sequences.FAILURES, (0.0, 0.0, 0.1, 0.3), strict=True))
    values = {Job("53k", "finetuned", 4): usual}
    for rate, phase in sequences.FAILURES.items():
        values[Job("53k", phase, 4)] = {
            "success": usual["success"] - harm[rate] + 0.01 * rng.normal(size=5),
            "maintenance": usual["maintenance"] + 0.01 * rng.normal(size=5),
        }
    table = sequence_failures.rows(endings.Endings(values), 4)
    said = sequence_failures.sentence(table)
    assert "surely at 0.3, 1;" in said
    assert "at no rate surely (Bonferroni" in said
    assert sequence_failures.sentence([]) == ""
