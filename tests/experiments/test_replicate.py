"""Networks that are alike are not told apart, ones that differ are, and by how much is what the formulas say."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from maze_interp import experiments, training
from maze_interp.experiments import replicate
from maze_interp.experiments import replicate_page as page
from maze_interp.experiments.findings import Findings
from maze_interp.experiments.replicate_spread import (
    Spread,
    chi_square_tail,
    differing,
    gather,
    held,
    inflation,
    inflation_range,
    label,
    measured,
    rows,
)
from maze_interp.tables import Row, Z
from tests import tiny


def spread(values, errors):
    values, errors = np.broadcast_arrays(np.asarray(values, float), np.asarray(errors, float))
    keys = [("table", f"measure {i}", ()) for i in range(len(values))]
    return Spread(keys, values, values - Z * errors, values + Z * errors)


@pytest.fixture(scope="module")
def ignorant(tmp_path_factory):
    """A run that took one step of hardly any length: nothing was learned."""
    recipe = replace(tiny.QUICK, steps=1, seed=5, optimiser=training.Optimiser(learning_rate=1e-9))
    return training.train(recipe, tmp_path_factory.mktemp("ignorant") / "run")


@pytest.mark.parametrize("degrees", [1, 2, 7, 40])
def test_the_tail_is_that_of_chi_square(degrees):
    q = np.array([0.0, 0.1, 1.0, 5.0, 60.0, 400.0])
    assert np.allclose(chi_square_tail(q, degrees), stats.chi2.sf(q, degrees), rtol=1e-10)


def test_q_and_the_spread_are_the_published_formulas():
    """A measure by hand: values 1, 2, 6 with errors 1, 2, 2, so weights 1, 1/4, 1/4."""
    one = spread([[1.0, 2.0, 6.0]], [[1.0, 2.0, 2.0]])
    middle = (1 + 2 / 4 + 6 / 4) / 1.5
    q = (1 - middle) ** 2 + ((2 - middle) ** 2 + (6 - middle) ** 2) / 4
    assert one.middle[0] == pytest.approx(middle)
    assert one.q[0] == pytest.approx(q)
    assert one.between[0] == pytest.approx(((q - 2) / (1.5 - (1 + 2 / 16) / 1.5)) ** 0.5)


def test_where_only_mazes_differ_nothing_more_is_found():
    """4,000 measures of three networks that are one: p-values are uniform, intervals hold 83.4%, none is corrected
    away wrongly more than 5% of the time (this seed: none)."""
    rng = np.random.default_rng(0)
    errors = rng.uniform(0.5, 2, (4000, 1))
    null = spread(rng.normal(10, errors, (4000, 3)), errors)
    assert stats.kstest(null.p, "uniform").pvalue > 0.01
    assert not differing(rows(null))
    shares = held(null, "")
    assert shares.value == pytest.approx(0.834, abs=0.01)
    assert (shares.low, shares.high) == (null.holds.min(), null.holds.max())


def test_a_difference_between_networks_is_found_and_measured():
    """Networks scatter by 3 errors: their standard deviation is recovered on average, and intervals hold less."""
    rng = np.random.default_rng(1)
    true = rng.normal(0, 3, (3000, 4))
    apart = spread(true + rng.normal(0, 1, true.shape), 1.0)
    assert np.mean(apart.between**2) == pytest.approx(9, rel=0.08)  # its root is biased, and cut off at 0
    assert held(apart, "").value == pytest.approx(2 * stats.norm.cdf(Z / (2 * (9 + 0.5)) ** 0.5) - 1, abs=0.02)
    assert len(differing(rows(apart))) > 500


def test_the_mean_of_three_networks_has_an_interval_over_networks():
    """Student's interval covers the mean of all networks 95 times in 100 (2,000 draws: within 1.5 points)."""
    rng = np.random.default_rng(2)
    drawn = rows(spread(rng.normal(5, 2, (2000, 3)), 0.1))
    assert np.mean([row.low <= 5 <= row.high for row in drawn]) == pytest.approx(0.95, abs=0.015)
    assert {row.n for row in drawn} == {3}


