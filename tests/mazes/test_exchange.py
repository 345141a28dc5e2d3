"""Mazes survive the way through Parquet and Hugging Face data sets, and a foreign row that is no maze is named."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from hypothesis import given

import datasets
from maze_interp import mazes
from maze_interp.mazes import CUT, END, NO_CELL, MazeBatch, PathBatch, World
from tests import oracles
from tests.mazes.test_raster import drawable

WORLD = World("depth_first_percolation", 4, 5, {"p": 0.2})
ROW = {"rows": 2, "cols": 2, "passages": [[0, 2], [0, 1], [1, 3]], "start": 2, "goal": 3, "path": [2, 0, 1, 3]}
Pair = tuple[MazeBatch, PathBatch]


def same(one: Pair, other: Pair) -> bool:
    """Equal arrays of equal types, in every field of both batches."""
    arrays = [[*vars(mazes_).values(), *vars(paths).values()] for mazes_, paths in (one, other)]
    return all(np.array_equal(a, b) and a.dtype == b.dtype for a, b in zip(*arrays, strict=True))


def some(count: int = 60) -> Pair:
    batch = mazes.draw(WORLD, count, seed=1)
    return batch, mazes.solve(batch)


def pieces(pair: Pair, size: int) -> list[Pair]:
    return [(pair[0][i : i + size], pair[1][i : i + size]) for i in range(0, len(pair[0]), size)]


def table(*rows: dict[str, Any]) -> pa.Table:
    return pa.Table.from_pylist(list(rows))


@pytest.mark.parametrize(("wrote", "read"), [(60, 60), (7, 60), (60, 7), (7, 11)])
def test_a_parquet_file_round_trips_whatever_its_pieces(tmp_path: Path, wrote: int, read: int) -> None:
    told: list[tuple[int, int]] = []
    path = tmp_path / "folder" / "set.parquet"
    count = mazes.write_parquet(path, pieces(some(), wrote), total=60, progress=lambda *now: told.append(now))
    assert count == 60
    assert told == [(min(60, first + wrote), 60) for first in range(0, 60, wrote)]
    found = list(mazes.read_parquet(path, piece=read))
    assert [len(batch) for batch, _ in found] == [min(read, 60 - first) for first in range(0, 60, read)]
    assert same(mazes.join(found), some())


@oracles.repeatable
@given(oracles.any_mazes())
def test_any_maze_round_trips_through_a_data_set(batch: MazeBatch) -> None:
    """Any passages; without a path where there is none, without endpoints where they are one cell."""
    pair = drawable(batch)
    dataset = mazes.to_dataset(*pair)
    assert dataset.column_names == ["rows", "cols", "passages", "start", "goal", "path"]
    assert same(mazes.from_dataset(dataset), pair)


def test_a_row_is_the_maze_to_whoever_reads_it() -> None:
    batch, paths = some()
    for i, row in enumerate(mazes.to_dataset(batch, paths)):
        assert (row["rows"], row["cols"], row["start"], row["goal"]) == (4, 5, batch.start[i], batch.goal[i])
        assert nx.utils.graphs_equal(nx.Graph(row["passages"]), nx.Graph(oracles.graph(batch.passages[i]).edges))
        assert row["path"] == paths.cells[i, : paths.length[i]].tolist()


def test_a_start_without_a_path_and_no_start_at_all_are_null() -> None:
    passages = oracles.repeated(oracles.passages_of([(0, 1)], 1, 2), 2)
    batch = MazeBatch(passages, np.array([0, NO_CELL], np.int32), np.array([NO_CELL, 1], np.int32))
    none = PathBatch(np.zeros((2, 0), np.int32), np.zeros(2, np.int32), np.full(2, CUT, np.int8))
    dataset = mazes.to_dataset(batch, none)
    assert (dataset["start"][:], dataset["goal"][:], dataset["path"][:]) == ([0, None], [None, 1], [None, None])
    assert same(mazes.from_dataset(dataset), (batch, none))


def test_a_shuffled_selection_of_a_data_set_is_read_in_its_order(tmp_path: Path) -> None:
    batch, paths = some()
    mazes.write_parquet(tmp_path / "set.parquet", [(batch, paths)])
    chosen = np.random.default_rng(0).permutation(60)[:20]
    dataset = datasets.Dataset.from_parquet(str(tmp_path / "set.parquet"), cache_dir=str(tmp_path / "cache"))
    found, walked = mazes.from_dataset(dataset.select(chosen.tolist()).add_column("note", ["mine"] * 20))
    assert np.array_equal(found.passages, batch.passages[chosen])
    assert np.array_equal(walked.length, paths.length[chosen])


def test_a_foreign_table_may_order_and_type_its_columns_otherwise(tmp_path: Path) -> None:
    """64-bit integers, edges from the higher cell to the lower, and further columns."""
    row = {"note": "mine", **dict(reversed(ROW.items())), "passages": [[1, 0], [3, 1], [2, 0]]}
    parquet.write_table(table(row, row), tmp_path / "set.parquet")
    batch, paths = mazes.join(mazes.read_parquet(tmp_path / "set.parquet", piece=1))
    expected = oracles.passages_of([(0, 1), (0, 2), (1, 3)], 2, 2)
    assert np.array_equal(batch.passages, oracles.repeated(expected, 2))
    assert paths.cells.tolist() == [[2, 0, 1, 3]] * 2
    assert paths.ended.tolist() == [END] * 2


BROKEN = [
    ({"passages": [[0, 2], [1, 1]]}, r"row 2, passage 1, \[1, 1\], is a loop"),
    ({"passages": [[0, 2], [0, 9]]}, r"row 2, passage 1, \[0, 9\], has a cell outside the 2 x 2 lattice"),
    ({"passages": [[-1, 0]]}, r"row 2, passage 0, \[-1, 0\], has a cell outside"),
    ({"passages": [[0, 2], [0, 1], [2, 0]]}, r"row 2, passage 2, \[2, 0\], is listed twice"),
    ({"passages": [[0, 3]]}, r"row 2, passage 0, \[0, 3\], joins cells that are no neighbours"),
    ({"passages": [[1, 2]]}, r"row 2, passage 0, \[1, 2\], joins cells that are no neighbours"),
    ({"passages": [[0, 1, 2]]}, "row 2, passage 0 joins 3 cells"),
    ({"passages": [[0, None]]}, "row 2, passage 0: a cell is null"),
    ({"passages": [None]}, "row 2, passage 0: it is null"),
    ({"passages": None}, "row 2: passages is null"),
    ({"rows": None}, "row 2: rows is null"),
    ({"rows": 3}, "row 2: a maze of 3 x 2 cells beside others of 2 x 2"),
    ({"cols": 0}, "row 2: a maze of 2 x 0 cells"),
    ({"start": 4}, "row 2: the start is 4, which is no cell of a 2 x 2 maze"),
    ({"goal": -2}, "row 2: the goal is -2"),
    ({"start": None}, "row 2: the path begins at cell 2, but the start is missing"),
    ({"path": [0, 1, 3]}, "row 2: the path begins at cell 0, but the start is cell 2"),
    ({"path": [2, 0]}, "row 2: the path ends at cell 0, but the goal is cell 3"),
    ({"path": [2, 3]}, "row 2: step 1 of the path leads from cell 2 to 3 without a passage"),
    ({"path": [2, 0, 3]}, "row 2: step 2 of the path leads from cell 0 to 3"),
    ({"path": [2, 0, 8, 3]}, "row 2: step 2 of the path is 8, which is no cell"),
    ({"path": [2, None, 3]}, "row 2: a step of the path is null"),
    ({"path": [2, 2**31, 3]}, "row 2: step 1 of the path is 2147483647, which is no cell"),
]


@pytest.mark.parametrize(("change", "message"), BROKEN)
def test_a_row_that_is_no_maze_is_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    """Read two rows at a time, so that the row's number is that of the file."""
    found = table(ROW, ROW, ROW | change)
    parquet.write_table(found, tmp_path / "set.parquet")
    with pytest.raises(ValueError, match=f"set.parquet, {message}" if message.startswith("row") else message):
        list(mazes.read_parquet(tmp_path / "set.parquet", piece=2))
    with pytest.raises(ValueError, match=message):
        mazes.from_dataset(datasets.Dataset(found))


