"""What is lost without a head is what the rerun loses, heads told of a change turn as far as they say it, and names
tell something only where they do."""

import numpy as np
import pytest
import torch

from maze_interp import attention, experiments, mazes
from maze_interp.behaviour import neighbours
from maze_interp.experiments import heads_needed
from maze_interp.experiments import heads_needed_bench as benches
from maze_interp.experiments import heads_needed_most as most
from maze_interp.experiments import heads_needed_page as page
from maze_interp.experiments import heads_needed_rows as many
from maze_interp.experiments import heads_needed_way as way
from maze_interp.patching import usual
from maze_interp.tables import Row
from maze_interp.tokens import PATH
from tests import tiny

EVERY = (None, None)


@pytest.fixture(scope="module")
def asked():
    """The mazes that heads were chosen on."""
    return []


@pytest.fixture(scope="module")
def found(trained, asked):
    ticks, choose = [], heads_needed._chosen
    settings = heads_needed.Settings(run=str(trained.folder), mazes=60, validation=40)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(
            heads_needed, "_chosen", lambda bench, places: asked.append(bench.mazes) or choose(bench, places)
        )
        made = heads_needed.run(settings, lambda *given: ticks.append(given))
    assert ticks[-1] == (5 * 7 + 2 + 4 + 2 * 8, 5 * 7 + 2 + 4 + 2 * 8)
    return made


def rows(found, measure, table="parts", **what):
    return [row for row in found.tables[table] if row.measure == measure and what.items() <= row.what.items()]


def test_every_head_every_layer_and_all_are_taken_away(found):
    for place in benches.PLACES:
        assert [page.called(row) for row in rows(found, page.LOST[place])] == [
            *("0.0", "0.1", "1.0", "1.1", "layer 0", "layer 1", "all heads"),
        ]
    assert found.numbers["walked"] > 0.2
    lost = rows(found, "lost")
    assert max(row.value for row in lost[4:6]) > 0.1  # it reads the maze by some head
    assert lost[6].value == pytest.approx(found.numbers["walked"], abs=0.1)
    top = max(lost[:4], key=lambda row: row.value)
    assert f"{page.called(top)} (" in found.sentences[2]
    assert f"{top:.1%}" in found.sentences[2]
    assert page.called(top) in found.figures["heads"].layout.title.text
    assert set(found.figures) == {"heads", "forks", "moved_goal", "moved_passage"}
    for drawn in found.figures.values():
        assert np.shape(drawn.data[0].z) == (2, 3)
    turned = [row.value for row in rows(found, page.MORE, "turned", change="passage")]
    np.testing.assert_allclose(
        found.figures["moved_passage"].data[0].z, np.reshape([*turned[:2], turned[4], *turned[2:4], turned[5]], (2, 3))
    )


def test_the_heads_needed_most_are_told_more(found):
    """Where the step is told the end is told too; at the goal nothing else is asked."""
    for which in (benches.WALKED, benches.FORKS):
        right = {(row.what["place"], row.what["told"]): row.value for row in rows(found, "right", "told", most=which)}
        assert right[benches.CORRIDORS, most.UNTOUCHED] > right[benches.FORKS, most.UNTOUCHED] > 0.3
        assert {told for _, told in right} == {most.UNTOUCHED, most.THE_CELL, *most.HINTS, *most.HINTS.values()}
        beyond = rows(found, most.REGAINED, "told", most=which, place=benches.FORKS, told=most.THE_STEP)[0]
        untouched, hint, control = (
            right[benches.FORKS, told] for told in (most.UNTOUCHED, most.THE_STEP, most.ANY_STEP)
        )
        assert beyond.value == pytest.approx((hint - control) - (untouched - control) / 2)


def test_all_heads_turn_as_the_change_does_and_each_stands_beside_its_control(found):
    for change in way.CHANGES:
        told = {page.called(row): row for row in rows(found, page.TAKEN, "turned", change=change, told=page.CHANGED)}
        kept = {page.called(row): row for row in rows(found, page.TAKEN, "turned", change=change, told=page.CONTROL)}
        more = {page.called(row): row.value for row in rows(found, page.MORE, "turned", change=change)}
        assert told["all heads"].value > kept["all heads"].value + 0.2
        for part, value in more.items():
            assert value == pytest.approx(told[part].value - kept[part].value)
        half = rows(found, page.HALF[page.MORE], "turned", change=change)
        assert [row.value for row in half] == pytest.approx(
            [more[page.called(row)] - more["all heads"] / 2 for row in half]
        )
        listed = f"all heads {told['all heads']:.1%} ({kept['all heads'].value:.1%})"
        assert any(listed in sentence and change in sentence for sentence in found.sentences)


