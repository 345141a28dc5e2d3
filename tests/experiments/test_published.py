"""Published values are shares of as many mazes as they say, and stand beside walkers of the same lattice only."""

from dataclasses import replace

import numpy as np
import pytest

from maze_interp import mazes, tables, training
from maze_interp.behaviour import METRICS, POLICIES, of_policy
from maze_interp.experiments import published
from maze_interp.mazes import World
from tests import tiny


@pytest.fixture(scope="module")
def six(tmp_path_factory):
    """A run of the published lattice that learned nothing."""
    recipe = replace(
        tiny.QUICK, steps=1, checkpoints=1, world=World(rows=6, cols=6), model=replace(tiny.SHAPE, rows=6, cols=6)
    )
    return training.train(recipe, tmp_path_factory.mktemp("six") / "six")


@pytest.fixture(scope="module")
def rows(six):
    return published.beside(six, of_policy(POLICIES["oracle"], seed=0, name="oracle"), seed=0)


def test_every_value_is_a_share_of_that_many_mazes_and_of_a_metric_of_ours():
    known = published.published()
    for world, models in known.shares.items():
        assert set(models) == set(known.parameters)
        assert world in known.worlds
        for shares in models.values():
            assert set(shares) <= set(METRICS)
            for value in shares.values():
                assert abs(round(value * known.mazes) / known.mazes - value) < 0.0006


def test_the_oracle_is_better_than_what_was_published(rows):
    known = published.published()
    at = {(row.what["world"], row.what["walker"], row.measure): row for row in rows}
    for world in ("RDFS", "forkless"):
        assert (at[world, "oracle", "exact"].value, at[world, "oracle", "exact"].n) == (1, known.mazes)
        gap = at[world, "oracle - jirpy", "exact"]
        assert gap.value == pytest.approx(1 - known.shares[world]["jirpy"]["exact"], abs=0.002)
        assert 0 < gap.low < gap.value < gap.high
    assert at["percolated RDFS", "oracle", "valid"].value == 1


def test_the_sentences_state_both(rows):
    first, *_ = published.sentences(rows, "oracle", None)
    assert first.startswith("RDFS, 6 x 6, paths of 6 cells or more, 256 mazes: oracle solves 100.0% exactly (98.5%")
    gap = tables.difference("exact", np.ones(256, bool), np.arange(256) < 211)
    points = f"{100 * gap.value:+.1f} points ({100 * gap.low:+.1f} to {100 * gap.high:+.1f})"
    assert f"82.4% by jirpy (9,639,484 parameters), {points}" in first
    assert "24.2% by hallway" in first
    assert "PMLR 243" in first
    (said, *_) = published.sentences(rows, "oracle", 1000)
    assert "oracle (1,000 parameters) solves" in said


def test_what_cannot_be_told_says_so_and_another_lattice_is_not_compared(six, trained, monkeypatch):
    walker = of_policy(POLICIES["oracle"], seed=0, name="oracle")
    assert published.beside(trained, walker, seed=0) == []
    assert list(published.sentences([], "oracle", None)) == []
    monkeypatch.setattr(published, "attempt", lambda make: "it has no words for cycles")
    rows = published.beside(six, walker, seed=0)
    assert [row.n for row in rows] == [0, 0, 0]
    said = list(published.sentences(rows, "oracle", None))
    assert said[0] == "Published values for RDFS stand alone: it has no words for cycles."


def test_the_mazes_are_as_long_as_theirs():
    known = published.published()
    drawn = mazes.draw(known.worlds["forkless"], 50, seed=0)
    assert mazes.solve(drawn).length.min() >= 6
    assert (mazes.MEASURES["fork_count"](drawn) == 0).all()
