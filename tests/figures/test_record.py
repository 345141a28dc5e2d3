"""A figure survives being written as JSON and read back."""

import json

import numpy as np

from maze_interp import figures, mazes


def test_round_trip_of_a_figure() -> None:
    drawn = mazes.draw(mazes.World(rows=3, cols=4), 2, seed=0)
    figure = figures.gallery(drawn, solutions=mazes.solve(drawn), title="two mazes")
    again = figures.from_record(json.loads(json.dumps(figures.to_record(figure))))
    assert again.to_plotly_json()["layout"]["title"]["text"] == figure.layout.title.text
    assert len(again.data) == len(figure.data)
    for one, two in zip(figure.data, again.data, strict=True):
        np.testing.assert_array_equal(np.asarray(one.x, float), np.asarray(two.x, float))


def test_round_trip_of_markup() -> None:
    html = figures.Html("<p>head 3</p>")
    assert figures.from_record(figures.to_record(html)) == html
