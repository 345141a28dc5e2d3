"""Pairs differ in what is promised and in nothing else, and the choice flips exactly when promised."""

from dataclasses import replace

import networkx as nx
import numpy as np
import pytest

from maze_interp import mazes
from maze_interp.mazes import EXTENTS, NO_CELL, MazeBatch, Pairs, World, pairs
from maze_interp.tokens import Tokenizer
from tests import oracles

TREES = [World("depth_first", 5, 5), World("wilson", 4, 5), World("wilson", 5, 4, {}, 8)]
STEP = {"down": 0, "right": 1, "up": 2, "left": 3}


def forks_of(world: World, count: int = 12, seed: int = 0) -> tuple[MazeBatch, mazes.Decisions]:
    batch = mazes.draw(world, count, seed=seed)
    return batch, mazes.decisions(batch)


def way_between(here: int, there: int, cols: int) -> int:
    (row, col), (to_row, to_col) = divmod(here, cols), divmod(there, cols)
    name = {(1, 0): "down", (0, 1): "right", (-1, 0): "up", (0, -1): "left"}[to_row - row, to_col - col]
    return STEP[name]


def apart(here: int, there: int, cols: int) -> int:
    return sum(abs(a - b) for a, b in zip(divmod(here, cols), divmod(there, cols), strict=True))


def agree(found: Pairs, k: int) -> None:
    """Pair k is what it says: the two mazes, how they are led through, and the right ways, all by shortest paths."""
    side = ((found.base, found.led, found.right, found.deceptive, found.ways * 0 + np.arange(4)),)
    side += ((found.edited, found.led_after, found.right_after, found.deceptive_after, found.ways),)
    for batch, led, right, deceptive, ways in side:
        graph, goal = oracles.graph(batch.passages[k]), int(batch.goal[k])
        assert nx.is_forest(graph)
        path = nx.shortest_path(graph, int(batch.start[k]), goal)
        step = int(found.step[k])
        assert led.cells[k, : led.length[k]].tolist() == path[: step + 1]
        assert (led.cells[k, led.length[k] :] == NO_CELL).all()
        here, there = path[step : step + 2]
        assert way_between(here, there, batch.cols) == right[k]
        assert deceptive[k] == (apart(there, goal, batch.cols) > apart(here, goal, batch.cols))
        on = {way_between(here, cell, batch.cols) for cell in set(graph[here]) - set(path[:step])}
        assert set(ways[found.options[k]].tolist()) == on
    assert found.flips[k] == (found.right_after[k] != found.ways[found.right[k]])
    assert found.options[k, found.rival[k]]
    assert found.rival[k] != found.right[k]
    assert not found.flips[k] or found.ways[found.rival[k]] == found.right_after[k]


@pytest.mark.parametrize("world", TREES, ids=str)
@pytest.mark.parametrize("kind", mazes.MOVES)
def test_one_passage_moves_and_the_choice_flips_when_promised(world: World, kind: str) -> None:
    batch, forks = forks_of(world)
    found = mazes.move_passage(batch, forks, seed=0, kind=kind)
    assert len(found) > 10
    assert (found.flips == (kind == "flip")).all()
    for k in range(len(found)):
        agree(found, k)
        before, after = (oracles.graph(one.passages[k]) for one in (found.base, found.edited))
        ends = mazes.edge_ends(batch.rows, batch.cols)
        gone, new = set(before.edges) - set(after.edges), set(after.edges) - set(before.edges)
        assert [gone, new] == [{tuple(ends[one[k]].tolist())} for one in (found.removed, found.added)]
        assert (found.base.start[k], found.base.goal[k]) == (found.edited.start[k], found.edited.goal[k])
        far = nx.single_source_shortest_path_length(before, int(found.here[k]))
        near = [min(far[cell] for cell in ends[one[k]]) for one in (found.removed, found.added)]
        assert near == [found.distance_removed[k], found.distance_added[k]]
        assert found.distance[k] == min(near) >= 1
        path = nx.shortest_path(before, int(found.base.start[k]), int(found.base.goal[k]))
        assert (kind == "irrelevant") == (path == nx.shortest_path(after, path[0], path[-1]))
    assert np.array_equal(found.in_support, mazes.is_depth_first_tree(found.edited.passages))
    assert np.array_equal(found.base.passages, batch.passages[found.maze])
    assert np.array_equal(found.maze, forks.maze[found.decision])


