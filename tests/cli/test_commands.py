"""The command line does what it says, tells what it made, and answers a mistake with status 2 and the nearest name."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from maze_interp import experiments, mazes, recipes, storage, training
from maze_interp.cli.commands import main, parser
from maze_interp.mazes import DatasetRecipe, World
from tests import tiny

COMMANDS = ["quickstart", "bake", "gallery", "train", "publish", "zoo", "sweep", "run", "report"]
FEW = replace(tiny.LEARNS, name="few", steps=12, validation=training.Validation(every=6, mazes=8))


@pytest.fixture(autouse=True)
def somewhere_else(tmp_path, monkeypatch):
    """Every command runs in an empty folder beside a recipe."""
    (tmp_path / "few.toml").write_text(recipes.to_toml(FEW))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run_folder(trained, tmp_path):
    """A trained run that may be written into."""
    return shutil.copytree(trained.folder, tmp_path / "run")


def refused(capsys, *arguments):
    """What is said on standard error when the arguments cannot be used, in one line."""
    assert main(arguments) == 2
    told = capsys.readouterr().err.splitlines()
    assert [line for line in told if line.startswith("maze-interp: ")] == [told[-1]]
    return told[-1]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_and_takes_the_same_options(command, capsys):
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0
    told = capsys.readouterr().out
    for option in ("--set KEY=VALUE", "--seed SEED", "--out DIR"):
        assert option in told
    assert command in parser().format_help()


@pytest.mark.parametrize("arguments", [[], ["trian"], ["bake"], ["report"], ["train", "few.toml", "--seed", "one"]])
def test_what_is_no_command_is_refused(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert "maze-interp" in capsys.readouterr().err


def test_a_run_from_training_to_report(tmp_path, capsys):
    assert main(["train", "few.toml", "--out", "here", "--set", "mazes_per_step=4", "--seed", "7"]) == 0
    assert "trained: here" in capsys.readouterr().out
    run = training.open_run("here")
    assert run.recipe == replace(FEW, mazes_per_step=4, seed=7)
    assert run.metrics[-1]["step"] == 12
    assert main(["run", "behaviour", "--set", "run=here", "--set", "mazes=10", "--seed", "2"]) == 0
    told = capsys.readouterr().out
    numbers = json.loads((tmp_path / "here" / "behaviour" / "numbers.json").read_text())
    assert numbers["test_mazes"] == 10
    assert told.startswith("Of 10 test mazes the model walks")
    settings = recipes.load(experiments.behaviour.Settings, "here/behaviour/settings.toml")
    assert settings == experiments.behaviour.Settings("here", 10, 0, 2)
    with open("here/behaviour/tables/rollouts.csv", newline="") as file:
        assert {line["walker"] for line in csv.DictReader(file)} == {"trained", "untrained", "random walk"}
    assert main(["report", "here"]) == 0
    assert "Of 10 test mazes" in (tmp_path / "here" / "report.html").read_text()
    assert str(tmp_path / "here" / "report.html") in capsys.readouterr().out


def test_a_recipe_is_trained_into_a_folder_of_its_name(tmp_path, capsys):
    assert main(["train", "few.toml", "--set", "steps=2"]) == 0
    assert training.open_run(tmp_path / "runs" / "few").recipe.steps == 2
    assert "runs/few already holds something" in refused(capsys, "train", "few.toml")


def test_a_data_set_is_baked_and_summed_up(tmp_path, capsys):
    recipe = DatasetRecipe("set", World(rows=3, cols=3), 50, 3, 5, "a test")
    (tmp_path / "set.toml").write_text(recipes.to_toml(recipe))
    assert main(["bake", "set.toml", "--set", "count=20", "--seed", "4"]) == 0
    told = capsys.readouterr().out
    assert told.splitlines()[-1] == "datasets/baked/set"
    assert len(mazes.load_baked("datasets/baked/set")) == 20
    assert len(mazes.load_baked("datasets/baked/set", mazes.TEST)) == 5
    assert recipes.load(DatasetRecipe, "datasets/baked/set/recipe.toml").seed == 4
    summary = json.loads((tmp_path / "datasets" / "baked" / "set" / "summary.json").read_text())
    told = dict(line.split(maxsplit=1) for line in told.splitlines() if len(line.split()) > 1)
    assert set(told) == set(summary)
    assert told["train_mazes"] == "20"
    assert told["acceptance"] == f"{summary['acceptance']:.4g}"
    assert told["acceptance_draws"] == f"{summary['acceptance_draws']:,}"
    assert main(["bake", "set.toml", "--out", "elsewhere"]) == 0
    assert len(mazes.load_baked("elsewhere")) == 50
    assert "elsewhere already holds something" in refused(capsys, "bake", "set.toml", "--out", "elsewhere")


def test_what_was_interrupted_is_gone_on_with(tmp_path, capsys, monkeypatch):
    plain = training.train

    def press(status):
        if status.step == 3:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(training, "train", lambda recipe, folder, progress: plain(recipe, folder, progress=press))
    assert main(["train", "few.toml", "--out", "here"]) == 0
    assert "go on with: maze-interp train --resume here" in capsys.readouterr().out
    assert "is not finished; resume it first" in refused(capsys, "report", "here")
    with storage.turn("here"):
        assert f"process {os.getpid()} on " in refused(capsys, "train", "--resume", "here")
    assert main(["train", "--resume", "here"]) == 0
    assert "trained: here" in capsys.readouterr().out
    assert training.open_run("here").metrics[-1]["step"] == 12


def test_quickstart_trains_once_goes_on_and_reports(tmp_path, capsys, monkeypatch):
    asked = []
    monkeypatch.setattr(training, "find", lambda name: asked.append(name) or FEW)
    assert main(["quickstart", "--set", "steps=8"]) == 0
    page = tmp_path / "runs" / "quickstart" / "report.html"
    assert "% exactly" in capsys.readouterr().out
    first = page.read_bytes()
    page.unlink()
    assert main(["quickstart"]) == 0  # trains nothing, measures nothing
    assert asked == ["quickstart"]
    assert page.read_bytes() == first
    (tmp_path / "runs" / "quickstart" / "model" / "config.json").unlink()  # as if stopped
    assert main(["quickstart"]) == 0
    assert page.read_bytes() == first
    assert "holds a run already, which --set and --seed cannot change" in refused(capsys, "quickstart", "--seed", "1")


@pytest.mark.parametrize(
    ("arguments", "names"),
    [(["train", "--list"], training.names()), (["run", "--list"], experiments.EXPERIMENTS), (["run"], ["behaviour"])],
)
def test_lists_name_everything_and_say_why(arguments, names, capsys):
    assert main(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert {line.split()[0] for line in lines} >= set(names)
    assert all(len(line.split()) > 3 for line in lines)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["train", "few.tmol"], "unknown training recipe (or TOML file) 'few.tmol'"),
        (["train", "quickstrat"], "'quickstrat'; did you mean 'quickstart'?"),
        (["train"], "which recipe? give a TOML file or one of: "),
        (["train", "few.toml", "--set", "stepz=3"], "unknown key 'stepz'; did you mean 'steps'?"),
        (["train", "few.toml", "--set", "model.head=3"], "unknown key 'model.head'; did you mean 'model.heads'?"),
        (["train", "few.toml", "--set", "steps"], "--set steps: give it as key=value"),
        (["train", "few.toml", "--set", "steps=many"], "steps"),
        (["train", "few.toml", "--set", "model.heads=5"], "d_model 32 is not a multiple of heads 5"),
        (["train", "--resume", "nowhere"], "nowhere holds no training run"),
        (["train", "few.toml", "--resume", "nowhere"], "give no recipe, --set, --seed, --out or --cost beside it"),
        (["train", "--resume", "nowhere", "--out", "there"], "give no recipe, --set, --seed, --out or --cost beside"),
        (["train", "--resume", "nowhere", "--cost"], "give no recipe, --set, --seed, --out or --cost beside it"),
        (["run", "behavior"], "unknown experiment 'behavior'; did you mean 'behaviour'?"),
        (["run", "behaviour"], "which run? give the folder of a training run"),
        (["run", "behaviour", "--set", "runs=a"], "unknown key 'runs'; did you mean 'run'?"),
        (["run", "behaviour", "--set", "run=nowhere"], "unknown model (of the zoo, or a folder) 'nowhere'"),
        (["run", "shifts", "--set", "run=a,b"], "shifts of several runs belongs to none of them: say where with --out"),
        (["bake", "nowhere.toml"], "nowhere.toml"),
        (["bake", "few.toml"], "few.toml: unknown key"),
        (["report", "nowhere"], "unknown model (of the zoo, or a folder) 'nowhere'"),
        (["report", "nowhere", "--set", "mazes=3"], "`maze-interp run` takes --set and --seed"),
    ],
)
def test_a_mistake_is_told_with_what_would_be_right(arguments, told, capsys, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    assert told in refused(capsys, *arguments)
    assert sorted(tmp_path.rglob("*")) == before  # and nothing was written


def test_a_run_that_diverges_is_a_status_not_a_traceback(capsys):
    told = refused(capsys, "train", "few.toml", "--out", "here", "--set", "optimiser.learning_rate=1e30")
    assert "gradient norm" in told
    assert "the last good checkpoint is here/checkpoints/step_" in told


def test_it_starts_as_a_module_and_explains_itself_without_waiting_for_torch():
    module = subprocess.run([sys.executable, "-m", "maze_interp", "--help"], capture_output=True, text=True)
    assert module.returncode == 0
    assert all(command in module.stdout for command in COMMANDS)
    code = "import sys; from maze_interp.cli import commands; commands.parser(); assert 'torch' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            ["run", "behaviour", "--help"],
            ["Does the model walk its mazes?", "\nmazes = 1000\n", "how long a shortest path"],
        ),
        (["train", "quickstart", "--help"], [training.find("quickstart").reason, "\n[model]\nlayers = "]),
        (["run", "--help"], ["Run an experiment"]),
    ],
)
def test_help_tells_what_can_be_set_of_what_is_named(arguments, told, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 0
    said = capsys.readouterr().out
    assert all(part in said for part in told)


def test_help_of_what_is_not_there_names_the_nearest(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["run", "behavior", "--help"])
    assert stop.value.code == 2
    assert "did you mean 'behaviour'" in capsys.readouterr().err
