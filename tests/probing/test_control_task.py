"""A control task can be learned by heart from its types and by nothing else; selectivity tells a fact from a memory."""

import numpy as np
import pytest

from maze_interp import mazes, probing
from maze_interp.mazes import World
from maze_interp.probing.control_task import types
from maze_interp.tokens import Tokenizer

WORLD, NAMES = World("wilson", 3, 3), ("passage", "ahead_2", "steps_left")


@pytest.fixture(scope="module")
def benches():
    writer = Tokenizer("adjacency_list", 3, 3)
    batches = [mazes.take(WORLD, count, seed=4, split=split)[0] for split, count in enumerate((2000, 200, 400))]
    asked = tuple(probing.ask(writer, batch, "current", seed=4) for batch in batches)
    on = probing.bench(asked, NAMES, method="ridge", penalties=(1e-6, 1e-4), seed=1)
    return on, probing.control_task(on, seed=1)


def test_a_type_has_one_label_in_all_splits_and_it_is_a_training_samples(benches):
    on, task = benches
    for name in NAMES:
        known = [~np.isnan(task.truth[which].values[name]).all(axis=1) for which in range(3)]
        kinds = np.concatenate([types(one)[some] for one, some in zip(on.asked, known, strict=True)])
        given = np.concatenate([one.values[name][some] for one, some in zip(task.truth, known, strict=True)])
        for kind in np.unique(kinds):
            assert (given[kinds == kind] == given[kinds == kind][0]).all()
        of_training = {tuple(row) for row in on.truth[0].values[name].tolist()}
        assert {tuple(row) for row in given.tolist()} <= of_training
        for one, own in zip(task.truth, on.truth, strict=True):
            assert np.array_equal(np.isnan(one.values[name]), np.isnan(own.values[name]))
            assert np.array_equal(
                np.isnan(one.outputs[:, one.columns[name]]), np.isnan(own.outputs[:, own.columns[name]])
            )


def test_types_tell_the_task_and_an_oracle_of_the_fact_does_not(benches):
    """An oracle of the passages is as good as the majority of 72 types' labels; 0.03 is four standard errors."""
    on, task = benches
    kinds = [np.eye(81, dtype=np.float32)[types(one)] for one in on.asked]
    by_heart = probing.score(task, probing.fit(task, kinds).predict(kinds[2]))
    assert np.nanmean(by_heart["passage"]) > 0.99
    assert np.nanmean(by_heart["steps_left"]) > 0.99
    assert (
        np.nanmean(
            probing.score(on, probing.fit(on, kinds).predict(kinds[2])[:, : len(on.truth[0].outputs.T)])["passage"]
        )
        < 0.8
    )
    oracle = [one.values["passage"] for one in on.truth]
    told = probing.score(task, probing.fit(task, oracle).predict(oracle[2]))["passage"]
    truth = task.truth[2].values["passage"]
    majority = np.where(task.truth[0].values["passage"].mean(axis=0) > 0.5, truth, 1 - truth).mean()
    assert told.mean() == pytest.approx(majority, abs=0.03)


def test_the_seed_draws_the_labels(benches):
    on, task = benches
    again, other = probing.control_task(on, seed=1), probing.control_task(on, seed=2)
    assert np.array_equal(task.truth[2].outputs, again.truth[2].outputs, equal_nan=True)
    assert not np.array_equal(task.truth[2].outputs, other.truth[2].outputs, equal_nan=True)
