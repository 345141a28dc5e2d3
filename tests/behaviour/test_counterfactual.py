"""Flip rates of walkers whose ways are known are what they must be: a search flips, and only a search does."""

from functools import cache

import numpy as np
import pytest

from maze_interp import behaviour, mazes
from maze_interp.behaviour import counterfactual
from maze_interp.behaviour.solvers import POLICIES, searcher
from maze_interp.behaviour.walkers import Walker, of_model, of_policy
from maze_interp.mazes import Pairs, World
from maze_interp.tokens import Tokenizer
from tests import tiny

TOKENIZER = Tokenizer(rows=6, cols=6)
SEARCH = World("depth_first", 6, 6, min_length=8)


def drawn(world: World = SEARCH, count: int = 40) -> tuple[mazes.MazeBatch, mazes.Decisions]:
    batch = mazes.draw(world, count, seed=0)
    return batch, mazes.decisions(batch)


@cache
def some(edit: str) -> Pairs:
    """Pairs of a kind, drawn once; those called controls belong to the edits of the same name."""
    if edit.endswith("controls"):
        how = counterfactual.CONTROLS["control as large" if "large" in edit else "control"]
        return mazes.controls(some(edit.split()[0]), seed=0, **how)[0]
    return {"passage": mazes.move_passage, "goal": mazes.move_goal}[edit](*drawn(), seed=0)


def known(name: str) -> Walker:
    return of_policy(POLICIES[name], seed=0, name=name)


def react(walker: Walker, pairs: Pairs) -> behaviour.Reactions:
    return behaviour.react(walker, pairs, TOKENIZER, seed=0)


def measured(walker: Walker, pairs: Pairs) -> tuple[np.ndarray, ...]:
    return tuple(one(pairs, react(walker, pairs)) for one in counterfactual.MEASURES.values())


@pytest.mark.parametrize(
    ("edit", "flip"),
    [
        ("passage", 1),
        ("goal", 1),
        ("passage controls", 0),
        ("goal controls", 0),
        ("passage large controls", 0),
        ("goal large controls", 0),
    ],
)
def test_the_oracle_flips_at_every_edit_and_at_no_control(edit: str, flip: int) -> None:
    mass, flipped, right = measured(known("oracle"), some(edit))
    assert (mass == flip).all()
    assert (flipped == flip).all()
    assert right.all()


@pytest.mark.parametrize("name", ["baseline", "random_walk"])
@pytest.mark.parametrize("edit", ["passage", "goal", "passage controls"])
def test_who_chooses_at_random_never_flips_and_has_no_likeliest_way(name: str, edit: str) -> None:
    mass, flipped, right = measured(known(name), some(edit))
    assert abs(mass).max() < 1e-12
    assert not flipped.any()
    assert not right.any()


@pytest.mark.parametrize("name", ["greedy_manhattan", "greedy_euclidean", "wall_follower_left", "straight_ahead"])
def test_who_sees_no_passages_beyond_the_fork_does_not_notice_that_one_moved(name: str) -> None:
    for edit in ("passage", "passage controls"):
        reactions = react(known(name), some(edit))
        assert np.array_equal(reactions.before, reactions.after)
    notices = (counterfactual.flip_mass(some("goal"), react(known(name), some("goal"))) > 0).any()
    assert notices == name.startswith("greedy")


@pytest.mark.parametrize("horizon", [1, 3, 6])
def test_a_searcher_flips_where_the_edit_is_in_sight_and_is_sure_where_it_sees_enough(horizon: int) -> None:
    pairs = some("passage")
    reactions = react(of_policy(searcher("forward", horizon), seed=0, name="searcher"), pairs)
    mass = counterfactual.flip_mass(pairs, reactions)
    hidden = pairs.distance > horizon
    assert hidden.any()
    assert np.array_equal(reactions.before[hidden], reactions.after[hidden])
    sure = np.ones(len(pairs), bool)
    for batch in (pairs.base, pairs.edited):
        found = mazes.decisions(batch)
        at = np.flatnonzero(found.step == pairs.step[found.maze])
        assert np.array_equal(found.maze[at], np.arange(len(pairs)))
        sure &= mazes.look_ahead(batch, found, "forward")[at] <= horizon
    assert (mass[sure] == 1).all()
    assert sure.any() or horizon == 1
    assert not hidden[sure].any()


@pytest.mark.parametrize("name", ["oracle", "baseline", "greedy_manhattan", "forward_4"])
def test_turned_and_moved_mazes_change_nothing_for_who_knows_no_directions(name: str) -> None:
    batch, forks = drawn(World("wilson", 4, 4))
    others = [mazes.turn(batch, forks, image) for image in range(8)]
    others += [mazes.translate(batch, forks, 6, 6, top=2, left=1)]
    for pairs in others:
        reactions = react(known(name), pairs)
        assert np.allclose(reactions.before, reactions.after)


def test_in_the_mirror_the_left_hand_is_the_right() -> None:
    batch, forks = drawn(World("wilson", 4, 4))
    itself, mirrored = mazes.turn(batch, forks, 0), mazes.turn(batch, forks, 2)
    left, right = (react(known(f"wall_follower_{hand}"), itself).before for hand in ("left", "right"))
    assert np.array_equal(react(known("wall_follower_left"), mirrored).after, right)
    assert not np.array_equal(left, right)