@pytest.fixture(scope="module")
def bench():
    """A network that is no good, on trees of 4 x 4 in a vocabulary that is larger."""
    model = tiny.model(rows=5, cols=5, seed=1)
    drawn = mazes.draw(mazes.World("wilson", rows=4, cols=4, min_length=3), 60, seed=0)
    return benches.bench(model, drawn, 0)


def test_forks_and_corridors_are_those_of_the_maze(bench):
    """Counted cell by cell: open neighbours less the one the path comes from."""
    made = bench.reads(bench.heads((0, 0)), usual.usual(bench.model, bench.tokens))
    right = dict(zip(benches.PLACES, bench.right(made).T, strict=True))
    around = neighbours.connected(bench.mazes.passages)
    for maze in range(len(bench.paths)):
        cells = bench.paths.cells[maze, : bench.paths.length[maze]].tolist()
        ways = [
            len({int(n) for n in around[maze, cell] if n >= 0} - {cells[i - 1] if i else -1})
            for i, cell in enumerate(cells[:-1])
        ]
        at = {place: made.cell[maze][where[maze]].tolist() for place, where in bench.at.items()}
        assert at[benches.FORKS] == [cell for cell, many in zip(cells[:-1], ways, strict=True) if many > 1]
        assert at[benches.CORRIDORS] == [cell for cell, many in zip(cells[:-1], ways, strict=True) if many == 1]
        assert at[benches.GOALS] == [cells[-1]]
        for place in benches.PLACES[1:]:
            hits = made.right[maze][bench.at[place][maze]]
            assert (np.isnan(right[place][maze]) and len(hits) == 0) or right[place][maze] == hits.mean()


@pytest.mark.parametrize("change", way.CHANGES)
def test_all_heads_told_of_a_change_say_exactly_what_the_changed_prompt_does(bench, change):
    """A theorem: at that token nothing else differs; so it is with the control, and one head does as a hook does."""
    drawn = way.exchange(bench, change, 0)
    assert len(np.unique(drawn.pairs.maze)) == len(drawn.pairs) > 20
    at = np.arange(len(drawn.pairs)), drawn.pairs.decision

    def goes(ids, **hooked):
        with torch.inference_mode():
            logits = bench.model.run_with_hooks(torch.from_numpy(ids).long(), **hooked).numpy()
        return logits[at].argmax(axis=1) == drawn.pairs.wrong

    every = [goes(one.corrupted.ids) for one in (drawn.pairs, drawn.controls)]
    np.testing.assert_array_equal(way.turned(bench, drawn, bench.heads(EVERY)).T, every)
    none = way.turned(bench, drawn, np.zeros_like(bench.heads(EVERY)))
    np.testing.assert_array_equal(none.T, [goes(drawn.pairs.clean.ids)] * 2)
    for written, one in zip((drawn.turned, drawn.kept), way.turned(bench, drawn, bench.heads((1, 0))).T, strict=True):

        def change_z(z, hook, written=written):
            z[at[0], at[1], 0] = torch.from_numpy(written[:, 1, 0])
            return z

        hooks = [("blocks.1.attn.hook_z", change_z)]
        np.testing.assert_array_equal(one, goes(drawn.pairs.clean.ids, fwd_hooks=hooks))


def test_the_change_turns_the_right_way_and_its_control_keeps_it(bench):
    ids = bench.model.maze_tokenizer.vocabulary.ids_on(4, 4)
    for change in way.CHANGES:
        drawn = way.exchange(bench, change, 0)
        step = (drawn.pairs.clean.part == PATH).sum(axis=1) - 1
        for edited, right in ((drawn.pairs.edited, drawn.pairs.wrong), (drawn.controls.edited, drawn.pairs.right)):
            after = mazes.solve(edited, seed=0)
            np.testing.assert_array_equal(ids[after.cells[np.arange(len(after)), step]], right)
        np.testing.assert_array_equal(drawn.controls.wrong, drawn.pairs.wrong)


