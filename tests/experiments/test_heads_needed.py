"""What is lost without a head is what the rerun loses, and names tell something only where they do."""

import numpy as np
import pytest

from maze_interp import attention, mazes
from maze_interp.behaviour import neighbours
from maze_interp.experiments import heads_needed
from maze_interp.experiments import heads_needed_most as most
from maze_interp.experiments import heads_needed_page as page
from maze_interp.patching import usual
from tests import tiny


@pytest.fixture(scope="module")
def found(trained):
    told = []
    made = heads_needed.run(heads_needed.Settings(run=str(trained.folder), mazes=60), lambda *given: told.append(given))
    assert told[-1] == (2 * 3 + 5, 2 * 3 + 5)
    return made


def test_every_head_and_every_layer_is_taken_away(found):
    assert [(row.what["layer"], row.what["head"]) for row in found.tables["heads"]] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert [row.what["layer"] for row in found.tables["layers"]] == [0, 1]
    assert found.numbers["walked"] > 0.2
    assert max(row.value for row in found.tables["layers"]) > 0.1  # it reads the maze by some head
    most = max(found.tables["heads"], key=lambda row: row.value)
    assert f"{most.what['layer']}.{most.what['head']} (" in found.sentences[2]
    assert f"{most:.1%}" in found.sentences[2]
    title = found.figures["heads"].layout.title.text
    assert f"{most.what['layer']}.{most.what['head']}" in title


def test_the_head_needed_most_is_told_more(found):
    cell, step, dealt = found.tables["told"]
    top = max(found.tables["heads"], key=lambda row: row.value)
    assert cell.value == top.value
    assert [row.what["told"] for row in (cell, step, dealt)] == [most.THE_CELL, most.THE_STEP, most.ANY_STEP]
    plain, turned = found.tables["another_way"]
    assert plain.n == turned.n > 20
    held = "as predicted" if turned.low > 0.5 else "not as predicted" if turned.high < 0.5 else "which is not told"
    assert found.sentences[5].endswith(f", {held}.")
    assert f"{turned:.1%} of {turned.n} mazes (untouched {plain:.1%})" in found.sentences[5]
    right = {(row.measure, row.what["told"]): row.value for row in found.tables["where"]}
    assert right[most.CORRIDORS, most.UNTOUCHED] > right[most.FORKS, most.UNTOUCHED] > 0.3


@pytest.fixture(scope="module")
def bench():
    """A network that is no good, and 40 mazes with cycles and forks."""
    model = tiny.model(seed=1)
    drawn = mazes.draw(mazes.World(rows=4, cols=4), 60, seed=0)
    drawn = drawn[mazes.solve(drawn, seed=0).length > 2]
    tokens = model.maze_tokenizer.encode(drawn, mazes.solve(drawn, seed=0), seed=0)
    return most.Bench(model, drawn, tokens, lambda: None)


def test_forks_and_corridors_are_those_of_the_maze(bench):
    """Counted cell by cell: open neighbours less the one the path comes from."""
    made = bench.reads(np.zeros((2, 2), bool), usual.usual(bench.model, bench.tokens))
    places, paths = most._places(bench, made), mazes.solve(bench.mazes, seed=0)
    around = neighbours.connected(bench.mazes.passages)
    for maze in range(len(paths)):
        cells = paths.cells[maze, : paths.length[maze]].tolist()
        ways = [
            len({int(n) for n in around[maze, cell] if n >= 0} - {cells[i - 1] if i else -1})
            for i, cell in enumerate(cells[:-1])
        ]
        assert places[most.FORKS][maze].sum() == sum(many > 1 for many in ways)
        assert places[most.CORRIDORS][maze].sum() == sum(many == 1 for many in ways)
        assert made.cell[maze][places[most.GOALS][maze]].tolist() == [cells[-1]]


def test_a_head_that_says_which_way_is_taken_is_believed_when_it_names_another(bench, monkeypatch):
    """The network that goes where it is told, and one that goes where the path does."""
    before = bench.reads(np.zeros((2, 2), bool), usual.usual(bench.model, bench.tokens))
    known = usual.usual(bench.model, bench.tokens, usual.steps(bench.tokens))
    vocabulary = bench.model.maze_tokenizer.vocabulary.cell_ids.flatten()

    def obedient(model, tokens, heads, said):
        logits = np.zeros((*tokens.ids.shape, model.cfg.d_vocab), np.float32)
        at, goes = usual.cells(tokens), said.kind % (usual.cells(tokens).max() + 2) - 1
        for maze, position in np.argwhere((said.kind >= 0) & (at >= 0) & (goes >= 0)):
            logits[maze, position, vocabulary[goes[maze, position]]] = 9.0
        return logits

    def deaf(model, tokens, heads, said):
        logits = np.zeros((*tokens.ids.shape, model.cfg.d_vocab), np.float32)
        maze, position = np.nonzero(usual.cells(tokens)[:, :-1] >= 0)
        logits[maze, position, tokens.ids[maze, position + 1]] = 9.0
        return logits

    for way, share in ((obedient, 1.0), (deaf, 0.0)):
        monkeypatch.setattr(usual, "forced", way)
        turned = most._astray(bench, np.zeros((2, 2), bool), before, known, 0)[1]
        assert turned.n > 10
        assert turned.value == share


def test_names_along_the_path_stand_beside_what_is_lost(found):
    for row in found.tables["heads"]:
        assert set(filter(None, row.what["names"].split(", "))) <= set(attention.SCORES) - {"connectivity"}


def test_named_heads_that_lose_more_are_told_by_dealing_names_out():
    """Four of eight heads lose all mazes: of 70 ways to name four heads two are as far apart."""
    named = np.arange(8) < 4
    lost = np.broadcast_to(named.astype(float), (30, 8)) * (np.arange(30) % 3 > 0)[:, None]
    row, p = heads_needed._named(lost, named, 0)
    assert row.value == pytest.approx(2 / 3)
    assert p == pytest.approx(2 / 70, abs=0.005)
    assert ": as predicted." in page.names(row, p, 4, 8)
    row, p = heads_needed._named(lost, ~named, 0)
    assert ": not as predicted." in page.names(row, p, 4, 8)


def test_names_that_mean_nothing_are_told_as_often_as_chance_allows():
    """400 draws of losses that no name knows of: p is below 0.05 in 5 cases of 100 (standard error 1.1)."""
    rng, named = np.random.default_rng(0), np.arange(24) < 10
    told = [heads_needed._named(rng.normal(size=(5, 24)), named, i)[1] < 0.05 for i in range(400)]
    assert np.mean(told) == pytest.approx(0.05, abs=0.034)


def test_where_all_or_none_have_a_name_nothing_is_told():
    for named in (np.ones(4, bool), np.zeros(4, bool)):
        row, p = heads_needed._named(np.ones((5, 4)), named, 0)
        assert row is None
        assert np.isnan(p)
        assert "names tell nothing apart" in page.names(row, p, int(named.sum()), 4)
