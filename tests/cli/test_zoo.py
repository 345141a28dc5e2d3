"""The zoo from the command line: listed, published into, asked about by name; nothing is written into the package."""

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

import maze_interp
from maze_interp import experiments, models, training
from maze_interp.cli.commands import main
from maze_interp.experiments import release
from maze_interp.experiments.model_card import Agreement, Card
from maze_interp.tables import Row

PACKAGE = Path(maze_interp.__file__).parent
DATA = {  # every file but Python, caches of any kind and what is being written
    path.relative_to(PACKAGE.parent).as_posix()
    for path in PACKAGE.rglob("*.*")
    if path.is_file() and path.suffix != ".py" and not any(part[0] in "._" for part in path.relative_to(PACKAGE).parts)
}
CHEAP = "wilson-4x4"


@pytest.fixture(autouse=True)
def somewhere_else(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_the_list_has_every_model_and_every_recipe_that_waits(capsys, tmp_path):
    """Also beside a folder that has a model's name."""
    (tmp_path / CHEAP).mkdir()
    assert main(["zoo"]) == 0
    told = capsys.readouterr().out
    above, below = told.split("Recipes that stand ready, untrained:")
    assert [line.split()[0] for line in above.splitlines()[1:] if line] == models.names()
    rows = json.loads((models.named.of_the_zoo(CHEAP) / "behaviour.json").read_text())["rows"]
    exact = next(row for row in rows if row["measure"] == "exact")
    line = next(line for line in above.splitlines() if line.startswith(f"{CHEAP} "))
    assert f"{exact['value']:.1%} ({exact['low']:.1%} to {exact['high']:.1%})" in line
    waiting = {line.split()[0] for line in below.splitlines() if line}
    assert waiting <= set(training.names())
    assert {"rdfs-6x6-large", "rdfs-7x7", "rdfs-10x10", "sizes-4-to-7-large"} <= waiting
    assert not waiting & {*models.names(), "quickstart"}  # wilson-4x4 was trained by the quickstart's recipe


def test_a_run_is_published_as_asked(capsys, monkeypatch):
    asked, exact = [], Row("exact", 0.5, 0.4, 0.6, 12, {"walker": "trained"})
    agreement = Agreement(12, 0.75, 40, 1.0, 0.5, (0.5, 0.5))
    card = Card("mine", training.TrainingRecipe(), [exact], {}, [], "float32", agreement)
    monkeypatch.setattr(release, "publish", lambda *given: asked.append(given[:3]) or card)
    settings = ["--set", "mazes=12", "--set", "format=float16", "--seed", "3"]
    assert main(["publish", "runs/a", "--out", "mine", *settings]) == 0
    assert asked == [("runs/a", "mine", release.Settings(12, 0, "float16", 3))]
    told = capsys.readouterr().out
    assert "walks 50.0% (40.0% to 60.0%) of 12 mazes exactly" in told
    assert "weights in float32; in float16 75.00% of paths would be the same" in told
    assert main(["publish", "runs/a"]) == 2
    assert "where to? say it with --out" in capsys.readouterr().err


def test_findings_about_the_zoo_go_beside_one_s_own_runs(tmp_path, capsys):
    before = {path for path in PACKAGE.rglob("*") if "__pycache__" not in path.parts}
    assert main(["run", "behaviour", "--set", f"run={CHEAP}", "--set", "mazes=5"]) == 0
    numbers = json.loads((tmp_path / "runs" / CHEAP / "behaviour" / "numbers.json").read_text())
    assert numbers["test_mazes"] == 5
    found = tmp_path / "runs" / CHEAP / "attention"
    experiments.write(experiments.Findings("Looked at"), found, experiments.attention.Settings(CHEAP))
    assert main(["report", CHEAP]) == 0
    assert (tmp_path / "runs" / CHEAP / "report.html").exists()
    assert {path for path in PACKAGE.rglob("*") if "__pycache__" not in path.parts} == before


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["run", "behaviour", "--set", "run=wilson-4x44"], "'wilson-4x44'; did you mean 'wilson-4x4'?"),
        (["publish", "nowhere", "--out", "there"], "unknown model (of the zoo, or a folder) 'nowhere'"),
        (["publish", CHEAP, "--out", "there"], "is a published model"),
        (["publish", CHEAP, "--out", "there", "--set", "maze=3"], "unknown key 'maze'; did you mean 'mazes'?"),
        (["zoo", "--seed", "1"], "a list takes no --set, --seed or --out"),
    ],
)
def test_a_mistake_is_told_and_nothing_is_written(arguments, told, capsys, tmp_path):
    assert main(arguments) == 2
    assert told in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_the_wheel_will_hold_every_file_of_the_package():
    """Asked of the builder itself, which packs what it lists."""
    builder = WheelBuilder(str(PACKAGE.parent))
    packed = {Path(file.distribution_path).as_posix() for file in builder.recurse_included_files()}
    assert packed >= DATA
    assert {f"maze_interp/models/zoo/{name}/model.safetensors" for name in models.names()} <= DATA
    assert {"maze_interp/training/variants.toml", "maze_interp/figures/page.css"} <= DATA


@pytest.mark.long
def test_the_wheel_works_outside_a_clone(tmp_path):
    """Built without a network, unpacked elsewhere, and asked for a model from there."""
    clone = tmp_path / "clone"
    shutil.copytree(PACKAGE, clone / "maze_interp", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(PACKAGE.parent / name, clone)
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "dist")]
    subprocess.run(build, cwd=clone, check=True, capture_output=True)
    with zipfile.ZipFile(next((tmp_path / "dist").glob("*.whl"))) as wheel:
        assert set(wheel.namelist()) >= DATA
        wheel.extractall(tmp_path / "unpacked")
    code = f"from maze_interp import models; print(models.load('{CHEAP}').maze_config.rows, models.__file__)"
    there = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True,
                           env={"PYTHONPATH": str(tmp_path / "unpacked"), "PATH": ""})  # fmt: skip
    assert there.stdout.split()[0] == "4"
    assert str(tmp_path / "unpacked") in there.stdout
