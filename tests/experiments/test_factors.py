"""What settings change is what was put in, is told from what seeds do, and only where those are known."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from maze_interp import experiments, mazes, recipes, training
from maze_interp.behaviour import shifts
from maze_interp.experiments import factors, several
from maze_interp.experiments import factors_page as page
from maze_interp.experiments.factors_design import Design, crossed
from maze_interp.tables import Row
from tests import tiny

FACTORS = ("positions", "heads")
# Three networks of the first combination, one or two of the others.
NETWORKS = [("rotary", 4), ("rotary", 4), ("rotary", 4), ("rotary", 8), ("learned", 4), ("learned", 8), ("learned", 8)]


def design(networks=NETWORKS) -> Design:
    return crossed([dict(zip(FACTORS, one, strict=True)) for one in networks], FACTORS, range(len(networks)))


def measure(values, error=0.0, name="walked", share=True):
    values = np.asarray(values, float)
    return factors.Measure(name, values, np.full(len(values), error), share)


@pytest.fixture(scope="module")
def ignorant(tmp_path_factory):
    """Five networks after one step or two, with two heads or one; of one combination there are two."""
    folder, runs = tmp_path_factory.mktemp("ignorant"), []
    for steps, heads, seed in ((1, 2, 0), (1, 2, 1), (1, 1, 0), (2, 2, 0), (2, 1, 0)):
        recipe = replace(tiny.LEARNS, steps=steps, seed=seed, model=replace(tiny.LEARNS.model, heads=heads))
        runs.append(training.train(recipe, folder / f"steps{steps}heads{heads}seed{seed}"))
    return runs


@pytest.fixture(scope="module")
def four(trained, ignorant, tmp_path_factory):
    """Two networks that learned, and two of the same recipe with a single step."""
    again = training.train(replace(tiny.LEARNS, seed=1), tmp_path_factory.mktemp("again") / "again")
    return ",".join(str(run.folder) for run in (trained, again, *ignorant[:2]))


def test_effects_are_those_that_were_put_in():
    """y = 3 + 2 [learned] - 5 [8 heads] + 7 [both]: by the means over the other's values, and 7 in company."""
    made = design()
    learned, eight = made.second.T
    y = 3.0 + 2 * learned - 5 * eight + 7 * learned * eight
    assert made.factors == {"positions": ("rotary", "learned"), "heads": (4, 8)}
    found = {effect: float(made.weights(effect) @ y) for effect in made.effects}
    assert found == pytest.approx({("positions",): 2 + 7 / 2, ("heads",): -5 + 7 / 2, ("positions", "heads"): 7.0})
    assert made.at("heads", y) == pytest.approx((4.0, 2.5))
    company = factors.told_apart(made, [measure(y, 0.1)])[2]
    assert page.change(company, made).startswith(
        "at heads 8, beyond what it does at 4, positions learned rather than rotary changes walked by +700.0"
    )


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
    reached = [made.half(effect, made.spread(y)) for effect in made.effects]
    assert reached == pytest.approx(stats.t.ppf(0.975, degrees) * scale * error[1:], rel=1e-4)


def test_where_only_seeds_differ_an_effect_is_wrongly_told_five_times_in_a_hundred():
    """1,000 measures of three effects each (seed 1; the standard error of the share is 0.4 points or a little more)."""
    made, rng = design(), np.random.default_rng(1)
    rows = factors.told_apart(made, [measure(0.1 * rng.normal(size=len(NETWORKS))) for _ in range(1000)])
    wrong = np.mean([row.what["verdict"] == page.APART for row in rows])
    assert wrong == pytest.approx(0.05, abs=0.015)


def test_three_factors_are_crossed_as_well_as_two():
    made = crossed([{"a": i & 1, "b": i & 2, "c": i & 4} for i in range(8)], "abc", range(8))
    assert len(made.effects) == 6
    y = np.array([10.0 * (i & 1) + (i & 4) / 4 for i in range(8)])
    assert {e: float(made.weights(e) @ y) for e in made.effects if abs(made.weights(e) @ y) > 1e-9} == {
        ("a",): 10.0,
        ("c",): 1.0,
    }


def test_what_seeds_do_is_never_taken_for_less_than_the_measure_is_known_to():
    alike = [0.5, 0.5, 0.5, 0.5, 0.6, 0.6, 0.6]
    assert factors.told_apart(design(), [measure(alike, 0.05)])[0].what["verdict"] == page.UNTOLD
    assert factors.told_apart(design(), [measure(alike, 0.001)])[0].what["verdict"] == page.APART


