"""A mixture has its worlds in their shares and its mazes at their places, and a maze keeps its split wherever it lies.

Seeds are fixed; each chi-square threshold fails a correct draw with probability below 1e-4.
"""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maze_interp import mazes, recipes
from maze_interp.mazes import TEST, TRAIN, DatasetRecipe, Endpoints, Mixture, World
from maze_interp.mazes.mixtures import cut_out, layout, placed
from tests import oracles

WORLDS = {"tree": World("wilson", 3, 3), "corridor": World(rows=1, cols=4), "field": World("open_field", 5, 4)}
SHARES = {"tree": 0.6, "corridor": 0.1, "field": 0.3}
MIXED = Mixture(WORLDS, SHARES, rows=5, cols=6, place="random")
ALONE = Mixture({"tree": WORLDS["tree"]}, {"tree": 1}, rows=5, cols=6, place="random")


def figures(batch):
    """The passages of each maze, counted from the first row and the first column that have any."""
    places = [np.argwhere(maze) for maze in batch.passages]
    return {frozenset(map(tuple, one - [0, *one[:, 1:].min(axis=0)])) for one in places}


@pytest.mark.parametrize("place", ["top_left", "random"])
def test_maze_i_is_maze_i_of_its_world_at_its_place(place):
    mixture, index = replace(MIXED, place=place), np.arange(40, 140)
    where, mixed = layout(mixture, index, seed=5), mazes.draw(mixture, 100, seed=5, first=40)
    assert set(where.world.tolist()) == {0, 1, 2}
    for i, number in enumerate(where.world.tolist()):
        world = [*WORLDS.values()][number]
        own = mazes.draw(world, 1, seed=5, first=40 + i)
        top, left = int(where.top[i]), int(where.left[i])
        assert (place == "random") or (top, left) == (0, 0)
        inside = np.zeros((5, 6), bool)
        inside[top : top + world.rows, left : left + world.cols] = True
        assert np.array_equal(mixed.passages[i][:, inside].reshape(own.passages[0].shape), own.passages[0])
        assert not mixed.passages[i][:, ~inside].any()
        for cells, small in ((mixed.start, own.start), (mixed.goal, own.goal)):
            row, col = divmod(int(small[0]), world.cols)
            assert cells[i] == (row + top) * 6 + col + left


def test_worlds_have_their_shares_and_every_place_is_equally_likely():
    where = layout(MIXED, np.arange(40_000), seed=0)
    assert oracles.chi_square_z(np.bincount(where.world), SHARES.values()) < 4
    for number, world in enumerate(WORLDS.values()):
        mine = where.world == number
        down, right = 5 - world.rows + 1, 6 - world.cols + 1
        places = np.bincount((where.top * right + where.left)[mine])
        assert len(places) == down * right
        assert oracles.chi_square_z(places, np.ones(len(places))) < 4


def test_shares_hold_even_where_one_world_redraws_most_of_its_mazes():
    picky = World("wilson", 4, 4, filters={"fork_count": (3, 3)})
    mixture = Mixture({"plain": World(rows=2, cols=2), "picky": picky}, {"plain": 0.5, "picky": 0.5}, 4, 4)
    drawn = mazes.draw(mixture, 10_000, seed=0)
    large = mazes.edge_count(drawn.passages) == 15
    assert oracles.chi_square_z(np.bincount(large), [0.5, 0.5]) < 4
    assert (mazes.MEASURES["fork_count"](drawn[large]) == 3).all()


@oracles.repeatable
@given(oracles.any_mazes(), st.integers(0, 3), st.integers(0, 3))
def test_what_is_placed_can_be_cut_out_and_keeps_its_solution(batch, down, right):
    top, left = np.full(len(batch), down), np.full(len(batch), right)
    large = placed(batch, batch.rows + 3, batch.cols + 3, top, left)
    back = cut_out(large, batch.rows, batch.cols, top, left)
    for name in ("passages", "start", "goal"):
        assert np.array_equal(getattr(back, name), getattr(batch, name))
    length = mazes.MEASURES["solution_length"]
    assert np.array_equal(length(large), length(batch))


def test_splits_are_disjoint_up_to_displacement_and_across_worlds():
    test, _ = mazes.take(ALONE, 400, seed=1, split=TEST)
    train, _ = mazes.take(ALONE, 400, seed=2, split=TRAIN)
    plain, _ = mazes.take(WORLDS["tree"], 400, seed=3, split=TRAIN)
    assert not figures(test) & (figures(train) | figures(plain))
    assert len(figures(train) & figures(plain)) > 50  # so a leak would have shown
    assert len(np.unique(mazes.passage_hash(train.passages))) == len(figures(train))


