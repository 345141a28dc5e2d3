"""Reading a run ends in sentences that state its numbers, and every packaged probe recipe can be followed."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from maze_interp import figures, probing, recipes
from maze_interp.experiments import read_maze
from maze_interp.probing import ProbeRecipe

RECIPES = sorted((Path(__file__).parents[2] / "probes").glob("*.toml"))
SMALL = ProbeRecipe(mazes=120, unseen=60)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    return tmp_path_factory.mktemp("probes") / "learns"


@pytest.fixture(scope="module")
def found(trained, saved):
    return read_maze.run(read_maze.Settings(run=str(trained.folder), probe=SMALL, save=str(saved)))


def test_every_fact_stands_beside_its_controls(found):
    rows = {(row.measure, row.what["features"]): row for row in found.tables["facts"]}
    facts = {fact for fact, _ in rows}
    assert {"passage", "wall", "wall, interior", "goal", "next_step", "solved"} <= facts
    for fact in facts:
        assert {"model", *probing.CONTROLS} <= {name for one, name in rows if one == fact}
        assert found.numbers[f"{fact}: model"] == rows[fact, "model"].value
    assert found.numbers["goal: cells"] == 1.0
    assert found.numbers["passage: edges"] > 0.99
    assert found.numbers["current: sites found at"] >= 1  # the start is the current cell, and only the model knows it
    assert set(found.figures) == {"beyond", "selectivity", "passage_by_site", "decoded"}


def test_sentences_state_the_numbers_and_what_was_not_asked(found):
    text = " ".join(found.sentences)
    assert f"Of passage the model tells {found.numbers['passage: model']:.1%}" in text
    assert "fitted to 120 mazes and scored on 60 test mazes" in text
    assert found.sentences[-1].startswith("Not asked: ")
    assert "'ahead_8'" in found.sentences[-1]
    for fact in ("goal", "next_step"):
        kind = "Found" if found.numbers[f"{fact}: sites found at"] else "Not found"
        said = next(sentence for sentence in found.sentences if sentence.startswith(f"{kind} beyond every control"))
        assert f" {fact} {found.numbers[f'{fact}: model']:.3f} at " in said
    title = figures.plain(found.figures["beyond"].layout.title.text)
    some = sum(name.endswith("sites found at") and value > 0 for name, value in found.numbers.items())
    assert title.startswith(f"{some} of ")


def test_saved_probes_read_the_run_again(found, saved, trained):
    back = probing.load(saved)
    model = trained.model()
    batch = probing.split(trained.recipe.world, model.maze_tokenizer, SMALL, seed=9)[2]
    told = probing.apply(back, "passage", model, batch)
    truth = probing.labels(batch, ["passage"]).outputs
    assert np.mean((told > 0.5) == (truth > 0.5)) == pytest.approx(found.numbers["passage: model"], abs=0.08)
    with pytest.raises(ValueError, match="was trained on another model"):
        probing.apply(back, "passage", trained.model(0), batch)


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_probe_recipe_says_why_and_can_be_followed(path, trained):
    recipe = recipes.load(ProbeRecipe, path)
    assert recipe.name == path.stem
    assert recipe.reason
    model = trained.model()
    small = replace(recipe, mazes=80, unseen=30, targets=tuple(name for name in recipe.targets if name != "solved"))
    asked = probing.split(trained.recipe.world, model.maze_tokenizer, small, seed=1)
    small = replace(small, targets=tuple(set(small.targets) - set(probing.refusals(model, asked, small))))
    assert probing.probe(model, trained.model(0), asked, small, seed=1).scores


def test_a_recipe_is_followed_or_settings_are(trained, tmp_path):
    (tmp_path / "one.toml").write_text(recipes.to_toml(replace(SMALL, targets=("passage",), sites=("resid_post:1",))))
    settings = read_maze.Settings(run=str(trained.folder), recipe=str(tmp_path / "one.toml"))
    assert {row.what["site"] for row in read_maze.run(settings).tables["by_site"]} == {"resid_post:1"}
    with pytest.raises(ValueError, match="not both"):
        read_maze.run(replace(settings, probe=SMALL))
    few = replace(SMALL, targets=("passage",), mazes=20)
    with pytest.raises(ValueError, match="a probe of 'passage' has 33 parameters, but"):
        read_maze.run(read_maze.Settings(run=str(trained.folder), probe=few))
