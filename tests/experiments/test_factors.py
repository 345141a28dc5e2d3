"""What settings change is what was put in, is told from what seeds do, and only where those are known."""

from dataclasses import replace

import numpy as np
import pytest

from maze_interp import training
from maze_interp.experiments import factors, several
from maze_interp.experiments import factors_page as page
from maze_interp.experiments.factors_design import Design, crossed
from tests import tiny

FACTORS = ("positions", "heads")
# Three networks of the first combination, one or two of the others.
NETWORKS = [("rotary", 4), ("rotary", 4), ("rotary", 4), ("rotary", 8), ("learned", 4), ("learned", 8), ("learned", 8)]


def design(networks=NETWORKS) -> Design:
    return crossed([dict(zip(FACTORS, one, strict=True)) for one in networks], FACTORS)


@pytest.fixture(scope="module")
def four(trained, tmp_path_factory):
    """Two networks that learned, and two of the same recipe with a single step."""
    folder = tmp_path_factory.mktemp("four")
    recipes = {
        "again": replace(tiny.LEARNS, seed=1),
        "ignorant": replace(tiny.LEARNS, steps=1),
        "ignorant_again": replace(tiny.LEARNS, steps=1, seed=1),
    }
    runs = [training.train(recipe, folder / name) for name, recipe in recipes.items()]
    return ",".join(str(run.folder) for run in (trained, *runs))


def test_effects_are_those_that_were_put_in():
    """y = 3 + 2 [learned] - 5 [8 heads] + 7 [both]: by the means over the other's values, and 7 together."""
    made = design()
    learned, eight = made.second.T
    y = 3.0 + 2 * learned - 5 * eight + 7 * learned * eight
    assert made.factors == {"positions": ("rotary", "learned"), "heads": (4, 8)}
    found = {effect: float(made.weights(effect) @ y) for effect in made.effects}
    assert found == pytest.approx({("positions",): 2 + 7 / 2, ("heads",): -5 + 7 / 2, ("positions", "heads"): 7.0})
    assert made.at("heads", y) == pytest.approx((4.0, 2.5))


def test_intervals_are_those_of_least_squares():
    """The saturated linear model in -1, 1 coding has the same effects and standard errors, whatever the numbers."""
    made, rng = design(), np.random.default_rng(0)
    y, sign = rng.normal(size=len(NETWORKS)), np.where(made.second, 1.0, -1.0)
    x = np.column_stack([np.ones(len(y)), sign, sign.prod(axis=1)])
    slope, squares, *_ = np.linalg.lstsq(x, y, rcond=None)
    degrees = len(y) - x.shape[1]
    assert made.degrees == degrees == 3
    error = np.sqrt(squares[0] / degrees * np.diag(np.linalg.inv(x.T @ x)))
    scale = np.array([2.0, 2.0, 4.0])  # from a coding's slope to a difference, and to a difference of differences
    assert [made.weights(effect) @ y for effect in made.effects] == pytest.approx(scale * slope[1:])
    reached = [made.half(effect, made.spread(y), 0.95) for effect in made.effects]
    assert reached == pytest.approx(3.182446 * scale * error[1:], rel=1e-4)  # Student's t, 3 degrees


def test_where_only_seeds_differ_a_measure_is_wrongly_told_five_times_in_a_hundred_or_less():
    """1,000 measures without any effect (seed 1; the standard error of the share is 0.7 points)."""
    made, rng = design(), np.random.default_rng(1)
    measures = [factors.Measure(str(i), rng.normal(size=len(NETWORKS)), 0.0) for i in range(1000)]
    wrong = {row.measure for row in factors.told_apart(made, measures) if row.what["verdict"] == page.SURELY}
    assert 0.02 < len(wrong) / 1000 < 0.065


def test_three_factors_are_crossed_as_well_as_two():
    made = crossed([{"a": i & 1, "b": i & 2, "c": i & 4} for i in range(8)], "abc")
    assert len(made.effects) == 6
    y = np.array([10.0 * (i & 1) + (i & 4) / 4 for i in range(8)])
    assert {e: float(made.weights(e) @ y) for e in made.effects if abs(made.weights(e) @ y) > 1e-9} == {
        ("a",): 10.0,
        ("c",): 1.0,
    }


