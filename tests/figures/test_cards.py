"""Small drawings say what they are given, and text in them is text."""

from xml.etree import ElementTree

import numpy as np

from maze_interp import figures, tokens

EVIL = '<script>alert("x")</script>'


def test_bars_are_as_high_as_the_numbers_are_frequent() -> None:
    values = np.repeat([2, 3, 6], [10, 5, 1])
    drawn = ElementTree.fromstring(figures.histogram_svg(values, top=8, name=EVIL).markup)
    bars = drawn.findall("rect")
    heights = np.array([float(bar.get("height", "0")) for bar in bars])
    assert np.allclose(heights / heights[0], [1, 0.5, 0.1], atol=1e-3)
    lefts = np.array([float(bar.get("x", "0")) for bar in bars])
    assert np.allclose(np.diff(lefts) / (lefts[1] - lefts[0]), [1, 3], atol=1e-2)
    assert [bar.findtext("title") for bar in bars] == ["2: 62.5%", "3: 31.2%", "6: 6.2%"]
    assert drawn.get("aria-label") == f"{EVIL}: mean 2.6, from 2 to 6"
    ticks = [text.text for text in drawn.findall("text")]
    assert ticks == ["1", "3", "5", "8", EVIL]


def test_every_token_is_coloured_by_its_part_and_padding_is_left_out() -> None:
    part = np.array([tokens.EDGE, tokens.START, tokens.GOAL, tokens.PATH, tokens.PAD, tokens.PAD])
    markup = figures.token_markup(["<-->", "(0,0)", "(0,1)", EVIL, "<PADDING>"], part).markup
    found = [(token.get("class"), token.text) for token in ElementTree.fromstring(markup)]
    assert found == [("edge", "<-->"), ("start", "(0,0)"), ("goal", "(0,1)"), ("path", EVIL)]


def test_a_card_shows_text_as_it_is_and_markup_as_markup() -> None:
    inner = figures.side_by_side(figures.measure(EVIL, "3", EVIL))
    markup = figures.card(EVIL, [EVIL], ["`code` " + EVIL, inner]).markup
    read = ElementTree.fromstring(markup)
    assert "script" not in {element.tag for element in read.iter()}
    assert "".join(read.itertext()).count(EVIL) == 5
    assert read.findtext("p/code") == "code"
    assert read.findtext("div/div/b") == "3"
