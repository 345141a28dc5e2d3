"""Mazes as tables, for tools that know nothing of this package: Parquet files and Hugging Face data sets.

A row is a maze. A cell is one number, `row * cols + col`, and `passages` is an edge list, so
`networkx.Graph(row["passages"])` is the maze:

    rows  cols  passages                  start  goal  path
       2     2  [[0, 2], [0, 1], [1, 3]]      2     3  [2, 0, 1, 3]

`start`, `goal` and `path` may be null. Big sets are written and read piece by piece, so memory does not grow with them.
This module is the only door to pyarrow and `datasets`, which load when they are first needed. For a data set that is
larger than memory, write a Parquet file and open that with `datasets.Dataset.from_parquet`.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Int

from maze_interp import storage
from maze_interp.mazes import foreign
from maze_interp.mazes.batch import NO_CELL, MazeBatch, PathBatch
from maze_interp.mazes.lattice import edge_ends, flat

if TYPE_CHECKING:
    import pyarrow

    import datasets

COLUMNS = ("rows", "cols", "passages", "start", "goal", "path")
PIECE = 10_000
Piece = tuple[MazeBatch, PathBatch]


def write_parquet(
    path: str | Path,
    pieces: Iterable[Piece],
    *,
    total: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Write mazes with their paths as one Parquet file, whole or not at all; returns how many there were.

    `pieces` are pairs of batches, as `stream` yields them; for a set in memory, `[(mazes, paths)]`. `progress` is told
    the mazes written and `total`. ValueError names the maze whose path is neither whole and legal nor without cells.
    """
    import pyarrow.parquet as parquet

    done = 0
    with (
        storage.file_atomically(path) as partial,
        parquet.ParquetWriter(partial, _schema(), compression="zstd") as file,
    ):
        for mazes, paths in pieces:
            file.write_table(_table(mazes, paths, done))
            done += len(mazes)
            if progress is not None:
                progress(done, done if total is None else total)
    return done


def read_parquet(path: str | Path, *, piece: int = PIECE) -> Iterator[Piece]:
    """The mazes of a Parquet file with their paths, `piece` rows at a time; `join` makes one batch of them.

    Other columns than ours are ignored. ValueError names the file, the row and the item for anything that is no maze
    or no path: an edge from a cell to itself, listed twice or between cells that are no neighbours, a cell outside the
    lattice, a path through a wall.
    """
    import pyarrow
    from pyarrow.parquet import ParquetFile

    try:
        file = ParquetFile(path, pre_buffer=False)  # buffered ahead, the whole file would pile up in memory
    except pyarrow.ArrowInvalid as error:
        raise ValueError(f"{path} is no Parquet file: {error}") from None
    with file:
        _check_columns(file.schema_arrow.names, str(path))
        batches = file.iter_batches(piece, columns=list(COLUMNS))
        yield from _read((pyarrow.Table.from_batches([batch]) for batch in batches), f"{path}, ")


def to_dataset(mazes: MazeBatch, paths: PathBatch) -> "datasets.Dataset":
    """The mazes with their paths as a Hugging Face data set in memory, a row each; errors as for `write_parquet`."""
    import pyarrow

    import datasets

    parts = [slice(first, first + PIECE) for first in range(0, max(len(mazes), 1), PIECE)]
    tables = [_table(mazes[part], paths[part], part.start) for part in parts]
    return datasets.Dataset(pyarrow.concat_tables(tables))


def from_dataset(dataset: "datasets.Dataset") -> Piece:
    """The mazes and paths of a Hugging Face data set with our columns; errors as for `read_parquet`."""
    _check_columns(dataset.column_names, "the data set")
    tables = dataset.select_columns(list(COLUMNS)).with_format("arrow").iter(PIECE)
    return join(_read(tables, ""))


def join(pieces: Iterable[Piece]) -> Piece:
    """One batch of mazes and one of paths from several of one lattice, in their order."""
    mazes, paths = zip(*pieces, strict=True) if (pieces := list(pieces)) else ((), ())
    foreign.check_lattices([(batch.rows, batch.cols) for batch in mazes], "piece {}".format)
    width = max(batch.cells.shape[1] for batch in paths)
    grown = [((0, 0), (0, width - batch.cells.shape[1])) for batch in paths]
    cells = [np.pad(batch.cells, by, constant_values=NO_CELL) for batch, by in zip(paths, grown, strict=True)]
    ends = (np.concatenate([getattr(batch, name) for batch in mazes]) for name in ("passages", "start", "goal"))
    rest = (np.concatenate([getattr(batch, name) for batch in paths]) for name in ("length", "ended"))
    return MazeBatch(*ends), PathBatch(np.concatenate(cells), *rest)


def _schema() -> "pyarrow.Schema":
    import pyarrow as pa

    kinds = (pa.int32(), pa.int32(), pa.list_(pa.list_(pa.int32())), pa.int32(), pa.int32(), pa.list_(pa.int32()))
    return pa.schema(list(zip(COLUMNS, kinds, strict=True)))


