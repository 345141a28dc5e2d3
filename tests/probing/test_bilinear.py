"""A bilinear probe finds a cell that query and keys name in a common language, and nothing in noise."""

from dataclasses import replace

import numpy as np
import pytest

from maze_interp import mazes, probing
from maze_interp.mazes import World
from maze_interp.models import Site
from maze_interp.probing import ProbeRecipe, bilinear
from tests import tiny

WORLD = World("wilson", 3, 3, min_length=3)
RNG = np.random.default_rng(0)


def planted(count, shuffle=False):
    """Queries that hold a random code of one of nine cells, keys that hold the same cells' codes turned round."""
    codes, turn = np.random.default_rng(1).normal(size=(9, 16)), np.random.default_rng(2).normal(size=(16, 16)) / 4
    right = RNG.integers(0, 9, size=count)
    query = codes[right] + 0.3 * RNG.normal(size=(count, 16))
    place = np.argsort(RNG.random((count, 9)), axis=1)  # which code each cell has differs from maze to maze
    keys = codes[place] @ turn + 0.3 * RNG.normal(size=(count, 9, 16))
    answer = (place == right[:, None]).argmax(axis=1)
    given = bilinear.Read(query.astype(np.float32), keys.astype(np.float32), np.arange(count))
    return given, RNG.permutation(answer) if shuffle else answer


@pytest.mark.parametrize("shuffle", [False, True])
def test_a_planted_cell_is_found_and_a_shuffled_one_is_not(shuffle):
    """Right by chance: 1/9 of 300, whose standard deviation is 0.018."""
    probe = bilinear.fit(planted(600, shuffle), planted(200, shuffle), seed=0, rank=8, epochs=12, rate=1e-2)
    given, answer = planted(300, shuffle)
    right = (probe.predict(given).argmax(axis=1) == answer).mean()
    assert right < 0.2 if shuffle else right > 0.9
    again = bilinear.fit(planted(600, shuffle), planted(200, shuffle), seed=0, rank=8, epochs=0)
    assert again.left.shape == (16, 8)


def test_its_free_parameters_are_those_of_a_matrix_of_that_rank():
    """The dimension of the tangent space: how far `left @ right.T` can turn when either changes."""
    left, right = RNG.normal(size=(5, 2)), RNG.normal(size=(5, 2))
    turns = [np.outer(one, two) for one in np.eye(5) for two in right.T]
    turns += [np.outer(one, two) for one in left.T for two in np.eye(5)]
    assert np.linalg.matrix_rank(np.stack(turns).reshape(len(turns), -1)) == bilinear.parameters(5, 2) == 16
    assert bilinear.parameters(5, 5) == bilinear.parameters(5, 9) == 25


def test_keys_are_read_where_a_cell_was_named_last():
    model = tiny.model(1, rows=3, cols=3)
    batch = mazes.draw(WORLD, 30, seed=1)
    asked = probing.ask(model.maze_tokenizer, batch, "current", seed=2)
    named = bilinear.named_last(asked)
    assert len(named) == 30 * 9
    assert np.array_equal(asked.tokens.cell[named.maze, named.position], np.tile(np.arange(9), 30))
    goal = named.position.reshape(30, 9)[np.arange(30), batch.goal]
    assert np.array_equal(goal, probing.ask(model.maze_tokenizer, batch, "goal", seed=2).position)
    sites = [Site("resid_post", 1), Site("resid_pre", 0)]
    given = bilinear.read_both(model, asked, sites)[sites[0]]
    assert given.query.shape == (30, 32)
    assert given.keys.shape == (30, 9, 32)
    at_goal = probing.ask(model.maze_tokenizer, batch, "goal", seed=2)
    read = probing.read(model, at_goal, sites)[sites[0]]
    assert np.allclose(given.keys[np.arange(30), batch.goal], read, rtol=1e-4, atol=1e-4)
    assert np.allclose(given.query, probing.read(model, asked, sites)[sites[0]], rtol=1e-4, atol=1e-4)


def test_answers_are_cells_and_some_samples_have_none():
    model = tiny.model(1, rows=3, cols=3)
    asked = probing.ask(model.maze_tokenizer, mazes.draw(WORLD, 30, seed=1), "path", seed=2)
    labels = probing.labels(asked, ["ahead_2"])
    truth, answer = labels.values["ahead_2"][:, 0], bilinear.answers(labels.outputs)
    assert np.array_equal(answer < 0, np.isnan(truth))
    assert (answer[answer >= 0] == truth[answer >= 0]).all()


