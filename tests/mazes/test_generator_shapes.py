"""Generators that are more than a tree: braided mazes, obstacles, spirals, serpentines, rooms.

Random tests use fixed seeds; their thresholds would fail a correct generator with probability below 1e-4 per test.
"""

from itertools import pairwise, product
from typing import Any

import networkx as nx
import numpy as np
import pytest

from maze_interp import mazes
from tests import laws, oracles


def dead_ends(edges: frozenset[tuple[int, int]]) -> frozenset[int]:
    cells, counts = np.unique([cell for edge in edges for cell in edge], return_counts=True)
    return frozenset(cells[counts == 1].tolist())


def braided_law(rows: int, cols: int, share: float) -> laws.Law:
    """The probability of every braided maze, by following every tree, rounding, order of dead ends and passage."""
    lattice = [tuple(ends) for ends in mazes.edge_ends(rows, cols)[mazes.edge_ids(rows, cols)].tolist()]
    law: laws.Law = {}

    def follow(edges: frozenset[tuple[int, int]], left: frozenset[int], wanted: float, chance: float) -> None:
        if wanted <= 0 or not left:
            law[edges] = law.get(edges, 0.0) + chance
            return
        for cell in left:
            dead, rest, each = dead_ends(edges), left - {cell}, chance / len(left)
            ways = [edge for edge in lattice if cell in edge and edge not in edges] if cell in dead else []
            for edge in ways:
                follow(edges | {edge}, rest, wanted - len(dead & set(edge)), each / len(ways))
            if not ways:
                follow(edges, rest, wanted, each)

    for tree, chance in oracles.depth_first_law(rows, cols).items():
        whole, part = divmod(share * len(dead_ends(tree)), 1)
        follow(tree, dead_ends(tree), whole, chance * (1 - part))
        if part:
            follow(tree, dead_ends(tree), whole + 1, chance * part)
    return law


@pytest.mark.parametrize(("rows", "cols", "share"), [(2, 3, 0.3), (2, 3, 1.0), (3, 3, 0.6)])
def test_braided_follows_its_law(rows: int, cols: int, share: float) -> None:
    law = braided_law(rows, cols, share)
    assert sum(law.values()) == pytest.approx(1)
    assert laws.z(mazes.generate("braided", 80_000, rows, cols, seed=3, share=share), law) < 4


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 0.9, 1.0])
def test_a_share_of_the_dead_ends_of_the_depth_first_tree_goes(share: float) -> None:
    """Of d dead ends at least share * d, less by the rounding, and at most one more than that rounded up."""
    tree = mazes.generate("depth_first", 2000, 6, 6, seed=4)
    passages = mazes.generate("braided", 2000, 6, 6, seed=4, share=share)
    assert not (tree & ~passages).any()
    before, after = mazes.dead_ends(tree), mazes.dead_ends(passages)
    assert not (after & ~before).any()
    total, gone = before.sum(axis=1), (before & ~after).sum(axis=1)
    assert (gone >= np.floor(share * total)).all()
    assert (gone <= np.minimum(np.ceil(share * total) + (share > 0), total)).all()
    assert 0 <= (gone - share * total).mean() + 0.05 <= 1
    added = mazes.edge_ends(6, 6)[(passages & ~tree).reshape(2000, -1).nonzero()[1]]
    which = (passages & ~tree).reshape(2000, -1).nonzero()[0]
    assert before[which[:, None], added].any(axis=1).all()


@pytest.mark.parametrize(("rows", "cols"), [(2, 2), (2, 7), (6, 6), (15, 4)])
def test_braided_throughout_a_maze_has_no_dead_end(rows: int, cols: int) -> None:
    passages = mazes.generate("braided", 300, rows, cols, seed=5, share=1)
    assert not mazes.dead_ends(passages).any()
    assert (mazes.components(passages) == 0).all()
    assert mazes.dead_ends(mazes.generate("braided", 300, rows, cols, seed=5, share=0)).any()


def test_in_a_corridor_nothing_can_be_braided() -> None:
    assert (mazes.edge_count(mazes.generate("braided", 5, 1, 6, seed=5, share=1)) == 5).all()


def field_around(rows: int, cols: int, height: int, width: int, row: int, col: int) -> np.ndarray:
    """The open field without the passages of a block of cells, bool[1, 2, row, col]."""
    grid = nx.grid_2d_graph(rows, cols)
    grid.remove_nodes_from(product(range(row, row + height), range(col, col + width)))
    edges = [(a * cols + b, c * cols + d) for (a, b), (c, d) in grid.edges]
    assert nx.is_connected(grid)
    return oracles.passages_of(edges, rows, cols)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 3), (4, 1), (4, 5), (0, 0)])