@pytest.mark.parametrize("world", TREES, ids=str)
@pytest.mark.parametrize("kind", ["flip", "keep"])
def test_only_the_goal_moves(world: World, kind: str) -> None:
    batch, forks = forks_of(world)
    found = mazes.move_goal(batch, forks, seed=0, kind=kind)
    assert len(found) > 10
    assert (found.flips == (kind == "flip")).all()
    assert np.array_equal(found.edited.passages, found.base.passages)
    assert np.array_equal(found.edited.start, found.base.start)
    assert (found.edited.goal != found.base.goal).all()
    for k in range(len(found)):
        agree(found, k)
        far = nx.single_source_shortest_path_length(oracles.graph(found.base.passages[k]), int(found.here[k]))
        lie = [far[int(one.goal[k])] for one in (found.base, found.edited)]
        assert lie == [found.distance_removed[k], found.distance_added[k]]


def test_the_branch_is_that_of_the_nearer_place() -> None:
    """Seen on the graph: the first step from the fork to whichever end of either edge is nearest."""
    found = mazes.move_passage(*forks_of(TREES[0]), seed=0, kind="irrelevant")
    assert set(found.branch) == {"right", "wrong", "back"}
    ends = mazes.edge_ends(5, 5)
    for k in range(len(found)):
        graph, here = oracles.graph(found.base.passages[k]), int(found.here[k])
        cells = [*ends[found.removed[k]].tolist(), *ends[found.added[k]].tolist()]
        nearest = min(cells, key=lambda cell: nx.shortest_path_length(graph, here, cell))
        way = way_between(here, nx.shortest_path(graph, here, nearest)[1], 5)
        wanted = "right" if way == found.right[k] else "wrong" if found.options[k, way] else "back"
        assert found.branch[k] == wanted


def test_there_is_one_pair_for_each_fork_distance_and_side_of_the_support() -> None:
    batch, forks = forks_of(World("depth_first", 6, 6), 60)
    found = mazes.move_passage(batch, forks, seed=0)
    every = mazes.moves.passage_moves(batch[forks.maze], forks.here, "flip", (1, 36), seed=0)
    edges = batch.passages[forks.maze[every.fork]].reshape(len(every), -1)
    row = np.arange(len(every))
    edges[row, every.removed], edges[row, every.added] = False, True
    inside = mazes.is_depth_first_tree(edges.reshape(-1, 2, 6, 6))
    slots = set(zip(every.fork.tolist(), every.distance.tolist(), inside.tolist(), strict=True))
    mine = list(zip(found.decision.tolist(), found.distance.tolist(), found.in_support.tolist(), strict=True))
    assert len(mine) == len(set(mine))
    assert set(mine) == slots
    assert found.in_support.any()
    assert not found.in_support.all()


def test_moves_are_drawn_evenly() -> None:
    """Of the n moves in a slot each is drawn with probability 1/n: over 400 draws, chi-square beyond 4 SD is 3e-5."""
    one = mazes.draw(World("wilson", 4, 4), 1, seed=3)
    batch = MazeBatch(*(np.repeat(part, 400, axis=0) for part in vars(one).values()))
    forks = mazes.decisions(batch)
    forks = forks[forks.step == forks.step[0]]
    every = mazes.moves.passage_moves(one, forks.here[:1], "irrelevant", (2, 2), seed=0)
    assert 3 <= len(every) <= 40
    found = mazes.move_passage(batch, forks, seed=0, kind="irrelevant", nearest=2, farthest=2)
    drawn = (found.removed * 32 + found.added).tolist()
    counts = [drawn.count(code) for code in (every.removed * 32 + every.added).tolist()]
    assert sum(counts) == 400
    assert oracles.chi_square_z(counts, [1 / len(counts)] * len(counts)) < 4


@pytest.mark.parametrize("edit", [mazes.move_passage, mazes.move_goal])
def test_controls_match_their_pairs_in_all_but_the_flip(edit) -> None:
    batch, forks = forks_of(World("depth_first", 6, 6), 40)
    found = edit(batch, forks, seed=0)
    controls, which = mazes.controls(found, seed=0)
    of = found[which]
    assert len(found) * 0.5 < len(controls) < len(found) + 1
    assert len(np.unique(which)) == len(which)
    assert not controls.flips.any()
    for name in ("decision", "maze", "step", "right", "rival", "distance", "in_support", "deceptive"):
        assert np.array_equal(getattr(controls, name), getattr(of, name)), name
    assert np.array_equal(controls.base.passages, of.base.passages)
    for k in range(len(controls)):
        agree(controls, k)
    if edit is mazes.move_passage:
        assert np.array_equal(mazes.solve(controls.base).cells, mazes.solve(controls.edited).cells)


