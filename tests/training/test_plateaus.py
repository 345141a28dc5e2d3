"""Planted plateaus are found where they are; what only ever slows down has none; noise makes none."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from maze_interp import training
from maze_interp.training import plateaus
from maze_interp.training.plateaus import Plateau, curve, rises
from tests import oracles

rates = arrays(float, 4, elements=st.floats(0.01, 30.0))
weights = arrays(float, 4, elements=st.floats(0.01, 10.0))
NOISY = {
    "exponential": lambda t: np.exp(-5 * t),
    "with a floor": lambda t: np.exp(-8 * t) + 0.02,
    "power law": lambda t: 1 / (1 + 1000 * t),
    "flat": lambda t: 1 + 0 * t,
}


def stairs(at, t, width=0.01, floor=0.01):
    """A loss that stays, and halves at each of these times."""
    return floor + np.prod([1 - 0.5 / (1 + np.exp(-(t - when) / width)) for when in at], axis=0)


@oracles.few
@given(weights, rates, st.floats(0, 1), st.sampled_from([5, 40, 400]), st.booleans())
def test_what_is_a_sum_of_exponential_falls_has_no_plateau(weight, rate, floor, points, even):
    t = np.linspace(0, 1, points) if even else np.geomspace(1e-4, 10, points)
    assert plateaus.find(weight @ np.exp(-rate[:, None] * t) + floor, t) == []


@pytest.mark.parametrize("power", [0.05, 0.3, 1.0, 3.0])
@pytest.mark.parametrize("floor", [0.0, 0.1])
def test_a_power_law_has_no_plateau(power, floor):
    step = np.arange(1.0, 20_000, 7)
    assert plateaus.find(step**-power + floor, step) == []


@pytest.mark.parametrize("at", [(0.5,), (0.3, 0.7), (0.2, 0.5, 0.8)])
@pytest.mark.parametrize("points", [100, 1000])
def test_planted_plateaus_are_found_where_they_are(at, points):
    t = np.linspace(0, 1, points)
    found = plateaus.find(stairs(at, t), t)
    assert len(found) == len(at)
    assert np.allclose([one.end for one in found], at, atol=0.06)
    assert np.allclose([one.begin for one in found], [0, *at[:-1]], atol=0.08)
    assert all(one.contrast > 5 and one.length == one.end - one.begin for one in found)
    assert np.allclose([one.loss for one in found], 0.5 ** np.arange(len(at)), rtol=0.2)


@oracles.few
@given(st.floats(1e-6, 1e6), st.floats(1e-6, 1e6))
def test_units_do_not_matter(unit, tick):
    t = np.linspace(0, 1, 200)
    loss = stairs((0.3, 0.7), t)
    (one, two), (first, second) = plateaus.find(loss, t), plateaus.find(unit * loss, tick * t)
    assert np.allclose([first.end, second.length], [tick * one.end, tick * two.length])
    assert np.allclose(first.loss, unit * one.loss)


def test_the_curve_is_read_until_it_has_fallen_far_enough():
    t = np.linspace(0, 1, 500)
    loss = stairs((0.2, 0.5, 0.8), t)
    assert [len(plateaus.find(loss, t, until=until)) for until in (0.0, 0.3, 0.6)] == [3, 2, 1]


def test_a_higher_contrast_finds_fewer():
    """The rate is 1 until 0.3, 4 until 0.5, 0.5 until 0.8 and 20 from there."""
    t = np.linspace(0, 1, 2001)
    rate = np.select([t < 0.3, t < 0.5, t < 0.8], [1.0, 4.0, 0.5], 20.0)
    loss = np.exp(-np.append(0, np.cumsum(rate[:-1] * np.diff(t))))
    found = {contrast: plateaus.find(loss, t, contrast=contrast) for contrast in (3.0, 6.0, 45.0)}
    assert [len(each) for each in found.values()] == [2, 1, 0]
    assert np.allclose([found[3.0][1].begin, found[3.0][1].end, found[3.0][1].contrast], [0.5, 0.8, 40], rtol=0.05)


@pytest.mark.parametrize("shape", NOISY)
@pytest.mark.parametrize("noise", [0.01, 0.1])
def test_noise_makes_no_plateaus(shape, noise):
    """With steps of 5 standard deviations, not 6, 0.19% of such curves had one: six of 160 come once in 10^6."""
    rng, wrong = np.random.default_rng(0), 0
    for points in (10, 30, 100, 300):
        t = np.linspace(0, 1, points)
        curves = NOISY[shape](t) * np.exp(noise * rng.normal(size=(40, points)))
        wrong += sum(bool(plateaus.find(loss, t)) for loss in curves)
    assert wrong < 6


def test_noise_does_not_hide_plateaus():
    t = np.linspace(0, 1, 300)
    clean = 0.01 + 0.99 / (1 + np.exp((t - 0.5) / 0.02))
    noisy = clean * np.exp(0.1 * np.random.default_rng(0).normal(size=(40, 300)))
    assert [len(plateaus.find(loss, t)) for loss in noisy] == [1] * 40
    assert plateaus.noise(np.log(noisy[0])) == pytest.approx(0.1, rel=0.3)


def test_rises_are_climbs_above_the_lowest_so_far():
    loss = np.array([4.0, 3, 3.01, 2, 3, 2.5, 3, 1, 1.2, 0.5, 0.6])
    assert [rises(loss), rises(loss, resolution=0.3), rises(loss, until=0.5)] == [3, 1, 0]
    assert rises(np.exp(-np.linspace(0, 3, 50))) == 0


def written(folder, trained, losses, warmup=20):
    """A run of 1000 steps with these losses, measured evenly."""
    recipe = replace(trained.recipe, steps=1000, optimiser=replace(trained.recipe.optimiser, warmup=warmup))
    run = training.run.begin(recipe, folder)
    steps = np.linspace(0, 1000, len(losses) + 1)[1:].astype(int)
    lines = [json.dumps({"step": int(step), "loss": float(loss)}) for step, loss in zip(steps, losses, strict=True)]
    (folder / "metrics.jsonl").write_text("".join(f"{line}\n" for line in lines))
    return run


def test_a_runs_plateaus_are_in_steps(trained, tmp_path):
    run = written(tmp_path / "stairs", trained, stairs((0.6,), np.linspace(0, 1, 51)[1:], width=0.02))
    (found,) = plateaus.of_run(run)
    assert isinstance(found, Plateau)
    assert (found.begin, found.end) == (pytest.approx(20), pytest.approx(600, abs=80))


@pytest.mark.parametrize("warmup", [0, 800])
def test_a_schedule_makes_no_plateau(trained, tmp_path, warmup):
    """What falls with the sum of rates waits, by steps, while they warm up; what falls by steps waits by that sum."""
    run = written(tmp_path / "any", trained, np.ones(50), warmup)
    steps, (_, spent) = np.array([row["step"] for row in run.metrics], float), curve(run)
    even = {"steps": np.exp(-5 * steps / steps[-1]), "sum": np.exp(-5 * spent / spent[-1])}
    assert plateaus.find(even["steps"], spent)
    assert bool(plateaus.find(even["sum"], steps)) == (warmup == 800)
    for name, loss in even.items():
        assert plateaus.of_run(written(tmp_path / name, trained, loss, warmup)) == []


@pytest.mark.parametrize(
    ("loss", "clock", "settings", "message"),
    [
        ([1.0], [0.0], {}, "at least two points, not 1"),
        ([1.0, 0.0], [0.0, 1.0], {}, "positive and finite"),
        ([1.0, np.nan], [0.0, 1.0], {}, "positive and finite"),
        ([1.0, 0.5], [1.0, 1.0], {}, "clock must rise"),
        ([1.0, 0.5], [0.0, 1.0], {"contrast": 1.0}, "contrast must be above 1, not 1.0"),
        ([1.0, 0.5], [0.0, 1.0], {"resolution": 0.0}, "resolution must be above 0 nats, not 0.0"),
    ],
)
def test_what_is_no_curve_is_refused(loss, clock, settings, message):
    with pytest.raises(ValueError, match=message):
        plateaus.find(np.array(loss), np.array(clock), **settings)


def test_a_run_without_a_curve_is_refused(trained, tmp_path):
    with pytest.raises(ValueError, match="holds 1 measurements; a curve takes at least two"):
        plateaus.of_run(written(tmp_path / "short", trained, np.ones(1)))
