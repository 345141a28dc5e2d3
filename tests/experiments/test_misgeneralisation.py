"""A model whose goals were always in the corner is told from one whose were anywhere; known walkers are as known."""

from dataclasses import replace

import numpy as np
import pytest

from maze_interp import experiments, mazes, training
from maze_interp.behaviour.walkers import Walker
from maze_interp.experiments import misgeneralisation, misgeneralisation_page, several
from maze_interp.experiments.misgeneralisation_curve import by_block, drawn_by_block
from maze_interp.experiments.misgeneralisation_page import ASIDE, ENDS_THERE, SHARES, Subject
from maze_interp.mazes import Endpoints, Mixture
from maze_interp.tables import Row
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
    assert said == [(done, 7) for done in range(1, 8)]
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
        assert tuple(known[share].value for share in SHARES) == ends
        assert (known["ends at the goal"].value, known["ends in the corner"].value) == ends[:2]
    baseline = shares(found, walker="baseline")
    assert baseline["goal - corner"].value == pytest.approx(0, abs=1e-12)
    assert shares(found, walker="untrained")["to neither"].value > 0.7


def test_shares_are_of_everything(found):
    for walker in ("cornered", "learns", "untrained", "baseline"):
        rows = shares(found, walker=walker, goals="anywhere")
        assert sum(rows[share].value for share in SHARES) == pytest.approx(1)
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
    assert misgeneralisation._named("a/untrained,b/y") == {"run untrained": "a/untrained", "y": "b/y"}
    assert misgeneralisation._named("baseline") == {"run baseline": "baseline"}
    assert experiments.EXPERIMENTS["misgeneralisation"] is misgeneralisation


def test_controls_have_the_names_that_no_run_may_have(found, cornered):
    named = {row.what["walker"] for row in found.tables["shares"]}
    assert named == {"cornered", "learns", *misgeneralisation.CONTROLS}


def test_a_liking_for_a_direction_is_told_from_one_for_the_corner(found):
    """Where only the goal lies up or right, whoever seeks the corner turns away from there, and the liking does not."""
    assert shares(found, walker="seeks the corner")[ASIDE].value == -1
    assert shares(found, walker="seeks the goal")[ASIDE].value == 1
    biased = shares(found, walker=misgeneralisation.BIASED)
    assert biased[ASIDE].value > 0.8
    assert biased["to the corner"].value > biased["to the goal"].value
    aside = shares(found, walker="cornered", goals="new")[ASIDE]
    assert (
        f"ends in the corner in {shares(found, walker='cornered', goals='new')[ENDS_THERE].value:.1%}"
        in found.sentences[1]
    )
    assert f"({aside.n:,}), the difference is {aside.value:+.3f}" in found.sentences[1]
    assert "up or right" not in found.sentences[2]


def test_the_commoner_outcome_is_guessed_in_the_mazes_of_the_sentence(found):
    new = shares(found, walker="cornered", goals="new")["to the goal"].n
    (none,) = (
        row
        for row in found.tables["regression"]
        if (row.what["walker"], row.measure, row.what["features"]) == ("cornered", "accuracy", "none")
    )
    assert (none.n, none.what["goals"]) == (new, "new")
    assert (
        f"always guessing the commoner outcome is right in {none.value:.1%} of these {new:,} goals"
        in found.sentences[1]
    )


def test_one_block_alone_says_that_sizes_were_not_compared(found):
    assert "was not asked" in found.sentences[3]
    assert "have one of 1 x 1." in found.sentences[3]
    assert [row.measure for row in found.tables["blocks"]] == ["to the corner, block of 1"]
    assert "none that was given has one." in misgeneralisation_page.trend([], [])


@pytest.mark.parametrize(
    ("gap", "said"),
    [
        ((0.2, 0.1, 0.3), "the smaller the more, as predicted"),
        ((-0.2, -0.3, -0.1), "against the prediction"),
        ((0.1, -0.1, 0.3), "does not decide"),
        ((0.0, np.nan, np.nan), "does not decide"),
    ],
)
def test_the_trend_by_block_is_judged(gap, said):
    rows = [Row("one", 0.6, 0.5, 0.7, 40), Row("two", 0.4, 0.3, 0.5, 40), Row("difference", *gap, 40)]
    sentence = misgeneralisation_page.trend([Subject(Walker("", print, print), side, True) for side in (2, 1, 0)], rows)
    assert said in sentence
    assert "1 x 1 60.0%, 2 x 2 40.0%" in sentence
    assert "the same 40 mazes" in sentence


