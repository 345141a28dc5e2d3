"""What is lost without a head is what the rerun loses, and names tell something only where they do."""

import numpy as np
import pytest

from maze_interp import attention, mazes, patching
from maze_interp.behaviour import neighbours
from maze_interp.experiments import heads_needed
from maze_interp.experiments import heads_needed_bench as bench_
from maze_interp.experiments import heads_needed_most as most
from maze_interp.experiments import heads_needed_page as page
from maze_interp.experiments import heads_needed_way as way
from maze_interp.patching import usual
from maze_interp.tables import Row
from tests import tiny

NONE = np.zeros((2, 2), bool)


@pytest.fixture(scope="module")
def found(trained):
    told = []
    made = heads_needed.run(heads_needed.Settings(run=str(trained.folder), mazes=60), lambda *given: told.append(given))
    assert told[-1] == (3 * 6 + 6, 3 * 6 + 6)
    return made


def rows(found, measure, table="parts"):
    return [row for row in found.tables[table] if row.measure == measure]


def test_every_head_and_every_layer_is_taken_away(found):
    for place in bench_.PLACES:
        mine = rows(found, page.LOST[place])
        assert [(row.what["layer"], row.what["head"]) for row in mine] == [
            *[(0, 0), (0, 1), (1, 0), (1, 1)],
            *[(0, "all"), (1, "all")],
        ]
    assert found.numbers["walked"] > 0.2
    lost = rows(found, "lost")
    assert max(row.value for row in lost[4:]) > 0.1  # it reads the maze by some head
    most = max(lost[:4], key=lambda row: row.value)
    assert f"{page.called(most)} (" in found.sentences[2]
    assert f"{most:.1%}" in found.sentences[2]
    assert page.called(most) in found.figures["heads"].layout.title.text


def test_the_head_needed_most_is_told_more(found):
    cell, step, dealt = found.tables["told"]
    top = max(rows(found, "lost")[:4], key=lambda row: row.value)
    assert cell.value == top.value
    assert [row.what["told"] for row in (cell, step, dealt)] == [most.THE_CELL, most.THE_STEP, most.ANY_STEP]
    right = {(row.measure, row.what["told"]): row.value for row in found.tables["where"]}
    assert right["right: corridors", most.UNTOUCHED] > right["right: forks", most.UNTOUCHED] > 0.3
    for place in bench_.PLACES[1:]:  # the same reading, told twice
        here = next(row for row in rows(found, page.LOST[place]) if row.what == top.what)
        untouched, told = (right[f"right: {place}", said] for said in (most.UNTOUCHED, most.THE_CELL))
        assert here.value == pytest.approx(untouched - told)


def test_all_heads_told_another_way_go_there_and_what_they_add_is_beside_the_cell_alone(found):
    told = {
        (page.called(row), row.what["told"]): row
        for row in rows(found, page.TAKEN, "another_way")
        if "told" in row.what
    }
    every, alone = told["all heads", page.ANOTHER], told["all heads", most.THE_CELL]
    assert every.value > 0.7 > 0.5 > alone.value
    more = {page.called(row): row.value for row in rows(found, page.MORE, "another_way")}
    assert more["all heads"] == pytest.approx(every.value - alone.value)
    assert len(more) == 7
    assert f"all heads {every:.1%} ({alone.value:.1%})" in found.sentences[6]


@pytest.fixture(scope="module")
def bench():
    """A network that is no good, and mazes with cycles and forks."""
    model = tiny.model(seed=1)
    drawn = mazes.draw(mazes.World(rows=4, cols=4), 60, seed=0)
    drawn = drawn[mazes.solve(drawn, seed=0).length > 2]
    tokens = model.maze_tokenizer.encode(drawn, mazes.solve(drawn, seed=0), seed=0)
    return bench_.Bench(model, drawn, patching.behind.behind(model, tokens), lambda: None)


def test_forks_and_corridors_are_those_of_the_maze(bench):
    """Counted cell by cell: open neighbours less the one the path comes from."""
    made = bench.reads(NONE, usual.usual(bench.model, bench.tokens))
    places, paths = bench_.steps(bench, made), mazes.solve(bench.mazes, seed=0)
    right = dict(zip(bench_.PLACES, bench.right(made).T, strict=True))
    around = neighbours.connected(bench.mazes.passages)
    for maze in range(len(paths)):
        cells = paths.cells[maze, : paths.length[maze]].tolist()
        ways = [
            len({int(n) for n in around[maze, cell] if n >= 0} - {cells[i - 1] if i else -1})
            for i, cell in enumerate(cells[:-1])
        ]
        assert places[bench_.FORKS][maze].sum() == sum(many > 1 for many in ways)
        assert places[bench_.CORRIDORS][maze].sum() == sum(many == 1 for many in ways)
        assert made.cell[maze][places[bench_.GOALS][maze]].tolist() == [cells[-1]]
        for place in bench_.PLACES[1:]:
            hits = made.right[maze][places[place][maze]]
            assert (np.isnan(right[place][maze]) and len(hits) == 0) or right[place][maze] == hits.mean()


