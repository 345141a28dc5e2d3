"""A figure survives being written as JSON and read back."""

import json

from maze_interp import figures, mazes


def test_round_trip_of_a_figure() -> None:
    drawn = mazes.draw(mazes.World(rows=3, cols=4), 2, seed=0)
    figure = figures.gallery(drawn, solutions=mazes.solve(drawn), title="two mazes")
    record = json.loads(json.dumps(figures.to_record(figure)))
    again = figures.from_record(record)
    assert isinstance(again, figures.Figure)
    assert figures.to_record(again) == record
    assert len(again.data) == len(figure.data) > 2


def test_round_trip_of_markup() -> None:
    html = figures.Html("<p>head 3</p>")
    assert figures.from_record(figures.to_record(html)) == html
