"""A page is one file that asks nothing of a network, and shows text as text."""

import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import pytest
from plotly.offline import get_plotlyjs

from maze_interp import figures
from maze_interp.figures.style import inside_script

EVIL = '</script><script>alert("x")</script> & <b>bold</b>'


class Reader(HTMLParser):
    """What a browser would see: tags with attributes, text outside scripts, and the scripts."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text, self.scripts, self.styles, self.open = "", [], [], ""
        self.feed(markup)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.open = tag

    def handle_endtag(self, tag: str) -> None:
        self.open = ""

    def handle_data(self, data: str) -> None:
        if self.open == "script":
            self.scripts.append(data)
        elif self.open == "style":
            self.styles.append(data)
        else:
            self.text += data


def figure() -> go.Figure:
    drawn = go.Figure(go.Scatter(x=[1], y=[2], name=EVIL, text=[EVIL]))
    return figures.finish(drawn, EVIL, "x", EVIL)


def page() -> str:
    parts = [EVIL, figures.Table([EVIL, "n"], [[EVIL, 3]], EVIL), figure(), figure()]
    return figures.page_html(EVIL, [figures.Section(EVIL, parts), figures.Section("two", ["a `code`"])], lead=EVIL)


def attention() -> figures.Html:
    pattern = np.ones((1, 1, 3, 3)) / 3
    return figures.Html(figures.circuitsvis_attention(["a", EVIL, "c"], pattern, layer=0))


def test_nothing_is_requested_from_anywhere() -> None:
    markup = figures.page_html("t", [figures.Section("s", [figure(), attention()])])
    seen = Reader(markup)
    addresses = [value for _, attrs in seen.tags for name, value in attrs.items() if name in {"src", "href", "srcset"}]
    assert all(address.startswith(("#", "data:")) for address in addresses)
    assert not {tag for tag, _ in seen.tags} & {"iframe", "img", "object", "embed", "base", "form", "audio", "video"}
    assert all("url(" not in sheet and "@import" not in sheet for sheet in seen.styles)
    (policy,) = [attrs["content"] for _, attrs in seen.tags if attrs.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "http" not in policy
    assert "connect-src" not in policy
    own = markup.replace(inside_script(get_plotlyjs()), "")
    own = re.sub(r'"use strict";var CircuitsVis=.*?</script>', "", own, flags=re.DOTALL)
    assert not re.search(r"https?://|fetch\(|XMLHttpRequest|import\(|//cdn", own)


def test_text_is_shown_as_it_is_and_opens_no_script() -> None:
    seen = Reader(page())
    assert len(seen.scripts) == 3  # the library and two figures
    assert not any(script.strip().startswith("alert") for script in seen.scripts)
    assert seen.text.count(EVIL) == 11  # title twice, contents, lead, heading, text, caption, column, cell, two figures
    assert ("code", {}) in seen.tags


def test_figures_survive_the_page_and_their_titles_become_text() -> None:
    seen = Reader(page())
    drawn = json.loads(re.search(r"const f = (.*?); Plotly\.newPlot", seen.scripts[1]).group(1))
    assert drawn["data"][0]["name"] == EVIL
    assert "title" not in drawn["layout"] or not drawn["layout"]["title"]
    assert [attrs["id"] for _, attrs in seen.tags if "figure-" in attrs.get("id", "")] == ["figure-1", "figure-2"]


def test_the_library_is_inlined_once_and_only_for_figures() -> None:
    assert page().count(inside_script(get_plotlyjs())[:200]) == 1
    assert len(figures.page_html("t", [figures.Section("s", ["text"])])) < 10_000


def test_the_contents_lead_to_every_section() -> None:
    seen = Reader(page())
    targets = [attrs["href"] for tag, attrs in seen.tags if tag == "a"]
    ids = [attrs["id"] for tag, attrs in seen.tags if tag == "section"]
    assert targets == [f"#{name}" for name in ids] == ["#s1", "#s2"]


def test_numbers_in_tables_are_short_and_words_are_not_numbers() -> None:
    table = figures.Table(["a", "b", "c"], [[0.123456, 1_234_567, True], [np.float32(2), 12.0, "0.5"]])
    seen = Reader(figures.page_html("t", [figures.Section("s", [table])]))
    for word in ("0.1235", "1,234,567", "True", "12", "0.5"):
        assert word in seen.text
    assert sum(tag == "td" and attrs.get("class") == "number" for tag, attrs in seen.tags) == 4
    with pytest.raises(ValueError, match="1 cells for 2 columns"):
        figures.Table(["a", "b"], [[1]])


def test_a_page_is_written_whole_and_the_same_every_time(tmp_path: Path) -> None:
    sections = [figures.Section("s", [figure(), attention()])]
    first = figures.write_page(tmp_path / "folder" / "a.html", "t", sections)
    second = figures.write_page(tmp_path / "b.html", "t", sections)
    assert first.read_bytes() == second.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.html", "folder"]


def test_plotly_waits_for_the_room_and_torch_is_never_asked_for() -> None:
    code = (
        "import sys, maze_interp; assert 'plotly' not in sys.modules; from maze_interp import figures; "
        "import numpy as np; figures.circuitsvis_attention(['a'], np.ones((1, 1, 1, 1)), layer=0); "
        "assert 'plotly' in sys.modules and 'torch' not in sys.modules and 'circuitsvis' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