def test_of_one_network_nothing_is_said():
    alone = spread([[1.0], [2.0]], 0.1)
    assert np.isnan(alone.p).all()
    assert np.isnan(held(alone, "").value)
    assert [row.value for row in rows(alone)] == [1.0, 2.0]
    assert not differing(rows(alone))


def right(value, n=50, **what):
    return Row("right", value, value - 0.1, value + 0.1, n, what)


def found(network, *extra, decisions=100):
    """What a network's findings may hold: a measure at three distances, and what cannot be compared."""
    measured = [right(0.5 + network / 10, run=f"run {network}", steps=i, of=decisions + i) for i in range(3)]
    return Findings(
        "x",
        tables={
            "choices": [*measured, *extra],
            "heads": [right(0.5 + network / 10, layer=0, head=head) for head in (0, 1, "all")],
            "points": [
                Row("known exactly", 1.0, 1.0, 1.0, 90),
                Row("of nothing", np.nan, 0.0, 1.0, 0),
                right(0.5, n=19),
            ],
            "who": [right(0.3, walker=who) for who in ("untrained", "random walk", "baseline", "seeks the goal")],
            "lenses": [right(0.3, lens="tuned, untrained"), right(0.3, cells="permuted")],
            "strata_untrained": measured,
        },
    )


def test_measures_are_matched_by_what_was_measured_and_not_by_what_was_found():
    """Neither the number of decisions, a result, nor the run's name keeps rows apart; no single head, no control."""
    matched = gather([found(0), found(1, decisions=200)])
    layer = ("heads", "right", (("layer", 0), ("head", "all")))
    assert list(matched.keys) == [*(("choices", "right", (("steps", i),)) for i in range(3)), layer]
    assert matched.value.tolist() == [[0.5, 0.6]] * 4


def test_a_verdict_is_a_result_by_which_nothing_is_chosen():
    """What two networks are found to differ in is not left out because they do."""
    one, two = ([right(0.9, n=60, steps=7 + i, held=held) for i, held in enumerate(said)] for said in ("yn", "yy"))
    matched = gather([found(0, *one), found(1, *two, decisions=200)])
    assert [dict(what)["steps"] for table, _, what in matched.keys if table == "choices"] == [0, 1, 2, 7, 8]


def test_what_one_network_lacks_or_says_twice_is_left_out():
    matched = gather([found(0, right(0.9, steps=7)), found(1, right(0.1, steps=1), decisions=200)])
    assert [what for table, _, what in matched.keys if table == "choices"] == [(("steps", 0),), (("steps", 2),)]


def test_a_network_that_is_called_by_its_name_is_itself_and_other_walkers_are_controls():
    told = [
        Findings("x", tables={"to": [right(0.5 + i / 10, walker=f"net{i}"), right(0.5, walker="seeks the goal")]})
        for i in range(2)
    ]
    assert gather([replicate._unnamed(one, f"runs/net{i}") for i, one in enumerate(told)]).value.tolist() == [
        [0.5, 0.6]
    ]
    with pytest.raises(ValueError, match="none can be compared"):
        gather(told)


def test_a_measure_is_called_after_its_table_and_conditions():
    (row, *_) = rows(gather([found(0), found(1, decisions=200)]), ["one", "two"])
    assert label(row) == "choices: right, steps 0"
    assert (row.what["in one"], row.what["in two"]) == (0.5, 0.6)


