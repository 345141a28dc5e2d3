"""What the length of prompts matters to: one published network by one head, another by none."""

from dataclasses import replace

import numpy as np
import pytest

from maze_interp import mazes, models, recipes, seeds, training
from maze_interp.behaviour import shifts
from maze_interp.experiments import prompt_length
from maze_interp.experiments import prompt_length_page as page
from maze_interp.models import ModelConfig
from maze_interp.tables import Row
from maze_interp.tokens import unusual
from tests import tiny


@pytest.fixture(scope="module")
def found():
    """A network that walks 8 of 10 mazes with 24 passages told, and 3 of 10 with 23 (measured on other mazes)."""
    return prompt_length.run(prompt_length.Settings(run="rdfs-5x5-seed1", mazes=40, validation=12, seed=1))


def shares(found, table, *by):
    return {tuple(row.what[key] for key in by): row for row in found.tables[table] if row.measure == page.WALKED}


def test_it_is_the_number_of_words_and_not_what_they_say(found):
    told = shares(found, "told", "change")
    for name in (page.AS_IT_IS, *page.SAME):
        assert told[name,].value > 0.6, name
    for name in page.OTHER:
        assert told[name,].high < told[page.AS_IT_IS,].low, name
    assert "the number of words matters, against the prediction" in found.sentences[0]


def test_one_head_at_one_section_does_it_and_undoes_it(found):
    (depends,) = found.tables["depends"]
    assert {key: depends.what[key] for key in ("layer", "head", "section")} == {
        "layer": 2,
        "head": 3,
        "section": "goal",
    }
    assert depends.low > 0.2
    others = [row.value for row in found.tables["heads"] if (row.what["layer"], row.what["head"]) != (2, 3)]
    assert max(others) < 0.2
    undone = shares(found, "undone", "shift", "as_ever_to")
    for name in ("branch_cut_off", "branches_thinned", page.said_again(1), page.said_again(3)):
        assert undone[name, page.THE_HEAD].low > undone[name, page.NOBODY].high, name
        assert abs(undone[name, page.ALL_OTHERS].value - undone[name, page.NOBODY].value) < 0.2, name


def test_the_head_rests_on_the_first_token_and_writes_what_it_always_writes(found):
    rests = {row.what["farther"]: row.value for row in found.tables["around"] if row.measure == page.RESTS}
    assert rests[0] > 0.95
    assert max(rests[4], rests[-4]) < 0.4
    fixed = shares(found, "fixed", "change", "writes")
    assert fixed[page.LEFT_OUT, page.THE_USUAL].value > fixed[page.LEFT_OUT, page.NOTHING].value
    assert any("One distance in one head surely undoes harm" in sentence for sentence in found.sentences)


def test_as_it_is_is_the_rollout_and_a_distance_left_alone_changes_nothing(found):
    told, around = shares(found, "told", "change"), shares(found, "around", "farther")
    assert around[0,].value == told[page.AS_IT_IS,].value
    run, settings = training.open_run("rdfs-5x5-seed1"), prompt_length.Settings(mazes=40, seed=1)
    home, seed = shifts.home_of(run.recipe), seeds.derive(settings.seed, "prompt_length")
    plain, _ = prompt_length._with_and_without(home, settings.mazes, 4, seed)
    walked = models.rollout(run.model(), plain.mazes, prompts=plain.prompts)
    assert mazes.paths.exact(walked, plain.solutions).mean() == told[page.AS_IT_IS,].value


def test_the_tokens_of_a_passage_are_those_that_leaving_it_out_leaves_out():
    world = mazes.World(rows=4, cols=4)
    for name in ("adjacency_list", "coordinate_tuples", "unconnected", "edges_last"):
        config = ModelConfig(rows=4, cols=4, scheme=name)
        home = shifts.Home(world, config.tokenizer, config.longest)
        plain, fewer = prompt_length._with_and_without(home, 30, unusual.edge_tokens(config.tokenizer.choices), 2)
        gone = unusual.tokens_of(home.tokenizer, plain.prompts, fewer.edge)
        for i in range(len(plain)):
            kept = plain.prompts.ids[i][~gone[i]][: fewer.prompts.length[i]]
            assert np.array_equal(kept, fewer.prompts.ids[i][: fewer.prompts.length[i]])


def test_a_network_that_depends_on_no_distance_is_said_to():
    def row(value, low, **what):
        return Row(page.LOST, value, low, value + 0.02, 100, what)

    told = [
        Row(page.WALKED, 0.8, 0.75, 0.85, 100, {"change": name}) for name in (page.AS_IT_IS, *page.SAME, *page.OTHER)
    ]
    heads = [row(0.01 * head - 0.01, -0.02, layer=0, head=head) for head in range(2)]
    sections = [row(0.0, -0.01, section=name) for name in prompt_length.SECTIONS]
    around = [
        Row(measure, 0.8, 0.7, 0.9, 100, {"farther": by})
        for by in prompt_length.AROUND
        for measure in (page.WALKED, page.RESTS)
    ]
    undone = [
        Row(page.WALKED, 0.8, 0.7, 0.9, 100, {"shift": "thinned", "as_ever_to": to})
        for to in (page.NOBODY, page.THE_HEAD, page.ALL_OTHERS)
    ]
    fixed = [Row(page.WALKED, 0.8, 0.7, 0.9, 100, {"change": page.AS_IT_IS, "writes": page.NOTHING})]
    depends = row(0.0, -0.01, layer=0, head=1, section="goal")
    said = page.findings(told, heads, sections, depends, around, undone, fixed).sentences
    assert len(said) == 2
    assert "not told" in said[0]
    assert "no head surely depends on the distance" in said[1]


def test_a_network_that_is_told_walls_is_refused(tmp_path):
    recipe = replace(tiny.QUICK, steps=1, model=replace(tiny.SHAPE, scheme="walls"))
    run = training.train(recipe, tmp_path / "run")
    with pytest.raises(recipes.Refusal, match="lists walls"):
        prompt_length.run(prompt_length.Settings(run=str(run.folder)))