def test_a_table_without_our_columns_or_rows_is_named(tmp_path: Path) -> None:
    path = tmp_path / "set.parquet"
    parquet.write_table(table({"rows": 1, "columns": 2}), path)
    with pytest.raises(ValueError, match=r"set.parquet has no column cols, passages, .* columns: rows, columns"):
        list(mazes.read_parquet(path))
    with pytest.raises(ValueError, match="the data set has no column cols"):
        mazes.from_dataset(datasets.Dataset.from_dict({"rows": [1]}))
    parquet.write_table(table(ROW | {"start": "two"}), path)
    with pytest.raises(ValueError, match="column start holds string"):
        list(mazes.read_parquet(path))
    parquet.write_table(table(ROW)[:0], path)
    with pytest.raises(ValueError, match="no rows: at least one"):
        list(mazes.read_parquet(path))
    path.write_text("rows,cols\n")
    with pytest.raises(ValueError, match=r"set.parquet is no Parquet file"):
        list(mazes.read_parquet(path))


def test_a_write_that_fails_halfway_leaves_the_file_that_was_there(tmp_path: Path) -> None:
    path = tmp_path / "set.parquet"
    mazes.write_parquet(path, [some()])
    before = path.read_bytes()
    batch, paths = some()
    wrong = PathBatch(paths.cells[::-1].copy(), paths.length[::-1].copy(), paths.ended)
    with pytest.raises(ValueError, match="maze 60: the path begins at cell"):
        mazes.write_parquet(path, [(batch, paths), (batch, wrong)])
    assert path.read_bytes() == before
    assert [found.name for found in tmp_path.iterdir()] == ["set.parquet"]


def test_a_path_that_was_cut_is_not_written() -> None:
    batch, paths = some(3)
    with pytest.raises(ValueError, match="maze 0: the path did not end properly"):
        mazes.to_dataset(batch, PathBatch(paths.cells, paths.length, np.full(3, CUT, np.int8)))


def test_batches_of_two_lattices_are_not_joined() -> None:
    other = mazes.draw(World(rows=5, cols=4), 2, seed=0)
    with pytest.raises(ValueError, match="piece 1: a maze of 5 x 4 cells beside others of 4 x 5"):
        mazes.join([some(), (other, mazes.solve(other))])
    with pytest.raises(ValueError, match="at least one maze"):
        mazes.join([])


def test_nothing_heavy_loads_before_it_is_needed() -> None:
    code = (
        "import sys; from maze_interp import mazes; assert not {'pyarrow', 'datasets', 'pandas'} & sys.modules.keys()"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