def test_corners_and_blocks_are_those_of_the_small_lattice():
    world = World("wilson", 3, 3, endpoints=Endpoints(start="corners", goal_block=1))
    mixture = Mixture({"small": world}, {"small": 1.0}, 5, 6, "random")
    many, _ = mazes.take_paths(mixture, 40, 5, seed=0, paths_seed=1, split=TRAIN)
    for batch in (mazes.draw(mixture, 200, seed=0), many):
        rows, cols = (batch.passages.any(axis=axes) for axes in ((1, 3), (1, 2)))
        top, left = rows.argmax(axis=1), cols.argmax(axis=1)
        assert (batch.goal == top * 6 + left + 2).all()
        assert np.isin(batch.start // 6 - top, [0, 2]).all()
        assert np.isin(batch.start % 6 - left, [0, 2]).all()
        assert len(set(zip(top.tolist(), left.tolist(), strict=True))) == 12


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weights": {"tree": 0.6, "corridor": 0.1, "field": 0.2}}, "must be shares that sum to 1, not .*0.2"),
        ({"weights": {"tree": 1.2, "corridor": -0.5, "field": 0.3}}, "must be shares that sum to 1"),
        ({"weights": {"tree": 0.7, "field": 0.3}}, "gives its world 'corridor' no weight"),
        ({"weights": {**SHARES, "tee": 0.0}}, "unknown world of the mixture 'tee'; did you mean 'tree'"),
        ({"rows": 4}, "world 'field' of 5 x 4 cells does not fit on the mixture's lattice of 4 x 6"),
        ({"place": "middle"}, "unknown place 'middle'"),
        ({"worlds": {}, "weights": {}}, "must be shares that sum to 1"),
    ],
)
def test_a_mixture_that_does_not_add_up_is_named(changes, message):
    with pytest.raises(ValueError, match=message):
        replace(MIXED, **changes)


def test_a_mixture_is_read_from_a_file_of_tables(tmp_path):
    path = tmp_path / "sizes.toml"
    path.write_text("""
        name = "sizes"
        count = 10
        validation = 1
        test = 1
        reason = "a test"
        [world]
        rows = 5
        cols = 6
        place = "random"
        weights = { tree = 0.6, corridor = 0.1, field = 0.3 }
        [world.worlds.tree]
        generator = "wilson"
        rows = 3
        cols = 3
        [world.worlds.corridor]
        rows = 1
        cols = 4
        [world.worlds.field]
        generator = "open_field"
        rows = 5
        cols = 4
    """)
    recipe = recipes.load(DatasetRecipe, path)
    assert recipe.world == MIXED
    path.write_text(recipes.to_toml(recipe))
    assert recipes.load(DatasetRecipe, path) == recipe
    changed = recipes.override(recipe, {"world.worlds.tree.endpoints.goal_block": "2", "world.place": "top_left"})
    assert changed.world.worlds["tree"] == World("wilson", 3, 3, endpoints=Endpoints(goal_block=2))
    with pytest.raises(ValueError, match=r"unknown key 'world.weigths'; did you mean 'world.weights'"):
        recipes.from_dict(DatasetRecipe, {**recipes.to_dict(recipe), "world": {"worlds": {}, "weigths": {}}}, "here")


def test_a_rich_world_survives_the_round_trip(tmp_path):
    rules = Endpoints("dead_ends", "off_forks", 3, True)
    world = World("wilson", 5, 5, {}, 3, 9, rules, {"fork_count": (2, 5.5), "detour": (0, float("inf"))})
    recipe = DatasetRecipe("rich", world, 1, 1, 1, "a test", up_to_symmetry=True)
    (tmp_path / "rich.toml").write_text(recipes.to_toml(recipe))
    assert recipes.load(DatasetRecipe, tmp_path / "rich.toml") == recipe


def test_every_single_world_can_be_changed_and_a_world_said_in_words():
    longer = mazes.each(MIXED, lambda one: replace(one, min_length=4))
    assert {one.min_length for one in longer.worlds.values()} == {4}
    assert mazes.each(World(), lambda one: replace(one, rows=3)) == World(rows=3)
    assert mazes.describe(World()) == "depth_first, 6 x 6 cells, paths of 2 cells or more"
    assert mazes.describe(ALONE) == (
        "a mixture on 5 x 6 cells, random: 100% tree (wilson, 3 x 3 cells, paths of 2 cells or more)"
    )
    rich = World(knobs={"forks": False}, max_length=9, endpoints=Endpoints(goal_block=2), filters={"detour": (2, 4)})
    assert mazes.describe(rich).endswith("paths of 2 to 9 cells, forks = False, goal_block = 2, detour from 2 to 4")


def test_weights_that_are_no_numbers_are_refused():
    worlds = {"one": mazes.World(), "other": mazes.World("wilson")}
    with pytest.raises(ValueError, match="must be shares that sum to 1"):
        mazes.Mixture(worlds, {"one": float("nan"), "other": float("nan")}, 6, 6)
