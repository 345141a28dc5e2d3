"""Intervals cover what they promise to cover, and a table survives its file."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from maze_interp import tables
from maze_interp.tables import Row

numbers = st.floats(allow_nan=False)
text = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
names = text.filter(lambda name: name.isprintable() and name not in tables.COLUMNS)
conditions = st.dictionaries(names, text | st.integers() | numbers | st.booleans(), max_size=3)
tidy = st.lists(st.builds(Row, names, numbers, numbers, numbers, st.integers(0, 10**6), conditions), max_size=4)


@given(st.integers(0, 60), st.integers(0, 60))
def test_a_proportion_is_wilsons_as_scipy_has_it(successes, failures):
    row = tables.proportion("exact", np.repeat([True, False], [successes, failures]))
    if row.n == 0:
        assert np.isnan(row.value)
        assert (row.low, row.high) == (0, 1)
        return
    wanted = binomtest(successes, row.n).proportion_ci(method="wilson")
    assert row.value == successes / row.n
    assert np.allclose([row.low, row.high], [wanted.low, wanted.high], atol=1e-12)
    assert row.low <= row.value <= row.high


@pytest.mark.parametrize(("n", "p"), [(20, 0.5), (50, 0.9), (200, 0.05)])
def test_wilson_covers_the_truth_about_95_times_in_100(n, p):
    """2000 samples: the share covered has a standard error of 0.005, so [0.93, 0.97] leaves four of them each way."""
    samples = np.random.default_rng(0).random((2000, n)) < p
    rows = [tables.proportion("x", sample) for sample in samples]
    assert 0.93 <= np.mean([row.low <= p <= row.high for row in rows]) <= 0.97


def test_a_difference_is_newcombes_as_he_printed_it():
    """Newcombe 1998, table II, method 10: 56/70 - 48/80, 9/10 - 3/10, 10/10 - 0/20 and 10/10 - 0/10."""
    printed = {
        (56, 70, 48, 80): (0.0524, 0.3339),
        (9, 10, 3, 10): (0.1705, 0.8090),
        (10, 10, 0, 20): (0.6791, 1.0),
        (10, 10, 0, 10): (0.6075, 1.0),
    }
    for (a, m, b, n), (low, high) in printed.items():
        row = tables.difference("x", np.arange(m) < a, np.arange(n) < b)
        assert (row.value, row.n) == (pytest.approx(a / m - b / n), min(m, n))
        assert (row.low, row.high) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))
    nothing = tables.difference("x", np.ones(3, bool), np.ones(0, bool))
    assert np.isnan(nothing.value)
    assert (nothing.low, nothing.high, nothing.n) == (-1, 1, 0)


def test_means_of_columns_are_bootstrapped_alike_and_as_far_out_as_asked():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(40, 4))
    values[2:, 1] = np.nan  # known in two mazes, which many draws lack
    values[:, 2], values[:, 3] = 7.0, np.nan
    low, high = tables.bootstrap_means(values, seed=1)
    wide = tables.bootstrap_means(values, seed=1, level=1 - 0.05 / 500)
    assert low[0] < values[:, 0].mean() < high[0]
    assert (low[1], high[1]) == (values[:2, 1].min(), values[:2, 1].max())
    assert np.isnan([low[2:], high[2:]]).all()
    far = 3.89 * values[:, 0].std() / 40**0.5  # the normal's: with 2,000 draws it would be that of the furthest, 3.3
    assert wide[1][0] - values[:, 0].mean() == pytest.approx(far, rel=0.12)


def test_the_bootstrap_covers_the_truth_about_95_times_in_100():
    """400 samples of 60 skewed values: standard error 0.011; the percentile method is known to fall a little short."""
    samples = np.random.default_rng(1).exponential(size=(400, 60))
    rows = [tables.mean("x", sample, seed=i) for i, sample in enumerate(samples)]
    assert 0.89 <= np.mean([row.low <= 1 <= row.high for row in rows]) <= 0.98


def test_pairing_removes_the_variation_between_mazes():
    rng = np.random.default_rng(2)
    mazes, effect = rng.normal(size=500) * 10, 0.5 + 0.1 * rng.normal(size=500)
    row = tables.paired_difference("gain", mazes + effect, mazes, seed=0)
    assert row.low < 0.5 < row.high
    assert row.high - row.low < 0.05
    shuffled = tables.paired_difference("gain", mazes + effect, rng.permutation(mazes), seed=0)
    assert shuffled.high - shuffled.low > 1
    with pytest.raises((ValueError, TypeError), match="499"):  # the shape annotation says it first under test
        tables.paired_difference("gain", mazes, mazes[1:])


def test_an_interval_depends_on_its_seed_alone_and_not_on_how_memory_was_split(monkeypatch):
    values = np.random.default_rng(3).normal(size=1000)
    row = tables.mean("x", values, seed=4)
    assert tables.mean("x", values, seed=5) != row
    monkeypatch.setattr(tables, "CHUNK", 1000)
    assert tables.mean("x", values, seed=4) == row


def test_constant_and_empty_samples():
    alike = tables.mean("x", np.full(10, 3))  # ten equal values say nothing of how much an eleventh may differ
    assert (alike.value, alike.n) == (3.0, 10)
    assert np.isnan([alike.low, alike.high]).all()
    assert np.isnan(tables.mean("x", np.zeros(0)).value)
    assert tables.mean("x", np.array([True, False]), layer=2).what == {"layer": 2}


@given(tidy)
def test_csv_round_trip_keeps_numbers_and_the_types_of_conditions(tmp_path_factory, rows):
    path = tmp_path_factory.getbasetemp() / "rows.csv"
    tables.to_csv(rows, path)
    back = tables.from_csv(path)
    assert back == rows
    assert [[type(v) for v in row.what.values()] for row in back] == [
        [type(row.what[name]) for name in other.what] for row, other in zip(rows, back, strict=True)
    ]


def test_csv_round_trip_of_numpy_conditions_and_nan(tmp_path):
    tables.to_csv(
        [Row("x", float("nan"), 0.0, 1.0, 0, {"layer": np.int64(2), "on": np.bool_(True)})], tmp_path / "t.csv"
    )
    (row,) = tables.from_csv(tmp_path / "t.csv")
    assert np.isnan(row.value)
    assert row.what == {"layer": 2, "on": True}


def test_another_csv_and_a_clashing_condition_are_refused(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match=r"t.csv is not a table of measurements: its columns start \['a', 'b'\]"):
        tables.from_csv(tmp_path / "t.csv")
    with pytest.raises(ValueError, match="a condition cannot be called low"):
        tables.to_csv([Row("x", 0.0, 0.0, 0.0, 0, {"low": 1})], tmp_path / "u.csv")


def test_a_row_is_read_in_the_format_of_a_number():
    row = Row("walked", 0.8312, 0.814, 0.847, 2000)
    assert f"{row:.1%} of {row.n:,}" == "83.1% (81.4% to 84.7%) of 2,000"
    assert f"{Row('gain', 1.0, -0.25, 2.0, 3):+.1f}" == "+1.0 (-0.2 to +2.0)"
    assert f"{Row('alike', 0.5, float('nan'), float('nan'), 3):.0%}" == "50%"
    assert f"{row}" == str(row)


def test_markdown():
    rows = [Row("exact", 0.5, 0.25, 0.75, 8, {"world": "a|b"}), Row("valid", 1.0, 0.7, 1.0, 8, {"layer": 2})]
    assert tables.to_markdown(rows).splitlines() == [
        "| world | layer | measure | value [95% interval] | n |",
        "| --- | --- | --- | --- | --- |",
        "| a&#124;b |  | exact | 0.5 [0.25, 0.75] | 8 |",
        "|  | 2 | valid | 1 [0.7, 1] | 8 |",
    ]


def test_equal_values_share_their_ranks():
    values = np.random.default_rng(0).integers(0, 5, size=40).astype(float)
    expected = [(values < one).sum() + ((values == one).sum() + 1) / 2 for one in values]
    np.testing.assert_array_equal(tables.ranks(values), expected)


def test_the_ends_of_what_is_alike_are_those_of_what_n_would_not_show():
    """Of n alike, a share u of others is missed by all n with probability (1 - u)^n, 2.5% at most if u is as told."""
    for n in (10, 100, 3000):
        low, high = tables.ends(tables.mean("gap", np.full(n, -0.1)), -1.0, 1.0)
        unseen = (high + 0.1) / 1.1
        assert (1 - unseen) ** n <= 0.025
        assert (low + 0.1) / -0.9 == pytest.approx(unseen)
    assert tables.ends(tables.mean("gap", np.array([-0.1])), -1.0, 1.0) == (-1, 1)
    assert tables.ends(tables.mean("gap", np.zeros(0)), 0.0, 1.0) == (0, 1)
    told = tables.mean("gap", np.array([0.0, 1.0, 1.0]), seed=0)
    assert tables.ends(told, -1.0, 1.0) == (told.low, told.high)
