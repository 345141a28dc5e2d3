"""A shift changes what it says and nothing else; what cannot be expressed is refused with the reason."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from maze_interp import mazes, recipes
from maze_interp.behaviour import metrics, shifts
from maze_interp.behaviour.shifts import SHIFTS, Home, passages, wording
from maze_interp.mazes import Endpoints, Mixture, World
from maze_interp.tokens import Tokenizer, unusual
from tests import tiny

COUNT = 12
HOME = Home(World("wilson", 4, 4), Tokenizer("adjacency_list", 5, 5), 400)
SPARING = Home(World(rows=3, cols=3), Tokenizer("directions", 3, 3), 52)
MIXED = Home(
    Mixture({"a": World(rows=4, cols=4), "b": World("braided", 3, 3)}, {"a": 0.5, "b": 0.5}, 4, 4, "random"),
    Tokenizer("passages_and_walls", 4, 4),
    400,
)
LISTED = Home(World("depth_first", 4, 4, max_length=6), Tokenizer("walls", 6, 6), 400)
HOMES = {"wilson": HOME, "mixed": MIXED}
every_shift = pytest.mark.parametrize("name", SHIFTS)


def made(name, home=HOME, count=COUNT, seed=1):
    return shifts.shifted(name, home, count, seed=seed)


def refused(home):
    """The shifts that do not apply, with the reason."""
    found = {name: shifts.measuring.attempt(lambda name=name: made(name, home)) for name in SHIFTS}
    return {name: reason for name, reason in found.items() if isinstance(reason, str)}


@pytest.fixture(scope="module")
def plain():
    return shifts.unshifted(HOME, COUNT, seed=1)


UNSPELT = {"cells_as_pairs", "cells_as_tuples"}
UNSAID = {
    "wilson": {"beyond_training", "much_larger", "walls_told", "passages_and_walls_told", *UNSPELT},
    "walls": {"along_the_path", "path_last", "foreign_edge", "foreign_shortcut", *UNSPELT},
}


@pytest.mark.parametrize("home", UNSAID)
def test_what_applies_and_what_does_not_is_known(home):
    assert set(refused({"wilson": HOME, "walls": LISTED}[home])) == UNSAID[home]


def test_refusals_say_why():
    reasons = refused(HOME)
    assert reasons["much_larger"] == "mazes of 6 x 6 cells do not fit a vocabulary of 5 x 5"
    assert reasons["walls_told"] == "the model's vocabulary has no token '<XX>'"
    assert "no bound on the length" in reasons["beyond_training"]
    assert "lists walls" in refused(LISTED)["foreign_edge"]
    narrow = refused(SPARING)
    assert "do not fit the model's context of 52" in narrow["open_field"]
    assert "no other place" in narrow["elsewhere"]
    assert "do not fit a vocabulary of 3 x 3" in narrow["larger"]
    assert "a maze needs at least 2 cells" in narrow["much_smaller_at_0_0"]
    with pytest.raises(ValueError, match=r"shufled.*shuffled"):
        shifts.shifted("shufled", HOME, 3, seed=0)
    with pytest.raises(ValueError, match="count must be at least 1"):
        shifts.shifted("shuffled", HOME, 0, seed=0)


def test_a_mistake_is_no_refusal():
    """What goes wrong in making a shift is not listed as not applicable: an order of edges that is not the maze's."""
    twice = shifts.Shift("mistaken", "an edge twice", wording.ordered(lambda own, *_: np.repeat(own[:, :1], 9, axis=1)))
    with pytest.raises(ValueError, match="edge") as mistake:
        shifts.measuring.attempt(lambda: twice.make(HOME, COUNT, seed=1))
    assert not isinstance(mistake.value, recipes.Refusal)
    with pytest.raises(ValueError, match="unknown shift"):
        shifts.measuring.attempt(lambda: made("shufled"))
    impossible = replace(HOME, world=World("wilson", 4, 4, filters={"path_forks": (90, 99)}))
    assert "is impossible" in shifts.measuring.attempt(lambda: made("row_by_row", impossible))


