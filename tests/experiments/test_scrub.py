"""What is said of scrubbing follows from constructed rows, and laws stand beside their control at the same forks."""

import numpy as np
import pytest

from maze_interp import figures, mazes
from maze_interp.experiments import scrub
from maze_interp.experiments import scrub_page as page
from maze_interp.mazes import World
from maze_interp.patching import scrubbing
from maze_interp.patching.hypotheses import HYPOTHESES
from maze_interp.patching.scrubbing import Scrubbed
from maze_interp.tables import Row
from tests import tiny

LAW, WAY = "chaining backwards", "the way near the goal"
ALL, SOME, NONE = (0.97, 1.0), (0.8, 1.0), (0.4, 0.6)


def rows(recovered, beyond, right=(0.9, 0.95), **what):
    """Of one claim, from intervals; `beyond` None where a guess is as good as the model."""
    given = {page.RECOVERED: recovered, page.BEYOND: beyond, page.RIGHT: right, page.UNSCRUBBED: (0.95, 0.99)}
    given |= {page.LOST: (0.0, 0.1)}
    return [Row(name, sum(ends) / 2, *ends, 50, what) for name, ends in given.items() if ends]


def ladder(law, control, layer=1):
    shared = {"law": LAW, "layer": layer, "steps": layer, "right step": "farther"}
    return rows(*law, **shared, carries=WAY) + rows(*control, **shared, carries=page.CONTROL)


@pytest.mark.parametrize(
    ("law", "control", "verdict"),
    [
        ((ALL, ALL), (NONE, NONE), "held wherever it could be asked"),
        ((ALL, ALL), (ALL, ALL), page.NOT_APART),
        ((ALL, ALL), (SOME, NONE), page.NOT_APART),
        ((ALL, SOME), (NONE, NONE), "not told"),
        ((ALL, None), (NONE, NONE), "not told"),
        ((SOME, SOME), (NONE, NONE), "not told"),
        ((NONE, NONE), (NONE, NONE), "refuted before layer 1"),
    ],
)
def test_a_law_holds_only_beyond_a_guess_and_where_its_control_surely_does_not(law, control, verdict):
    (said,) = page._laws(ladder(law, control))
    assert f"corrected for all layers): {verdict}. Before layer 1" in said
    assert "of the plain model's 97% there" in said


def test_a_law_holds_only_before_every_layer_and_falls_with_one():
    held, open_, lost = (((ALL, ALL), end) for end in ((NONE, NONE), (ALL, ALL), (NONE, NONE)))
    (said,) = page._laws(ladder(*held) + ladder(*open_, layer=2))
    assert f"): {page.NOT_APART}. Before layer 1, held: " in said
    assert f"before layer 2, {page.NOT_APART}: " in said
    (said,) = page._laws(ladder(*lost) + ladder((NONE, NONE), (NONE, NONE), layer=2))
    assert "): refuted before layer 2." in said


@pytest.mark.parametrize(
    ("recovered", "beyond", "least", "less"),
    [
        (ALL, ALL, "held", "refuted"),
        (ALL, SOME, "not told", "refuted"),
        (ALL, None, "not told", "not told"),
        (ALL, NONE, "not told", "not told"),
        ((0.2, 0.4), NONE, "refuted", "held"),
        ((0.4, 0.95), NONE, "not told", "not told"),
    ],
)
def test_predictions_are_judged_by_both_measures(recovered, beyond, least, less):
    named = {name: {row.measure: row for row in rows(recovered, beyond)} for name in page.PREDICTED}
    for said, (at_least, _) in zip(page._judged(named), page.PREDICTED.values(), strict=True):
        assert f": {least if at_least else less}. " in said


def test_the_figure_counts_what_holds_by_both_measures():
    shown = rows(ALL, ALL, hypothesis="one") + rows(ALL, SOME, hypothesis="other") + rows(ALL, None, hypothesis="third")
    assert "1 of 3 hypotheses surely recover 90%" in figures.plain(str(page._hypotheses(shown).layout.title.text))


def test_without_forks_that_found_donors_nothing_is_judged():
    assert page._judged({}) == ["Of no prediction did enough forks find donors."]
    assert page._laws([]) == []


@pytest.fixture(scope="module")
def made():
    """Forks, and losses put in by hand: the law keeps all, its control nothing, and each finds donors elsewhere."""
    batch = mazes.draw(World("wilson", 3, 3), 60, seed=0)
    own = scrubbing.asked(batch, mazes.decisions(batch, mazes.solve(batch)), tiny.SHAPE.tokenizer, seed=0)
    count, rng = len(own), np.random.default_rng(0)

    def one(loss, right):
        known = rng.random(count) < 0.9
        return Scrubbed(loss + rng.normal(0, 0.01, count), rng.random(count) < right, known)

    found = {scrub.RANDOM: one(4.0, 0.1), scrub.PLAIN: one(0.1, 0.9)} | {name: one(0.1, 0.9) for name in HYPOTHESES}
    found |= {scrub._ladder(law, layer): one(0.1, 0.9) for law in scrub.LAWS for layer in (1, 2)}
    found |= {scrub._ladder(page.CONTROL, layer): one(3.0, 0.2) for layer in (1, 2)}
    return own, found


def test_law_control_and_plain_model_are_counted_at_the_same_forks(made):
    own, found = made
    ladders = scrub.findings(own, found, 3).tables["reach"]
    assert {row.what["carries"] for row in ladders} == {WAY, page.CONTROL}
    for law in scrub.LAWS:
        for layer in (1, 2):
            for name in ("farther", "within"):
                asked = {"law": law, "layer": layer, "right step": name}
                here = [row for row in ladders if asked.items() <= row.what.items()]
                assert len({row.n for row in here}) <= 1
                plain = [row.value for row in here if row.measure == page.UNSCRUBBED]
                assert len(set(plain)) <= 1
                by = {row.measure: row.value for row in here if row.what["carries"] == page.CONTROL}
                assert not by or by[page.LOST] == pytest.approx(by[page.UNSCRUBBED] - by[page.RIGHT])


def test_a_law_that_keeps_what_its_control_loses_holds_and_one_that_both_keep_is_not_told_apart(made):
    own, found = made
    said = [text for text in scrub.findings(own, found, 3).sentences if text.startswith("If the network")]
    assert said
    assert all("): held wherever it could be asked" in text for text in said)
    looked = found | {scrub._ladder(page.CONTROL, layer): found[scrub._ladder(LAW, layer)] for layer in (1, 2)}
    said = [text for text in scrub.findings(own, looked, 3).sentences if text.startswith("If the network")]
    assert all(f"): {page.NOT_APART}" in text for text in said)


def test_mazes_with_the_same_passages_count_as_one(made):
    """Every prompt four times, as if of mazes of their own, leaves the intervals as they were."""
    own, found = made
    four = np.tile(np.arange(len(own)), 4)
    more = {name: Scrubbed(one.loss[four], one.right[four], one.known[four]) for name, one in found.items()}
    once, copied = (scrub.findings(*given, 3).tables["hypotheses"] for given in ((own, found), (own[four], more)))
    for first, second in zip(once, copied, strict=True):
        assert (second.low, second.high) == pytest.approx((first.low, first.high))