def test_what_seeds_do_is_never_taken_for_less_than_the_measure_is_known_to():
    alike = factors.Measure("walked", np.array([0.5, 0.5, 0.5, 0.5, 0.6, 0.6, 0.6]), 0.03)
    row = factors.told_apart(design(), [alike])[0]
    assert row.what["between seeds"] == 0.03
    assert row.what["verdict"] == page.UNTOLD
    assert factors.told_apart(design(), [replace(alike, error=0.001)])[0].what["verdict"] == page.SURELY


def test_without_seeds_nothing_is_told_of_settings():
    lone = design([NETWORKS[0], *NETWORKS[3:6]])
    rows = factors.told_apart(lone, [factors.Measure("walked", np.array([0.0, 0.0, 1.0, 1.0]), 0.01)])
    assert rows[0].value == 1.0
    assert {row.what["verdict"] for row in rows} == {page.UNKNOWN}
    assert np.isnan([[row.low, row.high] for row in rows]).all()


def test_settings_that_are_not_crossed_are_refused_with_what_is_missing():
    with pytest.raises(ValueError, match="no run has positions = learned, heads = 8"):
        design(NETWORKS[:5])
    with pytest.raises(ValueError, match="heads takes 3 values, 4, 8, 2"):
        design([*NETWORKS, ("learned", 2)])
    with pytest.raises(ValueError, match="nothing but their seed"):
        crossed([{}, {}], [])


def log(*shares):
    return [{"step": 500 * (i + 1), "exact": share} for i, share in enumerate(shares)]


def test_halfway_is_read_off_between_two_validations():
    assert factors.halfway(log(0.2, 0.4, 0.6, 0.4, 0.9)) == pytest.approx(1250)
    assert factors.halfway(log(0.5)) == 500
    assert factors.halfway(log(1.0)) == 250
    assert np.isnan(factors.halfway(log(0.2, 0.49)))


def test_a_setting_that_matters_is_told_from_seeds(four):
    """A single step instead of 256: nothing is walked at home, whatever the seed."""
    told = factors.run(factors.Settings(run=four, mazes=60, only="row_by_row"))
    home = next(row for row in told.tables["effects"] if row.measure == page.AT_HOME)
    assert home.what["of"] == "steps"
    assert home.what["verdict"] == page.SURELY
    assert home.high < 0
    assert home.what["second"] == 0.0
    assert told.numbers["degrees"] == 2
    assert any(
        sentence.startswith("Surely: steps 1 rather than 256 changes walked at home by") for sentence in told.sentences
    )
    assert told.sentences[-1].endswith("not as predicted.")
    assert page.LEARNED not in {row.measure for row in told.tables["effects"]}  # two of them never got so far
    assert told.figures["learning"].layout.title.text == "Not all walk half of the mazes"
    mine = {row.what["network"]: row for row in told.tables["networks"] if row.measure == page.AT_HOME}
    assert list(mine) == ["learns", "again", "ignorant", "ignorant_again"]
    assert {row.n for row in mine.values()} == {60}
    by_mazes = next(row for row in told.tables["these_networks"] if row.measure == page.AT_HOME)
    assert by_mazes.value == pytest.approx(home.value)


def test_worlds_are_no_setting():
    other = replace(tiny.LEARNS, world=replace(tiny.LEARNS.world, generator="wilson"))
    with pytest.raises(ValueError, match=r"differ in world.generator: worlds are compared by `shifts`"):
        factors.design_of([tiny.LEARNS, other])


def test_an_unknown_shift_is_refused_with_the_nearest(four):
    with pytest.raises(ValueError, match="row_by_row"):
        factors.run(factors.Settings(run=four, only="row_by_rows"))


def test_runs_are_called_by_their_folders_as_far_as_that_tells_them_apart():
    assert several.named("a/run, b/run,c/five,c/five") == {
        "a/run": "a/run",
        "b/run": "b/run",
        "five (1)": "c/five",
        "five (2)": "c/five",
    }