@pytest.mark.parametrize("home", HOMES.values(), ids=HOMES)
@every_shift
def test_every_shift_gives_mazes_that_can_be_walked_and_read(name, home):
    """Or refuses; what it gives depends on the seed alone: fewer mazes are the first of more."""
    one = shifts.measuring.attempt(lambda: made(name, home))
    if isinstance(one, str):
        assert len(one) > 20
        return
    assert 1 <= len(one) <= COUNT
    assert len(one.mazes) == len(one.prompts) == len(one.solutions)
    assert (one.prompts.length <= home.context).all()
    assert (one.solutions.length >= 2).all()
    assert np.array_equal(one.solutions.cells[:, 0], one.mazes.start)
    if name != "goal_cut_off":
        assert mazes.paths.optimal(one.mazes, one.solutions).all()
    fewer = made(name, home, count=COUNT - 2)
    part = one[: len(fewer)]
    assert np.array_equal(fewer.mazes.passages, part.mazes.passages)
    assert np.array_equal(fewer.prompts.length, part.prompts.length)
    assert home.tokenizer.text(fewer.prompts) == home.tokenizer.text(part.prompts)


@every_shift
def test_a_shift_of_words_leaves_the_mazes_and_a_shift_of_worlds_the_words(name, plain):
    one = shifts.measuring.attempt(lambda: made(name))
    if isinstance(one, str):
        return
    if SHIFTS[name].family in ("order of edges", "scheme"):
        assert np.array_equal(one.mazes.passages, plain.mazes.passages)
        assert np.array_equal(one.solutions.cells, plain.solutions.cells)
    elif SHIFTS[name].family != "edges":
        own = HOME.tokenizer.encode_prompts(one.mazes, seed=1)
        assert np.array_equal(own.ids, one.prompts.ids)


@pytest.mark.parametrize("by", [1, 2])
def test_a_smaller_maze_lies_where_it_is_said_to_and_every_place_is_taken(by):
    prefix, size = {1: "smaller", 2: "much_smaller"}[by], 4 - by
    names = [name for name in SHIFTS if name.startswith(f"{prefix}_at_")]
    assert len(names) == (by + 1) ** 2
    for name in names:
        row, col = map(int, name.split("_")[-2:])
        one = made(name)
        assert one.mazes.passages.shape[2:] == (4, 4)
        inside = np.zeros((4, 4), bool)
        inside[row : row + size, col : col + size] = True
        assert ((mazes.degrees(one.mazes.passages) > 0) == inside.ravel()).all()


def test_sizes_and_places_are_what_they_say():
    assert made("larger").mazes.passages.shape[2:] == (5, 5)
    moved = made("elsewhere", count=40).mazes
    assert moved.passages.shape[2:] == (5, 5)
    assert (mazes.degrees(moved.passages) > 0).any(axis=0).all()  # no cell of the lattice is always empty
    assert ((mazes.degrees(moved.passages) > 0).sum(axis=1) == 16).all()


@pytest.mark.parametrize("name", mazes.GENERATORS)
def test_every_generator_is_a_shift(name):
    home = Home(World("wilson", 4, 4, {}, min_length=3), Tokenizer("adjacency_list", 4, 4), 400)
    one = made(name, home)
    again = shifts.declaration.held_out(World(name, 4, 4, min_length=3), COUNT, seed=1)
    assert np.array_equal(one.mazes.passages, again.passages)
    assert (one.note == shifts.AS_TRAINED) == (name == "wilson")


def test_unseen_mazes_are_of_the_test_split_wherever_there_are_any():
    for name in ("braided", "smaller_at_1_0", "far", "elsewhere"):
        one = made(name)
        assert (mazes.split_of(mazes.passage_hash(one.mazes.passages)) == mazes.TEST).all()
        assert shifts.worlds.TOO_SMALL not in one.note
    assert "no mazes in the test split" in made("open_field").note


@pytest.mark.parametrize("measure", shifts.COMPLEXITY)
def test_tails_of_a_measure_lie_apart(measure):
    low, high = (mazes.MEASURES[measure](made(f"{which}_{measure}").mazes) for which in ("least", "most"))
    assert low.max() < high.min()


@pytest.mark.parametrize("name", ["most_dead_end_count", "least_path_forks", "far", "longest_in_a_hundred"])
def test_the_note_of_a_tail_says_what_share_of_the_world_it_is(name):
    """Ties make it another share than asked. Of 3,000 other mazes: within 7 points but once in 10 ** 4."""
    one, drawn = made(name, count=40), mazes.draw(HOME.world, 3000, seed=9)
    measure = {"most_dead_end_count": "dead_end_count", "least_path_forks": "path_forks"}.get(name, "solution_length")
    values, kept = mazes.MEASURES[measure](drawn), mazes.MEASURES[measure](one.mazes)
    share = (values <= kept.max() if name.startswith("least") else values >= kept.min()).mean()
    said = int(one.note.split("%")[0]) / 100
    assert one.note == f"{said:.0%} of the world's mazes"
    assert abs(share - said) < 0.07


