"""A maze's geometry: walls where there is no passage, panels of equal aspect."""

import numpy as np
import plotly.graph_objects as go
from hypothesis import given, settings

from maze_interp.figures.panels import PAGE, fill_panels, lattice_panels, panel_size, pieces, walls
from maze_interp.mazes import MazeBatch
from tests import oracles


@settings(max_examples=60, deadline=None)
@given(oracles.any_mazes())
def test_walls_are_the_border_and_the_closed_sides(mazes: MazeBatch) -> None:
    rows, cols = mazes.rows, mazes.cols
    sides, border = rows * (cols - 1) + cols * (rows - 1), 2 * (rows + cols)
    for passages in mazes.passages:
        found = walls(passages)
        assert len(found) == sides - passages.sum() + border
        assert len({tuple(map(tuple, wall)) for wall in found}) == len(found)
        assert np.allclose(np.abs(found[:, 1] - found[:, 0]).sum(axis=1), 1)


@settings(max_examples=60, deadline=None)
@given(oracles.any_mazes())
def test_no_passage_crosses_a_wall_and_every_closed_side_does(mazes: MazeBatch) -> None:
    """The middle of two neighbours' centres is the middle of a wall exactly where they are not connected."""
    for passages in mazes.passages:
        middles = {tuple(wall.mean(axis=0)) for wall in walls(passages)}
        for direction, row, col in np.argwhere(oracles.inside(mazes.rows, mazes.cols)):
            middle = (col, row + 0.5) if direction == 0 else (col + 0.5, row)
            assert (middle in middles) != passages[direction, row, col]


def test_pieces_are_separated() -> None:
    segments = np.arange(12.0).reshape(3, 2, 2)
    line = pieces(segments)
    assert np.isnan(line[2::3]).all()
    assert np.array_equal(line.reshape(3, 3, 2)[:, :2], segments)


def test_every_panel_has_equal_aspect_and_row_0_on_top() -> None:
    figure = lattice_panels(3, 5, ["a", "b", "c", "d", "e"], 2, 150)
    for number in range(1, 7):
        across, down = figure.layout[f"xaxis{number}"], figure.layout[f"yaxis{number}"]
        assert down.scaleanchor == across.plotly_name.replace("axis", "")
        assert down.scaleratio == 1
        assert down.range[0] > down.range[1]
        assert across.range[0] < across.range[1]
        assert not across.visible
        assert not down.visible


def test_panels_fit_a_page_until_they_would_be_too_small_to_read() -> None:
    for columns in range(1, 6):
        size = panel_size(columns)
        assert lattice_panels(4, 4, ["x"] * columns, columns, size).layout.width <= PAGE
    assert panel_size(100) >= 100


def test_a_name_enters_the_legend_once_and_the_empty_panels_stay_as_they_were() -> None:
    empty = lattice_panels(2, 2, ["", ""], 2, 100)
    trace = go.Scatter(x=[0], y=[0], name="model")
    full = fill_panels(empty, [[trace], [trace]])
    assert not empty.data
    assert [one.showlegend for one in full.data] == [True, False]
    assert [one.xaxis for one in full.data] == ["x", "x2"]
    assert len({one.legendgroup for one in full.data}) == 1
