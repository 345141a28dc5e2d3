"""How far a model sees is stated with its controls, in sentences and titles made of the numbers."""

import numpy as np
import pytest

from maze_interp import figures
from maze_interp.experiments import wavefront, wavefront_page
from maze_interp.probing import Watched
from maze_interp.probing.glances import ANSWER, GLANCE
from maze_interp.probing.growth import DOUBLING, NOTHING, ONE, STEADY
from maze_interp.probing.watching import INPUT, MODEL

SMALL = {"mazes": 80, "unseen": 80}
DISTANCES = 9


@pytest.fixture(scope="module")
def found(trained):
    said = []
    findings = wavefront.run(wavefront.Settings(run=str(trained.folder), **SMALL), lambda *given: said.append(given))
    assert said[-1] == (2 * 240, 2 * 240)
    assert said == sorted(said)
    return findings


def planted(reaches, *, fact="branch", answer=0.5) -> Watched:
    """Scores as if all were known up to these distances after each layer and nothing beyond, resampled 60 times."""
    noise = np.random.default_rng(0).normal(size=(len(reaches), 61, DISTANCES)) * 0.02
    steps = np.arange(1, DISTANCES + 1)
    model = np.where(steps <= np.array(reaches)[:, None, None], 0.95, 0.55) + noise
    bag = np.full((1, 61, DISTANCES), 0.6)
    scores = {MODEL: model, **dict.fromkeys(INPUT, bag), ANSWER: bag - 0.6 + answer}
    unseen = {name: each[:, :1] for name, each in scores.items()}
    return Watched("fork tokens", fact, "goal", scores, 99, unseen, ends=3, fits=10)


def test_every_question_has_its_radii_and_scores(found):
    questions = {(row.what["place"], row.what["fact"], row.what["source"]) for row in found.tables["radii"]}
    assert found.numbers["questions"] == len(questions) > 8
    assert ("PATH_START", "passages", "current") not in questions
    for row in found.tables["radii"]:
        assert row.low - 1e-9 <= row.high
        if row.what["beyond"] == "input":
            name = f"{row.what['place']}: {row.what['fact']} from {row.what['source']}"
            assert found.numbers[f"{name}, radius after layer {row.what['layer']}"] == row.value
    assert all(row.what["control"] in INPUT for row in found.tables["scores"])
    assert {row.what["steps"] for row in found.tables["scores"]} >= {1, 2}
    radius = {
        (row.what["beyond"], *(row.what[name] for name in ("place", "fact", "source", "layer"))): row.value
        for row in found.tables["radii"]
    }
    for (beyond, *what), value in radius.items():
        assert value <= radius["input", *what] + 1e-6, beyond  # who is told the next step leaves no more to gain


def test_planted_wavefronts_are_told_with_their_laws():
    seen = [planted((1, 2, 4, 8, 8)), planted((1, 2, 3, 4, 5), fact="passages"), planted((0,) * 5, fact="distance")]
    page = wavefront_page.findings(seen, 500, 99, 0.25)
    text = " ".join(page.sentences)
    assert "Of 3 questions (a fact, a source, a place), 2 have a radius" in text
    assert f"branch from goal at fork tokens grows {DOUBLING}" in text
    assert f"passages from goal at fork tokens grows {ONE}" in text
    assert f"Of the rest, {NOTHING}: 1." in text
    assert "Of 30 fits, 30% took the weakest or the strongest penalty offered." in text
    assert (
        f"Judged by the 3 questions whose source is the goal: {ONE} (backward chaining) held for 1, did not for 2 and "
        f"is not told for 0; {DOUBLING} (merging of paths) held for 1, did not for 2 and is not told for 0. A search "
        "is told apart from the controls for 2 of them; for 1 it is not told apart: by their intervals their radii are "
    ) in text
    assert "for 0 the interval holds both." in text
    assert "branch from goal at fork tokens 8.0 steps (8.0 to 8.0) after layer 3" in text
    assert "2 of these 2 radii are still surely a step or more" in text
    assert figures.plain(page.figures["radius"].layout.title.text).startswith("The farthest seen is branch from goal")
    assert f"growing {DOUBLING}" in page.figures["fork_tokens_branch_goal"].layout.title.text


def test_what_the_next_step_tells_is_taken_off():
    page = wavefront_page.findings([planted((1, 2, 4, 8), answer=0.96)], 500, 99, 0.25)
    assert "0 of these 1 radii are still surely a step or more; 1, of branches, not told apart" in page.sentences[-1]
    assert GLANCE in page.sentences[0]


def test_what_is_said_of_the_next_step_is_of_the_facts_found():
    page = wavefront_page.findings([planted((1, 2, 4, 8), fact="distance")], 500, 99, 0.25)
    assert (
        "Beside a control that is told the right next step, 1 of these 1 radii are still surely" in page.sentences[-1]
    )
    page = wavefront_page.findings([planted((1, 2, 4, 8), fact="distance", answer=0.96)], 500, 99, 0.25)
    assert "1, of distances, not told apart from what the next step tells by itself." in page.sentences[-1]


def test_two_steps_a_layer_are_neither_prediction():
    page = wavefront_page.findings([planted((0, 2, 4, 6, 8))], 500, 99, 0.25)
    text = " ".join(page.sentences)
    assert f"branch from goal at fork tokens grows {STEADY}, 2.0 steps a layer" in text
    assert f"{ONE} (backward chaining) held for 0, did not for 1" in text
    assert f"{DOUBLING} (merging of paths) held for 0, did not for 1" in text


def test_what_is_surely_seen_is_named_before_what_reaches_farther_by_chance():
    sure, unsure = planted((1, 2, 4, 4, 4)), planted((1, 2, 8, 8, 8), fact="distance")
    unsure.scores[MODEL][:, 1:31] = 0.5
    page = wavefront_page.findings([sure, unsure], 500, 99, 0.25)
    assert ", 1 has a radius that is surely" in " ".join(page.sentences)
    assert figures.plain(page.figures["radius"].layout.title.text).startswith("The farthest seen is branch from goal")


def test_settings_that_cannot_be_met_are_refused(trained):
    for threshold in (0.0, 1.0):
        with pytest.raises(ValueError, match="a share above 0 and below 1"):
            wavefront.run(wavefront.Settings(run=str(trained.folder), threshold=threshold))
    with pytest.raises(ValueError, match="has 33 parameters, but"):
        wavefront.run(wavefront.Settings(run=str(trained.folder), mazes=20, unseen=20))
    with pytest.raises(ValueError, match="40 test mazes are too few"):
        wavefront.run(wavefront.Settings(run=str(trained.folder), mazes=80, unseen=40))
