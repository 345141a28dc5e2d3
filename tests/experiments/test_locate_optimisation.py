"""Locating optimisation: where the answer takes a known way, both readings and the page find that way and no other."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from maze_interp import mazes, optimisation
from maze_interp.behaviour import POLICIES
from maze_interp.experiments import locate_optimisation, locate_page, locate_relations, locate_walks
from maze_interp.experiments.locate_effects import Effects
from maze_interp.experiments.locate_ranks import by_chance, means, middle, rank_correlation, with_interval
from maze_interp.experiments.locate_readings import MANY, Column, Reading, columns_of, small_changes, split
from maze_interp.experiments.locate_solvers import crossed, of_policy, solvers
from maze_interp.mazes import World
from maze_interp.tables import Row
from tests import handset, tiny

ON_THE_WAY = {
    ("z", handset.COPIES, "here"),
    ("attn_out", None, "here"),
    ("resid_post", None, "here"),
    ("resid_pre", None, "goal"),
}


@pytest.fixture(scope="module")
def copied():
    """The copier of the goal, on mazes at one fork whose goals lie beside it, through walls or passages."""
    model = handset.copier()
    held_out = mazes.draw(World("wilson", 3, 3), 400, seed=1)
    some = optimisation.population("same_fork", held_out, model.maze_tokenizer, count=80, seed=0, nearest=1)
    beside = (some.open & (some.steps == some.tokens.ids[:, list(some.places["goal"])])).any(axis=1)
    return model, some[np.flatnonzero(beside)[:12]]


def test_what_carries_the_choice_has_all_of_its_optimisation(copied):
    """As steps Op = -H(F) on the way of the answer, and exactly 0 everywhere else."""
    model, some = copied
    columns = columns_of(model, some)
    w, kept = optimisation.recorded(model, some)
    for column in columns:
        out = optimisation.exchanged(w, kept, some, column.site, some.places[column.place], coding="step")
        found = optimisation.split_history(out.argmax(axis=-1), outcomes=5).plug_in
        on_the_way = (column.kind, column.head, column.place) in ON_THE_WAY
        assert found["op"] == pytest.approx(-found["entropy_factual"] if on_the_way else 0.0, abs=1e-9)
        assert found["entropy_factual"] > 0.5


def test_both_readings_rank_it_first_and_the_rest_nowhere(copied):
    model, some = copied
    columns = columns_of(model, some)
    whole = split(model, some, "step", columns)
    small = small_changes(model, some, columns, past="goal", future="legal", seed=0)
    on_the_way = np.array([(one.kind, one.head, one.place) in ON_THE_WAY for one in columns])
    sizes = np.abs(means(whole.op))
    assert sizes[on_the_way].min() > 0.5 > 0.01 > sizes[~on_the_way].max()
    assert (middle(small.op)[on_the_way] == -np.inf).all()
    assert (middle(small.imp)[on_the_way] == np.inf).all()
    np.testing.assert_allclose(middle(small.op)[~on_the_way], 0.0, atol=1e-6)
    assert locate_optimisation.strongest(whole) == Column("z", 0, handset.COPIES, "here")
    (agrees,) = [row for row in locate_relations.agreement(whole, small, "goal", seed=0) if row.measure == "size of op"]
    assert agrees.value > agrees.what["chance"]
    assert agrees.what["infinite"] == on_the_way.sum() * len(some)


def test_ranks_keep_what_is_infinite_and_leave_out_what_is_not_known():
    values = np.array([-np.inf, 0.0, 1.0, np.inf, np.nan])
    assert rank_correlation(values, np.array([1.0, 2, 3, 4, 0])) == pytest.approx(1.0)
    assert rank_correlation(values, -values) == pytest.approx(-1.0)
    assert np.isnan(rank_correlation(values, np.zeros(5)))
    third = np.arange(50.0)
    noise = np.random.default_rng(0).normal(size=(2, 50))
    assert rank_correlation(third + noise[0], third + noise[1]) > 0.9
    assert abs(rank_correlation(third + noise[0], third + noise[1], third)) < 0.4
    value, low, high = with_interval(0.9, np.array([0.8, 0.85, 0.9, 0.7]))
    assert low < value < high < 1
    assert by_chance(third, noise[0], seed=0) == pytest.approx(0.28, abs=0.05)
    np.testing.assert_array_equal(middle(np.array([[np.nan, np.inf, 1, 2], [np.nan] * 4])), [2.0, np.nan])


def test_an_effect_that_optimisation_knows_is_predicted_and_a_shuffled_one_is_not(copied):
    model, some = copied
    columns = columns_of(model, some)
    whole = split(model, some, "step", columns)
    rng = np.random.default_rng(0)
    moved = np.abs(means(whole.imp))[:, None] + np.arange(len(columns))[:, None] * 1e-9 + np.zeros(20)
    line, maze, size = np.ones(20), np.arange(20), np.ones(len(columns))
    for values, known in ((moved, True), (rng.permutation(rng.normal(size=moved.shape)), False)):
        rows = locate_relations.predicted(whole, whole, Effects(np.abs(values), line, maze), size, seed=0)
        imp = next(
            row for row in rows if (row.measure, row.what["among"], row.what["given"]) == ("imp", "all", "nothing")
        )
        assert (abs(imp.value) > imp.what["chance"]) == known


def test_the_oracle_steers_and_a_random_walk_does_not():
    """Over 30 mazes at one fork; the act of who never looks is chance, so that its Op is 0 within its interval."""
    model = tiny.model(0, rows=3, cols=3)
    held_out = mazes.draw(World("wilson", 3, 3), 600, seed=2)
    some = optimisation.population("same_fork", held_out, model.maze_tokenizer, count=30, seed=0)
    rows, ranked = solvers(model, tiny.model(1, rows=3, cols=3), some, steps=2, seed=0)
    op = {row.what.get("walker", row.what.get("crossed")): row for row in rows if row.measure == "op"}
    success = {row.what["walker"]: row.value for row in rows if row.measure == "success"}
    assert success["oracle"] == 1.0 > success["random_walk"]
    assert op["oracle"].low > 0
    assert op["random_walk"].value < op["oracle"].value
    assert ranked.value > 0.5
    oracle = of_policy(POLICIES["oracle"], some.mazes, 1, 0)
    to_goal = mazes.distances(some.mazes.passages, some.mazes.goal)
    row = np.arange(len(some))
    np.testing.assert_array_equal(to_goal[row, oracle.later(oracle.acts)], to_goal[row, some.mazes.start] - 1)
    ends_there, _ = solvers(model, model, some, steps=1, seed=0)
    once = next(row for row in ends_there if row.what.get("walker") == "oracle" and row.measure == "op")
    assert op["oracle, model"].value == pytest.approx(once.value)  # this model never goes on
    walkers = {name: of_policy(POLICIES[name], some.mazes, 2, 0) for name in ("oracle", "baseline")}
    found = {pair: crossed(*map(walkers.get, pair), to_goal, seed=0).value for pair in product(walkers, repeat=2)}
    assert found["oracle", "oracle"] == pytest.approx(op["oracle"].value)
    assert found["baseline", "baseline"] == pytest.approx(op["baseline"].value)
    assert len({round(value, 6) for value in found.values()}) == 4


def test_heads_with_a_name_hold_what_they_hold(copied):
    model, some = copied
    whole = split(model, some, "step", columns_of(model, some, places=("here",), kinds=("z",)))
    named = locate_relations.named_heads(whole, {(0, handset.COPIES): ["goal"]}, ("goal",), seed=0)
    other = locate_relations.named_heads(whole, {(0, 0): ["goal"]}, ("goal",), seed=0)
    assert named.value > 0.99
    assert other.value < 0.01
    assert "hold 100%" in locate_page._named(named)
    assert "concentrated there: not held" in locate_page._named(other)
    none = locate_relations.named_heads(whole, {}, ("goal",), seed=0)
    assert locate_page._named(none).startswith("No head bears one of the names")


def test_verdicts_follow_their_numbers():
    row = Row("size of op", 0.2, 0.1, 0.3, 9, {"stratum": "fork less corridor"})
    assert locate_page._strata([row]).endswith("larger at forks than in corridors: held.")
    assert locate_page._strata([replace(row, low=-0.1)]).endswith("corridors: not told.")
    assert locate_page._strata([replace(row, value=-0.2, low=-0.3, high=-0.1)]).endswith("corridors: not held.")


def test_walks_are_asked_of_the_strongest_parts_and_of_some_drawn_from_the_rest(copied):
    model, some = copied
    columns = tuple(columns_of(model, some))
    op = np.random.default_rng(0).normal(size=(len(columns), len(some)))
    chosen = locate_walks.chosen(Reading(columns, op, op), some, seed=0)
    words = [column for column in columns if len(some.places[column.place]) <= MANY]
    size = {column: abs(op[columns.index(column)].mean()) for column in words}
    strongest = sorted(words, key=lambda column: -size[column])[: locate_walks.STRONGEST]
    assert list(chosen[: locate_walks.STRONGEST]) == strongest
    assert len(set(chosen)) == len(chosen) == min(len(words), locate_walks.STRONGEST + locate_walks.DRAWN)
    assert set(chosen) <= set(words)
