"""What is lost without a head is what the rerun loses, and names tell something only where they do."""

import numpy as np
import pytest

from maze_interp import attention
from maze_interp.experiments import heads_needed


@pytest.fixture(scope="module")
def found(trained):
    told = []
    made = heads_needed.run(heads_needed.Settings(run=str(trained.folder), mazes=60), lambda *given: told.append(given))
    assert told[-1] == (2 * 3 + 3, 2 * 3 + 3)
    return made


def test_every_head_and_every_layer_is_taken_away(found):
    assert [(row.what["layer"], row.what["head"]) for row in found.tables["heads"]] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert [row.what["layer"] for row in found.tables["layers"]] == [0, 1]
    assert found.numbers["walked"] > 0.2
    assert max(row.value for row in found.tables["layers"]) > 0.1  # it reads the maze by some head
    most = max(found.tables["heads"], key=lambda row: row.value)
    assert f"{most.what['layer']}.{most.what['head']} (" in found.sentences[2]
    assert f"{most:.1%}" in found.sentences[2]
    title = found.figures["heads"].layout.title.text
    assert f"{most.what['layer']}.{most.what['head']}" in title


def test_the_head_needed_most_is_told_more(found):
    cell, step, dealt = found.tables["needed_most"]
    most = max(found.tables["heads"], key=lambda row: row.value)
    assert cell.value == most.value
    assert [row.what["told"] for row in (cell, step, dealt)] == [
        heads_needed.THE_CELL,
        heads_needed.THE_STEP,
        heads_needed.ANY_STEP,
    ]
    assert (row.what["layer"] == most.what["layer"] for row in (cell, step, dealt))
    held = ", as predicted;" if step.value < cell.value / 3 else ", not as predicted;"
    assert held in found.sentences[4]


def test_names_along_the_path_stand_beside_what_is_lost(found):
    for row in found.tables["heads"]:
        assert set(filter(None, row.what["names"].split(", "))) <= set(attention.SCORES) - {"connectivity"}


def test_named_heads_that_lose_more_are_told_by_dealing_names_out():
    """Four of eight heads lose all mazes: of 70 ways to name four heads two are as far apart."""
    named = np.arange(8) < 4
    lost = np.broadcast_to(named.astype(float), (30, 8)) * (np.arange(30) % 3 > 0)[:, None]
    row, p = heads_needed._named(lost, named, 0)
    assert row.value == pytest.approx(2 / 3)
    assert p == pytest.approx(2 / 70, abs=0.005)
    assert ": as predicted." in heads_needed._told(row, p, 4, 8)
    row, p = heads_needed._named(lost, ~named, 0)
    assert ": not as predicted." in heads_needed._told(row, p, 4, 8)


def test_names_that_mean_nothing_are_told_as_often_as_chance_allows():
    """400 draws of losses that no name knows of: p is below 0.05 in 5 cases of 100 (standard error 1.1)."""
    rng, named = np.random.default_rng(0), np.arange(24) < 10
    told = [heads_needed._named(rng.normal(size=(5, 24)), named, i)[1] < 0.05 for i in range(400)]
    assert np.mean(told) == pytest.approx(0.05, abs=0.034)


def test_where_all_or_none_have_a_name_nothing_is_told():
    for named in (np.ones(4, bool), np.zeros(4, bool)):
        row, p = heads_needed._named(np.ones((5, 4)), named, 0)
        assert row is None
        assert np.isnan(p)
        assert "names tell nothing apart" in heads_needed._told(row, p, int(named.sum()), 4)
