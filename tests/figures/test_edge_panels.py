"""Each edge is drawn where it lies, in the colour of its sign; what has no value is not drawn."""

import numpy as np
import pytest

from maze_interp import figures
from maze_interp.mazes import MazeBatch
from tests import oracles

ONE = MazeBatch(oracles.passages_of([(0, 1), (1, 2), (2, 5)], 2, 3), np.array([0]), np.array([5]))
ACROSS, DOWN = 6 + 0, 2  # (0, 0) to (0, 1), and (0, 2) to (1, 2)


def values(**edges: float) -> np.ndarray:
    found = np.full((1, 12), np.nan)
    for name, value in edges.items():
        found[0, {"across": ACROSS, "down": DOWN}[name]] = value
    return found


def test_edges_lie_where_they_are_and_strong_ones_are_broad():
    drawn = figures.edges_on_maze(ONE, 0, values(across=1.0, down=-0.25), ["layer 1"], title="t", value="share")
    lines = {tuple(np.array([one.x[:2], one.y[:2]]).T.ravel()): one for one in drawn.data if one.hoverinfo == "skip"}
    across, down = lines[0, 0, 1, 0], lines[2, 0, 2, 1]
    assert across.line.width > 2 * down.line.width
    assert across.line.color != down.line.color
    assert drawn.layout.coloraxis.cmin == -drawn.layout.coloraxis.cmax == -1.0
    points = next(one for one in drawn.data if one.mode == "markers" and one.marker.coloraxis)
    assert sorted(points.marker.color) == [-0.25, 1.0]


def test_what_is_pointed_at_is_dashed_and_no_value_is_no_line():
    drawn = figures.edges_on_maze(ONE, 0, values(), ["a"], title="t", value="v", ring=1, dashed=np.array([DOWN]))
    dashed = [one for one in drawn.data if one.mode == "lines" and one.line.dash == "dot"]
    assert len(dashed) == 1
    assert {one.name for one in drawn.data} >= {"fork", "only in the other maze"}
    assert figures.to_record(drawn)
    with pytest.raises(ValueError, match="for 2 names and 12 edges"):
        figures.edges_on_maze(ONE, 0, values(), ["a", "b"], title="t", value="v")