def test_an_obstacle_lies_everywhere_alike(height: int, width: int) -> None:
    """Every place where the block fits occurs alike in 5 x 6, and nothing else is closed; 0 is half of the lattice."""
    knobs = {"height": height, "width": width}
    passages = mazes.generate("open_field_with_obstacle", 20_000, 5, 6, seed=6, **knobs)
    height, width = height or 2, width or 3
    places = list(product(range(5 - height + 1), range(6 - width + 1)))
    counts = [
        int((passages == field_around(5, 6, height, width, *place)).all(axis=(1, 2, 3)).sum()) for place in places
    ]
    assert sum(counts) == 20_000
    assert abs(oracles.chi_square_z(counts, np.ones(len(places)))) < 4
    assert ((mazes.degrees(passages) == 0).sum(axis=1) == height * width).all()


def test_an_obstacle_lies_where_it_is_put() -> None:
    """And a coordinate left out is drawn as if both were."""
    knobs: dict[str, Any] = {"height": 2, "width": 3, "count": 50, "rows": 5, "cols": 6, "seed": 7}
    both = mazes.generate("open_field_with_obstacle", row=3, col=1, **knobs)
    assert (both == field_around(5, 6, 2, 3, 3, 1)).all()
    free, low = (mazes.generate("open_field_with_obstacle", row=row, **knobs) for row in (-1, 3))
    blocked = [(mazes.degrees(passages) == 0).reshape(50, 5, 6) for passages in (free, low)]
    assert np.array_equal(blocked[0].any(axis=1), blocked[1].any(axis=1))
    assert (blocked[1].any(axis=2) == [False, False, False, True, True]).all()


def test_an_obstacle_makes_the_straight_way_a_detour_and_holds_no_endpoint() -> None:
    passages = mazes.generate("open_field_with_obstacle", 500, 6, 6, seed=8, height=3, width=1, row=1, col=2)
    aside, through = (mazes.MazeBatch(passages[:1], np.array([cell]), np.array([cell + 5])) for cell in (24, 12))
    assert mazes.solve(aside).length == 6
    assert mazes.solve(through).length == 6 + 4
    for cells in mazes.draw_endpoints(passages, seed=8):
        assert set(cells.tolist()) == set(range(36)) - {8, 14, 20}


def spiral_order(grid: np.ndarray) -> list[int]:
    """The cells of a grid in the order of peeling: the first row, then the first row of what is left, turned."""
    order: list[int] = []
    while grid.size:
        order += grid[0].tolist()
        grid = np.rot90(grid[1:])
    return order


def corridors(name: str, rows: int, cols: int) -> np.ndarray:
    """Every orientation of a corridor through all cells, bool[orientation, 2, row, col]."""
    grid = np.arange(rows * cols).reshape(rows, cols)
    if name == "spiral":
        grids = [np.rot90(grid, -k).T for k in range(4)] + [np.rot90(grid, k) for k in range(4)]
        orders = [spiral_order(turned) for turned in grids]
    else:
        turned = [grid, grid[:, ::-1], grid.T, grid[::-1].T]
        orders = [
            [cell for k, line in enumerate(lines.tolist()) for cell in line[:: 1 - k % 2 * 2]] for lines in turned
        ]
    return np.concatenate([oracles.passages_of(pairwise(order), rows, cols) for order in orders])


@pytest.mark.parametrize(("name", "count"), [("spiral", 8), ("serpentine", 4)])
def test_a_corridor_leads_through_every_cell_in_every_orientation(name: str, count: int) -> None:
    for rows, cols in ((1, 2), (1, 6), (5, 1), (2, 2), (3, 3), (4, 6), (7, 5)):
        expected = corridors(name, rows, cols)
        for orientation in range(count):
            passages = mazes.generate(name, 2, rows, cols, seed=9, orientation=orientation)
            assert (passages == expected[orientation]).all()
            assert not mazes.forks(passages).any()
            assert (mazes.dead_ends(passages).sum(axis=1) == 2).all()
            assert (mazes.components(passages) == 0).all()


@pytest.mark.parametrize(("name", "count"), [("spiral", 8), ("serpentine", 4)])
def test_every_orientation_is_drawn_alike(name: str, count: int) -> None:
    expected = corridors(name, 5, 6)
    assert len(np.unique(expected, axis=0)) == count
    passages = mazes.generate(name, 20_000, 5, 6, seed=10)
    counts = [int((passages == corridor).all(axis=(1, 2, 3)).sum()) for corridor in expected]
    assert sum(counts) == 20_000
    assert abs(oracles.chi_square_z(counts, np.ones(count))) < 4


ROOMS = [(6, 6, 2, 2), (5, 7, 2, 3), (7, 5, 3, 1), (4, 4, 3, 4), (2, 2, 2, 2)]


