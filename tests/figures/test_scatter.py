"""A scatter shows every dot where it was measured, and a line that belongs to a group in its colour."""

import numpy as np

from maze_interp import figures
from maze_interp.figures import Series


def test_dots_bars_and_lines():
    x = np.array([1.0, 2.0, 3.0])
    group = Series("a < b", x, x**2, x**2 - 1, x**2 + 2)
    bare = Series("other", x, np.array([1.0, np.nan, 2.0]))
    figure = figures.scatter([group, bare], [Series("a < b", x, x), Series("y = x", x, x)], title="t", x="n", y="m")
    theirs, line, dots, others = figure.data
    assert dots.name == theirs.name == "a &lt; b"
    assert dots.marker.color == theirs.line.color != line.line.color
    assert (theirs.showlegend, line.showlegend) == (False, True)
    assert dots.y.tolist() == [1, 4, 9]
    assert (dots.error_y.array.tolist(), dots.error_y.arrayminus.tolist()) == ([2, 2, 2], [1, 1, 1])
    assert others.error_y.array is None
    assert others.marker.symbol != dots.marker.symbol
    assert figure.layout.xaxis.title.text == "n"
    assert figures.scatter([group], title="t", x="n", y="m", log_x=True).layout.xaxis.type == "log"