def test_a_trained_network_and_one_that_learned_nothing_differ(trained, ignorant):
    settings = replicate.Settings(run=f"{trained.folder},{ignorant.folder}", given={"mazes": "60"})
    told = replicate.run(settings)
    first = told.tables["differing"][0]
    assert first.what["p (Holm)"] < 1e-6
    assert told.numbers["differing"] >= 5
    assert told.numbers["differing_in_control"] == 0
    assert told.numbers["held"] < told.numbers["held_in_control"]
    (who,) = [sentence for sentence in told.sentences if sentence.startswith("Asked were")]
    assert set(who.rpartition("alike but for ")[2].strip(".").split(", ")) >= {
        "steps",
        "seed",
        "optimiser.learning_rate",
    }
    assert any(label(first) in sentence for sentence in told.sentences)
    (said,) = [sentence for sentence in told.sentences if "(control, one network asked as often: 0; " in sentence]
    assert said.endswith("): as predicted. Cochran's Q, corrected by Holm.")
    exact = {row.what.get("walker"): row for row in told.tables["measures"] if row.measure == "exact"}
    alone = experiments.behaviour.run(experiments.behaviour.Settings(run=str(trained.folder), mazes=60))
    assert exact["trained"].value < alone.numbers["exact"]  # halfway to a network that walks nothing


def test_a_network_beside_itself_is_not_told_apart(trained):
    told = replicate.run(replicate.Settings(run=f"{trained.folder},{trained.folder}", given={"mazes": "60"}, seed=1))
    assert told.numbers["differing"] == 0
    assert told.numbers["held"] == told.numbers["held_in_control"] > 0.5
    assert {"in learns (1)", "in learns (2)"} <= set(told.tables["measures"][0].what)
    assert any("trained by one recipe with one seed" in sentence for sentence in told.sentences)
    assert any("which is allowed for): not as predicted" in sentence for sentence in told.sentences)


def test_a_measure_in_which_the_control_may_differ_from_itself_decides_nothing():
    """All of ten measures differ between networks; in the control two hint at it, or only those two differ."""
    differ, hints = np.array([[0.0, 9.0, 0.0]] * 10), np.where(np.arange(10)[:, None] < 2, [0, 3.5, 0], np.zeros(3))
    control = spread(hints, 1.0)
    assert control.p[1] < 0.05 < control.p[2]
    compared = rows(spread(differ, 1.0), "abc", control)
    assert [label(row) for row in differing(compared)] == [f"table: measure {i}" for i in range(2, 10)]
    said = page.apart("lens", "abc", compared, [], (1.0, 1.0, 1.0))
    assert "8 surely differ" in said
    assert "asked as often: 0; 2 with p < 0.05, which decide nothing; its spread is 1 times" in said
    assert "): as predicted" in said
    hidden = rows(spread(np.where(np.arange(10)[:, None] < 2, differ, 0.0), 1.0), "abc", control)
    assert "): not told" in page.apart("lens", "abc", hidden, [], (1.0, 1.0, 1.0))
    assert "): not as predicted" in page.apart("lens", "abc", rows(control, "abc"), [], (1.0, 1.0, 1.0))


def test_intervals_that_are_too_narrow_for_the_control_are_taken_for_wider():
    """Errors told too small by half: without the factor hundreds differ, with it (3.9 of 4, over 2,000) none."""
    rng = np.random.default_rng(3)
    control, networks = (spread(rng.normal(0, 1, (2000, 3)), 0.5) for _ in range(2))
    assert len(differing(rows(networks))) > 20
    factor = inflation(control)
    assert factor == pytest.approx(4, rel=0.1)
    allowed = replace(networks, inflation=factor)
    assert not differing(rows(allowed))
    assert stats.kstest(allowed.p, "uniform").pvalue > 0.001
    assert inflation(spread(rng.normal(0, 1, (2000, 3)), 2.0)) == 1
    assert inflation(spread(np.zeros((0, 3)), 1.0)) == 1
    apart = spread(rng.normal(0, 3, (2000, 4)), 0.5)
    wider = spread(apart.value, 1.0)
    assert np.allclose(replace(apart, inflation=4.0).between, wider.between)


