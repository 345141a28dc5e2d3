"""Every notebook runs from top to bottom, with the settings of its first cell replaced by tiny ones."""

import json
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
TINY = {
    "01_first_look": 'world = {"generator": "depth_first", "rows": 3, "cols": 3}\nsteps = 3\nfolder = "run"\n',
    "02_worlds_and_languages": 'rows, cols = 5, 5\ncount = 50\nfolder = "baked"\n',
}


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_runs(notebook: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
