"""maze-dataset's files of solved mazes, read and written without that library.

A `.zanj` file (see `archive`) holds them in one of the layouts that its versions since 2023 have used:

    full                a table for each maze
    minimal             one array of passages, one of paths padded to the longest, one of their lengths
    minimal_soln_cat    the same with the paths laid end to end
    a collection        several of these; here their mazes must be of one lattice

Its `connection_list` is our `passages` and its coordinates are (row, col), so nothing is turned round.
Source: `MazeDataset.load` and `serialize` of maze-dataset 1.4.2 (https://github.com/understanding-search/maze-dataset).
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int

from maze_interp import recipes
from maze_interp.mazes import archive
from maze_interp.mazes.batch import MazeBatch, PathBatch
from maze_interp.mazes.interop import from_maze_dataset, to_maze_dataset

LAYOUTS = ("full", "minimal", "minimal_soln_cat")
LARGEST = 128  # rows whose numbers a signed byte holds, as in all layouts but `full`
SET, COLLECTION = "MazeDataset", "MazeDatasetCollection"
KEY = archive.KINDS[0]
NOT_MADE_THERE = {"name": "__custom__:not_made_by_maze_dataset", "args": [], "kwargs": {}}


def read_zanj(path: str | Path, *, limit: int = archive.LIMIT) -> tuple[MazeBatch, PathBatch]:
    """The mazes of one of maze-dataset's files, whichever its layout, with their solutions.

    A maze without a solution gives a path of no cells that was CUT. `limit` bounds the bytes that the file may unpack
    to, of which JSON may be the 16th part. Raises ValueError, naming the file and the maze, for a file that is no data
    set or was tampered with, and for what is no maze or no path: a cell outside the lattice, a path through a wall.
    """
    tree = archive.read(path, limit=limit)
    try:
        return from_maze_dataset(list(_mazes(tree)))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def write_zanj(
    path: str | Path, mazes: MazeBatch, paths: PathBatch, *, name: str = "maze_interp", layout: str = "minimal"
) -> None:
    """Write mazes with their paths so that maze-dataset 1.x reads them (`MazeDataset.read(path)`).

    Its format asks for a square lattice and for the name of one of its generators. The name is always `gen_dfs`, and a
    filter in the file's configuration, `__custom__:not_made_by_maze_dataset`, says that this is not where the mazes are
    from. Raises ValueError for another lattice, one of more than 128 rows in another layout than `full`, an unknown
    layout, and for a maze without a whole, legal path.
    """
    if layout not in LAYOUTS:
        raise recipes.unknown("layout", layout, LAYOUTS)
    if mazes.rows != mazes.cols:
        raise ValueError(f"maze-dataset's lattices are square, these mazes are {mazes.rows} x {mazes.cols}")
    if mazes.rows > LARGEST and layout != "full":
        raise ValueError(f"{layout!r} holds lattices of {LARGEST} rows at most, not {mazes.rows}: choose layout 'full'")
    if not len(mazes):
        raise ValueError("no mazes to write")
    solved = to_maze_dataset(mazes, paths)
    kind = SET if layout == "full" else f"{SET}:{layout}"
    held = {"full": _table_each, "minimal": _padded, "minimal_soln_cat": _end_to_end}[layout](solved)
    head = {KEY: kind, "cfg": _config(name, mazes), "fname": f"{name}-g{mazes.rows}-n{len(mazes)}"}
    archive.write(path, {**head, "generation_metadata_collected": {}, **held})


def _mazes(tree: Any) -> Iterator[dict[str, Any]]:
    """Each maze of a set or a collection as `from_maze_dataset` takes it."""
    kind = archive.kind_of(tree)
    if kind == COLLECTION:
        for part in _entry(tree, "maze_datasets", list):
            yield from _mazes(part)
    elif kind == SET:
        yield from (_maze(table) for table in _entry(tree, "mazes", list))
    elif kind in (f"{SET}:{layout}" for layout in LAYOUTS[1:]):
        passages, length = (_entry(tree, f"maze_{key}", np.ndarray) for key in ("connection_lists", "solution_lengths"))
        if passages.ndim != 4:
            raise ValueError(f"maze_connection_lists must be maze x 2 x rows x cols, not {passages.shape}")
        steps = _solutions(tree, length)
        if len(steps) != len(passages):
            raise ValueError(f"{len(passages)} mazes, but {len(steps)} solutions")
        for one, walk in zip(passages, steps, strict=True):
            yield _maze({"connection_list": one, **_walked(walk)})
    else:
        raise ValueError(f"it holds {kind or 'something unnamed'!r}, not a {SET} in one of the layouts known")


def _solutions(tree: dict[str, Any], length: Int[np.ndarray, " maze"]) -> Sequence[np.ndarray]:
    if length.ndim != 1 or length.dtype.kind not in "iu" or (length < 0).any():
        raise ValueError("maze_solution_lengths must be whole numbers, one for each maze")
    if "maze_solutions_concat" in tree:
        walks = _entry(tree, "maze_solutions_concat", np.ndarray)
        if walks.ndim != 2:
            raise ValueError(f"maze_solutions_concat must be step x 2, not {walks.shape}")
        if int(length.sum(dtype=object)) != len(walks):
            raise ValueError(f"the solutions have {len(walks)} steps, their lengths come to {length.sum()}")
        return np.split(walks, np.cumsum(length)[:-1])
    walks = _entry(tree, "maze_solutions", np.ndarray)
    if walks.ndim != 3 or len(walks) != len(length) or length.max(initial=0) > walks.shape[1]:
        raise ValueError(f"solutions of shape {walks.shape} do not fit {len(length)} lengths up to {length.max()}")
    return [walk[:steps] for walk, steps in zip(walks, length, strict=True)]


def _walked(walk: np.ndarray) -> dict[str, np.ndarray]:
    return {"solution": walk, "start_pos": walk[0], "end_pos": walk[-1]} if len(walk) else {}


def _maze(table: Any) -> dict[str, Any]:
    passages = _entry(table, "connection_list", np.ndarray)
    if passages.dtype.kind != "b":
        raise ValueError(f"connection_list must hold booleans, not {passages.dtype}")
    found = {key: table[key] for key in ("start_pos", "end_pos", "solution") if table.get(key) is not None}
    for key, value in found.items():
        if not isinstance(value, np.ndarray) or value.dtype.kind not in "iu":
            raise ValueError(f"{key} must be an array of whole numbers")
    return {"connection_list": passages, **found}


def _entry(table: Any, key: str, wanted: type) -> Any:
    if not isinstance(table, dict) or not isinstance(table.get(key), wanted):
        raise ValueError(f"its {key} is missing or no {'array' if wanted is np.ndarray else 'list'}")
    return table[key]


def _config(name: str, mazes: MazeBatch) -> dict[str, Any]:
    return {
        KEY: "MazeDatasetConfig(SerializableDataclass)",
        "name": name,
        "seq_len_min": 1,
        "seq_len_max": 512,
        "seed": 0,
        "applied_filters": [NOT_MADE_THERE],
        "grid_n": mazes.rows,
        "n_mazes": len(mazes),
        "maze_ctor": {"__name__": "gen_dfs", "__module__": "maze_dataset.generation.generators"},
        "maze_ctor_kwargs": {},
        "endpoint_kwargs": {},
        "_fname_loaded": None,
    }


def _table_each(solved: list[dict[str, np.ndarray]]) -> dict[str, Any]:
    kind = {KEY: "SolvedMaze(SerializableDataclass)"}
    tables = [{key: archive.described(value) for key, value in maze.items()} for maze in solved]
    return {"mazes": [{**kind, **table, "generation_meta": None} for table in tables]}


def _padded(solved: list[dict[str, np.ndarray]]) -> dict[str, Any]:
    walks = [maze["solution"] for maze in solved]
    padded = np.zeros((len(walks), max(map(len, walks)), 2), dtype=np.int8)
    for row, walk in zip(padded, walks, strict=True):
        row[: len(walk)] = walk
    return {**_passages(solved), "maze_solutions": padded}


def _end_to_end(solved: list[dict[str, np.ndarray]]) -> dict[str, Any]:
    ends = np.array([(maze["start_pos"], maze["end_pos"]) for maze in solved], dtype=np.int8)
    walks = np.concatenate([maze["solution"] for maze in solved]).astype(np.int8)
    return {**_passages(solved), "maze_endpoints": ends, "maze_solutions_concat": walks}


def _passages(solved: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {
        "maze_connection_lists": np.stack([maze["connection_list"] for maze in solved]),
        "maze_solution_lengths": np.array([len(maze["solution"]) for maze in solved], dtype=np.int32),
    }