@pytest.mark.parametrize("extent", EXTENTS)
@pytest.mark.parametrize("kind", ["keep", "irrelevant"])
def test_matched_controls_move_nearly_as_much(kind: str, extent: str) -> None:
    """And are as near to it as any control of that kind, which the plain ones are not."""
    found = mazes.move_passage(*forks_of(World("depth_first", 5, 5), 60), seed=0)
    plain, of_plain = mazes.controls(found, seed=0, kind=kind)
    controls, which = mazes.controls(found, seed=0, kind=kind, alike=extent)
    own, beside, before = EXTENTS[extent](found), EXTENTS[extent](controls), EXTENTS[extent](plain)
    assert 20 < len(controls) < len(plain)
    assert np.isin(which, of_plain).all()
    ratio = beside / own[which]
    assert (ratio <= 1.25).all()
    assert (ratio >= 0.8).all()
    assert not controls.flips.any()
    for column in ("base", "step", "distance", "in_support"):
        theirs, mine = (getattr(some, column) for some in (controls, found[which]))
        assert np.array_equal(*(one.passages if column == "base" else one for one in (theirs, mine)))
    chance = before[np.isin(of_plain, which)]
    assert (abs(np.log(ratio)) <= abs(np.log(np.maximum(chance, 1) / own[which])) + 1e-12).all()


def test_what_moves_is_counted() -> None:
    """Against networkx: what hangs on the passage that moves, and whose way to the goal becomes another."""
    found = mazes.move_passage(*forks_of(World("wilson", 4, 5), 10), seed=0)
    moved, changed = (EXTENTS[name](found) for name in ("subtree", "new_distances"))
    ends = mazes.edge_ends(4, 5)
    for k in range(len(found)):
        before, after = (oracles.graph(batch.passages[k]) for batch in (found.base, found.edited))
        goal = int(found.base.goal[k])
        far = [nx.single_source_shortest_path_length(graph, goal) for graph in (before, after)]
        assert changed[k] == sum(far[0][cell] != far[1][cell] for cell in range(20))
        before.remove_edge(*ends[found.removed[k]].tolist())
        assert moved[k] == 20 - len(nx.node_connected_component(before, int(found.here[k])))
    itself = mazes.turn(*forks_of(World("wilson", 4, 4), 5), 3)
    assert not EXTENTS["subtree"](itself).any()
    assert not EXTENTS["new_distances"](itself).any()
    with pytest.raises(ValueError, match="did you mean 'subtree'"):
        mazes.controls(found, seed=0, alike="subtre")


@pytest.mark.parametrize("world", TREES, ids=str)
def test_images_are_the_same_maze_and_ask_for_the_same_choice(world: World) -> None:
    batch, forks = forks_of(world)
    for image, turned in enumerate(mazes.images(batch)):
        found = mazes.turn(batch, forks, image)
        assert np.array_equal(found.edited.passages, turned.passages[found.maze])
        assert not found.flips.any()
        for k in range(len(found)):
            agree(found, k)
            named = nx.relabel_nodes(oracles.graph(found.base.passages[k]), dict(enumerate(found.places.tolist())))
            assert nx.utils.edges_equal(named.edges, oracles.graph(found.edited.passages[k]).edges)
    with pytest.raises(ValueError, match=rf"images 0 to {len(mazes.images(batch)) - 1}, not 8"):
        mazes.turn(batch, forks, 8)


def test_translated_mazes_are_the_same_maze_elsewhere() -> None:
    batch, forks = forks_of(World("wilson", 4, 4))
    found = mazes.translate(batch, forks, 6, 7, top=2, left=1)
    assert (found.edited.rows, found.edited.cols) == (6, 7)
    assert np.array_equal(found.edited.passages[:, :, 2:, 1:5], found.base.passages)
    assert found.edited.passages.sum() == found.base.passages.sum()
    for k in range(len(found)):
        agree(found, k)
    with pytest.raises(ValueError, match=r"4 x 4 at \(3, 0\) do not fit on 6 x 6"):
        mazes.translate(batch, forks, 6, 6, top=3, left=0)


