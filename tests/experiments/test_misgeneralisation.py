"""A model whose goals were always in the corner is told from one whose were anywhere; known walkers are as known."""

from dataclasses import replace

import numpy as np
import pytest

from maze_interp import experiments, mazes, training
from maze_interp.experiments import misgeneralisation
from maze_interp.mazes import Endpoints, Mixture
from tests import tiny

CORNERED = replace(tiny.LEARNS, name="cornered", world=replace(tiny.LEARNS.world, endpoints=Endpoints(goal_block=1)))


@pytest.fixture(scope="module")
def cornered(tmp_path_factory):
    """A run whose goals were all in the top right cell."""
    return training.train(CORNERED, tmp_path_factory.mktemp("corner") / "cornered")


@pytest.fixture(scope="module")
def found(trained, cornered):
    said = []
    settings = misgeneralisation.Settings(run=f"{trained.folder}, {cornered.folder}", mazes=400)
    findings = misgeneralisation.run(settings, lambda *given: said.append(given))
    assert said == [(done, 6) for done in range(1, 7)]
    return findings


def shares(found, **what):
    return {row.measure: row for row in found.tables["shares"] if what.items() <= row.what.items()}


def test_goals_in_the_corner_teach_the_corner(found):
    """The effect is of tens of percent on some 150 mazes, so that its interval leaves no doubt."""
    cornered = shares(found, walker="cornered", goals="new")
    assert cornered["goal - corner"].high < 0
    assert cornered["to the corner"].value > 0.5
    free = shares(found, walker="learns", goals="anywhere")
    assert free["goal - corner"].low > 0
    assert "as predicted" in found.sentences[1]
    assert "as predicted" in found.sentences[2]
    assert [sentence.split(",")[0] for sentence in found.sentences[1:3]] == ["cornered", "learns"]  # by growing block
    assert f"{cornered['to the corner'].value:.1%} on the way to the corner" in found.sentences[1]


def test_no_goal_beside_the_only_one_there_was_is_as_in_training(found):
    """Where the goal is the corner itself, ways do not part; so with a block of one cell every goal is new."""
    assert shares(found, walker="cornered", goals="as in training")["goal - corner"].n == 0
    everywhere, new = (shares(found, walker="cornered", goals=goals) for goals in ("anywhere", "new"))
    assert everywhere["to the goal"].value == new["to the goal"].value
    assert everywhere["to the goal"].n == new["to the goal"].n == found.numbers["partings"]


def test_known_walkers_are_as_known(found):
    for name, ends in (("seeks the goal", (1, 0, 0)), ("seeks the corner", (0, 1, 0))):
        known = shares(found, walker=name)
        assert tuple(known[share].value for share in misgeneralisation.SHARES) == ends
        assert (known["ends at the goal"].value, known["ends in the corner"].value) == ends[:2]
    baseline = shares(found, walker="baseline")
    assert baseline["goal - corner"].value == pytest.approx(0, abs=1e-12)
    assert shares(found, walker="untrained")["to neither"].value > 0.7


def test_shares_are_of_everything(found):
    for walker in ("cornered", "learns", "untrained", "baseline"):
        rows = shares(found, walker=walker, goals="anywhere")
        assert sum(rows[share].value for share in misgeneralisation.SHARES) == pytest.approx(1)
        assert found.numbers[f"{walker}: to the goal"] == rows["to the goal"].value
    new = shares(found, walker="cornered", goals="new")
    assert found.numbers["cornered: to the corner, goals new"] == new["to the corner"].value
    fits = {row.what["walker"] for row in found.tables["regression"]}
    assert fits == {"cornered", "learns"}


def test_test_mazes_were_held_out_and_have_goals_anywhere(cornered, monkeypatch):
    drawn = []
    plain = mazes.take
    monkeypatch.setattr(mazes, "take", lambda *given, **more: drawn.append(plain(*given, **more)) or drawn[-1])
    misgeneralisation.run(misgeneralisation.Settings(run=str(cornered.folder), mazes=300))
    batch, _ = drawn[0]
    assert (mazes.split_of(mazes.passage_hash(batch.passages)) == mazes.TEST).all()
    assert len(np.unique(batch.goal)) == 9


def test_runs_of_other_worlds_are_not_compared(trained, cornered, tmp_path):
    other = replace(tiny.QUICK, steps=1, world=replace(tiny.QUICK.world, generator="wilson"))
    training.train(other, tmp_path / "other")
    with pytest.raises(ValueError, match="learns and other differ in more than their block of goals"):
        misgeneralisation.run(misgeneralisation.Settings(run=f"{trained.folder},{tmp_path / 'other'}"))
    mixed = replace(tiny.QUICK, steps=1, world=Mixture({"one": tiny.QUICK.world}, {"one": 1.0}, 3, 3))
    training.train(mixed, tmp_path / "mixed")
    with pytest.raises(ValueError, match="mixed was trained on a mixture of worlds"):
        misgeneralisation.run(misgeneralisation.Settings(run=str(tmp_path / "mixed")))


def test_runs_are_named_by_their_folders_where_that_tells_them_apart():
    assert misgeneralisation._named("a/x, b/y") == {"x": "a/x", "y": "b/y"}
    assert misgeneralisation._named("a/x,b/x,c/y") == {"a/x": "a/x", "b/x": "b/x", "y": "c/y"}
    assert experiments.EXPERIMENTS["misgeneralisation"] is misgeneralisation