def test_of_cycles_and_other_languages_nothing_is_exchanged():
    woven = mazes.draw(mazes.World("braided", rows=3, cols=3, min_length=3), 30, seed=0)
    assert way.exchange(benches.bench(tiny.model(), woven, 0), "goal", 0) is None
    loose = mazes.draw(mazes.World("percolation", rows=4, cols=4, min_length=3), 3000, seed=0)
    few = loose[(mazes.shortest_path_counts(loose) == 1) & (mazes.edge_count(loose.passages) == 15)]
    assert (mazes.MEASURES["cycle_count"](few) > 0).any()  # as many passages as a tree has, and no tree
    made = way.exchange(benches.bench(tiny.model(), few, 0), "goal", 0)
    assert made is None or not mazes.MEASURES["cycle_count"](made.pairs.mazes).any()
    told = tiny.model(scheme="walls")
    trees = mazes.draw(mazes.World("wilson", rows=3, cols=3, min_length=3), 30, seed=0)
    assert way.exchange(benches.bench(told, trees, 0), "passage", 0) is None
    assert page.ways([]) == []


def test_names_along_the_path_stand_beside_what_is_lost(found):
    """The trained network has heads that look at the path's past; no head is called what is asked at edges."""
    named = [set(filter(None, row.what["names"].split(", "))) for row in rows(found, "lost")]
    assert set().union(*named)
    assert set().union(*named) <= set(attention.SCORES) - {"connectivity"}


FOUR = np.arange(8)[None] < 4


def test_named_heads_that_lose_more_are_told_by_dealing_names_out():
    """Four of eight heads lose all mazes: of 70 ways to name four heads two are as far apart."""
    lost = np.broadcast_to(FOUR[0].astype(float), (30, 8)) * (np.arange(30) % 3 > 0)[:, None]
    forks = page.LOST[benches.FORKS]
    row = heads_needed._named(forks, lost, FOUR, 0)
    assert row.value == pytest.approx(2 / 3)
    assert row.what["p"] == pytest.approx(2 / 70, abs=0.005)
    assert page.names([_corrected(row, 0.03)], 4, 8).endswith(": as predicted.")
    assert page.names([_corrected(row, 0.06)], 4, 8).endswith(": which is not told.")
    row = heads_needed._named(forks, lost, ~FOUR, 0)
    assert page.names([_corrected(row, 0.03)], 4, 8).endswith(": not as predicted.")


def _corrected(row, holm):
    return Row(row.measure, row.value, row.low, row.high, row.n, {**row.what, "holm": holm})


def test_mazes_without_such_a_place_are_left_out_and_places_are_corrected_for():
    lost = np.zeros((30, 8, 4))
    lost[:, :4] = 0.5
    lost[:20, :, 2] = np.nan
    by_name = heads_needed._by_name(lost, FOUR, 0)
    assert [row.n for row in by_name] == [30, 30, 10, 30]
    assert all(row.value == 0.5 for row in by_name)
    assert all(row.what["holm"] == pytest.approx(4 * row.what["p"], rel=0.1) for row in by_name)


def test_names_that_mean_nothing_are_told_as_often_as_chance_allows():
    """400 draws of losses that differ by layer, and names that crowd in the needed layers and know no more: p is below
    0.05 in 5 cases of 100 (standard error 1.1). Dealt over all heads they would nearly always tell something."""
    rng, named = np.random.default_rng(0), np.arange(8) < np.array([[0], [2], [6]])
    layers = np.repeat([0.0, 3.0, 9.0], 8)
    told = [
        heads_needed._named("lost", layers + rng.normal(size=(5, 24)), named, i).what["p"] < 0.05 for i in range(400)
    ]
    assert np.mean(told) == pytest.approx(0.05, abs=0.034)


def test_where_no_layer_has_heads_with_and_without_nothing_is_told():
    for named in (np.ones((2, 2), bool), np.array([[True, True], [False, False]])):
        assert heads_needed._by_name(np.ones((5, 4, 4)), named, 0) == []
        assert "no layer has heads with and without" in page.names([], int(named.sum()), 4)


@pytest.mark.parametrize(
    ("ends", "none", "some"),
    [
        ([(-0.2, -0.1), (-0.3, -0.2)], "as predicted", "not as predicted"),
        ([(-0.2, -0.1), (0.1, 0.2)], "not as predicted", "as predicted"),
        ([(-0.2, 0.1), (-0.3, -0.2)], "which is not told", "which is not told"),
    ],
)
def test_a_verdict_on_many_parts_is_what_all_their_intervals_tell(ends, none, some):
    many = [Row("", (low + high) / 2, low, high, 9, {}) for low, high in ends]
    assert page._none_above(many) == none
    assert page._some_above(many) == some