@pytest.mark.parametrize("scheme", ["adjacency_list", "walls", "passages_and_walls"])
def test_prompts_differ_in_the_slot_of_the_edge_alone(scheme: str) -> None:
    tokenizer = Tokenizer(scheme, 5, 5)
    found = mazes.move_passage(*forks_of(TREES[0], 60), seed=0)
    order = tokenizer.draw_edge_order(found.base.passages, seed=0)
    changed = mazes.edited_order(found, order, seed=0)
    ids = [
        tokenizer.encode(one, found.led, edge_order=codes).ids
        for one, codes in ((found.base, order), (found.edited, changed))
    ]
    assert ids[0].shape == ids[1].shape
    slots = [np.flatnonzero(row) for row in order != changed]
    moved = order[order != changed] >> 1, changed[order != changed] >> 1
    if scheme == "passages_and_walls":
        assert np.array_equal(order, changed)
        assert ((ids[0] != ids[1]).sum(axis=1) == 2).all()  # what stands between two cells, here and there
    else:
        assert all(len(slot) == 1 for slot in slots)
        assert np.array_equal(moved[0], found.removed if scheme == "adjacency_list" else found.added)
        assert np.array_equal(moved[1], found.added if scheme == "adjacency_list" else found.removed)
        assert ((ids[0] != ids[1]).sum(axis=1) <= 2).all()
        flips = changed[order != changed] & 1
        assert abs(flips.mean() - 0.5) < 4 * 0.5 / len(flips) ** 0.5  # error rate 6e-5
    assert np.array_equal(mazes.edited_order(found[3:], order[3:], seed=0, first=3), changed[3:])


def test_the_prompt_of_a_turned_maze_names_the_same_edges_at_the_same_places() -> None:
    tokenizer = Tokenizer(rows=4, cols=5)
    batch, forks = forks_of(TREES[1])
    for image in range(4):
        found = mazes.turn(batch, forks, image)
        order = tokenizer.draw_edge_order(found.base.passages, seed=0)
        turned = tokenizer.encode_prompts(found.edited, edge_order=mazes.edited_order(found, order, seed=0)).cell
        plain = tokenizer.encode_prompts(found.base, edge_order=order).cell
        assert np.array_equal(turned, np.where(plain == NO_CELL, NO_CELL, found.places[plain]))


def test_pairs_of_a_decision_do_not_depend_on_the_batch() -> None:
    batch, forks = forks_of(TREES[0])
    whole = mazes.move_passage(batch, forks, seed=0)
    part = mazes.move_passage(batch, forks[4:], seed=0, first=4)
    kept = whole[whole.decision >= 4]
    assert np.array_equal(part.added, kept.added)
    assert np.array_equal(part.edited.passages, kept.edited.passages)


def test_too_few_pairs_are_counted() -> None:
    batch, forks = forks_of(TREES[0])
    found = mazes.move_passage(batch, forks, seed=0, nearest=3)
    assert (found.distance >= 3).all()
    assert len(mazes.move_passage(batch, forks, seed=0, nearest=3, count=5)) == 5
    with pytest.raises(ValueError, match=f"{len(found)} pairs of this kind were found, fewer than the 5000 asked for"):
        mazes.move_passage(batch, forks, seed=0, nearest=3, count=5000)
    corridors = mazes.move_passage(*forks_of(World("wilson", 1, 5)), seed=0)
    assert len(corridors) == len(mazes.controls(corridors, seed=0)[0]) == 0


def test_what_has_no_pairs_is_refused() -> None:
    batch, forks = forks_of(TREES[0])
    with pytest.raises(ValueError, match="not from 0 to 25"):
        mazes.move_passage(batch, forks, seed=0, nearest=0)
    with pytest.raises(ValueError, match="other mazes"):
        mazes.move_passage(mazes.draw(TREES[0], 12, seed=5), forks, seed=0)
    with pytest.raises(ValueError, match="there are 3 mazes"):
        mazes.move_passage(batch[:3], forks, seed=0)
    cyclic = replace(batch, passages=mazes.generate("open_field", 12, 5, 5, seed=0))
    with pytest.raises(ValueError, match="maze 0 has a cycle"):
        mazes.move_passage(cyclic, forks, seed=0)
    found = mazes.move_passage(batch, forks, seed=0)
    with pytest.raises(ValueError, match="the list of pair 0 is not of its base maze"):
        pairs.edited_order(found, np.full((len(found), 3), -1), seed=0)
