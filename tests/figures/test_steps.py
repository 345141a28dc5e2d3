"""The slider shows at each step what the picture of that step alone would."""

import json
import re

import numpy as np
import pytest

from maze_interp import figures, mazes
from maze_interp.tokens import PATH, Tokenizer
from tests import oracles

LAYERS, HEADS = 2, 3


@pytest.fixture(scope="module")
def walk():
    """A maze of 2 x 3, its sequence, a random pattern and the positions of its path's cells."""
    batch = mazes.MazeBatch(oracles.passages_of([(0, 1), (1, 2), (2, 5)], 2, 3), np.array([0]), np.array([5]))
    tokens = Tokenizer(rows=2, cols=3).encode(batch, mazes.solve(batch), seed=3)
    length = tokens.ids.shape[1]
    pattern = np.tril(np.random.default_rng(0).random((LAYERS, HEADS, length, length))).astype(np.float32)
    pattern /= pattern.sum(axis=-1, keepdims=True)
    return batch, tokens, pattern, np.flatnonzero((tokens.part[0] == PATH) & (tokens.cell[0] >= 0))


def test_every_step_shows_the_mass_on_cells_and_edges(walk):
    batch, tokens, pattern, queries = walk
    figure = figures.attention_over_steps(batch, 0, tokens, pattern, queries)
    assert len(figure.frames) == len(figure.layout.sliders[0].steps) == len(queries) == 4
    for query, frame in zip(queries, figure.frames, strict=True):
        mass = figures.attention_mass(batch, 0, tokens, pattern, int(query))
        heats = [trace for trace in frame.data if trace.type == "heatmap"]
        assert len(heats) == LAYERS * HEADS
        for heat, cell, edge in zip(heats, mass.cell.reshape(6, 6), mass.edge.reshape(6, 2, 2, 3), strict=True):
            squares = np.array(heat.z, float)
            assert squares.shape == (3, 5)
            assert np.allclose(squares[::2, ::2], cell.reshape(2, 3), atol=1e-4)
            assert np.allclose(squares[1, ::2], edge[0, 0], atol=1e-4)
            assert np.allclose(squares[::2, 1::2], edge[1, :, :2], atol=1e-4)
            assert np.isnan(squares[1, 1::2]).all()


def test_a_step_moves_the_ring_and_lengthens_the_way(walk):
    batch, tokens, pattern, queries = walk
    figure = figures.attention_over_steps(batch, 0, tokens, pattern, queries)
    for number, frame in enumerate(figure.frames):
        kinds = {figure.data[place].type for place in frame.traces}
        assert kinds == {"heatmap", "scatter"}
        _, way, ring = frame.data[:3]
        assert [3 * y + x for x, y in zip(way.x, way.y, strict=True)] == [0, 1, 2, 5][: number + 1]
        assert (ring.x[0], ring.y[0]) == (way.x[-1], way.y[-1])
    for shown, trace in zip(figure.frames[0].data, figure.frames[0].traces, strict=True):
        assert shown.type == figure.data[trace].type
        assert (figure.data[trace].xaxis[1:] or "1") == str(trace // 4 + 1)


def test_the_page_and_the_record_keep_every_step(walk):
    figure = figures.attention_over_steps(*walk[:1], 0, *walk[1:])
    again = figures.from_record(figures.to_record(figure))
    assert len(again.frames) == 4
    page = figures.page_html("Steps", [figures.Section("Steps", [again])])
    drawn = json.loads(re.search(r"const f = (.*?); Plotly\.newPlot", page).group(1))
    assert [frame["name"] for frame in drawn["frames"]] == ["1", "2", "3", "4"]
    assert "{...f, config:" in page  # plotly takes frames only with figure and configuration in one


def test_a_slider_without_steps_is_refused(walk):
    batch, tokens, pattern, queries = walk
    with pytest.raises(ValueError, match="at least one step"):
        figures.attention_over_steps(batch, 0, tokens, pattern, queries[:0])