@pytest.mark.parametrize(("rows", "cols", "height", "width"), ROOMS)
@pytest.mark.parametrize("extra_doors", [0.0, 0.4, 1.0])
def test_rooms_are_open_and_walls_have_doors(rows: int, cols: int, height: int, width: int, extra_doors: float) -> None:
    """Inside a room all is open, no wall has two doors, and the doors join all rooms: barely, or through every wall."""
    knobs = {"height": height, "width": width, "extra_doors": extra_doors}
    grid = nx.grid_2d_graph(-(-rows // height), -(-cols // width))
    room = [(row // height, col // width) for row, col in product(range(rows), range(cols))]
    field = oracles.graph(mazes.generate("open_field", 1, rows, cols, seed=0)[0])
    inside = {edge for edge in field.edges if room[edge[0]] == room[edge[1]]}
    for maze in mazes.generate("rooms_and_doors", 50, rows, cols, seed=11, **knobs):
        edges = set(oracles.graph(maze).edges)
        assert inside <= edges
        doors = nx.MultiGraph([(room[one], room[other]) for one, other in edges - inside])
        doors.add_nodes_from(grid)
        assert nx.is_connected(doors)
        assert doors.number_of_edges() == len(set(doors.edges()))
        least, most = len(grid) - 1, grid.number_of_edges()
        assert {0.0: least, 1.0: most}.get(extra_doors, least) <= len(edges - inside)
        assert len(edges - inside) <= {0.0: least}.get(extra_doors, most)


def test_doors_follow_their_law() -> None:
    """Four rooms of 2 x 2: with 0.3 all walls have doors, else each of the four trees; every place is as likely."""
    passages = mazes.generate("rooms_and_doors", 40_000, 4, 4, seed=12, extra_doors=0.3)
    different, counts = np.unique(passages.reshape(40_000, -1), axis=0, return_counts=True)
    full = different.sum(axis=1) == 16 + 4
    assert (full.sum(), (~full).sum()) == (16, 32)
    assert abs(oracles.chi_square_z(counts, np.where(full, 0.3 / 16, 0.7 / 32))) < 4


def test_rooms_of_one_cell_are_a_uniform_spanning_tree() -> None:
    passages = mazes.generate("rooms_and_doors", 40_000, 3, 3, seed=13, height=1, width=1)
    counts = laws.counted(passages)
    assert len(counts) == oracles.spanning_tree_count(3, 3)
    assert abs(oracles.chi_square_z(counts.values(), np.ones(len(counts)))) < 4


def test_more_doors_only_add_and_one_room_is_an_open_field() -> None:
    few, some, all_ = (mazes.generate("rooms_and_doors", 50, 6, 7, seed=14, extra_doors=x) for x in (0, 0.5, 1))
    assert not (few & ~some).any()
    assert not (some & ~all_).any()
    assert few.sum() < some.sum() < all_.sum()
    room = mazes.generate("rooms_and_doors", 3, 4, 5, seed=14, height=4, width=5)
    assert np.array_equal(room, mazes.generate("open_field", 3, 4, 5, seed=0))


def test_knobs_decide_what_is_promised() -> None:
    braided, rooms = mazes.GENERATORS["braided"].promise, mazes.GENERATORS["rooms_and_doors"].promise
    assert [braided(share=share) for share in (0.0, 0.1)] == [mazes.SPANNING_TREE, mazes.CONNECTED]
    assert rooms(height=1, width=3, extra_doors=0.0) == mazes.SPANNING_TREE
    assert rooms(height=1, width=3, extra_doors=0.1) == rooms(height=2, width=3, extra_doors=0.0) == mazes.CONNECTED


@pytest.mark.parametrize(
    ("name", "knobs", "message"),
    [
        ("braided", {"share": 1.1}, r"share of braided must lie in \[0.0, 1.0\], not 1.1"),
        ("open_field_with_obstacle", {"height": 4}, "height .* from 1 to 3 on the 4 x 5 lattice, .* not 4"),
        ("open_field_with_obstacle", {"width": 5}, "width .* from 1 to 4 on the 4 x 5 lattice, .* not 5"),
        ("open_field_with_obstacle", {"width": -1}, "width .* from 1 to 4 on the 4 x 5 lattice, .* not -1"),
        ("open_field_with_obstacle", {"height": 2, "row": 3}, "from 0 to 2 for a height of 2 on the 4 x 5 .* not 3"),
        ("open_field_with_obstacle", {"col": 4}, "from 0 to 3 for a width of 2 on the 4 x 5 lattice, not 4"),
        ("open_field_with_obstacle", {"col": -2}, "col .* must be -1"),
        ("spiral", {"orientation": 8}, "from 0 to 7, not 8"),
        ("serpentine", {"orientation": 4}, "from 0 to 3, not 4"),
        ("serpentine", {"orientation": -2}, "must be -1 .drawn. or from 0 to 3, not -2"),
        ("rooms_and_doors", {"height": 5}, "height of rooms_and_doors must be from 1 to 4 on the 4 x 5 lattice, not 5"),
        ("rooms_and_doors", {"width": 0}, "width of rooms_and_doors must be from 1 to 5 on the 4 x 5 lattice, not 0"),
        ("rooms_and_doors", {"extra_doors": -0.5}, "extra_doors of rooms_and_doors must lie in"),
    ],
)
def test_a_knob_that_does_not_fit_the_lattice_is_named(name: str, knobs: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mazes.generate(name, 1, 4, 5, seed=0, **knobs)
