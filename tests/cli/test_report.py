"""The report is one page that asks nothing of a network and says what was found, without measuring anything twice."""

import json
import re
import shutil

import pytest
from plotly.offline import get_plotlyjs

from maze_interp import experiments
from maze_interp.cli.report import report
from maze_interp.experiments import Findings, attention, behaviour
from maze_interp.figures.style import inside_script
from tests import tiny
from tests.figures.test_page import Reader


@pytest.fixture(scope="module")
def page(trained, tmp_path_factory):
    """The report of a run whose behaviour was measured on a few mazes, and which a third experiment was run on."""
    folder = shutil.copytree(trained.folder, tmp_path_factory.mktemp("report") / "run")
    few = behaviour.Settings(run=str(folder), mazes=30)
    experiments.write(behaviour.run(few), folder / "behaviour", few)
    extra = Findings("Something else", ["A third experiment found <this>."])
    experiments.write(extra, folder / "extra", attention.Settings())
    return report(folder)


def test_it_is_one_file_that_asks_nothing_of_a_network(page):
    markup = page.read_text()
    seen = Reader(markup)
    addresses = [value for _, attrs in seen.tags for name, value in attrs.items() if name in {"src", "href", "srcset"}]
    assert all(address.startswith(("#", "data:")) for address in addresses)
    own = markup.replace(inside_script(get_plotlyjs()), "")
    own = re.sub(r'"use strict";var CircuitsVis=.*?</script>', "", own, flags=re.DOTALL)
    assert not re.search(r"https?://|fetch\(|XMLHttpRequest|import\(|//cdn", own)


def test_it_says_what_was_found(page):
    text = Reader(page.read_text()).text
    numbers = json.loads((page.parent / "behaviour" / "numbers.json").read_text())
    assert (
        text.count(f"Of 30 test mazes the model walks {numbers['exact']:.1%} exactly") == 2
    )  # first, and in its place
    headings = ["What was trained", "How it learned", "Behaviour on unseen mazes", "Attention on the maze"]
    places = [text.rindex(heading) for heading in [*headings, "Something else"]]
    assert places == sorted(places)
    assert "A third experiment found <this>." in text


def test_it_says_what_was_trained(page, trained):
    text = Reader(page.read_text()).text
    weights = sum(weight.numel() for weight in trained.model().parameters())
    for fact in (
        tiny.LEARNS.reason,
        "depth_first, 3 x 3 cells",
        "2 layers, d_model 32, 2 heads",
        f"{weights:,}",
        "256 steps of 8 mazes x 4 paths",
        'name = "learns"',
        f"{trained.metrics[-1]['exact']:.0%} of held-out mazes are walked exactly",
    ):
        assert fact in text, fact


def test_nothing_is_measured_twice(page):
    found = page.parent / "attention" / "findings.json"
    before, markup = found.stat().st_mtime_ns, page.read_bytes()
    assert report(page.parent) == page
    assert page.read_bytes() == markup
    assert found.stat().st_mtime_ns == before


def test_it_can_be_written_elsewhere(page, tmp_path):
    assert report(page.parent, tmp_path / "there") == tmp_path / "there" / "report.html"
    assert (tmp_path / "there" / "report.html").read_bytes() == page.read_bytes()


def test_a_run_that_is_not_finished_is_refused(page, tmp_path):
    folder = shutil.copytree(page.parent, tmp_path / "run")
    shutil.rmtree(folder / "model")
    with pytest.raises(ValueError, match="is not finished; resume it first"):
        report(folder)
