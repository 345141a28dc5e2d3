"""The matrix measures what applies, lists what does not, and says in words what its numbers say."""

import json
from dataclasses import replace
from math import isnan

import numpy as np
import pytest

from maze_interp import mazes, models, seeds, training
from maze_interp.behaviour import shifts as room
from maze_interp.behaviour.shifts import AT_HOME, BASELINE, SAME_LENGTH, TRAINED, UNTRAINED
from maze_interp.experiments import shifts, shifts_page, shifts_worlds
from maze_interp.mazes import World
from maze_interp.tables import Row
from tests import tiny

ONLY = (
    "larger, smaller_at_0_1, depth_first, one_wall_in_ten_opened, goal_cut_off, branch_cut_off, row_by_row, walls_told"
)
MAZES = 30


@pytest.fixture(scope="module")
def found(trained):
    return shifts.run(shifts.Settings(run=str(trained.folder), mazes=MAZES, only=ONLY))


def cell(found, shift, measure="optimal", walker=TRAINED, table="matrix"):
    (row,) = (
        row
        for row in found.tables[table]
        if row.what["shift"] == shift and row.measure == measure and row.what.get("walker", TRAINED) == walker
    )
    return row


def test_the_matrix_has_a_row_for_every_walker_and_a_reason_for_every_refusal(found):
    for shift in (AT_HOME, "depth_first", "one_wall_in_ten_opened", "row_by_row"):
        walked = [cell(found, shift, walker=walker) for walker in (TRAINED, BASELINE, UNTRAINED)]
        assert [row.n for row in walked] == [MAZES] * 3
        assert all(0 <= row.low <= row.value <= row.high <= 1 for row in walked)
    for shift, reason in (("larger", "4 x 4 cells do not fit"), ("walls_told", "no token '<XX>'")):
        row = cell(found, shift)
        assert isnan(row.value)
        assert row.n == 0
        assert row.what["note"].startswith("not applicable: ")
        assert reason in row.what["note"]
        assert isnan(found.numbers[f"learns.{shift}.optimal"])
    assert "reasons given in the matrix: larger, walls_told." in found.sentences[-1]


def test_home_is_what_the_model_walks_unshifted(found, trained):
    home = room.home_of(trained.recipe)
    plain = room.unshifted(home, MAZES, seed=seeds.derive(0, "shifts"))
    walked = models.rollout(trained.model(), plain.mazes, prompts=plain.prompts)
    assert cell(found, AT_HOME).value == mazes.paths.optimal(plain.mazes, walked).mean() > 0.2
    assert f"{cell(found, AT_HOME).value:.1%} of {MAZES} unseen mazes" in found.sentences[1]
    assert cell(found, AT_HOME, walker=UNTRAINED).value < 0.1
    assert cell(found, AT_HOME, "read_in_training", table="prompts").value == 0


def test_without_a_way_to_the_goal_no_path_is_right_and_each_does_one_thing(found):
    rows = found.tables["goal_cut_off"]
    assert [row.measure for row in rows] == list(room.OUTCOMES)
    assert sum(row.value for row in rows) == pytest.approx(1.0)
    assert cell(found, "goal_cut_off").n == 0
    assert cell(found, "goal_cut_off", "wall", table="constraints").n == MAZES
    assert all(f"{row.measure.replace('_', ' ')} {row.value:.1%}" in " ".join(found.sentences) for row in rows)


def test_lengths_are_told_and_what_they_cost(found):
    usual = cell(found, AT_HOME, "prompt_tokens", table="prompts").value
    short = cell(found, "smaller_at_0_1", "prompt_tokens", table="prompts").value
    assert short < usual
    control = cell(found, "smaller_at_0_1", "prompt_tokens", SAME_LENGTH, "prompts")
    assert control.value == short
    lost = cell(found, "smaller_at_0_1", "lost_at_length", SAME_LENGTH, "prompts")
    assert -1 <= cell(found, "smaller_at_0_1", "lost_to_length", SAME_LENGTH, "prompts").value <= 1
    assert f"{lost.n} home mazes" in " ".join(found.sentences)
    walked = cell(found, "goal_cut_off", "lost_at_length", SAME_LENGTH, "prompts")
    at_home = cell(found, AT_HOME).value - cell(found, "goal_cut_off", walker=SAME_LENGTH).value
    assert walked.n < MAZES or walked.value == pytest.approx(at_home)
    with pytest.raises(ValueError, match="not enough values"):
        cell(found, "row_by_row", walker=SAME_LENGTH)
    assert "4 shifts change the length of prompts" in " ".join(found.sentences)


