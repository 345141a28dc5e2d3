"""Targets are what networkx says of the maze and of the path that the sequence writes."""

import networkx as nx
import numpy as np
import pytest

from maze_interp import mazes, probing
from maze_interp.mazes import NO_CELL, World
from maze_interp.probing import POSITIONS, TARGETS, targets
from maze_interp.tokens import SCHEMES, Tokenizer
from maze_interp.tokens.vocabulary import PATH_START, SEMICOLON
from tests import oracles

TREES = mazes.draw(World("wilson", 3, 4), 12, seed=1)
RAGGED = mazes.draw(World("percolation", 4, 4, {"p": 0.6}), 12, seed=2)
WRITER = Tokenizer("adjacency_list", 4, 4)


def truths(asked, sample):
    """Every target of one sample, slot by slot, from the graph and the path alone; None where there is no such fact."""
    maze, step = asked.maze[sample], asked.step[sample]
    rows, cols = asked.mazes.rows, asked.mazes.cols
    graph = oracles.graph(asked.mazes.passages[maze])
    start, goal = int(asked.mazes.start[maze]), int(asked.mazes.goal[maze])
    path = asked.paths.cells[maze, : asked.paths.length[maze]].tolist()
    here = path[step]

    def far(source):
        found = nx.single_source_shortest_path_length(graph, source)
        return [found.get(cell) for cell in range(rows * cols)]

    def way(at):
        return [cols, 1, -cols, -1].index(path[at + 1] - path[at]) if at + 1 < len(path) else None

    forks = [at for at in range(step, len(path) - 1) if graph.degree[path[at]] - (at > 0) >= 2]
    onward = path[step + 1] if step + 1 < len(path) else None
    nearer = [None] * (rows * cols)
    if onward is not None:
        nearer = [a is not None and b < a for a, b in zip(far(here), far(onward), strict=True)]
    neighbours = [[cell + cols, cell + 1, cell - cols, cell - 1] for cell in range(rows * cols)]
    best = far(start)[goal]
    on = [a is not None and b is not None and a + b == best for a, b in zip(far(start), far(goal), strict=True)]
    return {
        "passage": [graph.has_edge(*ends) for ends in mazes.edge_ends(rows, cols)[mazes.edge_ids(rows, cols)].tolist()],
        "wall": [not graph.has_edge(cell, one) for cell in graph for one in neighbours[cell]],
        "degree": [graph.degree[cell] for cell in graph],
        "on_solution": on,
        "to_goal": far(goal),
        "to_start": far(start),
        "to_current": far(here),
        "in_right_branch": nearer,
        "current": [here],
        "goal": [goal],
        "start": [start],
        "next_step": [way(step)],
        **{f"ahead_{k}": [path[step + k] if step + k < len(path) else None] for k in range(2, 9)},
        "fork_direction": [way(forks[0]) if forks else None],
        "steps_left": [len(path) - 1 - step],
        "at_fork": [graph.degree[here] >= 3],
        "solved": [bool(asked.solved[maze])],
    }


@pytest.mark.parametrize("batch", [TREES, RAGGED], ids=["trees", "ragged"])
@pytest.mark.parametrize("position", ["path", "path_start"])
def test_targets_are_what_the_graph_says(batch, position):
    asked = probing.ask(WRITER, batch, position, seed=3, solved=np.arange(len(batch)) % 2 == 0)
    labels = probing.labels(asked, TARGETS)
    assert set(labels.values) == set(TARGETS) == set(truths(asked, 0))
    for sample in range(0, len(asked), 3):
        for name, truth in truths(asked, sample).items():
            expected = np.array([np.nan if one is None else float(one) for one in truth])
            assert np.array_equal(labels.values[name][sample], expected, equal_nan=True), (name, sample)


