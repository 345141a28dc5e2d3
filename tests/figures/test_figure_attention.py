"""Attention on a maze loses nothing: cells, edges and special tokens add up to the pattern."""

import json
import re

import numpy as np
import pytest

from maze_interp import figures, mazes
from maze_interp.mazes import MazeBatch
from maze_interp.tokens import TokenBatch, Tokenizer
from tests import oracles

LAYERS, HEADS = 2, 3


def written() -> tuple[MazeBatch, TokenBatch, Tokenizer]:
    """Two mazes of 2 x 3 on a larger vocabulary: the corridor 0 1 2 with 5 below its end, and a loop."""
    passages = np.concatenate(
        [
            oracles.passages_of([(0, 1), (1, 2), (2, 5)], 2, 3),
            oracles.passages_of([(0, 1), (1, 2), (2, 5), (4, 5), (3, 4), (0, 3)], 2, 3),
        ]
    )
    batch = MazeBatch(passages, np.array([0, 0]), np.array([5, 2]))
    tokenizer = Tokenizer(rows=4, cols=4)
    return batch, tokenizer.encode(batch, mazes.solve(batch), seed=3), tokenizer


def random_pattern(length: int) -> np.ndarray:
    pattern = np.tril(np.random.default_rng(0).random((LAYERS, HEADS, length, length)))
    return (pattern / pattern.sum(axis=-1, keepdims=True)).astype(np.float32)


def one_hot(length: int, query: int, key: int) -> np.ndarray:
    pattern = np.zeros((1, 1, length, length))
    pattern[0, 0, query, key] = 1
    return pattern


def test_mass_is_conserved_at_every_query() -> None:
    batch, tokens, _ = written()
    pattern = random_pattern(tokens.ids.shape[1])
    for index in range(2):
        for query in range(int(tokens.length[index])):
            mass = figures.attention_mass(batch, index, tokens, pattern, query)
            total = mass.cell.sum(axis=-1) + mass.edge.sum(axis=-1) + mass.special
            assert np.allclose(total, pattern[:, :, query].sum(axis=-1), atol=1e-6)


def test_every_token_has_the_place_its_string_says() -> None:
    """Read off the text: four tokens an edge, cells elsewhere are cells, the rest is special."""
    batch, tokens, tokenizer = written()
    for index, text in enumerate(tokenizer.text(tokens)):
        strings = text.split(" ")
        last, edges = len(strings) - 1, strings.index("<ADJLIST_END>")
        for key, string in enumerate(strings):
            mass = figures.attention_mass(batch, index, tokens, one_hot(tokens.ids.shape[1], last, key), last)
            if 0 < key < edges:
                first = 1 + (key - 1) // 4 * 4
                low, high = sorted(_cell(strings[at]) for at in (first, first + 2))
                assert mass.edge[0, 0].argmax() == (0 if high - low == 3 else 6) + low
                assert mass.edge.sum() == 1
            elif string.startswith("("):
                assert mass.cell[0, 0, _cell(string)] == 1
            else:
                assert mass.special[0, 0] == 1


def _cell(string: str) -> int:
    row, col = map(int, string.strip("()").split(","))
    return 3 * row + col


def test_panels_print_the_special_share_and_ring_the_query_cell() -> None:
    batch, tokens, _ = written()
    length, query = tokens.ids.shape[1], int(np.flatnonzero(tokens.graded[0])[2])
    pattern = np.zeros((LAYERS, HEADS, length, length))
    pattern[:, :, query, 0], pattern[:, :, query, 1] = 0.25, 0.75
    figure = figures.attention_on_maze(batch, 0, tokens, pattern, query)
    assert [note.text for note in figure.layout.annotations[:2]] == [
        "layer 0, head 0<br>special tokens 25%",
        "layer 0, head 1<br>special tokens 25%",
    ]
    rings = [trace for trace in figure.data if trace.type == "scatter" and trace.marker.symbol == "circle-open"]
    assert len(rings) == LAYERS * HEADS
    assert {3 * float(ring.y[0]) + float(ring.x[0]) for ring in rings} == {float(tokens.cell[0, query])}
    assert sum(trace.type == "heatmap" for trace in figure.data) == LAYERS * HEADS


def test_a_query_or_a_pattern_that_does_not_fit_is_refused() -> None:
    batch, tokens, _ = written()
    length = tokens.ids.shape[1]
    with pytest.raises(ValueError, match="query position"):
        figures.attention_mass(batch, 0, tokens, random_pattern(length), int(tokens.length[0]))
    with pytest.raises(ValueError, match="attends to"):
        figures.attention_mass(batch, 0, tokens, random_pattern(length + 1), 3)


def test_circuitsvis_holds_the_crop_it_says_and_its_own_library() -> None:
    strings = ["<ADJLIST_START>", "(0,0)", "<-->", "(0,1)", ";", "</script>"]
    pattern = random_pattern(6)
    markup = figures.circuitsvis_attention(strings, pattern, layer=1, last=4)
    data = json.loads(re.search(r"AttentionHeads, (\{.*\})\);", markup).group(1))
    assert data["tokens"] == strings[2:]
    assert np.allclose(data["attention"], pattern[1, :, 2:, 2:], atol=1e-4)
    assert data["attentionHeadNames"] == ["L1 H0", "L1 H1", "L1 H2"]
    assert "the last 4 of 6 tokens" in markup
    assert "the first 2 tokens" in markup
    assert "var CircuitsVis=" in markup
    assert markup.count("</script") == markup.count("<script>\n") + 1
    again = figures.circuitsvis_attention(strings, pattern, layer=1, last=4, bundle=False)
    assert markup.endswith(again)
    assert len(again) < 5000


def test_circuitsvis_refuses_what_is_not_there() -> None:
    with pytest.raises(ValueError, match=r"layer 2 .* 0..1"):
        figures.circuitsvis_attention(["a", "b"], random_pattern(2), layer=2)
    with pytest.raises(ValueError, match="3 token strings"):
        figures.circuitsvis_attention(["a", "b", "c"], random_pattern(2), layer=0)