def test_what_it_cannot_answer_is_refused():
    model = tiny.model(1, rows=3, cols=3)
    batch = mazes.draw(WORLD, 30, seed=1)
    assert bilinear.refused("next_step") == "a bilinear probe answers with a cell, which 'next_step' is not"
    assert bilinear.refused("ahead_3") == ""
    early = probing.ask(model.maze_tokenizer, batch, "separators", seed=2)
    with pytest.raises(ValueError, match="keys are read up to the end of the prompt, and sample 0 stands before"):
        bilinear.read_both(model, early, [Site("resid_post", 1)])
    with pytest.raises(ValueError, match="a bilinear probe of rank 32 has 256 parameters, but 10 mazes are given"):
        bilinear.fit(planted(10), planted(10), seed=0)
    closed = mazes.MazeBatch(batch.passages[:2].copy(), np.array([0, 0]), np.array([1, 1]))
    closed.passages[:] = False
    closed.passages[:, 1, 0, 0] = True
    lonely = probing.ask(model.maze_tokenizer, closed, "current", seed=2)
    with pytest.raises(ValueError, match="the prompt of maze 0 never names cell 2"):
        bilinear.named_last(lonely)


RECIPE = ProbeRecipe(
    targets=("goal", "ahead_2"),
    position="current",
    sites=("resid_post",),
    method="bilinear",
    rank=2,
    mazes=200,
    unseen=80,
)


@pytest.fixture(scope="module")
def read():
    model = tiny.model(1, rows=3, cols=3)
    asked = probing.split(WORLD, model.maze_tokenizer, RECIPE, seed=1)
    said = []
    untrained = tiny.model(2, rows=3, cols=3)
    result = probing.probe(model, untrained, asked, RECIPE, seed=3, progress=lambda *given: said.append(given))
    return model, asked, result, said


def test_bilinear_probes_stand_beside_all_controls_and_come_back_from_disk(read, tmp_path):
    model, asked, result, _ = read
    scores = {(row.what["target"], row.what["features"], row.what.get("site")): row for row in result.scores}
    for target in RECIPE.targets:
        for control in ("majority", *probing.BAGS):
            assert scores[target, control, None].n > 40
        for features in ("model", "untrained", "shuffled", probing.TASK):
            assert scores[target, features, "resid_post:0"].n == scores[target, "majority", None].n
    assert {row.measure for row in result.beyond if row.what["target"] == "ahead_2"} == {
        f"beyond {name}" for name in probing.CONTROLS
    }
    probing.save(result, model, 3, 3, tmp_path / "saved")
    back = probing.load(tmp_path / "saved")
    assert back.result.recipe == RECIPE
    told = probing.apply(back, "goal", model, asked[2])
    best = result.best["goal"]
    assert np.allclose(told, probing.predicted(best, model, asked[2]), atol=1e-5)
    right = told.argmax(axis=1) == asked[2].mazes.goal[asked[2].maze]
    assert right.mean() == pytest.approx(best.score)
    assert (tmp_path / "saved" / "probes.safetensors").stat().st_size < 20_000


def test_progress_of_bilinear_probes_counts_mazes_read_and_fitted_to(read):
    said = read[-1]
    assert said[-1] == (2 * 360 + 4 * 4 * 200,) * 2
    assert [done for done, _ in said] == sorted(done for done, _ in said)
    assert {total for _, total in said} == {2 * 360 + 4 * 4 * 200}


def test_a_cell_that_query_and_key_both_name_is_found_and_others_are_not(read, monkeypatch):
    """Planted in every reading of the trained network: by chance six controls at once are beaten far below 1e-6."""
    model = read[0]
    recipe = replace(RECIPE, sites=("resid_post:1",), rank=8, mazes=800)
    asked = probing.split(WORLD, model.maze_tokenizer, recipe, seed=1)
    rng = np.random.default_rng(0)

    def read_both(network, one, sites, progress=None):
        codes = 4 * np.eye(9, 16) * (network is model)
        query, keys = codes[one.mazes.goal[one.maze]], np.broadcast_to(codes, (len(one.mazes), 9, 16))
        said = [(part + rng.normal(size=part.shape)).astype(np.float32) for part in (query, keys)]
        return dict.fromkeys(sites, bilinear.Read(*said, one.maze))

    monkeypatch.setattr(bilinear, "read_both", read_both)
    result = probing.probe(model, tiny.model(2, rows=3, cols=3), asked, recipe, seed=3)
    assert result.found("goal") == ["resid_post:1"]
    assert result.found("ahead_2") == []


def test_what_is_no_cell_is_left_out_of_bilinear_probes(read):
    model, asked, *_ = read
    named = probing.refusals(model, asked, replace(RECIPE, targets=("passage", "goal")))
    assert named == {"passage": "a bilinear probe answers with a cell, which 'passage' is not"}
    with pytest.raises(ValueError, match="the rank of a bilinear probe is 1 or more, not 0"):
        replace(RECIPE, rank=0)
    few = probing.split(WORLD, model.maze_tokenizer, replace(RECIPE, mazes=31), seed=1)
    assert "has 124 parameters, but" in probing.refusals(model, few, RECIPE)["goal"]
