"""The sequence task as policies and an environment, and what is missing of their measures."""

import numpy as np
import pytest

from maze_interp import optimisation, seeds, sequences
from maze_interp.experiments import sequence_measured as measured
from maze_interp.experiments import sequence_measures as measures
from maze_interp.experiments import sequence_predictions, sequence_world
from maze_interp.experiments.sequence_claims import AGREES
from maze_interp.experiments.sequence_measures import Actor, Ground
from maze_interp.optimisation import Environment, Policy
from maze_interp.sequences import GOALS

RULE = {"kind": "product", "noise": 0.02}


@pytest.fixture(scope="module")
def ground():
    contexts = sequences.histories(2000, seed=5, **RULE)
    follows = sequence_world.environment(RULE)
    table = np.stack([follows(contexts, np.full(2000, act), seed=7) for act in range(measures.ACTS)])
    return Ground(contexts, table, np.full(2000, 8), (table,), 10)


def test_networks_and_the_recurrence_are_a_policy_and_an_environment(ground):
    ensemble = sequences.build(sequences.SIZES["18k"], 2, seed=0)
    network, follows = sequence_world.policy(ensemble, 1), sequence_world.environment(RULE)
    assert isinstance(network, Policy)
    assert isinstance(follows, Environment)
    world = optimisation.enact(network, follows, ground.contexts[:50], outcomes=measures.K, seed=7)
    acts = sequences.act(ensemble, ground.contexts[:50], legal=False)[1]
    assert (world.matrix() == ground.table[acts, :50]).all()


def test_outcomes_further_on_are_the_recurrence_going_on_by_itself(ground):
    draws = seeds.uniforms(7, 2000, 5)
    acted = np.concatenate([ground.contexts, np.full((2000, 1), 11)], axis=1)
    longer = sequences.extend(acted, draws, odd=False, **RULE)
    assert (sequence_world.environment(RULE, 2)(ground.contexts, np.full(2000, 11), seed=7) == longer[:, 25]).all()
    assert (ground.table[11] == longer[:, 21]).all()


def test_what_is_missing_is_said_of_whom_and_why(ground):
    """A policy that always succeeds beside a world that always does: no least impact, and a reason."""
    always = Ground(ground.contexts, np.zeros_like(ground.table), ground.own, ground.later, 10)
    rows = measured.missing(measured.measure(always, [Actor("18k", 2, 0, ground.own)]))
    assert {row.measure for row in rows} == {"impact_ratio"}
    assert {row.what["task"] for row in rows} == set(GOALS)
    assert all("success is the same" in row.what["reason"] for row in rows)


def rescaling(ground, p, goal, rng):
    """Acts that succeed with probability p and are otherwise indifferent between outcomes."""
    right, good = rng.random(len(ground)) < p, np.isin(np.arange(measures.K), GOALS[goal])
    wanted = np.where(
        right, rng.choice(np.flatnonzero(good), len(ground)), rng.choice(np.flatnonzero(~good), len(ground))
    )
    return ((ground.table == wanted) + 0.5 * rng.random(ground.table.shape)).argmax(axis=0)


def test_policies_that_only_rescale_have_a_ratio_of_one_within_its_interval_whatever_their_size():
    """A null: skill grows from 0.8 to 0.95 with size and the ratio is 1 throughout, so no trend of it is found. Of 16
    intervals at 95% four or more miss 1 with probability 0.007. Repeats of 200 gave ratios of -0.2 to 1.4."""
    rng = np.random.default_rng(0)
    kinds = [
        (size, p, member)
        for size, p in zip(sequences.SIZES, (0.8, 0.85, 0.9, 0.95), strict=True)
        for member in range(4)
    ]
    table = (rng.integers(0, measures.K, 2000) + np.arange(measures.ACTS)[:, None]) % measures.K
    flat = Ground(np.zeros((2000, 20), int), table, table[0], (table,), 10)
    found = measured.measure(flat, [Actor(size, 6, member, rescaling(flat, p, 6, rng)) for size, p, member in kinds])
    ends = [one[2].intervals["impact_ratio"] for one in found.estimates]
    assert sum(low <= 1 <= high for low, high in ends) >= 13
    assert abs(found.own("impact_ratio").mean() - 1) < 0.1
    (claim,) = [claim for claim in sequence_predictions.on_impact(found) if "lower ratio" in claim.words]
    assert claim.verdict != AGREES
    assert measured.missing(found) == []


def test_impact_is_of_all_histories_and_optimisation_the_mean_of_repeats(ground):
    acts = rescaling(ground, 0.9, 6, np.random.default_rng(1))
    found, whole = measures.estimate(ground, acts, GOALS[6]), measures.pooled(ground, acts, GOALS[6])
    parts = [
        optimisation.split_history(optimisation.of_acts(ground.table[:, part], acts[part], measures.K), good=GOALS[6])
        for part in np.split(np.arange(2000), 10)
    ]
    assert (found.imp, found.intervals["impact_ratio"]) == (whole.imp, whole.intervals["impact_ratio"])
    assert found.op == pytest.approx(np.mean([part.op for part in parts]))
    assert found.missing == {}


def test_what_each_block_of_histories_changes_is_what_is_measured_without_it(ground):
    acts = rescaling(ground, 0.9, 6, np.random.default_rng(2))
    found = measured.measure(ground, [Actor("18k", 6, 0, acts)])
    rest = np.arange(100, 2000)
    for on_task, goal in enumerate(GOALS.values()):
        whole = measures.pooled(ground, acts, goal).plug_in
        without = optimisation.split_history(
            optimisation.of_acts(ground.table[:, rest], acts[rest], measures.K), good=goal
        ).plug_in
        for name in ("op", "imp", "p", "q"):
            assert found.changes[name][0, 0, on_task] == pytest.approx(without[name] - whole[name], abs=1e-12)
    each = found.own_each("op")
    assert each.shape == (measured.BLOCKS + 1, 1)
    assert each[0] == found.own("op")
