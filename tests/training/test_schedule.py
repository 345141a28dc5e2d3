"""The learning rate rises to its peak, stays, falls to its floor, and never does anything else."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maze_interp.training import Optimiser
from maze_interp.training.schedule import SCHEDULES, learning_rate
from tests import oracles


def rates(steps, settings):
    return np.array([learning_rate(step, steps, settings, settings.learning_rate) for step in range(steps)])


@pytest.mark.parametrize("schedule", SCHEDULES)
@oracles.repeatable
@given(
    steps=st.integers(2, 400),
    warmup=st.integers(0, 100),
    decay=st.floats(0.01, 1.0),
    floor=st.floats(0.0, 1.0, exclude_max=True),
    peak=st.floats(1e-5, 1.0),
)
def test_it_rises_then_stays_then_falls(schedule, steps, warmup, decay, floor, peak):
    settings = Optimiser(learning_rate=peak, warmup=warmup, schedule=schedule, decay=decay, floor=floor)
    rate, top = rates(steps, settings), min(warmup, steps)
    assert (rate > 0).all() or floor == 0
    assert rate.max() <= peak * (1 + 1e-12)
    assert (np.diff(rate[:top]) > 0).all()
    assert (np.diff(rate[max(top - 1, 0) :]) <= peak * 1e-12).all()
    assert (rate[top:] >= floor * peak * (1 - 1e-12)).all()
    if warmup <= steps:
        assert math.isclose(rate[max(top - 1, 0)], peak)
    flat = rate[top : round(steps * (1 - decay))]
    assert np.allclose(flat, peak)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_it_ends_just_above_its_floor(schedule):
    settings = Optimiser(learning_rate=2.0, warmup=10, schedule=schedule, floor=0.1)
    assert 0.2 <= rates(1000, settings)[-1] < 0.203


def test_known_values():
    settings = Optimiser(learning_rate=1.0, warmup=4, floor=0.0)
    assert rates(8, settings).tolist() == pytest.approx(
        [0.25, 0.5, 0.75, 1, 1, (2 + 2**0.5) / 4, 0.5, (2 - 2**0.5) / 4]
    )
    trapezoid = Optimiser(learning_rate=1.0, warmup=2, floor=0.0, schedule="linear", decay=0.5)
    assert rates(8, trapezoid).tolist() == pytest.approx([0.5, 1, 1, 1, 1, 0.75, 0.5, 0.25])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schedule": "cosin"}, "unknown schedule 'cosin'; did you mean 'cosine'"),
        ({"decay": 0.0}, "decay is a share of the run, above 0 and up to 1, not 0.0"),
        ({"decay": 1.5}, "decay is a share of the run, above 0 and up to 1, not 1.5"),
    ],
)
def test_an_impossible_schedule_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        Optimiser(**changes)
