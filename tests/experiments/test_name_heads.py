"""The names come with their controls, and the sentences state the numbers of the tables."""

import numpy as np
import pytest

from maze_interp import attention, figures
from maze_interp.experiments import name_heads

MAZES = 25


@pytest.fixture(scope="module")
def found(trained):
    said = []
    settings = name_heads.Settings(run=str(trained.folder), mazes=MAZES)
    findings = name_heads.run(settings, lambda *given: said.append(given))
    assert said[-1] == (3 * MAZES, 3 * MAZES)
    assert said == sorted(said)
    return findings


def test_every_head_has_every_score_and_circuit(found):
    heads = {(layer, head) for layer in range(2) for head in range(2)}
    scored = {(row.what["layer"], row.what["head"], row.measure) for row in found.tables["heads"]}
    assert scored == {(*head, score) for head in heads for score in attention.SCORES}
    assert len(found.tables["circuits"]) == 4 * 4
    assert set(found.figures) == {"scores", "circuits", "distance", "ov", "steps", "tokens"}
    for row in [*found.tables["heads"], *found.tables["circuits"]]:
        assert found.numbers[f"{row.what['layer']}.{row.what['head']}: {row.measure}"] == row.value


def test_the_names_are_counted_beside_the_untrained_network(found):
    named = {(row.what["layer"], row.what["head"]) for row in found.tables["heads"] if row.what["named"]}
    assert found.numbers["heads_named"] == len(named)
    assert f"{len(named)} of 4 heads bear a name" in found.sentences[1]
    assert f"before training {found.numbers['heads_named_untrained']} of them did" in found.sentences[1]
    assert {(row.what["layer"], row.what["head"]) for row in found.tables["heads_untrained"]} <= {
        (layer, head) for layer in range(2) for head in range(2)
    }
    for row in found.tables["heads"]:
        if row.what["named"]:
            assert row.low > 0
            assert row.measure in found.sentences[1]


def test_the_strongest_of_each_name_is_stated_with_its_corrections(found):
    tops = {row.measure: row for row in found.tables["strongest"]}
    for score in {row.measure for row in found.tables["heads"] if row.what["named"]}:
        top = max((row for row in found.tables["heads"] if row.measure == score), key=lambda row: row.value)
        said = f"strongest {score} head is {top.what['layer']}.{top.what['head']}: {top.what['share']:.1%}"
        (sentence,) = [sentence for sentence in found.sentences if said in sentence]
        assert f"{tops[score].low:.1%} to {tops[score].high:.1%}" in sentence
        assert f"is below {tops[score].what['permuted']:.1%})" in sentence
        assert tops[score].low < top.low
    looks = tops["adjacency"]
    (sentence,) = [one for one in found.sentences if one.startswith("The nearest to an adjacency head of 4 is")]
    assert f"{looks.value:+.1%} beyond chance ({looks.low:+.1%} to {looks.high:+.1%}" in sentence


def test_circuits_that_chance_explains_are_not_said_to_copy(found):
    top = max((row for row in found.tables["circuits"] if row.measure == "OV own"), key=lambda row: abs(row.value))
    title = figures.plain(found.figures["ov"].layout.title.text).replace("&lt;br&gt;", " ")
    assert ("and yet not beyond chance" in title) == (not top.what["beyond"])


def test_the_slider_walks_a_path_of_the_model(found):
    steps = found.figures["steps"].layout.sliders[0].steps
    assert len(found.figures["steps"].frames) == len(steps) > 1
    assert f"{len(steps)} cells" in found.figures["steps"].layout.title.text
    assert "CircuitsVis" in found.figures["tokens"].markup


def test_a_layer_that_does_not_exist_is_refused(trained):
    with pytest.raises(ValueError, match=r"layer must be one of -2\.\.1, not 2"):
        name_heads.run(name_heads.Settings(run=str(trained.folder), layer=2))
    with pytest.raises(ValueError, match=r"head must be one of -1\.\.1, not 2"):
        name_heads.run(name_heads.Settings(run=str(trained.folder), head=2))
    with pytest.raises(ValueError, match=r"maze must be one of -1\.\.9, not 10"):
        name_heads.run(name_heads.Settings(run=str(trained.folder), mazes=10, maze=10))


def test_a_checkpoint_is_asked_as_the_finished_network_is(trained, found):
    """The last checkpoint is the finished network; the first is the untrained one, which bears no names."""
    last, first = (
        name_heads.run(name_heads.Settings(run=str(trained.folder), mazes=MAZES, step=step))
        for step in (trained.recipe.steps, 0)
    )
    assert last.sentences == found.sentences
    assert first.numbers["heads_named"] == found.numbers["heads_named_untrained"]
    with pytest.raises(ValueError, match="no checkpoint of step 7"):
        name_heads.run(name_heads.Settings(run=str(trained.folder), step=7))


def test_a_chosen_head_is_shown_in_full_on_a_chosen_maze(trained):
    settings = name_heads.Settings(run=str(trained.folder), mazes=10, layer=0, head=1, maze=3)
    page = name_heads.run(settings)
    model = trained.model()
    assert np.array_equal(page.figures["ov_of_head"].data[0].z, attention.ov_circuit(model, 0, 1))
    assert np.array_equal(page.figures["qk_of_head"].data[0].z, attention.qk_circuit(model, 0, 1))
    profile = page.tables["by_distance_of_head"]
    assert {(row.what["layer"], row.what["head"]) for row in profile} == {(0, 1)}
    right = [row.value for row in profile if row.what["step"] == "right"]
    assert right in [list(line.y) for line in page.figures["distance_of_head"].data]
    (said,) = [sentence for sentence in page.sentences if sentence.startswith("Head 0.1, as asked, bears ")]
    for row in page.tables["circuits"]:
        if (row.what["layer"], row.what["head"]) == (0, 1):
            assert f"{row.measure} {row.value:+.2f}" in said
    assert "test maze 3: " in figures.plain(page.figures["steps"].layout.title.text)
