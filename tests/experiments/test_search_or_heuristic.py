"""The page of the verdict: its words are those of the numbers, for models and for walkers whose ways are known."""

import numpy as np
import pytest

from maze_interp import mazes, recipes, seeds, tables
from maze_interp.behaviour.verdict import CONTRADICTED, MIXED, SUPPORTED
from maze_interp.experiments import search_or_heuristic, verdict_page
from maze_interp.experiments.behaviour import held_out_mazes
from maze_interp.experiments.search_or_heuristic import Settings, other_mazes, walker_of
from maze_interp.mazes import TEST

SEED = seeds.derive(0, "search or heuristic")


def page(trained, walker, count=60):
    return search_or_heuristic.run(Settings(run=str(trained.folder), walker=walker, mazes=count))


def test_the_oracle_is_said_to_search(trained):
    found = page(trained, "oracle")
    assert "oracle keeps to the passages in 100.0% of mazes" in found.sentences[0]
    assert "What was measured supports that it searches, contradicts that it" in found.sentences[0]
    assert found.numbers["valid"] == found.numbers["optimal"] == 1
    assert "searches: 3 of 3 predictions held" in " ".join(found.sentences)
    assert {"predictions", "accuracy", "edits", "heuristics"} == set(found.figures)
    (said,) = (sentence for sentence in found.sentences if "a control that changes the way" in sentence)
    assert "there 0.0% of the choice turns round, and with the edit 100.0 points more." in said


def test_an_untrained_network_is_said_not_to_walk(trained):
    found = page(trained, "untrained")
    assert "untrained keeps to the passages in 0.0% of mazes: it does not walk them" in found.sentences[0]


def test_the_words_state_what_was_measured(trained):
    found = page(trained, "model")
    for row in found.tables["predictions"]:
        became = "not measured" if np.isnan(row.value) else f"measured {row.value:.3f}"
        said = f"{row.measure}: predicted {row.what['predicts']}, {became}"
        assert any(said in sentence for sentence in found.sentences), said
    assert found.sentences[0].startswith(trained.recipe.name)
    distinct = len(np.unique(mazes.passage_hash(held_out_mazes(trained, 60, seed=SEED).passages)))
    assert f"Of the 60 test mazes {distinct} have different passages" in found.sentences[-1]


@pytest.mark.parametrize(
    ("verdicts", "said"),
    [
        ({"search": SUPPORTED}, "What was measured supports that it searches."),
        ({"search": MIXED}, "What was measured leaves open whether it searches."),
        (
            {"memorises": CONTRADICTED, "search": SUPPORTED, "gives up": MIXED},
            "What was measured supports that it searches, contradicts that it knows its mazes by heart and "
            "leaves open whether it gives up.",
        ),
        (
            {"memorises": CONTRADICTED, "search": CONTRADICTED, "gives up": CONTRADICTED},
            "What was measured contradicts that it knows its mazes by heart, searches or gives up.",
        ),
    ],
)
def test_the_verdict_is_a_sentence(verdicts, said):
    legal = tables.proportion("valid", np.ones(50, bool))
    assert verdict_page.opinion("x", legal, verdicts) == f"x keeps to the passages in 100.0% of mazes. {said}"


def test_other_mazes_are_of_the_same_lattice_and_never_read(trained):
    name, other = other_mazes(trained, 20, seed=0)
    assert name == "wilson" != trained.recipe.world.generator
    assert (other.rows, other.cols) == (3, 3)
    assert (mazes.split_of(mazes.passage_hash(other.passages)) == TEST).all()


def test_a_walker_it_does_not_know_is_refused():
    with pytest.raises(ValueError, match="unknown walker 'orakle'; did you mean 'oracle'"):
        Settings(walker="orakle")


def test_the_untrained_walker_is_the_network_before_training(trained):
    drawn, _ = mazes.take(trained.recipe.world, 5, seed=0, split=TEST)
    before = search_or_heuristic.behaviour.of_model(trained.model(0), seed=1)
    untrained = walker_of(trained, "untrained", seed=1)
    assert np.array_equal(untrained.walk(drawn).cells, before.walk(drawn).cells)


def test_progress_reaches_its_end(trained):
    said = []
    search_or_heuristic.run(Settings(run=str(trained.folder), walker="baseline", mazes=60), lambda *g: said.append(g))
    assert said[-1][0] == said[-1][1]


def test_where_no_goal_can_be_cut_off_nothing_is_decided_about_giving_up(trained, monkeypatch):
    def refuse(*given, **more):
        raise recipes.Refusal("none of the mazes can be changed so")

    monkeypatch.setattr(search_or_heuristic.shifts, "shifted", refuse)
    walker = walker_of(trained, "oracle", seed=0)
    (one,) = search_or_heuristic.cut_off(trained, walker, 5, seed=0).predictions
    assert one.held is None
    assert one.says.endswith("but none of the mazes can be changed so")