def test_progress_goes_through_all_askings(trained):
    seen = []
    settings = replicate.Settings(run=f"{trained.folder},{trained.folder}", given={"mazes": "20"}, control=False)
    told = replicate.run(settings, lambda done, whole: seen.append((done, whole)))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1] == (2000, 2000)
    assert "held" not in told.figures


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"experiment": "behavior"}, r"unknown experiment that asks one run 'behavior'; did you mean 'behaviour'"),
        ({"experiment": "sequence_optimisation"}, "unknown experiment that asks one run"),
        ({"experiment": "replicate"}, "unknown experiment that asks one run"),
        ({"given": {"maze": "3"}}, r"unknown key 'maze'; did you mean 'mazes'"),
        ({"given": {"seed": "3"}}, r"given.seed is not for the experiment"),
        ({"experiment": "read_maze", "given": {"save": "there"}}, "several networks would save into one folder"),
    ],
)
def test_bad_input_is_refused_before_anything_is_asked(settings, told, trained, monkeypatch):
    monkeypatch.setattr(experiments.behaviour, "run", lambda *_: pytest.fail("asked all the same"))
    with pytest.raises(ValueError, match=told):
        replicate.run(replicate.Settings(run=str(trained.folder), **settings))


def test_an_experiment_that_tells_nothing_with_an_interval_is_asked_once_and_refused(trained, ignorant, monkeypatch):
    asked = []
    silent = Findings("silence", tables={"none": [Row("count", 3.0, float("nan"), float("nan"), 60, {})]})
    monkeypatch.setattr(experiments.behaviour, "run", lambda settings, _: asked.append(settings.run) or silent)
    with pytest.raises(ValueError, match="none can be compared"):
        replicate.run(replicate.Settings(run=f"{trained.folder},{ignorant.folder}"))
    assert asked == [str(trained.folder)]


def test_a_share_at_an_end_of_its_scale_tells_networks_apart_whoever_comes_first():
    """One network walks all mazes and one a tenth, and a measure of weights that no draw changes. Whichever is first,
    the share counts, the weights do not, and neither tells how far intervals err."""
    good, bad = [1.0, 0.37], [0.1, 0.52]
    for first in (good, bad):
        control = spread([[first[0]] * 2, [first[1]] * 2, [0.3, 0.31]], 0.01)
        kept, drawn = measured(control)
        assert kept.tolist() == [first is good, False, True]
        assert drawn.tolist() == [False, False, True]


def test_the_range_of_the_factor_holds_it_in_95_of_100():
    """400 controls of 29 measures whose intervals are half as wide as they should be: Q is four times as large. Their
    95% intervals miss that in 5% (a binomial of 400 leaves 2% to 8% but once in 100 times)."""
    rng, missed = np.random.default_rng(3), 0
    for _ in range(400):
        low, high = inflation_range(spread(rng.normal(0, 2, (29, 3)), 1.0))
        missed += not low <= 4 <= high
    assert 0.02 < missed / 400 < 0.08
    assert np.isnan(inflation_range(spread(np.zeros((5, 3)), 1.0))).all()
    assert inflation_range(spread(np.zeros((6, 3)), 1.0)) == (1, 1)


def test_a_factor_for_narrow_intervals_goes_for_the_control_as_well():
    """4,000 sound measures whose intervals are half as wide as they should be: 5% are doubtful (to 1.5%), not 17%."""
    control = replace(spread(np.random.default_rng(5).normal(0, 1, (4000, 3)), 0.5), inflation=4.0)
    assert np.mean(control.p < 0.05) == pytest.approx(0.05, abs=0.015)
    said = page.unallowed([Row(name, 0.0, 0.0, 0.0, 3) for name in "ab"], [])
    assert "2 more would be told apart" in said[0]
    assert not page.unallowed([], [])
    assert "Left out are 3 measures" in page.left_out(3)[0]
    assert not page.left_out(0)
    assert page.asked(["ours", "theirs"], None) == "Asked were ours, theirs."  # nothing is known of theirs
    assert page.asked(["ours", "mine"], []).endswith("trained by one recipe with one seed.")