def test_without_seeds_nothing_is_told_of_settings():
    lone = design([NETWORKS[0], *NETWORKS[3:6]])
    rows = factors.told_apart(lone, [measure([0, 0, 1, 1])])
    assert rows[0].value == 1.0
    assert {row.what["verdict"] for row in rows} == {page.UNKNOWN}
    assert np.isnan([[row.low, row.high] for row in rows]).all()
    assert "nothing can be told of settings" in page.asked("abcd", lone, 20)
    assert page.sentences(rows, lone)[0] == (
        "Of these networks: positions learned rather than rotary changes walked by +100.0 points, from 0.0% to 100.0%."
    )


def test_settings_that_are_not_crossed_are_refused_with_what_is_missing():
    with pytest.raises(ValueError, match="no run has positions = learned, heads = 8"):
        design(NETWORKS[:5])
    with pytest.raises(ValueError, match="heads takes 3 values, 4, 8, 2"):
        design([*NETWORKS, ("learned", 2)])
    with pytest.raises(ValueError, match="nothing but their seed"):
        crossed([{}, {}], [], [0, 1])
    with pytest.raises(ValueError, match="of the runs with a = 1 two have the same seed"):
        crossed([{"a": 1}, {"a": 1}, {"a": 2}], "a", [3, 3, 3])


def log(*shares, mazes=256):
    return [{"step": 500 * (i + 1), "exact": share, "validation_mazes": mazes} for i, share in enumerate(shares)]


def test_half_is_read_off_between_two_validations():
    assert factors.half(log(0.2, 0.4, 0.6, 0.9)) == pytest.approx(1250)
    assert factors.half(log(0.2, 0.6, 0.4, 0.6)) == pytest.approx((875 * 1750) ** 0.5)  # the first time and the last
    assert factors.half(log(0.2, 0.5)) == pytest.approx(1000)
    for unknown in (log(0.5, 0.9), log(0.2, 0.49), log(0.2, 0.6, 0.4), []):
        assert np.isnan(factors.half(unknown))


def test_the_error_of_half_is_that_of_other_validation_mazes():
    """A slope of 0.2 in 500 steps: were but one share of 16 mazes redrawn, the crossing would move by its error times
    2,500 steps. Both that it lies between move, which takes some of that off; many mazes leave what no maze tells."""
    alone = (0.25 / 16) ** 0.5 * 2500 / 1500
    assert 0.6 * alone < factors.half_error(log(0.1, 0.3, 0.5, 0.7, 0.9, mazes=16), seed=0) < alone
    assert factors.half_error(log(0.1, 0.3, 0.5, 0.7), seed=0) == pytest.approx(np.log(1500 / 1000) / 12**0.5)
    plateau = factors.half_error(log(0.2, 0.48, 0.49, 0.51, 0.52, 0.9), seed=0)
    assert plateau > 2 * factors.half_error(log(0.1, 0.2, 0.3, 0.7, 0.8, 0.9), seed=0)
    assert factors.half_error(log(0.0, 1.0, mazes=10**9), seed=0) == pytest.approx(np.log(2) / 12**0.5)


def test_a_setting_that_matters_is_told_from_seeds(four):
    """A single step instead of 256: nothing is walked at home, whatever the seed."""
    told = factors.run(factors.Settings(run=four, mazes=60, only="row_by_row, shuffled"))
    home = next(row for row in told.tables["effects"] if row.measure == page.AT_HOME)
    assert home.what["of"] == "steps"
    assert home.what["verdict"] == page.APART
    assert home.high < -page.MARGIN
    assert home.what["second"] == 0.0
    assert told.numbers["degrees"] == 2
    assert any("steps 1 rather than 256 changes walked at home by -" in sentence for sentence in told.sentences)
    assert "When half of the mazes were walked is not known of" in told.sentences[-2]
    assert told.sentences[-1] == "Not asked shuffled: it is how they were trained."
    assert told.figures["learning"].layout.title.text == "When half of the mazes are walked is not known of all"
    mine = {row.what["network"]: row for row in told.tables["networks"] if row.measure == page.AT_HOME}
    assert list(mine) == ["learns", "again", "steps1heads2seed0", "steps1heads2seed1"]
    assert {row.n for row in mine.values()} == {60}
    by_mazes = next(row for row in told.tables["these_networks"] if row.measure == page.AT_HOME)
    assert by_mazes.value == pytest.approx(home.value)


