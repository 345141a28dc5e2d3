"""What an experiment found survives the disk, in files that other programs can read."""

import csv
import json
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
import pytest

from maze_interp import experiments, figures, recipes, tables
from maze_interp.experiments import Findings
from maze_interp.experiments.findings import as_table
from tests.figures.test_page import Reader


@dataclass(frozen=True)
class Settings:
    """What an experiment was asked."""

    run: str = "runs/a"
    mazes: int = 3


ROWS = [
    tables.proportion("exact", np.array([True, False, True]), walker="trained"),
    tables.mean("length", np.array([1.0, 2.0]), world="6 x 6"),
    tables.mean("of nothing", np.array([])),
]
FOUND = Findings(
    "A heading <b>",
    ["One sentence.", "Another & more."],
    {"rows": ROWS, "none": []},
    {"drawn": go.Figure(go.Scatter(x=[1], y=[2])), "markup": figures.Html("<p>here</p>")},
    {"exact": 2 / 3, "mazes": 3, "unknown": float("nan")},
)


def same(one, two):
    return json.dumps(one, sort_keys=True) == json.dumps(two, sort_keys=True)  # where nan is nan


def test_findings_survive_the_disk(tmp_path):
    back = experiments.read(experiments.write(FOUND, tmp_path / "f", Settings()))
    assert (back.heading, list(back.sentences)) == (FOUND.heading, FOUND.sentences)
    assert back.figures["drawn"] == FOUND.figures["drawn"]
    assert back.figures["markup"] == FOUND.figures["markup"]
    assert same(dict(back.numbers), FOUND.numbers)
    assert list(back.tables) == ["rows", "none"]
    assert same([vars(row) for row in back.tables["rows"]], [vars(row) for row in ROWS])


def test_the_files_are_what_they_are_called(tmp_path):
    folder = experiments.write(FOUND, tmp_path / "f", Settings(mazes=5))
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    assert files == [
        "figures/drawn.html",
        "figures/markup.html",
        "findings.json",
        "numbers.json",
        "settings.toml",
        "tables/none.csv",
        "tables/rows.csv",
    ]
    assert recipes.load(Settings, folder / "settings.toml") == Settings(mazes=5)
    with open(folder / "tables" / "rows.csv", newline="") as file:
        lines = list(csv.DictReader(file))
    assert [(line["measure"], line["walker"], line["n"]) for line in lines] == [
        ("exact", "trained", "3"),
        ("length", "", "2"),
        ("of nothing", "", "0"),
    ]
    assert "<p>here</p>" in (folder / "figures" / "markup.html").read_text()


def test_numbers_are_numbers_for_every_reader_of_json(tmp_path):
    def refuse(word):
        raise AssertionError(f"{word} is not JSON")

    folder = experiments.write(FOUND, tmp_path / "f", Settings())
    numbers = json.loads((folder / "numbers.json").read_text(), parse_constant=refuse)
    assert numbers == {"exact": 2 / 3, "mazes": 3, "unknown": None}


def test_findings_are_never_overwritten(tmp_path):
    experiments.write(FOUND, tmp_path / "f", Settings())
    with pytest.raises(ValueError, match="f already holds something"):
        experiments.write(FOUND, tmp_path / "f", Settings())


def test_a_folder_without_findings_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"holds no findings: it has no findings\.json"):
        experiments.read(tmp_path)


def test_a_section_shows_everything_in_order():
    markup = figures.page_html("t", [experiments.section(FOUND)])
    text = Reader(markup).text
    shown = [
        "A heading <b>",
        "One sentence.",
        "Another & more.",
        "here",
        "rows",
        "trained",
        "0.667 (0.208 to 0.939; n 3)",
        "no such maze",
    ]
    places = [text.index(word) for word in shown]
    assert places == sorted(places)
    assert '<th scope="col">walker</th>' in markup


def test_one_condition_is_read_across():
    one, two = (
        tables.proportion("exact", np.array([True, solved]), walker=who) for who, solved in (("a", True), ("b", False))
    )
    control = tables.proportion("valid", np.array([True]))
    table = as_table("some_rows", [one, two, control])
    assert table.columns == ["measure", "a", "b", ""]
    assert [row[0] for row in table.rows] == ["exact", "valid"]
    assert table.rows[0][1].startswith("1.000 (")
    assert table.rows[0][2].startswith("0.500 (")
    assert table.rows[1][1:3] == ["", ""]
    assert table.caption.startswith("some rows")