def _table(mazes: MazeBatch, paths: PathBatch, first: int) -> "pyarrow.Table":
    """The rows of some mazes, whose first is called maze `first` in errors."""
    import pyarrow as pa

    edges = flat(mazes.passages)
    foreign.check_ends(mazes, lambda i: f"maze {first + i}")
    foreign.check_paths(mazes, paths, lambda i: f"maze {first + i}")
    ends = edge_ends(mazes.rows, mazes.cols)[np.nonzero(edges)[1]]
    pairs = pa.ListArray.from_arrays(pa.array(np.arange(len(ends) + 1) * 2, pa.int32()), pa.array(ends.ravel()))
    steps = paths.cells[np.arange(paths.cells.shape[1]) < paths.length[:, None]].astype(np.int32)
    values = [
        pa.array(np.full(len(mazes), mazes.rows, np.int32)),
        pa.array(np.full(len(mazes), mazes.cols, np.int32)),
        pa.ListArray.from_arrays(_offsets(edges.sum(axis=1)), pairs),
        pa.array(mazes.start.astype(np.int32), mask=mazes.start == NO_CELL),
        pa.array(mazes.goal.astype(np.int32), mask=mazes.goal == NO_CELL),
        pa.ListArray.from_arrays(_offsets(paths.length), pa.array(steps), mask=pa.array(paths.length == 0)),
    ]
    return pa.Table.from_arrays(values, schema=_schema())


def _offsets(counts: Int[np.ndarray, " maze"]) -> "pyarrow.Array":
    import pyarrow as pa

    return pa.array(np.concatenate([[0], np.cumsum(counts)]), pa.int32())


def _check_columns(found: list[str], what: str) -> None:
    missing = [name for name in COLUMNS if name not in found]
    if missing:
        raise ValueError(f"{what} has no column {', '.join(missing)}; its columns: {', '.join(found) or 'none'}")


def _read(tables: Iterable["pyarrow.Table"], where: str) -> Iterator[Piece]:
    """Each table as mazes and paths; all rows share the lattice of the first."""
    first, size = 0, None
    for table in tables:
        size, piece = _mazes(table, size, partial(_row, where, first))
        first += table.num_rows
        yield piece
    if size is None:
        raise ValueError(f"{where}no rows: at least one is needed to know the lattice")


def _row(where: str, first: int, i: int) -> str:
    return f"{where}row {first + i}"


def _mazes(table: "pyarrow.Table", size: tuple[int, int] | None, where: foreign.Where) -> tuple[tuple[int, int], Piece]:
    import pyarrow as pa

    whole, many = pa.int64(), pa.list_(pa.int64())
    sizes = [_numbers(_column(table, name, whole), name, where).tolist() for name in ("rows", "cols")]
    here = list(zip(*sizes, strict=True))
    size = foreign.check_lattices([size or here[0], *here], lambda i: where(max(i - 1, 0)))
    passages = _passages(_column(table, "passages", pa.list_(many)), *size, where)
    start, goal = (_column(table, name, whole).fill_null(NO_CELL).to_numpy() for name in ("start", "goal"))
    path = _column(table, "path", many)
    counts = path.value_lengths().fill_null(0).to_numpy()
    steps = _numbers(
        path.flatten(), "a step of the path", lambda i: where(int(np.repeat(np.arange(len(counts)), counts)[i]))
    )
    mazes = MazeBatch(passages, start, goal)
    foreign.check_ends(mazes, where)
    paths = foreign.paths_of(steps, counts)
    foreign.check_paths(mazes, paths, where)
    return size, (MazeBatch(passages, start.astype(np.int32), goal.astype(np.int32)), paths)


def _column(table: "pyarrow.Table", name: str, kind: "pyarrow.DataType") -> "pyarrow.Array":
    import pyarrow as pa

    column = table.column(name)
    try:
        return pa.concat_arrays(column.cast(kind).chunks) if column.num_chunks else pa.array([], kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
        raise ValueError(f"column {name} holds {column.type}, which does not become {kind}: {error}") from None


def _numbers(column: "pyarrow.Array", name: str, where: foreign.Where) -> Int[np.ndarray, " any"]:
    if column.null_count:
        raise ValueError(f"{where(int(column.is_null().to_numpy(zero_copy_only=False).argmax()))}: {name} is null")
    return column.to_numpy(zero_copy_only=False).astype(np.int64)


def _passages(
    column: "pyarrow.Array", rows: int, cols: int, where: foreign.Where
) -> Bool[np.ndarray, "maze 2 row col"]:
    """Edge lists as passages, each edge checked."""
    counts = _numbers(column.value_lengths(), "passages", where)
    owner = np.repeat(np.arange(len(counts)), counts)
    place = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)

    def edge(i: int) -> str:
        return f"{where(int(owner[i]))}, passage {place[i]}"

    pairs = column.flatten()
    sides = _numbers(pairs.value_lengths(), "it", edge)
    for i in np.flatnonzero(sides != 2)[:1].tolist():
        raise ValueError(f"{edge(i)} joins {sides[i]} cells; a passage joins two")
    ends = _numbers(pairs.flatten(), "a cell", lambda i: edge(i // 2)).reshape(-1, 2)
    low, high = ends.min(axis=1), ends.max(axis=1)
    upright, flat_ = high - low == cols, (high - low == 1) & (low % cols < cols - 1)
    number = np.where(flat_, rows * cols + low, low)
    key = owner * (2 * rows * cols) + number
    order = np.argsort(key, kind="stable")
    again = np.zeros(len(key), dtype=bool)
    again[order[1:]] = key[order[1:]] == key[order[:-1]]
    for wrong, why in (
        ((low < 0) | (high >= rows * cols), f"has a cell outside the {rows} x {cols} lattice"),
        (low == high, "is a loop"),
        (~upright & ~flat_, "joins cells that are no neighbours"),
        (again, "is listed twice"),
    ):
        for i in np.flatnonzero(wrong)[:1].tolist():
            raise ValueError(f"{edge(i)}, {ends[i].tolist()}, {why}")
    passages = np.zeros((len(counts), 2 * rows * cols), dtype=bool)
    passages[owner, number] = True
    return passages.reshape(len(counts), 2, rows, cols)
