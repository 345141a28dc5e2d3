"""The controls come out as they must, and every row says of how many mazes it speaks."""

from functools import partial

import numpy as np
import pytest

from maze_interp import behaviour, mazes, models
from maze_interp.behaviour import METRICS, SOLVERS
from maze_interp.mazes import MazeBatch, World

TREES = World("depth_first", 5, 5, {}, 2)
CYCLIC = World("depth_first_percolation", 5, 5, {"p": 0.3}, 4)
FLAWS = ("wrong_start", "invalid_token", "no_end", "jump", "wall", "backtrack", "revisit")


def table(rows):
    return {row.measure: row for row in rows}


@pytest.mark.parametrize("world", [TREES, CYCLIC], ids=["trees", "cyclic"])
def test_the_oracle_is_perfect(world):
    batch = mazes.draw(world, 80, seed=0)
    rows = table(behaviour.behave(partial(SOLVERS["oracle"], seed=7), batch, seed=0))
    perfect = {"optimal", "valid", "target_reached", "first_fork", "fork_accuracy"}
    perfect |= {"exact", "node_overlap"} if world is TREES else set()
    assert {name: rows[name].value for name in perfect} == dict.fromkeys(perfect, 1.0)
    assert {name: rows[name].value for name in FLAWS} == dict.fromkeys(FLAWS, 0.0)
    assert rows["steps_until_invalid"].n == 0
    assert world is TREES or rows["exact"].value < 1, "with ties, another shortest path is drawn for some mazes"


def test_a_random_walk_is_legal_and_aimless():
    batch = mazes.draw(TREES, 150, seed=1)
    rows = table(behaviour.behave(partial(SOLVERS["random_walk"], seed=1), batch, seed=0))
    assert rows["valid"].value == 1
    assert rows["optimal"].high < 0.5
    assert rows["fork_accuracy"].high < 0.6
    assert rows["backtrack"].low > 1
    assert rows["jump"].value == rows["wall"].value == 0


def test_rows_are_in_order_with_intervals_and_conditions():
    batch = mazes.draw(TREES, 40, seed=2)
    rows = behaviour.behave(partial(SOLVERS["random_walk"], seed=1), batch, seed=0, solver="random_walk")
    assert [row.measure for row in rows] == list(METRICS)
    assert all(row.what == {"solver": "random_walk"} for row in rows)
    known = [row for row in rows if row.n and not np.isnan(row.low)]
    assert len(known) > len(rows) / 2
    assert all(row.low <= row.value <= row.high for row in known)
    again = behaviour.behave(partial(SOLVERS["random_walk"], seed=1), batch, seed=0, solver="random_walk")
    assert [row for row in again if row.measure in {one.measure for one in known}] == known
    few = behaviour.behave(partial(SOLVERS["oracle"], seed=1), batch, seed=0, metrics=("valid", "exact"))
    assert [row.measure for row in few] == ["exact", "valid"]


def test_n_counts_the_mazes_a_metric_is_about():
    """Three corridors, which have no fork, and two open lattices; one path of five turns illegal."""
    passages = np.zeros((5, 2, 2, 3), dtype=bool)
    passages[:3, mazes.RIGHT, 0, :2] = True
    passages[3:] = mazes.generate("open_field", 2, 2, 3, seed=0)
    batch = MazeBatch(passages, np.zeros(5, int), np.full(5, 2))
    solutions = mazes.solve(batch)
    paths = mazes.PathBatch(solutions.cells.copy(), solutions.length, solutions.ended)
    paths.cells[4, 1] = 5
    rows = table(behaviour.evaluate(batch, paths, solutions, seed=0))
    assert {name: row.n for name, row in rows.items() if row.n != 5} == {
        "first_fork": 2,
        "fork_accuracy": 2,
        "steps_until_invalid": 1,
    }
    assert rows["exact"].value == pytest.approx(4 / 5)
    assert rows["fork_accuracy"].value == pytest.approx(1 / 2)


def test_bad_questions_are_refused():
    batch = mazes.draw(TREES, 3, seed=0)
    solutions = mazes.solve(batch)
    with pytest.raises(ValueError, match="unknown metric 'exat'; did you mean 'exact'"):
        behaviour.evaluate(batch, solutions, solutions, seed=0, metrics=["exat"])
    with pytest.raises(ValueError, match="2 paths and 3 solutions for 3 mazes"):
        behaviour.evaluate(batch, solutions[:2], solutions, seed=0)


@pytest.mark.parametrize("name", SOLVERS)
def test_a_solver_answers_maze_by_maze(name):
    batch = mazes.draw(CYCLIC, 12, seed=3)
    whole = SOLVERS[name](batch, seed=5)
    part = SOLVERS[name](batch[4:9], seed=5, first=4)
    for i in range(5):
        length = part.length[i]
        assert (length, part.ended[i]) == (whole.length[4 + i], whole.ended[4 + i])
        np.testing.assert_array_equal(part.cells[i, :length], whole.cells[4 + i, :length])


def test_a_random_walk_takes_every_way_alike():
    """From the middle of an open 3 x 3 lattice: 4000 first steps, each count within 5 sigma (error rate < 3e-6)."""
    count = 4000
    open_ = mazes.generate("open_field", 1, 3, 3, seed=0).repeat(count, axis=0)
    batch = MazeBatch(open_, np.full(count, 4), np.zeros(count, int))
    walks = SOLVERS["random_walk"](batch, seed=0, limit=2)
    ways, counts = np.unique(walks.cells[:, 1], return_counts=True)
    assert ways.tolist() == [1, 3, 5, 7]
    assert np.abs(counts - count / 4).max() < 5 * np.sqrt(count * 3 / 16)


def test_a_random_walk_ends_at_the_goal_or_is_cut():
    closed = MazeBatch(np.zeros((2, 2, 2, 2), dtype=bool), np.array([0, 1]), np.array([3, 1]))
    walks = SOLVERS["random_walk"](closed, seed=0)
    assert walks.length.tolist() == [1, 1]
    assert walks.ended.tolist() == [mazes.CUT, mazes.END]
    with pytest.raises(ValueError, match="limit must be at least 1, not 0"):
        SOLVERS["random_walk"](closed, seed=0, limit=0)
    with pytest.raises(ValueError, match="maze 1 has no start"):
        SOLVERS["random_walk"](MazeBatch(closed.passages, np.array([0, -1]), closed.goal), seed=0)


def test_a_model_is_a_solver():
    """An untrained model writes nonsense, and all of it is measured."""
    model = models.build(models.ModelConfig(layers=1, d_model=8, heads=1, rows=3, cols=3, positions="learned"), seed=0)
    batch = mazes.draw(World("depth_first", 3, 3, {}, 2), 20, seed=0)
    rows = table(behaviour.behave(partial(models.rollout, model), batch, seed=0))
    assert rows["exact"].n == rows["jump"].n == 20
    solutions = mazes.solve(batch)
    tokens = model.maze_tokenizer.encode(batch, solutions, seed=0)
    made = behaviour.predictions(models.forced_logits(model, tokens), tokens)
    forced = table(behaviour.score_forced(made, batch, model.maze_tokenizer, seed=0))
    assert forced["every_token"].value == rows["exact"].value, "teacher forcing and greedy writing agree on trees"
    assert abs(forced["loss"].value - np.log(20)) < 1
