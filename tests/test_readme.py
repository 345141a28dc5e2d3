"""The README's tour runs as printed, and what it and its appendices point to exists."""

import re
from pathlib import Path

import pytest

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
