"""A network draws every line once, heavier and apart by sign, and parts without a line faintly."""

import numpy as np

from maze_interp import figures

PLACES = np.array([[0.0, 0.0], [1.0, 1.0], [0.0, 2.0], [2.0, 2.0]])


def drawn(lines, weights):
    return figures.network(
        ["a", "b", "<c>", "d"], PLACES, np.array(lines, int).reshape(-1, 2), np.array(weights), title="t"
    )


def test_every_line_begins_and_ends_at_its_parts():
    lines = [[0, 1], [1, 2], [0, 2]]
    found = drawn(lines, [3.0, -1.0, 0.5])
    curves = [trace for trace in found.data if trace.mode == "lines"]
    points = [np.stack([trace.x, trace.y], axis=1).reshape(len(trace.x) // 10, 10, 2) for trace in curves]
    ends = sorted((*one[0], *one[8]) for one in np.concatenate(points))
    assert ends == sorted((*PLACES[a], *PLACES[b]) for a, b in lines)
    assert len({trace.line.color for trace in curves}) == 2
    widest = max(curves, key=lambda trace: trace.line.width)
    assert (widest.x[0], widest.y[0]) == tuple(PLACES[0])
    assert len(widest.x) == 10


def test_parts_are_named_and_those_without_a_line_are_faint():
    parts = drawn([[0, 1]], [1.0]).data[-1]
    assert list(parts.text) == ["a", "b", "&lt;c&gt;", "d"]
    assert parts.marker.opacity[0] > parts.marker.opacity[3]
    assert len(drawn([], []).data) == 1
