"""Reading a run ends in sentences that state its numbers, and every packaged probe recipe can be followed."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from maze_interp import figures, mazes, probing, recipes
from maze_interp.experiments import read_maze
from maze_interp.mazes import World
from maze_interp.probing import ProbeRecipe

RECIPES = sorted((Path(__file__).parents[2] / "probes").glob("*.toml"))
TRAINED = sorted(path.parent for path in (Path(__file__).parents[2] / "probes" / "trained").glob("*/probes.json"))
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
    assert set(found.figures) == {"beyond", "beyond_shuffled", "selectivity", "passage_by_site", "decoded"}


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
    row = next(row for row in found.tables["selectivity"] if row.what == {"target": "goal", "site": "resid_post:1"})
    assert row.low <= row.value <= row.high
    (said,) = [one for one in found.sentences if one.startswith("Selectivity (Hewitt & Liang 2019)")]
    assert all(f" on {found.numbers[f'{fact}: control task']:.3f}" in said for fact in ("goal", "next_step", "passage"))
    title = figures.plain(found.figures["beyond"].layout.title.text)
    some = sum(name.endswith("sites found at") and value > 0 for name, value in found.numbers.items())
    assert title.startswith(f"{some} of ")


def test_predictions_are_judged_by_intervals(found):
    verdicts = {1: "as predicted", 0: "which these mazes do not tell", -1: "against the prediction"}
    claims = {(row.measure, row.what["target"]): row for row in found.tables["claims"]}
    earlier = claims[probing.EARLIER, "passage"]
    (said,) = [one for one in found.sentences if one.startswith("Predicted: passage is read best before the last")]
    assert f"{earlier.value:+.3f} ({earlier.low:+.3f} to {earlier.high:+.3f}) against {earlier.what['than']}" in said
    assert said.endswith(f"{verdicts[probing.sign(earlier)]}.")
    (nearer,) = [row for (measure, _), row in claims.items() if measure == probing.NEARER]
    (said,) = [one for one in found.sentences if one.startswith("Predicted: the less is told")]
    assert said.startswith(f"Predicted: the less is told of what lies ahead the farther it is. On {nearer.n} mazes")
    assert said.endswith(f"{verdicts[probing.sign(nearer)]}.")


def test_tokens_and_cells_together_are_a_control_unless_one_tells_the_fact(found):
    compared = {(row.measure, row.what["target"]) for row in found.tables["beyond_controls"]}
    assert ("beyond tokens and cells", "passage") in compared
    assert ("beyond tokens and cells", "goal") not in compared
    both = found.numbers["goal: tokens and cells"]
    assert both == 1.0


def test_saved_probes_read_the_run_again(found, saved, trained):
    back = probing.load(saved)
    model = trained.model()
    batch = probing.split(trained.recipe.world, model.maze_tokenizer, SMALL, seed=9)[2]
    told = probing.apply(back, "passage", model, batch)
    truth = probing.labels(batch, ["passage"]).outputs
    assert np.mean((told > 0.5) == (truth > 0.5)) == pytest.approx(found.numbers["passage: model"], abs=0.08)
    with pytest.raises(ValueError, match="was trained on another model"):
        probing.apply(back, "passage", trained.model(0), batch)


def test_mazes_are_decoded_by_saved_probes(found, saved, trained):
    """Right in as many passages as when it was fitted: 720 passages each time: 0.08 is about four standard errors."""
    said = []
    page = read_maze.run(
        read_maze.Settings(run=str(trained.folder), probes=str(saved)), lambda *given: said.append(given)
    )
    assert said[-1] == (60, 60)
    right, chance, gap = page.tables["decoded"]
    assert right.value == pytest.approx(found.numbers["passage: model"], abs=0.08)
    assert gap.value == pytest.approx(right.value - chance.value)
    assert f"reads {right.value:.1%} of the passages of 60 test mazes right" in page.sentences[0]
    assert f"the majority of each passage {found.numbers['passage: majority']:.1%}" in page.sentences[0]
    assert set(page.figures) == {"decoded"}
    with pytest.raises(ValueError, match="or what to fit and where to save it, not both"):
        read_maze.run(read_maze.Settings(run=str(trained.folder), probes=str(saved), save="elsewhere"))
    with pytest.raises(ValueError, match="holds no trained probes"):
        read_maze.run(read_maze.Settings(run=str(trained.folder), probes=str(trained.folder)))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_probe_recipe_says_why_and_can_be_followed(path, trained):
    recipe = recipes.load(ProbeRecipe, path)
    assert recipe.name == path.stem
    assert recipe.reason
    model = trained.model()
    count = 200 if recipe.method == probing.BILINEAR else 80
    small = replace(recipe, mazes=count, unseen=30, rank=1, targets=tuple(set(recipe.targets) - {"solved"}))
    asked = probing.split(trained.recipe.world, model.maze_tokenizer, small, seed=1)
    small = replace(small, targets=tuple(set(small.targets) - set(probing.refusals(model, asked, small))))
    assert probing.probe(model, trained.model(0), asked, small, seed=1).scores


@pytest.mark.parametrize("folder", TRAINED, ids=lambda path: path.name)
def test_packaged_probes_are_small_and_draw_mazes_from_what_they_read(folder, trained):
    kept = probing.load(folder)
    assert sum(file.stat().st_size for file in folder.iterdir()) < 100_000
    best = kept.result.best["passage"]
    features = np.random.default_rng(0).normal(size=(3, len(best.fit.weight))).astype(np.float32)
    passages = probing.decoded(best.fit.predict(features), kept.rows, kept.cols)
    assert passages.shape == (3, 2, kept.rows, kept.cols)
    asked = probing.ask(
        trained.model().maze_tokenizer, mazes.draw(World(rows=3, cols=3), 2, seed=0), "path_start", seed=0
    )
    with pytest.raises(ValueError, match="was trained on another model"):
        probing.apply(kept, "passage", trained.model(), asked)


def test_the_published_scores_stand_beside_ours(trained, tmp_path):
    recipe = recipes.load(ProbeRecipe, next(path for path in RECIPES if path.stem == "published"))
    known = recipe.published
    assert len(known.after_layer) == 12  # the published model's layers
    assert known.always_yes == pytest.approx((144 - 2 * 35) / 144, abs=1e-4)  # a tree's share of walls on 6 x 6
    (tmp_path / "one.toml").write_text(recipes.to_toml(replace(recipe, mazes=120, unseen=60)))
    said = []
    settings = read_maze.Settings(run=str(trained.folder), recipe=str(tmp_path / "one.toml"))
    page = read_maze.run(settings, lambda *given: said.append(given))
    assert said[-1] == (480, 480)  # nothing is walked where nobody asks what was solved
    text = page.sentences[1]
    assert text.startswith(
        f"Published ({known.source}; {known.of}): wall 0.754 after layer 0, most after layer 2, 0.946"
    )
    assert "mazes of 3 x 3, so compare each with its own controls" in text
    for control in ("majority", "tokens", "untrained", "always yes"):
        assert f"{page.numbers[f'wall: {control}']:.3f}" in text
    assert len(page.figures["published"].data[0].x) == 12


def test_bilinear_probes_are_read_and_saved_like_the_others(trained, tmp_path):
    recipe = replace(SMALL, targets=("ahead_2", "passage"), position="current", method="bilinear", rank=1, mazes=200)
    settings = read_maze.Settings(run=str(trained.folder), probe=recipe, save=str(tmp_path / "probes"))
    page = read_maze.run(settings)
    assert page.sentences[0].startswith("Probes (bilinear, rank 1) of 1 targets")
    assert page.sentences[-1] == "Not asked: a bilinear probe answers with a cell, which 'passage' is not."
    assert {"majority", "shuffled", "tokens", "edges", "cells", "untrained"} <= {
        row.what["features"] for row in page.tables["facts"]
    }
    assert probing.load(tmp_path / "probes").result.best["ahead_2"].fit.left.shape == (32, 1)
    settings = read_maze.Settings(run=str(trained.folder), probe=replace(recipe, rank=4, targets=("ahead_2",)))
    with pytest.raises(ValueError, match="a probe of 'ahead_2' has 240 parameters, but"):
        read_maze.run(settings)


def test_progress_counts_mazes_walked_and_read(trained):
    said = []
    recipe = replace(SMALL, targets=("goal", "solved"))
    read_maze.run(read_maze.Settings(run=str(trained.folder), probe=recipe), lambda *given: said.append(given))
    assert said[-1] == (720, 720)
    assert said[0][0] <= 64
    assert [done for done, _ in said] == sorted(done for done, _ in said)
    assert {total for _, total in said} == {720}


def test_a_recipe_is_followed_or_settings_are(trained, tmp_path):
    (tmp_path / "one.toml").write_text(recipes.to_toml(replace(SMALL, targets=("passage",), sites=("resid_post:1",))))
    settings = read_maze.Settings(run=str(trained.folder), recipe=str(tmp_path / "one.toml"))
    assert {row.what["site"] for row in read_maze.run(settings).tables["by_site"]} == {"resid_post:1"}
    with pytest.raises(ValueError, match="not both"):
        read_maze.run(replace(settings, probe=SMALL))
    few = replace(SMALL, targets=("passage",), mazes=20)
    with pytest.raises(ValueError, match="a probe of 'passage' has 33 parameters, but"):
        read_maze.run(read_maze.Settings(run=str(trained.folder), probe=few))