def test_outputs_of_a_choice_are_one_for_each_option():
    asked = probing.ask(WRITER, TREES, "path", seed=3)
    labels = probing.labels(asked, ["passage", "next_step", "current"])
    assert labels.outputs.shape == (len(asked), 17 + 4 + 12)
    assert np.array_equal(labels.outputs[:, labels.columns["current"]].argmax(1), labels.values["current"][:, 0])
    at_goal = np.isnan(labels.values["next_step"][:, 0])
    assert at_goal.sum() == len(TREES)
    assert np.isnan(labels.outputs[:, labels.columns["next_step"]]).all(axis=1).tolist() == at_goal.tolist()


def test_positions_are_the_tokens_they_name():
    batches = {name: probing.ask(WRITER, TREES, name, seed=5) for name in POSITIONS}
    ids = {name: one.tokens.ids[one.maze, one.position] for name, one in batches.items()}
    assert (ids["path_start"] == PATH_START).all()
    assert (ids["separators"] == SEMICOLON).all()
    assert len(ids["separators"]) == 11 * len(TREES)
    assert (batches["prompt_end"].position == batches["path_start"].position - 1).all()
    path = batches["path"]
    assert len(path) == path.paths.length.sum()
    assert np.array_equal(path.tokens.cell[path.maze, path.position], path.paths.cells[path.maze, path.step])
    current = batches["current"]
    assert len(current) == len(TREES)
    assert (current.step < current.paths.length - 1).all()
    assert len(np.unique(current.step)) > 2
    for name in ("path_start", "prompt_end", "goal", "separators"):
        assert (batches[name].step == 0).all()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_scheme_is_asked_where_its_path_stands(scheme):
    asked = probing.ask(Tokenizer(scheme, 4, 4), TREES, "path", seed=5)
    here = asked.tokens.cell[asked.maze, asked.position]
    assert (here != NO_CELL).all()
    assert np.array_equal(here, asked.paths.cells[asked.maze, asked.step])


def test_what_does_not_exist_is_refused():
    with pytest.raises(ValueError, match=r"unknown position 'path_strat'; did you mean 'path_start'\?"):
        probing.ask(WRITER, TREES, "path_strat", seed=0)
    with pytest.raises(ValueError, match="the sequence of maze 0 has no position 'goal'"):
        probing.ask(Tokenizer("no_target", 4, 4), TREES, "goal", seed=0)
    asked = probing.ask(WRITER, TREES, "path_start", seed=0)
    with pytest.raises(ValueError, match=r"unknown target 'pasage'; did you mean 'passage'\?"):
        probing.labels(asked, ["pasage"])
    with pytest.raises(ValueError, match="'solved' needs to be told which mazes the model solved"):
        probing.labels(asked, ["solved"])
    with pytest.raises(ValueError, match="no target to read"):
        probing.labels(asked, [])


def test_constant_targets_and_too_few_mazes_are_named():
    same = mazes.MazeBatch(np.repeat(TREES.passages[:1], 12, axis=0), TREES.start, TREES.goal)
    asked = probing.ask(WRITER, same, "path_start", seed=0)
    labels = probing.labels(asked, ["passage", "goal"])
    assert targets.refused("passage", asked, labels, 3) == "the target 'passage' is constant on the given mazes"
    assert targets.refused("goal", asked, labels, 3) == ""
    told = len(np.unique(np.stack([same.start, same.goal]), axis=1).T)
    assert targets.refused("goal", asked, labels, told) == ""
    assert f"parameters, but {told} different mazes" in targets.refused("goal", asked, labels, told + 1)
    twice = probing.ask(WRITER, same[np.zeros(50, int)], "path_start", seed=0)  # repeating a maze adds nothing
    assert "'goal' is constant" in targets.refused("goal", twice, probing.labels(twice, ["goal"]), 2)


def test_the_border_is_told_apart():
    inner = targets.interior("wall", 6, 6)
    assert len(inner) == 144
    assert inner.sum() == 120
    assert targets.interior("passage", 6, 6) is None
    border = probing.labels(probing.ask(WRITER, TREES, "path_start", seed=0), ["wall"]).values["wall"]
    assert (border[:, ~targets.interior("wall", 3, 4)] == 1).all()