@pytest.mark.parametrize(
    ("alone", "said"),
    [
        ((0.1, 0.05, 0.15), "lose 10.0 points (95% interval 5.0 to 15.0): that much can be put down to the length"),
        ((-0.278, -0.365, -0.183), "gain 27.8 points (95% interval 18.3 to 36.5): so no loss can be put down"),
        ((0.02, -0.03, 0.07), "lose 2.0 points (95% interval -3.0 to 7.0): which may be nothing, so no loss"),
        ((0.0, np.nan, np.nan), "lose 0.0 points (95% interval -41.0 to 41.0): which may be nothing"),
    ],
)
def test_the_length_is_blamed_for_a_loss_alone(alone, said):
    what = {"walker": SAME_LENGTH}
    rows = [
        Row("lost_at_length", value, value - 0.1, value + 0.1, 9, what | {"shift": str(value)}) for value in (0.3, 0.2)
    ]
    rows += [Row("lost_to_length", *alone, 9, what | {"shift": shift}) for shift in ("0.3", "0.2")]
    (sentence,) = shifts_page._on_length(room.Measured("learns", rows))
    assert said in sentence
    assert "the length of 0.3, the worst of 2, picked after the fact and not corrected for that, 9 home" in sentence
    (single,) = shifts_page._on_length(room.Measured("learns", rows[::2]))
    assert "picked" not in single


def test_the_cut_goal_is_compared_with_a_cut_branch(found):
    cut, branch = (cell(found, f"{what}_cut_off", "breaks_a_rule", table="prompts") for what in ("goal", "branch"))
    assert cut.n == MAZES
    (said,) = (sentence for sentence in found.sentences if "breaks a rule" in sentence)
    assert f"{cut.value:.1%}" in said
    assert f"{branch.value:.1%}" in said
    assert ("not tellably" in said) == (cut.low <= branch.high)
    rows = {row.measure: row.value for row in found.tables["goal_cut_off"]}
    assert cut.value == pytest.approx(rows["crosses_the_gap"] + rows["breaks_in_elsewhere"])


def test_figures_hold_every_shift_and_empty_cells_for_what_was_not_measured(found):
    drawn = found.figures["matrix_places_and_generators"].data[0]
    assert list(found.figures["matrix_prompts"].layout.yaxis.ticktext) == [AT_HOME, "row_by_row", "walls_told"]
    values = np.array(drawn.z, float)
    assert (
        f"rarest ({np.nanmin(values[:, 0]):.0%}) from learns"
        in found.figures["matrix_places_and_generators"].layout.title.text
    )
    broken = found.figures["constraints_prompts_learns"]
    assert f"most often ({np.nanmax(np.array(broken.data[0].z, float)):.0%})" in broken.layout.title.text
    assert np.isnan(values[1]).all()  # larger
    assert not np.isnan(values[0, [0, 2, 3]]).any()
    assert np.isnan(values[0, 1])  # home has its own length


@pytest.fixture(scope="module")
def both(trained, tmp_path_factory):
    """Two runs of worlds on one lattice, one of which learned next to nothing."""
    recipe = replace(tiny.QUICK, world=World("braided", 3, 3), model=replace(tiny.SHAPE, rows=4, cols=4))
    other = training.train(recipe, tmp_path_factory.mktemp("woven") / "woven")
    return shifts.run(shifts.Settings(run=f"{trained.folder},{other.folder}", mazes=20, only="row_by_row"))


