"""A stream is the world's mazes in order, in the memory of one piece however long it is."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from maze_interp import mazes
from maze_interp.mazes import TEST, TRAIN, Mixture, World

WORLD = World("depth_first_percolation", 14, 14, {"p": 0.2})


PROGRAM = """
import json, sys, tracemalloc
import pyarrow
from maze_interp import mazes

def pieces(count):
    world = mazes.World("depth_first_percolation", 14, 14, {"p": 0.2})
    return mazes.stream(world, count, seed=0, split=mazes.TRAIN, piece=50)

def write_and_read(count, keep=False):
    mazes.write_parquet(sys.argv[1], pieces(count))
    kept = [piece for piece in mazes.read_parquet(sys.argv[1], piece=50) if keep]

def most_held(count, keep=False):
    tracemalloc.start()
    write_and_read(count, keep)
    held = tracemalloc.get_traced_memory()[1], pyarrow.default_memory_pool().max_memory()
    tracemalloc.stop()
    return held

write_and_read(400)  # what loads or compiles once
print(json.dumps([most_held(400), most_held(4000), most_held(4000, keep=True)]))
"""


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
    """Ten times the mazes, the same peak of Python and numpy, and of Arrow, whose peak is that of its whole process;
    the control, which keeps what it reads, needs far more."""
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "set.parquet")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    short, long, kept = json.loads(done.stdout)
    assert long[0] < 1.25 * short[0] < 1.5 * short[0] < kept[0]
    assert long[1] < 1.25 * short[1]


def test_a_stream_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="a piece must have at least 1 maze"):
        next(mazes.stream(WORLD, 4, seed=0, split=TRAIN, piece=0))
    with pytest.raises(ValueError, match="split must be TRAIN"):
        next(mazes.stream(WORLD, 4, seed=0, split=3))
