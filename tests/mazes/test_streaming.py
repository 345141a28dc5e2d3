"""A stream is the world's mazes in order, in the memory of one piece however long it is."""

import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from maze_interp import mazes
from maze_interp.mazes import TEST, TRAIN, Mixture, World

WORLD = World("depth_first_percolation", 14, 14, {"p": 0.2})


def most_held(work: Callable[[], object]) -> int:
    """The most bytes that Python, numpy and Arrow held at once during some work."""
    usual = pa.default_memory_pool()
    counting = pa.proxy_memory_pool(usual)
    pa.set_memory_pool(counting)
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1] + counting.max_memory()
    finally:
        tracemalloc.stop()
        pa.set_memory_pool(usual)


def stream(count: int) -> Iterator[tuple[mazes.MazeBatch, mazes.PathBatch]]:
    return mazes.stream(WORLD, count, seed=0, split=TRAIN, piece=50)


@pytest.mark.parametrize("piece", [1, 7, 40, 1000])
def test_pieces_make_no_difference(piece: int) -> None:
    found, paths = mazes.join(mazes.stream(WORLD, 40, seed=3, split=TEST, first=5, piece=piece))
    expected, _ = mazes.take(WORLD, 40, seed=3, split=TEST, first=5)
    solved = mazes.solve(expected, seed=3)
    assert np.array_equal(found.passages, expected.passages)
    assert np.array_equal(found.goal, expected.goal)
    assert np.array_equal(paths.cells, solved.cells)


def test_a_mixture_streams_too() -> None:
    mixture = Mixture({"small": World(rows=3, cols=3), "large": WORLD}, {"small": 0.5, "large": 0.5}, 14, 14)
    found, paths = mazes.join(mazes.stream(mixture, 40, seed=3, split=TRAIN, piece=15))
    assert np.array_equal(found.passages, mazes.take(mixture, 40, seed=3, split=TRAIN)[0].passages)
    assert mazes.paths.optimal(found, paths).all()


def test_memory_does_not_grow_with_the_stream_nor_with_its_file(tmp_path: Path) -> None:
    """Seven times the mazes, the same peak; the control, which keeps what it reads, needs far more."""
    path = tmp_path / "set.parquet"

    def write_and_read(count: int) -> None:
        mazes.write_parquet(path, stream(count))
        assert sum(len(batch) for batch, _ in mazes.read_parquet(path, piece=50)) == count

    write_and_read(400)  # what loads or compiles once
    short = most_held(lambda: write_and_read(400))
    assert most_held(lambda: write_and_read(3_000)) < 1.25 * short
    assert most_held(lambda: list(mazes.read_parquet(path, piece=50))) > 1.5 * short


def test_a_stream_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="a piece must have at least 1 maze"):
        next(mazes.stream(WORLD, 4, seed=0, split=TRAIN, piece=0))
    with pytest.raises(ValueError, match="split must be TRAIN"):
        next(mazes.stream(WORLD, 4, seed=0, split=3))
