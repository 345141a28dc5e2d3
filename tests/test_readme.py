"""The README's tour runs as printed, what it and its appendices point to exists, its models are as on their cards."""

import json
import re
from pathlib import Path

import pytest

from maze_interp import models, training

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
TEXTS = [README, *sorted((ROOT / "notebooks").glob("*.md"))]


def test_tour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), flags=re.DOTALL)
    assert len(blocks) == 6
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {}
    for block in blocks:
        exec(compile(block.replace("1000", "60"), str(README), "exec"), namespace)


@pytest.mark.parametrize("text", TEXTS, ids=lambda path: path.name)
def test_pictures_files_and_sections_it_names_exist(text: Path) -> None:
    linked = re.findall(r"\]\(([^)\s]+)\)", text.read_text())
    named = re.findall(r"(?:`|\s)(datasets/[\w-]+\.toml|notebooks/[\w-]+\.ipynb)", text.read_text())
    assert linked
    assert all((ROOT / name).exists() for name in named)
    for link in linked:
        file, _, section = link.partition("#")
        target = text.parent / file if file else text
        assert target.exists(), link
        titles = re.findall(r"^#+ (.*)$", target.read_text(), flags=re.MULTILINE) if section else []
        assert not section or section in [title.lower().replace(" ", "-").replace(",", "") for title in titles], link


def test_what_the_command_line_can_do_is_told_and_no_more() -> None:
    from maze_interp.cli.commands import parser
    from maze_interp.experiments import EXPERIMENTS

    told = re.findall(r"^maze-interp (.*?)(?:  +#.*)?$", README.read_text(), flags=re.MULTILINE)
    assert len(told) > 20
    for line in told:
        options = parser().parse_args(line.split())
        assert getattr(options, "experiment", None) in (None, *EXPERIMENTS), line


def test_models_stand_there_as_on_their_cards() -> None:
    """Every model of the zoo has a row with its checkpoints, its weights and the share on its card."""
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in README.read_text().splitlines()]
    rows = [row for row in rows if len(row) == 4 and row[0].startswith("`")]
    told = {}
    for called, _, weights, shares in rows:
        found = re.findall(r"`([\w-]+)`(?: \((\d+) checkpoints\))?", called)
        first = re.sub(r"-k\d$|-seed\d$", "", found[0][0])
        for (name, kept), share in zip(found, re.findall(r"[\d.]+%(?: \(\d[^)]*\))?", shares), strict=False):
            told[first + name if name.startswith("-") else name] = (kept, weights, share)
    assert list(models.names()) == sorted(told)
    for name, (kept, weights, share) in told.items():
        card = json.loads((models.locate(name) / "behaviour.json").read_text())
        steps = len(training.open_run(name).checkpoints)
        mine = {row["measure"]: row for row in card["rows"] if row["what"].get("walker") == "trained"}
        row = mine["optimal"] if "percolated" in name else mine["exact"]
        whole = f"{row['value']:.1%} ({100 * row['low']:.1f} to {100 * row['high']:.1f})"
        assert share in (whole, f"{row['value']:.1%}"), name
        assert weights == f"{card['parameters']:,}", name
        assert kept == (str(steps) if steps > 1 else ""), name
