"""Mazes as other people's objects, and back: networkx graphs and maze-dataset's solved mazes.

In a graph a node is a cell number with attributes `row` and `col`, an edge is an open passage, and the graph's own
attributes are rows, cols, start, goal and path. maze-dataset is never imported here: whoever has it hands its objects
in, and builds them from the plain arrays handed out.
"""

from collections.abc import Iterable, Sequence
from types import SimpleNamespace
from typing import Any

import networkx as nx
import numpy as np
from jaxtyping import Bool

from maze_interp.mazes import foreign
from maze_interp.mazes.batch import NO_CELL, MazeBatch, PathBatch
from maze_interp.mazes.lattice import edge_ends, edge_ids, flat


def to_networkx(passages: Bool[np.ndarray, "2 row col"]) -> nx.Graph:
    """The graph of one maze; isolated cells are nodes too."""
    _, rows, cols = passages.shape
    graph = nx.Graph()
    graph.add_nodes_from((cell, {"row": cell // cols, "col": cell % cols}) for cell in range(rows * cols))
    graph.add_edges_from(edge_ends(rows, cols)[passages.ravel()].tolist())
    return graph


def from_networkx(graph: nx.Graph, rows: int, cols: int) -> Bool[np.ndarray, "2 row col"]:
    """The passages of one maze whose nodes are cell numbers; cells that the graph lacks are isolated.

    ValueError if the graph is directed, a node is no cell of the lattice, or an edge is a loop, is there twice, or
    joins cells that are no neighbours.
    """
    if graph.is_directed():
        raise ValueError("a passage leads both ways, but the graph is directed; graph.to_undirected() forgets that")
    strange = [node for node in graph.nodes if node not in range(rows * cols)]
    if strange:
        raise ValueError(f"node {strange[0]!r} is no cell of a {rows} x {cols} lattice; cells are row * {cols} + col")
    ids = edge_ids(rows, cols)
    edge_of = dict(zip(map(tuple, edge_ends(rows, cols)[ids].tolist()), ids.tolist(), strict=True))
    passages = np.zeros(2 * rows * cols, dtype=bool)
    for one, other in graph.edges():
        ends = (min(one, other), max(one, other))
        if one == other:
            raise ValueError(f"the edge from cell {one} to itself is a loop, which no maze has")
        if ends not in edge_of:
            raise ValueError(f"cells {one} and {other} are no neighbours on a {rows} x {cols} lattice")
        if passages[edge_of[ends]]:
            raise ValueError(f"the edge between cells {one} and {other} is there twice")
        passages[edge_of[ends]] = True
    return passages.reshape(2, rows, cols)


def to_graphs(mazes: MazeBatch, paths: PathBatch | None = None) -> list[nx.Graph]:
    """A graph per maze, as `to_networkx`, whose attributes `graph.graph` are rows, cols, start, goal (None where there
    is none) and, if `paths` are given and theirs has cells, path (a list of cells).

    ValueError names the maze whose path is no whole, legal path from start to goal.
    """
    flat(mazes.passages)
    foreign.check_ends(mazes, "maze {}".format)
    if paths is not None:
        foreign.check_paths(mazes, paths, "maze {}".format)
    graphs = []
    for i, maze in enumerate(mazes.passages):
        graph = to_networkx(maze)
        start, goal = (None if cell == NO_CELL else int(cell) for cell in (mazes.start[i], mazes.goal[i]))
        graph.graph |= {"rows": mazes.rows, "cols": mazes.cols, "start": start, "goal": goal}
        if paths is not None and paths.length[i]:
            graph.graph["path"] = paths.cells[i, : paths.length[i]].tolist()
        graphs.append(graph)
    return graphs


def from_graphs(graphs: Iterable[nx.Graph]) -> tuple[MazeBatch, PathBatch]:
    """The mazes and paths of graphs with the attributes that `to_graphs` gives; start, goal and path may be missing.

    A graph without a path gives one of no cells that was CUT. ValueError names the graph and what is wrong with it.
    """
    graphs = list(graphs)
    known = [graph.graph for graph in graphs]
    for i, attributes in enumerate(known):
        if not {"rows", "cols"} <= attributes.keys():
            raise ValueError(f"graph {i} lacks the attributes rows and cols; it has {sorted(attributes) or 'none'}")
    rows, cols = foreign.check_lattices([(at["rows"], at["cols"]) for at in known], "graph {}".format)
    passages = []
    for i, graph in enumerate(graphs):
        try:
            passages.append(from_networkx(graph, rows, cols))
        except ValueError as error:
            raise ValueError(f"graph {i}: {error}") from None
    start, goal = ([at.get(name) for at in known] for name in ("start", "goal"))
    return _batches(np.stack(passages), start, goal, [at.get("path") or [] for at in known], "graph {}".format)


def from_maze_dataset(solved_mazes: Iterable[Any]) -> tuple[MazeBatch, PathBatch]:
    """The mazes and paths of maze-dataset's objects: of a list of its `SolvedMaze`, say, or of one of its data sets.

    Anything goes, a dict of arrays too, that has `connection_list` (bool[2, row, col], [0] down and [1] right: our
    passages), and `start_pos`, `end_pos` (row, col) and `solution` (int[step, 2]) as far as it has them; a maze without
    a solution gives a path of no cells that was CUT. Importing maze_dataset is the caller's business. ValueError names
    the maze and what is wrong with it.
    """
    found = [SimpleNamespace(**maze) if isinstance(maze, dict) else maze for maze in solved_mazes]
    lists = [np.asarray(maze.connection_list) for maze in found]
    for i, passages in enumerate(lists):
        if passages.ndim != 3 or passages.shape[0] != 2:
            raise ValueError(f"maze {i}: connection_list must be 2 x rows x cols, not {passages.shape}")
    rows, cols = foreign.check_lattices([passages.shape[1:] for passages in lists], "maze {}".format)
    passages = np.stack(lists).astype(bool)
    flat(passages)

    read = {name: _cells(found, name, rows, cols) for name in ("start_pos", "end_pos", "solution")}
    steps = [[] if walk is None else walk for walk in read["solution"]]
    return _batches(passages, read["start_pos"], read["end_pos"], steps, "maze {}".format)


def to_maze_dataset(mazes: MazeBatch, paths: PathBatch) -> list[dict[str, np.ndarray]]:
    """Each maze as the arguments of maze-dataset's `SolvedMaze`, so that `SolvedMaze(**arrays)` is that maze.

    connection_list bool[2, row, col], start_pos and end_pos int64[2], solution int64[step, 2], coordinates (row, col).
    ValueError names the maze without a whole, legal path from start to goal, which a solved maze must have.
    """
    flat(mazes.passages)
    foreign.check_paths(mazes, paths, "maze {}".format)
    for i in np.flatnonzero(paths.length == 0)[:1].tolist():
        raise ValueError(f"maze {i} has no path, and a solved maze must have one")
    arrays = []
    for i, maze in enumerate(mazes.passages):
        walk = np.stack(np.divmod(paths.cells[i, : paths.length[i]].astype(np.int64), mazes.cols), axis=1)
        arrays.append({"connection_list": maze.copy(), "start_pos": walk[0], "end_pos": walk[-1], "solution": walk})
    return arrays


def _cells(found: Sequence[Any], name: str, rows: int, cols: int) -> list[Any]:
    """One attribute of each object in cell numbers instead of coordinates, None where it is missing."""
    out: list[Any] = []
    for i, maze in enumerate(found):
        value = getattr(maze, name, None)
        at = None if value is None else np.asarray(value, dtype=np.int64)
        if at is not None and (at.ndim != 1 + (name == "solution") or at.shape[-1] != 2):
            raise ValueError(f"maze {i}: {name} must hold (row, col), not an array of shape {at.shape}")
        if at is not None and ((at < 0) | (at >= (rows, cols))).any():
            raise ValueError(f"maze {i}: {name} {at.tolist()} leaves the {rows} x {cols} lattice")
        out.append(None if at is None else at @ (cols, 1))
    return out


def _batches(
    passages: Bool[np.ndarray, "maze 2 row col"],
    start: Sequence[Any],
    goal: Sequence[Any],
    steps: Sequence[Any],
    where: foreign.Where,
) -> tuple[MazeBatch, PathBatch]:
    """Checked batches; None is a missing start or goal."""
    ends = (np.array([NO_CELL if cell is None else cell for cell in cells], dtype=np.int64) for cells in (start, goal))
    mazes = MazeBatch(passages, *ends)
    foreign.check_ends(mazes, where)
    length = np.array([len(walk) for walk in steps], dtype=np.int32)
    flat_steps = np.concatenate([np.asarray(walk, dtype=np.int64) for walk in steps])
    paths = foreign.paths_of(flat_steps, length)
    foreign.check_paths(mazes, paths, where)
    return MazeBatch(passages, mazes.start.astype(np.int32), mazes.goal.astype(np.int32)), paths