def test_two_settings_are_crossed_written_and_read_again(ignorant, tmp_path):
    settings = factors.Settings(run=",".join(str(run.folder) for run in ignorant), mazes=20, only="")
    told = factors.run(settings)
    assert [row.what["of"] for row in told.tables["effects"]] == ["steps", "model.heads", "steps with model.heads"]
    assert (
        "with 1 degree of freedom (networks of steps 1, model.heads 2, which is taken for that of the 3"
        in (told.sentences[1])
    )
    assert all(row.value == 0 and row.low < 0 < row.high for row in told.tables["effects"])  # they walk nothing
    experiments.write(told, tmp_path / "found", settings)
    assert list(experiments.read(tmp_path / "found").sentences) == list(told.sentences)


def effect(name, value, half, of="heads"):
    verdict = page.APART if abs(value) > half else page.UNTOLD
    what = {"of": of, "share": name != page.LEARNED, "verdict": verdict, "first": 0.5, "second": 0.5 + value}
    return Row(name, value, value - half, value + half, 7, what)


@pytest.mark.parametrize(
    ("learned", "home", "said"),
    [
        ((1.5, 0.5), (0.01, 0.03), "as predicted"),
        ((1.5, 0.5), (0.01, 0.07), "which leaves it open"),
        ((1.5, 0.5), (0.2, 0.1), "not as predicted"),
        ((0.2, 0.5), (0.01, 0.03), "which leaves it open"),
    ],
)
def test_the_prediction_holds_only_where_both_halves_of_it_do(learned, home, said):
    rows = [effect(page.LEARNED, *learned), effect(page.AT_HOME, *home)]
    (sentence,) = page.verdict(rows, design(), [])
    assert sentence.endswith(f": {said}.")
    assert not sentence.endswith(f"not {said}.")
    assert page.verdict([], design(), ["one"])[0].startswith("When half of the mazes were walked is not known of one")


def test_what_is_learned_is_told_in_times_of_mazes():
    said = page.change(effect(page.LEARNED, np.log(4), np.log(2), of="positions"), design())
    assert "positions learned rather than rotary multiplies mazes read until half" in said
    assert "by 4 (2 to 8)" in said


def test_the_same_mazes_are_asked_of_all_and_none_that_was_read():
    home = shifts.home_of(tiny.LEARNS)
    everyone = mazes.passage_hash(shifts.unshifted(home, 80, seed=0).mazes.passages)
    read = np.unique(everyone)[::2]
    sets = factors._unread(shifts.unshifted, [home, home], 40, 0, read)
    kept = mazes.passage_hash(sets[0].mazes.passages)
    assert len(kept) == len(sets[1]) == min(40, (~np.isin(everyone, read)).sum())
    assert not np.isin(kept, read).any()
    with pytest.raises(recipes.Refusal, match="0 of its mazes were read by none"):
        factors._unread(shifts.unshifted, [home], 40, 0, np.unique(everyone))
    wilson = replace(home, world=replace(tiny.LEARNS.world, generator="wilson"))
    with pytest.raises(recipes.Refusal, match="cannot be asked the same mazes"):
        factors._unread(shifts.unshifted, [home, wilson], 40, 0, read)


def test_worlds_are_no_setting_and_validation_is_none_either():
    other = replace(tiny.LEARNS, world=replace(tiny.LEARNS.world, generator="wilson"))
    with pytest.raises(ValueError, match=r"differ in world.generator: worlds are compared by `shifts`"):
        factors.design_of([tiny.LEARNS, other])
    with pytest.raises(ValueError, match="nothing but their seed"):
        factors.design_of([tiny.LEARNS, replace(tiny.LEARNS, seed=1, validation=training.Validation(every=5))])


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


def test_runs_of_several_number_formats_are_told_and_of_one_are_not(ignorant):
    asked = {one.recipe.name + str(i): one.recipe for i, one in enumerate(ignorant[:3])}
    assert several.computed(asked) == []
    first, *others = asked
    (said,) = several.computed({**asked, first: replace(asked[first], dtype="bfloat16")})
    assert f"{first} in bfloat16; {', '.join(others)} in {asked[others[0]].dtype}" in said
