"""Every notebook runs from top to bottom, with the settings of its first cell replaced by tiny ones."""

import json
import shutil
from pathlib import Path

import pytest

from maze_interp.training import TrainingRun

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
TINY = {
    "01_first_look": 'world = {"generator": "depth_first", "rows": 3, "cols": 3}\nsteps = 3\nfolder = "run"\n',
    "02_worlds_and_languages": 'rows, cols = 5, 5\ncount = 50\nfolder = "baked"\n',
    "03_search_or_heuristics": 'run = "trained"\ncount = 60\n',
    "04_reading_the_model": 'run = "trained"\ncount = 120\n',
}


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_runs(notebook: Path, trained: TrainingRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(trained.folder, tmp_path / "trained")
    monkeypatch.chdir(tmp_path)
    cells = [
        "".join(cell["source"]) for cell in json.loads(notebook.read_text())["cells"] if cell["cell_type"] == "code"
    ]
    assert cells[0].startswith("# settings")
    namespace: dict[str, object] = {}
    for source in [TINY[notebook.stem], *cells[1:]]:
        exec(compile(source, str(notebook), "exec"), namespace)


def test_notebooks_carry_no_outputs() -> None:
    cells = [cell for path in NOTEBOOKS for cell in json.loads(path.read_text())["cells"]]
    assert cells
    assert not any(cell.get("outputs") for cell in cells)