def test_distances_come_in_strata():
    near, middle, far = (made(name, count=40).solutions.length for name in ("near", "at_middle_distance", "far"))
    assert near.max() < middle.min() <= middle.max() < far.min()
    bounded = made("beyond_training", LISTED)
    assert (bounded.solutions.length > 6).all()
    assert (shifts.unshifted(LISTED, COUNT, seed=1).solutions.length <= 6).all()


def test_a_measure_that_does_not_vary_has_no_tails():
    alike = Home(World("open_field", 3, 3), Tokenizer("adjacency_list", 3, 3), 400)
    with pytest.raises(ValueError, match="all mazes of this world are alike in dead_end_count: 0"):
        made("most_dead_end_count", alike)


def test_endpoints_are_where_they_are_said_to_be():
    kept = replace(HOME, world=World("wilson", 4, 4, endpoints=Endpoints(goal_block=2)))
    corners = [0, 3, 12, 15]
    assert np.isin(made("to_a_corner", kept).mazes.goal, corners).all()
    both = made("corner_to_corner").mazes
    assert np.isin(both.start, corners).all()
    assert np.isin(both.goal, corners).all()
    assert len(np.unique(made("anywhere_to_anywhere", kept, count=60).mazes.goal)) > 8
    ends = made("dead_end_to_dead_end").mazes
    assert mazes.dead_ends(ends.passages)[np.arange(COUNT), ends.goal].all()


def test_percolation_opens_walls_and_closes_none(plain):
    for name, least, most in (("one_wall_in_ten_opened", 0, 4), ("every_other_wall_opened", 2, 8)):
        one = made(name)
        assert (one.mazes.passages >= plain.mazes.passages).all()
        added = mazes.edge_count(one.mazes.passages) - 15
        assert least < added.mean() < most
        assert np.array_equal(one.mazes.goal, plain.mazes.goal)


def test_thinned_branches_leave_the_path_and_the_order_of_the_rest(plain):
    one = made("branches_thinned")
    assert (one.mazes.passages <= plain.mazes.passages).all()
    assert mazes.edge_count(one.mazes.passages).sum() < mazes.edge_count(plain.mazes.passages).sum()
    assert np.array_equal(one.solutions.cells, plain.solutions.cells)
    for text, own in zip(edges_of(one), edges_of(plain), strict=True):
        assert text == [edge for edge in own if edge in text]


def test_the_goal_is_cut_off_by_one_passage_of_the_path(plain):
    one = made("goal_cut_off")
    assert len(one) == COUNT
    assert np.array_equal(one.solutions.cells, plain.solutions.cells)
    reach = mazes.distances(one.mazes.passages, one.mazes.goal)
    assert (reach[np.arange(COUNT), one.mazes.start] == -1).all()
    for i, (text, own) in enumerate(zip(edges_of(one), edges_of(plain), strict=True)):
        gone = [edge for edge in own if edge not in text]
        assert text == [edge for edge in own if edge not in gone]
        names = {f"({cell // 4},{cell % 4})" for cell in one.edge[i]}
        assert len(gone) == 1
        assert set(gone[0].split(" <--> ")) == names
    assert metrics.wall(one.mazes, one.solutions, one.solutions).tolist() == [1] * COUNT
    assert shifts.crosses(one.solutions, one.edge).all()
    assert not shifts.crosses(one.solutions, one.edge[:, [0, 0]]).any()


def test_the_control_of_the_cut_closes_one_passage_and_leaves_the_path():
    one, cut = made("branch_cut_off", count=40), made("goal_cut_off", count=40)
    own = shifts.unshifted(HOME, 40, seed=1)
    off_path = mazes.edge_count(own.mazes.passages) > own.solutions.length - 1
    assert np.array_equal(one.mazes.start, own.mazes.start[off_path])
    assert np.array_equal(one.solutions.cells, own.solutions.cells[off_path])
    assert mazes.paths.exact(one.solutions, mazes.solve(one.mazes)).all()
    assert (one.mazes.passages <= own.mazes.passages[off_path]).all()
    assert (mazes.edge_count(one.mazes.passages) == mazes.edge_count(own.mazes.passages[off_path]) - 1).all()
    assert np.array_equal(one.prompts.length, cut.prompts.length[off_path])
    said = [edges for edges, kept in zip(edges_of(own), off_path, strict=True) if kept]
    for ends, text, before in zip(one.edge, edges_of(one), said, strict=True):
        (gone,) = set(before) - set(text)
        assert text == [edge for edge in before if edge != gone]
        assert set(gone.split(" <--> ")) == {f"({cell // 4},{cell % 4})" for cell in ends}
    assert not shifts.crosses(one.solutions, one.edge).any()


