"""The sequence task as policies and an environment, and what is missing of their measures."""

import numpy as np
import pytest

from maze_interp import optimisation, seeds, sequences
from maze_interp.experiments import sequence_measures as measures
from maze_interp.experiments import sequence_world
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
    rows = measures.missing(measures.measure(always, [Actor("18k", 2, 0, ground.own)]))
    assert {row.measure for row in rows} == {"impact_ratio"}
    assert {row.what["task"] for row in rows} == set(GOALS)
    assert all("success is the same" in row.what["reason"] for row in rows)