def test_what_is_alike_in_few_mazes_may_be_otherwise():
    """Of n mazes all lost or none: if one in m were otherwise, n would show none with 5% only where m is small."""
    few, lots = (many.rows("lost", np.zeros((n, 1)), [{}], 0)[0] for n in (3, 3000))
    assert (few.low, few.high) == (-1, 1)
    assert -0.0013 < lots.low < -0.0012 < 0.0012 < lots.high < 0.0013  # 3.7 of 3,000, each of them off by 1
    none = many.rows("lost", np.full((4, 1), np.nan), [{}], 0)[0]
    assert none.n == 0
    assert np.isnan(none.value)


def test_a_network_whose_heads_say_nothing_has_no_verdict():
    """Nothing is half of nothing."""
    costs = page.LOST[benches.FORKS]
    nobody = [
        Row(costs, 0.01, -0.1, 0.1, 9, {"layer": "all", "head": "all", "names": ""}),
        Row(page.HALF[costs], -0.2, -0.3, -0.1, 9, {"layer": 0, "head": 0, "names": ""}),
    ]
    (said,) = page._halves(nobody, page.HALF[costs], costs, "costs half")
    assert "not sure that they matter" in said


def test_heads_are_chosen_on_mazes_of_another_split_than_they_are_asked_of(found, asked):
    (chosen_on,) = asked
    assert len(chosen_on) > 10
    assert (mazes.split_of(mazes.passage_hash(chosen_on.passages)) == mazes.VALIDATION).all()


def test_only_visits_that_all_tellings_know_of_are_told_and_counted(bench):
    """Counted anew: the other half has a visit of the same kind, by each telling."""
    told = most.tellings(bench, 0)
    at = usual.cells(bench.tokens)
    half = np.arange(len(at)) % 2
    known = at >= 0
    for said in told.said.values():
        np.testing.assert_array_equal(said.kind >= 0, said.known)
    kinds = [usual.steps(bench.tokens), usual.ends(bench.tokens), usual.goals(bench.tokens)]
    kinds += [usual.dealt(bench.tokens, kind, seed=0) for kind in kinds]
    for kind in kinds:
        others = [set(kind[half != mine][at[half != mine] >= 0]) for mine in (0, 1)]
        known &= [[one in others[mine] for one in row] for row, mine in zip(kind, half, strict=True)]
    np.testing.assert_array_equal(told.said[most.THE_CELL].kind >= 0, known)
    opening = (bench.tokens.part == PATH).argmax(axis=1)
    for maze in range(len(at)):
        steps = np.flatnonzero(bench.at[benches.GOALS][maze] | (bench.at[benches.FORKS][maze]))
        assert told.counted[maze, steps].tolist() == known[maze, opening[maze] + steps].tolist()
    assert 0 < told.counted[bench.at[benches.FORKS]].mean() < 1


def test_what_all_is_regained_of_is_surely_regained():
    """A hint that brings back every step of every maze, where a bootstrap knows nothing."""
    right = {name: np.ones((30, 4)) for name in (most.UNTOUCHED, *most.HINTS)}
    right |= {name: np.zeros((30, 4)) for name in (most.THE_CELL, *most.HINTS.values())}
    rows = most.rows(right, "0.0", 0)
    made = [row for row in rows if row.measure == most.REGAINED]
    assert len(made) == 3 * 3
    assert [row.what["told"] for row in rows if row.what["place"] == benches.WALKED] == [most.UNTOUCHED]
    assert all(0 < row.low < row.value == 0.5 for row in made)


def test_a_world_without_forks_is_told_what_can_be(trained, monkeypatch, tmp_path):
    """Corridors alone: nothing is said of forks, nobody turns, and what is left can be written."""
    ends = mazes.Endpoints(start="dead_ends")
    only = mazes.World("depth_first", rows=3, cols=3, min_length=3, endpoints=ends, knobs={"forks": False})
    drawn = mazes.draw(only, 12, seed=1)
    monkeypatch.setattr(heads_needed, "held_out_mazes", lambda *_, **__: drawn)
    settings = heads_needed.Settings(run=str(trained.folder), validation=20)
    found = heads_needed.run(settings)
    assert set(found.figures) == {"heads"}
    assert found.tables["turned"] == []
    assert "corridors: all heads" in found.sentences[3]
    assert not any("forks" in sentence for sentence in found.sentences[1:-1])
    experiments.write(found, tmp_path / "made", settings)
    assert experiments.read(tmp_path / "made").tables["turned"] == []