def test_a_maze_that_is_its_path_alone_has_no_branch_to_cut():
    snakes = World("wilson", 2, 2, endpoints=Endpoints("dead_ends", "dead_ends"))
    with pytest.raises(ValueError, match="none of the mazes can be changed so"):
        made("branch_cut_off", replace(HOME, world=snakes))


def test_where_there_is_another_way_round_the_maze_is_left_out():
    with pytest.raises(ValueError, match="none of the mazes can be changed so"):
        made(
            "goal_cut_off",
            replace(HOME, world=World("open_field", 3, 3, endpoints=Endpoints("corners", "corners"))),
            3,
            2,
        )
    some = made("goal_cut_off", replace(HOME, world=World("braided", 4, 4)), 60)
    assert 5 < len(some) < 60


@pytest.mark.parametrize("name", ["foreign_edge", "foreign_shortcut"])
def test_a_foreign_edge_is_said_once_and_is_no_passage(name, plain):
    one = made(name, count=40)
    beside = shifts.passages._beside(one.mazes, one.edge)
    assert not beside.any()
    assert (one.edge[:, 0] != one.edge[:, 1]).all()
    if name == "foreign_shortcut":
        assert np.array_equal(one.edge, np.stack([one.mazes.start, one.mazes.goal], axis=1))
        assert len(one) < 40
    own = shifts.unshifted(HOME, 40, seed=1)
    texts = {tuple(sorted(edges)): edges for edges in edges_of(own)}
    for ends, text in zip(one.edge, edges_of(one), strict=True):
        said = " <--> ".join(f"({cell // 4},{cell % 4})" for cell in ends)
        assert text.count(said) == 1
        rest = [edge for edge in text if edge != said]
        assert texts[tuple(sorted(rest))] == rest


def edges_of(one, home=HOME):
    """The edges each prompt names, in order."""
    texts = home.tokenizer.text(one.prompts)
    return [text.split("<ADJLIST_START> ")[1].split(" ; <ADJLIST_END>")[0].split(" ; ") for text in texts]


def cells(edge):
    return [tuple(map(int, cell.strip("()").split(","))) for cell in edge.split(" <--> ")]


def test_orders_of_edges_are_what_they_say(plain):
    own = edges_of(plain)
    for name in ("shuffled", "row_by_row", "along_the_path", "path_last"):
        texts = edges_of(made(name))
        assert [sorted(text) for text in texts] == [sorted(text) for text in own]  # directions as they were
        assert texts != own
    for text in edges_of(made("row_by_row")):
        upper = [min(cells(edge)) for edge in text]
        assert upper == sorted(upper)
    for i, (first, last) in enumerate(zip(edges_of(made("along_the_path")), edges_of(made("path_last")), strict=True)):
        steps = plain.solutions.length[i] - 1
        walked = [divmod(cell, 4) for cell in plain.solutions.cells[i, : steps + 1].tolist()]
        moves = [sorted(pair) for pair in pairwise(walked)]
        assert [sorted(cells(edge)) for edge in first[:steps]] == moves
        assert first[steps:] == [edge for edge in own[i] if sorted(cells(edge)) not in moves]
        assert last[-steps:] == [edge for edge in own[i] if sorted(cells(edge)) in moves]


def test_directions_of_edges_are_what_they_say(plain):
    own = edges_of(plain)
    for name, right in (("upper_cell_first", True), ("lower_cell_first", False)):
        texts = edges_of(made(name))
        assert all((cells(edge)[0] < cells(edge)[1]) == right for text in texts for edge in text)
        assert [[sorted(cells(edge)) for edge in text] for text in texts] == [
            [sorted(cells(edge)) for edge in text] for text in own
        ]
    turned = edges_of(made("either_cell_first"))
    same = np.mean([np.array(text) == np.array(other) for text, other in zip(turned, own, strict=True)])
    assert 0.3 < same < 0.7  # 180 fair coins: outside once in 10 ** 7


