"""One published network reads prompts of one length alone, by one head; whatever the numbers are, they are said."""

from dataclasses import replace

import numpy as np
import pytest

from maze_interp import mazes, models, recipes, seeds, training
from maze_interp.behaviour import shifts
from maze_interp.experiments import prompt_length
from maze_interp.experiments import prompt_length_asked as prompts
from maze_interp.experiments import prompt_length_page as page
from maze_interp.models import ModelConfig
from maze_interp.tables import difference, proportion
from maze_interp.tokens import unusual
from tests import tiny

ONE = np.array([[False, False], [True, False]])  # head 1.0


@pytest.fixture(scope="module")
def found():
    """A network that walks 8 of 10 mazes with 24 passages told, and 3 of 10 with 23 (measured on other mazes)."""
    return prompt_length.run(prompt_length.Settings(run="rdfs-5x5-seed1", mazes=40, validation=12, seed=1))


def shares(found, table, *by):
    return {tuple(row.what[key] for key in by): row for row in found.tables[table] if row.measure == page.WALKED}


def test_it_is_the_number_of_words_and_not_what_they_say(found):
    told = shares(found, "told", "change")
    for name in (page.AS_IT_IS, page.HIDDEN, page.INSTEAD):
        assert told[name,].value > 0.6, name
    for name in (page.LEFT_OUT, page.TWICE, page.LATER):
        assert told[name,].high < told[page.AS_IT_IS,].low, name
    assert "that what is told matters is not told" in found.sentences[0]
    assert "the number of words matters is seen, against the prediction" in found.sentences[1]


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
    for name in (page.LEFT_OUT, "branches_thinned", page.said_again(1), page.said_again(3)):
        assert undone[name, page.THE_HEAD].low > undone[name, page.NOBODY].high, name
        assert abs(undone[name, page.ALL_OTHERS].value - undone[name, page.NOBODY].value) < 0.2, name
        assert undone[name, page.AN_EDGE_OFF].high < undone[name, page.THE_HEAD].low, name
    assert any("that one distance in one head surely makes 5 less so" in sentence for sentence in found.sentences)


def test_the_head_rests_on_the_first_token_and_writes_what_it_always_writes(found):
    rests = {row.what["farther"]: row.value for row in found.tables["around"] if row.measure == page.RESTS}
    assert rests[0] > 0.95
    assert max(rests[4], rests[-4]) < 0.4
    fixed = shares(found, "fixed", "change", "writes")
    for name in (page.AS_IT_IS, page.LEFT_OUT):
        assert fixed[name, page.THE_USUAL].value > fixed[name, page.NOTHING].value + 0.1


def untrained(scheme):
    """An untrained network of two layers and two heads, and 3 x 3 mazes with and without a passage."""
    config = replace(tiny.SHAPE, scheme=scheme, positions="rotary")
    home = shifts.Home(mazes.World(rows=3, cols=3), config.tokenizer, config.longest)
    width = unusual.edge_tokens(config.tokenizer.choices)
    bench = prompt_length.Bench(models.build(config, seed=0), home, width, lambda: None)
    return bench, *prompts.with_and_without(home, 60, width, 2)


@pytest.mark.parametrize("scheme", ["adjacency_list", "coordinate_tuples", "edges_last"])
@pytest.mark.parametrize("where", ["start", "goal", "path"])
def test_as_far_as_ever_is_as_far_as_at_home(scheme, where, monkeypatch):
    """Whatever a prompt says more or less, the section seems where it is at home; nothing is asked where it stands
    there anyway, as what comes before the edges does."""
    (bench, plain, fewer), seen = untrained(scheme), []

    def walks(asked, farther=None):
        if farther is not None and not farther.heads.all():
            seen.append((asked.tokens.part == prompt_length.SECTIONS[where]).argmax(axis=1) + farther.by)
        return np.ones(len(asked.mazes), bool)

    monkeypatch.setattr(prompt_length.Bench, "walks", lambda self, asked, **how: walks(asked, **how))
    rows = prompt_length._undone(bench, plain, fewer, ONE, where, 3)
    (usual,) = set((plain.prompts.part == prompt_length.SECTIONS[where]).argmax(axis=1))
    if scheme == "edges_last" and where != "path":
        assert not rows
    else:
        off = [set(at - usual) for at in seen]
        assert len(rows) >= 12
        assert all(each in ({0}, {bench.width}) for each in off)
        assert off.count({0}) == 2 * off.count({bench.width})


def test_of_the_edges_themselves_nothing_is_undone():
    assert prompt_length._undone(*untrained("adjacency_list"), ONE, "edges", 3) == []


def test_that_the_first_token_sees_itself_is_no_rest():
    """It is the first of the edges' words and sees nothing else, which says nothing of where the head looks."""
    bench, plain, _ = untrained("adjacency_list")
    _, rests = prompt_length._around(bench, prompts.answered(bench.home, plain), ONE, "edges", [0])
    assert rests.measure == page.RESTS
    assert rests.value < 0.7  # the word behind it sees two tokens