def test_a_head_that_says_which_way_is_taken_is_believed_when_it_names_another(bench, monkeypatch):
    """A network that goes where it is told, and one that goes where the path does."""
    at_cell = usual.usual(bench.model, bench.tokens)
    before = bench.reads(NONE, at_cell)
    vocabulary = bench.model.maze_tokenizer.vocabulary.cell_ids.flatten()
    fork = way.first_forks(bench, before, at_cell, 0)
    assert len(fork.maze) > 10
    assert (fork.another.known == fork.cell.known).all()
    assert fork.another.known.sum() == len(fork.maze)

    def deaf(read, heads, said):
        tokens = read.tokens
        logits = np.zeros((*tokens.ids.shape, bench.model.cfg.d_vocab), np.float32)
        maze, position = np.nonzero(usual.cells(tokens)[:, :-1] >= 0)
        logits[maze, position, tokens.ids[maze, position + 1]] = 9.0
        return logits

    def obedient(read, heads, said):
        logits, at = deaf(read, heads, said), usual.cells(read.tokens)
        goes = said.kind % (at.max() + 2) - 1
        for maze, position in np.argwhere((said.kind > at) & (at >= 0) & (goes >= 0)):
            logits[maze, position, vocabulary[goes[maze, position]]] = 99.0
        return logits

    for answers, share in ((obedient, 1.0), (deaf, 0.0)):
        monkeypatch.setattr(usual, "forced", answers)
        turned = way.turned(bench, fork, NONE)
        assert turned[:, 0].mean() == share
        assert not turned[:, 1].any()


def test_names_along_the_path_stand_beside_what_is_lost(found):
    for row in rows(found, "lost"):
        assert set(filter(None, row.what["names"].split(", "))) <= set(attention.SCORES) - {"connectivity"}


def test_named_heads_that_lose_more_are_told_by_dealing_names_out():
    """Four of eight heads lose all mazes: of 70 ways to name four heads two are as far apart."""
    named = np.arange(8) < 4
    lost = np.broadcast_to(named.astype(float), (30, 8)) * (np.arange(30) % 3 > 0)[:, None]
    forks = page.LOST[bench_.FORKS]
    row = heads_needed._named(forks, lost, named, 0)
    assert row.value == pytest.approx(2 / 3)
    assert row.what["p"] == pytest.approx(2 / 70, abs=0.005)
    assert page.names([_corrected(row, 0.03)], 4, 8).endswith(": as predicted.")
    assert page.names([_corrected(row, 0.06)], 4, 8).endswith(": which is not told.")
    row = heads_needed._named(forks, lost, ~named, 0)
    assert page.names([_corrected(row, 0.03)], 4, 8).endswith(": not as predicted.")


def _corrected(row, holm):
    return Row(row.measure, row.value, row.low, row.high, row.n, {**row.what, "holm": holm})


def test_mazes_without_such_a_place_are_left_out_and_places_are_corrected_for():
    lost = np.zeros((30, 8, 4))
    lost[:, :4] = 0.5
    lost[:20, :, 2] = np.nan
    by_name = heads_needed._by_name(lost, np.arange(8) < 4, 0)
    assert [row.n for row in by_name] == [30, 30, 10, 30]
    assert all(row.value == 0.5 for row in by_name)
    assert all(row.what["holm"] == pytest.approx(4 * row.what["p"], rel=0.1) for row in by_name)


def test_names_that_mean_nothing_are_told_as_often_as_chance_allows():
    """400 draws of losses that no name knows of: p is below 0.05 in 5 cases of 100 (standard error 1.1)."""
    rng, named = np.random.default_rng(0), np.arange(24) < 10
    told = [heads_needed._named("lost", rng.normal(size=(5, 24)), named, i).what["p"] < 0.05 for i in range(400)]
    assert np.mean(told) == pytest.approx(0.05, abs=0.034)


def test_where_all_or_none_have_a_name_nothing_is_told():
    for named in (np.ones(4, bool), np.zeros(4, bool)):
        assert heads_needed._by_name(np.ones((5, 4, 4)), named, 0) == []
        assert "names tell nothing apart" in page.names([], int(named.sum()), 4)


@pytest.mark.parametrize(
    ("low", "value", "high", "below", "said"),
    [
        (0.0, 0.05, 0.1, True, "as predicted"),
        (0.2, 0.3, 0.4, True, "not as predicted"),
        (0.1, 0.15, 0.2, True, "which is not told"),
        (0.2, 0.3, 0.4, False, "as predicted"),
        (0.0, 0.05, 0.1, False, "not as predicted"),
        (np.nan, 0.0, np.nan, True, "as predicted"),
        (np.nan, 0.0, np.nan, False, "not as predicted"),
    ],
)
def test_a_verdict_is_what_its_interval_tells(low, value, high, below, said):
    assert page._verdict(Row("", value, low, high, 9, {}), 0.15, below=below) == said


def test_a_world_without_forks_is_told_what_can_be(trained, monkeypatch):
    """Corridors alone: nothing is said of forks, and nobody is told another way."""
    ends = mazes.Endpoints(start="dead_ends")
    only = mazes.World("depth_first", rows=3, cols=3, min_length=3, endpoints=ends, knobs={"forks": False})
    drawn = mazes.draw(only, 12, seed=1)
    monkeypatch.setattr(heads_needed, "held_out_mazes", lambda *_, **__: drawn)
    found = heads_needed.run(heads_needed.Settings(run=str(trained.folder)))
    assert "forks" not in found.figures
    assert not any("another open way is taken" in sentence for sentence in found.sentences)
