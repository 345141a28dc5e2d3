"""What comes first is told from planted courses, and measured on a run beside the bags that need no network."""

from dataclasses import replace

import numpy as np
import pytest

from maze_interp import figures, models, seeds, training
from maze_interp.experiments import emergence, emergence_page
from maze_interp.experiments.emergence_charts import EXACT, LOSS, VALID, Course
from tests import tiny

MAZES = 40


@pytest.fixture(scope="module")
def found(trained):
    said = []
    settings = emergence.Settings(run=str(trained.folder), mazes=MAZES, learn=80)
    findings = emergence.run(settings, lambda *given: said.append(given))
    checkpoints = len(trained.checkpoints)
    assert said == [(done, checkpoints) for done in range(1, checkpoints + 1)]
    return findings


def course(**middles: float) -> Course:
    """Measures on 150 mazes that rise about these mazes read (in powers of 2), the loss falling; 0 does not rise."""
    rng, x = np.random.default_rng(0), np.arange(1.0, 15.0)
    values = {}
    for name, middle in middles.items():
        ramp = np.clip((x - middle) / 2 + 0.5, 0, 1) if middle else np.full(len(x), 0.5)
        ramp = 2 * (1 - ramp) if name == LOSS else ramp
        noisy = ramp + 0.3 * rng.normal(size=(150, len(x)))
        values[name] = np.concatenate([noisy[:, :1], noisy], axis=1)
        if name in (EXACT, VALID):
            values[name] = (values[name] > 0.5).astype(float)
    return Course(np.append(0, 2 ** x.astype(int)), values, {"passage probe": ("tokens", np.full(150, 0.4))})


def page(**middles: float):
    given = {LOSS: 7.0, EXACT: 10.0, VALID: 10.1, "passage probe": 5.0, "adjacency head": 12.5, "connectivity head": 0}
    return emergence_page.findings(course(**{**given, **middles}), 500, "path_start", seed=1)


def test_planted_changes_are_told_in_their_order():
    told = page()
    orders = {(row.measure, row.what["against"]): row for row in told.tables["order"]}
    assert orders["passage probe", EXACT].what["verdict"] == "precedes"
    assert orders[VALID, EXACT].what["verdict"] == "accompanies"
    assert orders["adjacency head", EXACT].what["verdict"] == "follows"
    assert orders["connectivity head", EXACT].what["verdict"] == "cannot be told from"
    assert orders["passage probe", LOSS].what["verdict"] == "precedes"
    assert orders["passage probe", EXACT].value == pytest.approx(2**-5.0, rel=0.3)
    assert orders["passage probe", EXACT].low <= orders["passage probe", EXACT].high < 1
    assert told.numbers["exact, changes at"] == pytest.approx(2**10, rel=0.3)
    assert "connectivity head, changes at" not in told.numbers


def test_sentences_and_titles_state_the_order():
    told = page()
    text = " ".join(told.sentences)
    assert "No change is found of: connectivity head." in text
    assert "before it loss (at 0." in text
    assert "after it adjacency head (at " in text
    assert "without a point of change connectivity head." in text
    assert "not told of" not in text
    assert told.sentences[-1] == (
        "Of the prediction: connectivity head first, not told; passages beyond the prompt before mazes are walked, "
        "held; exact paths last, refuted."
    )
    assert "Sorted by point estimate, which asserts no order, these change: passage probe from" in text
    assert "The passage probe exceeds a bag of tokens (40.0%) first after 32 mazes" in text
    title = figures.plain(told.figures["course"].layout.title.text).replace("<br>", " ")
    assert title == "Before exact paths change loss, passage probe"
    assert told.figures["changes"].layout.xaxis.type == "log"
    assert "passage probe changes first, adjacency head changes last" in told.figures["changes"].layout.title.text


def test_a_run_that_learned_nothing_has_no_changes():
    told = page(**dict.fromkeys((LOSS, EXACT, VALID, "passage probe", "adjacency head"), 0))
    text = " ".join(told.sentences)
    assert "these change: none." in text
    assert "No point of change of exact is found, so nothing comes before or after it." in text
    assert told.figures["course"].layout.title.text == "Exact paths do not change"
    assert "changes" not in told.figures


def test_what_is_not_told_is_not_said_to_be_first():
    """All change together, so no one is first or last, and of no other is it said to come before exact paths."""
    told = page(**dict.fromkeys((LOSS, EXACT, VALID, "passage probe", "adjacency head"), 8.0))
    assert told.figures["changes"].layout.title.text.replace("<br>", " ") == (
        "What changes first, and what last, is not told"
    )
    title = figures.plain(told.figures["course"].layout.title.text)
    assert title == "Nothing changes before exact paths" or title.startswith("Not told before exact paths: ")


def test_a_steady_rise_is_no_change():
    given = course(**{LOSS: 7.0, EXACT: 10.0, VALID: 10.1, "passage probe": 5.0})
    rng = np.random.default_rng(1)
    given.values["passage probe"] = np.linspace(0.2, 0.9, 15) + 0.3 * rng.normal(size=(150, 15))
    told = emergence_page.findings(given, 500, "path_start", seed=1)
    text = " ".join(told.sentences)
    assert "with no point of change beyond a straight line: passage probe." in text
    assert "passage probe, changes at" not in told.numbers


def test_every_measure_is_taken_at_every_checkpoint(found, trained):
    rows = found.tables["curves"]
    measures = {LOSS, EXACT, VALID, "passage probe", "next_step probe", "adjacency head", "connectivity head"}
    read = [step * trained.recipe.mazes_per_step for step in trained.checkpoints]
    assert {(row.measure, row.what["mazes"]) for row in rows} == {(name, at) for name in measures for at in read}
    curve = {(row.measure, row.what["mazes"]): row.value for row in rows}
    assert curve[EXACT, 0] == 0.0 < curve[EXACT, read[-1]]
    assert curve[LOSS, 0] > 2.0 > curve[LOSS, read[-1]]
    assert found.numbers["exact, at the end"] == curve[EXACT, read[-1]]
    assert {row.what["control"] for row in found.tables["beyond_controls"]} <= {
        "tokens",
        "cells",
        "edges",
        emergence.BOTH,
    }
    assert set(found.figures) >= {"course"}


def test_exact_is_what_the_behaviour_of_the_model_is(found, trained):
    """The last checkpoint's share is that of the finished model, whose paths are walked and compared here again."""
    settings = emergence.Settings(run=str(trained.folder), mazes=MAZES, learn=80)
    seed = seeds.derive(0, "emergence")
    test = emergence._bench(trained, settings, seed).asked[2]
    walked = models.rollout(trained.model(), test.mazes, seed=seed)
    cells, length = walked.cells, walked.length
    same = [
        length[maze] == test.paths.length[maze]
        and np.array_equal(cells[maze, : length[maze]], test.paths.cells[maze, : length[maze]])
        for maze in range(MAZES)
    ]
    assert found.numbers["exact, at the end"] == pytest.approx(np.mean(same))


def test_what_cannot_be_asked_is_refused(trained, tmp_path):
    with pytest.raises(ValueError, match="a probe of 'passage' has 33 parameters, but"):
        emergence.run(emergence.Settings(run=str(trained.folder), mazes=20, learn=10))
    with pytest.raises(ValueError, match="'passages'"):
        emergence.run(emergence.Settings(run=str(trained.folder), mazes=20, learn=80, targets=("passages",)))
    few = training.train(replace(tiny.QUICK, checkpoints=1), tmp_path / "few")
    with pytest.raises(ValueError, match="a change needs 4 checkpoints after step 0"):
        emergence.run(emergence.Settings(run=str(few.folder)))