@pytest.fixture(scope="module")
def turning(tmp_path_factory):
    """A run of one layer and one head with rotary positions, which learned next to nothing."""
    shape = replace(tiny.SHAPE, layers=1, heads=1, positions="rotary")
    recipe = replace(tiny.QUICK, steps=1, model=shape)
    return training.train(recipe, tmp_path_factory.mktemp("turning") / "run")


def test_a_network_of_one_head_that_walks_nothing_depends_on_nothing(turning):
    seen = []
    settings = prompt_length.Settings(run=str(turning.folder), mazes=12, validation=6)
    found = prompt_length.run(settings, lambda done, of: seen.append((done, of)))
    assert "that it depends on that distance is not told" in found.sentences[-1]
    assert "in the next" not in found.sentences[-1]
    assert set(found.figures) == {"told", "heads"}
    with pytest.raises(ValueError, match="no checkpoint of step 7"):
        prompt_length.run(replace(settings, step=7))
    assert [done for done, _ in seen] == list(range(1, len(seen) + 1))


def test_as_it_is_is_the_rollout_and_a_distance_left_alone_changes_nothing(found):
    told, around = shares(found, "told", "change"), shares(found, "around", "farther")
    assert around[0,].value == told[page.AS_IT_IS,].value
    run, settings = training.open_run("rdfs-5x5-seed1"), prompt_length.Settings(mazes=40, seed=1)
    home, seed = shifts.home_of(run.recipe), seeds.derive(settings.seed, "prompt_length")
    plain, _ = prompts.with_and_without(home, settings.mazes, 4, seed)
    walked = models.rollout(run.model(), plain.mazes, prompts=plain.prompts)
    assert mazes.paths.exact(walked, plain.solutions).mean() == told[page.AS_IT_IS,].value


def test_the_tokens_of_a_passage_are_those_that_leaving_it_out_leaves_out():
    world = mazes.World(rows=4, cols=4)
    for name in ("adjacency_list", "coordinate_tuples", "unconnected", "edges_last"):
        config = ModelConfig(rows=4, cols=4, scheme=name)
        home = shifts.Home(world, config.tokenizer, config.longest)
        plain, fewer = prompts.with_and_without(home, 30, unusual.edge_tokens(config.tokenizer.choices), 2)
        gone = unusual.tokens_of(home.tokenizer, plain.prompts, fewer.edge)
        for i in range(len(plain)):
            kept = plain.prompts.ids[i][~gone[i]][: fewer.prompts.length[i]]
            assert np.array_equal(kept, fewer.prompts.ids[i][: fewer.prompts.length[i]])


def told(home, **others):
    """Rows of 100 mazes, each walked as often as at home unless told otherwise."""
    shares = dict.fromkeys((page.AS_IT_IS, page.HIDDEN, page.INSTEAD, page.LEFT_OUT, page.TWICE, page.LATER), home)
    walked = shares | {getattr(page, name): share for name, share in others.items()}
    return [proportion(page.WALKED, np.arange(100) < 100 * share, change=name) for name, share in walked.items()]


@pytest.mark.parametrize(
    ("others", "what", "number"),
    [
        ({}, False, False),
        ({"LATER": 0.1}, False, False),  # no word more or less: nothing about their number
        ({"TWICE": 0.4}, False, True),
        ({"HIDDEN": 0.4}, True, False),
        ({"HIDDEN": 0.4, "LEFT_OUT": 0.38}, True, False),
    ],
)
def test_what_matters_is_told_by_the_changes_that_change_it(others, what, number):
    first, second = page.findings(told(0.8, **others)).sentences[:2]
    assert ("that what is told matters held" in first) == what
    assert ("that the number of words matters is seen" in second) == number


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_where_all_mazes_are_alike_all_is_said(share):
    """Every maze is walked whatever is done, or none is; and the head that loses all of them surely does."""
    said = page.findings(told(share)).sentences
    assert f"Of 100 test mazes {share:.0%} (" in said[0]
    assert "nan" not in "".join(said)
    walked = np.ones(100, bool)
    lost = [difference(page.LOST, walked, ~walked, layer=0, head=0)]
    sections = [difference(page.LOST, walked, ~walked, section=name) for name in prompt_length.SECTIONS]
    depends = difference(page.LOST, walked, ~walked, layer=0, head=0, section="edges")
    told_of = page.findings(told(share), page.Located(lost, sections, depends)).sentences[-1]
    assert "it depends on that distance" in told_of.rpartition(":")[2]
    assert "that it depends" not in told_of


@pytest.mark.parametrize(("scheme", "why"), [("walls", "lists walls"), ("forks", "writes forks")])
def test_a_scheme_in_which_a_passage_is_more_than_an_edge_is_refused(scheme, why, tmp_path):
    recipe = replace(tiny.QUICK, steps=1, model=replace(tiny.SHAPE, scheme=scheme))
    run = training.train(recipe, tmp_path / "run")
    with pytest.raises(recipes.Refusal, match=why):
        prompt_length.run(prompt_length.Settings(run=str(run.folder)))