def test_two_runs_make_a_matrix_of_worlds(both):
    cells = {(row.what["run"], row.what["shift"]) for row in both.tables["worlds"]}
    assert cells == {(run, f"world of {world}") for run in ("learns", "woven") for world in ("learns", "woven")}
    one = {row.measure: row for row in both.tables["worlds"] if row.what["run"] != row.what["shift"][9:]}
    assert set(one) == {"optimal", "lost", *room.CONSTRAINTS}
    own = {row.measure: row for row in both.tables["worlds"] if row.what["run"] == row.what["shift"][9:] == "learns"}
    assert own["optimal"].what["note"].startswith(room.AS_TRAINED)
    home = next(row for row in both.tables["matrix"] if row.what["shift"] == AT_HOME and row.what["run"] == "learns")
    assert own["lost"].value == pytest.approx(home.value - own["optimal"].value)
    assert own["lost"].low <= own["lost"].value <= own["lost"].high
    assert "learns.world of woven.lost" in both.numbers
    json.dumps(dict(both.numbers))


def test_the_matrix_is_drawn_and_said(both):
    drawn = both.figures["worlds"].data[0]
    shares = {(r.what["run"], r.what["shift"]): r.value for r in both.tables["worlds"] if r.measure == "optimal"}
    assert np.allclose(np.array(drawn.z, float).ravel(), list(shares.values()))
    away = shares["learns", "world of woven"]
    (said,) = (one for one in both.sentences if one.startswith("learns in the world of woven"))
    assert f"walks {away:.1%} (" in said
    assert not any(one.startswith("learns in the world of learns") for one in both.sentences)
    assert len(both.figures["worlds_broken"].data[0].z) == 4
    assert {"learns", "woven", "learns, untrained", "woven, untrained"} == {
        one.name for one in both.figures["worlds_with_intervals"].data
    }


def test_a_world_that_the_language_has_no_words_for_is_an_empty_cell(trained, tmp_path):
    """A run with more cells knows the smaller world; the smaller one's vocabulary ends at its own lattice."""
    recipe = replace(tiny.QUICK, world=World("braided", 4, 4), model=replace(tiny.SHAPE, rows=4, cols=4))
    wide = training.train(recipe, tmp_path / "wide")
    found = shifts.run(shifts.Settings(run=f"{trained.folder},{wide.folder}", mazes=10, only="row_by_row"))
    values = np.array(found.figures["worlds"].data[0].z, float)
    assert np.isnan(values).tolist() == [[False, True], [False, False]]
    assert "learns cannot be asked in the world of wide: mazes of 4 x 4 cells do not fit" in " ".join(found.sentences)


@pytest.mark.parametrize(
    ("lost", "wall", "said"),
    [
        (
            (0.4, 0.3, 0.5),
            (0.3, 0.2, 0.4),
            "is worse than at home (+40.0 points lost, +30.0 to +50.0), and breaks",
        ),
        (
            (-0.2, -0.3, -0.1),
            (0.0, 0.0, 0.1),
            "is better than at home (-20.0 points lost, -30.0 to -10.0), and breaks no",
        ),
        ((0.1, -0.1, 0.3), (0.0, 0.0, 0.1), "which is not tellably other than at home"),
    ],
)
def test_what_breaks_elsewhere_is_said_where_it_can_be_told(lost, wall, said):
    what = {"run": "a", "family": "world", "walker": TRAINED}
    away, home = {**what, "shift": "world of b"}, {**what, "shift": AT_HOME}
    rows = [
        Row("optimal", 0.5, 0.4, 0.6, 9, away),
        Row("lost", *lost, 9, away),
        Row("wall", *wall, 9, away),
        Row("wall", 0.05, 0.0, 0.1, 9, home),
    ]
    (sentence,) = shifts_worlds.sentences([room.Measured("a", rows)])
    assert said in sentence
    assert ("wall 30.0% (at home 5.0%)" in sentence) == (wall[1] > 0.1)


def test_shifts_are_asked_for_by_name(trained):
    with pytest.raises(ValueError, match="row_by_row"):
        shifts.run(shifts.Settings(run=str(trained.folder), only="row_by_rows"))


def test_families_of_shifts_are_asked_for_by_name():
    asked = shifts._asked("", "cycles, edges")
    assert {shift.family for shift in asked.values()} == {"cycles", "edges"}
    assert shifts._asked("goal_cut_off,far", "edges").keys() == {"goal_cut_off"}
    with pytest.raises(ValueError, match="unknown family of shifts 'edge'; did you mean 'edges'"):
        shifts._asked("", "edge")
    with pytest.raises(ValueError, match="none of the shifts far is of the family edges"):
        shifts._asked("far", "edges")
