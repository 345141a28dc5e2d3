"""The gallery shows every generator and every token scheme there is, and asks nothing of a network."""

import re

import numpy as np
import pytest
from plotly.offline import get_plotlyjs

from maze_interp import mazes, tokens
from maze_interp.cli.commands import main
from maze_interp.cli.gallery import Settings, gallery, measured, summary
from maze_interp.figures.style import inside_script
from tests.figures.test_page import Reader

SMALL = Settings(rows=4, cols=5, mazes=40, drawn=3, seed=1)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """(the page, the progress told while it was written)."""
    told = []
    page = gallery(SMALL, tmp_path_factory.mktemp("gallery") / "here", lambda *now: told.append(now))
    return page, told


def test_it_is_one_file_that_asks_nothing_of_a_network(made):
    markup = made[0].read_text()
    seen = Reader(markup)
    addresses = [value for _, attrs in seen.tags for name, value in attrs.items() if name in {"src", "href", "srcset"}]
    assert all(address.startswith(("#", "data:")) for address in addresses)
    own = markup.replace(inside_script(get_plotlyjs()), "").replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?://|fetch\(|XMLHttpRequest|import\(|//cdn", own)


def test_progress_counts_every_generator_and_scheme(made):
    total = len(mazes.GENERATORS) + len(tokens.SCHEMES)
    assert made[1] == [(done, total) for done in range(1, total + 1)]


def test_every_generator_has_a_card_with_its_promise_and_what_it_does(made):
    markup = made[0].read_text()
    text = Reader(markup).text
    cards = re.findall(r'<article class="card">.*?</article>', markup, flags=re.DOTALL)
    assert len(cards) == len(mazes.GENERATORS) + len(tokens.SCHEMES)
    for name, card in zip(mazes.GENERATORS, cards, strict=False):
        said = Reader(card)
        assert said.text.startswith(name)
        assert summary(name).replace("`", "") in said.text
        assert len(summary(name)) > 20
        assert sum(tag == "g" for tag, _ in said.tags) == 3  # mazes drawn
        for of in ("cells that are forks", "cells that are dead ends", "cells on a shortest path"):
            assert of in said.text
        promise = mazes.GENERATORS[name].promise(**mazes.GENERATORS[name].knobs)
        assert ("none" if promise == mazes.NEITHER else promise) in said.text
    assert text.count("95% interval") > 2 * len(mazes.GENERATORS)


def test_every_scheme_has_a_card_with_the_maze_it_writes(made):
    markup = made[0].read_text()
    cards = re.findall(r'<article class="card">.*?</article>', markup, flags=re.DOTALL)[-len(tokens.SCHEMES) :]
    written = []
    for name, card in zip(tokens.SCHEMES, cards, strict=True):
        said = Reader(card)
        assert said.text.startswith(name)
        words = [re.sub("<[^>]*>", "", word) for word in re.findall(r"<i class=\"\w+\">.*?</i>", card)]
        assert f"{len(words)} tokens" in said.text
        written.append(len(words))
    assert f"takes {min(written)} tokens in the shortest scheme and {max(written)} in the longest" in markup
    for part in ("edge", "start", "goal", "path"):
        assert f'<i class="{part}">' in cards[0]


def test_what_a_card_says_is_what_the_mazes_are(made):
    """Measured once more with nothing in common but the definitions."""
    kind = measured("wilson", SMALL)
    degrees = mazes.degrees(kind.mazes.passages)
    assert kind.measures["forks"].value == pytest.approx(100 * np.mean(degrees >= 3))
    assert kind.measures["dead ends"].value == pytest.approx(100 * np.mean(degrees == 1))
    row = kind.measures["solution length"]
    assert row.value == pytest.approx(kind.solutions.length.mean())
    assert row.low < row.value < row.high
    assert row.n == 40
    card = Reader(re.search(r'<article class="card"><h3>wilson.*?</article>', made[0].read_text(), re.DOTALL)[0]).text
    assert f"{row.value:.1f}cells on a shortest path95% interval {row.low:.2f} to {row.high:.2f}" in card


def test_titles_say_the_finding(made):
    text = Reader(made[0].read_text()).text
    kinds = [measured(name, SMALL) for name in mazes.GENERATORS]
    high = max(kinds, key=lambda kind: kind.measures["forks"].value)
    assert re.search(rf"Forks: from [\d.]+% in \w+ to {high.measures['forks'].value:.1f}% in {high.name}", text)
    assert f"{len(kinds)} kinds of maze, {len(tokens.SCHEMES)} ways to write one" in text


def test_the_same_seed_gives_the_same_page(made, tmp_path):
    assert gallery(SMALL, tmp_path / "again").read_bytes() == made[0].read_bytes()


def test_the_command_takes_its_settings(tmp_path, capsys):
    few = ["--set", "mazes=5", "--set", "drawn=1", "--set", "rows=3", "--set", "cols=3"]
    assert main(["gallery", "--out", str(tmp_path / "here"), "--seed", "4", *few]) == 0
    page = tmp_path / "here" / "gallery.html"
    assert f"open {page}" in capsys.readouterr().out
    assert "Means over 5 mazes of each kind" in Reader(page.read_text()).text
    for setting, told in (("mazes=1", "mazes must be at least 2"), ("maizes=3", "did you mean 'mazes'?")):
        assert main(["gallery", "--out", str(tmp_path / "there"), "--set", setting]) == 2
        assert told in capsys.readouterr().err
    assert not (tmp_path / "there").exists()
