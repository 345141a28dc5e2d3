"""A model that others trained becomes a run that experiments take, and that claims nothing about how it was trained."""

import json

import numpy as np
import pytest

from maze_interp import mazes, models, training
from maze_interp.cli import report
from maze_interp.cli.commands import main
from maze_interp.experiments import behaviour, search_or_heuristic
from tests import zanj_files as files

UNIFORM = {"tokenization_mode": "AOTP_UT_uniform", "max_grid_size": 3}


@pytest.fixture
def file(tmp_path):
    return files.model_file(tmp_path / "theirs.zanj", files.weights(20), {}, dict(UNIFORM))


def adopted(file, folder):
    found = models.import_zanj(file)
    return training.adopt(found, training.recipe_of(found, file), folder, source=file)


def test_an_adopted_model_is_a_run_whose_model_is_theirs(tmp_path, file):
    run = training.open_run(adopted(file, tmp_path / "run").folder)
    assert training.trained_elsewhere(run)
    mine, theirs = models.weights_of(run.model()), models.weights_of(models.import_zanj(file).model)
    assert all(np.array_equal(mine[name], theirs[name]) for name in theirs)
    assert run.recipe.world == mazes.World(rows=3, cols=3, knobs={"forks": False})
    assert run.metrics == []
    assert run.checkpoints == {}
    assert "theirs.zanj" in run.recipe.reason


def test_a_run_that_was_trained_here_is_not_taken_for_one(trained):
    assert not training.trained_elsewhere(trained)


def test_experiments_take_it_and_claim_nothing_about_its_training(tmp_path, file):
    run = adopted(file, tmp_path / "run")
    found = behaviour.run(behaviour.Settings(run=str(run.folder), mazes=20))
    assert found.numbers["test_mazes"] == 20
    assert "training_mazes_read" not in found.numbers
    assert any("is not known" in sentence for sentence in found.sentences)
    walker = search_or_heuristic.walker_of(run, "model", seed=0)
    memory = search_or_heuristic.memory_of(run, walker, mazes.draw(run.recipe.world, 5, seed=0), seed=0)
    assert [np.isnan(one.row.value) for one in memory.predictions] == [True]
    said = str(report.trained(run))
    assert "elsewhere, unknown here" in said
    assert "steps of" not in said


def test_a_context_for_mazes_with_few_passages_is_no_obstacle(tmp_path):
    """Forkless mazes of 3 x 3 take 51 tokens at most, a lattice with every passage open 66."""
    state = files.weights(20)
    state["pos_embed.W_pos"] = state["pos_embed.W_pos"][:51]
    file = files.model_file(tmp_path / "m.zanj", state, {"seq_len_max": 51}, dict(UNIFORM))
    run = adopted(file, tmp_path / "run")
    assert run.model().cfg.n_ctx == 51
    models.rollout(run.model(), mazes.draw(run.recipe.world, 20, seed=0))


def test_the_command_line_imports_and_changes_the_world_alone(tmp_path, file, capsys):
    out = tmp_path / "run"
    assert (
        main(["import", str(file), "--out", str(out), "--set", "world.generator=wilson", "--set", "world.knobs="]) == 2
    )
    assert not out.exists()
    assert main(["import", str(file), "--out", str(out), "--set", "world.min_length=3"]) == 0
    assert "20 of its 20 tokens" in capsys.readouterr().out
    assert training.open_run(out).recipe.world.min_length == 3
    assert json.loads((out / "provenance.json").read_text())["trained_elsewhere"]["vocabulary"] == 20


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--set", "model.heads=4"], "is what it is"),
        (["--set", "world.rows=4"], "do not fit a vocabulary"),
        (["--set", "steps=x"], "steps must be int"),
    ],
)
def test_what_cannot_be_imported_leaves_nothing(tmp_path, file, capsys, arguments, reason):
    assert main(["import", str(file), "--out", str(tmp_path / "run"), *arguments]) == 2
    assert reason in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["theirs.zanj"]


def test_a_tampered_file_or_a_folder_that_is_taken_is_refused(tmp_path, file, capsys):
    bad = files.write(tmp_path / "bad.zanj", {}, {"../evil.npy": b"x"})
    assert main(["import", str(bad), "--out", str(tmp_path / "run")]) == 2
    assert "outside of the folder" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
    assert not (tmp_path.parent / "evil.npy").exists()
    adopted(file, tmp_path / "run")
    assert main(["import", str(file), "--out", str(tmp_path / "run")]) == 2
    assert "already holds something" in capsys.readouterr().err
