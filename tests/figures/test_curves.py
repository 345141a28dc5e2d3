"""Curves and intervals show the numbers they are given, and only those."""

import numpy as np
import pytest

from maze_interp import figures
from maze_interp.tables import Row

LOG = [
    {"mazes": 10, "loss": 2.0},
    {"mazes": 20, "loss": 1.0},
    {"mazes": 20, "exact": 0.5, "low": 0.4, "high": 0.6},
    {"mazes": 40, "exact": 0.75, "low": 0.7, "high": 0.8},
]
ROWS = [
    Row("exact", 0.5, 0.4, 0.6, 100, {"world": "wilson", "model": "trained"}),
    Row("exact", 0.1, 0.05, 0.2, 100, {"world": "wilson", "model": "untrained"}),
    Row("exact", 0.3, 0.2, 0.35, 100, {"world": "open", "model": "trained"}),
]


def test_a_series_is_the_entries_that_hold_its_keys() -> None:
    loss = figures.series(LOG, "training", "loss", x="mazes")
    exact = figures.series(LOG, "exact", "exact", x="mazes", low="low", high="high")
    assert loss.x.tolist() == [10, 20]
    assert loss.low is None
    assert exact.y.tolist() == [0.5, 0.75]
    assert exact.low is not None
    assert exact.low.tolist() == [0.4, 0.7]
    with pytest.raises(ValueError, match=r"no entry .* accuracy together; keys: exact, high, loss, low, mazes"):
        figures.series(LOG, "a", "accuracy", x="mazes")


def test_training_curves_have_two_panels_over_one_axis_with_units() -> None:
    loss = figures.series(LOG, "training", "loss", x="mazes")
    exact = figures.series(LOG, "exact", "exact", x="mazes", low="low", high="high")
    figure = figures.training_curves([loss], [exact], title="It learns", log_x=True)
    line, band, rate = figure.data
    assert (line.yaxis, band.yaxis, rate.yaxis) == ("y", "y2", "y2")
    assert "nats" in figure.layout.yaxis.title.text
    assert figure.layout.xaxis2.title.text == "mazes seen"
    assert figure.layout.xaxis.type == figure.layout.xaxis2.type == "log"
    assert sorted(band.y) == [0.4, 0.6, 0.7, 0.8]
    assert rate.y.tolist() == [0.5, 0.75]
    assert band.legendgroup == rate.legendgroup != line.legendgroup


def test_curves_are_told_apart_by_colour_and_dash() -> None:
    x = np.array([1.0, 2.0])
    figure = figures.curves([figures.Series(str(i), x, x + i) for i in range(4)], title="t", x="layer", y="nats")
    assert len({trace.line.color for trace in figure.data}) == 4
    assert len({trace.line.dash for trace in figure.data}) == 4


def test_a_series_of_one_point_is_visible() -> None:
    one = figures.Series("one", np.array([1.0]), np.array([2.0]))
    (trace,) = figures.curves([one], title="t", x="x", y="y").data
    assert trace.mode == "markers"


def test_intervals_draw_each_row_once_with_its_ends() -> None:
    how = {"title": "t", "x": "share", "by": "world", "group": "model", "share": True}
    figure = figures.intervals(ROWS, references={"chance": 0.08}, **how)
    trained, untrained, chance = figure.data
    assert trained.x.tolist() == [0.5, 0.3]
    assert untrained.x.tolist() == [0.1]
    assert np.allclose(trained.x + trained.error_x.array, [0.6, 0.35])
    assert np.allclose(trained.x - trained.error_x.arrayminus, [0.4, 0.2])
    assert list(figure.layout.yaxis.ticktext) == ["wilson", "open"]
    assert set(chance.x) == {0.08}
    assert chance.showlegend
    wilson_trained, wilson_untrained = trained.y[0], untrained.y[0]
    assert wilson_trained != wilson_untrained
    assert round(wilson_trained) == round(wilson_untrained) == 0


def test_intervals_name_the_condition_that_is_missing() -> None:
    with pytest.raises(ValueError, match="no condition 'size'; it has: world, model"):
        figures.intervals(ROWS, title="t", x="share", by="size")