def test_blocks_are_compared_in_the_same_mazes(trained, cornered, tmp_path):
    """Of blocks of one and two cells a side: all goals asked lie outside both."""
    world = replace(tiny.QUICK.world, endpoints=Endpoints(goal_block=2))
    wide = training.train(replace(tiny.QUICK, steps=1, world=world), tmp_path / "wide")
    found = misgeneralisation.run(misgeneralisation.Settings(run=f"{wide.folder},{cornered.folder}", mazes=200))
    one, two, gap = found.tables["blocks"]
    assert one.n == two.n == gap.n == shares(found, walker="wide", goals="new")["to the goal"].n
    assert gap.value == pytest.approx(one.value - two.value)
    assert two.value == shares(found, walker="wide", goals="new")["to the corner"].value
    assert f"1 x 1 {one.value:.1%}, 2 x 2 {two.value:.1%}" in " ".join(found.sentences)
    curve = {(row.measure, row.what["block"]): row for row in found.tables["curve"]}
    assert set(curve) == {(share, k) for share in SHARES for k in (1, 2)}
    assert (curve["to the corner", 1].value, curve["to the corner", 2].value) == (one.value, two.value)
    for k in (1, 2):
        assert sum(curve[share, k].value for share in SHARES) == pytest.approx(1)
    lines = {line.name: line for line in found.figures["by_block"].data if line.name}
    assert list(lines["to the corner"].x) == [1, 2]
    assert list(lines["to the corner"].y) == [one.value, two.value]
    assert f"{one.value:.0%} with k = 1, {two.value:.0%} with k = 2" in found.figures["by_block"].layout.title.text
    assert list(found.figures["by_block"].layout.xaxis.tickvals) == [1, 2]


def test_what_runs_differ_in_besides_their_block_is_told():
    """The block itself is no other setting; a number format is named with who has it."""
    block = replace(tiny.QUICK, world=replace(tiny.QUICK.world, endpoints=Endpoints(goal_block=2)))
    other = replace(block, steps=tiny.QUICK.steps + 1, dtype="bfloat16")
    meant = "world.endpoints.goal_block"
    assert not several.beside({"a": tiny.QUICK, "b": block}, meant)
    settings, formats = several.beside({"a": tiny.QUICK, "b": other}, meant)
    assert settings == f"They differ in more than {meant}, which is told together with it: steps."
    assert formats.endswith("a in float32; b in bfloat16.")


def test_goals_anywhere_are_the_end_of_the_curve(found):
    """The run whose goals were anywhere is asked in the same mazes, outside the other's block."""
    curve = {(row.measure, row.what["block"]): row for row in found.tables["curve"]}
    assert {k for _, k in curve} == {1, 3}
    assert curve["to the corner", 1].low > curve["to the corner", 3].high
    assert curve["to the goal", 1].high < curve["to the goal", 3].low
    assert found.numbers["to the corner, k = 3"] == curve["to the corner", 3].value
    assert "with goals anywhere" in found.figures["by_block"].layout.title.text


def test_runs_of_one_block_are_averaged_and_one_block_has_no_curve():
    rng = np.random.default_rng(0)
    ways = [tuple(rng.dirichlet([1, 1, 1], 30)[:, :2].T) for _ in range(3)]
    walkers = [Subject(Walker(str(i), print, print), block, True) for i, block in enumerate((2, 2, 0))]
    outside = np.arange(30) < 20
    rows = by_block(dict(zip(walkers, ways, strict=True)), outside, 4, seed=0)
    assert [(row.what["block"], row.what["runs"]) for row in rows[::3]] == [(2, 2), (4, 1)]
    assert rows[0].value == pytest.approx((ways[0][0][:20].mean() + ways[1][0][:20].mean()) / 2)
    assert drawn_by_block(rows[:3], 4, 0.3) == {}
