"""Attention by distance is what a walk over every token and step adds up to; wrong steps are told from right ones."""

import networkx as nx
import numpy as np
import pytest
import torch

from maze_interp import attention, mazes, models
from maze_interp.attention.distance import RIGHT, WRONG
from maze_interp.behaviour import forks
from maze_interp.tokens import EDGE, PATH
from tests import oracles, tiny

FARTHEST = 5


@pytest.fixture(scope="module")
def walked():
    """A model that writes all kinds of paths through ragged mazes."""
    model = tiny.talkative()
    batch = mazes.draw(tiny.RAGGED, 10, seed=2)
    return model, batch, models.rollout(model, batch, seed=2)


@pytest.fixture(scope="module")
def found(walked):
    return attention.by_distance(*walked, seed=2, farthest=FARTHEST)


def test_it_is_the_mean_over_every_token_and_step(walked, found):
    model, batch, paths = walked
    tokens = model.maze_tokenizer.encode(batch, paths, seed=2)
    site = models.Site("pattern", 1)
    for maze in range(len(batch)):
        ids = torch.from_numpy(tokens.ids[maze, : tokens.length[maze]]).long()
        pattern = models.access.run(model, ids[None], read=[site]).values[site][0].detach().numpy()
        graph = oracles.graph(batch.passages[maze])
        apart = dict(nx.all_pairs_shortest_path_length(graph))
        cells, part = tokens.cell[maze], tokens.part[maze]
        named = [key for key in range(len(ids)) if part[key] == EDGE and cells[key] >= 0]
        path = [at for at in range(len(ids)) if part[at] == PATH and cells[at] >= 0]
        sums: dict[tuple[int, int], list[np.ndarray]] = {}
        for at in path[:-1]:
            here, there, goal = cells[at], cells[at + 1], batch.goal[maze]
            closer = apart[there].get(goal, 99) == apart[here].get(goal, 99) - 1
            kind = RIGHT if graph.has_edge(here, there) and closer else WRONG
            for key in named:
                if cells[key] in apart[here]:
                    sums.setdefault((kind, apart[here][cells[key]]), []).append(pattern[:, at, key])
        for kind in (RIGHT, WRONG):
            for distance in range(FARTHEST + 1):
                given = found.mass[maze, 1, :, kind, distance]
                if (kind, distance) in sums:
                    assert np.allclose(given, np.mean(sums[kind, distance], axis=0), atol=1e-6)
                else:
                    assert np.isnan(given).all()


def test_steps_are_right_where_behaviour_says_so(walked, found):
    _, batch, paths = walked
    right = forks.leads_on(batch, paths.cells[:, :-1], paths.cells[:, 1:])
    made = np.arange(paths.cells.shape[1] - 1) < paths.length[:, None] - 1
    assert (found.steps[:, RIGHT] == (right & made).sum(axis=1)).all()
    assert (found.steps.sum(axis=1) == made.sum(axis=1)).all()
    assert found.steps.sum(axis=0).min() > 0


def test_rows_say_how_many_mazes_have_such_steps(walked, found):
    rows = attention.distance_rows(found, 1, 0, seed=0)
    assert len(rows) == 2 * (FARTHEST + 1)
    for row in rows:
        kind = ("wrong", "right").index(row.what["step"])
        values = found.mass[:, 1, 0, kind, row.what["distance"]]
        assert row.n == (~np.isnan(values)).sum()
        if row.n:
            assert row.value == pytest.approx(np.nanmean(values))
    wide = attention.distance_rows(found, 1, 0, seed=0, chosen_of=20)
    assert [row.value for row in wide if row.n] == [row.value for row in rows if row.n]
    spans = np.array([[one.high - one.low for one in each] for each in (rows, wide)])
    assert (np.isnan(spans).any(axis=0) == [row.n < 2 for row in rows]).all()
    assert np.nanmean(spans[1] - spans[0]) > 0
    solved = attention.by_distance(walked[0], walked[1], mazes.solve(walked[1]), seed=2)
    assert solved.steps[:, WRONG].sum() == 0
    assert all(row.n == 0 for row in attention.distance_rows(solved, 0, 0, seed=0) if row.what["step"] == "wrong")
