"""A heat map shows its matrix, on a scale that means the same on both sides."""

import numpy as np
import pytest

from maze_interp import figures

NAMES = {"title": "t", "x": "head", "y": "layer", "value": "effect (nats)"}


def test_values_names_and_scale() -> None:
    values = np.array([[0.0, 1.0, np.nan], [2.0, 0.5, 4.0]])
    figure = figures.heat_map(values, ["0", "1"], ["a", "<-->", "a"], **NAMES)
    (drawn,) = figure.data
    assert np.array_equal(np.array(drawn.z, float), values, equal_nan=True)
    assert (drawn.zmin, drawn.zmax) == (0, 4)
    assert list(figure.layout.xaxis.ticktext) == ["a", "&lt;--&gt;", "a"]
    assert figure.layout.yaxis.autorange == "reversed"
    assert (figure.layout.xaxis.title.text, figure.layout.yaxis.title.text) == ("head", "layer")


def test_a_signed_scale_is_even_around_its_centre() -> None:
    values = np.array([[-1.0, 3.0]])
    (drawn,) = figures.heat_map(values, ["0"], ["a", "b"], **NAMES, centre=0.0).data
    assert (drawn.zmin, drawn.zmax) == (-3, 3)
    (drawn,) = figures.heat_map(values, ["0"], ["a", "b"], **NAMES, centre=0.5, limit=1.0).data
    assert (drawn.zmin, drawn.zmax) == (-0.5, 1.5)


def test_refusals_say_what_is_wrong() -> None:
    with pytest.raises(ValueError, match="centre"):
        figures.heat_map(np.array([[-1.0]]), ["0"], ["a"], **NAMES)
    with pytest.raises(ValueError, match="1 row and 2 column names"):
        figures.heat_map(np.ones((2, 2)), ["0"], ["a", "b"], **NAMES)


def test_a_constant_matrix_and_a_wide_one_can_be_drawn() -> None:
    assert figures.heat_map(np.zeros((1, 1)), ["0"], ["a"], **NAMES).data[0].zmax > 0
    wide = figures.heat_map(np.ones((2, 300)), ["0", "1"], [f"token {i}" for i in range(300)], **NAMES)
    assert len(wide.layout.xaxis.ticktext) <= 40
    assert wide.layout.xaxis.tickangle == -90
    assert wide.data[0].texttemplate is None