def test_what_changes_nothing_says_so():
    assert made("shuffled").note == made("cells_whole").note == made("anywhere_to_anywhere").note == shifts.AS_TRAINED
    ordered = replace(HOME, tokenizer=Tokenizer("row_by_row", 4, 4))
    assert made("row_by_row", ordered).note == shifts.AS_TRAINED
    assert made("shuffled", ordered).note == ""
    assert made("upper_cell_first", ordered).note == shifts.AS_TRAINED


def test_other_ways_of_writing_are_those_of_the_schemes():
    drawn = shifts.unshifted(HOME, COUNT, seed=1).mazes
    schemes = {
        "target_before_origin": "target_first",
        "without_connector": "unconnected",
        "goal_untold": "no_target",
        "edges_after_ends": "edges_last",
    }
    for name, scheme in schemes.items():
        other = Tokenizer(scheme, 5, 5)
        assert HOME.tokenizer.text(made(name).prompts) == other.text(other.encode_prompts(drawn, seed=1))


@every_shift
def test_the_control_has_the_length_of_the_shifted_prompts_and_the_paths_of_home(name, plain):
    one = shifts.measuring.attempt(lambda: made(name))
    if isinstance(one, str):
        return
    matched = shifts.length_matched(HOME, one, plain, seed=1)
    if matched is None:
        width = unusual.edge_tokens(HOME.tokenizer.choices)
        assert abs(one.prompts.length - plain.prompts.length[: len(one)]).max() <= width / 2
        return
    control, chosen = matched.made, matched.chosen
    assert np.array_equal(matched.usual.length, plain.prompts.length[chosen])
    longer = control.prompts.length > matched.usual.length
    assert HOME.tokenizer.text(matched.usual[longer]) == HOME.tokenizer.text(plain.prompts[chosen[longer]])
    assert np.abs(control.prompts.length - one.prompts.length[chosen]).max() <= 2
    assert np.array_equal(control.solutions.cells, plain.solutions.cells[chosen])
    assert mazes.paths.optimal(control.mazes, control.solutions).all()
    assert (control.mazes.passages <= plain.mazes.passages[chosen]).all()
    for i, (text, own) in enumerate(zip(edges_of(control), [edges_of(plain)[k] for k in chosen], strict=True)):
        shorter = mazes.edge_count(control.mazes.passages[i : i + 1])[0] < 15
        assert set(text) <= set(own) if shorter else set(text) == set(own)
        assert len(text) == len(set(text)) or not shorter
        assert max(map(text.count, text)) <= -(-len(text) // 15)  # none twice before all are


def test_pruning_takes_dead_ends_off_the_path_until_only_the_path_is_left(plain):
    few = shifts.control.pruned(plain.mazes, plain.solutions, np.full(COUNT, 100), seed=0)
    assert np.array_equal(mazes.edge_count(few.passages), plain.solutions.length - 1)
    two = shifts.control.pruned(plain.mazes, plain.solutions, np.full(COUNT, 2), seed=0)
    assert (mazes.edge_count(two.passages) == 13).sum() > COUNT // 2
    assert ((mazes.components(two.passages) == 0).sum(axis=1) <= 16).all()
    none = shifts.control.pruned(plain.mazes, plain.solutions, np.zeros(COUNT, int), seed=0)
    assert np.array_equal(none.passages, plain.mazes.passages)


def test_home_is_the_recipes_world_with_paths_of_a_step_or_more():
    recipe = replace(tiny.QUICK, world=World(rows=3, cols=3, min_length=1))
    assert shifts.home_of(recipe).world.min_length == 2
    assert shifts.home_of(recipe).context == recipe.model.longest


def test_path_steps_number_the_edges(plain):
    steps = passages.path_steps(plain.mazes, plain.solutions)
    assert np.array_equal((steps >= 0).sum(axis=1), plain.solutions.length - 1)
    assert np.array_equal(steps.max(axis=1), plain.solutions.length - 2)
    assert plain.mazes.passages.reshape(COUNT, -1)[steps >= 0].all()
    column = mazes.MazeBatch(np.array([[[[True], [True], [False]], [[False]] * 3]]), np.array([2]), np.array([0]))
    assert passages.path_steps(column, mazes.solve(column)).tolist() == [[1, 0, -1, -1, -1, -1]]
    assert wording.LAST > 2 * 100 * 100
