"""The README's tour runs as printed, with the quickstart model replaced by an untrained one of its shape."""

import re
from pathlib import Path

import pytest

from maze_interp import models, training

README = Path(__file__).parents[1] / "README.md"


def test_tour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), flags=re.DOTALL)
    assert len(blocks) == 4
    monkeypatch.chdir(tmp_path)
    models.save(models.build(training.find("quickstart").model, seed=0), "runs/quickstart")
    namespace: dict[str, object] = {}
    for block in blocks:
        exec(compile(block.replace("1000", "60"), str(README), "exec"), namespace)


def test_pictures_and_files_it_names_exist() -> None:
    text = README.read_text()
    for name in re.findall(r"\]\(([^)]+)\)|(?:`|\s)(datasets/[\w-]+\.toml|notebooks/[\w-]+\.ipynb)", text):
        path = next(filter(None, name))
        assert (README.parent / path).exists(), path
