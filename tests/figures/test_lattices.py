"""Cells are drawn at their places, and exactly those next door are joined."""

import numpy as np
import pytest

from maze_interp import figures


def test_a_lattice_is_drawn_with_its_edges():
    places = np.random.default_rng(0).normal(size=(6, 2))
    figure = figures.draw_lattice(places, 2, 3, title="A map", x="one", y="two")
    edges, dots = figure.data
    assert np.allclose(np.stack([dots.x, dots.y], axis=1), places)
    drawn = np.stack([edges.x, edges.y], axis=1).reshape(-1, 3, 2)
    assert np.isnan(drawn[:, 2]).all()
    joined = {tuple(sorted(np.abs(places - end).sum(axis=1).argmin() for end in ends[:2])) for ends in drawn}
    assert joined == {(0, 1), (1, 2), (3, 4), (4, 5), (0, 3), (1, 4), (2, 5)}
    assert dots.text[4] == "(1, 1)"
    with pytest.raises(ValueError, match="6 places for a lattice of 2 x 2"):
        figures.draw_lattice(places, 2, 2, title="", x="", y="")