def test_a_model_is_asked_by_prompts_that_differ_in_the_edge_alone() -> None:
    """Against asking it pair by pair, the prompt of the edited maze made from that of the base maze word by word."""
    built = tiny.talkative(rows=4, cols=4)
    tokenizer = built.maze_tokenizer
    pairs = mazes.move_passage(*drawn(World("wilson", 4, 4), 10), seed=0)
    found = behaviour.react(of_model(built, seed=0), pairs, tokenizer, seed=5)
    order = counterfactual.edge_order(pairs, tokenizer, seed=5)
    batch, _ = drawn(World("wilson", 4, 4), 10)
    assert np.array_equal(order, tokenizer.draw_edge_order(batch.passages, seed=5)[pairs.maze])
    changed = mazes.edited_order(pairs, order, seed=5)
    names = [f"({cell // 4},{cell % 4})" for cell in range(16)]
    ends = mazes.edge_ends(4, 4)
    for k in range(len(pairs)):
        base, led, codes = pairs.base[k : k + 1], pairs.led[k : k + 1], order[k : k + 1]
        text = tokenizer.text(tokenizer.encode_prompts(base, edge_order=codes))[0]
        gone, new = ([names[cell] for cell in ends[one[k]]] for one in (pairs.removed, pairs.added))
        flipped = changed[k][changed[k] != order[k]][0] & 1
        for joined in (gone, gone[::-1]):
            text = text.replace(" <--> ".join(joined) + " ;", " <--> ".join(new[::-1] if flipped else new) + " ;")
        edited, _ = tokenizer.parse(text, rows=4, cols=4)
        assert np.array_equal(edited.passages, pairs.edited[k : k + 1].passages)
        assert tokenizer.text(tokenizer.encode_prompts(edited, edge_order=changed[k : k + 1]))[0] == text
        for maze, codes, answer in ((base, order[k : k + 1], found.before), (edited, changed[k : k + 1], found.after)):
            choices = of_model(built, seed=0).choose(maze, led, codes)[0, int(pairs.step[k])]
            ways = np.where(pairs.options[k], choices, 0)
            assert np.allclose(answer[k], ways / ways.sum(), atol=1e-4)
    assert abs(found.before - found.after).max() > 1e-3


def test_reactions_do_not_depend_on_the_batch() -> None:
    built = tiny.talkative(rows=4, cols=4)
    pairs = mazes.move_passage(*drawn(World("wilson", 4, 4), 10), seed=0)
    whole = behaviour.react(of_model(built, seed=0), pairs, built.maze_tokenizer, seed=5)
    heard: list[tuple[int, int]] = []
    part = behaviour.react(
        of_model(built, seed=0), pairs[::-1], built.maze_tokenizer, seed=5, progress=lambda *done: heard.append(done)
    )
    assert np.allclose(part.before[::-1], whole.before, atol=1e-5)
    assert heard[-1] == (len(pairs) + len(np.unique(pairs.maze)),) * 2


def test_rows_are_means_over_strata_with_intervals_over_mazes() -> None:
    pairs = some("passage")
    controls, of = mazes.controls(pairs, seed=0)
    walker = of_policy(searcher("forward", 3), seed=0, name="forward_3")
    rows = behaviour.flip_rate(walker, pairs, TOKENIZER, seed=0, by=((), ("distance", "deceptive")), world="search")
    mass, flipped, right = measured(walker, pairs)
    for row in rows:
        assert row.what["walker"] == "forward_3"
        assert row.what["world"] == "search"
        assert np.isnan(row.low) or row.low <= row.value <= row.high
    whole = {(row.what["pair"], row.measure): row for row in rows if "distance" not in row.what}
    assert whole["edit", "flip_mass"].value == pytest.approx(mass.mean())
    assert whole["edit", "flipped"].value == pytest.approx(flipped.mean())
    assert whole["edit", "right_in_both"].value == pytest.approx(right.mean())
    assert whole["edit", "flip_mass"].n == len(np.unique(pairs.maze))
    beside = measured(walker, controls)[0]
    assert whole["control", "flip_mass"].value == pytest.approx(beside.mean())
    assert whole["edit - control", "flip_mass"].value == pytest.approx((mass[of] - beside).mean())
    large, of_large = mazes.controls(pairs, seed=0, kind="keep", alike="new_distances")
    gap = mass[of_large] - measured(walker, large)[0]
    assert whole["edit - control as large", "flip_mass"].value == pytest.approx(gap.mean())
    assert whole["edit - control as large", "flip_mass"].what["pairs"] == len(large)
    for row in rows:
        if row.what["pair"] == "edit" and row.measure == "flip_mass" and "distance" in row.what:
            inside = (pairs.distance == row.what["distance"]) & (pairs.deceptive == row.what["deceptive"])
            assert row.value == pytest.approx(mass[inside].mean())
            assert row.what["pairs"] == inside.sum()


def test_a_certain_share_has_an_interval_too() -> None:
    pairs = some("passage")
    rows = behaviour.flip_rows(pairs, react(known("oracle"), pairs), seed=0)
    share = next(row for row in rows if row.measure == "flipped")
    n = len(np.unique(pairs.maze))
    assert (share.value, share.high, share.n) == (1.0, 1.0, n)
    assert share.low == pytest.approx(1 / (1 + 1.96**2 / n), abs=1e-4)  # Wilson's, of n successes


def test_unknown_strata_are_refused() -> None:
    pairs = some("passage")
    with pytest.raises(ValueError, match="branch"):
        behaviour.flip_rows(pairs, react(known("oracle"), pairs), seed=0, by=["brunch"])
